// The token of a mailed link. It is taken out of the address bar and this entry of the history before anything else
// happens, and held by the page alone: an address is easily copied, shown or kept.

// The address that the page was opened with.
export const opened = new URL(location.href);

// Behind the # of a share link, too.
if (opened.hash.startsWith("#shr_") || ["token", "inviteToken"].some((name) => opened.searchParams.has(name))) history.replaceState(null, "", location.pathname);

export const takeToken = (name = "token") => opened.searchParams.get(name);
