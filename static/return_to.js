// Where to go after signing in. The address comes from the query string, so anybody may have
// written it: only a path of this very site is followed, or an address that the server has let
// through (it takes every other away before it serves the page); all else leads to the home page.

export const signIn = (here) =>
  here.pathname === "/" ? "/sign-in" : `/sign-in?returnTo=${encodeURIComponent(here.pathname + here.search)}`;

export function returnAddress(here) {
  const home = new URL("/", here.origin).href;
  const wanted = new URLSearchParams(here.search).get("returnTo") ?? "";
  // The server serves this page with such an address only where its origin is one of gate.origins.
  if (/^https?:\/\//.test(wanted) && URL.canParse(wanted)) return new URL(wanted).href;
  // Browsers read `//host` and `/\host` as another site.
  if (!/^\/(?![/\\])/.test(wanted) || !URL.canParse(wanted, here.origin)) return home;
  const url = new URL(wanted, here.origin);
  // The whole address and not its path: of `/.//host`, the path alone is `//host` again.
  return url.origin === here.origin ? url.href : home;
}
