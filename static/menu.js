// A button with a menu of further actions, in the browser's own popover: it closes by Escape and by a click elsewhere,
// and is drawn above everything.

import { element, newId } from "./elements.js";

// items: [label, onclick, kind]; those that are null are left out. `label` says whose actions they are.
export function menu(label, items) {
  const id = newId("menu");
  const opener = element("button", { type: "button", class: "plain", popovertarget: id, "aria-label": label, "aria-haspopup": "true" }, "⋯");
  const list = element("div", { id, popover: "auto", class: "menu" });
  for (const [text, act, kind = "plain"] of items.filter(Boolean)) {
    list.append(element("button", { type: "button", class: kind, onclick: () => chosen(act) }, text));
  }
  list.addEventListener("toggle", ({ newState }) => newState === "open" && place());
  list.addEventListener("keydown", move);
  return element("span", { class: "menu-holder" }, opener, list);

  function chosen(act) {
    list.hidePopover();
    // Where the focus is to come back to when a dialog that is opened now is closed.
    opener.focus();
    act();
  }

  // Below the button and inside the window.
  function place() {
    const { right, bottom, top } = opener.getBoundingClientRect();
    const { width, height } = list.getBoundingClientRect();
    const below = bottom + height < innerHeight;
    list.style.left = `${Math.max(8, right - width)}px`;
    list.style.top = `${below ? bottom + 4 : Math.max(8, top - height - 4)}px`;
    list.querySelector("button")?.focus();
  }

  function move(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const buttons = [...list.children];
    buttons.at((buttons.indexOf(document.activeElement) + step) % buttons.length).focus();
  }
}
