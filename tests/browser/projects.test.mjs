// Projects and templates: made, written, shared with colleagues, and what each role is offered.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { browserForThisFile, inspect, NARROW, signIn } from "./support/browser.mjs";
import { OWNER, startServer } from "./support/server.mjs";

const visit = browserForThisFile();
const server = await startServer();
after(() => server.close());

const MARKDOWN = `# Goals

Some **strong** words, \`code\`, [a link](https://example.com/a) and [a place](#the-table).

<script>window.broken = 1</script> <img src=x onerror="window.broken = 1"> [bad](javascript:window.broken=1)

### Deeper

1. first
   - [x] finished

## The table

| Name | Price | ${"Wide column | ".repeat(12)}
|:--|--:|${":-:|".repeat(12)}
| A | 1.00 | ${"cell | ".repeat(12)}

${"漢".repeat(300)}

${"> ".repeat(50)}deep

${"- ".repeat(60)}deep
`;

let owner, max, vera, template;
before(async () => {
  owner = await server.setUp();
  max = await server.member(owner, { name: "Max", email: "max@example.com" });
  vera = await server.member(owner, { name: "Vera", email: "vera@example.com", role: "viewer" });
  template = await server.must("POST", "/api/admin/templates", { name: "Product", description: "Goals and a table", prd: MARKDOWN }, owner);
});

const make = (name, rest = {}, cookie = owner) => server.must("POST", "/api/projects", { name, ...rest }, cookie);
const share = (project, user, access) => server.must("PUT", `/api/projects/${project.id}/members/${user.id}`, { access }, owner);
const write = (project, version, content, cookie = owner) => server.api("PUT", `/api/projects/${project.id}/prd`, { content }, cookie, { "If-Match": `"${version}"` });
const prdOf = (project) => server.must("GET", `/api/projects/${project.id}/prd`, null, owner);

const heading = (page, name, level = 1) => page.getByRole("heading", { level, name, exact: true }).waitFor();
const rowOf = (page, table, text) => page.getByRole("table", { name: table }).getByRole("row").filter({ hasText: text });
const says = (page, text) => page.locator("#toast").filter({ hasText: text }).waitFor();
const press = (place, name) => place.getByRole("button", { name, exact: true }).click();
const dialog = (page) => page.getByRole("dialog");
const editor = (page) => dialog(page).getByLabel("PRD, in Markdown", { exact: true });
const offered = (page) => page.locator("#page").getByRole("button").filter({ hasNotText: /^⋯$/ }).allTextContents();
const tabs = (page) => page.getByRole("navigation", { name: "Views" }).getByRole("link").allTextContents();

async function open(page, context, cookie, address = "/projects") {
  await signIn(context, server, cookie);
  await page.goto(server.url + address);
  await page.locator("#page h1").waitFor();
}

const openProject = (page, context, { id }, tab, cookie = owner) => open(page, context, cookie, `/projects?id=${id}${tab ? `&tab=${tab}` : ""}`);

