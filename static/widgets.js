// Widgets: what lets a customer's web page call the API behind the gate in its user's name.

import { get } from "./api.js";
import { copyable, copyButton, inLanguages } from "./copy.js";
import { openDialog } from "./dialog.js";
import { endDialog } from "./editing.js";
import { button, element, hidden } from "./elements.js";
import { field, wholeNumber } from "./form.js";
import { number } from "./format.js";
import { listView } from "./list.js";
import { menu } from "./menu.js";
import { act, aside, heading, named } from "./page.js";
import { editor, nameOf, rotation, showSecret, WEBHOOKS } from "./webhooks.js";

const WIDGETS = "/api/admin/widgets";

const HASHES = {
  JavaScript: `const hash = createHmac("sha256", secret).update(userId).digest("hex"); // of node:crypto`,
  Python: `hash = hmac.new(secret.encode(), user_id.encode(), "sha256").hexdigest()`,
  PHP: `$hash = hash_hmac("sha256", $userId, $secret);`,
};

export async function page(visit) {
  const list = await listView({
    path: WIDGETS,
    label: "Widgets",
    columns: [
      { title: "Name", value: ({ id, name }) => [named(name), element("div", { class: "copyable" }, aside(element("code", id)), copyButton(id, "The ID", ["Copy", hidden(` the ID of ${name}`)]))] },
      { title: "Allowed origins", kind: "wide", value: ({ allowedOrigins }) => allowedOrigins.join(" ") || "Any" },
      { title: "User hash", value: ({ requireIdentity }) => (requireIdentity ? "Required" : "Optional") },
      { title: "Requests a minute", kind: "number", value: ({ requestsPerMinute }) => number(requestsPerMinute) },
      { title: "Actions", kind: "actions", value: actions },
    ],
    empty: element("p", "No widgets yet. A customer’s web page needs one to call your API."),
  });
  const create = button("Create a widget", () => edit({}), { kind: "primary" });
  return { title: "Widgets", content: [heading("Widgets", { lead: "What a customer’s web page calls your API with.", actions: create }), list] };

  function actions(widget) {
    const path = `${WIDGETS}/${widget.id}`;
    return menu(`Actions for ${widget.name}`, [
      ["Embed", () => embed(widget)],
      ["Edit…", () => edit(widget)],
      ["Show secret", () => showSecret(visit, path, widget.name)],
      // A webhook's secret is rotated where the webhook is.
      !widget.webhookId && ["Rotate secret…", () => rotation("widget", path, list.reload, { intro: element("p", "Hashes under the old one are refused from then on, and sessions end.") })],
      ["Delete…", () => endDialog(path, { verb: "Delete", what: widget.name, text: "Its sessions end at once.", said: "The widget is deleted.", done: list.reload }), "danger"],
    ]);
  }

  async function edit(widget) {
    const webhooks = await act(() => get(`${WEBHOOKS}?limit=200`));
    if (!webhooks || visit.signal.aborted) return;
    const { id } = widget;
    const make = (name, label, rest) => field({ name, label, value: widget[name], ...rest });
    editor("widget", WIDGETS, id, {
      fields: [
        make("name", "Name", { required: "Enter a name." }),
        make("allowedOrigins", "Allowed origins", { type: "textarea", value: widget.allowedOrigins?.join("\n"), hint: "One a line, such as https://*.example.com. Empty: any." }),
        make("requireIdentity", "Only for users with a user hash", { type: "checkbox" }),
        make("webhookId", "Secret", { type: "select", options: [["", "Its own"], ...webhooks.items.map((webhook) => [webhook.id, `Webhook ${nameOf(webhook)}`])] }),
        make("requestsPerMinute", "Requests a minute", { hint: "Of all its sessions. Empty: the default.", inputmode: "numeric" }),
      ],
      wishes: ({ webhookId, requestsPerMinute: limit, ...rest }) => ({ ...rest, webhookId: webhookId || null, requestsPerMinute: wholeNumber("requestsPerMinute", limit) }),
      done(made) {
        list.reload();
        if (!id) embed(made);
      },
    });
  }
}

function embed({ id, name, requireIdentity }) {
  openDialog({
    title: ["Embed ", named(name)],
    wide: true,
    content: [
      element("p", "In the page", !requireIdentity && " (without data-user-… for those who are not signed in)", ":"),
      copyable(`<script src="${location.origin}/embed.js" async\n  data-widget-id="${id}"\n  data-user-id="…" data-user-hash="…"></script>`, "The script"),
      element("p", "On its server, the hash of the user’s ID under the widget’s secret:"),
      inLanguages("Language", HASHES),
      element("p", "Calls of the API then carry ", element("code", "Authorization: Bearer ${await Claviger.token()}"), "."),
    ],
  });
}
