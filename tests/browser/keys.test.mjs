// API keys: the list, a key's own page, and all that is done with a key from the day it is made until it is deleted.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, test } from "node:test";

import { assertNothingSticksOut, axe, browserForThisFile, inspect, NARROW, screenshot, signIn, WIDE } from "./support/browser.mjs";
import { startServer } from "./support/server.mjs";

const LIST = "/admin/settings/developer";
const KEYS = "/api/admin/rest-api-keys";

const visit = browserForThisFile();
const server = await startServer();
const owner = await server.setUp();
after(() => server.close());

// A test that begins as the owner.
const signedIn = (...given) => {
  const run = given.pop();
  return visit(...given, async (tools, t) => {
    await signIn(tools.context, server, owner);
    await run(tools, t);
  });
};

const open = (page, path = LIST) => page.goto(server.url + path);
const pageOf = ({ id }) => `${LIST}?key=${id}`;
const heading = (page, name) => page.getByRole("heading", { level: 1, name, exact: true });
const dialog = (page) => page.getByRole("dialog");
const press = (page, name) => page.getByRole("button", { name, exact: true }).click();
const row = (page, name) => page.getByRole("row").filter({ has: page.getByRole("link", { name, exact: true }) });
const said = (page, text) => page.getByRole("status").filter({ hasText: text }).waitFor();
const statusOf = async (key) => (await server.requests(key))[0];

async function choose(page, name, action) {
  await row(page, name).getByRole("button", { name: /^Actions for/ }).click();
  await press(page, action);
}

// The key that the dialog shows.
const shownKey = (page) => dialog(page).getByLabel("The key", { exact: true }).textContent();

async function create(page, name) {
  await press(page, "Create a key");
  await dialog(page).getByLabel("Name").fill(name);
  await press(page, "Create");
  await heading2(page, `The key of ${name}`).waitFor();
  return shownKey(page);
}

const heading2 = (page, name) => page.getByRole("heading", { level: 2, name, exact: true });

// Whether anything of the page, its address or what the browser keeps holds this text.
const holds = (page, text) =>
  page.evaluate((text) => {
    const kept = [JSON.stringify({ ...localStorage, ...sessionStorage }), location.href, JSON.stringify(history.state)];
    return [document.documentElement.outerHTML, ...kept].some((each) => each.includes(text)) || [...document.querySelectorAll("input, textarea")].some(({ value }) => value.includes(text));
  }, text);

test("without a key the list says what to do next", visit(async ({ page, context }) => {
  const fresh = await startServer();
  try {
    await signIn(context, fresh, await fresh.setUp());
    await page.goto(fresh.url + LIST);
    await page.getByText("No keys yet.").waitFor();
    await inspect(page, "keys-empty");
  } finally {
    await fresh.close();
  }
}));

test("a key that is shown once stays until it is stored, though another tab signs in meanwhile", signedIn(async ({ page, context }) => {
  await open(page);
  await press(page, "Create a key");
  await dialog(page).getByLabel("Name").fill("Held");
  await press(page, "Create");
  await heading2(page, "The key of Held").waitFor();
  const key = await shownKey(page);
  const other = await context.newPage();
  await other.goto(`${server.url}/account`);
  await other.evaluate(() => new BroadcastChannel("session").postMessage("changed"));
  await other.close();
  await page.waitForTimeout(300);
  assert.equal(await shownKey(page), key);
  const reloaded = page.waitForEvent("load");
  await press(page, "I have stored it");
  await reloaded;
  await row(page, "Held").waitFor();
}));

