// The dialogs that make and change an API key.

import { get, patch, post } from "./api.js";
import { formDialog } from "./dialog.js";
import { button, element } from "./elements.js";
import { field, wholeNumber } from "./form.js";
import { date, dayEnd } from "./format.js";
import { KEYS, pathOf, settingsOf } from "./key_settings.js";
import { showNewKey } from "./new_key.js";
import { say } from "./notice.js";
import { act } from "./page.js";

const DAY_MS = 86_400_000;
const ROLES = [
  ["viewer", "Viewer: reads"],
  ["member", "Member: writes"],
  ["admin", "Admin: manages"],
];
const EXPIRIES = [
  ["30", "In 30 days"],
  ["90", "In 90 days"],
  ["365", "In a year"],
  ["never", "Never"],
  ["date", "On a date…"],
];

// How a list that is there and empty is written.
const NONE = "(none)";

export function createKey(visit, changed) {
  formDialog({
    title: "Create an API key",
    fields: fieldsFor(visit),
    submit: "Create",
    busy: "Creating…",
    send: (values) => post(KEYS, wishesOf(values)),
    done: (made) => showNewKey(visit, made, () => changed(made)),
  });
}

export async function editKey(visit, { id }, changed) {
  const opened = await act(() => get(pathOf(id), { tagged: true }));
  opened ? openEditor(visit, opened, changed) : changed();
}

// Sends only what was changed, and only if nobody else has changed the key since it was opened.
function openEditor(visit, { value: key, tag }, changed) {
  const conflict = element("div", { class: "notice", role: "alert" });
  const close = formDialog({
    title: ["Edit ", element("bdi", key.name)],
    intro: conflict,
    fields: fieldsFor(visit, key),
    submit: "Save",
    busy: "Saving…",
    send: (values) => patch(pathOf(key.id), changes(key, wishesOf(values)), { headers: tag && { "If-Match": tag } }),
    done({ name }) {
      say(`“${name}” is saved.`);
      changed();
    },
    refused(error) {
      if (error.status === 404) error.message = "This key was deleted meanwhile, or you act in another organization now.";
      if (error.code !== "VERSION_MISMATCH") return false;
      act(tellConflict);
      return true;
    },
  });

  async function tellConflict() {
    const newest = await get(pathOf(key.id), { tagged: true });
    const old = settingsOf(key);
    const others = Object.entries(settingsOf(newest.value)).filter(([name, text]) => text !== old[name]);
    tag = newest.tag;
    conflict.dataset.tone = "error";
    conflict.replaceChildren(
      element("p", "Somebody changed this key meanwhile. “Save” puts yours over it."),
      element("ul", others.map(([name, text]) => element("li", `${name}: `, element("bdi", text)))),
      button("Take the new state", () => {
        close();
        changed();
        openEditor(visit, newest, changed);
      }),
    );
    conflict.scrollIntoView();
  }
}

function fieldsFor({ session, may }, key) {
  const text = (name, label, rest) => field({ name, label, value: key?.[name], autocomplete: "off", spellcheck: "false", ...rest });
  const choice = (name, label, options, rest) => text(name, label, { type: "select", options: options.filter(Boolean), ...rest });
  const listed = (name, separator) => ({ value: key?.[name]?.length === 0 ? NONE : key?.[name]?.join(separator) });
  const lastDay = text("expiresAt", "Last day", { type: "date", value: "", required: "Choose the day." });
  const choose = (expiry) => {
    lastDay.hidden = expiry !== "date";
    lastDay.querySelector("input").required = !lastDay.hidden;
  };
  choose();
  return [
    text("name", "Name", { hint: "What it is for, such as “CI pipeline”.", required: "Enter a name." }),
    element(
      "div",
      { class: "pair" },
      !key && choice("environment", "Environment", [["live", "Live"], ["test", "Test"]]),
      choice("role", "Role", ROLES.filter(([role]) => may(role)), { value: key?.role ?? "member" }),
      choice("expiry", "Expires", [key && ["", key.expiresAt ? `${date(key.expiresAt)}, as it is` : "Never, as it is"], ...EXPIRIES], { value: key ? "" : "90", onchange: ({ target }) => choose(target.value) }),
      lastDay,
    ),
    element(
      "details",
      { open: Boolean(key?.rateLimit || key?.scopes || key?.ipAllowList) },
      element("summary", "Limit, scopes, addresses, owner"),
      text("rateLimit", "Requests a minute", { hint: "Empty: the default.", inputmode: "numeric" }),
      text("scopes", "Scopes", { hint: `With spaces or commas between. Empty: all. ${NONE}: none.`, autocapitalize: "none", ...listed("scopes", " ") }),
      text("ipAllowList", "Addresses", { type: "textarea", hint: `That may use it, such as 10.0.0.0/8, one a line. Empty: all. ${NONE}: none.`, ...listed("ipAllowList", "\n") }),
      choice("owner", "Owner", [key && ["", `${key.owner.name}, as it is`], ["me", session.user.name], ["organization", session.organization.name]], { value: "", hint: "A person’s key can do no more than the person, and stops when they leave." }),
      text("externalId", "External ID", { hint: "What your own systems call it." }),
    ),
  ];
}

// What the API takes for the texts of the fields; undefined is left out.
const wishesOf = ({ expiry, expiresAt, rateLimit, scopes, ipAllowList, owner, externalId, ...rest }) => ({
  ...rest,
  expiresAt: expiryOf(expiry, expiresAt),
  rateLimit: wholeNumber("rateLimit", rateLimit),
  scopes: listOf(scopes),
  ipAllowList: listOf(ipAllowList),
  owner: owner || undefined,
  externalId: externalId.trim() || null,
});

function expiryOf(expiry, day) {
  if (expiry === "date") return dayEnd(day);
  if (expiry === "never") return null;
  return expiry ? new Date(Date.now() + expiry * DAY_MS).toISOString() : undefined;
}

function listOf(text) {
  const entries = text.split(/[\s,]+/).filter(Boolean);
  if (entries[0] === NONE) return [];
  return entries.length > 0 ? entries : null;
}

const changes = (key, wishes) =>
  Object.fromEntries(Object.entries(wishes).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(key[name])));
