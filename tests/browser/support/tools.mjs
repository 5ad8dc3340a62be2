// Where the things are that these tests work with: the repository, the program, the browser and the two packages that
// tests/install.sh has laid into target/tools/node (nothing is installed beside the tests).

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../..");
export const screenshots = path.join(root, "target/screenshots");

const packages = path.join(root, "target/tools/node");
const require = createRequire(path.join(packages, "package.json"));

export const { chromium } = required("playwright-core", () => require("playwright-core"));
export const axeSource = required("axe-core", () => readFileSync(require.resolve("axe-core/axe.min.js"), "utf8"));

// The program under test: $CLAVIGER, or the debug build.
export function program() {
  const program = process.env.CLAVIGER ?? path.join(root, "target/debug/claviger");
  if (!existsSync(program)) throw new Error(`${program} is not there: run cargo build`);
  return program;
}

// The browser: $CHROMIUM, or where Debian's package puts it.
export const browserProgram = () => process.env.CHROMIUM ?? "/usr/bin/chromium";

function required(name, load) {
  try {
    return load();
  } catch (cause) {
    throw new Error(`${name} is not in ${packages}: run tests/install.sh`, { cause });
  }
}
