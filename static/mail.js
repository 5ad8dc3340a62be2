// Mail: the organization's messages, and what became of each.

import { post } from "./api.js";
import { openDialog } from "./dialog.js";
import { button, element } from "./elements.js";
import { exactTime, number, timeElement } from "./format.js";
import { listView } from "./list.js";
import { menu } from "./menu.js";
import { act, aside, facts, heading, status } from "./page.js";

export async function page() {
  const stuck = element("p", { hidden: true }, "Messages wait and were never tried: no mail server seems to be set up (", element("code", "[smtp]"), " in the configuration). What is sent again under ", element("a", { href: "/admin/settings/team" }, "Team"), " shows its link.");
  const list = await listView({
    path: "/api/admin/mail",
    label: "Messages",
    columns: [
      { title: "Message", kind: "wide", value: (mail) => [button(element("bdi", mail.subject), () => read(mail), { kind: "as-link" }), aside(mail.to)] },
      { title: "State", kind: "wide", value: ({ state, lastError }) => [status(state), lastError && aside(lastError)] },
      { title: "Attempts", kind: "number", value: ({ attempts }) => number(attempts) },
      { title: "Written", value: ({ createdAt }) => timeElement(createdAt) },
      { title: "Next attempt", value: next },
      { title: "Actions", kind: "actions", value: (mail) => menu(`Actions for “${mail.subject}” to ${mail.to}`, [["Read", () => read(mail)], mayBeSent(mail) && ["Send again", () => sendAgain(mail)]]) },
    ],
    empty: element("p", "No messages yet. Invitations, notices, and warnings of keys that expire will stand here."),
    added: (items) => (stuck.hidden &&= !items.some(isStuck)),
  });
  return { title: "Mail", content: [heading("Mail", { lead: "What Claviger wrote for this organization in the last 90 days." }), stuck, list] };

  function read(mail) {
    const { subject, to, state, attempts, lastError, createdAt, text } = mail;
    openDialog({
      title: subject,
      wide: true,
      content: (close) => [
        facts(["To", to], ["State", status(state)], ["Written", exactTime(createdAt)], ["Attempts", number(attempts)], lastError && ["Last error", lastError]),
        text === null
          ? element("p", "The text is gone: it is wiped once the message is delivered or the link in it has run out.")
          : element("pre", { tabindex: "0", "aria-label": "Text" }, text),
        text?.includes("token=…") && element("p", { class: "hint" }, "What follows “token=” is for the recipient alone."),
        mayBeSent(mail) && element("div", { class: "actions" }, button("Send again", () => (close(), sendAgain(mail)), { kind: "primary" })),
      ],
    });
  }

  async function sendAgain({ id, to }) {
    await act(() => post(`/api/admin/mail/${id}/retry`), `The message to ${to} is due again.`);
    await list.reload();
  }
}

// Not even tried within two minutes.
const isStuck = ({ state, attempts, createdAt }) => state === "waiting" && attempts === 0 && Date.now() - new Date(createdAt) > 120_000;

// A message whose text is wiped cannot be sent any more.
const mayBeSent = ({ state, text }) => state !== "delivered" && text !== null;

// A moment that has passed is one that the next run takes up.
export const next = ({ nextAttemptAt: time }) => (time && new Date(time) < Date.now() ? "Due" : timeElement(time, "–"));
