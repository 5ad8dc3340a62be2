// How soon there is something to see, in headless Chromium over loopback: the sign-in page and the list of 200 keys, on a
// first visit (nothing kept) and on a second one. Prints medians of ten.
//
//     node tests/browser/first_paint.mjs
//
// Measures the program of $CLAVIGER, else the release build if there is one, else the debug build.

import { existsSync } from "node:fs";
import path from "node:path";

import { launch, newContext, signIn } from "./support/browser.mjs";
import { startServer } from "./support/server.mjs";
import { root } from "./support/tools.mjs";

const KEYS = 200;
const ROUNDS = 10;
const GOAL_MS = 300;
const KEY_LISTS = ["/admin/settings/developer", "/"];

const release = path.join(root, "target/release/claviger");
if (!process.env.CLAVIGER && existsSync(release)) process.env.CLAVIGER = release;

const server = await startServer({ log: { level: "error" } });
const browser = await launch();
try {
  const owner = await server.setUp();
  for (let made = 0; made < KEYS; made += 1) {
    const key = await server.key(owner, { name: `Key ${made}`, environment: made % 5 ? "live" : "test" });
    if (made % 4 === 0) await server.requests(key.key, 2);
  }
  // Whatever is made once, the compressed files above all, is made before.
  await visits("/sign-in", null, 0);
  const list = await keyList(owner);
  await visits(list, owner, KEYS);

  const rows = [];
  for (const [what, at, cookie, expected] of [["Sign-in page", "/sign-in", null, 0], [`${KEYS} keys at ${list}`, list, owner, KEYS]]) {
    const rounds = [];
    for (let round = 0; round < ROUNDS; round += 1) rounds.push(await visits(at, cookie, expected));
    for (const visit of ["first", "second"]) rows.push([what, visit, ...summary(rounds.map((round) => round[visit]))]);
  }
  print([["", "visit", "first paint", "rows stand", "requests", "received"], ...rows]);
  console.log(`\nMedians of ${ROUNDS} with ${path.relative(root, process.env.CLAVIGER ?? "target/debug/claviger")}; ` +
    `the goal is a first paint within ${GOAL_MS} ms.`);
} finally {
  await browser.close();
  await server.close();
}

// The page of the keys, wherever this build has it.
async function keyList(owner) {
  for (const path of KEY_LISTS) {
    if ((await server.api("GET", path, null, owner)).status === 200) return path;
  }
  throw new Error(`there is no page of keys at ${KEY_LISTS.join(" or ")}`);
}

// A first visit and a second one, with the same cache.
async function visits(path, cookie, rows) {
  const context = await newContext(browser);
  try {
    if (cookie) await signIn(context, server, cookie);
    return { first: await measure(context, path, rows), second: await measure(context, path, rows) };
  } finally {
    await context.close();
  }
}

async function measure(context, path, rows) {
  const page = await context.newPage();
  await page.addInitScript(noteWhenRowsStand, rows);
  await page.goto(`${server.url}${path}`);
  await page.waitForFunction(() => performance.getEntriesByName("first-contentful-paint").length > 0);
  if (rows > 0) await page.waitForFunction(() => performance.getEntriesByName("rows-stand").length > 0);
  await page.waitForLoadState("networkidle");
  const measured = await page.evaluate(() => {
    const start = (name) => performance.getEntriesByName(name)[0]?.startTime ?? null;
    const received = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
    return {
      paint: start("first-contentful-paint"),
      rows: start("rows-stand"),
      requests: received.length,
      bytes: received.reduce((sum, { transferSize }) => sum + transferSize, 0),
    };
  });
  await page.close();
  return measured;
}

// Runs in the page, before its own scripts.
function noteWhenRowsStand(rows) {
  if (rows === 0) return;
  const observer = new MutationObserver(() => {
    if (document.querySelectorAll("main tbody tr").length < rows) return;
    observer.disconnect();
    // After they are laid out and painted, not merely in the tree.
    requestAnimationFrame(() => setTimeout(() => performance.mark("rows-stand")));
  });
  observer.observe(document, { childList: true, subtree: true });
}

function summary(measured) {
  const of = (name) => median(measured.map((one) => one[name]));
  const ms = (value) => (value === null ? "" : `${Math.round(value)} ms`);
  return [ms(of("paint")), ms(of("rows")), String(of("requests")), `${(of("bytes") / 1000).toFixed(1)} kB`];
}

function median(values) {
  if (values.includes(null)) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return Number.isInteger(middle) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[Math.floor(middle)];
}

function print(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  for (const row of rows) {
    console.log(row.map((cell, column) => (column < 2 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join("   "));
  }
}