test("a key is made, shown once, works, and is refused once it is deactivated", signedIn(async ({ page, allow }) => {
  await open(page);
  await press(page, "Create a key");
  await inspect(page, "keys-create");
  await press(page, "Create");
  await page.getByText("Enter a name.").waitFor();
  await page.getByText("Limit, scopes, addresses, owner").click();
  await dialog(page).getByLabel("Scopes").fill("Not A Scope");
  await dialog(page).getByLabel("Requests a minute").fill("many");
  await dialog(page).getByLabel("Name").fill("Deploy");
  await press(page, "Create");
  await page.getByText("Enter a whole number.").waitFor();
  await dialog(page).getByLabel("Requests a minute").fill("100");
  // What is folded away opens where an error is.
  await page.getByText("Limit, scopes, addresses, owner").click();
  allow(/400 .*rest-api-keys/);
  await press(page, "Create");
  await dialog(page).locator("[name=scopes][aria-invalid=true]").waitFor();
  await inspect(page, "keys-create-errors");
  await dialog(page).getByLabel("Scopes").fill("deploy, read:logs");
  await dialog(page).getByLabel("Addresses").fill("127.0.0.0/8\n10.1.2.3");
  await press(page, "Create");

  await heading2(page, "The key of Deploy").waitFor();
  const key = await shownKey(page);
  assert.match(key, /^clav_live_[0-9a-f]{64}$/);
  for (const language of ["curl", "JavaScript", "Python", "PHP"]) {
    await dialog(page).getByLabel("Try it with").selectOption(language);
    const lines = await dialog(page).getByLabel(`The example for ${language}`).textContent();
    assert.ok(lines.includes(key) && lines.includes(`${server.url}/v1/version`), lines);
    if (language === "JavaScript") assert.match(execFileSync(process.execPath, ["--input-type=module", "--eval", lines], { encoding: "utf8" }), /^200 .*claviger/);
  }
  await inspect(page, "keys-shown-once");
  // It is not closed by chance.
  for (let time = 0; time < 3; time += 1) await page.keyboard.press("Escape");
  assert.equal(await dialog(page).count(), 1);
  await press(page, "I have stored it");
  await dialog(page).waitFor({ state: "detached" });
  assert.equal(await holds(page, key), false);

  await row(page, "Deploy").waitFor();
  const [made] = (await server.must("GET", `${KEYS}?q=Deploy`, null, owner)).items;
  assert.deepEqual([made.role, made.environment, made.rateLimit, made.scopes, made.ipAllowList], ["member", "live", 100, ["deploy", "read:logs"], ["127.0.0.0/8", "10.1.2.3"]]);
  const days = (Date.parse(made.expiresAt) - Date.now()) / 86_400_000;
  assert.ok(days > 89 && days < 91, `${days} days`);

  assert.equal((await server.api("GET", "/v1/version", null, key)).status, 200);
  await choose(page, "Deploy", "Deactivate");
  await said(page, "“Deploy” is deactivated.");
  await row(page, "Deploy").getByText("Deactivated").waitFor();
  assert.equal((await server.api("GET", "/v1/version", null, key)).body.code, "API_KEY_DEACTIVATED");
  // The focus stays with the row although it was made anew.
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute("aria-label")), "Actions for Deploy");
  await choose(page, "Deploy", "Activate");
  await said(page, "“Deploy” is active again.");
  assert.equal(await statusOf(key), 200);
}));

test("after a key was shown, the way back and forth shows it no more", signedIn(async ({ page }) => {
  const other = await server.key(owner, "Somewhere else");
  await open(page, pageOf(other));
  await page.getByRole("link", { name: "‹ API keys" }).click();
  await heading(page, "API keys").waitFor();
  const inside = await create(page, "Back within");
  await page.goBack();
  await heading(page, "Somewhere else").waitFor();
  assert.equal(await holds(page, inside), false);
  await page.goForward();
  await heading(page, "API keys").waitFor();
  assert.equal(await holds(page, inside), false);

  // Out of the document, and back to it as the browser has kept it.
  const outside = await create(page, "Back without");
  await page.goto(`${server.url}/sign-in`);
  await page.goBack();
  await heading(page, "API keys").waitFor();
  assert.equal(await holds(page, outside), false);
  assert.equal(await dialog(page).count(), 0);
}));