test("a project is made from a template, found again, given another status, renamed and deleted", visit(async ({ page, context }) => {
  await open(page, context, owner);
  await page.getByText("No projects yet. Create the first.").waitFor();
  await inspect(page, "projects-empty");
  await press(page, "Create a project");
  await press(dialog(page), "Create");
  await dialog(page).getByText("Enter a name.").waitFor();
  await dialog(page).getByLabel("Name").fill("Customer portal");
  await dialog(page).getByLabel("Description").fill("Where customers see their orders.");
  await dialog(page).getByLabel("Begin with").selectOption("Product");
  await inspect(page, "projects-create");
  await press(dialog(page), "Create");
  await says(page, "The project is created.");
  await heading(page, "Customer portal");
  await heading(page, "Goals", 3);
  const own = page.url();

  await press(page, "Change status…");
  await dialog(page).getByLabel("Status").selectOption("Active");
  await dialog(page).getByLabel("Note").fill("The board agreed.");
  await inspect(page, "project-status");
  await press(dialog(page), "Change status");
  await says(page, "The status is changed.");
  await page.getByRole("link", { name: "History", exact: true }).click();
  await rowOf(page, "Status history", "The board agreed.").filter({ hasText: "Draft → Active" }).waitFor();
  await inspect(page, "project-history");
  await page.getByRole("link", { name: "Activity", exact: true }).click();
  await rowOf(page, "Activity", "Ada Lovelace changed the status from draft to active: The board agreed.").waitFor();
  await rowOf(page, "Activity", "made the project from a template").waitFor();
  await inspect(page, "project-activity");

  await press(page, "Edit…");
  await inspect(page, "project-edit");
  await dialog(page).getByLabel("Name").fill("Portal");
  await press(dialog(page), "Save");
  await heading(page, "Portal");

  await make("Another one");
  await page.goto(`${server.url}/projects`);
  await page.getByLabel("Status").selectOption("Active");
  await rowOf(page, "Projects", "Another one").waitFor({ state: "detached" });
  await page.getByLabel("Search").fill("orders");
  await page.waitForURL(/status=active&q=orders/);
  await page.reload();
  await page.getByText("1 found", { exact: true }).waitFor();
  await page.getByRole("link", { name: "Portal", exact: true }).click();
  await heading(page, "Portal");
  assert.equal(new URL(page.url()).searchParams.get("id"), new URL(own).searchParams.get("id"));

  await press(page, "Delete…");
  await dialog(page).getByLabel("Type Portal to confirm").fill("Something");
  await press(dialog(page), "Delete");
  await dialog(page).getByText("That is not “Portal”.").waitFor();
  await inspect(page, "project-delete");
  await dialog(page).getByLabel("Type Portal to confirm").fill("Portal");
  await press(dialog(page), "Delete");
  await says(page, "The project is deleted.");
  await heading(page, "Projects");
  await rowOf(page, "Projects", "Another one").waitFor();
  assert.equal(await rowOf(page, "Projects", "Portal").count(), 0);
}));

