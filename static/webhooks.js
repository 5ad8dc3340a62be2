// Webhooks: who is told of what happens. With ?webhook=… it is that one's own page, with what was sent by it.

import { get, patch, post } from "./api.js";
import { copyable, inLanguages } from "./copy.js";
import { formDialog, openDialog } from "./dialog.js";
import { endDialog } from "./editing.js";
import { button, element } from "./elements.js";
import { field } from "./form.js";
import { capitalised, exactTime, momentElement, number, timeElement } from "./format.js";
import { GRACES } from "./key_settings.js";
import { listView } from "./list.js";
import { next } from "./mail.js";
import { menu } from "./menu.js";
import { again, go } from "./navigation.js";
import { act, aside, facts, heading, named, section, status } from "./page.js";
import { LINES } from "./verification.js";

export const WEBHOOKS = "/api/admin/webhooks";
const LIST = "/admin/settings/webhooks";
const POLL_MS = 5_000;
const REASONS = { user: "by hand", gone: "its receiver is gone (410)", failing: "it took nothing for five days" };

export const nameOf = ({ description, url }) => description || url;
const pageOf = ({ id }) => `${LIST}?webhook=${id}`;
const open = (webhook) => go(pageOf(webhook));

export async function page(visit) {
  const id = visit.query.get("webhook");
  if (id) return one(visit, `${WEBHOOKS}/${encodeURIComponent(id)}`);
  const list = await listView({
    path: WEBHOOKS,
    label: "Webhooks",
    columns: [
      { title: "Webhook", value: (webhook) => [element("a", { href: pageOf(webhook) }, named(nameOf(webhook))), webhook.description && aside(webhook.url)] },
      { title: "Events", kind: "wide", value: events },
      { title: "State", kind: "wide", value: state },
      { title: "Actions", kind: "actions", value: (webhook) => menu(`Actions for ${nameOf(webhook)}`, actions(visit, webhook, () => list.reload(), () => open(webhook))) },
    ],
    empty: element("p", "No webhooks yet. Create one, and a program of yours is told of what happens."),
  });
  const create = button("Create a webhook", () => edit({}, open), { kind: "primary" });
  return { title: "Webhooks", content: [heading("Webhooks", { lead: "Programs of yours that are told of what happens.", actions: create }), list] };
}

const events = ({ events }) => element("code", events.join(" "));

function state({ active, disabledReason, failingSince }) {
  if (!active) return [status("off"), aside(REASONS[disabledReason])];
  return failingSince ? [status("failed", "Failing"), aside("since ", timeElement(failingSince))] : status("active");
}

// [label, act, kind] of each. `changed` follows; it is given null where the webhook is deleted.
function actions(visit, webhook, changed, tested) {
  const path = `${WEBHOOKS}/${webhook.id}`;
  const name = nameOf(webhook);
  const { active } = webhook;
  return [
    active && ["Send a test", async () => (await act(() => post(`${path}/test`), "The test is on its way.")) && tested()],
    ["Edit…", () => edit(webhook, changed)],
    ["Show secret", () => showSecret(visit, path, name)],
    ["Rotate secret…", () => rotation("webhook", path, changed, { fields: grace() })],
    [active ? "Switch off" : "Switch on", () => turn(path, !active, changed)],
    ["Delete…", () => endDialog(path, { verb: "Delete", what: name, text: "Its deliveries go too, and what waits is not sent.", said: "The webhook is deleted.", done: changed }), "danger"],
  ].filter(Boolean);
}

async function turn(path, active, changed) {
  changed(await act(() => patch(path, { active }), `The webhook is ${active ? "on" : "off"} now.`));
}

const grace = () => field({ name: "grace", label: "The old secret goes on signing for", type: "select", value: "86400", options: GRACES });

// What webhooks and widgets (`noun`) have in common. That a secret was seen is in the audit log.
export async function showSecret({ signal }, path, name) {
  const answer = await act(() => get(`${path}/secret`));
  if (answer && !signal.aborted) openDialog({ title: ["The secret of ", named(name)], wide: true, content: copyable(answer.secret, "The secret") });
}

export function rotation(noun, path, done, rest) {
  const send = ({ grace }) => post(`${path}/rotate-secret`, grace && { graceSeconds: Number(grace) });
  formDialog({ title: "Rotate the secret?", submit: "Rotate", send, said: `The ${noun} has a new secret.`, done, ...rest });
}

