// The team: for owners and admins the members and the invitations, for everybody else the colleagues' names.

import { button } from "./elements.js";
import { invitationList, inviteDialog } from "./invitations.js";
import { listView } from "./list.js";
import { memberList } from "./members.js";
import { heading, named, section } from "./page.js";

export async function page(visit) {
  return { title: "Team", content: visit.may("admin") ? await administration(visit) : await colleagues(visit) };
}

async function administration(visit) {
  const [members, invitations] = await Promise.all([memberList(visit), invitationList(visit)]);
  const invite = button("Invite somebody", () => inviteDialog(visit, invitations), { kind: "primary" });
  return [heading("Team", { actions: [invite] }), section("Members", members), section("Invitations", invitations)];
}

async function colleagues({ session }) {
  const columns = [{ title: "Name", value: ({ id, name }) => named(name, id === session.user.id && "you") }];
  return [
    heading("Team", { lead: `The owners and admins of ${session.organization.name} invite and remove people.` }),
    await listView({ path: "/api/members", label: "Colleagues", columns }),
  ];
}
