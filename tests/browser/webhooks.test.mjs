// Webhooks: made, tried out, looked at, sent again, rotated, switched off; and the lines that verify what they send.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import http from "node:http";
import { after, test } from "node:test";

import { browserForThisFile, inspect, signIn } from "./support/browser.mjs";
import { startServer } from "./support/server.mjs";

const LIST = "/admin/settings/webhooks";

const visit = browserForThisFile();
const server = await startServer({ webhooks: { allow_networks: ["127.0.0.1"] } });
const owner = await server.setUp();

// What came, by path; /bad answers 500 until it is mended, /gone 410.
const came = [];
let mended = false;
const receiver = await new Promise((resolve) => {
  const listener = http.createServer(async (request, answer) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    came.push({ path: request.url, headers: request.headers, body: Buffer.concat(chunks).toString() });
    answer.statusCode = { "/bad": mended ? 200 : 500, "/gone": 410 }[request.url] ?? 200;
    answer.end(answer.statusCode === 200 ? "Taken, thank you" : "<img src=x onerror=alert(1)> out of order");
  });
  listener.listen(0, "127.0.0.1", () => resolve(listener));
});
const to = (path) => `http://127.0.0.1:${receiver.address().port}${path}`;

after(async () => {
  receiver.close().closeAllConnections();
  await server.close();
});

const make = (path, wishes) => server.must("POST", "/api/admin/webhooks", { url: to(path), events: ["project.*"], ...wishes }, owner);
const pageOf = ({ id }) => `${LIST}?webhook=${id}`;
const heading = (page, name) => page.getByRole("heading", { level: 1, name, exact: true });
const dialog = (page) => page.getByRole("dialog");
const press = (page, name) => page.getByRole("button", { name, exact: true }).click();
const said = (page, text) => page.getByRole("status").filter({ hasText: text }).waitFor();
const row = (page, text) => page.locator("tbody tr").filter({ hasText: text });

async function open(page, context, path, cookie = owner) {
  await signIn(context, server, cookie);
  await page.goto(server.url + path);
}

async function choose(page, text, action) {
  await row(page, text).getByRole("button", { name: /^Actions for/ }).click();
  await press(page, action);
}

test("a webhook is made, a test is sent, and its delivery and answer are seen", visit(async ({ page, context, allow }) => {
  await open(page, context, LIST);
  await page.getByText("No webhooks yet.").waitFor();
  await inspect(page, "webhooks-empty");
  await press(page, "Create a webhook");
  await inspect(page, "webhooks-create");
  await press(page, "Create");
  await page.getByText("Enter where it goes.").waitFor();
  allow(/400 .*webhooks/);
  await dialog(page).getByLabel("URL").fill("http://169.254.169.254/latest");
  await press(page, "Create");
  await dialog(page).locator("[name=url][aria-invalid=true]").waitFor();
  await dialog(page).getByLabel("URL").fill(to("/ok"));
  await dialog(page).getByLabel("Events").fill("Project.created");
  await press(page, "Create");
  await dialog(page).locator("[name=events][aria-invalid=true]").waitFor();
  await inspect(page, "webhooks-create-errors");
  await dialog(page).getByLabel("Events").fill("project.*\napi_key.created");
  await dialog(page).getByLabel("Description").fill("Chat");
  await press(page, "Create");

  await heading(page, "Chat").waitFor();
  await said(page, "The webhook is created.");
  await page.getByText("Nothing was sent yet.").waitFor();
  await press(page, "Send a test");
  await said(page, "The test is on its way.");
  const delivery = row(page, "webhook.test");
  await delivery.getByText("Delivered").waitFor();
  await delivery.getByRole("cell", { name: /^200\b/ }).waitFor();
  await inspect(page, "webhook");
  await delivery.getByRole("button", { name: "webhook.test", exact: true }).click();
  await dialog(page).getByText("Taken, thank you").waitFor();
  assert.equal(await dialog(page).getByLabel("The body", { exact: true }).textContent(), came.at(-1).body);
  await inspect(page, "webhook-delivery");
  await page.keyboard.press("Escape");

  const sent = came.length;
  await choose(page, "webhook.test", "Send again");
  await said(page, "It is on its way again.");
  await until(() => came.length === sent + 1);
  await page.getByLabel("State").selectOption("failed");
  await page.getByText("Nothing matches.").waitFor();
  assert.equal(new URL(page.url()).searchParams.get("state"), "failed");
}));

async function until(isSo) {
  for (const end = Date.now() + 10_000; !isSo(); await new Promise((resolve) => setTimeout(resolve, 50))) {
    if (Date.now() > end) throw new Error("it did not come to it");
  }
}

