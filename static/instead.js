// A page of several panels shows one at a time; the reader of a screen is taken to its heading.

export function showInstead(id) {
  for (const panel of document.querySelectorAll("section.panel")) panel.hidden = panel.id !== id;
  document.querySelector(`#${id} h1`).focus();
  return true;
}
