// Audit: who changed what, and what was asked of the gate.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";

import { browserForThisFile, inspect, NARROW, signIn } from "./support/browser.mjs";
import { startServer } from "./support/server.mjs";

const HOSTILE = "<img src=x onerror=alert(1)>";
const WIDE_NAME = "漢".repeat(100);
const RIGHT_TO_LEFT = "مفتاح الخادم";

const visit = browserForThisFile();
const server = await startServer();
after(() => server.close());

let owner;
let pipeline;
let bob;
before(async () => {
  owner = await server.setUp();
  pipeline = await server.key(owner, { name: "CI/CD Pipeline", rateLimit: 2 });
  const path = `/api/admin/rest-api-keys/${pipeline.id}`;
  await server.must("PATCH", path, { rateLimit: 3 }, owner);
  await server.requests(pipeline.key, 4, { path: "/agents/7" });
  await server.requests(pipeline.key, 1, { method: "DELETE", path: "/reports/8" });
  await server.must("PATCH", path, { active: false }, owner);
  for (const name of [HOSTILE, WIDE_NAME, RIGHT_TO_LEFT, "W".repeat(100)]) await server.key(owner, name);
  bob = await server.member(owner, { name: "Bob", email: "bob@example.com", role: "admin" });
  await server.must("PATCH", "/api/auth/profile", { name: "Bob the Builder" }, bob.cookie);
});

const view = (name) => `${server.url}/admin/audit${name}`;
const rows = (page) => page.locator("tbody tr");
const row = (page, text) => rows(page).filter({ hasText: text });

// The page at this address, once it is there.
async function shown(page, context, address, cookie = owner) {
  await signIn(context, server, cookie);
  await page.goto(address);
  await page.getByRole("heading", { level: 1, name: "Audit" }).waitFor();
}

test("each change is a sentence, with who made it, when, from where, and what it changed", visit(async ({ page, context }) => {
  await shown(page, context, view(""));
  await inspect(page, "audit-changes");
  await row(page, "Ada Lovelace deactivated key CI/CD Pipeline").waitFor();
  const changed = row(page, "Ada Lovelace changed key CI/CD Pipeline");
  assert.match(await changed.textContent(), /Rate limit2 → .*3/);
  assert.match(await changed.textContent(), /127\.0\.0\.1/);
  assert.match(await changed.locator("time").getAttribute("title"), /\d\d:\d\d:\d\d/);
  await row(page, "Bob the Builder").or(row(page, "Bob changed their profile")).first().waitFor();
  await row(page, "Ada Lovelace invited bob@example.com").waitFor();

  // The request's id and the like, on demand.
  const summary = changed.getByText("127.0.0.1");
  assert.equal(await changed.getByText(/req_/).isVisible(), false);
  await summary.press("Enter");
  await changed.getByText(/req_/).waitFor();
  // A creation tells many fields: they are folded away.
  const created = row(page, "Ada Lovelace created key CI/CD Pipeline");
  await created.getByText(/environment, /).click();
  await created.getByText("live", { exact: true }).waitFor();
  await inspect(page, "audit-changes-open");

  await changed.getByRole("link", { name: "CI/CD Pipeline" }).first().click();
  await page.waitForURL(`${server.url}/admin/settings/developer?key=${pipeline.id}`);
  await page.getByRole("heading", { level: 1, name: "CI/CD Pipeline" }).waitFor();
}));

test("names are shown as they stand, whatever they contain", visit({ width: NARROW }, async ({ page, context }) => {
  await shown(page, context, view("?action=api_key.created"));
  for (const name of [HOSTILE, WIDE_NAME, RIGHT_TO_LEFT]) {
    await page.getByRole("link", { name, exact: true }).waitFor();
  }
  assert.equal(await page.locator("main img").count(), 0);
  await inspect(page, "audit-hostile-names");
}));

test("changes are filtered by what, who and when, and the filters live in the address", visit(async ({ page, context }) => {
  await shown(page, context, view(""));
  const all = await rows(page).count();
  await page.getByLabel("Who").selectOption({ label: "Bob the Builder" });
  await page.waitForFunction((count) => document.querySelectorAll("tbody tr").length < count, all);
  for (const text of await rows(page).allTextContents()) assert.match(text, /Bob/);
  assert.equal(new URL(page.url()).searchParams.get("actor"), bob.id);

  await page.getByLabel("What").selectOption({ label: "API keys" });
  await page.getByText("Nothing matches.").waitFor();
  await inspect(page, "audit-nothing-matches");
  await page.getByRole("button", { name: "Clear the filters" }).click();
  await row(page, "created organization").waitFor();
  assert.equal(new URL(page.url()).search, "");
  assert.equal(await rows(page).count(), all);

  await page.getByLabel("To", { exact: true }).fill("2020-01-01");
  await page.getByText("Nothing matches.").waitFor();
  await page.reload();
  await page.getByText("Nothing matches.").waitFor();
  assert.equal(await page.getByLabel("To", { exact: true }).inputValue(), "2020-01-01");
}));

