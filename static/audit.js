// Audit: what was changed by whom, and what was asked of the gate, as two views of one page.

import { get, withQuery } from "./api.js";
import { element, hidden } from "./elements.js";
import { capitalised, dayEnd, dayStart, exactTime, number, timeAgo } from "./format.js";
import { listView } from "./list.js";
import { heading, status } from "./page.js";
import { changesOf, sentence } from "./sentences.js";

const ADDRESS = "/admin/audit";
const VIEWS = [
  { name: "", title: "Changes", show: changes },
  { name: "requests", title: "Requests", show: requests },
];

const ACTIONS = [
  ["", "All"],
  ["api_key.*", "API keys"],
  ["session.*", "Sign-ins and sessions"],
  ["session.refused", "Refused sign-ins"],
  ["account.*", "Accounts"],
  ["account.locked", "Locked accounts"],
  ["user.*", "Users, by the operator"],
  ["member.*", "Members"],
  ["invitation.*", "Invitations"],
  ["organization.*", "Organization"],
  ["mail.*", "Mail"],
];
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const STATUSES = [["200", "200 allowed"], ["400", "400 bad request"], ["401", "401 not known"], ["403", "403 not allowed"], ["423", "423 locked"], ["429", "429 too many"], ["503", "503 unavailable"]];

const DAYS = [
  { name: "from", label: "From", type: "date", ask: dayStart },
  { name: "to", label: "To", type: "date", ask: dayEnd },
];

export async function page(visit) {
  const view = VIEWS.find(({ name }) => name === visit.query.get("view")) ?? VIEWS[0];
  const { lead, actions, list } = await view.show(visit);
  return { title: view.name ? `${view.title} · Audit` : "Audit", content: [heading("Audit", { lead, actions }), tabs(view), list] };
}

function tabs(shown) {
  const tab = ({ name, title }) => element("a", { href: withQuery(ADDRESS, { view: name }), "aria-current": name === shown.name && "page" }, title);
  return element("nav", { class: "tabs", "aria-label": "Views" }, VIEWS.map(tab));
}

async function changes({ query }) {
  const { items: members } = await get("/api/admin/members?limit=200");
  const exports = [["JSON Lines", "jsonl"], ["CSV", "csv"]].map(([label, format]) => ({ format, link: element("a", { class: "button quiet", download: true }, `Export ${label}`) }));
  const list = await listView({
    path: "/api/admin/audit-log",
    label: "Changes",
    columns: [
      { title: "When", kind: "when", value: when },
      { title: "What", kind: "wide", value: (entry) => element("div", element("div", sentence(entry)), changesOf(entry)) },
      { title: "From", kind: "from", value: (entry) => origin(entry, entryParts(entry)) },
    ],
    filters: [
      { name: "action", label: "What", options: ACTIONS },
      { name: "actor", label: "Who", options: [["", "Anybody"], ...members.map(({ userId, name }) => [userId, name])] },
      ...(query.has("target") ? [{ name: "target", label: "Done to", options: [["", "Anything"]] }] : []),
      ...DAYS,
    ],
    empty: element("p", "Nothing has happened yet. Every change will stand here, with who made it and when."),
    added(items, rows, asked) {
      for (const { format, link } of exports) link.href = withQuery("/api/admin/audit-log/export", { format, ...asked });
    },
  });
  return { lead: "Who changed what.", actions: exports.map(({ link }) => link), list };
}

async function requests() {
  const { items: keys } = await get("/api/admin/rest-api-keys?limit=200");
  const list = await listView({
    path: "/api/admin/requests",
    label: "Requests",
    columns: [
      { title: "When", kind: "when", value: when },
      { title: "Request", kind: "wide", value: ({ method, host, path }) => element("code", `${method} ${host}${path}`) },
      { title: "Answer", value: answer },
      { title: "By", kind: "wide", value: by },
      { title: "From", kind: "from", value: (request) => origin(request) },
    ],
    filters: [
      { name: "key", label: "Key", options: [["", "Any"], ...keys.map(({ id, name }) => [id, name])] },
      { name: "status", label: "Answer", options: [["", "Any"], ...STATUSES] },
      { name: "method", label: "Method", options: [["", "Any"], ...METHODS.map((method) => [method, method])] },
      { name: "path", label: "Path", placeholder: "/agents/*" },
      { name: "ip", label: "Address", placeholder: "10.0.3.7" },
      ...DAYS,
    ],
    empty: [element("p", "No request has come through the gate yet."), element("p", "Make a key under ", element("a", { href: "/admin/settings/developer" }, "API keys"), ", and have your proxy ask Claviger about each request.")],
  });
  return { lead: "What was asked of the API behind the gate, allowed and refused.", list };
}

const when = ({ at }) => element("time", { datetime: at, title: timeAgo(at) }, exactTime(at));

const answer = ({ status: given, code, count }) => [
  status(given < 300 ? "active" : "failed", given < 300 ? `${given} allowed` : `${given} ${code ?? "refused"}`),
  count > 1 && element("span", { class: "badge" }, `×${number(count)}`, hidden(" requests")),
];

const by = ({ keyId, keyName, credential }) =>
  keyId ? element("a", { href: withQuery("/admin/settings/developer", { key: keyId }) }, element("bdi", keyName)) : capitalised(credential.replaceAll("_", " "));

// From where something came; with what, and in which request, on demand.
function origin({ ip, userAgent }, more = []) {
  const parts = [userAgent && ["User agent", userAgent], ...more].filter(Boolean);
  const from = ip || "the server";
  if (parts.length === 0) return from;
  return element("details", element("summary", from), element("dl", { class: "changes" }, parts.map(([name, value]) => element("div", element("dt", name), element("dd", value)))));
}

function entryParts({ id, requestId, actor, target }) {
  const all = (what, party, name) => party.id && [what, element("a", { href: withQuery(ADDRESS, { [name]: party.id }) }, element("bdi", party.name))];
  return [requestId && ["Request", element("code", requestId)], ["Entry", element("code", id)], all("All by", actor, "actor"), all("All done to", target, "target")];
}
