// A token from a mailed link. It is taken out of the address bar and this entry of the history, and
// held by the page alone: an address is easily copied, shown or kept.

export function takeToken(name = "token") {
  const token = new URLSearchParams(location.search).get(name);
  history.replaceState(null, "", location.pathname);
  return token;
}
