// Audit: what was changed by whom, and what was asked of the gate, as two views of one page.

import { get, withQuery } from "./api.js";
import { element, hidden } from "./elements.js";
import { capitalised, dayEnd, dayStart, momentElement, number } from "./format.js";
import { listView } from "./list.js";
import { aside, heading, status } from "./page.js";
import { changesOf, factsOf, keyLink, sentence } from "./sentences.js";

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
  ["member.*", "Members"],
  ["invitation.*", "Invitations"],
  ["organization.*", "Organization"],
  ["project.*", "Projects"],
  ["share.*", "Share links"],
  ["webhook.*", "Webhooks"],
  ["widget.*", "Widgets"],
  ["template.*", "Templates"],
  ["mail.*", "Mail"],
];

const same = (...values) => values.map((value) => [value, value]);
const METHODS = [["", "Any"], ...same("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")];
const ANSWERS = [["", "Any"], ...same("200", "400", "401", "403", "423", "429", "503")];

const DAYS = [
  { name: "from", label: "From", type: "date", ask: dayStart },
  { name: "to", label: "To", type: "date", ask: dayEnd },
];
const WHEN = { title: "When", kind: "when", value: ({ at }) => momentElement(at) };

export async function page({ query }) {
  const view = VIEWS.find(({ name }) => name === query.get("view")) ?? VIEWS[0];
  const { lead, actions, list } = await view.show(query);
  const tab = ({ name, title }) => element("a", { href: withQuery(ADDRESS, { view: name }), "aria-current": name === view.name && "page" }, title);
  const tabs = element("nav", { class: "tabs", "aria-label": "Views" }, VIEWS.map(tab));
  return { title: `Audit: ${view.title}`, content: [heading("Audit", { lead, actions }), tabs, list] };
}

async function changes(query) {
  const { items: members } = await get("/api/admin/members?limit=200");
  const [jsonl, csv] = ["JSON Lines", "CSV"].map((format) => element("a", { class: "button quiet", download: true }, `Export ${format}`));
  const list = await listView({
    path: "/api/admin/audit-log",
    label: "Changes",
    columns: [
      WHEN,
      { title: "What", kind: "wide whole", value: (entry) => [element("div", sentence(entry)), changesOf(entry)] },
      { title: "From", kind: "wide", value: origin },
    ],
    filters: [
      { name: "action", label: "What", options: ACTIONS },
      { name: "actor", label: "Who", options: [["", "Anybody"], ...members.map(({ userId, name }) => [userId, name])] },
      ...(query.has("target") ? [{ name: "target", label: "Done to", options: [["", "Anything"]] }] : []),
      ...DAYS,
    ],
    empty: element("p", "Nothing yet. Every change will stand here."),
    added(items, rows, asked) {
      jsonl.href = withQuery("/api/admin/audit-log/export", { format: "jsonl", ...asked });
      csv.href = withQuery("/api/admin/audit-log/export", { format: "csv", ...asked });
    },
  });
  return { lead: "Who changed what.", actions: [jsonl, csv], list };
}

// From where something was done; what else is known of it on demand.
function origin({ id, ip, requestId, userAgent, actor, target }) {
  const all = (title, name, party) => party.id && [title, element("a", { href: withQuery(ADDRESS, { [name]: party.id }) }, element("bdi", party.name))];
  const known = [userAgent && ["User agent", userAgent], requestId && ["Request", requestId], ["Entry", id], all("All by", "actor", actor), all("All done to", "target", target)];
  return element("details", element("summary", ip ?? "The server"), factsOf(known.filter(Boolean)));
}

async function requests() {
  const { items: keys } = await get("/api/admin/rest-api-keys?limit=200");
  const list = await listView({
    path: "/api/admin/requests",
    label: "Requests",
    columns: [
      WHEN,
      { title: "Request", kind: "wide whole", value: ({ method, host, path }) => element("code", `${method} ${host}${path}`) },
      { title: "Answer", value: answer },
      { title: "By", kind: "wide", value: ({ keyId, keyName, credential }) => (keyId ? keyLink(keyId, keyName) : capitalised(credential)) },
      { title: "From", value: from },
    ],
    filters: [
      { name: "key", label: "Key", options: [["", "Any"], ...keys.map(({ id, name }) => [id, name])] },
      { name: "status", label: "Answer", options: ANSWERS },
      { name: "method", label: "Method", options: METHODS },
      { name: "path", label: "Path", placeholder: "/agents/*" },
      { name: "ip", label: "Address" },
      ...DAYS,
    ],
    empty: element("p", "No request yet. Have your proxy ask Claviger about each, or ", element("a", { href: "/admin/settings/developer" }, "make a key"), " first."),
  });
  return { lead: "What was asked of the API behind the gate.", list };
}

const answer = ({ status: given, code, count }) => [
  element("div", status(given < 300 ? "active" : "failed", `${given} ${given < 300 ? "allowed" : "refused"}`), count > 1 && [" ", element("span", { class: "badge" }, `×${number(count)}`, hidden(" requests"))]),
  // Codes are long, and may be broken at each word.
  code && aside(code.split(/(?<=_)/).flatMap((word) => [word, element("wbr")])),
];

const from = ({ ip, userAgent }) => (userAgent ? element("details", element("summary", ip), aside(userAgent)) : ip);
