// The team and the organization: who belongs to it, who is invited, and what it is called.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { browserForThisFile, inspect, newContext, signedIn, signIn } from "./support/browser.mjs";
import { OWNER, PASSWORD, startServer } from "./support/server.mjs";

const visit = browserForThisFile();
const server = await startServer({ registration: { mode: "open" }, lockout: { attempts: 2 } });
const owner = await server.setUp();
after(() => server.close());

const TEAM = `${server.url}/admin/settings/team`;
const ORGANIZATION = `${server.url}/admin/settings/organization`;

const heading = (page, name) => page.getByRole("heading", { level: 1, name }).waitFor();
const rowOf = (page, table, text) => page.getByRole("table", { name: table }).getByRole("row").filter({ hasText: text });
const says = (page, text) => page.locator("#toast").filter({ hasText: text }).waitFor();
const press = (place, name) => place.getByRole("button", { name, exact: true }).click();
const dialog = (page) => page.getByRole("dialog");

async function choose(page, whose, action) {
  await press(page, `Actions for ${whose}`);
  await press(page, action);
}

async function open(page, context, cookie, address = TEAM) {
  await signIn(context, server, cookie);
  await page.goto(address);
  await page.locator("#page h1").waitFor();
}

const unique = (name) => `${name}-${process.hrtime.bigint()}@example.com`;
const member = (name, role) => server.member(owner, { name, email: unique("member"), role });

test("somebody is invited, registers with the link, gets another role, is locked out, unlocked and removed", visit({ allow: [/401 .*\/api\/auth\/session/] }, async ({ page, context, allow }) => {
  const email = unique("bob");
  await open(page, context, owner);
  await press(page, "Invite somebody");
  await inspect(page, "team-invite");
  await press(dialog(page), "Invite");
  await dialog(page).getByText("Enter your email address.").waitFor();
  await dialog(page).getByLabel("Email").fill(email);
  await dialog(page).getByLabel("Role").selectOption("member");
  await press(dialog(page), "Invite");
  await dialog(page).getByText(`It is for ${email} alone.`).waitFor();
  const link = await dialog(page).locator("code").textContent();
  assert.ok(link.startsWith(`${server.url}/invite?token=`), link);
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await press(dialog(page), "Copy");
  await says(page, "The link is copied.");
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), link);
  await inspect(page, "team-invited");
  await page.keyboard.press("Escape");
  await press(dialog(page), "Done");
  assert.equal(await dialog(page).count(), 0);
  assert.ok(!(await page.content()).includes(link.split("=")[1]), "the token stays in the page");
  await rowOf(page, "Invitations", email).filter({ hasText: "Open" }).waitFor();

  // The other person, in a browser of their own.
  const other = await newContext(context.browser());
  try {
    const theirs = await other.newPage();
    await theirs.goto(link);
    await theirs.getByRole("link", { name: "Create an account" }).click();
    await theirs.getByLabel("Your name").fill("Bob");
    await theirs.getByLabel("Email").fill(email);
    await theirs.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await press(theirs, "Register");
    await heading(theirs, "You can sign in now");
    await theirs.goto(`${server.url}/sign-in`);
    await theirs.getByLabel("Email").fill(email);
    await theirs.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await press(theirs, "Sign in");
    // A member is offered names, and nothing to administer.
    await heading(theirs, "Projects");
    assert.deepEqual(await theirs.getByRole("navigation").getByRole("link").allTextContents(), ["Projects", "Team", "Templates", "Account"]);
    await theirs.getByRole("link", { name: "Team", exact: true }).click();
    await rowOf(theirs, "Colleagues", OWNER.name).waitFor();
    await rowOf(theirs, "Colleagues", "Bob").filter({ hasText: "you" }).waitFor();
    assert.equal(await theirs.getByText(OWNER.email).count(), 0);
    assert.equal(await theirs.getByRole("button", { name: /Actions|Invite/ }).count(), 0);
    await inspect(theirs, "team-colleagues");

    await page.reload();
    await rowOf(page, "Invitations", email).filter({ hasText: "Accepted" }).waitFor();
    await choose(page, "Bob", "Change role…");
    await dialog(page).getByLabel("Role").selectOption("admin");
    await inspect(page, "team-role");
    await press(dialog(page), "Change role");
    await says(page, "The role of Bob is admin now.");
    await rowOf(page, "Members", email).filter({ hasText: "Admin" }).waitFor();
    await theirs.reload();
    await theirs.getByRole("navigation").getByRole("link", { name: "Organization" }).waitFor();
    await rowOf(theirs, "Members", OWNER.email).waitFor();

    for (let attempt = 0; attempt < 2; attempt += 1) await server.api("POST", "/api/auth/sign-in", { email, password: "WrongPass1" });
    await page.reload();
    await rowOf(page, "Members", email).getByText("Locked after failed sign-ins").waitFor();
    await inspect(page, "team");
    await choose(page, "Bob", "Unlock");
    await says(page, "Bob can sign in again.");
    await rowOf(page, "Members", email).getByText("Locked").waitFor({ state: "detached" });
    const bob = await server.signIn(email);
    await server.key(bob, "one");
    const key = await server.key(bob, "two");

    await choose(page, "Bob", "Remove…");
    await dialog(page).getByText("Keys of their own that stop working: 2.").waitFor();
    await inspect(page, "team-remove");
    await press(dialog(page), "Remove");
    await says(page, "Bob is removed.");
    await rowOf(page, "Members", email).waitFor({ state: "detached" });
    assert.equal((await server.api("GET", "/v1/version", null, key.key)).status, 401);
    allow(/401 .*\/api\//);
    await theirs.reload();
    await theirs.waitForURL(/\/sign-in\?returnTo=/);
  } finally {
    await other.close();
  }
}));

