// How a webhook's receiver verifies what it gets.

export const LINES = {
  Python: `import hmac

def is_genuine(body, signature, secret):
    expected = "sha256=" + hmac.new(secret.encode(), body, "sha256").hexdigest()
    return hmac.compare_digest(expected.encode(), signature.encode())`,
  JavaScript: `import { createHmac, timingSafeEqual } from "node:crypto";

function isGenuine(body, signature, secret) {
  const expected = Buffer.from("sha256=" + createHmac("sha256", secret).update(body).digest("hex"));
  const given = Buffer.from(signature);
  return given.length === expected.length && timingSafeEqual(given, expected);
}`,
  PHP: `function is_genuine($body, $signature, $secret) {
    return hash_equals("sha256=" . hash_hmac("sha256", $body, $secret), $signature);
}`,
  Go: `import ("crypto/hmac"; "crypto/sha256"; "encoding/hex")

func isGenuine(body []byte, signature, secret string) bool {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	expected := "sha256=" + hex.EncodeToString(mac.Sum(nil))
	return hmac.Equal([]byte(expected), []byte(signature))
}`,
  Rust: `// hex 0.4, hmac 0.12, sha2 0.10
use hmac::{Hmac, Mac};

fn is_genuine(body: &[u8], signature: &str, secret: &str) -> bool {
    let given = hex::decode(signature.trim_start_matches("sha256="));
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    given.is_ok_and(|given| mac.verify_slice(&given).is_ok())
}`,
};
