// A customer's page, on a site of its own and under a strict policy, loads embed.js and calls the API behind nginx and
// the gate with the token of its session.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { browserForThisFile } from "./support/browser.mjs";
import { freePort, startServer } from "./support/server.mjs";
import { root } from "./support/tools.mjs";

const visit = browserForThisFile();
const server = await startServer({
  server: { trusted_proxies: ["127.0.0.1"] },
  rules: [{ path: "/agents/{*rest}", methods: ["*"], allow: ["widget"] }],
});
const owner = await server.setUp();

const listening = (handle) =>
  new Promise((resolve) => {
    const listener = http.createServer(handle).listen(0, "127.0.0.1", () => resolve(listener));
  });

// The customer's page: `?` and what stands in data attributes. What its script learns is in window.learnt.
const pages = await listening((request, answer) => {
  const { pathname, search } = new URL(request.url, "http://page");
  const headers = {
    "Content-Security-Policy":
      `default-src 'none'; script-src 'self' ${server.url}; connect-src ${server.url} ${api.url}; ` +
      "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
    "Cross-Origin-Embedder-Policy": "require-corp",
  };
  if (pathname === "/page.js") {
    answer.writeHead(200, { ...headers, "Content-Type": "text/javascript" });
    return answer.end(`
      window.learnt = [];
      addEventListener("claviger:ready", ({ detail }) => learnt.push(["ready", detail.widgetId]));
      addEventListener("claviger:error", ({ detail }) => learnt.push(["error", detail.code]));
      window.call = async (target, wish) => {
        const token = await Claviger.token(wish);
        const headers = { Authorization: "Bearer " + token, "Content-Type": "application/json" };
        const answer = await fetch(target, { method: "POST", headers, body: "{}" });
        return answer.json();
      };`);
  }
  if (pathname !== "/") return answer.writeHead(204, headers).end();
  const scripts = decodeURIComponent(search.slice(1)).split("|").map((data) => `<script src="${server.url}/embed.js" ${data} async></script>`);
  answer.writeHead(200, { ...headers, "Content-Type": "text/html; charset=utf-8" });
  answer.end(`<!doctype html><title>A customer's page</title><script src="/page.js"></script>${scripts.join("")}`);
});
// Another site than Claviger's, not merely another port of it.
const PAGE = `http://localhost:${pages.address().port}`;

// The API: it lets the page read its answers, and says what it was told of the caller.
const behind = await listening((request, answer) => {
  const headers = {
    "Access-Control-Allow-Origin": PAGE,
    "Access-Control-Allow-Headers": "authorization, content-type",
    Vary: "Origin",
    "Content-Type": "application/json",
  };
  answer.writeHead(200, headers);
  answer.end(JSON.stringify({ target: request.url, method: request.method, ...request.headers }));
});
const api = await startNginx(behind.address().port);

after(async () => {
  api.stop();
  for (const listener of [pages, behind]) listener.close().closeAllConnections();
  await server.close();
});

// nginx with examples/nginx/claviger.conf as it stands, other ports in it.
async function startNginx(apiPort) {
  const port = await freePort();
  const directory = mkdtempSync(path.join(tmpdir(), "claviger-nginx-"));
  const conf = [
    ["server 127.0.0.1:8080;", `server 127.0.0.1:${server.port};`],
    ["server 127.0.0.1:3000;", `server 127.0.0.1:${apiPort};`],
    ["listen 80;", `listen 127.0.0.1:${port};`],
  ].reduce((text, [from, to]) => {
    assert.equal(text.split(from).length, 2, `${from} must stand once in the example`);
    return text.replace(from, to);
  }, readFileSync(path.join(root, "examples/nginx/claviger.conf"), "utf8"));
  writeFileSync(path.join(directory, "claviger.conf"), conf);
  const places = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${name};`);
  writeFileSync(
    path.join(directory, "nginx.conf"),
    `daemon off; master_process off; pid nginx.pid; error_log stderr; events {}
     http { access_log off; ${places.join(" ")} include claviger.conf; }`,
  );
  const program = path.join(root, "target/tools/bin/nginx");
  const child = spawn(program, ["-p", directory, "-e", "stderr", "-c", "nginx.conf"], { stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (log += text));
  const stop = () => {
    child.kill("SIGKILL");
    rmSync(directory, { recursive: true, force: true });
  };
  process.on("exit", stop);
  const url = `http://127.0.0.1:${port}`;
  for (const end = Date.now() + 10_000; ; await sleep(20)) {
    const status = await fetch(`${url}/agents/7`).then(({ status }) => status, () => 0);
    if (status === 401) return { url, stop };
    if (Date.now() > end || child.exitCode !== null) throw new Error(`nginx is not in front of Claviger:\n${log}`);
  }
}

// A widget for this page, and the attributes that its script has.
async function widget(wishes = {}) {
  const made = await server.must("POST", "/api/admin/widgets", { name: "Chat", allowedOrigins: [PAGE], ...wishes }, owner);
  const { secret } = await server.must("GET", `/api/admin/widgets/${made.id}/secret`, null, owner);
  const hash = (user) => createHmac("sha256", secret).update(user).digest("hex");
  return { ...made, hash, data: `data-widget-id="${made.id}"` };
}