test("two tabs change one key: the second is told what the first did", signedIn(async ({ page, open: another, allow }) => {
  const key = await server.key(owner, { name: "Shared", rateLimit: 10 });
  const second = await another();
  for (const tab of [page, second]) {
    await open(tab);
    await choose(tab, "Shared", "Edit…");
    await heading2(tab, "Edit Shared").waitFor();
  }
  await dialog(page).getByLabel("Requests a minute").fill("20");
  await press(page, "Save");
  await said(page, "“Shared” is saved.");

  allow(/412 .*rest-api-keys/);
  await dialog(second).getByLabel("Name").fill("Renamed");
  await press(second, "Save");
  await second.getByText("Somebody changed this key meanwhile.").waitFor();
  await second.getByText("Requests a minute: 20").waitFor();
  await inspect(second, "keys-conflict");
  await press(second, "Save");
  await said(second, "“Renamed” is saved.");
  const now = await server.must("GET", `${KEYS}/${key.id}`, null, owner);
  assert.deepEqual([now.name, now.rateLimit], ["Renamed", 20]);

  // The other way out.
  await choose(second, "Renamed", "Edit…");
  await heading2(second, "Edit Renamed").waitFor();
  await server.must("PATCH", `${KEYS}/${key.id}`, { name: "Third" }, owner);
  await dialog(second).getByLabel("Requests a minute").fill("30");
  await press(second, "Save");
  await press(second, "Take the new state");
  await heading2(second, "Edit Third").waitFor();
  assert.equal(await dialog(second).getByLabel("Requests a minute").inputValue(), "20");
}));

test("a change sends only what was changed, and a deleted key is told", signedIn({ allow: [/404 .*rest-api-keys/] }, async ({ page }) => {
  const key = await server.key(owner, { name: "Narrow", scopes: [], expiresAt: "2099-01-01", metadata: { team: 7 } });
  await open(page, pageOf(key));
  await press(page, "Edit…");
  assert.equal(await dialog(page).getByLabel("Scopes").inputValue(), "(none)");
  await inspect(page, "keys-edit");
  await dialog(page).getByLabel("Role").selectOption("viewer");
  const sent = page.waitForRequest((request) => request.method() === "PATCH");
  await press(page, "Save");
  assert.deepEqual((await sent).postDataJSON(), { role: "viewer" });
  await said(page, "“Narrow” is saved.");

  await press(page, "Edit…");
  await heading2(page, "Edit Narrow").waitFor();
  await server.must("DELETE", `${KEYS}/${key.id}`, null, owner);
  await press(page, "Save");
  await page.getByText("This key was deleted meanwhile").waitFor();
  await page.keyboard.press("Escape");
  await page.reload();
  await heading(page, "A deleted key").waitFor();
  await page.getByText("deleted key").last().waitFor();
}));

test("a rotated key works on for its grace, and its successor tells of its last use", signedIn({ width: NARROW }, async ({ page }) => {
  const old = await server.key(owner, "Turning");
  await open(page);
  await choose(page, "Turning", "Rotate…");
  await inspect(page, "keys-rotate");
  await page.getByLabel("The old key goes on working for").selectOption("1 hour");
  await press(page, "Rotate");
  await heading2(page, "The key of Turning").waitFor();
  const key = await shownKey(page);
  await assertNothingSticksOut(page);
  await press(page, "I have stored it");
  assert.deepEqual([await statusOf(old.key), await statusOf(key)], [200, 200]);

  await open(page);
  await page.getByText(/^The old key was last used just now from 127\.0\.0\.1\.$/).waitFor();
  await page.getByText(/^Works until/).waitFor();
  const superseded = page.getByRole("row").filter({ hasText: "Superseded" });
  await superseded.getByRole("button", { name: "Actions for Turning" }).click();
  assert.equal(await page.getByRole("button", { name: "Rotate…" }).count(), 0);
  await press(page, "Deactivate");
  await said(page, "“Turning” is deactivated.");
  assert.deepEqual([await statusOf(old.key), await statusOf(key)], [401, 200]);
}));

