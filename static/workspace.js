// The pages behind the sign-in: who is there, the menu, and which module shows which page.
//
// A page's module has `page(visit)`, which loads what it needs and returns { title, content }. A visit has `session` (the
// API's object), `may(role)`, `query` (URLSearchParams), `signal`, which is aborted when the page is left, and `renew()`:
// who one is has changed, so the session is asked for again, and the page shown anew.

import { ApiError, get, noAnswer, post, whenForbidden, whenSignedOut } from "./api.js";
import { closeDialogs } from "./dialog.js";
import { button, element, hidden } from "./elements.js";
import { useTimeZone } from "./format.js";
import { again, go, scrollOf, whenGoing } from "./navigation.js";
import { clearNotice, messageOf, say, showNotice } from "./notice.js";
import { signIn } from "./return_to.js";
import { goToSignIn, tellOtherTabs, whenSessionChanges } from "./tabs.js";

// What takes longer than this is said to be loading.
const PATIENCE_MS = 600;

const ROLES = ["viewer", "member", "admin", "owner"];

// In the order of the menu. `role` is the least that the page is offered to.
const PAGES = [
  { path: "/projects", name: "Projects", role: "viewer", load: () => import("./projects.js") },
  { path: "/admin/settings/developer", name: "API keys", role: "admin", load: () => import("./developer.js") },
  { path: "/admin/settings/team", name: "Team", role: "viewer", load: () => import("./team.js") },
  { path: "/admin/settings/organization", name: "Organization", role: "admin", load: () => import("./organization.js") },
  { path: "/admin/settings/webhooks", name: "Webhooks", role: "admin", load: () => import("./webhooks.js") },
  { path: "/admin/settings/widgets", name: "Widgets", role: "admin", load: () => import("./widgets.js") },
  { path: "/admin/settings/templates", name: "Templates", role: "viewer", load: () => import("./templates.js") },
  { path: "/admin/audit", name: "Audit", role: "admin", load: () => import("./audit.js") },
  { path: "/admin/mail", name: "Mail", role: "admin", load: () => import("./mail.js") },
  { path: "/account", name: "Account", role: "viewer", load: () => import("./account.js") },
];

const byId = (id) => document.getElementById(id);
const [main, place, loading, problem, tryAgain, menu, menuButton] = ["main", "page", "loading", "problem", "try-again", "menu", "menu-button"].map(byId);

let session = null;
let stale = true;
let visit = null;
let shown = null;

// A long text that somebody writes is not lost with the session.
whenSignedOut(() => !document.querySelector("dialog .long") && location.replace(signIn(location)));
whenForbidden(renewRole);
whenGoing(show);
whenSessionChanges(() => {
  // What is shown once, or being written, stays until it is closed.
  const held = document.querySelector("dialog[data-held]");
  held ? held.addEventListener("close", () => location.reload()) : location.reload();
});
tryAgain.addEventListener("click", renew);
// The skip link makes an entry of the history too, and it is the same page.
addEventListener("popstate", ({ state }) => here() !== shown && show(scrollOf(state)));
// A page that is left must keep nothing that was shown once, nor come back after its session has ended.
addEventListener("pagehide", closeDialogs);
addEventListener("pageshow", (event) => event.persisted && location.reload());
document.addEventListener("click", followInside);
menuButton.addEventListener("click", () => openMenu(menuButton.getAttribute("aria-expanded") !== "true"));
document.addEventListener("keydown", closeMenu);
await show(scrollOf(history.state));

// Shows the page of this address, scrolled to there. The one before stays until it is ready, so that nothing jumps.
async function show(scroll) {
  visit?.abort();
  const own = (visit = new AbortController());
  closeDialogs();
  openMenu(false);
  main.setAttribute("aria-busy", "true");
  const slow = setTimeout(() => (loading.textContent = "Loading…"), PATIENCE_MS);
  own.signal.addEventListener("abort", () => clearTimeout(slow));
  try {
    if (stale) begin(await get("/api/auth/session"));
    const { title, content } = await load(own.signal);
    if (own.signal.aborted) return;
    showContent(title, content, scroll);
  } catch (error) {
    if (own.signal.aborted || error.name === "AbortError") return;
    if (!(error instanceof ApiError)) throw error;
    tellProblem(error);
  } finally {
    clearTimeout(slow);
    if (visit === own) {
      loading.textContent = "";
      main.removeAttribute("aria-busy");
    }
  }
}

