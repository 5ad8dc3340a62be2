// The dialogs that change and end what others may change meanwhile: their change is shown, and not overwritten unseen.

import { get, patch, remove } from "./api.js";
import { confirmDialog, formDialog } from "./dialog.js";
import { element } from "./elements.js";
import { field } from "./form.js";
import { act, named } from "./page.js";

// A long text is not left by accident.
addEventListener("beforeunload", (event) => document.querySelector("dialog .long") && event.preventDefault());

export const longField = (name, value) => field({ name, label: "PRD, in Markdown", type: "textarea", value, class: "long" });

export const textFields = ({ name, description } = {}) => [
  field({ name: "name", label: "Name", value: name, required: "Enter a name.", autocomplete: "off" }),
  field({ name: "description", label: "Description", type: "textarea", value: description }),
];

// `fields(value)` makes the form's fields of what is there, or of what stands at `from`.
export async function editDialog(path, { what, fields = textFields, save = patch, from = path, done }) {
  const opened = await act(() => Promise.all([get(path, { tagged: true }), get(from)]));
  if (!opened) return;
  let [{ value, tag }, begun] = opened;
  const conflict = element("div", { class: "notice", role: "alert" });
  const theirs = element("div");
  formDialog({
    title: ["Edit ", named(what)],
    held: true,
    wide: true,
    intro: [conflict, theirs],
    fields: fields(begun),
    submit: "Save",
    busy: "Saving…",
    send: (values) => save(path, values, { headers: { "If-Match": tag } }),
    said: "It is saved.",
    done,
    refused({ code }) {
      if (code === "VERSION_MISMATCH") act(tellConflict);
      return code === "VERSION_MISMATCH";
    },
  });

  async function tellConflict() {
    const newest = await get(path, { tagged: true });
    const form = theirs.parentElement.querySelector("form");
    const changed = [...form.elements].filter(({ name }) => name && newest.value[name] !== value[name]);
    ({ value, tag } = newest);
    // What they changed is not in this form.
    if (changed.length === 0) return form.requestSubmit();
    conflict.dataset.tone = "error";
    conflict.textContent = `${value.updatedBy?.name ?? "Somebody"} changed this meanwhile. “Save” puts yours over it, “Cancel” leaves theirs.`;
    theirs.replaceChildren(...changed.map(({ name, labels }) => field({ name, label: `Theirs: ${labels[0].textContent}`, type: "textarea", value: value[name], readonly: true })));
    conflict.scrollIntoView();
  }
}

// Asks before something ends. `text` says what follows.
export function endDialog(path, { verb, what, ...rest }) {
  confirmDialog({ title: [`${verb} `, named(what), "?"], action: verb, send: () => remove(path), ...rest });
}