test("a new link replaces the old one, a revoked invitation is good for nothing, a member is not invited again", visit({ allow: [/409 .*\/api\/admin\/invites/] }, async ({ page, context }) => {
  const email = unique("carol");
  const { inviteUrl } = await server.must("POST", "/api/admin/invites", { email, role: "viewer" }, owner);
  const info = async (url) => (await server.api("POST", "/api/auth/invite-info", { token: new URL(url).searchParams.get("token") })).status;
  await open(page, context, owner);
  await choose(page, email, "Send again");
  const link = await dialog(page).locator("code").textContent();
  assert.deepEqual([await info(inviteUrl), await info(link)], [400, 200]);
  await press(dialog(page), "Done");
  await choose(page, email, "Revoke…");
  await inspect(page, "team-revoke");
  await press(dialog(page), "Revoke");
  await says(page, `The invitation of ${email} is revoked.`);
  await rowOf(page, "Invitations", email).filter({ hasText: "Revoked" }).waitFor();
  assert.equal(await rowOf(page, "Invitations", email).getByRole("button").count(), 0);
  assert.equal(await info(link), 400);

  await press(page, "Invite somebody");
  await dialog(page).getByLabel("Email").fill(OWNER.email);
  await press(dialog(page), "Invite");
  await dialog(page).locator(".field-error", { hasText: `${OWNER.email} is a member already` }).waitFor();
}));

test("an admin is not offered what concerns owners", visit(async ({ page, context }) => {
  const admin = await member("Anna Admin", "admin");
  const invited = unique("future-owner");
  await server.must("POST", "/api/admin/invites", { email: invited, role: "owner" }, owner);
  await open(page, context, admin.cookie);
  await rowOf(page, "Members", admin.email).filter({ hasText: "you" }).waitFor();
  assert.equal(await rowOf(page, "Members", OWNER.email).getByRole("button").count(), 0);
  assert.equal(await rowOf(page, "Invitations", invited).getByRole("button").count(), 0);
  await press(page, "Invite somebody");
  assert.deepEqual(await dialog(page).getByLabel("Role").locator("option").evaluateAll((options) => options.map(({ value }) => value)), ["admin", "member", "viewer"]);
  await page.keyboard.press("Escape");
  // Their own role, lowered by themselves: the page is another at once.
  await choose(page, "Anna Admin", "Change role…");
  await dialog(page).getByText("Only somebody else can raise your own role again.").waitFor();
  await dialog(page).getByLabel("Role").selectOption("viewer");
  await press(dialog(page), "Change role");
  await page.getByRole("table", { name: "Colleagues" }).waitFor();
  assert.equal((await signedIn(context, server)).role, "viewer");
}));

