// What can be done with an API key: in its row's menu, and on its own page.

import { patch, post, remove } from "./api.js";
import { confirmDialog, formDialog } from "./dialog.js";
import { element } from "./elements.js";
import { field } from "./form.js";
import { editKey } from "./key_form.js";
import { GRACES, pathOf } from "./key_settings.js";
import { showNewKey } from "./new_key.js";
import { say } from "./notice.js";
import { act } from "./page.js";

// [label, act, kind] of each. `changed` follows; it is told of a successor, and null of a deletion.
export function actionsFor(visit, key, changed) {
  // What was rotated can only be ended.
  const isOpen = key.status !== "superseded";
  return [
    isOpen && ["Edit…", () => editKey(visit, key, changed)],
    (key.active || isOpen) && [key.active ? "Deactivate" : "Activate", () => switchKey(key, changed)],
    isOpen && key.status !== "expired" && ["Rotate…", () => rotateKey(visit, key, changed)],
    ["Delete…", () => deleteKey(key, changed), "danger"],
  ].filter(Boolean);
}

async function switchKey({ id, name, active }, changed) {
  await act(() => patch(pathOf(id), { active: !active }), `“${name}” is ${active ? "deactivated" : "active again"}.`);
  changed();
}

function rotateKey(visit, { id, name }, changed) {
  formDialog({
    title: ["Rotate ", element("bdi", name)],
    intro: element("p", "A new key with the same settings takes its place. The old one can go on working until the new one is in use everywhere."),
    fields: [field({ name: "graceSeconds", label: "The old key goes on working for", type: "select", value: "86400", options: GRACES })],
    submit: "Rotate",
    busy: "Rotating…",
    send: ({ graceSeconds }) => post(`${pathOf(id)}/rotate`, { graceSeconds: Number(graceSeconds) }),
    done: (made) => showNewKey(visit, made, () => changed(made)),
  });
}

function deleteKey({ id, name }, changed) {
  confirmDialog({
    title: ["Delete ", element("bdi", name), "?"],
    text: "Every request with it is refused from then on. This cannot be undone. Its requests and its audit stay.",
    typed: name,
    action: "Delete the key",
    busy: "Deleting…",
    send: () => remove(pathOf(id)),
    done() {
      say(`“${name}” is deleted.`);
      changed(null);
    },
  });
}
