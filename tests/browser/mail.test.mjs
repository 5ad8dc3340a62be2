// Mail: the organization's messages, what became of them, and what they say.

import assert from "node:assert/strict";
import net from "node:net";
import { after, test } from "node:test";

import { browserForThisFile, inspect, signIn } from "./support/browser.mjs";
import { startServer } from "./support/server.mjs";

const visit = browserForThisFile();

// A mail server that takes no message from anybody.
const refusing = net.createServer((socket) => {
  socket.on("error", () => null);
  socket.end("554 No service here today\r\n");
});
await new Promise((resolve) => refusing.listen(0, "127.0.0.1", resolve));
after(() => refusing.close());

const heading = (page) => page.getByRole("heading", { level: 1, name: "Mail" });
const message = (page, to) => page.locator("tbody tr").filter({ hasText: to });

async function site(config, run) {
  const server = await startServer(config);
  try {
    await run(server, await server.setUp());
  } finally {
    await server.close();
  }
}

const invite = (server, owner, email) => server.must("POST", "/api/admin/invites", { email, role: "member" }, owner);

test("a message is read, without what opens the door, and sent again", visit(async ({ page, context }) => {
  await site({}, async (server, owner) => {
    await signIn(context, server, owner);
    await page.goto(`${server.url}/admin/mail`);
    await page.getByText("No messages yet.").waitFor();
    await inspect(page, "mail-empty");

    const { inviteUrl } = await invite(server, owner, "bob@example.com");
    await invite(server, owner, `${"w".repeat(60)}@${"example".repeat(8)}.com`);
    await page.reload();
    const row = message(page, "bob@example.com");
    await row.getByText("Waiting").waitFor();
    await inspect(page, "mail");

    await row.getByRole("button", { name: /^Ada Lovelace invites you/ }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText(/token=…/).first().waitFor();
    const text = await dialog.textContent();
    assert.doesNotMatch(text, /inv_[0-9a-f]{8}/);
    assert.ok(!text.includes(new URL(inviteUrl).searchParams.get("token")));
    await inspect(page, "mail-message");
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    assert.match(await page.evaluate(() => document.activeElement.textContent), /invites you/);

    await row.getByRole("button", { name: /^Actions for/ }).click();
    await inspect(page, "mail-menu");
    await page.getByRole("button", { name: "Send again" }).click();
    await page.getByRole("status").filter({ hasText: "The message to bob@example.com is due again." }).waitFor();
    const { items } = await server.must("GET", "/api/admin/audit-log?action=mail.retried", null, owner);
    assert.equal(items.length, 1);
  });
}));

test("what a mail server refuses is dead, and says why", visit(async ({ page, context }) => {
  const smtp = { host: "127.0.0.1", port: refusing.address().port, tls: "none", from: "keys@example.com" };
  await site({ smtp }, async (server, owner) => {
    await invite(server, owner, "bob@example.com");
    await signIn(context, server, owner);
    for (const end = Date.now() + 20_000; Date.now() < end; ) {
      const { items } = await server.must("GET", "/api/admin/mail", null, owner);
      if (items[0].attempts > 0) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await page.goto(`${server.url}/admin/mail`);
    const row = message(page, "bob@example.com");
    await row.getByText("No service here today").waitFor();
    await inspect(page, "mail-failed");
  });
}));

test("messages that nobody sends are explained", visit(async ({ page, context }) => {
  await site({}, async (server, owner) => {
    await invite(server, owner, "bob@example.com");
    await signIn(context, server, owner);
    await page.clock.install({ time: Date.now() + 10 * 60_000 });
    await page.goto(`${server.url}/admin/mail`);
    await page.getByText("no mail server seems to be set up").waitFor();
    await inspect(page, "mail-not-sent");
    await page.getByRole("main").getByRole("link", { name: "Team" }).click();
    await page.getByRole("heading", { level: 1, name: "Team" }).waitFor();
  });
}));

test("a member has no mail to look at", visit(async ({ page, context }) => {
  await site({}, async (server, owner) => {
    const { cookie } = await server.member(owner, { name: "Mia", email: "mia@example.com" });
    await signIn(context, server, cookie);
    await page.goto(`${server.url}/admin/mail`);
    await heading(page).waitFor();
    await page.getByText(/The owners and admins of Home manage this/).waitFor();
    assert.equal(await page.getByRole("navigation").getByRole("link", { name: "Mail" }).count(), 0);
    await inspect(page, "not-for-you");
  });
}));
