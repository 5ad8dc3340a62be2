// The pages before the sign-in: from the setup link, a password, a mail or an invitation to somebody's own session.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { browserForThisFile, inspect, NARROW, signedIn, signIn } from "./support/browser.mjs";
import { OWNER, PASSWORD, startServer } from "./support/server.mjs";

const visit = browserForThisFile();
const server = await startServer({
  registration: { require_verified_email: true, mode: "open" },
  lockout: { attempts: 2, minutes: 1 },
});
const owner = await server.setUp();
after(() => server.close());

// People of this file, each in an organization of their own, so that no test meets another's lockout.
async function registered(name) {
  const email = `${name.toLowerCase()}@example.com`;
  await server.must("POST", "/api/auth/register", { name, email, password: PASSWORD });
  const { link } = await server.mail(email);
  await server.must("POST", "/api/auth/verify-email", { token: new URL(link).searchParams.get("token") });
  return email;
}

const heading = (page, name) => page.getByRole("heading", { level: 1, name });
const alert = (page) => page.getByRole("alert").filter({ hasText: /./ });
const leaves = (page, path) => page.waitForURL((url) => url.pathname !== path);

async function fill(page, fields) {
  for (const [label, value] of Object.entries(fields)) await page.getByLabel(label, { exact: true }).fill(value);
}

async function submit(page, name) {
  await page.getByRole("button", { name, exact: true }).click();
}

async function submitSignIn(page, email, password = PASSWORD) {
  await fill(page, { Email: email, Password: password });
  await submit(page, "Sign in");
}

test("the setup link makes the owner, who is signed in; errors stand beside their fields; it works once", visit(async ({ page, context, allow }) => {
  const fresh = await startServer();
  try {
    const link = await fresh.setupLink();
    await page.goto(link);
    assert.equal(page.url(), `${fresh.url}/setup`, "the token stays in the address bar");
    await inspect(page, "setup");

    await submit(page, "Set up");
    for (const text of ["Enter your name.", "Enter your email address.", "Choose a password.", "Enter the organization’s name."]) {
      await page.getByText(text).waitFor();
    }
    assert.equal(await page.evaluate(() => document.activeElement.name), "name");
    await inspect(page, "setup-errors");

    allow(/400 .*\/api\/setup/);
    await fill(page, { "Your name": OWNER.name, Email: OWNER.email, Password: "short", Organization: OWNER.organization });
    await submit(page, "Set up");
    await page.locator("[name=password][aria-invalid=true]").waitFor();
    assert.match(await page.locator(".field:has([name=password]) .field-error").textContent(), /at least 8 characters/i);

    await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await submit(page, "Set up");
    await leaves(page, "/setup");
    const session = await signedIn(context, fresh);
    assert.deepEqual([session.user.email, session.role, session.organization.name], [OWNER.email, "owner", "Home"]);

    allow(/410 .*\/api\/setup/);
    await page.goto(link);
    await fill(page, { "Your name": "Eve", Email: "eve@example.com", Password: PASSWORD, Organization: "Eve's" });
    await submit(page, "Set up");
    await heading(page, "Already set up").waitFor();
    await inspect(page, "setup-already");
  } finally {
    await fresh.close();
  }
}));

test("a setup link that is not the newest, or is not there, says where the right one is", visit(async ({ page, allow }) => {
  const fresh = await startServer();
  try {
    await page.goto(`${fresh.url}/setup`);
    await heading(page, "Open the setup link").waitFor();
    await inspect(page, "setup-without-link");
    allow(/400 .*\/api\/setup/);
    await page.goto(`${fresh.url}/setup?token=old`);
    await fill(page, { "Your name": OWNER.name, Email: OWNER.email, Password: PASSWORD, Organization: "Home" });
    await submit(page, "Set up");
    await heading(page, "This link is no longer valid").waitFor();
    await inspect(page, "setup-old-link");
  } finally {
    await fresh.close();
  }
}));

