// Projects: those that one may see. With ?id=… it is that project's own page.

import { all, post, withQuery } from "./api.js";
import { formDialog } from "./dialog.js";
import { textFields } from "./editing.js";
import { button, element } from "./elements.js";
import { field } from "./form.js";
import { brief, capitalised, timeElement } from "./format.js";
import { listView } from "./list.js";
import { go } from "./navigation.js";
import { act, aside, heading, named, status } from "./page.js";

export const PROJECTS = "/api/projects";
export const STATUSES = ["draft", "active", "paused", "done", "archived"].map((each) => [each, capitalised(each)]);
export const pageOf = (id, rest) => withQuery("/projects", { id, ...rest });

export async function page(visit) {
  const id = visit.query.get("id");
  if (id) return (await import("./project.js")).page(visit, id);
  const makes = visit.may("member");
  const list = await listView({
    path: PROJECTS,
    label: "Projects",
    columns: [
      { title: "Name", value: ({ id, name, description }) => [element("a", { href: pageOf(id) }, named(name)), aside(brief(description))] },
      { title: "Status", value: (project) => status(project.status) },
      { title: "Owner", kind: "wide", value: ({ owner }) => element("div", named(owner.name, owner.id === visit.session.user.id && "you")) },
      { title: "Changed", value: ({ updatedAt }) => timeElement(updatedAt) },
    ],
    filters: [
      { name: "q", label: "Search", placeholder: "Name, description" },
      { name: "status", label: "Status", options: [["", "Any"], ...STATUSES] },
    ],
    empty: element("p", makes ? "No projects yet. Create the first." : "No colleague has shared a project with you yet."),
  });
  return { title: "Projects", content: [heading("Projects", { actions: makes && button("Create a project", create, { kind: "primary" }) }), list] };
}

async function create() {
  const templates = await act(() => all("/api/admin/templates"));
  if (!templates) return;
  const choices = [["", "An empty PRD"], ...templates.map(({ id, name }) => [id, name])];
  formDialog({
    title: "Create a project",
    fields: [textFields(), field({ name: "templateId", label: "Begin with", type: "select", options: choices })],
    submit: "Create",
    send: ({ templateId, ...texts }) => post(PROJECTS, { ...texts, templateId: templateId || null }),
    said: "The project is created.",
    done: ({ id }) => go(pageOf(id)),
  });
}