test("a key is deleted by typing its name", signedIn(async ({ page }) => {
  const key = await server.key(owner, "Going  away");
  await open(page, pageOf(key));
  await press(page, "Delete…");
  await inspect(page, "keys-delete");
  const name = dialog(page).getByLabel(/^Type/);
  await name.fill("Going");
  await press(page, "Delete the key");
  await page.getByText("That is not “Going  away”.").waitFor();
  assert.equal(await statusOf(key.key), 200);
  await name.fill("Going  away");
  await press(page, "Delete the key");
  await said(page, "“Going  away” is deleted.");
  await heading(page, "API keys").waitFor();
  assert.equal(await row(page, "Going away").count(), 0);
  assert.equal(await statusOf(key.key), 401);
}));

test("filters live in the address", signedIn(async ({ page }) => {
  await server.key(owner, { name: "Findable one", environment: "test" });
  await server.key(owner, { name: "Findable two" });
  await open(page);
  await page.getByLabel("Search").fill("findable");
  await page.waitForURL(/q=findable/);
  await page.getByText("2 found").waitFor();
  await page.getByLabel("Environment").selectOption("Test");
  await page.getByText("1 found").waitFor();
  await page.reload();
  await row(page, "Findable one").waitFor();
  assert.equal(await page.getByLabel("Search").inputValue(), "findable");
  assert.equal(await row(page, "Findable two").count(), 0);
  await open(page, `${LIST}?q=nothing+like+it`);
  await page.getByText("Nothing matches.").waitFor();
}));

test("names of any kind are text, and nothing sticks out", signedIn(async ({ page }) => {
  const names = ["<img src=x onerror=document.title='hacked'>", "漢".repeat(100), "w".repeat(100), "مفتاح (prod)"];
  for (const name of names) {
    const key = await server.key(owner, name);
    for (const width of [WIDE, NARROW]) {
      await page.setViewportSize({ width, height: 800 });
      await open(page, pageOf(key));
      await heading(page, name).waitFor();
      await assertNothingSticksOut(page);
      await press(page, "Delete…");
      await assertNothingSticksOut(page);
      assert.ok(await dialog(page).evaluate((box) => box.scrollWidth <= box.clientWidth), name);
    }
  }
  await open(page);
  for (const name of names) await row(page, name).waitFor();
  // Where the menu and the rows change their form, too.
  for (const width of [1000, 1016, 1250, 1270]) {
    await page.setViewportSize({ width, height: 800 });
    await assertNothingSticksOut(page);
    assert.ok(await page.locator(".table").evaluate((box) => box.scrollWidth <= box.clientWidth), `${width} wide`);
  }
  await inspect(page, "keys");
  assert.equal(await page.title(), "API keys · Claviger");
}));

test("when, from where and with what a key was last used is told on demand, and the last 24 hours are drawn", signedIn(async ({ page }) => {
  const { key } = await server.key(owner, "Busy");
  await server.requests(key, 3, { userAgent: "robot/1.0" });
  await open(page);
  await row(page, "Busy").getByRole("img", { name: /^Busy, last 24 hours: 3 requests allowed, 0 refused$/ }).waitFor();
  const opener = row(page, "Busy").getByRole("button", { name: "just now" });
  await opener.focus();
  await page.keyboard.press("Enter");
  await page.getByText("robot/1.0").waitFor();
  for (const colorScheme of ["dark", "light"]) {
    await page.emulateMedia({ colorScheme });
    await axe(page);
    await screenshot(page, "keys-last-use");
  }
  await page.keyboard.press("Escape");
  await page.getByText("robot/1.0").waitFor({ state: "hidden" });
}));

