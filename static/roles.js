// The roles that a person can have in an organization.

import { field } from "./form.js";

const ROLES = [
  ["owner", "Owner: everything"],
  ["admin", "Admin: members, keys, settings"],
  ["member", "Member: own projects"],
  ["viewer", "Viewer: reads what is shared"],
];

// Nobody grants a role above their own.
export const roleField = (may, value) =>
  field({ name: "role", label: "Role", type: "select", options: ROLES.filter(([role]) => may(role)), value });
