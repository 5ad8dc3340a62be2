// Boxes that a button opens, such as a menu of further actions, in the browser's own popover: they close by Escape and by
// a click elsewhere, and are drawn above everything.

import { element, newId } from "./elements.js";

// items: [label, onclick, kind]; those that are null are left out. `label` says whose actions they are.
export function menu(label, items) {
  const opener = element("button", { type: "button", class: "plain", "aria-label": label, "aria-haspopup": "true" }, "⋯");
  const list = element("div", { class: "menu" });
  for (const [text, act, kind = "plain"] of items.filter(Boolean)) {
    list.append(element("button", { type: "button", class: kind, onclick: () => chosen(act) }, text));
  }
  list.addEventListener("keydown", move);
  return popover(opener, list, () => list.querySelector("button")?.focus());

  function chosen(act) {
    list.hidePopover();
    // Where the focus is to come back to when a dialog that is opened now is closed.
    opener.focus();
    act();
  }

  function move(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const buttons = [...list.children];
    buttons.at((buttons.indexOf(document.activeElement) + step) % buttons.length).focus();
  }
}

// The button with the box that it opens, below it and inside the window; it goes along when the page is scrolled.
export function popover(opener, box, opened = () => {}) {
  box.id = newId("popover");
  box.popover = "auto";
  opener.setAttribute("popovertarget", box.id);
  box.addEventListener("toggle", ({ newState }) => {
    removeEventListener("resize", place);
    if (newState !== "open") return;
    addEventListener("resize", place);
    place();
    opened();
  });
  return element("span", { class: "menu-holder" }, opener, box);

  function place() {
    const { right, bottom, top } = opener.getBoundingClientRect();
    const { width, height } = box.getBoundingClientRect();
    const below = bottom + height < innerHeight;
    box.style.left = `${Math.max(8, right - width) + scrollX}px`;
    box.style.top = `${(below ? bottom + 4 : Math.max(8, top - height - 4)) + scrollY}px`;
  }
}
