// Mail: the organization's messages, what became of each, and what it says.

import { post } from "./api.js";
import { openDialog } from "./dialog.js";
import { button, element } from "./elements.js";
import { exactTime, number, timeElement } from "./format.js";
import { listView } from "./list.js";
import { act, facts, heading, status } from "./page.js";

const STUCK_MS = 2 * 60_000;

export async function page() {
  const stuckHint = element("p", { class: "panel", hidden: true }, "Messages wait, and none of them was tried yet: no mail server seems to be set up. The operator names one under ", element("code", "[smtp]"), " in the configuration. Until then, links of invitations can be copied under ", element("a", { href: "/admin/settings/team" }, "Team"), ".");
  const list = await listView({
    path: "/api/admin/mail",
    label: "Messages",
    columns: [
      { title: "Subject", value: (mail) => button(element("bdi", mail.subject), () => read(mail), { kind: "as-link" }) },
      { title: "To", kind: "wide", value: ({ to }) => to },
      { title: "State", kind: "wide", value: state },
      { title: "Attempts", kind: "number", value: ({ attempts }) => number(attempts) },
      { title: "Written", value: ({ createdAt }) => timeElement(createdAt) },
      { title: "Next attempt", value: ({ nextAttemptAt }) => next(nextAttemptAt) },
      { title: "Actions", kind: "actions", value: (mail) => mayBeSent(mail) && button("Send again", () => sendAgain(mail), { kind: "plain", "aria-label": `Send “${mail.subject}” to ${mail.to} again` }) },
    ],
    empty: element("p", "No messages yet. Invitations, warnings of keys that expire, and notices will stand here."),
    added: (items) => (stuckHint.hidden &&= !items.some(isStuck)),
  });
  return {
    title: "Mail",
    content: [heading("Mail", { lead: "What Claviger writes to the people of this organization, for 90 days." }), stuckHint, list],
  };

  function read(mail) {
    const { to, attempts, lastError, createdAt, nextAttemptAt, text } = mail;
    openDialog({
      title: mail.subject,
      wide: true,
      content: (close) => [
        facts(["To", to], ["State", status(mail.state)], ["Written", exactTime(createdAt)], ["Attempts", number(attempts)], nextAttemptAt && ["Next attempt", next(nextAttemptAt)], lastError && ["Last error", lastError]),
        text === null
          ? element("p", { class: "hint" }, "The text is gone: it is wiped when a message is delivered, or when the link in it has run out.")
          : element("pre", { tabindex: "0", "aria-label": "Text" }, text),
        text?.includes("token=…") && element("p", { class: "hint" }, "What stands behind “token=” is for the recipient alone, and is not shown."),
        element("div", { class: "actions" }, mayBeSent(mail) && button("Send again", () => (close(), sendAgain(mail)), { kind: "primary" }), button("Close", close)),
      ],
    });
  }

  async function sendAgain({ id, to }) {
    await act(() => post(`/api/admin/mail/${encodeURIComponent(id)}/retry`), `The message to ${to} is on its way again.`);
    await list.reload();
  }
}

const isStuck = ({ state, attempts, createdAt }) => state === "waiting" && attempts === 0 && Date.now() - new Date(createdAt) > STUCK_MS;

// A wiped message cannot be sent any more.
const mayBeSent = ({ state, text }) => state !== "delivered" && text !== null;

const state = ({ state: given, lastError }) => element("div", status(given), lastError && element("p", { class: "aside" }, lastError));

// A moment that has passed is one that the next run takes up.
const next = (time) => (time && new Date(time) < Date.now() ? "with the next run" : timeElement(time, "—"));
