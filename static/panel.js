// What the pages before the sign-in are made of: one panel at a time.

import { element } from "./elements.js";

export function panel(title, ...content) {
  return element("section", { class: "panel", "aria-label": title }, element("h1", { tabindex: "-1" }, title), content);
}

// Shows a panel in place of the one that stands there; the reader of a screen is taken to its heading.
export function showPanel(made) {
  const heading = made.querySelector("h1");
  document.title = `${heading.textContent} · Claviger`;
  document.querySelector("main").replaceChildren(made);
  (made.querySelector("[autofocus]") ?? heading).focus();
  return true;
}

// A link that looks like the button of a form.
export const linkButton = (href, label) => element("p", element("a", { class: "button primary", href }, label));
