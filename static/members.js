// The members of the organization: their roles, their lockouts, and that they go.

import { get, patch, post, remove } from "./api.js";
import { confirmDialog, formDialog } from "./dialog.js";
import { element } from "./elements.js";
import { field } from "./form.js";
import { capitalised, timeElement } from "./format.js";
import { listView } from "./list.js";
import { menu } from "./menu.js";
import { say } from "./notice.js";
import { act, named, status } from "./page.js";

const ROLES = [
  ["owner", "Owner: everything"],
  ["admin", "Admin: members, keys, settings"],
  ["member", "Member: own projects"],
  ["viewer", "Viewer: reads what is shared"],
];

// Nobody grants a role above their own.
export const roleField = (may, value) =>
  field({ name: "role", label: "Role", type: "select", options: ROLES.filter(([role]) => may(role)), value });

const pathOf = ({ userId }) => `/api/admin/members/${userId}`;
const aside = (content) => content && element("span", { class: "aside" }, content);

export async function memberList(visit) {
  const isSelf = ({ userId }) => userId === visit.session.user.id;
  const list = await listView({
    path: "/api/admin/members",
    label: "Members",
    columns: [
      { title: "Name", value: (member) => [named(member.name, isSelf(member) && "you"), aside(member.email), aside(keptOut(member))] },
      { title: "Role", value: ({ role }) => capitalised(role) },
      { title: "Joined", value: ({ joinedAt }) => timeElement(joinedAt) },
      { title: "Last seen", value: ({ lastSeenAt }) => timeElement(lastSeenAt) },
      { title: "Actions", kind: "actions", value: actions },
    ],
  });
  return list;

  function actions(member) {
    // Only an owner touches owners.
    return visit.may(member.role) && menu(`Actions for ${member.name}`, [
      ["Change role…", () => roleDialog(visit, member, isSelf(member), list)],
      member.locked && ["Unlock", () => unlock(member, list)],
      ["Remove…", () => removalDialog(visit, member, list), "danger"],
    ]);
  }
}

function keptOut({ locked, disabled }) {
  return disabled ? status("locked", "Disabled") : locked && status("locked", "Locked after failed sign-ins");
}

function roleDialog({ may, renew }, member, isSelf, list) {
  formDialog({
    title: ["The role of ", named(member.name)],
    intro: isSelf && element("p", "Only somebody else can raise your own role again."),
    fields: [roleField(may, member.role)],
    submit: "Change role",
    send: ({ role }) => patch(pathOf(member), { role }),
    done({ role }) {
      say(`The role of ${member.name} is ${role} now.`);
      isSelf ? renew() : list.reload();
    },
  });
}

async function unlock(member, list) {
  await act(() => post(`${pathOf(member)}/unlock`), `${member.name} can sign in again.`);
  await list.reload();
}

async function removalDialog({ session }, member, list) {
  const detail = await act(() => get(pathOf(member)));
  if (!detail) return;
  const { name } = session.organization;
  confirmDialog({
    title: ["Remove ", named(member.name), " from ", named(name), "?"],
    text: [`Their sessions in ${name} end at once; the account stays.`, `Keys of their own that stop working: ${detail.ownKeys}.`],
    action: "Remove",
    send: () => remove(pathOf(member)),
    done() {
      say(`${member.name} is removed.`);
      list.reload();
    },
  });
}
