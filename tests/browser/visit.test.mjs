// A visit as a whole: what the pages behind the sign-in stand together.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { assertNothingSticksOut, browserForThisFile, inspect, NARROW, signedIn, signIn } from "./support/browser.mjs";
import { PASSWORD, startServer } from "./support/server.mjs";

const PAGES = { Projects: "/projects", "API keys": "/admin/settings/developer", Team: "/admin/settings/team", Organization: "/admin/settings/organization", Webhooks: "/admin/settings/webhooks", Widgets: "/admin/settings/widgets", Templates: "/admin/settings/templates", Audit: "/admin/audit", Mail: "/admin/mail", Account: "/account" };

const visit = browserForThisFile();
const server = await startServer({ registration: { mode: "open", require_verified_email: false } });
after(() => server.close());

let owner;
before(async () => {
  owner = await server.setUp();
  for (let number = 1; number <= 30; number += 1) await server.key(owner, `Key ${number}`);
});

const heading = (page, name) => page.getByRole("heading", { level: 1, name, exact: true });
const menuLink = (page, name) => page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name, exact: true });
const problem = (page) => page.getByRole("alert").filter({ hasText: /./ });
const focused = (page) => page.evaluate(() => document.activeElement.textContent.trim());

async function opened(page, context, path = "/", cookie = owner) {
  await signIn(context, server, cookie);
  await page.goto(`${server.url}${path}`);
  await page.locator("#page h1").waitFor();
}

test("the menu leads to every page without loading the document anew, and each page has its title", visit(async ({ page, context }) => {
  await opened(page, context);
  await page.evaluate(() => (window.sameDocument = true));
  for (const [name, path] of Object.entries(PAGES)) {
    await menuLink(page, name).click();
    await heading(page, name).waitFor();
    assert.equal(new URL(page.url()).pathname, path);
    assert.equal(await menuLink(page, name).getAttribute("aria-current"), "page");
    assert.match(await page.title(), new RegExp(`^${name}.* · Claviger$`));
    assert.equal(await focused(page), name, "the reader of a screen is taken to the heading");
  }
  assert.equal(await page.evaluate(() => window.sameDocument), true);
}));

test("a keyboard alone gets through the menu, past it, and to every control with a visible focus", visit(async ({ page, context }) => {
  await opened(page, context, "/admin/audit");
  const { keyboard } = page;
  await keyboard.press("Tab");
  assert.equal(await focused(page), "Skip to the content");
  await keyboard.press("Enter");
  await page.waitForFunction(() => document.activeElement.id === "main");
  await heading(page, "Audit").waitFor();
  await keyboard.press("Tab");
  assert.equal(await focused(page), "Export JSON Lines");

  await page.goto(`${server.url}/admin/audit`);
  await heading(page, "Audit").waitFor();
  for (let stop = 0; stop < 30; stop += 1) {
    await keyboard.press("Tab");
    const { name, outline } = await page.evaluate(() => {
      const style = getComputedStyle(document.activeElement);
      return { name: document.activeElement.outerHTML.slice(0, 80), outline: `${style.outlineStyle} ${style.outlineWidth}` };
    });
    if (name.startsWith("<body")) break;
    assert.match(outline, /^(solid 2px|auto \d)/, name);
  }
  await page.goto(`${server.url}/admin/audit`);
  await heading(page, "Audit").waitFor();
  for (let stop = 0; (await focused(page)) !== "Team"; stop += 1) {
    assert.ok(stop < 12, "the menu is not reached");
    await keyboard.press("Tab");
  }
  await keyboard.press("Enter");
  await heading(page, "Team").waitFor();
}));

test("back and forward show each page as it was left, filters and place included", visit(async ({ page, context }) => {
  await opened(page, context, "/admin/audit?action=api_key.*");
  const scrolled = () => page.evaluate(() => Math.round(scrollY));
  await page.evaluate(() => scrollTo(0, 500));
  assert.equal(await scrolled(), 500);
  await menuLink(page, "Mail").click();
  await heading(page, "Mail").waitFor();
  assert.equal(await scrolled(), 0);
  await page.goBack();
  await heading(page, "Audit").waitFor();
  assert.equal(await page.getByLabel("What").inputValue(), "api_key.*");
  await page.waitForFunction(() => Math.round(scrollY) === 500);
  await page.goForward();
  await heading(page, "Mail").waitFor();
  await page.goBack();
  await heading(page, "Audit").waitFor();
  await page.waitForFunction(() => Math.round(scrollY) === 500);
  await page.waitForTimeout(200);
  await page.reload();
  await heading(page, "Audit").waitFor();
  await page.waitForFunction(() => Math.round(scrollY) === 500);
}));

