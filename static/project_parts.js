// What a project's own page and the page of a share link both show. `options` are those of a call.

import { get } from "./api.js";
import { element } from "./elements.js";
import { capitalised, momentElement, timeElement } from "./format.js";
import { listView } from "./list.js";
import { markdown } from "./markdown.js";
import { aside, facts, section, status } from "./page.js";

const WHEN = { title: "When", kind: "when", value: ({ at }) => momentElement(at) };

export const projectFacts = ({ status: now, owner, updatedAt }) =>
  facts(["Status", status(now)], ["Owner", element("bdi", owner.name)], ["Changed", timeElement(updatedAt)]);

// The PRD, or the version of it at this path.
export async function prdSection(path, { headers, ...options } = {}, actions) {
  const prd = await get(path, { ...options, headers: { ...headers, Accept: "application/vnd.claviger.nodes+json" } });
  const { version, updatedAt, updatedBy, nodes } = prd;
  const written = version > 0 && element("p", { class: "hint" }, `Version ${version}, written `, timeElement(updatedAt), " by ", element("bdi", updatedBy.name));
  return section("PRD", written, actions, nodes.length > 0 ? markdown(prd) : element("p", { class: "panel empty" }, "Nothing is written yet."));
}

const listed = async (label, path, options, ...columns) => section(label, await listView({ path, label, options, columns: [WHEN, ...columns] }));

export const statusHistory = (path, options) =>
  listed(
    "Status history",
    `${path}/status-history`,
    options,
    { title: "Status", kind: "wide whole", value: ({ from, status: now, note }) => [element("div", from && `${capitalised(from)} → `, status(now)), note && aside(note)] },
    { title: "By", kind: "wide", value: ({ by }) => element("bdi", by.name) },
  );

export const activity = (path, options) =>
  listed("Activity", `${path}/activity`, options, { title: "What", kind: "wide whole", value: ({ summary }) => element("bdi", summary) });
