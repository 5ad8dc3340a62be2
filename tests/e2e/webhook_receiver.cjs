// A receiver of webhooks as its users would write it: checks both signatures, and answers 204 where both are good.
//
// usage: node webhook_receiver.cjs PORT SECRET
const crypto = require("node:crypto");
const http = require("node:http");
const { Webhook } = require("standardwebhooks");

const [port, secret] = process.argv.slice(2);

function isSigned(body, headers) {
  const expected = "sha256=" + crypto.createHmac("sha256", secret).update(body).digest("hex");
  const given = [headers["x-claviger-signature"], headers["x-claviger-signature-previous"]];
  return given.some(
    (signature) =>
      signature?.length === expected.length &&
      crypto.timingSafeEqual(Buffer.from(signature), Buffer.from(expected)),
  );
}

function isSignedByTheStandard(body, headers) {
  try {
    return new Webhook(secret).verify(body.toString(), headers).id === headers["webhook-id"];
  } catch {
    return false;
  }
}

http
  .createServer((request, response) => {
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => {
      const body = Buffer.concat(parts);
      const good = isSigned(body, request.headers) && isSignedByTheStandard(body, request.headers);
      // One that says yes to a changed body says nothing.
      const changed = Buffer.from(body.toString().replace("webhook.test", "webhook.tent"));
      const fooled = isSigned(changed, request.headers) || isSignedByTheStandard(changed, request.headers);
      response.writeHead(good && !fooled ? 204 : 401).end();
    });
  })
  .listen(Number(port), "127.0.0.1");