test("an address of no project is told, with the way back", visit({ allow: [/404 .*\/api\/projects\//] }, async ({ page, context }) => {
  await signIn(context, server, owner);
  await page.goto(`${server.url}/projects?id=prj_nothing`);
  await heading(page, "There is no such project");
  await inspect(page, "project-none");
  await page.getByRole("link", { name: "‹ Projects" }).click();
  await heading(page, "Projects");
}));

test("what Markdown is made of stays text, its links are safe, and its headings begin below the page's own", visit(async ({ page, context }) => {
  await openProject(page, context, await make("Harmless", { templateId: template.id }));
  const prose = page.locator(".prose");
  await prose.getByText("<script>window.broken = 1</script>").waitFor();
  assert.equal(await prose.locator("script, img, [onerror], h1, h2").count(), 0);
  assert.deepEqual(await prose.getByRole("link").evaluateAll((links) => links.map((link) => [link.getAttribute("href"), link.rel])), [
    ["https://example.com/a", "noopener noreferrer"],
    ["#prd-the-table", "noopener noreferrer"],
  ]);
  assert.equal(await page.evaluate(() => window.broken), undefined);
  assert.deepEqual(await prose.getByRole("heading").evaluateAll((all) => all.map(({ tagName, textContent }) => `${tagName} ${textContent}`)), ["H3 Goals", "H4 Deeper", "H4 The table"]);
  await prose.getByRole("img", { name: "Done" }).waitFor();
  await prose.getByRole("columnheader", { name: "Price" }).waitFor();
  await prose.getByRole("link", { name: "a place" }).click();
  await page.waitForFunction(() => document.getElementById("prd-the-table").getBoundingClientRect().top < innerHeight);
  await inspect(page, "project-prd");
}));

test("a text that is being written outlives the session", visit({ allow: [/401 .*\/prd/] }, async ({ page, context }) => {
  const project = await make("Written for long");
  await openProject(page, context, project);
  await press(page, "Edit the PRD");
  await editor(page).fill("An hour of work");
  await context.clearCookies();
  await press(dialog(page), "Save");
  await dialog(page).getByText("Sign in again in another tab first.").waitFor();
  await signIn(context, server, owner);
  await press(dialog(page), "Save");
  await says(page, "It is saved.");
  assert.equal((await prdOf(project)).content, "An hour of work");
}));

test("two write the PRD: the second is told by whom it was changed, sees both, and nothing is lost", visit({ allow: [/412 .*\/prd/] }, async ({ page, context }) => {
  const project = await make("Written by two");
  await share(project, max, "write");
  await openProject(page, context, project);
  await page.getByText("Nothing is written yet.").waitFor();
  await press(page, "Edit the PRD");
  await editor(page).fill("Mine");
  await page.keyboard.press("Escape");
  assert.equal(await editor(page).inputValue(), "Mine", "Escape does not throw it away");
  assert.equal((await write(project, 0, "Theirs", max.cookie)).status, 200);
  await press(dialog(page), "Save");
  await dialog(page).getByRole("alert").filter({ hasText: "Max changed this meanwhile." }).waitFor();
  assert.equal(await dialog(page).getByLabel("Theirs: PRD, in Markdown").inputValue(), "Theirs");
  assert.equal(await editor(page).inputValue(), "Mine");
  assert.equal((await prdOf(project)).content, "Theirs");
  await inspect(page, "project-conflict");

  assert.equal((await write(project, 1, "Theirs again", max.cookie)).status, 200);
  await press(dialog(page), "Save");
  await page.waitForFunction(() => document.querySelector("dialog textarea[readonly]").value === "Theirs again");
  await press(dialog(page), "Save");
  await says(page, "It is saved.");
  await page.locator(".prose").getByText("Mine", { exact: true }).waitFor();
  await page.getByText("Version 3, written just now by Ada Lovelace").waitFor();

  await page.getByRole("link", { name: "Version 2", exact: true }).click();
  await page.locator(".prose").getByText("Theirs again").waitFor();
  await inspect(page, "project-version");
  await press(page, "Take it into the editor");
  assert.equal(await editor(page).inputValue(), "Theirs again");
  await press(dialog(page), "Save");
  await page.getByText("Version 4, written").waitFor();
  assert.equal(new URL(page.url()).searchParams.get("version"), null);
  assert.equal((await prdOf(project)).content, "Theirs again");
}));

test("a name that somebody else has changed meanwhile is not overwritten unseen, and what is elsewhere does not disturb", visit({ allow: [/412 .*\/api\/projects\//] }, async ({ page, context }) => {
  const project = await make("Before");
  await openProject(page, context, project);
  await press(page, "Edit…");
  await dialog(page).getByLabel("Name").fill("Mine");
  await server.must("PATCH", `/api/projects/${project.id}`, { name: "Theirs" }, owner);
  await press(dialog(page), "Save");
  await dialog(page).getByText("Somebody changed this meanwhile.").waitFor();
  assert.equal(await dialog(page).getByLabel("Theirs: Name").inputValue(), "Theirs");
  await press(dialog(page), "Save");
  await heading(page, "Mine");

  await press(page, "Edit…");
  await dialog(page).getByLabel("Name").fill("Mine again");
  await share(project, max, "read");
  await press(dialog(page), "Save");
  await heading(page, "Mine again");
}));

test("a project is shared with colleagues, who see what they may and are offered no more", visit({ allow: [/400 .*\/members\//] }, async ({ page, context }) => {
  const project = await make("Shared");
  await openProject(page, context, project, "people");
  await press(page, "Share with a colleague");
  await dialog(page).getByLabel("With").selectOption("Vera");
  await dialog(page).getByLabel("Access").selectOption("Read and write");
  await press(dialog(page), "Share");
  await dialog(page).getByText("Vera is a viewer").waitFor();
  await inspect(page, "project-share");
  await dialog(page).getByLabel("Access").selectOption("Read");
  await press(dialog(page), "Share");
  await rowOf(page, "People", "Vera").filter({ hasText: "Read" }).waitFor();
  await press(page, "Share with a colleague");
  assert.deepEqual(await dialog(page).getByLabel("With").locator("option").allTextContents(), ["Max"]);
  await dialog(page).getByLabel("Access").selectOption("Read and write");
  await press(dialog(page), "Share");
  await rowOf(page, "People", "Max").filter({ hasText: "Read and write" }).waitFor();
  await inspect(page, "project-people");
  assert.deepEqual(await tabs(page), ["PRD", "Activity", "History", "People", "Shares"]);

  await openProject(page, context, project, "", max.cookie);
  assert.deepEqual(await offered(page), ["Change status…", "Edit…", "Edit the PRD"]);
  await openProject(page, context, project, "people", max.cookie);
  await press(page, "Actions for Max");
  await press(page, "Leave…");
  await press(dialog(page), "Leave");
  await says(page, "The access is ended.");
  await heading(page, "Projects");
  assert.equal(await rowOf(page, "Projects", "Shared").count(), 0);

  await openProject(page, context, project, "people", vera.cookie);
  assert.deepEqual(await tabs(page), ["PRD", "Activity", "History", "People"]);
  assert.deepEqual((await offered(page)).filter((name) => /status|Edit|Delete|Share/.test(name)), []);
  assert.equal(await page.getByRole("button", { name: "Actions for Ada Lovelace" }).count(), 0);
  await inspect(page, "project-viewer");

  await openProject(page, context, project, "people");
  await press(page, "Actions for Vera");
  await press(page, "Remove…");
  await press(dialog(page), "Remove");
  await rowOf(page, "People", "Vera").waitFor({ state: "detached" });
  await open(page, context, vera.cookie);
  await page.getByText("No colleague has shared a project with you yet.").waitFor();
  assert.equal(await page.getByRole("button", { name: "Create a project" }).count(), 0);
}));

test("templates are made, changed and deleted by admins, and read by everyone", visit({ allow: [/412 .*\/templates\//] }, async ({ page, context }) => {
  await open(page, context, owner, "/admin/settings/templates");
  await press(page, "Create a template");
  await dialog(page).getByLabel("Name").fill("Service");
  await dialog(page).getByLabel("PRD, in Markdown").fill("# Purpose");
  await inspect(page, "template-create");
  await press(dialog(page), "Create");
  await says(page, "The template is created.");
  await inspect(page, "templates");

  await press(page, "Actions for Service");
  await press(page, "Edit…");
  await editor(page).fill("# Mine");
  const { items } = await server.must("GET", "/api/admin/templates", null, owner);
  await server.must("PATCH", `/api/admin/templates/${items.find(({ name }) => name === "Service").id}`, { prd: "# Theirs" }, owner);
  await press(dialog(page), "Save");
  await dialog(page).getByText("Somebody changed this meanwhile.").waitFor();
  assert.equal(await dialog(page).getByLabel("Theirs: PRD, in Markdown").inputValue(), "# Theirs");
  await press(dialog(page), "Save");
  await says(page, "It is saved.");

  await signIn(context, server, max.cookie);
  await page.reload();
  await page.locator("#page h1").waitFor();
  assert.equal(await page.getByRole("button", { name: /Actions|Create/ }).count(), 0);
  await press(page, "Service");
  await dialog(page).getByText("# Mine").waitFor();
  await inspect(page, "template");

  await signIn(context, server, owner);
  await page.reload();
  await press(page, "Actions for Service");
  await press(page, "Delete…");
  await press(dialog(page), "Delete");
  await rowOf(page, "Templates", "Service").waitFor({ state: "detached" });
}));

test("names of any kind, and many projects, break nothing", visit({ width: NARROW }, async ({ page, context }) => {
  for (const name of ["<img src=x onerror=alert(1)>", "漢".repeat(100), "مشروع العملاء", "W".repeat(100)]) await make(name, { description: "d".repeat(500) });
  for (let number = 1; number <= 55; number += 1) await make(`Project ${number}`, {}, max.cookie);
  await open(page, context, owner);
  await press(page, "Show more");
  await page.getByRole("link", { name: "<img src=x onerror=alert(1)>", exact: true }).waitFor();
  await inspect(page, "projects");
  await page.getByRole("link", { name: "漢".repeat(100), exact: true }).click();
  await heading(page, "漢".repeat(100));
  await inspect(page, "project-long-name");
  assert.equal(await page.getByText(OWNER.email).count(), 0);
}));
