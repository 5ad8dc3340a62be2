// Chromium: one for a test file, and a context without a past for each test.
//
//     const visit = browserForThisFile();
//     test("a sentence", visit({ width: NARROW, scheme: "dark" }, async ({ page, context, allow }) => { … }));
//
// A test fails where a page logs an error, throws, breaks its Content-Security-Policy, or asks another host than the
// servers of this test, unless it has said before that it expects so: `allow(/401/)`. An answer of 400 or above is an
// error in the browser's log too.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import path from "node:path";
import { after, before } from "node:test";

import { isRunning, origins } from "./server.mjs";
import { axeSource, browserProgram, chromium, screenshots } from "./tools.mjs";

export const WIDE = 1280;
export const NARROW = 360;
const HEIGHT = 800;

const PATIENCE_MS = 10_000;

// Starts Chromium before the first test of the file, ends it after the last, and returns `visit`.
export function browserForThisFile() {
  let browser;
  before(async () => (browser = await launch()));
  after(() => browser?.close());

  // visit([options], run): what `test` takes. Options: width, scheme ("light" or "dark"), timezone, and allow (an array
  // of what is expected from the start). run({page, context, allow, open}, t): open() gives another page (a second tab).
  return function visit(...given) {
    const run = given.pop();
    const options = given.pop() ?? {};
    return async (t) => {
      const context = await newContext(browser, options);
      const problems = watch(context, options.allow);
      try {
        const page = await context.newPage();
        await run({ page, context, allow: problems.allow, open: () => context.newPage() }, t);
      } catch (error) {
        if (problems.unexpected().length > 0) error.message += `\n\nBefore that:\n${problems.unexpected().join("\n")}`;
        throw error;
      } finally {
        await context.close();
      }
      assert.ok(problems.unexpected().length === 0, `on the pages:\n${problems.unexpected().join("\n")}`);
    };
  };
}

export const launch = () => chromium.launch({ executablePath: browserProgram() });

export async function newContext(browser, { width = WIDE, scheme = "light", timezone = "Europe/Berlin" } = {}) {
  const context = await browser.newContext({
    viewport: { width, height: HEIGHT },
    colorScheme: scheme,
    timezoneId: timezone,
    locale: "en-GB",
    // Nothing is caught half-way between two colours.
    reducedMotion: "reduce",
  });
  context.setDefaultTimeout(PATIENCE_MS);
  return context;
}

function watch(context, allowed = []) {
  const problems = [];
  const patterns = [...allowed];
  const add = (problem) => problems.push(problem);

  context.on("console", (message) => {
    if (message.type() !== "error") return;
    const { url } = message.location();
    add(`console: ${message.text()}${url ? ` (${url})` : ""}`);
  });
  context.on("weberror", (event) => add(`uncaught: ${event.error().stack ?? event.error()}`));
  context.on("request", (request) => {
    const { protocol, origin } = new URL(request.url());
    const isRemote = /^(https?|wss?):$/.test(protocol);
    if (isRemote && !origins().has(origin.replace(/^ws/, "http"))) add(`another host: ${request.url()}`);
  });

  return {
    allow: (pattern) => patterns.push(pattern),
    unexpected: () => problems.filter((problem) => !endedWithItsServer(problem) && !patterns.some((pattern) => pattern.test(problem))),
  };
}

// What a page was still loading when the test ended the server that it came from.
function endedWithItsServer(problem) {
  const [, address] = /ERR_CONNECTION_(?:RESET|REFUSED|CLOSED) \((.+)\)$/.exec(problem) ?? [];
  return Boolean(address) && !isRunning(new URL(address).origin);
}

// Signs a context in, by a cookie of one of the server's answers.
export async function signIn(context, server, cookie) {
  const at = cookie.indexOf("=");
  await context.addCookies([
    { name: cookie.slice(0, at), value: cookie.slice(at + 1), url: server.url, httpOnly: true, sameSite: "Lax" },
  ]);
}

// Who the context is signed in as: the session object; null where it is not.
export async function signedIn(context, server) {
  const answer = await context.request.get(`${server.url}/api/auth/session`);
  return answer.ok() ? answer.json() : null;
}

// Runs axe-core, every rule that is on by default, and fails with what it finds, in words.
export async function axe(page) {
  await page.evaluate(axeSource);
  const violations = await page.evaluate(async () => (await window.axe.run(document)).violations);
  const findings = violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${help}\n  ${target.join(" ")}\n  ${failureSummary.replaceAll("\n", "\n  ")}`),
  );
  assert.equal(findings.length, 0, `axe-core on ${await placeOf(page)}:\n\n${findings.join("\n\n")}`);
}

// Leaves target/screenshots/NAME-{wide|narrow}-{light|dark}.png, as the page stands now.
export async function screenshot(page, name) {
  const { width } = page.viewportSize();
  const dark = await page.evaluate(() => matchMedia("(prefers-color-scheme: dark)").matches);
  const file = `${name}-${width <= 600 ? "narrow" : "wide"}-${dark ? "dark" : "light"}.png`;
  mkdirSync(screenshots, { recursive: true });
  // "initial": hiding the caret would take an inline style, which the pages' policy forbids.
  await page.screenshot({ path: path.join(screenshots, file), fullPage: true, caret: "initial" });
}

// What every page must stand: wide and narrow, light and dark, axe-core finds nothing and nothing sticks out at the
// side; a screenshot of each. The page is left as it was.
export async function inspect(page, name) {
  const before = page.viewportSize();
  const scheme = await page.evaluate(() => (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    for (const width of [WIDE, NARROW]) {
      await page.setViewportSize({ width, height: HEIGHT });
      await axe(page);
      await assertNothingSticksOut(page);
      await screenshot(page, name);
    }
  }
  await page.emulateMedia({ colorScheme: scheme });
  await page.setViewportSize(before);
}

export async function assertNothingSticksOut(page) {
  const { wide, room } = await page.evaluate(() => ({
    wide: document.documentElement.scrollWidth,
    room: document.documentElement.clientWidth,
  }));
  assert.ok(wide <= room, `${await placeOf(page)} is ${wide} pixels wide, and there is room for ${room}`);
}

async function placeOf(page) {
  const { width } = page.viewportSize();
  const dark = await page.evaluate(() => matchMedia("(prefers-color-scheme: dark)").matches);
  return `${new URL(page.url()).pathname} (${width} wide, ${dark ? "dark" : "light"})`;
}
