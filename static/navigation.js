// Going from page to page without loading the document anew. workspace.js says how a page is shown.

const SCROLLING_PAUSE_MS = 150;

// showPage(scroll): shows the page of this address, scrolled to there; left where it is for null.
let showPage = () => {};
export const whenGoing = (show) => (showPage = show);

// Goes to another address of the workspace.
export function go(address) {
  clearTimeout(pause);
  keepScroll();
  history.pushState(null, "", address);
  return showPage(0);
}

// Shows this page anew, at another address in place of its own if one is given.
export function again(address = location.href) {
  history.replaceState(history.state, "", address);
  return showPage(null);
}

// Keeps what is filtered by in the address, so that it can be reloaded, kept and sent to others.
export function keepInAddress(values) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(values)) value ? query.set(name, value) : query.delete(name);
  history.replaceState(history.state, "", query.size > 0 ? `${location.pathname}?${query}` : location.pathname);
}

// Each entry of the history knows how far its page was scrolled. The browser knows it too, but would scroll before the
// page is there.
export const scrollOf = (state) => state?.scroll ?? 0;
const keepScroll = () => history.replaceState({ scroll: scrollY }, "");

let pause = null;
history.scrollRestoration = "manual";
addEventListener("scroll", () => {
  clearTimeout(pause);
  pause = setTimeout(keepScroll, SCROLLING_PAUSE_MS);
});
// What was about to be kept was the place of another entry.
addEventListener("popstate", () => clearTimeout(pause));
