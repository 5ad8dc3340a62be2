// That the other tests of this folder notice what they are there to notice.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { assertNothingSticksOut, axe, browserForThisFile, NARROW } from "./support/browser.mjs";
import { startServer } from "./support/server.mjs";

const visit = browserForThisFile();
const server = await startServer();
after(() => server.close());

const onPage = (options, spoil) =>
  visit(options, async ({ page }) => {
    await page.goto(`${server.url}/sign-in`);
    await page.evaluate(spoil);
    // A round trip to the page: what it has logged until now has arrived.
    await page.title();
  });

const SPOILT = [
  ["an error in the log", /console: spoilt/, () => console.error("spoilt")],
  ["an exception", /uncaught: [^]*spoilt/, () => new Promise((done) => setTimeout(() => { setTimeout(done); throw new Error("spoilt"); }))],
  ["a refused call", /404 \(Not Found\) .*\/api\/nothing/, () => fetch("/api/nothing")],
  ["an inline style", /Content Security Policy/, () => document.body.append(Object.assign(document.createElement("style"), { textContent: "a {}" }))],
  ["an inline handler", /Content Security Policy/, () => document.body.setAttribute("onclick", "alert()")],
  ["a script from another host", /Content Security Policy/, () => new Promise((done) => document.body.append(Object.assign(document.createElement("script"), { src: "http://localhost:1/x.js", onerror: done })))],
  ["a way to another host", /another host: http:\/\/localhost:1\//, () => { location.href = "http://localhost:1/"; return new Promise((done) => setTimeout(done, 200)); }],
];

for (const [name, expected, spoil] of SPOILT) {
  test(`${name} fails a test, unless it is allowed`, async (t) => {
    await assert.rejects(onPage({}, spoil)(t), expected);
    await onPage({ allow: [expected, /another host|Failed to load|Content Security Policy/] }, spoil)(t).catch((error) => {
      // Leaving the page ends the call that made it leave.
      assert.match(error.message, /context was destroyed/);
    });
  });
}

test("axe-core sees a field without a name and text without contrast", visit({ width: NARROW, scheme: "dark" }, async ({ page }) => {
  await page.goto(`${server.url}/sign-in`);
  await axe(page);
  await page.evaluate(() => {
    document.querySelector("label[for=email]").remove();
    document.querySelector("h1").style.color = "#222";
  });
  await assert.rejects(axe(page), (error) => {
    assert.match(error.message, /axe-core on \/sign-in \(360 wide, dark\)/);
    assert.match(error.message, /label: [^]*#email/);
    assert.match(error.message, /color-contrast: [^]*h1/);
    return true;
  });
}));

test("what sticks out at the side of a phone is seen", visit({ width: NARROW }, async ({ page }) => {
  await page.goto(`${server.url}/sign-in`);
  await assertNothingSticksOut(page);
  await page.evaluate(() => (document.querySelector("h1").textContent = "W".repeat(30)));
  await assert.rejects(assertNothingSticksOut(page), /\/sign-in \(360 wide, light\) is \d+ pixels wide, and there is room for 360/);
}));

test("a server that was paused and restarted keeps its address and what it knew", async () => {
  const owner = await server.setUp();
  const made = await server.key(owner, "CI");
  assert.deepEqual(await server.requests(made.key, 3), [200, 200, 200]);
  const member = await server.member(owner, { name: "Bob", email: "bob@example.com", role: "viewer" });
  server.pause();
  const answer = server.api("GET", "/livez");
  assert.equal(await Promise.race([answer.then(() => "answered"), new Promise((done) => setTimeout(done, 300, "silent"))]), "silent");
  server.resume();
  assert.equal((await answer).status, 200);
  await server.restart();
  assert.equal((await server.must("GET", "/api/auth/session", null, member.cookie)).role, "viewer");
  assert.equal((await server.must("GET", `/api/admin/rest-api-keys/${made.id}`, null, owner)).requestCount, 3);
  assert.match((await server.mail("bob@example.com")).subject, /./);
});
