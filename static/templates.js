// Templates: PRDs to begin with. Everyone reads them; owners and admins write them.

import { get, post } from "./api.js";
import { copyable } from "./copy.js";
import { formDialog, openDialog } from "./dialog.js";
import { editDialog, endDialog, longField, textFields } from "./editing.js";
import { button, element } from "./elements.js";
import { brief, timeElement } from "./format.js";
import { listView } from "./list.js";
import { menu } from "./menu.js";
import { act, aside, heading, named } from "./page.js";

const TEMPLATES = "/api/admin/templates";
const pathOf = ({ id }) => `${TEMPLATES}/${id}`;

const fields = (template) => [textFields(template), longField("prd", template?.prd)];

export async function page({ may }) {
  const manages = may("admin");
  const list = await listView({
    path: TEMPLATES,
    label: "Templates",
    columns: [
      { title: "Name", value: (template) => [button(named(template.name), () => show(template), { kind: "as-link" }), aside(brief(template.description))] },
      { title: "Changed", value: ({ updatedAt }) => timeElement(updatedAt) },
      manages && { title: "Actions", kind: "actions", value: actions },
    ].filter(Boolean),
    empty: element("p", manages ? "No templates yet. Create one, and projects can begin with it." : "No templates yet. Owners and admins create them."),
  });
  const actionsOfPage = manages && button("Create a template", create, { kind: "primary" });
  return { title: "Templates", content: [heading("Templates", { lead: "What the PRD of a project can begin with.", actions: actionsOfPage }), list] };

  function create() {
    formDialog({ title: "Create a template", wide: true, held: true, fields: fields(), submit: "Create", send: (values) => post(TEMPLATES, values), said: "The template is created.", done: list.reload });
  }

  function actions(template) {
    return menu(`Actions for ${template.name}`, [
      ["Edit…", () => editDialog(pathOf(template), { what: template.name, fields, done: list.reload })],
      ["Delete…", () => endDialog(pathOf(template), { verb: "Delete", what: template.name, text: "Projects that began with it keep what they have.", said: "The template is deleted.", done: list.reload }), "danger"],
    ]);
  }
}

async function show(template) {
  const read = await act(() => get(pathOf(template)));
  if (read) openDialog({ title: named(read.name), wide: true, content: [element("p", read.description), copyable(read.prd, "The PRD")] });
}