test("one signs in with the keyboard alone, mistypes the password once, and is taken where one wanted to go", visit({ allow: [/401/] }, async ({ page, context }) => {
  const email = await registered("Grace");
  await page.goto(`${server.url}/sign-in?returnTo=${encodeURIComponent("/forgot-password?a=b")}`);
  await heading(page, "Sign in").waitFor();
  await inspect(page, "sign-in");
  const focused = () => page.evaluate(() => document.activeElement.name || document.activeElement.textContent);
  const { keyboard } = page;

  assert.equal(await focused(), "email", "the first field has the focus");
  await keyboard.type(email);
  await keyboard.press("Tab");
  assert.equal(await focused(), "password");
  await keyboard.type("WrongPass1");
  await keyboard.press("Enter");
  await alert(page).waitFor();
  assert.equal(await alert(page).textContent(), "Invalid email or password.");
  await inspect(page, "sign-in-refused");

  // The wrong one is selected: what is typed replaces it.
  assert.equal(await focused(), "password");
  await keyboard.type(PASSWORD);
  await keyboard.press("Tab");
  assert.match(await focused(), /Show/);
  await keyboard.press("Space");
  assert.equal(await page.getByLabel("Password", { exact: true }).getAttribute("type"), "text");
  assert.equal(await page.getByLabel("Password", { exact: true }).inputValue(), PASSWORD);
  await keyboard.press("Tab");
  assert.equal(await focused(), "Sign in");
  await keyboard.press("Enter");
  await page.waitForURL(`${server.url}/forgot-password?a=b`);
  assert.equal((await signedIn(context, server)).user.email, email);
  // The sign-in page is not in the history: going back does not show it filled in.
  await page.goBack().catch(() => null);
  assert.doesNotMatch(page.url(), /sign-in/);
}));

test("whoever is not signed in is sent to sign in first", visit({ allow: [/401/] }, async ({ page }) => {
  await page.goto(`${server.url}/`);
  await page.waitForURL(/\/sign-in/);
  await heading(page, "Sign in").waitFor();
}));

test("every control of the sign-in page shows that it has the focus", visit(async ({ page }) => {
  await page.goto(`${server.url}/sign-in`);
  await heading(page, "Sign in").waitFor();
  const seen = new Set();
  for (let stop = 0; stop < 6; stop += 1) {
    const { name, outline } = await page.evaluate(() => {
      const { activeElement: element } = document;
      const style = getComputedStyle(element);
      return { name: element.name || element.textContent, outline: `${style.outlineStyle} ${style.outlineWidth}` };
    });
    if (name.includes("Claviger")) break;
    assert.equal(outline, "solid 2px", name);
    seen.add(name);
    await page.keyboard.press("Tab");
  }
  for (const name of ["email", "password", "Sign in", "Forgot your password?", "Register"]) assert.ok(seen.has(name), name);
}));

test("a locked account shows when it opens again, counting down, and another address may try at once", visit({ allow: [/401/, /423/] }, async ({ page, context }) => {
  const email = await registered("Mary");
  const other = await registered("Joan");
  await page.clock.install();
  await page.goto(`${server.url}/sign-in`);
  for (let attempt = 0; attempt < 2; attempt += 1) {
    await submitSignIn(page, email, "WrongPass1");
    await alert(page).waitFor();
    assert.equal(await alert(page).textContent(), "Invalid email or password.");
  }
  const timer = page.getByRole("timer").filter({ hasText: /./ });
  const lock = async () => {
    await submitSignIn(page, email);
    await timer.waitFor();
  };
  await lock();
  assert.match(await alert(page).textContent(), /^Account is temporarily locked\. You can try again at \d\d:\d\d:\d\d\.$/);
  const shown = async () => {
    const [minutes, seconds] = (await timer.textContent()).split(":").map(Number);
    return minutes * 60 + seconds;
  };
  const before = await shown();
  assert.ok(before > 0 && before <= 60, `${before} seconds`);
  await page.clock.fastForward(5000);
  const later = await shown();
  assert.ok(later <= before - 4 && later >= before - 15, `${before}, then ${later}`);
  await inspect(page, "sign-in-locked");

  // Another address is not locked.
  await page.getByLabel("Email").fill(other);
  assert.equal(await timer.count(), 0);

  // The end of the countdown.
  await lock();
  await page.clock.fastForward(61_000);
  await page.getByText("You can try again now.").waitFor();
  assert.equal(await timer.count(), 0);

  await server.run(["user", "unlock", email]);
  await submitSignIn(page, email);
  await leaves(page, "/sign-in");
  assert.equal((await signedIn(context, server)).user.email, email);
}));

