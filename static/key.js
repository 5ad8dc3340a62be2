// An API key's own page: its settings, its use over time, its requests as they come in, what was changed about it.

import { ApiError, get, withQuery } from "./api.js";
import { barChart } from "./chart.js";
import { button, element } from "./elements.js";
import { field } from "./form.js";
import { count, exactTime, hour, momentElement, number } from "./format.js";
import { actionsFor } from "./key_actions.js";
import { graceOf, LIST, oldKeyUse, pageOf, pathOf, settingsOf } from "./key_settings.js";
import { listView, rowOf, table } from "./list.js";
import { again, go, keepInAddress } from "./navigation.js";
import { act, aside, facts, heading, section } from "./page.js";
import { changesOf, sentence } from "./sentences.js";

const POLL_MS = 3_000;
const TELL_MS = 12_000;

const PERIODS = {
  hour: { name: "Last hour", step: "minute", minutes: 59, describe: hour },
  day: { name: "Last 24 hours", step: "hour", minutes: 1_380, describe: hour },
  // The server's days are UTC's.
  month: { name: "Last 30 days (UTC)", step: "day", minutes: 41_760, describe: (at) => at.slice(0, 10) },
};

const WHEN = { title: "When", kind: "when", value: ({ at }) => momentElement(at) };
const REQUESTS = [
  { title: "Request", value: ({ method, path, host }) => [`${method} ${path}`, aside(host)] },
  { title: "Answer", value: ({ status, code, count }) => [`${status} ${code ?? "allowed"}`, count > 1 && element("strong", ` ×${number(count)}`)] },
  { title: "From", value: ({ ip, userAgent }) => [ip, aside(userAgent)] },
  WHEN,
];

export async function page(visit, id) {
  const path = pathOf(id);
  // A deleted key still has its requests and its audit.
  const key = await get(path).catch((error) => (error.status === 404 ? null : Promise.reject(error)));
  const [used, changes] = await Promise.all([usage(visit, path), changesTo(id)]);
  let told = key && keyFacts(key);
  const cameIn = async () => {
    await used.renew();
    if (key) told.replaceWith((told = keyFacts(await get(path, visit))));
  };
  const changed = (made) => (made ? go(pageOf(made.id)) : made === null ? go(LIST) : again());
  const title = key?.name ?? "A deleted key";
  return {
    title,
    content: [
      element("a", { href: LIST }, "‹ API keys"),
      heading(element("bdi", title), {
        lead: key && element("code", `${key.prefix}…`),
        actions: key && actionsFor(visit, key, changed).map(([label, onclick]) => button(label, onclick)),
      }),
      told,
      used,
      await requests(visit, path, cameIn),
      section("Changes", changes),
    ],
  };
}

function keyFacts(key) {
  const { Name, ...settings } = settingsOf(key);
  settings.Status = [settings.Status, graceOf(key)];
  return facts(
    ...Object.entries(settings),
    ["Made", [exactTime(key.createdAt), aside(`by ${key.createdBy.name}`)]],
    ["Last used", key.lastUsedAt ? [exactTime(key.lastUsedAt), aside(key.lastUsedIp), aside(key.lastUserAgent)] : "Never"],
    ["Requests", number(key.requestCount)],
    key.rotatedFrom && ["Replaces", [element("a", { href: pageOf(key.rotatedFrom) }, "An older key"), oldKeyUse(key)]],
  );
}

async function usage({ query }, path) {
  let period = Object.hasOwn(PERIODS, query.get("period")) ? query.get("period") : "day";
  const options = Object.entries(PERIODS).map(([value, { name }]) => [value, name]);
  const drawn = element("div");
  await renew();
  return Object.assign(section("Use", field({ name: "period", label: "Period", type: "select", value: period, options, onchange }), drawn), { renew });

  function onchange({ target }) {
    period = target.value;
    keepInAddress({ period });
    act(renew);
  }

  async function renew() {
    const chosen = PERIODS[period];
    const { name, step, minutes, describe } = chosen;
    const { points } = await get(withQuery(`${path}/usage`, { step, from: new Date(Date.now() - minutes * 60_000).toISOString() }));
    if (chosen !== PERIODS[period]) return;
    const uses = points.filter(({ allowed, denied }) => allowed + denied).map(({ at, allowed, denied }) => `${describe(at)}: ${allowed} allowed, ${denied} refused`);
    const all = (kind) => number(points.reduce((sum, point) => sum + point[kind], 0));
    drawn.replaceChildren(
      element("p", { class: "legend" }, element("span", `${all("allowed")} allowed`), element("span", { class: "denied" }, `${all("denied")} refused`)),
      barChart(points, { label: [name, ...uses].join("; "), width: 900, height: 140, stretch: true, describe }),
      element("p", { class: "legend aside" }, element("span", describe(points[0].at)), element("span", describe(points.at(-1).at))),
    );
  }
}

// The newest requests, asked for again and again while somebody looks. `cameIn` follows where there are more.
async function requests({ signal }, path, cameIn) {
  const rows = table("Requests", REQUESTS);
  const told = element("p", { class: "hint", role: "status" });
  const pause = button("Pause", () => pause.setAttribute("aria-pressed", !isPaused()), { "aria-pressed": "false" });
  const isPaused = () => pause.getAttribute("aria-pressed") === "true";
  let shown = [];
  let untold = 0;
  let toldAt = 0;
  await renew();
  if (shown.length === 0) told.textContent = "None yet. They appear here as they come in.";
  const timer = setInterval(look, POLL_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  return section("Requests", element("div", { class: "live" }, pause, told), rows);

  async function look() {
    if (isPaused() || document.hidden) return;
    try {
      const more = await renew("fresh");
      if (more > 0) await cameIn();
      tell(more);
    } catch (error) {
      if (error instanceof ApiError) told.textContent = error.message;
    }
  }

  // Returns how many came. Requests that are refused in masses share a row, whose count and time go on.
  async function renew(kind) {
    const { items } = await get(`${path}/requests`, { signal });
    const oldest = items.at(-1)?.at;
    const sum = (some) => some.reduce((total, { at, count }) => total + (at < oldest ? 0 : count), 0);
    const more = sum(items) - sum(shown);
    const earlier = shown.map((item) => JSON.stringify(item));
    const isNew = (item) => !earlier.includes(JSON.stringify(item));
    if (more !== 0) rows.querySelector("tbody").replaceChildren(...items.map((item) => rowOf(REQUESTS, item, isNew(item) && kind)));
    rows.hidden = items.length === 0;
    shown = items;
    return more;
  }

  // Seldom enough to be listened to.
  function tell(more) {
    untold += more;
    if (Date.now() - toldAt < TELL_MS) return;
    if (untold > 0 || toldAt > 0) told.textContent = untold > 0 ? count(untold, "new request") : "";
    toldAt = untold > 0 ? Date.now() : 0;
    untold = 0;
  }
}

const changesTo = (target) =>
  listView({
    path: "/api/admin/audit-log",
    label: "Changes",
    fixed: { target },
    columns: [
      WHEN,
      { title: "What", kind: "wide whole", value: (entry) => [element("div", sentence(entry)), changesOf(entry)] },
    ],
    empty: element("p", "Nothing was changed."),
  });
