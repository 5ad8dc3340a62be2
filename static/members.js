// The members of the organization: their roles, their lockouts, and that they go.

import { get, patch, post, remove } from "./api.js";
import { confirmDialog, formDialog } from "./dialog.js";
import { element } from "./elements.js";
import { capitalised, count, timeElement } from "./format.js";
import { listView } from "./list.js";
import { menu } from "./menu.js";
import { say } from "./notice.js";
import { act, status } from "./page.js";
import { roleField } from "./roles.js";
import { tellOtherTabs } from "./tabs.js";

const pathOf = ({ userId }) => `/api/admin/members/${userId}`;

// Names may be written in any direction; what stands beside one keeps its place.
export const personName = (name, isSelf) => [element("bdi", name), isSelf && element("span", { class: "badge" }, "you")];

export async function memberList(visit) {
  const isSelf = ({ userId }) => userId === visit.session.user.id;
  const list = await listView({
    path: "/api/admin/members",
    label: "Members",
    columns: [
      { title: "Name", value: (member) => [personName(member.name, isSelf(member)), [member.email, keptOut(member)].filter(Boolean).map((each) => element("span", { class: "aside" }, each))] },
      { title: "Role", value: ({ role }) => capitalised(role) },
      { title: "Joined", value: ({ joinedAt }) => timeElement(joinedAt) },
      { title: "Last seen", value: ({ lastSeenAt }) => timeElement(lastSeenAt) },
      { title: "Actions", kind: "actions", value: actions },
    ],
    empty: element("p", "There is nobody here."),
  });
  return list;

  // Only an owner touches owners.
  function actions(member) {
    if (!visit.may(member.role)) return null;
    return menu(`Actions for ${member.name}`, [
      ["Change role…", () => roleDialog(visit, member, isSelf(member), list)],
      member.locked && ["Unlock", () => unlock(member, list)],
      isSelf(member) ? ["Leave…", () => leaveDialog(visit, member), "danger"] : ["Remove…", () => removeDialog(visit, member, list), "danger"],
    ]);
  }
}

// What keeps somebody from signing in.
function keptOut({ locked, disabled }) {
  return disabled ? status("locked", "Disabled") : locked && status("locked", "Locked after failed sign-ins");
}

function roleDialog(visit, member, isSelf, list) {
  formDialog({
    title: `Change the role of ${member.name}`,
    intro: element("p", isSelf ? "This is your own role. Once it is lower, somebody else has to give it back." : "It holds at once, for their sessions and their own keys alike."),
    fields: [roleField(visit.may, member.role)],
    submit: "Change role",
    busy: "Changing…",
    send: ({ role }) => patch(pathOf(member), { role }),
    async done({ role }) {
      say(`${member.name} is ${role === "owner" || role === "admin" ? "an" : "a"} ${role} now.`);
      await (isSelf ? visit.renew() : list.reload());
    },
    refused: lastOwner(member),
  });
}

async function unlock(member, list) {
  await act(() => post(`${pathOf(member)}/unlock`), `${member.name} can sign in again.`);
  await list.reload();
}

async function removeDialog(visit, member, list) {
  const detail = await act(() => get(pathOf(member)));
  if (!detail) return;
  confirmDialog({
    title: `Remove ${member.name}?`,
    text: [`They leave ${visit.session.organization.name} at once: their sessions here end.`, keysThatStop(detail, "They have", "their")],
    action: "Remove",
    busy: "Removing…",
    send: () => remove(pathOf(member)),
    async done() {
      say(`${member.name} is removed.`);
      await list.reload();
    },
    refused: lastOwner(member),
  });
}

async function leaveDialog(visit, member) {
  const detail = await act(() => get(pathOf(member)));
  if (!detail) return;
  confirmDialog({
    title: `Leave ${visit.session.organization.name}?`,
    text: ["Your sessions here end at once, this one too. Your account stays.", keysThatStop(detail, "You have", "your")],
    action: "Leave",
    busy: "Leaving…",
    send: () => remove(pathOf(member)),
    done() {
      tellOtherTabs();
      location.replace("/sign-in");
    },
    refused: lastOwner(member),
  });
}

function keysThatStop({ ownKeys }, have, whose) {
  if (ownKeys === 0) return `${have} no working keys here.`;
  return ownKeys === 1 ? `One key of ${whose} own stops working.` : `${count(ownKeys, "key")} of ${whose} own stop working.`;
}

const lastOwner = (member) => (error) => {
  if (error.code === "LAST_OWNER") error.message = `${member.name} is the last owner. Make somebody else an owner first.`;
  return false;
};
