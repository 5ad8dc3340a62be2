// One's own account: who one is, how one signs in, where one is signed in, and its end.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { browserForThisFile, inspect, newContext, signedIn, signIn } from "./support/browser.mjs";
import { OWNER, PASSWORD, startServer } from "./support/server.mjs";

const visit = browserForThisFile();
const server = await startServer({ registration: { mode: "open" }, lockout: { attempts: 50 } });
const owner = await server.setUp();
after(() => server.close());

const ACCOUNT = `${server.url}/account`;

const section = (page, name) => page.getByRole("region", { name, exact: true });
const says = (page, text) => page.locator("#toast").filter({ hasText: text }).waitFor();
const press = (place, name) => place.getByRole("button", { name, exact: true }).click();
const fill = (place, label, value) => place.getByLabel(label, { exact: true }).fill(value);
const sessions = (page) => page.getByRole("table", { name: "Sessions" }).getByRole("row").filter({ hasText: "127.0.0.1" });

// Somebody of this test alone, in an organization of their own.
async function somebody(name) {
  const email = `${name.toLowerCase()}@example.com`;
  await server.must("POST", "/api/auth/register", { name, email, password: PASSWORD });
  return { email, cookie: await server.signIn(email) };
}

async function open(page, context, cookie, address = ACCOUNT) {
  await signIn(context, server, cookie);
  await page.goto(address);
  await page.locator("#page h1").waitFor();
}

async function waitForSessions(page, count) {
  for (let tries = 0; (await sessions(page).count()) !== count; tries += 1) {
    assert.ok(tries < 100, `${await sessions(page).count()} sessions, not ${count}`);
    await page.waitForTimeout(50);
  }
}

test("a new name stands in the menu, and another time zone changes all times at once", visit({ allow: [/400 .*\/api\/auth\/profile/] }, async ({ page, context }) => {
  const { cookie } = await somebody("Hedy");
  await open(page, context, cookie);
  await inspect(page, "account");
  const zoneOf = () => sessions(page).first().locator("time").first().getAttribute("title");
  const profile = section(page, "Profile");
  await fill(profile, "Your name", "Hedy Lamarr");
  for (const [zone, told] of [["Asia/Tokyo", /GMT\+9|JST/], ["America/Los_Angeles", /GMT-[78]|P[SD]T/]]) {
    await profile.getByLabel("Time zone").selectOption(zone);
    await press(profile, "Save");
    await page.waitForFunction((source) => new RegExp(source).test(document.querySelector("table[aria-label=Sessions] time")?.title), told.source);
    assert.match(await zoneOf(), told);
    assert.equal(await profile.getByLabel("Time zone").inputValue(), zone);
  }
  await says(page, "The profile is saved.");
  await page.locator("#menu .who", { hasText: "Hedy Lamarr" }).waitFor();
  const { user } = await signedIn(context, server);
  assert.deepEqual([user.name, user.timezone], ["Hedy Lamarr", "America/Los_Angeles"]);

  await fill(profile, "Your name", "x".repeat(101));
  await press(profile, "Save");
  await profile.getByText("must have 1 to 100 characters").waitFor();
}));

test("another address is taken once its link is opened; until then the old one stays", visit({ allow: [/400 .*\/api\/auth\/change-email/] }, async ({ page, context }) => {
  const { email, cookie } = await somebody("Emmy");
  await open(page, context, cookie);
  const address = section(page, "Email address");
  await fill(address, "New address", "emmy@new.example.com");
  await fill(address, "Password", "WrongPass1");
  await press(address, "Change the address");
  await address.getByText("is not your present password").waitFor();
  await fill(address, "Password", PASSWORD);
  await press(address, "Change the address");
  await says(page, "A link is on its way to the new address.");
  assert.equal(await address.getByLabel("New address").inputValue(), "");
  assert.equal((await signedIn(context, server)).user.email, email);
  await page.goto((await server.mail("emmy@new.example.com")).link);
  await press(page, "Confirm the address");
  await page.getByRole("heading", { name: "Your address is confirmed" }).waitFor();
  await page.goto(ACCOUNT);
  await section(page, "Email address").getByText("emmy@new.example.com").waitFor();
  await section(page, "Email address").getByText("Confirmed", { exact: true }).waitFor();
}));

test("an address that is not confirmed can have its link sent again", visit(async ({ page, context }) => {
  const { email, cookie } = await somebody("Lise");
  await open(page, context, cookie);
  const address = section(page, "Email address");
  await address.getByText("Not confirmed").waitFor();
  await press(address, "Send the link again");
  await says(page, "Another link is on its way.");
  await page.goto((await server.mail(email)).link);
  await press(page, "Confirm the address");
  await page.getByRole("heading", { name: "Your address is confirmed" }).waitFor();
  assert.equal((await signedIn(context, server)).user.emailVerified, true);
}));

