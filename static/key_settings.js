// What the pages and the dialogs of API keys share: addresses, and what is said of a key.

import { capitalised, exactTime, momentElement, number, timeAgo } from "./format.js";
import { aside } from "./page.js";

export const KEYS = "/api/admin/rest-api-keys";
export const pathOf = (id) => `${KEYS}/${encodeURIComponent(id)}`;

export const LIST = "/admin/settings/developer";
export const pageOf = (id) => `${LIST}?key=${id}`;

// How long what was rotated goes on working.
export const GRACES = [
  ["0", "Not at all"],
  ["3600", "1 hour"],
  ["86400", "1 day"],
  ["604800", "7 days"],
  ["2592000", "30 days"],
];

export function settingsOf(key) {
  const listed = (values) => (values ? values.join(", ") || "None" : "All");
  return {
    Name: key.name,
    Status: capitalised(key.status),
    Environment: capitalised(key.environment),
    Role: capitalised(key.role),
    Owner: key.owner.name,
    Expires: key.expiresAt ? exactTime(key.expiresAt) : "Never",
    "Requests a minute": `${number(key.requestsPerMinute)}${key.rateLimit ? "" : " (default)"}`,
    Scopes: listed(key.scopes),
    Addresses: listed(key.ipAllowList),
    "External ID": key.externalId ?? "None",
  };
}

// Until when a key works that was rotated.
export const graceOf = ({ graceEndsAt }) => graceEndsAt && aside(Date.parse(graceEndsAt) > Date.now() ? "Works until " : "Ended ", momentElement(graceEndsAt));

// "The old key was last used 4 minutes ago from 10.0.3.7."
export function oldKeyUse({ predecessor }) {
  if (!predecessor) return null;
  const { lastUsedAt, lastUsedIp } = predecessor;
  return aside(lastUsedAt ? `The old key was last used ${timeAgo(lastUsedAt)}${lastUsedIp ? ` from ${lastUsedIp}` : ""}.` : "The old key was never used.");
}
