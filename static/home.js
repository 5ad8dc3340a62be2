// The home page: who one is, and the keys of the organization for those who manage them.

import { get } from "./api.js";
import { element } from "./elements.js";
import { capitalised } from "./format.js";
import { keysTable } from "./keys_table.js";
import { attempt, currentSession } from "./signed_in.js";

const CREATE_COMMAND = "claviger key create --name NAME";
const KEYS = "/api/admin/rest-api-keys?limit=200";

const byId = (id) => document.getElementById(id);
const keys = byId("keys");
const keysStatus = byId("keys-status");

attempt(async () => {
  const session = await currentSession();
  showSession(session);
  if (["owner", "admin"].includes(session.role)) {
    await showKeys();
  } else {
    keysStatus.textContent = "The owners and admins of this organization manage its keys.";
  }
});

function showSession({ user, organization, role }) {
  byId("user-name").textContent = user.name;
  byId("user-email").textContent = user.email;
  byId("organization").textContent = organization.name;
  byId("role").textContent = capitalised(role);
  byId("plan").textContent = capitalised(organization.plan);
  byId("content").hidden = false;
}

async function showKeys() {
  keysStatus.textContent = "Loading…";
  const first = await get(KEYS).finally(() => (keysStatus.textContent = ""));
  if (first.items.length === 0) {
    keys.append(emptyState());
    return;
  }
  const { table, add } = keysTable("keys-heading");
  add(first.items);
  keys.append(table);
  if (first.nextCursor) keys.append(moreButton(first.nextCursor, add));
  keys.append(makeAnother());
}

// Adds the next page of the list, until there is none.
function moreButton(cursor, add) {
  const button = element("button", { class: "quiet", type: "button" }, "Show more");
  button.addEventListener("click", () =>
    attempt(async () => {
      button.disabled = true;
      const page = await get(`${KEYS}&cursor=${encodeURIComponent(cursor)}`).finally(() => (button.disabled = false));
      add(page.items);
      cursor = page.nextCursor;
      button.hidden = !cursor;
    }),
  );
  return button;
}

function makeAnother() {
  const command = element("code", {}, CREATE_COMMAND);
  return element("p", { class: "aside" }, "Make another on the server’s command line: ", command);
}

function emptyState() {
  return element(
    "div",
    { class: "panel" },
    element("p", {}, element("strong", {}, "No keys yet.")),
    element("p", {}, "Make the first one on the server’s command line. The key is shown once, so keep it safe:"),
    element("pre", {}, element("code", {}, CREATE_COMMAND)),
  );
}
