// The invitations of the organization, and their links.

import { post, remove } from "./api.js";
import { copyable } from "./copy.js";
import { confirmDialog, formDialog, openDialog } from "./dialog.js";
import { button, element } from "./elements.js";
import { emailField } from "./entry_fields.js";
import { capitalised, timeElement } from "./format.js";
import { listView } from "./list.js";
import { menu } from "./menu.js";
import { say } from "./notice.js";
import { act, status } from "./page.js";
import { roleField } from "./roles.js";

const pathOf = ({ id }) => `/api/admin/invites/${id}`;

export async function invitationList(visit) {
  const list = await listView({
    path: "/api/admin/invites",
    label: "Invitations",
    columns: [
      { title: "Email", value: ({ email, invitedBy }) => [email, element("span", { class: "aside" }, "by ", element("bdi", invitedBy.name))] },
      { title: "Role", value: ({ role }) => capitalised(role) },
      { title: "State", value: ({ state }) => status(state === "open" ? "active" : state, capitalised(state)) },
      { title: "When", kind: "when", value: when },
      { title: "Actions", kind: "actions", value: actions },
    ],
    empty: [element("p", "Nobody is invited."), button("Invite somebody", () => inviteDialog(visit, list))],
  });
  return list;

  function actions(invitation) {
    const { state, role, email } = invitation;
    if (!visit.may(role) || !["open", "expired"].includes(state)) return null;
    return menu(`Actions for ${email}`, [
      ["Send again", () => resend(invitation, list)],
      state === "open" && ["Revoke…", () => revokeDialog(invitation, list), "danger"],
    ]);
  }
}

function when({ state, acceptedAt, revokedAt, expiresAt }) {
  return [state === "open" && "ends ", timeElement(acceptedAt ?? revokedAt ?? expiresAt)];
}

export function inviteDialog({ may }, list) {
  formDialog({
    title: "Invite somebody",
    fields: [emailField({ autocomplete: "off" }), roleField(may, "member")],
    submit: "Invite",
    busy: "Inviting…",
    send: ({ email, role }) => post("/api/admin/invites", { email, role }),
    done: (invitation) => invited(invitation, list),
    refused(error) {
      // They are a member already.
      if (error.code === "CONFLICT") error.fields = { email: error.message };
      return false;
    },
  });
}

async function resend(invitation, list) {
  const renewed = await act(() => post(`${pathOf(invitation)}/resend`));
  if (renewed) await invited(renewed, list);
}

// The link is in this one answer: it cannot be shown again.
async function invited({ email, inviteUrl }, list) {
  openDialog({
    title: `${email} is invited`,
    held: true,
    content: (close) => [
      element("p", "Where this server sends mail, a message with a link is on its way. You can also hand over this one yourself; it is shown only now, and good for seven days."),
      copyable(inviteUrl, "The link"),
      element("p", { class: "aside" }, "It is for ", element("strong", email), " alone: with another address nobody can use it."),
      element("p", button("Done", close, { kind: "primary" })),
    ],
  });
  await list.reload();
}

function revokeDialog(invitation, list) {
  const { email } = invitation;
  confirmDialog({
    title: `Revoke the invitation of ${email}?`,
    text: "Its links stop working at once. You can invite the address again.",
    action: "Revoke",
    busy: "Revoking…",
    send: () => remove(pathOf(invitation)),
    async done() {
      say(`The invitation of ${email} is revoked.`);
      await list.reload();
    },
  });
}
