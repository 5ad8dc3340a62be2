// Developer settings: the organization's API keys. With ?key=… it is that key's own page.

import { ApiError, get, withQuery } from "./api.js";
import { barChart } from "./chart.js";
import { button, element } from "./elements.js";
import { capitalised, date, exactTime, hour, number, timeAgo } from "./format.js";
import { actionsFor } from "./key_actions.js";
import { createKey } from "./key_form.js";
import { graceOf, KEYS, oldKeyUse } from "./key_settings.js";
import { listView } from "./list.js";
import { menu, popover } from "./menu.js";
import { act, aside, facts, heading, status } from "./page.js";
import { keyLink } from "./sentences.js";

const DAY_MS = 86_400_000;

export async function page(visit) {
  const id = visit.query.get("key");
  if (id) return (await import("./key.js")).page(visit, id);

  const choice = (name, label, ...values) => ({ name, label, options: [["", "Any"], ...values.map((value) => [value, capitalised(value)])] });
  const create = button("Create a key", () => createKey(visit, changed), { kind: "primary" });
  const lead = element("span");
  const first = element("span", " Create the first.");
  const [list] = await Promise.all([
    listView({
      path: KEYS,
      label: "API keys",
      columns: [
        { title: "Name", value: name },
        { title: "Role", value: ({ role, environment }) => [capitalised(role), aside(environment)] },
        { title: "Status", value: (key) => [status(key.status), graceOf(key)] },
        { title: "Last used", value: lastUse },
        { title: "Requests", kind: "number", value: ({ requestCount }) => number(requestCount) },
        { title: "Last 24 hours", value: () => element("div", { class: "spark" }) },
        { title: "Expires", value: expiry },
        { title: "Actions", kind: "actions", value: (key) => menu(`Actions for ${key.name}`, actionsFor(visit, key, changed)) },
      ],
      filters: [
        { name: "q", label: "Search", placeholder: "Name, prefix, external ID" },
        choice("status", "Status", "active", "deactivated", "expired", "superseded"),
        choice("environment", "Environment", "live", "test"),
      ],
      empty: element("p", "No keys yet. A program that calls your API needs one.", first),
      fixed: { limit: 200 },
      added: drawCharts,
    }),
    showRoom(),
  ]);
  return { title: "API keys", content: [heading("API keys", { lead, actions: create }), list] };

  function changed() {
    list.reload();
    act(showRoom);
  }

  // Whether the plan has room is said before somebody fills in a form.
  async function showRoom() {
    const { plan, apiKeys } = await get("/api/admin/organization");
    const limit = apiKeys?.limit ?? Infinity;
    const isFull = (apiKeys?.used ?? 0) >= limit;
    const used = limit === 0 ? `The ${plan} plan has no API keys` : `All ${limit} keys of the ${plan} plan are in use`;
    lead.textContent = isFull ? `${used}. Whoever runs this server can give you another plan.` : "What your programs call your API with.";
    create.hidden = first.hidden = isFull;
  }

  // The charts come after the list; their room is there already, and stays empty without an answer.
  async function drawCharts(keys, rows) {
    // Proxies take addresses of 8 kB: so many ids fit.
    if (keys.length > 100) drawCharts(keys.slice(100), rows.slice(100));
    const asked = keys.slice(0, 100);
    if (asked.length === 0) return;
    try {
      const { items } = await get(withQuery("/api/admin/usage", { keys: asked.map(({ id }) => id).join() }), visit);
      for (const { keyId, points } of items) {
        const index = keys.findIndex(({ id }) => id === keyId);
        rows[index].querySelector(".spark").append(barChart(points, { label: `${keys[index].name}, last 24 hours`, width: 96, height: 28, describe: hour }));
      }
    } catch (error) {
      if (!(error instanceof ApiError) && error.name !== "AbortError") throw error;
    }
  }
}

function name(key) {
  const isOld = key.status === "active" && Date.now() - Date.parse(key.createdAt) > 90 * DAY_MS;
  return [
    keyLink(key.id, key.name),
    aside(element("code", `${key.prefix}…`)),
    isOld && aside(`Made ${timeAgo(key.createdAt)}: it wants rotating.`),
    oldKeyUse(key),
  ];
}

// How long ago; exactly when, from where and with what on demand.
function lastUse({ lastUsedAt, lastUsedIp, lastUserAgent }) {
  if (!lastUsedAt) return "Never";
  const box = element("div", { class: "menu" }, facts(["Last used", exactTime(lastUsedAt)], ["From", lastUsedIp ?? "Not known"], ["With", lastUserAgent ?? "Not known"]));
  return popover(element("button", { type: "button", class: "plain more", title: exactTime(lastUsedAt) }, timeAgo(lastUsedAt)), box);
}

function expiry({ expiresAt, status }) {
  if (!expiresAt) return "Never";
  const isSoon = status === "active" && Date.parse(expiresAt) - Date.now() < 14 * DAY_MS;
  return [element("time", { datetime: expiresAt, title: exactTime(expiresAt) }, date(expiresAt)), isSoon && aside(element("strong", timeAgo(expiresAt)))];
}