test("another password ends the other session, which is back where it was after signing in", visit({ allow: [/40[01] /] }, async ({ page, context }) => {
  const { email, cookie } = await somebody("Grace");
  const other = await newContext(context.browser());
  try {
    const theirs = await other.newPage();
    await open(theirs, other, await server.signIn(email), `${ACCOUNT}?from=there`);
    await open(page, context, cookie);
    await waitForSessions(page, 2);
    const password = section(page, "Password");
    await press(password, "Change the password");
    await password.getByText("Choose a password.").waitFor();
    await fill(password, "Current password", "WrongPass1");
    await fill(password, "New password", "NewSecurePass1");
    await press(password, "Change the password");
    await password.getByText("is not your present password").waitFor();
    await inspect(page, "account-errors");
    await fill(password, "Current password", PASSWORD);
    await fill(password, "New password", "short");
    await press(password, "Change the password");
    await password.getByText(/at least 8 characters/).last().waitFor();
    await fill(password, "New password", "NewSecurePass1");
    await press(password, "Change the password");
    await says(page, "The password is changed, and your other sessions have ended.");
    assert.equal(await password.getByLabel("New password", { exact: true }).inputValue(), "");
    await waitForSessions(page, 1);

    await press(theirs, "End all others");
    await theirs.getByRole("heading", { name: "Sign in" }).waitFor();
    await fill(theirs, "Email", email);
    await fill(theirs, "Password", "NewSecurePass1");
    await press(theirs, "Sign in");
    await theirs.getByRole("heading", { level: 1, name: "Account" }).waitFor();
    assert.equal(theirs.url(), `${ACCOUNT}?from=there`);
  } finally {
    await other.close();
  }
}));

test("one session is ended, then all others; this device is marked and stays", visit(async ({ page, context }) => {
  const { email, cookie } = await somebody("Mary");
  const others = [await server.signIn(email), await server.signIn(email), await server.signIn(email)];
  const alive = async () => (await Promise.all(others.map((each) => server.api("GET", "/api/auth/session", null, each)))).filter(({ status }) => status === 200).length;
  const mine = (await server.must("POST", "/api/auth/sign-out", {}, cookie), await server.signIn(email));
  await open(page, context, mine);
  await waitForSessions(page, 4);
  const here = sessions(page).filter({ hasText: "this device" });
  assert.equal(await here.count(), 1);
  assert.equal(await here.getByRole("button").count(), 0);
  await sessions(page).getByRole("button", { name: /^End the session of/ }).first().click();
  await says(page, "The session has ended.");
  await waitForSessions(page, 3);
  assert.equal(await alive(), 2);
  await press(page, "End all others");
  await says(page, "All your other sessions have ended.");
  await waitForSessions(page, 1);
  assert.equal(await alive(), 0);
  assert.ok(await signedIn(context, server));
}));

test("one tab switches the organization, and the other shows it too", visit(async ({ page, context, open: another }) => {
  const { email, cookie } = await somebody("Vera");
  const { inviteUrl } = await server.must("POST", "/api/admin/invites", { email, role: "viewer" }, owner);
  await server.must("POST", "/api/auth/accept-invite", { token: new URL(inviteUrl).searchParams.get("token") }, cookie);
  await open(page, context, cookie);
  const second = await another();
  await second.goto(`${server.url}/admin/settings/team`);
  await second.getByRole("table", { name: "Members" }).waitFor();
  const organizations = page.getByRole("table", { name: "Organizations" });
  await organizations.getByRole("row").filter({ hasText: "Vera" }).getByText("this one").waitFor();
  await inspect(page, "account-organizations");
  await press(page, `Switch to ${OWNER.organization}`);
  await organizations.getByRole("row").filter({ hasText: OWNER.organization }).getByText("this one").waitFor();
  assert.equal((await signedIn(context, server)).organization.name, OWNER.organization);
  await second.getByRole("table", { name: "Colleagues" }).waitFor();
  await second.getByText(OWNER.name).waitFor();
  assert.equal(await second.getByRole("combobox", { name: "Organization" }).locator("option:checked").textContent(), OWNER.organization);
}));

test("the account is deleted with the password, and the last owner’s is not", visit({ allow: [/40[013] .*\/api\/auth\/account/] }, async ({ page, context }) => {
  const { email, cookie } = await somebody("Joan");
  await open(page, context, owner);
  await press(page, "Delete the account…");
  await fill(page.getByRole("dialog"), "Password", PASSWORD);
  await press(page.getByRole("dialog"), "Delete the account");
  await page.getByText("An organization cannot be left without an owner. Make somebody else an owner first.").waitFor();

  await open(page, context, cookie);
  await press(page, "Delete the account…");
  await inspect(page, "account-delete");
  await fill(page.getByRole("dialog"), "Password", "WrongPass1");
  await press(page.getByRole("dialog"), "Delete the account");
  await page.getByText("is not your present password").waitFor();
  await fill(page.getByRole("dialog"), "Password", PASSWORD);
  await press(page.getByRole("dialog"), "Delete the account");
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  assert.equal(await signedIn(context, server), null);
  assert.equal((await server.api("POST", "/api/auth/sign-in", { email, password: PASSWORD })).status, 401);
}));
