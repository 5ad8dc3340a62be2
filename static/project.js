// A project's own page: what it is, and in tabs its PRD, what happened to it, and who sees it.

import { all, get, post, put } from "./api.js";
import { formDialog } from "./dialog.js";
import { editDialog, endDialog, longField } from "./editing.js";
import { button, element } from "./elements.js";
import { field } from "./form.js";
import { capitalised, number, timeElement } from "./format.js";
import { listView, rowOf, table } from "./list.js";
import { menu } from "./menu.js";
import { again, go } from "./navigation.js";
import { heading, named, section } from "./page.js";
import { activity, prdSection, projectFacts, statusHistory } from "./project_parts.js";
import { shares } from "./project_shares.js";
import { pageOf, PROJECTS, STATUSES } from "./projects.js";

const TABS = { prd, activity, history: statusHistory, people, shares };

const ACCESS = [
  ["read", "Read"],
  ["write", "Read and write"],
];

export async function page(visit, id) {
  const path = `${PROJECTS}/${encodeURIComponent(id)}`;
  const project = await get(path);
  const { name, description, access } = project;
  const writes = access !== "read";
  const tabs = Object.keys(TABS).filter((tab) => tab !== "shares" || writes);
  const chosen = tabs.find((tab) => tab === visit.query.get("tab")) ?? "prd";
  const link = (tab) => element("a", { href: pageOf(id, { tab }), "aria-current": tab === chosen && "page" }, tab === "prd" ? "PRD" : capitalised(tab));
  const actions = [
    writes && button("Change status…", () => changeStatus(project, path)),
    writes && button("Edit…", () => editDialog(path, { what: name, done: () => again() })),
    access === "full" && button("Delete…", () => deleteProject(project, path)),
  ];
  return {
    title: name,
    content: [
      element("a", { href: "/projects" }, "‹ Projects"),
      heading(named(name), { lead: description, actions }),
      projectFacts(project),
      element("nav", { class: "tabs", "aria-label": "Views" }, tabs.map(link)),
      await TABS[chosen](path, undefined, { ...visit, project, writes }),
    ],
  };
}

async function prd(project, options, { query, project: { id }, writes }) {
  const path = `${project}/prd`;
  const version = query.get("version");
  const from = version ? `${path}/versions/${encodeURIComponent(version)}` : path;
  const edit = () => editDialog(path, { what: "the PRD", save: put, from, fields: ({ content }) => longField("content", content), done: () => again(pageOf(id)) });
  const actions = [writes && button(version ? "Take it into the editor" : "Edit the PRD", edit), version && element("a", { class: "button quiet", href: pageOf(id) }, "Show the newest")];
  const columns = [
    { title: "Version", value: ({ version }) => element("a", { href: pageOf(id, { version }) }, `Version ${version}`) },
    { title: "Written", value: ({ updatedAt }) => timeElement(updatedAt) },
    { title: "By", kind: "wide", value: ({ updatedBy }) => named(updatedBy.name) },
    { title: "Bytes", kind: "number", value: ({ bytes }) => number(bytes) },
  ];
  const versions = { path: `${path}/versions`, label: "Versions", columns, empty: element("p", "Each that is saved is kept here.") };
  const [shown, list] = await Promise.all([prdSection(from, options, element("div", { class: "actions" }, actions)), listView(versions)]);
  return [shown, section("Versions", list)];
}

function changeStatus({ status }, path) {
  formDialog({
    title: "Change the status",
    fields: [
      field({ name: "status", label: "Status", type: "select", options: STATUSES.filter(([each]) => each !== status) }),
      field({ name: "note", label: "Note", type: "textarea" }),
    ],
    submit: "Change status",
    send: (values) => post(`${path}/status`, values),
    said: "The status is changed.",
    done: () => again(),
  });
}

function deleteProject({ name }, path) {
  const text = "Its PRD, its history and its share links go with it. This cannot be undone.";
  endDialog(path, { verb: "Delete", what: name, text, typed: name, said: "The project is deleted.", done: () => go("/projects") });
}

async function people(path, options, { session, project: { owner, members }, writes }) {
  const known = [{ ...owner, access: "owner" }, ...members];
  const others = writes ? (await all("/api/members")).filter(({ id }) => known.every((each) => each.id !== id)) : [];
  const isSelf = ({ id }) => id === session.user.id;
  const columns = [
    { title: "Name", value: (person) => named(person.name, isSelf(person) && "you") },
    { title: "Access", value: ({ access }) => ACCESS.find(([each]) => each === access)?.[1] ?? "Owner" },
    { title: "Actions", kind: "actions", value: actions },
  ];
  const shown = table("People", columns);
  shown.querySelector("tbody").append(...known.map((person) => rowOf(columns, person)));
  const lead = element("p", { class: "hint" }, "Owners and admins of the organization see every project.");
  return section("People", lead, shown, others.length > 0 && element("p", button("Share with a colleague", () => share(others))));

  function actions(person) {
    if (person.access === "owner" || !(writes || isSelf(person))) return null;
    return menu(`Actions for ${person.name}`, [writes && ["Change access…", () => share([person], person.access)], [isSelf(person) ? "Leave…" : "Remove…", () => end(person), "danger"]]);
  }

  function share(choice, value) {
    formDialog({
      title: "Share the project",
      fields: [
        field({ name: "user", label: "With", type: "select", options: choice.map(({ id, name }) => [id, name]) }),
        field({ name: "access", label: "Access", type: "select", value, options: ACCESS }),
      ],
      submit: "Share",
      send: ({ user, access }) => put(`${path}/members/${user}`, { access }),
      said: "The project is shared.",
      done: () => again(),
    });
  }

  function end(person) {
    const [verb, what] = isSelf(person) ? ["Leave", "the project"] : ["Remove", person.name];
    const done = () => (isSelf(person) ? go("/projects") : again());
    endDialog(`${path}/members/${person.id}`, { verb, what, text: "The project is shared no more.", said: "The access is ended.", done });
  }
}
