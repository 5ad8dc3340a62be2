// Entries of the audit log as people read them: what was done in a sentence, and what changed by it.

import { element, hidden } from "./elements.js";
import { capitalised, exactTime } from "./format.js";

// Those actions whose words alone make no sentence. {actor} did it, to {target}.
const SENTENCES = {
  "account.deleted": "{actor} deleted their account",
  "account.email_change_requested": "{actor} asked to change their email address",
  "account.email_changed": "{actor} changed their email address",
  "account.email_verified": "{actor} confirmed their email address",
  "account.locked": "The account of {target} was locked",
  "account.password_changed": "{actor} changed their password",
  "account.password_reset": "{target} chose a new password by a mailed link",
  "account.password_reset_requested": "A link for a new password was requested for {target}",
  "account.registered": "{actor} registered",
  "account.registration_refused": "Somebody tried to register with the address of {target}",
  "account.updated": "{actor} changed their profile",
  "account.verification_requested": "A link to confirm their address was requested for {target}",
  "api_key.expiry_announced": "{actor} announced that key {target} expires",
  "invitation.accepted": "The invitation of {target} was accepted",
  "invitation.created": "{actor} invited {target}",
  "invitation.resent": "{actor} renewed the invitation of {target}",
  "invitation.revoked": "{actor} withdrew the invitation of {target}",
  "mail.given_up": "{actor} gave up sending mail {target}",
  "mail.retried": "{actor} had mail {target} sent again",
  "member.joined": "{target} joined",
  "password.refused": "{actor} was asked for their password and gave a wrong one",
  "session.created": "{actor} signed in",
  "session.ended": "{actor} ended one of their sessions",
  "session.others_ended": "{actor} ended all their other sessions",
  "session.refused": "A sign-in as {target} was refused",
  "session.switched": "{actor} came from another organization of theirs",
  "sign_in_link.created": "{actor} made a sign-in link for {target}",
};

// Who has no name of their own.
const ACTORS = { anonymous: "Somebody", job: "Claviger", operator: "The operator", system: "Claviger" };

// The one word of an action that is not the one people use.
const WORDS = { api_key: "key", updated: "changed", prd: "PRD" };

const SHORT = 90;

// Text and elements: ["Ada", " deactivated ", "key ", a link to the key "CI"].
export function sentence({ action, actor, target }) {
  const parts = { "{actor}": () => actorPart(actor), "{target}": () => targetPart(target) };
  const words = SENTENCES[action] ?? plainSentence(action);
  return words.split(/(\{actor\}|\{target\})/).filter(Boolean).map((part) => parts[part]?.() ?? part);
}

// "api_key.deactivated" is "{actor} deactivated key {target}", "webhook.secret_rotated" is "{actor} rotated the secret
// of webhook {target}".
function plainSentence(action) {
  const [noun, what = ""] = action.split(".");
  const rest = what.split("_");
  const verb = rest.pop();
  const part = rest.length > 0 ? `the ${rest.map(word).join(" ")} of ` : "";
  return `{actor} ${word(verb)} ${part}${word(noun)} {target}`;
}

const word = (text) => WORDS[text] ?? text.replaceAll("_", " ");

const actorPart = ({ kind, name }) => (kind === "api_key" ? element("span", "Key ", element("bdi", name)) : (ACTORS[kind] ?? element("bdi", name)));

function targetPart({ kind, id, name }) {
  return kind === "api_key" && id ? keyLink(id, name) : element("strong", element("bdi", name));
}

// The name of a key, leading to its page.
export const keyLink = (id, name) => element("a", { href: `/admin/settings/developer?key=${id}` }, element("bdi", name));

// Each field with what it was and what it became: at once where that is short, else on demand. Null where nothing is told.
export function changesOf({ changes }) {
  const fields = Object.entries(changes ?? {});
  if (fields.length === 0) return null;
  const list = factsOf(fields.map(([field, change]) => [label(field), valuesOf(field, change)]));
  if (list.textContent.length <= SHORT) return list;
  return element("details", element("summary", fields.map(([field]) => label(field).toLowerCase()).join(", ")), list);
}

// Names and values, small and one after the other.
export const factsOf = (pairs) => element("dl", { class: "changes" }, pairs.map(([name, value]) => element("div", element("dt", name), element("dd", value))));

// `rateLimit` is "Rate limit".
const label = (field) => capitalised(field.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`));

function valuesOf(field, change) {
  const one = (name) => name in change && element("bdi", value(field, change[name]));
  const [before, after] = [one("before"), one("after")];
  return [before, before && (after ? [element("span", { "aria-hidden": "true" }, " → "), hidden(" became ")] : hidden(" before")), after];
}

function value(field, given) {
  if (given === null || given === undefined || given === "" || given.length === 0) return "none";
  if (typeof given === "boolean") return given ? "yes" : "no";
  if (/(At|Until)$/.test(field) && !Number.isNaN(Date.parse(given))) return exactTime(given);
  if (Array.isArray(given) && given.every((each) => typeof each !== "object")) return given.join(", ");
  if (["reason", "with"].includes(field)) return word(given);
  return typeof given === "object" ? (given.name ?? JSON.stringify(given)) : String(given);
}