test("the lines for Python and JavaScript verify what came, and refuse what was changed", visit(async ({ page, context }) => {
  const { id } = await make("/verified");
  await server.must("POST", `/api/admin/webhooks/${id}/test`, null, owner);
  await until(() => came.some(({ path }) => path === "/verified"));
  const { body, headers } = came.find(({ path }) => path === "/verified");
  const signature = headers["x-claviger-signature"];

  await open(page, context, pageOf({ id }));
  await press(page, "Show secret");
  const secret = await dialog(page).getByLabel("The secret", { exact: true }).textContent();
  assert.match(secret, /^whsec_/);
  await inspect(page, "webhook-secret");
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
  assert.ok(!(await page.content()).includes(secret), "it is gone with its dialog");

  const lines = async (language) => {
    await page.getByLabel("Language").selectOption(language);
    return page.getByLabel(`The example for ${language}`).textContent();
  };
  const [python, javascript] = [await lines("Python"), await lines("JavaScript")];
  const given = [[body, signature, secret], [`${body} `, signature, secret], [body, signature, `${secret}x`], [body, "", secret]];
  for (const [index, each] of given.entries()) {
    const call = JSON.stringify(each.slice(1)).slice(1, -1);
    const text = JSON.stringify(each[0]);
    const told = [
      execFileSync("python3", ["-c", `${python}\nprint(is_genuine(${text}.encode(), ${call}))`], { encoding: "utf8" }),
      execFileSync(process.execPath, ["--input-type=module", "-e", `${javascript}\nconsole.log(isGenuine(Buffer.from(${text}), ${call}));`], { encoding: "utf8" }),
    ];
    assert.deepEqual(told.map((each) => each.trim().toLowerCase()), Array(2).fill(String(index === 0)));
  }
  for (const language of ["PHP", "Go", "Rust"]) assert.match(await lines(language), /sha256=/);
  await inspect(page, "webhook-lines");
}));

test("a delivery that fails waits, is tried again by itself and by hand, and the page follows", visit(async ({ page, context }) => {
  const { id } = await make("/bad", { description: "漢".repeat(100) });
  await open(page, context, pageOf({ id }));
  await press(page, "Send a test");
  const delivery = row(page, "webhook.test");
  await delivery.getByText("Waiting").waitFor();
  await delivery.getByText("The receiver answered 500").waitFor();
  await page.getByText("Failing", { exact: true }).waitFor();
  await inspect(page, "webhook-failing");
  await delivery.getByRole("button", { name: "webhook.test", exact: true }).click();
  await dialog(page).getByText("out of order").waitFor();
  assert.equal(await dialog(page).locator("img").count(), 0);
  await page.keyboard.press("Escape");
  mended = true;
  await choose(page, "webhook.test", "Send again");
  await delivery.getByText("Delivered").waitFor();
  await page.getByText("Active", { exact: true }).waitFor();
}));

test("a receiver that is gone switches its webhook off, and the list says why", visit(async ({ page, context }) => {
  const { id } = await make("/gone", { description: "Old" });
  await server.must("POST", `/api/admin/webhooks/${id}/test`, null, owner);
  await until(() => came.some(({ path }) => path === "/gone"));
  await open(page, context, LIST);
  for (; !(await row(page, "Old").getByText("Off", { exact: true }).count()); await page.reload()) await page.waitForTimeout(100);
  await row(page, "Old").getByText("its receiver is gone (410)").waitFor();
  await inspect(page, "webhooks");
  await choose(page, "Old", "Switch on");
  await said(page, "The webhook is on now.");
  await row(page, "Old").getByText("Active").waitFor();
  await choose(page, "Old", "Delete…");
  await inspect(page, "webhooks-delete");
  await press(page, "Delete");
  await said(page, "The webhook is deleted.");
  await row(page, "Old").waitFor({ state: "detached" });
}));

test("a webhook is changed, rotated and switched off on its own page", visit(async ({ page, context, allow }) => {
  const made = await make("/changed");
  await open(page, context, pageOf(made));
  await press(page, "Edit…");
  assert.equal(await dialog(page).getByLabel("Events").inputValue(), "project.*");
  await dialog(page).getByLabel("Description").fill("Renamed");
  await press(page, "Save");
  await heading(page, "Renamed").waitFor();
  await press(page, "Rotate secret…");
  await inspect(page, "webhook-rotate");
  await press(page, "Rotate");
  await said(page, "The webhook has a new secret.");
  await page.getByText("The old secret signs too until").waitFor();
  await press(page, "Send a test");
  await until(() => came.some(({ path, headers }) => path === "/changed" && headers["x-claviger-signature-previous"]));
  await press(page, "Switch off");
  await said(page, "The webhook is off now.");
  await page.getByText("by hand").waitFor();
  assert.equal(await page.getByRole("button", { name: "Send a test" }).count(), 0);
  await press(page, "Delete…");
  await press(page, "Delete");
  await heading(page, "Webhooks").waitFor();
  allow(/404/);
  await page.goto(server.url + pageOf(made));
  await heading(page, "There is no such webhook").waitFor();
  await inspect(page, "webhook-none");
}));

test("a member is offered no webhooks", visit(async ({ page, context }) => {
  const { cookie } = await server.member(owner, { name: "Mia", email: "mia@example.com" });
  await open(page, context, LIST, cookie);
  await page.getByText(/The owners and admins of Home manage this/).waitFor();
  assert.equal(await page.getByRole("navigation").getByRole("link", { name: "Webhooks" }).count(), 0);
}));
