// The dialogs that make and change an API key.

import { ApiError, get, patch, post } from "./api.js";
import { formDialog } from "./dialog.js";
import { button, element } from "./elements.js";
import { field } from "./form.js";
import { date, dayEnd } from "./format.js";
import { KEYS, pathOf, settingsOf } from "./key_settings.js";
import { showNewKey } from "./new_key.js";
import { say } from "./notice.js";
import { act } from "./page.js";

const DAY_MS = 86_400_000;
const ROLES = [
  ["viewer", "Viewer: reads"],
  ["member", "Member: reads, writes"],
  ["admin", "Admin: keys, members too"],
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

const NEW = { name: "", environment: "live", role: "member", expiry: "90", expiresAt: "", rateLimit: "", scopes: "", ipAllowList: "", owner: "me", externalId: "" };

export function createKey(visit, changed) {
  formDialog({
    title: "Create an API key",
    fields: fieldsFor(visit, NEW),
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
  const before = valuesOf(key, visit.session);
  const conflict = element("div", { class: "notice", role: "alert" });
  const close = formDialog({
    title: ["Edit ", element("bdi", key.name)],
    intro: conflict,
    fields: fieldsFor(visit, before, key),
    submit: "Save",
    busy: "Saving…",
    send: (values) => patch(pathOf(key.id), differences(wishesOf(before), wishesOf(values)), { headers: tag && { "If-Match": tag } }),
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

// What stands in the fields for a key that is there.
function valuesOf({ name, role, rateLimit, scopes, ipAllowList, owner, externalId }, { user }) {
  const listed = (values, separator) => (values ? values.join(separator) || NONE : "");
  const keeper = owner.id === user.id ? "me" : "";
  return {
    ...NEW,
    name,
    role,
    expiry: "",
    rateLimit: String(rateLimit ?? ""),
    scopes: listed(scopes, " "),
    ipAllowList: listed(ipAllowList, "\n"),
    owner: owner.kind === "organization" ? owner.kind : keeper,
    externalId: externalId ?? "",
  };
}

function fieldsFor({ session, may }, values, key) {
  const text = (name, label, rest) => field({ name, label, value: values[name], autocomplete: "off", spellcheck: "false", ...rest });
  const choice = (name, label, options, rest) => text(name, label, { type: "select", options: options.filter(Boolean), ...rest });
  const lastDay = text("expiresAt", "Last day", { type: "date", required: "Choose the day." });
  const choose = (expiry) => {
    lastDay.hidden = expiry !== "date";
    lastDay.querySelector("input").required = !lastDay.hidden;
  };
  choose(values.expiry);
  return [
    text("name", "Name", { hint: "What it is for, such as “CI pipeline”.", required: "Enter a name." }),
    element(
      "div",
      { class: "pair" },
      !key && choice("environment", "Environment", [["live", "Live"], ["test", "Test"]]),
      choice("role", "Role", ROLES.filter(([role]) => may(role))),
      choice("expiry", "Expires", [key && ["", key.expiresAt ? `On ${date(key.expiresAt)}, as it is` : "Never, as it is"], ...EXPIRIES], { onchange: ({ target }) => choose(target.value) }),
      lastDay,
    ),
    element(
      "details",
      { open: [values.rateLimit, values.scopes, values.ipAllowList, values.externalId].some(Boolean) },
      element("summary", "Limit, scopes, addresses, owner"),
      text("rateLimit", "Requests a minute", { hint: "Empty: the default.", inputmode: "numeric" }),
      text("scopes", "Scopes", { hint: `With spaces or commas between. Empty: all. ${NONE}: none.`, autocapitalize: "none" }),
      text("ipAllowList", "Addresses", { type: "textarea", hint: `That may use it, such as 10.0.0.0/8, one a line. Empty: all. ${NONE}: none.` }),
      choice("owner", "Owner", [!values.owner && ["", key.owner.name], ["me", session.user.name], ["organization", session.organization.name]], { hint: "A person’s key can do no more than the person, and stops when they leave." }),
      text("externalId", "External ID", { hint: "What your own systems call it." }),
    ),
  ];
}

// What the API takes for the texts of the fields; undefined is left out.
function wishesOf({ name, environment, role, expiry, expiresAt, rateLimit, scopes, ipAllowList, owner, externalId }) {
  return {
    name,
    environment,
    role,
    expiresAt: expiryOf(expiry, expiresAt),
    rateLimit: limitOf(rateLimit.trim()),
    scopes: listOf(scopes),
    ipAllowList: listOf(ipAllowList),
    owner: owner || undefined,
    externalId: externalId.trim() || null,
  };
}

function expiryOf(expiry, day) {
  if (expiry === "date") return dayEnd(day);
  if (expiry === "never") return null;
  return expiry ? new Date(Date.now() + expiry * DAY_MS).toISOString() : undefined;
}

function limitOf(text) {
  if (!/^\d*$/.test(text)) throw new ApiError({ message: "", fields: { rateLimit: "Enter a whole number." } });
  return text ? Number(text) : null;
}

function listOf(text) {
  if (text.trim() === NONE) return [];
  const entries = text.split(/[\s,]+/).filter(Boolean);
  return entries.length > 0 ? entries : null;
}

const differences = (before, after) =>
  Object.fromEntries(Object.entries(after).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name])));
