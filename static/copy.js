// Text to be taken elsewhere, with a button that copies it.

import { button, element } from "./elements.js";
import { field } from "./form.js";
import { say } from "./notice.js";

// `what` is said when it is done: "The key is copied."
export function copyButton(text, what, label = "Copy") {
  return button(label, async (event) => say((await copy(text, event.currentTarget)) ? `${what} is copied.` : "Copying failed; select the text and copy it yourself."));
}

// Code in a box with its button.
export function copyable(text, what, { label } = {}) {
  return element("div", { class: "copyable" }, element("pre", { tabindex: "0", "aria-label": what }, element("code", text)), copyButton(text, what, label));
}

// The same in several languages, by name: a choice, and the chosen one's lines.
export function inLanguages(label, lines) {
  const names = Object.keys(lines);
  const shown = element("div");
  const show = (name) => shown.replaceChildren(copyable(lines[name], `The example for ${name}`));
  show(names[0]);
  return [field({ name: "language", label, type: "select", options: names.map((name) => [name, name]), onchange: ({ target }) => show(target.value) }), shown];
}

// Browsers offer the clipboard on HTTPS and on this very machine alone; elsewhere the older way is left.
async function copy(text, near) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = element("textarea", { class: "visually-hidden", "aria-hidden": "true", tabindex: "-1" }, text);
    near.after(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    near.focus();
    return done;
  }
}