test("who registers confirms the address by mail and signs in", visit(async ({ page, context, allow }) => {
  await page.goto(`${server.url}/register`);
  await inspect(page, "register");
  await submit(page, "Register");
  await page.getByText("Choose a password.").waitFor();
  allow(/400 .*\/api\/auth\/register/);
  await fill(page, { "Your name": "Hedy", Email: "hedy@example.com", Password: "password" });
  await submit(page, "Register");
  await page.locator("[name=password][aria-invalid=true]").waitFor();
  await inspect(page, "register-errors");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await submit(page, "Register");
  await heading(page, "Check your mailbox").waitFor();
  await inspect(page, "register-check-mail");

  allow(/403 .*\/api\/auth\/sign-in/);
  await page.goto(`${server.url}/sign-in`);
  await submitSignIn(page, "hedy@example.com");
  await page.getByRole("link", { name: "Have another link sent" }).click();
  await heading(page, "Have a link sent").waitFor();
  await inspect(page, "verify-email-another");
  await fill(page, { Email: "hedy@example.com" });
  await submit(page, "Send another link");
  await heading(page, "Check your mailbox").waitFor();
  await inspect(page, "verify-email-sent");

  const { link } = await server.mail("hedy@example.com");
  await page.goto(link);
  assert.equal(page.url(), `${server.url}/verify-email`, "the token stays in the address bar");
  await inspect(page, "verify-email");
  await submit(page, "Confirm the address");
  await heading(page, "Your address is confirmed").waitFor();
  await inspect(page, "verify-email-done");

  await page.goto(`${server.url}/sign-in`);
  await submitSignIn(page, "hedy@example.com");
  await leaves(page, "/sign-in");
  const { user } = await signedIn(context, server);
  assert.deepEqual([user.name, user.emailVerified, user.timezone], ["Hedy", true, "Europe/Berlin"]);

  allow(/400 .*\/api\/auth\/verify-email/);
  await page.goto(link);
  await submit(page, "Confirm the address");
  await heading(page, "This link is no longer valid").waitFor();
  await inspect(page, "verify-email-invalid");
}));

test("who forgot the password chooses another by a mailed link", visit({ width: NARROW }, async ({ page, context, allow }) => {
  const email = await registered("Emmy");
  await page.goto(`${server.url}/sign-in`);
  await page.getByRole("link", { name: "Forgot your password?" }).click();
  await heading(page, "Forgot your password?").waitFor();
  await inspect(page, "forgot-password");
  await fill(page, { Email: email });
  await submit(page, "Send the link");
  await heading(page, "Check your mailbox").waitFor();
  await inspect(page, "forgot-password-sent");

  const { link } = await server.mail(email);
  await page.goto(link);
  assert.equal(page.url(), `${server.url}/reset-password`, "the token stays in the address bar");
  await inspect(page, "reset-password");
  allow(/400 .*\/api\/auth\/reset-password/);
  await fill(page, { "New password": "NewSecurePass1", "The same again": "NewSecurePass2" });
  await submit(page, "Save the password");
  await page.locator("[name=confirmPassword][aria-invalid=true]").waitFor();
  await inspect(page, "reset-password-errors");
  await fill(page, { "The same again": "NewSecurePass1" });
  await submit(page, "Save the password");
  await heading(page, "Your password is changed").waitFor();
  await inspect(page, "reset-password-done");

  allow(/401 .*\/api\/auth\/sign-in/);
  await page.goto(`${server.url}/sign-in`);
  await submitSignIn(page, email, PASSWORD);
  await alert(page).waitFor();
  await submitSignIn(page, email, "NewSecurePass1");
  await leaves(page, "/sign-in");
  assert.equal((await signedIn(context, server)).user.email, email);

  await page.goto(link);
  await fill(page, { "New password": PASSWORD, "The same again": PASSWORD });
  await submit(page, "Save the password");
  await heading(page, "This link is no longer valid").waitFor();
  await inspect(page, "reset-password-invalid");
}));