test("the last owner stays, and is told why", visit({ allow: [/403 .*\/api\/admin\/members/] }, async ({ page, context }) => {
  await open(page, context, owner);
  for (const [action, button] of [["Change role…", "Change role"], ["Remove…", "Remove"]]) {
    await choose(page, OWNER.name, action);
    if (button === "Change role") await dialog(page).getByLabel("Role").selectOption("member");
    await press(dialog(page), button);
    await dialog(page).getByText("An organization cannot be left without an owner. Make somebody else an owner first.").waitFor();
    await page.keyboard.press("Escape");
  }
}));

test("names of any kind stay names, and the page keeps its width", visit(async ({ page, context }) => {
  for (const name of ["<img src=x onerror=alert(1)>", "漢".repeat(100), "W".repeat(100), "عبد الرحمن"]) await member(name, "member");
  await open(page, context, owner);
  await page.getByRole("rowheader", { name: "<img src=x onerror=alert(1)>" }).waitFor();
  await inspect(page, "team-names");
  await choose(page, "漢".repeat(100), "Remove…");
  await inspect(page, "team-names-remove");
}));

test("the organization is renamed, and the home organization cannot be deleted", visit(async ({ page, context }) => {
  await open(page, context, owner, ORGANIZATION);
  const { id } = (await signedIn(context, server)).organization;
  await page.getByText(id, { exact: true }).waitFor();
  await page.getByText("Enterprise", { exact: true }).waitFor();
  await page.getByText("The home organization cannot be deleted").waitFor();
  assert.equal(await page.getByRole("button", { name: /Delete/ }).count(), 0);
  await inspect(page, "organization");
  await page.getByLabel("Name", { exact: true }).fill("");
  await press(page, "Rename");
  await page.getByText("Enter the organization’s name.").waitFor();
  await page.getByLabel("Name", { exact: true }).fill("Analytical Engines");
  await press(page, "Rename");
  await says(page, "The organization is called Analytical Engines now.");
  await page.locator("#menu .organization", { hasText: "Analytical Engines" }).waitFor();
  assert.equal((await signedIn(context, server)).organization.name, "Analytical Engines");
}));

test("what is used of the plan is told", visit(async ({ page, context }) => {
  await signIn(context, server, owner);
  for (const [limit, expected] of [[10, "3 of 10"], [null, "3 of any number"]]) {
    await page.route("**/api/admin/organization", async (route) => {
      const answer = await route.fetch();
      await route.fulfill({ response: answer, json: { ...(await answer.json()), apiKeys: { used: 3, limit } } });
    });
    await page.goto(ORGANIZATION);
    await page.getByText(expected, { exact: true }).waitFor();
    await page.unroute("**/api/admin/organization");
  }
}));

test("an owner deletes an organization with its name and the password, and is signed out", visit({ allow: [/400 .*\/api\/admin\/organization/] }, async ({ page, context }) => {
  const email = unique("zoe");
  await server.must("POST", "/api/auth/register", { name: "Zoe’s", email, password: PASSWORD });
  await open(page, context, await server.signIn(email), ORGANIZATION);
  await press(page, "Delete the organization…");
  await dialog(page).getByLabel("Type Zoe’s to confirm").fill("Zoe");
  await dialog(page).getByLabel("Password", { exact: true }).fill("WrongPass1");
  await press(dialog(page), "Delete the organization");
  await dialog(page).getByText("That is not “Zoe’s”.").waitFor();
  await inspect(page, "organization-delete");
  await dialog(page).getByLabel("Type Zoe’s to confirm").fill("Zoe’s");
  await press(dialog(page), "Delete the organization");
  await dialog(page).getByText("is not your present password").waitFor();
  await dialog(page).getByLabel("Password", { exact: true }).fill(PASSWORD);
  await press(dialog(page), "Delete the organization");
  await heading(page, "Sign in");
  assert.equal(await signedIn(context, server), null);
}));