const address = (...scripts) => `${PAGE}/?${encodeURIComponent(scripts.join("|"))}`;
const learns = (page, what) => page.waitForFunction((what) => window.learnt?.some((one) => one.join() === what), what.join());
const elsewhere = /^another host: /;

test("a page calls the API behind nginx in its user's name, under a strict policy", visit({ allow: [elsewhere] }, async ({ page }) => {
  const { id, data, hash } = await widget({ requireIdentity: true });
  const user = `${data} data-user-id="user-7" data-user-name="Grace" data-user-email="g@example.com" data-user-hash="${hash("user-7")}"`;
  await page.goto(address(user));
  await learns(page, ["ready", id]);
  const seen = await page.evaluate((target) => window.call(target), `${api.url}/agents/7`);
  assert.deepEqual(
    [seen.method, seen.target, seen["x-auth-method"], seen["x-auth-subject"], seen["x-auth-email"]],
    ["POST", "/agents/7", "widget", "user-7", undefined],
  );
  const who = await server.must("GET", "/api/auth/session", null, seen.authorization.split(" ")[1]);
  assert.deepEqual([who.userId, who.claims], ["user-7", { name: "Grace", email: "g@example.com" }]);
  const [kept, fresh] = await page.evaluate(async () => [await Claviger.token(), await Claviger.token({ fresh: true })]);
  assert.match(fresh, /^wgs_[0-9a-f]{64}$/);
  assert.notEqual(kept, fresh);
}));

test("several scripts on one page keep a session each, and the same one twice keeps one", visit({ allow: [elsewhere] }, async ({ page }) => {
  const [one, other] = [await widget(), await widget({ name: "Search" })];
  const asked = [];
  page.on("request", (request) => request.method() === "POST" && asked.push(request.url()));
  await page.goto(address(one.data, `data-agent-id="${other.id}"`, one.data));
  await learns(page, ["ready", one.id]);
  await learns(page, ["ready", other.id]);
  const tokens = await page.evaluate((ids) => Promise.all(ids.map((widgetId) => Claviger.token({ widgetId }))), [one.id, other.id]);
  assert.notEqual(tokens[0], tokens[1]);
  const whose = async (token) => (await server.must("GET", "/api/auth/session", null, token)).widget.id;
  assert.deepEqual(await Promise.all(tokens.map(whose)), [one.id, other.id]);
  assert.equal(asked.length, 2);
}));

test("a session is renewed before it ends, and not while nobody looks", visit({ allow: [elsewhere] }, async ({ page }) => {
  const { id, data } = await widget();
  await page.clock.install();
  const asked = [];
  page.on("request", (request) => request.method() === "POST" && asked.push(request.url()));
  await page.goto(address(data));
  await learns(page, ["ready", id]);
  const first = await page.evaluate(() => Claviger.token());
  await page.clock.fastForward(11 * 60_000);
  assert.equal(await page.evaluate(() => Claviger.token()), first);
  const renewal = page.waitForResponse((answer) => answer.url().endsWith("/session") && answer.request().method() === "POST");
  await page.clock.fastForward(61_000);
  assert.equal((await renewal).status(), 201);
  assert.notEqual(await page.evaluate(() => Claviger.token()), first);
  assert.equal(asked.length, 2);
  assert.deepEqual(await page.evaluate(() => window.learnt.map(([what]) => what)), ["ready"], "it is ready once");
}));

test("a page of an origin that is not allowed gets no session, and is told what to look at", visit({ allow: [elsewhere] }, async ({ page, allow }) => {
  allow(/blocked by CORS policy|net::ERR_FAILED|403/);
  const { data } = await widget({ allowedOrigins: ["https://app.example.com"] });
  const told = page.waitForEvent("console", (message) => message.type() === "warning");
  await page.goto(address(data));
  await learns(page, ["error", "UNREACHABLE"]);
  assert.ok((await told).text().includes(`is ${PAGE} an allowed origin`), "the console says it");
  const refused = await page.evaluate(() => Claviger.token().catch(({ code }) => code));
  assert.equal(refused, "UNREACHABLE");
}));

test("a user hash of somebody else is refused, and the page can read why", visit({ allow: [elsewhere] }, async ({ page, allow }) => {
  allow(/403/);
  const { data, hash } = await widget();
  await page.goto(address(`${data} data-user-id="ada" data-user-hash="${hash("eve")}"`));
  await learns(page, ["error", "USER_HASH_INVALID"]);
}));

test("a token dies with its widget's secret, and the page gets another when it asks for a fresh one", visit({ allow: [elsewhere] }, async ({ page, allow }) => {
  const { id, data } = await widget();
  await page.goto(address(data));
  await learns(page, ["ready", id]);
  assert.equal((await page.evaluate((target) => window.call(target), `${api.url}/agents/7`))["x-auth-subject"], undefined);
  await server.must("POST", `/api/admin/widgets/${id}/rotate-secret`, {}, owner);
  // The gate's refusal through nginx has no CORS headers: to the page it is a failure.
  allow(/401|CORS policy|net::ERR_FAILED/);
  assert.equal(await page.evaluate((target) => window.call(target).catch(() => "refused"), `${api.url}/agents/7`), "refused");
  const again = await page.evaluate((target) => window.call(target, { fresh: true }), `${api.url}/agents/7`);
  assert.equal(again["x-auth-method"], "widget");
}));
