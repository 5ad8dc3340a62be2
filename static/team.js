// The team: for owners and admins the members and the invitations, for everybody else the colleagues' names.

import { button, element } from "./elements.js";
import { invitationList, inviteDialog } from "./invitations.js";
import { listView } from "./list.js";
import { memberList, personName } from "./members.js";
import { heading, section } from "./page.js";

export async function page(visit) {
  return { title: "Team", content: visit.may("admin") ? await administration(visit) : await colleagues(visit) };
}

async function administration(visit) {
  const [members, invitations] = await Promise.all([memberList(visit), invitationList(visit)]);
  const invite = button("Invite somebody", () => inviteDialog(visit, invitations), { kind: "primary" });
  return [
    heading("Team", { lead: `Who belongs to ${visit.session.organization.name}, and what they may do.`, actions: [invite] }),
    section("Members", members),
    section("Invitations", invitations),
  ];
}

async function colleagues({ session }) {
  const list = await listView({
    path: "/api/members",
    label: "Colleagues",
    columns: [{ title: "Name", value: ({ id, name }) => personName(name, id === session.user.id) }],
    empty: element("p", "There is nobody here."),
  });
  return [heading("Team", { lead: `Who belongs to ${session.organization.name}. Its owners and admins invite and remove people.` }), list];
}
