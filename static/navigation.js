// Going from page to page without loading the document anew. workspace.js says how a page is shown.

let showPage = () => {};
export const whenGoing = (show) => (showPage = show);

// Goes to another address of the workspace.
export function go(address) {
  history.pushState(null, "", address);
  return showPage();
}

// Shows this page anew, at another address in place of its own if one is given.
export function again(address = location.href) {
  history.replaceState(null, "", address);
  return showPage();
}

// Keeps what is filtered by in the address, so that it can be reloaded, kept and sent to others.
export function keepInAddress(values) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(values)) value ? query.set(name, value) : query.delete(name);
  history.replaceState(null, "", query.size > 0 ? `${location.pathname}?${query}` : location.pathname);
}
