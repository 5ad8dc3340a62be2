// Entries of the audit log as people read them: what was done in a sentence, and what changed by it.

import { element, hidden } from "./elements.js";
import { capitalised, exactTime } from "./format.js";

// Those actions whose words alone make no sentence. @ did it, to #.
const SENTENCES = {
  "account.locked": "The account of # was locked",
  "account.password_reset": "# chose a new password by a mailed link",
  "account.registration_refused": "Somebody tried to register as #",
  "invitation.accepted": "The invitation of # was accepted",
  "invitation.created": "@ invited #",
  "mail.given_up": "@ gave up sending mail #",
  "member.joined": "# joined",
  "password.refused": "@ gave a wrong password",
  "project.member_added": "@ added a member to project #",
  "project.member_changed": "@ changed a member’s access to project #",
  "project.member_removed": "@ removed a member from project #",
  "project.share_created": "@ made a share link of project #",
  "project.share_revoked": "@ revoked a share link of project #",
  "session.created": "@ signed in",
  "session.ended": "@ ended one of their sessions",
  "session.others_ended": "@ ended all their other sessions",
  "session.refused": "A sign-in as # was refused",
  "session.switched": "@ came from another organization",
  "share.locked": "The share link # was locked",
  "sign_in_link.created": "@ made a sign-in link for #",
};

// Who has no name of their own.
const ACTORS = { anonymous: "Somebody", job: "Claviger", operator: "The operator", system: "Claviger" };

// Those words of actions that are not the ones people use.
const WORDS = { api_key: "key", updated: "changed", email: "email address", prd: "PRD", shown: "looked at" };

// Text and elements: ["Ada", " deactivated key ", a link to the key "CI"].
export function sentence(entry) {
  const parts = { "@": actorPart, "#": targetPart };
  const words = SENTENCES[entry.action] ?? plainSentence(entry);
  return words.split(/([@#])/).flatMap((part) => parts[part]?.(entry) ?? part).filter(Boolean);
}

// "api_key.deactivated" is "@ deactivated key #", "member.role_changed" is "@ changed the role of member #", and
// "account.password_changed" is "@ changed their password" where it is one's own.
function plainSentence({ action, actor, target }) {
  const [noun, what = ""] = action.split(".");
  const words = what.split("_").map(word);
  const verb = words.pop();
  const part = words.join(" ");
  if (actor.id && actor.id === target.id) return `@ ${verb} their ${part || word(noun)}`;
  return `@ ${verb} ${part && `the ${part} of `}${word(noun)} #`;
}

const word = (text) => WORDS[text] ?? text.replaceAll("_", " ");

const actorPart = ({ actor: { kind, name } }) => ACTORS[kind] ?? [kind === "api_key" && "Key ", element("bdi", name)];

const targetPart = ({ target: { kind, id, name } }) => (kind === "api_key" ? keyLink(id, name) : element("strong", element("bdi", name)));

// The name of a key, leading to its page.
export const keyLink = (id, name) => element("a", { href: `/admin/settings/developer?key=${id}` }, element("bdi", name));

// Each field with what it was and what it became, on demand where that is long. Null where nothing is told.
export function changesOf({ changes }) {
  const fields = Object.entries(changes ?? {});
  if (fields.length === 0) return null;
  const list = factsOf(fields.map(([field, change]) => [label(field), valuesOf(field, change)]));
  if (list.textContent.length < 90) return list;
  return element("details", element("summary", fields.map(([field]) => label(field).toLowerCase()).join(", ")), list);
}

// Names and values, small and one after the other.
export const factsOf = (pairs) => element("dl", { class: "changes" }, pairs.map(([name, value]) => element("div", element("dt", name), element("dd", value))));

// `rateLimit` is "Rate limit".
const label = (field) => capitalised(field.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`));

function valuesOf(field, change) {
  const [before, after] = ["before", "after"].map((name) => name in change && element("bdi", value(field, change[name])));
  return [before, before && (after ? " → " : hidden(" before")), after];
}

function value(field, given) {
  if (given === null || given === undefined || given === "" || given.length === 0) return "none";
  if (typeof given === "boolean") return given ? "yes" : "no";
  if (/(At|Until)$/.test(field) && !Number.isNaN(Date.parse(given))) return exactTime(given);
  if (Array.isArray(given)) return given.join(", ");
  if (["reason", "with"].includes(field)) return word(given);
  return typeof given === "object" ? (given.name ?? JSON.stringify(given)) : String(given);
}
