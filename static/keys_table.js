// The table of API keys.

import { element } from "./elements.js";
import { capitalised, exactTime, number, timeAgo } from "./format.js";

const COLUMNS = ["Name", "Prefix", "Status", "Last used", "Requests"];

// Returns the table and the function that adds keys to it, a page of the list at a time.
export function keysTable(labelledBy) {
  const headings = COLUMNS.map((title) => element("th", { scope: "col" }, title));
  const body = element("tbody");
  const table = element(
    "table",
    { class: "keys", "aria-labelledby": labelledBy },
    element("thead", {}, element("tr", {}, ...headings)),
    body,
  );
  return { table, add: (keys) => body.append(...keys.map(row)) };
}

function row(key) {
  return element(
    "tr",
    {},
    element("th", { scope: "row" }, key.name),
    element("td", {}, element("code", {}, `${key.prefix}…`)),
    element("td", {}, element("span", { class: "status", "data-status": key.status }, capitalised(key.status))),
    element("td", { "data-label": "Last used" }, lastUsed(key.lastUsedAt)),
    element("td", { "data-label": "Requests" }, number(key.requestCount)),
  );
}

function lastUsed(time) {
  if (!time) return "Never";
  return element("time", { datetime: time, title: exactTime(time) }, timeAgo(time));
}