test("whose session ends in the middle of a visit signs in and is back where they were", visit({ allow: [/401/] }, async ({ page, context }) => {
  const session = await server.signIn();
  await opened(page, context, "/admin/audit?action=api_key.*", session);
  await server.must("POST", "/api/auth/sign-out", null, session);
  await page.getByLabel("Who").selectOption({ label: "Ada Lovelace" });
  await page.waitForURL((url) => url.pathname === "/sign-in");
  const left = new URL(new URL(page.url()).searchParams.get("returnTo"), server.url);
  assert.equal(left.searchParams.get("action"), "api_key.*");
  await page.getByLabel("Email").fill("ada@example.com");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await heading(page, "Audit").waitFor();
  assert.equal(page.url(), left.href);
  assert.equal(await page.getByLabel("What").inputValue(), "api_key.*");
  assert.equal(await page.getByLabel("Who").evaluate((select) => select.selectedOptions[0].textContent), "Ada Lovelace");
}));

test("a server that is down is told, what stands on the page stays, and one tries again", visit({ allow: [/ERR_CONNECTION_REFUSED/, /ERR_CONNECTION_RESET/] }, async ({ page, context }) => {
  const shaky = await startServer();
  try {
    await signIn(context, shaky, await shaky.setUp());
    await page.goto(`${shaky.url}/admin/audit`);
    await heading(page, "Audit").waitFor();
    await shaky.stop();
    // A page whose module was never loaded, too.
    await menuLink(page, "Team").click();
    await problem(page).waitFor();
    assert.match(await problem(page).textContent(), /The server cannot be reached\./);
    await heading(page, "Audit").waitFor();
    await page.getByText("created organization").waitFor();
    await inspect(page, "server-down");
    // Again in vain: the notice stays.
    await page.getByRole("button", { name: "Try again" }).click();
    await page.waitForFunction(() => !document.querySelector("main[aria-busy]"));
    await problem(page).waitFor();

    await shaky.start();
    await page.getByRole("button", { name: "Try again" }).click();
    await heading(page, "Team").waitFor();
    assert.equal(await problem(page).count(), 0);
    assert.equal(new URL(page.url()).pathname, PAGES.Team);
  } finally {
    await shaky.close();
  }
}));

test("a slow server is said to be slow after a moment, and nothing moves", visit(async ({ page, context }) => {
  await opened(page, context, "/admin/audit");
  const loading = page.getByRole("status").filter({ hasText: "Loading…" });
  const top = () => heading(page, "Audit").evaluate((element) => element.getBoundingClientRect().top);
  const before = await top();
  let answer;
  await page.route("**/api/admin/mail*", async (route) => {
    await new Promise((resolve) => (answer = resolve));
    await route.continue();
  });
  await menuLink(page, "Mail").click();
  assert.equal(await loading.count(), 0, "not at once");
  await loading.waitFor();
  assert.equal(await top(), before);
  await inspect(page, "loading");
  // Who does not want to wait goes elsewhere, and stays there.
  await menuLink(page, "Account").click();
  await heading(page, "Account").waitFor();
  answer();
  await page.waitForTimeout(300);
  await heading(page, "Account").waitFor();
  assert.equal(await loading.count(), 0);
}));

