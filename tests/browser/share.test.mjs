// The link that shows a project to somebody without an account.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { browserForThisFile, inspect, newContext, signIn } from "./support/browser.mjs";
import { startServer } from "./support/server.mjs";

const visit = browserForThisFile();
const server = await startServer({ lockout: { attempts: 2 } });
after(() => server.close());

const LONG = `# Plan\n\nText with [a link](https://example.com/).\n\n${"A paragraph. ".repeat(80)}`;

let owner, project;
before(async () => {
  owner = await server.setUp();
  const { id } = await server.must("POST", "/api/admin/templates", { name: "Plan", prd: LONG }, owner);
  project = await server.must("POST", "/api/projects", { name: "Customer portal", description: "Where customers see their orders.", templateId: id }, owner);
});

const share = (wishes = {}) => server.must("POST", `/api/projects/${project.id}/shares`, wishes, owner);
const revoke = ({ id }) => server.must("DELETE", `/api/projects/${project.id}/shares/${id}`, null, owner);
const heading = (page, name) => page.getByRole("heading", { level: 1, name, exact: true }).waitFor();
const press = (place, name) => place.getByRole("button", { name, exact: true }).click();
const dialog = (page) => page.getByRole("dialog");
const rowOf = (page, table, text) => page.getByRole("table", { name: table }).getByRole("row").filter({ hasText: text });
const says = (page, text) => page.locator("#toast").filter({ hasText: text }).waitFor();

async function answer(page, password) {
  await page.getByLabel("Password", { exact: true }).fill(password);
  await press(page, "Open");
}

test("a link with a password is made, opened in a private window, used, revoked, and is good no more", visit(async ({ page, context }) => {
  await signIn(context, server, owner);
  await page.goto(`${server.url}/projects?id=${project.id}&tab=shares`);
  await page.getByText("No links yet.").waitFor();
  await press(page, "Create a link");
  await dialog(page).getByLabel("Name").fill("The board");
  await dialog(page).getByLabel("Password", { exact: true }).fill("open sesame");
  await dialog(page).getByLabel("Last day").fill("2099-12-31");
  await inspect(page, "share-create");
  await press(dialog(page), "Create");
  const link = await dialog(page).locator("code").textContent();
  const token = new URL(link).hash.slice(1);
  assert.match(token, /^shr_/);
  await inspect(page, "share-made");
  await page.keyboard.press("Escape");
  await press(dialog(page), "Done");
  assert.ok(!(await page.content()).includes(token), "the token stays in the page");
  await rowOf(page, "Share links", "The board").filter({ hasText: "password" }).waitFor();
  await inspect(page, "shares");

  const other = await newContext(context.browser());
  try {
    const theirs = await other.newPage();
    await theirs.goto(link);
    await heading(theirs, "This project has a password");
    await inspect(theirs, "share-password");
    await answer(theirs, "wrong");
    await theirs.getByText("That is not the password of this link.").waitFor();
    await answer(theirs, "open sesame");
    await heading(theirs, "Customer portal");
    await page.reload();
    await rowOf(page, "Share links", "The board").filter({ hasText: "just now" }).waitFor();

    await press(page, "Revoke… The board");
    await press(dialog(page), "Revoke");
    await says(page, "The link is revoked.");
    await page.getByText("No links yet.").waitFor();
    await theirs.goto(link);
    await heading(theirs, "This link is no longer valid");
    await inspect(theirs, "share-gone");
  } finally {
    await other.close();
  }
}));

test("the page of a link shows the project to read, and keeps its token nowhere", visit(async ({ page, context }) => {
  const { url, token } = await share();
  await page.goto(`${server.url}/sign-in`);
  await page.goto(url);
  await heading(page, "Customer portal");
  await page.getByText("Where customers see their orders.").waitFor();
  await page.getByRole("heading", { level: 3, name: "Plan" }).waitFor();
  await rowOf(page, "Status history", "Draft").waitFor();
  await rowOf(page, "Activity", "Ada Lovelace made the project from a template").waitFor();
  assert.equal(await page.getByRole("button").filter({ visible: true }).count(), 0, "there is nothing to do but read");
  assert.equal(await page.title(), "Customer portal · Claviger");
  await inspect(page, "share");

  assert.equal(page.url(), `${server.url}/share`);
  const kept = await page.evaluate(() => JSON.stringify([history.state, { ...localStorage }, { ...sessionStorage }, document.cookie, document.title, document.documentElement.outerHTML]));
  assert.ok(!kept.includes(token.slice(4)), "the token is kept");
  assert.deepEqual(await context.cookies(), []);
  await page.goBack();
  await page.waitForURL("**/sign-in");
  await page.goForward();
  await heading(page, "Open the link again");
  assert.equal(page.url(), `${server.url}/share`);
  await inspect(page, "share-forgotten");
}));

test("who is signed in sees by a link what the link shows: the cookie is not sent", visit({ allow: [/401 .*\/api\/projects\//] }, async ({ page, context }) => {
  const made = await share();
  await revoke(made);
  await signIn(context, server, owner);
  const sent = [];
  page.on("request", async (request) => request.url().includes("/api/") && sent.push((await request.allHeaders()).cookie));
  await page.goto(made.url);
  await heading(page, "This link is no longer valid");
  assert.deepEqual(sent, [undefined]);
}));

test("too many wrong passwords lock the link, and the page counts down", visit({ allow: [/(401|423) .*\/api\/projects\//] }, async ({ page }) => {
  const { url } = await share({ password: "open sesame" });
  await page.goto(url);
  await answer(page, "pässwörd → no header");
  await page.getByText("That is not the password of this link.").waitFor();
  for (const wrong of ["wrong one", "wrong two"]) {
    await answer(page, wrong);
    await page.getByText("That is not the password of this link.").waitFor();
  }
  await answer(page, "open sesame");
  await page.getByRole("alert").filter({ hasText: "You can try again at" }).waitFor();
  await page.getByRole("timer").filter({ hasText: /\d+:\d\d/ }).waitFor();
  await inspect(page, "share-locked");
}));