function showContent(title, content, scroll) {
  const begins = !place.hasChildNodes() && document.activeElement === document.body;
  place.replaceChildren(...[content].flat(Infinity).filter(Boolean));
  clearNotice(problem);
  tryAgain.hidden = true;
  // A page that is shown anew stays where it was scrolled to.
  const stays = scroll === null && shown?.split("?")[0] === location.pathname;
  shown = here();
  document.title = `${title} · Claviger`;
  markCurrent();
  if (!stays) scrollTo(0, scroll ?? 0);
  if (!begins) (place.querySelector("h1") ?? main).focus({ preventScroll: true });
}

function tellProblem(error) {
  showNotice(problem, messageOf(error));
  tryAgain.hidden = false;
}

function here() {
  return location.pathname + location.search;
}

function begin(given) {
  session = given;
  stale = false;
  useTimeZone(session.user?.timezone);
  menu.replaceChildren(...menuParts());
  menuButton.hidden = false;
}

function renew() {
  stale = true;
  return again();
}

// Somebody may have been given another role during the visit: what it does not reach is not offered any more.
async function renewRole() {
  const known = session;
  const { role } = await get("/api/auth/session").catch(() => known);
  if (session !== known || role === known.role) return;
  await renew();
  say(`Your role here is ${role} now.`);
}

function may(role) {
  return ROLES.indexOf(session.role) >= ROLES.indexOf(role);
}

async function load(signal) {
  const offered = PAGES.filter(({ role }) => may(role));
  if (location.pathname === "/") history.replaceState(null, "", offered[0].path);
  const page = PAGES.find(({ path }) => path === location.pathname);
  if (!offered.includes(page)) return notForYou(page);
  const module = await page.load().catch((cause) => Promise.reject(cause instanceof TypeError ? noAnswer(cause) : cause));
  const asked = module.page({ session, may, signal, renew, query: new URLSearchParams(location.search) });
  return asked.catch((error) => (error.status === 404 ? notThere(page, error) : Promise.reject(error)));
}

// What the address names is there no more, or never was.
function notThere({ path, name }, error) {
  return { title: name, content: [element("a", { href: path }, `‹ ${name}`), element("h1", { tabindex: "-1" }, error.message)] };
}

function notForYou(page) {
  return {
    title: page.name,
    content: [
      element("h1", { tabindex: "-1" }, page.name),
      element("p", `The owners and admins of ${session.organization.name} manage this. Ask one of them if you need it.`),
    ],
  };
}

function menuParts() {
  const { user, organization } = session;
  const links = PAGES.filter(({ role }) => may(role)).map(({ path, name }) => element("li", element("a", { href: path }, name)));
  return [
    organizationPart(),
    element("nav", { "aria-label": "Pages" }, element("ul", links)),
    element("div", { class: "who" }, element("span", { title: user.email }, user.name), button("Sign out", signOut)),
  ];

  function organizationPart() {
    if (session.organizations.length < 2) return element("p", { class: "organization" }, organization.name);
    const options = session.organizations.map(({ id, name }) => element("option", { value: id, selected: id === organization.id }, name));
    return element("label", { class: "organization" }, hidden("Organization"), element("select", { onchange: switchOrganization }, options));
  }
}

async function switchOrganization({ target }) {
  await attempt(async () => {
    await post("/api/auth/switch-organization", { organizationId: target.value });
    tellOtherTabs();
    location.assign("/");
  });
  // Until the page is left, or where it stays.
  target.value = session.organization.id;
}

async function signOut() {
  await attempt(async () => {
    await post("/api/auth/sign-out");
    goToSignIn();
  });
}

async function attempt(step) {
  try {
    await step();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    showNotice(problem, messageOf(error));
  }
}

// Links within the workspace change the page without loading the document anew.
function followInside(event) {
  const link = event.target.closest("a[href]");
  const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  if (!link || !plain || link.target || link.hasAttribute("download")) return;
  const url = new URL(link.href);
  if (url.origin !== location.origin || url.hash || !(url.pathname === "/" || PAGES.some(({ path }) => path === url.pathname))) return;
  event.preventDefault();
  go(url.pathname + url.search);
}

function markCurrent() {
  for (const link of menu.querySelectorAll("nav a")) {
    const current = new URL(link.href).pathname === location.pathname;
    current ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current");
  }
}

function closeMenu(event) {
  if (event.key !== "Escape" || menuButton.getAttribute("aria-expanded") !== "true") return;
  openMenu(false);
  menuButton.focus();
}

// On a narrow screen the menu is behind its button.
function openMenu(open) {
  menuButton.setAttribute("aria-expanded", open);
  menu.classList.toggle("open", open);
}
