"""A receiver of webhooks as its users would write it: checks both signatures, and answers 204 where both are good.

usage: webhook_receiver.py PORT SECRET
"""

import hashlib
import hmac
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

SECRET = sys.argv[2]


def is_signed(body, headers):
    expected = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    given = [headers.get("X-Claviger-Signature", ""), headers.get("X-Claviger-Signature-Previous", "")]
    return any(hmac.compare_digest(expected, signature) for signature in given)


def is_signed_by_the_standard(body, headers):
    try:
        event = Webhook(SECRET).verify(body, dict(headers))
        return event["id"] == headers["webhook-id"]
    except WebhookVerificationError:
        return False


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        plainly, by_the_standard = is_signed(body, self.headers), is_signed_by_the_standard(body, self.headers)
        # One that says yes to a changed body says nothing.
        changed = body.replace(b"webhook.test", b"webhook.tent")
        fooled = is_signed(changed, self.headers) or is_signed_by_the_standard(changed, self.headers)
        self.send_response(204 if plainly and by_the_standard and not fooled else 401)
        self.send_header("X-Verdict", f"{plainly} {by_the_standard} {fooled}")
        self.send_header("Content-Length", "0")
        self.end_headers()


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
