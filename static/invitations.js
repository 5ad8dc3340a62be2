// The invitations of the organization, and their links.

import { post, remove } from "./api.js";
import { copyable } from "./copy.js";
import { confirmDialog, formDialog, openDialog } from "./dialog.js";
import { button, element } from "./elements.js";
import { emailField } from "./entry_fields.js";
import { capitalised, timeElement } from "./format.js";
import { listView } from "./list.js";
import { roleField } from "./members.js";
import { menu } from "./menu.js";
import { say } from "./notice.js";
import { act, status } from "./page.js";

const PATH = "/api/admin/invites";

export async function invitationList(visit) {
  const list = await listView({
    path: PATH,
    label: "Invitations",
    columns: [
      { title: "Email", value: ({ email, invitedBy }) => [email, element("span", { class: "aside" }, "by ", element("bdi", invitedBy.name))] },
      { title: "Role", value: ({ role }) => capitalised(role) },
      { title: "State", value: ({ state }) => status(state === "open" ? "active" : state, capitalised(state)) },
      { title: "When", kind: "when", value: when },
      { title: "Actions", kind: "actions", value: actions },
    ],
    empty: element("p", "Nobody is invited. Invite whom you work with."),
  });
  return list;

  function actions({ id, state, role, email }) {
    const path = `${PATH}/${id}`;
    return visit.may(role) && ["open", "expired"].includes(state) && menu(`Actions for ${email}`, [
      ["Send again", () => act(async () => showLink(await post(`${path}/resend`), list))],
      state === "open" && ["Revoke…", () => revokeDialog(path, email, list), "danger"],
    ]);
  }
}

const when = ({ state, acceptedAt, revokedAt, expiresAt }) => element("span", state === "open" && "ends ", timeElement(acceptedAt ?? revokedAt ?? expiresAt));

export function inviteDialog({ may }, list) {
  formDialog({
    title: "Invite somebody",
    fields: [emailField({ autocomplete: "off" }), roleField(may, "member")],
    submit: "Invite",
    send: ({ email, role }) => post(PATH, { email, role }),
    done: (invitation) => showLink(invitation, list),
    refused(error) {
      if (error.code === "CONFLICT") error.fields = { email: error.message };
      return false;
    },
  });
}

// The link is in this one answer alone.
function showLink({ email, inviteUrl }, list) {
  openDialog({
    title: `${email} is invited`,
    held: true,
    content: (close) => [
      element("p", "Where mail is sent, a link is on its way. You can also hand over this one: it is shown only now, and good for seven days."),
      copyable(inviteUrl, "The link"),
      element("p", { class: "aside" }, "It is for ", element("strong", email), " alone."),
      element("p", button("Done", close, { kind: "primary" })),
    ],
  });
  list.reload();
}

function revokeDialog(path, email, list) {
  confirmDialog({
    title: `Revoke the invitation of ${email}?`,
    text: "Its links stop working at once.",
    action: "Revoke",
    send: () => remove(path),
    done() {
      say(`The invitation of ${email} is revoked.`);
      list.reload();
    },
  });
}
