// Makes elements. Strings become text, never markup, so that whatever a name contains is shown as it stands.

// element("p", "text"), element("p", { class: "hint" }, "text", otherElement, [more, elements])
// An attribute that is null, undefined or false is left out, `true` stands without a value, and a function under
// `onclick` listens. Children that are null, undefined or false are left out too.
export function element(tag, ...rest) {
  return build(document.createElement(tag), rest);
}

export function svgElement(tag, ...rest) {
  return build(document.createElementNS("http://www.w3.org/2000/svg", tag), rest);
}

function build(made, rest) {
  const [first, ...others] = rest;
  const hasAttributes = first !== null && typeof first === "object" && !(first instanceof Node) && !Array.isArray(first);
  if (hasAttributes) setAttributes(made, first);
  made.append(...(hasAttributes ? others : rest).flat(Infinity).filter((child) => child || child === 0));
  return made;
}

function setAttributes(made, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
}

// An id that no other element of this page has, to tie labels, hints and errors to what they speak of.
let ids = 0;
export const newId = (name) => `${name}-${++ids}`;

// A quiet button; `kind` may be "primary" or "danger".
export function button(label, onclick, { kind = "quiet", ...attributes } = {}) {
  return element("button", { type: "button", class: kind, onclick, ...attributes }, label);
}

export const hidden = (text) => element("span", { class: "visually-hidden" }, text);
