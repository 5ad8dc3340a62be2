// Mail: the organization's messages, what became of each, and what it says.

import { post } from "./api.js";
import { openDialog } from "./dialog.js";
import { button, element } from "./elements.js";
import { exactTime, number, timeElement } from "./format.js";
import { listView } from "./list.js";
import { menu } from "./menu.js";
import { act, facts, heading, status } from "./page.js";

const STUCK_MS = 120_000;

export async function page() {
  const stuck = element("p", { hidden: true }, "Messages wait and were never tried: no mail server seems to be set up. Its operator names one under ", element("code", "[smtp]"), " in the configuration. Until then, copy the links of invitations under ", element("a", { href: "/admin/settings/team" }, "Team"), ".");
  const list = await listView({
    path: "/api/admin/mail",
    label: "Messages",
    columns: [
      { title: "Message", kind: "wide", value: (mail) => [button(element("bdi", mail.subject), () => read(mail), { kind: "as-link" }), element("p", { class: "aside" }, mail.to)] },
      { title: "State", kind: "wide", value: ({ state, lastError }) => [status(state), lastError && element("p", { class: "aside" }, lastError)] },
      { title: "Attempts", kind: "number", value: ({ attempts }) => number(attempts) },
      { title: "Written", value: ({ createdAt }) => timeElement(createdAt) },
      { title: "Next attempt", value: next },
      { title: "Actions", kind: "actions", value: (mail) => menu(`Actions for “${mail.subject}” to ${mail.to}`, [["Read", () => read(mail)], mayBeSent(mail) && ["Send again", () => sendAgain(mail)]]) },
    ],
    empty: element("p", "No messages yet. Invitations, notices, and warnings of keys that expire will stand here."),
    added: (items) => (stuck.hidden &&= !items.some(isStuck)),
  });
  return { title: "Mail", content: [heading("Mail", { lead: "What Claviger wrote on behalf of this organization in the last 90 days." }), stuck, list] };

  function read(mail) {
    const { subject, to, state, attempts, lastError, createdAt, text } = mail;
    openDialog({
      title: subject,
      wide: true,
      content: (close) => [
        facts(["To", to], ["State", status(state)], ["Written", exactTime(createdAt)], ["Attempts", number(attempts)], ["Next attempt", next(mail)], lastError && ["Last error", lastError]),
        text === null
          ? element("p", "The text is gone: it is wiped once the message is delivered or the link in it has run out.")
          : element("pre", { tabindex: "0", "aria-label": "Text" }, text),
        text?.includes("token=…") && element("p", { class: "aside" }, "What follows “token=” is for the recipient alone."),
        element("div", { class: "actions" }, mayBeSent(mail) && button("Send again", () => (close(), sendAgain(mail)), { kind: "primary" }), button("Close", close)),
      ],
    });
  }

  async function sendAgain({ id, to }) {
    await act(() => post(`/api/admin/mail/${id}/retry`), `The message to ${to} is due again.`);
    await list.reload();
  }
}

const isStuck = ({ state, attempts, createdAt }) => state === "waiting" && attempts === 0 && Date.now() - new Date(createdAt) > STUCK_MS;

// A message whose text is wiped cannot be sent any more.
const mayBeSent = ({ state, text }) => state !== "delivered" && text !== null;

// A moment that has passed is one that the next run takes up.
const next = ({ nextAttemptAt: time }) => (time && new Date(time) < Date.now() ? "Due" : timeElement(time, "–"));