test("a server that never answers is given up after half a minute", visit(async ({ page, context }) => {
  await opened(page, context, "/admin/audit");
  // The pages' own clock for it, as nobody waits so long in a test.
  await page.addInitScript(() => {
    const real = AbortSignal.timeout.bind(AbortSignal);
    AbortSignal.timeout = (time) => ((window.given = time), real(location.pathname === "/admin/mail" ? 500 : time));
  });
  await page.route("**/api/admin/mail*", () => null);
  await page.goto(`${server.url}/admin/mail`);
  await problem(page).waitFor();
  assert.match(await problem(page).textContent(), /took too long to answer/);
  assert.equal(await page.evaluate(() => window.given), 30_000);
  await page.unroute("**/api/admin/mail*");
  await page.getByRole("button", { name: "Try again" }).click();
  await heading(page, "Mail").waitFor();
}));

test("whose role falls during the visit sees what is left", visit({ allow: [/403/] }, async ({ page, context }) => {
  const { id, cookie } = await server.member(owner, { name: "Finn", email: "finn@example.com", role: "admin" });
  await opened(page, context, "/admin/audit", cookie);
  await server.must("PATCH", `/api/admin/members/${id}`, { role: "viewer" }, owner);
  await page.getByLabel("What").selectOption("api_key.*");
  await page.getByText(/The owners and admins of Home manage this/).waitFor();
  await page.getByRole("status").filter({ hasText: "Your role here is viewer now." }).waitFor();
  assert.equal(await menuLink(page, "Audit").count(), 0);
  await menuLink(page, "Account").click();
  await heading(page, "Account").waitFor();
}));

test("two tabs never show two organizations", visit({ allow: [/401/] }, async ({ page, context, open }) => {
  await server.must("POST", "/api/auth/register", { name: "Olga", email: "olga@example.com", password: PASSWORD });
  const own = await server.signIn("olga@example.com");
  const { inviteUrl } = await server.must("POST", "/api/admin/invites", { email: "olga@example.com", role: "admin" }, owner);
  await server.must("POST", "/api/auth/accept-invite", { token: new URL(inviteUrl).searchParams.get("token") }, own);
  await opened(page, context, "/admin/audit", own);
  const other = await open();
  await other.goto(`${server.url}/admin/audit`);
  await heading(other, "Audit").waitFor();
  await page.getByLabel("Organization").selectOption({ label: "Home" });
  await heading(page, "Projects").waitFor();
  await other.waitForFunction(() => document.querySelector("#menu select")?.selectedOptions[0].textContent === "Home");
  await other.getByText("created key Key 30").waitFor();
  assert.equal((await signedIn(context, server)).organization.name, "Home");

  // And when one signs out, so does the other.
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL(`${server.url}/sign-in`);
  await other.waitForURL((url) => url.pathname === "/sign-in");
}));

test("on a phone the menu is behind its button, and closes by Escape", visit({ width: NARROW }, async ({ page, context }) => {
  await opened(page, context, "/admin/mail");
  const button = page.getByRole("button", { name: "Menu" });
  assert.equal(await menuLink(page, "Team").count(), 0);
  await button.click();
  assert.equal(await button.getAttribute("aria-expanded"), "true");
  await inspect(page, "menu");
  await menuLink(page, "Team").focus();
  await page.keyboard.press("Escape");
  assert.equal(await menuLink(page, "Team").count(), 0);
  assert.equal(await focused(page), "Menu");
  await button.click();
  await menuLink(page, "Team").click();
  await heading(page, "Team").waitFor();
  assert.equal(await menuLink(page, "Team").count(), 0);
  await assertNothingSticksOut(page);
}));

test("hostile names break no page", visit({ width: NARROW }, async ({ page, context }) => {
  const name = "<img src=x onerror=alert(1)>";
  const hostile = await startServer();
  try {
    const long = "漢".repeat(100);
    const cookie = await hostile.setUp({ name, organization: long });
    await hostile.key(cookie, { name: long });
    await hostile.member(cookie, { name: "W".repeat(100), email: "w@example.com" });
    await signIn(context, hostile, cookie);
    for (const path of Object.values(PAGES)) {
      await page.goto(`${hostile.url}${path}`);
      await page.locator("#page h1").waitFor();
      for (const width of [360, 1280]) {
        await page.setViewportSize({ width, height: 800 });
        await assertNothingSticksOut(page);
      }
      assert.equal(await page.locator("main img").count(), 0);
    }
    await page.getByText(name).first().waitFor();
    await inspect(page, "hostile-names");
  } finally {
    await hostile.close();
  }
}));
