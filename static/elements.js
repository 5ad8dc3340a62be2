// Makes an element with its attributes and children. Strings become text, never markup, so that
// whatever a name contains is shown as it stands.

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}
