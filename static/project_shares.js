// The links by which somebody without an account reads a project.

import { post } from "./api.js";
import { copyable } from "./copy.js";
import { formDialog, openDialog } from "./dialog.js";
import { endDialog } from "./editing.js";
import { button, element, hidden } from "./elements.js";
import { field } from "./form.js";
import { date, dayEnd, number, timeElement } from "./format.js";
import { listView } from "./list.js";
import { aside, named, section, status } from "./page.js";

export async function shares(project) {
  const path = `${project}/shares`;
  const nameOf = ({ name }) => name ?? "A link without a name";
  const list = await listView({
    path,
    label: "Share links",
    columns: [
      { title: "Name", value: (share) => [named(nameOf(share), share.hasPassword && "password"), aside("by ", named(share.createdBy.name))] },
      { title: "State", value: (share) => status(share.status) },
      { title: "Last used", value: ({ lastUsedAt }) => timeElement(lastUsedAt) },
      { title: "Requests", kind: "number", value: ({ requestCount }) => number(requestCount) },
      { title: "Expires", value: ({ expiresAt }) => (expiresAt ? date(expiresAt) : "Never") },
      { title: "Actions", kind: "actions", value: (share) => button(["Revoke…", hidden(` ${nameOf(share)}`)], () => endDialog(`${path}/${share.id}`, { verb: "Revoke", what: nameOf(share), text: "It stops working at once.", said: "The link is revoked.", done: list.reload })) },
    ],
    empty: element("p", "No links yet. Whoever has one reads this project without an account."),
  });
  return section("Share links", list, element("p", button("Create a link", create)));

  function create() {
    formDialog({
      title: "Create a share link",
      fields: [
        field({ name: "name", label: "Name", hint: "For whom it is.", autocomplete: "off" }),
        field({ name: "password", label: "Password", type: "password", hint: "Empty: the link alone is enough.", autocomplete: "new-password" }),
        field({ name: "expiresAt", label: "Last day", type: "date", hint: "Empty: until it is revoked." }),
      ],
      submit: "Create",
      busy: "Creating…",
      send: ({ name, password, expiresAt }) => post(path, { name: name || null, password: password || null, expiresAt: dayEnd(expiresAt) || null }),
      done: show,
    });
  }

  // The token is in this one answer alone.
  function show({ url, hasPassword }) {
    openDialog({
      title: "The link",
      held: true,
      content: (close) => [
        element("p", "It is shown only now.", hasPassword && " Tell the password by another way."),
        copyable(url, "The link"),
        element("div", { class: "actions" }, button("Done", close, { kind: "primary" })),
      ],
      closed: list.reload,
    });
  }
}