test("an address may filter by whom the page does not offer, and by what the server refuses", visit({ allow: [/400/] }, async ({ page, context }) => {
  await shown(page, context, view(`?target=${pipeline.id}`));
  await row(page, "deactivated key").waitFor();
  for (const text of await rows(page).allTextContents()) assert.match(text, /CI\/CD Pipeline/);
  await page.goto(view("?actor=usr_gone"));
  await page.getByText("Nothing matches.").waitFor();
  assert.equal(await page.getByLabel("Who").inputValue(), "usr_gone");
  await page.goto(view("?from=yesterday"));
  await page.getByRole("status").filter({ hasText: /^From: must be/ }).waitFor();
  assert.equal(await page.getByLabel("From", { exact: true }).inputValue(), "yesterday");
  await inspect(page, "audit-refused-filter");
}));

test("a day is the reader's own", visit(async ({ page, context }) => {
  await server.must("PATCH", "/api/auth/profile", { timezone: "Asia/Kolkata" }, bob.cookie);
  const asked = page.waitForRequest((request) => request.url().includes("from=2026-01-01T"));
  await shown(page, context, view("?from=2026-01-02&to=2026-01-02"), bob.cookie);
  const { searchParams } = new URL((await asked).url());
  assert.equal(searchParams.get("from"), "2026-01-01T18:30:00.000Z");
  assert.equal(searchParams.get("to"), "2026-01-02T18:29:59.999Z");
}));

test("what is filtered is exported, as JSON lines and as CSV", visit(async ({ page, context }) => {
  await shown(page, context, view("?action=api_key.deactivated"));
  const read = async (name) => {
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name }).click()]);
    return { name: download.suggestedFilename(), lines: (await readFile(await download.path(), "utf8")).trim().split(/\r?\n/) };
  };
  const jsonl = await read("Export JSON Lines");
  assert.equal(jsonl.name, "audit-log.jsonl");
  assert.deepEqual(jsonl.lines.map((line) => JSON.parse(line).action), ["api_key.deactivated"]);
  const csv = await read("Export CSV");
  assert.equal(csv.name, "audit-log.csv");
  assert.equal(csv.lines.length, 2);
  assert.match(csv.lines[1], /api_key\.deactivated/);

  await page.getByLabel("What").selectOption({ label: "Invitations" });
  await row(page, "invited").waitFor();
  const invited = await read("Export JSON Lines");
  for (const line of invited.lines) assert.match(JSON.parse(line).action, /^invitation\./);
}));

test("requests are listed with their answers, and filtered by key, answer, method and path", visit(async ({ page, context }) => {
  await shown(page, context, view(""));
  await page.getByRole("link", { name: "Requests" }).click();
  await page.waitForURL(view("?view=requests"));
  await row(page, "DELETE").waitFor();
  assert.equal(await page.title(), "Audit: Requests · Claviger");
  await inspect(page, "audit-requests");
  assert.equal(await row(page, "200 allowed").count(), 3);
  assert.equal(await row(page, "429 refused").filter({ hasText: "RATE_LIMITED" }).count(), 2);
  await row(page, "429").first().locator("summary").click();
  await page.getByText("curl/8.5.0").first().waitFor();

  await page.getByLabel("Method").selectOption("DELETE");
  await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1);
  await page.getByLabel("Method").selectOption("");
  await page.getByLabel("Path").fill("/agents/*");
  await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 4);
  await page.getByLabel("Answer").selectOption("429");
  await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1);
  await page.getByLabel("Key").selectOption({ label: HOSTILE });
  await page.getByText("Nothing matches.").waitFor();
  assert.deepEqual([...new URL(page.url()).searchParams.keys()].sort(), ["key", "path", "status", "view"]);

  await page.goto(view("?view=requests"));
  await page.getByRole("link", { name: "CI/CD Pipeline" }).first().click();
  await page.waitForURL(`${server.url}/admin/settings/developer?key=${pipeline.id}`);
  await page.getByRole("heading", { level: 1, name: "CI/CD Pipeline" }).waitFor();
}));

test("refused requests that share a row are counted", visit(async ({ page, context }) => {
  const busy = await server.key(owner, { name: "Busy", rateLimit: 1 });
  await server.requests(busy.key, 75, { path: "/busy" });
  await shown(page, context, view(`?view=requests&key=${busy.id}`));
  await page.getByText(/^×\d+/).first().waitFor();
  const badge = await page.getByText(/^×\d+/).first().textContent();
  assert.equal(badge, "×14 requests");
}));

test("where no request came yet, the page says what to do", visit(async ({ page, context }) => {
  const quiet = await startServer();
  try {
    await signIn(context, quiet, await quiet.setUp());
    await page.goto(`${quiet.url}/admin/audit?view=requests`);
    await page.getByRole("link", { name: "make a key" }).waitFor();
    await inspect(page, "audit-no-requests");
  } finally {
    await quiet.close();
  }
}));
