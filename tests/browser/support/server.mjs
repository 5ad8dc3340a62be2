// A real server as a process of its own, on a directory and a port of its own, and what fills it.
//
//     const server = await startServer({ lockout: { attempts: 2 } });
//     const owner = await server.setUp();                       // a cookie
//     await server.must("GET", "/api/auth/session", null, owner); // the body of an answer that has to be a good one

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { program } from "./tools.mjs";

export const PASSWORD = "SecurePass1";
export const OWNER = { name: "Ada Lovelace", email: "ada@example.com", password: PASSWORD, organization: "Home" };

const READY_WITHIN_MS = 20_000;

// What every test wants: quick hashes, and no limit on signing in but where it is the matter.
const CONFIG = { password: { bcrypt_cost: 10 }, auth: { requests_per_minute: 1000 } };

const running = new Set();

// The origins of the servers that run: whatever else a page asks is another host.
export const origins = () => new Set([...running].map((server) => server.url));

process.on("exit", () => running.forEach((server) => server.destroy()));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(1));

// Sections of the configuration file by name, each an object of its settings; they come over CONFIG, setting by setting.
export async function startServer(config = {}) {
  const server = new Server(await freePort(), config);
  running.add(server);
  await server.start();
  return server;
}

class Server {
  constructor(port, config) {
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
    this.directory = mkdtempSync(path.join(tmpdir(), "claviger-browser-"));
    this.configFile = path.join(this.directory, "claviger.toml");
    this.log = "";
    this.process = null;
    writeFileSync(this.configFile, toml(this.directory, port, config));
  }

