// Widgets: made, embedded, given another secret, deleted; and the lines that make a user hash.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { after, test } from "node:test";

import { browserForThisFile, inspect, signIn } from "./support/browser.mjs";
import { startServer } from "./support/server.mjs";

const LIST = "/admin/settings/widgets";

const visit = browserForThisFile();
const server = await startServer();
const owner = await server.setUp();
after(() => server.close());

const dialog = (page) => page.getByRole("dialog");
const press = (page, name) => page.getByRole("button", { name, exact: true }).click();
const said = (page, text) => page.getByRole("status").filter({ hasText: text }).waitFor();
const row = (page, text) => page.locator("tbody tr").filter({ hasText: text });

async function open(page, context, cookie = owner) {
  await signIn(context, server, cookie);
  await page.goto(server.url + LIST);
}

async function choose(page, text, action) {
  await row(page, text).getByRole("button", { name: /^Actions for/ }).click();
  await press(page, action);
}

async function secretOf(page, name) {
  await choose(page, name, "Show secret");
  const secret = await dialog(page).getByLabel("The secret", { exact: true }).textContent();
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
  assert.ok(!(await page.content()).includes(secret), "it is gone with its dialog");
  return secret;
}

test("a widget is made, and the lines that embed it are there", visit(async ({ page, context, allow }) => {
  await open(page, context);
  await page.getByText("No widgets yet.").waitFor();
  await inspect(page, "widgets-empty");
  await press(page, "Create a widget");
  await inspect(page, "widgets-create");
  await press(page, "Create");
  await page.getByText("Enter a name.").waitFor();
  await dialog(page).getByLabel("Name").fill("Chat");
  await dialog(page).getByLabel("Allowed origins").fill("https://app.example.com/path");
  await dialog(page).getByLabel("Requests a minute").fill("many");
  allow(/400 .*widgets/);
  await press(page, "Create");
  await dialog(page).getByText("Enter a whole number.").waitFor();
  await dialog(page).getByLabel("Requests a minute").fill("30");
  await press(page, "Create");
  await dialog(page).locator("[name=allowedOrigins][aria-invalid=true]").waitFor();
  await inspect(page, "widgets-create-errors");
  await dialog(page).getByLabel("Allowed origins").fill("https://app.example.com\nhttps://*.example.com");
  await dialog(page).getByLabel("Only for users with a user hash").check();
  await press(page, "Create");
  await page.getByRole("heading", { name: "Embed Chat" }).waitFor();
  await dialog(page).getByRole("status").filter({ hasText: "The widget is created." }).waitFor();

  const { items } = await server.must("GET", "/api/admin/widgets", null, owner);
  const { id, ...settings } = items[0];
  assert.deepEqual(
    [settings.name, settings.allowedOrigins, settings.requireIdentity, settings.requestsPerMinute, settings.webhookId],
    ["Chat", ["https://app.example.com", "https://*.example.com"], true, 30, null],
  );
  const script = await dialog(page).getByLabel("The script", { exact: true }).textContent();
  assert.ok(script.includes(`src="${server.url}/embed.js"`) && script.includes(`data-widget-id="${id}"`), script);
  await inspect(page, "widgets-embed");

  const hash = createHmac("sha256", "a secret").update("user-7").digest("hex");
  const lines = async (language) => {
    await dialog(page).getByLabel("Language").selectOption(language);
    return dialog(page).getByLabel(`The example for ${language}`).textContent();
  };
  const python = `import hmac\nsecret, user_id = "a secret", "user-7"\n${await lines("Python")}\nprint(hash)`;
  assert.equal(execFileSync("python3", ["-c", python], { encoding: "utf8" }).trim(), hash);
  const javascript = `import { createHmac } from "node:crypto"; const [secret, userId] = ["a secret", "user-7"];\n${await lines("JavaScript")}\nconsole.log(hash);`;
  assert.equal(execFileSync(process.execPath, ["--input-type=module", "-e", javascript], { encoding: "utf8" }).trim(), hash);
  assert.match(await lines("PHP"), /hash_hmac\("sha256", \$userId, \$secret\)/);
  await page.keyboard.press("Escape");
  await row(page, "Chat").getByText(id).waitFor();
  await row(page, "Chat").getByText("Required").waitFor();
}));

test("its secret is shown on demand and rotated, and it is changed and deleted", visit(async ({ page, context }) => {
  await server.must("POST", "/api/admin/widgets", { name: "Search" }, owner);
  await open(page, context);
  const before = await secretOf(page, "Search");
  await choose(page, "Search", "Rotate secret…");
  await inspect(page, "widgets-rotate");
  await press(page, "Rotate");
  await said(page, "The widget has a new secret.");
  assert.notEqual(await secretOf(page, "Search"), before);

  await choose(page, "Search", "Edit…");
  const limit = dialog(page).getByLabel("Requests a minute");
  assert.equal(await limit.inputValue(), "120");
  await limit.fill("");
  await dialog(page).getByLabel("Name").fill("Find");
  await press(page, "Save");
  await said(page, "The widget is saved.");
  await choose(page, "Find", "Delete…");
  await press(page, "Delete");
  await said(page, "The widget is deleted.");
  await row(page, "Find").waitFor({ state: "detached" });
}));

test("a widget takes a webhook's secret in place of its own, which is rotated there", visit(async ({ page, context }) => {
  const long = "漢".repeat(100);
  const webhook = await server.must("POST", "/api/admin/webhooks", { url: "https://example.com/hook", events: ["*"], description: long }, owner);
  await server.must("POST", "/api/admin/widgets", { name: long }, owner);
  await open(page, context);
  await choose(page, long, "Edit…");
  await dialog(page).getByLabel("Secret").selectOption({ label: `Webhook ${long}` });
  await inspect(page, "widgets-edit");
  await press(page, "Save");
  await said(page, "The widget is saved.");
  const { secret } = await server.must("GET", `/api/admin/webhooks/${webhook.id}/secret`, null, owner);
  assert.equal(await secretOf(page, long), secret);
  await row(page, long).getByRole("button", { name: /^Actions for/ }).click();
  assert.equal(await page.getByRole("button", { name: "Rotate secret…" }).count(), 0);
  await inspect(page, "widgets");
}));