test("an invited stranger registers from the invitation and belongs to the organization", visit({ allow: [/401 .*\/api\/auth\/session/] }, async ({ page, context }) => {
  await server.must("POST", "/api/admin/invites", { email: "lise@example.com", role: "admin" }, owner);
  const { link } = await server.mail("lise@example.com");
  await page.goto(link);
  await heading(page, "Join Home").waitFor();
  await page.getByText("Ada Lovelace invites lise@example.com. Your role will be: admin.").waitFor();
  await inspect(page, "invite-stranger");
  await page.getByRole("link", { name: "Create an account" }).click();
  await fill(page, { "Your name": "Lise", Email: "lise@example.com", Password: PASSWORD });
  await submit(page, "Register");
  // The mailed link has proved the address.
  await heading(page, "You can sign in now").waitFor();
  await inspect(page, "register-ready");
  await page.getByRole("link", { name: "Sign in" }).first().click();
  await submitSignIn(page, "lise@example.com");
  await leaves(page, "/sign-in");
  const { organization, role } = await signedIn(context, server);
  assert.deepEqual([organization.name, role], ["Home", "admin"]);
}));

test("an invitation is for its address: another is asked to sign out, the right one joins", visit({ allow: [/401 .*\/api\/auth\/session/] }, async ({ page, context, allow }) => {
  const email = await registered("Rosalind");
  const other = await registered("Barbara");
  const { inviteUrl } = await server.must("POST", "/api/admin/invites", { email, role: "viewer" }, owner);

  await signIn(context, server, await server.signIn(other));
  await page.goto(inviteUrl);
  await page.getByText(`You are signed in as ${other}, and the invitation is for another address.`).waitFor();
  await inspect(page, "invite-mismatch");
  await submit(page, "Sign out");
  await page.getByRole("link", { name: "Sign in" }).click();
  await submitSignIn(page, email);
  await page.getByRole("button", { name: "Join" }).waitFor();
  await inspect(page, "invite-join");
  await submit(page, "Join");
  await leaves(page, "/invite");
  const { organization, role } = await signedIn(context, server);
  assert.deepEqual([organization.name, role], ["Home", "viewer"]);

  allow(/400 .*\/api\/auth\/invite-info/);
  await page.goto(inviteUrl);
  await heading(page, "This invitation is no longer valid").waitFor();
  await inspect(page, "invite-invalid");
}));

test("a link from the command line signs in", visit(async ({ page, context, allow }) => {
  const email = await registered("Ingrid");
  const { url } = JSON.parse(await server.run(["login-link", email, "--json"]));
  await page.goto(url);
  await inspect(page, "sign-in-link");
  await submit(page, "Sign in");
  await leaves(page, "/sign-in-link");
  assert.equal((await signedIn(context, server)).user.email, email);
  allow(/400 .*\/api\/auth\/sign-in-link/);
  await page.goto(url);
  await submit(page, "Sign in");
  await heading(page, "This link is no longer valid").waitFor();
  await inspect(page, "sign-in-link-invalid");
}));

test("where registration is by invitation, the page says so", visit({ allow: [/403 .*\/api\/auth\/register/] }, async ({ page }) => {
  const closed = await startServer({ registration: { mode: "invite" } });
  try {
    await page.goto(`${closed.url}/register`);
    await fill(page, { "Your name": "Eve", Email: "eve@example.com", Password: PASSWORD });
    await submit(page, "Register");
    await heading(page, "Registration is not open").waitFor();
    await inspect(page, "register-closed");
  } finally {
    await closed.close();
  }
}));

test("a server that is down, and one that comes back, are told", visit({ allow: [/ERR_CONNECTION_REFUSED/] }, async ({ page, context }) => {
  const email = OWNER.email;
  const shaky = await startServer();
  try {
    await shaky.setUp();
    await page.goto(`${shaky.url}/sign-in`);
    await heading(page, "Sign in").waitFor();
    await shaky.stop();
    await submitSignIn(page, email);
    await alert(page).waitFor();
    assert.match(await alert(page).textContent(), /The server cannot be reached\./);
    await inspect(page, "sign-in-unreachable");
    await shaky.start();
    await submit(page, "Sign in");
    await leaves(page, "/sign-in");
    assert.equal((await signedIn(context, shaky)).user.email, email);
  } finally {
    await shaky.close();
  }
}));