  // Starts it and waits until it is ready.
  async start() {
    const logged = this.log.length;
    const child = spawn(program(), ["serve", "--config", this.configFile], {
      cwd: this.directory,
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.process = child;
    this.ended = new Promise((resolve) => child.once("close", resolve));
    child.stderr.setEncoding("utf8").on("data", (text) => (this.log += text));
    for (const end = Date.now() + READY_WITHIN_MS; !(await this.isReady()); await sleep(20)) {
      if (child.exitCode !== null) throw new Error(`the server ended:\n${this.log.slice(logged)}`);
      if (Date.now() > end) throw new Error(`the server is not ready:\n${this.log.slice(logged)}`);
    }
  }

  async isReady() {
    return this.api("GET", "/readyz").then(({ status }) => status === 200, () => false);
  }

  // Ends it as the system would; what it has answered stays.
  async stop() {
    this.process.kill("SIGTERM");
    this.process.kill("SIGCONT");
    await this.ended;
  }

  async restart() {
    await this.stop();
    await this.start();
  }

  // It takes connections and answers nothing, until it goes on.
  pause() {
    this.process.kill("SIGSTOP");
  }

  resume() {
    this.process.kill("SIGCONT");
  }

  // Ends it at once and removes its directory.
  async close() {
    const { ended } = this;
    this.destroy();
    await ended;
    // What it wrote while it was being killed.
    rmSync(this.directory, { recursive: true, force: true });
  }

  destroy() {
    running.delete(this);
    this.process?.kill("SIGKILL");
    rmSync(this.directory, { recursive: true, force: true });
  }

  // The newest setup link that it printed. What is on its way from the process may come a moment later.
  async setupLink() {
    for (const end = Date.now() + READY_WITHIN_MS; Date.now() < end; await sleep(20)) {
      const printed = this.log.match(/^setup: open \S+$/gm)?.at(-1);
      if (printed) return printed.split(" ").at(-1);
    }
    throw new Error(`the server printed no setup link:\n${this.log}`);
  }

  // One call, on a connection of its own. `credential` is a cookie ("name=value") or an API key. The answer:
  // {status, headers, body, cookie}; the body as JSON where it is JSON, the cookie as "name=value" where one was set.
  async api(method, path, body = null, credential = null, headers = {}) {
    const answer = await exchange(this.port, method, path, {
      headers: { ...headers, ...credentialHeader(credential), ...(body === null ? {} : { "Content-Type": "application/json" }) },
      body: body === null ? "" : JSON.stringify(body),
    });
    const json = (answer.headers["content-type"] ?? "").startsWith("application/json");
    const cookie = answer.headers["set-cookie"]?.[0].split(";")[0] ?? null;
    return { ...answer, body: json ? JSON.parse(answer.body) : answer.body, cookie };
  }

  // The same; only the body, and an error where the status is not 2xx.
  async must(method, path, body = null, credential = null) {
    const answer = await this.api(method, path, body, credential);
    if (answer.status < 200 || answer.status > 299) {
      throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    }
    return answer.body;
  }

  // Runs a subcommand, and gives what it printed.
  run(arguments_, input = "") {
    return new Promise((resolve, reject) => {
      const child = spawn(program(), [...arguments_, "--config", this.configFile], { cwd: this.directory });
      let [out, err] = ["", ""];
      child.stdout.setEncoding("utf8").on("data", (text) => (out += text));
      child.stderr.setEncoding("utf8").on("data", (text) => (err += text));
      child.on("error", reject);
      child.on("close", (code) =>
        code === 0 ? resolve(out) : reject(new Error(`claviger ${arguments_.join(" ")}: ${code}\n${err}`)),
      );
      // A subcommand that reads no input may have ended before it is sent; its exit code says what there is to say.
      child.stdin.on("error", () => null);
      child.stdin.end(input);
    });
  }

  // Makes the owner and the home organization; the owner's cookie.
  async setUp(owner = {}) {
    const token = new URL(await this.setupLink()).searchParams.get("token");
    return this.cookieFrom("/api/setup", { ...OWNER, ...owner, token });
  }

  async signIn(email = OWNER.email, password = PASSWORD) {
    return this.cookieFrom("/api/auth/sign-in", { email, password });
  }

  async cookieFrom(path, body) {
    const answer = await this.api("POST", path, body);
    if (!answer.cookie) throw new Error(`POST ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.cookie;
  }

  // Invites an address, which registers with the link and signs in: {id, name, email, password, cookie}.
  async member(owner, { name, email, role = "member", password = PASSWORD }) {
    const { inviteUrl } = await this.must("POST", "/api/admin/invites", { email, role }, owner);
    const inviteToken = new URL(inviteUrl).searchParams.get("token");
    await this.must("POST", "/api/auth/register", { name, email, password, inviteToken });
    const cookie = await this.signIn(email, password);
    const { user } = await this.must("GET", "/api/auth/session", null, cookie);
    return { id: user.id, name, email, password, cookie };
  }

  // Makes an API key: the object, with `key`.
  async key(owner, wishes) {
    return this.must("POST", "/api/admin/rest-api-keys", typeof wishes === "string" ? { name: wishes } : wishes, owner);
  }

  // So many requests with a key, as a proxy asks about them; the statuses that it was told.
  async requests(key, count = 1, { method = "GET", path = "/agents/7", userAgent = "curl/8.5.0" } = {}) {
    const statuses = [];
    for (let made = 0; made < count; made += 1) {
      const headers = { "X-Forwarded-Method": method, "X-Forwarded-Uri": path, "User-Agent": userAgent };
      statuses.push((await this.api("GET", "/verify", null, key, headers)).status);
    }
    return statuses;
  }

  // The newest message to an address, as the command line shows it: {subject, text, link, …}; `link` is the first
  // address of this server in it.
  async mail(to) {
    const { items } = JSON.parse(await this.run(["mail", "list", "--limit", "200", "--json"]));
    const newest = items.find((mail) => mail.to === to);
    if (!newest) throw new Error(`there is no mail to ${to}`);
    const mail = JSON.parse(await this.run(["mail", "show", newest.id, "--json"]));
    return { ...mail, link: mail.text?.match(new RegExp(`${this.url}\\S+`))?.[0] ?? null };
  }
}

function credentialHeader(credential) {
  if (!credential) return {};
  return credential.includes("=") ? { Cookie: credential } : { Authorization: `Bearer ${credential}` };
}

function exchange(port, method, path, { headers, body }) {
  return new Promise((resolve, reject) => {
    const request = http.request({ host: "127.0.0.1", port, method, path, headers, agent: false, timeout: 30_000 });
    request.on("timeout", () => request.destroy(new Error(`${method} ${path}: no answer`)));
    request.on("error", reject);
    request.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk) => (text += chunk));
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, body: text }));
    });
    request.end(body);
  });
}

// A port that was free a moment ago. It stays the server's over a restart, and with it the address that the pages know.
export function freePort() {
  return new Promise((resolve, reject) => {
    const listener = net.createServer().on("error", reject);
    listener.listen(0, "127.0.0.1", () => {
      const { port } = listener.address();
      listener.close(() => resolve(port));
    });
  });
}

// JSON's numbers, booleans, strings and arrays of them are TOML's too.
function toml(directory, port, config) {
  const names = new Set([...Object.keys(CONFIG), ...Object.keys(config), "server"]);
  const lines = [`data_dir = ${JSON.stringify(path.join(directory, "data"))}`];
  for (const name of names) {
    const given = config[name] ?? {};
    // An array is one table after another ([[rules]]).
    for (const section of Array.isArray(given) ? given : [{ ...CONFIG[name], ...given }]) {
      lines.push(Array.isArray(given) ? `[[${name}]]` : `[${name}]`);
      if (name === "server") lines.push(`listen = "127.0.0.1:${port}"`);
      for (const [key, value] of Object.entries(section)) lines.push(`${key} = ${JSON.stringify(value)}`);
    }
  }
  return `${lines.join("\n")}\n`;
}
