// The whole first day of somebody who tries Claviger: from the setup link to the first refused request.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { browserForThisFile, inspect, NARROW } from "./support/browser.mjs";
import { OWNER, PASSWORD, startServer } from "./support/server.mjs";

const LIMIT = 3;

const visit = browserForThisFile();
const servers = [];
after(() => Promise.all(servers.map((server) => server.close())));

// What a proxy asks for each request that comes in.
async function ask(server, key, path) {
  const headers = { Authorization: `Bearer ${key}`, "X-Forwarded-Method": "GET", "X-Forwarded-Uri": path, "X-Forwarded-Host": "api.example.com", "User-Agent": "first-day/1.0" };
  const answer = await fetch(`${server.url}/verify`, { headers });
  return { status: answer.status, organization: answer.headers.get("X-Auth-Organization"), body: await answer.text() };
}

async function firstDay({ page }, inspected) {
  const server = await startServer();
  servers.push(server);
  const heading = (name, level = 1) => page.getByRole("heading", { level, name, exact: true });
  const press = (name) => page.getByRole("button", { name, exact: true }).click();

  // Setting up: the link that the server printed leads to the owner's account.
  await page.goto(await server.setupLink());
  for (const [label, value] of [["Your name", OWNER.name], ["Email", OWNER.email], ["Password", PASSWORD], ["Organization", OWNER.organization]]) {
    await page.getByLabel(label, { exact: true }).fill(value);
  }
  await press("Set up");

  // Each page says what to do next.
  await heading("Projects").waitFor();
  await page.getByText("No projects yet.").waitFor();
  if (page.viewportSize().width < 960) await press("Menu");
  await page.getByRole("link", { name: "API keys", exact: true }).click();
  await heading("API keys").waitFor();
  await page.getByText("No keys yet.").waitFor();

  // A key with a limit that is soon reached.
  await press("Create a key");
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("CI/CD Pipeline");
  await dialog.getByText("Limit, scopes, addresses, owner").click();
  await dialog.getByLabel("Requests a minute").fill(String(LIMIT));
  await press("Create");
  await heading("The key of CI/CD Pipeline", 2).waitFor();
  const key = await dialog.getByLabel("The key", { exact: true }).textContent();
  assert.match(await dialog.getByLabel("The example for curl").textContent(), new RegExp(`Bearer ${key}`));
  await press("I have stored it");
  await dialog.waitFor({ state: "detached" });
  assert.ok(!(await page.content()).includes(key), "the key is shown this once");

  // The program calls the API, and the proxy asks Claviger: all is well, until it is too much.
  const answers = [];
  for (let asked = 0; asked <= LIMIT; asked += 1) answers.push(await ask(server, key, `/agents/${asked}`));
  assert.deepEqual(answers.map(({ status }) => status), [...Array(LIMIT).fill(200), 429]);
  assert.match(answers[0].organization, /^org_/);
  assert.match(answers.at(-1).body, /Too many requests\. Please retry after \d+ seconds\./);

  // The refused request stands on the key's own page …
  await page.getByRole("link", { name: "CI/CD Pipeline" }).click();
  await heading("CI/CD Pipeline").waitFor();
  const refused = page.getByRole("table", { name: "Requests" }).getByRole("row").filter({ hasText: "429" });
  await refused.getByText("RATE_LIMITED").waitFor();
  assert.match(await refused.textContent(), new RegExp(`/agents/${LIMIT}`));
  if (inspected) await inspect(page, "first-day-key");

  // … and in the audit, with all the others.
  await openMenu();
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Audit" }).click();
  await page.getByRole("row").filter({ hasText: "Ada Lovelace created key CI/CD Pipeline" }).waitFor();
  await page.getByRole("link", { name: "Requests" }).click();
  await page.getByLabel("Answer").selectOption("429");
  await page.getByText("1 found").waitFor();
  const found = page.locator("tbody tr");
  assert.match(await found.textContent(), new RegExp(`GET api\\.example\\.com/agents/${LIMIT}`));
  await found.getByText("429 refused").waitFor();
  await found.locator("summary").click();
  await found.getByText("first-day/1.0").waitFor();
  if (inspected) await inspect(page, "first-day-refused");

  // From there back to the key.
  await found.getByRole("link", { name: "CI/CD Pipeline" }).click();
  await heading("CI/CD Pipeline").waitFor();

  async function openMenu() {
    const button = page.getByRole("button", { name: "Menu", exact: true });
    if (await button.isVisible()) await button.click();
  }
}

test("the first day, from the setup link to the first refused request", visit((tools) => firstDay(tools, true)));

test("the first day on a phone, in the dark", visit({ width: NARROW, scheme: "dark" }, (tools) => firstDay(tools, false)));