// Makes one, or changes that of this id; `wishes` makes of a form's values what the API takes.
export function editor(noun, path, id, { wishes, ...rest }) {
  const send = (values) => (id ? patch(`${path}/${id}`, wishes(values)) : post(path, wishes(values)));
  formDialog({ title: `${id ? "Edit the" : "Create a"} ${noun}`, submit: id ? "Save" : "Create", send, said: `The ${noun} is ${id ? "saved" : "created"}.`, ...rest });
}

function edit({ id, url, events = ["*"], description }, done) {
  editor("webhook", WEBHOOKS, id, {
    fields: [
      field({ name: "url", label: "URL", type: "url", value: url, required: "Enter where it goes." }),
      field({ name: "events", label: "Events", type: "textarea", value: events.join("\n"), hint: "One a line: project.created, api_key.*, * for all.", required: "Enter * for all." }),
      field({ name: "description", label: "Description", value: description }),
    ],
    wishes: ({ events, ...rest }) => ({ ...rest, events: events.split(/[\s,]+/).filter(Boolean) }),
    done,
  });
}

async function one(visit, path) {
  const webhook = await get(path, visit);
  const { url, description, active, previousSecretUntil: until } = webhook;
  const list = await listView({
    path: `${path}/deliveries`,
    label: "Deliveries",
    columns: [
      { title: "Event", value: (delivery) => button(delivery.type, () => look(delivery), { kind: "as-link" }) },
      { title: "State", kind: "wide", value: ({ state, lastError }) => [status(state), lastError && aside(lastError)] },
      { title: "Answer", value: answer },
      { title: "When", value: ({ createdAt }) => momentElement(createdAt) },
      { title: "Attempts", kind: "number", value: ({ attempts }) => number(attempts) },
      { title: "Next attempt", value: next },
      { title: "Actions", kind: "actions", value: (delivery) => menu(`Actions for ${delivery.type}`, [["Details", () => look(delivery)], active && ["Send again", () => sendAgain(delivery)]]) },
    ],
    filters: [{ name: "state", label: "State", options: ["", "waiting", "delivered", "failed"].map((state) => [state, capitalised(state) || "Any"]) }],
    empty: element("p", "Nothing was sent yet. “Send a test” tells whether it arrives."),
  });
  let due = false;
  const timer = setInterval(poll, POLL_MS);
  visit.signal.addEventListener("abort", () => clearInterval(timer));
  const choices = actions(visit, webhook, (made) => (made === null ? go(LIST) : again()), soon);
  return {
    title: nameOf(webhook),
    content: [
      element("a", { href: LIST }, "‹ Webhooks"),
      heading(named(nameOf(webhook)), { lead: description && url, actions: choices.map(([label, act]) => button(label, act)) }),
      facts(["State", state(webhook)], ["Events", events(webhook)], until && ["The old secret signs too until", exactTime(until)]),
      section("Deliveries", list),
      section(
        "Verify what arrives",
        element("p", "The signature is in X-Claviger-Signature, and made of the body’s bytes as they came under the secret. While an old secret signs too, its own is in X-Claviger-Signature-Previous."),
        inLanguages("Language", LINES),
      ),
    ],
  };

  // While something waits. What somebody has opened is not taken from under their hands.
  function poll() {
    const isBusy = document.hidden || document.querySelector("dialog, :popover-open");
    if (!isBusy && active && (due || list.querySelector("[data-status=waiting]"))) renew();
  }

  async function renew() {
    due = false;
    await list.reload();
    const newest = await get(path, visit).catch(() => webhook);
    if (JSON.stringify(newest) !== JSON.stringify(webhook)) again();
  }

  // The first attempt is a matter of moments.
  async function soon() {
    due = true;
    await list.reload();
    setTimeout(poll, 1_000);
  }

  async function sendAgain({ id }) {
    await act(() => post(`${path}/deliveries/${id}/retry`), "It is on its way again.");
    await soon();
  }
}

const answer = ({ status, durationMs }) => [status ?? "None", durationMs !== null && aside(`${number(durationMs)} ms`)];

function look(delivery) {
  const { eventId, type, state, lastError, createdAt, body, responseBody } = delivery;
  openDialog({
    title: type,
    wide: true,
    content: [
      facts(["State", status(state)], ["Answer", answer(delivery)], ["When", exactTime(createdAt)], ["Event", eventId], lastError && ["Last error", lastError]),
      element("h3", "The signed body"),
      copyable(body, "The body"),
      element("h3", "The answer"),
      element("pre", { tabindex: "0", "aria-label": "The answer" }, responseBody || "(empty)"),
    ],
  });
}