test("a key's own page shows its requests as they come in", signedIn(async ({ page }) => {
  const key = await server.key(owner, { name: "Live", rateLimit: 3 });
  await open(page, pageOf(key));
  await page.getByText("None yet. They appear here as they come in.").waitFor();
  await server.requests(key.key, 5, { path: "/agents/9" });
  await said(page, "5 new requests");
  const table = page.getByRole("table", { name: "Requests" });
  await table.getByRole("row").filter({ hasText: "200 allowed" }).first().waitFor();
  assert.equal(await table.getByRole("row").filter({ hasText: "429 RATE_LIMITED" }).count(), 2);
  assert.equal(await table.getByRole("row").filter({ hasText: "GET /agents/9" }).count(), 5);
  await page.getByRole("img", { name: /3 requests allowed, 2 refused$/ }).waitFor();
  await inspect(page, "key");

  await press(page, "Pause");
  await server.requests(key.key, 1, { path: "/while-paused" });
  await page.waitForTimeout(4_000);
  assert.equal(await table.getByText("/while-paused").count(), 0);
  await press(page, "Pause");
  await table.getByText("/while-paused").waitFor();

  // More than sixty refused ones of a minute share a row.
  await server.requests(key.key, 75, { path: "/agents/flood" });
  await table.getByText(/×\d+/).first().waitFor();

  await page.getByLabel("Period").selectOption("Last hour");
  await page.waitForURL(/period=hour/);
  await page.reload();
  assert.equal(await page.getByLabel("Period").inputValue(), "hour");
  await page.getByRole("table", { name: "Changes" }).getByText("Ada Lovelace created key Live").waitFor();
}));

test("a key is made with the keyboard alone", signedIn(async ({ page }) => {
  await open(page);
  const tabTo = async (name) => {
    for (let stop = 0; stop < 40; stop += 1) {
      await page.keyboard.press("Tab");
      const at = await page.evaluate(() => {
        const { activeElement: element } = document;
        return { name: element.labels?.[0]?.textContent ?? element.textContent, outline: getComputedStyle(element).outlineStyle };
      });
      assert.equal(at.outline, "solid", at.name);
      if (at.name === name) return;
    }
    assert.fail(`${name} is not reached`);
  };
  await heading(page, "API keys").waitFor();
  await tabTo("Create a key");
  await page.keyboard.press("Enter");
  await page.keyboard.type("Typed");
  await tabTo("Role");
  await page.keyboard.type("Viewer");
  await tabTo("Limit, scopes, addresses, owner");
  await page.keyboard.press("Space");
  await tabTo("Scopes");
  await page.keyboard.type("a b");
  await tabTo("Create");
  await page.keyboard.press("Enter");
  await heading2(page, "The key of Typed").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Copy");
  await tabTo("I have stored it");
  await page.keyboard.press("Enter");
  await row(page, "Typed").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Create a key");
  const [made] = (await server.must("GET", `${KEYS}?q=Typed`, null, owner)).items;
  assert.deepEqual([made.role, made.scopes], ["viewer", ["a", "b"]]);
}));

test("a plan without keys says so before a form is filled in", visit(async ({ page, context }) => {
  await server.must("POST", "/api/auth/register", { name: "Free", email: "free@example.com", password: "SecurePass1" });
  await signIn(context, server, await server.signIn("free@example.com"));
  await open(page);
  await page.getByText("The free plan has no API keys. Whoever runs this server can give you another plan.").waitFor();
  assert.equal(await page.getByText("Create the first.").isVisible(), false);
  assert.equal(await page.getByRole("button", { name: "Create a key" }).count(), 0);
}));

test("an address of no key is told", signedIn({ allow: [/404 .*rest-api-keys/] }, async ({ page }) => {
  await open(page, `${LIST}?key=key_nothing`);
  await page.getByRole("heading", { level: 1, name: "There is no such API key" }).waitFor();
  await page.getByRole("link", { name: "‹ API keys" }).click();
  await page.getByRole("heading", { level: 1, name: "API keys" }).waitFor();
}));
