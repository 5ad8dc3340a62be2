//! How a delivery is signed: plainly, over the body under the secret's text; and by the Standard Webhooks specification
//! (<https://www.standardwebhooks.com>), over id, time and body under the bytes that the secret stands for.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use zeroize::Zeroizing;

use crate::crypto::signature::SigningKey;

const PREFIX: &str = "whsec_";

/// A webhook's secret: `whsec_` and 32 bytes in base64. It does not print.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The secret that stands for these bytes.
    pub fn of(bytes: &[u8; 32]) -> Secret {
        let mut text = Zeroizing::new(String::with_capacity(PREFIX.len() + 44));
        text.push_str(PREFIX);
        BASE64_STANDARD.encode_string(bytes, &mut text);
        Secret(text)
    }

    /// Reads a secret's text; `None` where it is none.
    pub fn parse(bytes: &[u8]) -> Option<Secret> {
        let text = std::str::from_utf8(bytes).ok()?;
        let is_one = text.strip_prefix(PREFIX).is_some_and(|coded| BASE64_STANDARD.decode(coded).is_ok());
        is_one.then(|| Secret(Zeroizing::new(text.to_owned())))
    }

    /// The text: for who is to know it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// `sha256=<hex>`, over the body under the text's bytes as they stand.
    pub fn plain(&self, body: &[u8]) -> String {
        let digest = SigningKey::new(self.0.as_bytes()).sign(&[body]);
        let mut value = String::with_capacity(71);
        value.push_str("sha256=");
        for byte in digest {
            value.push_str(&format!("{byte:02x}"));
        }
        value
    }

    /// `v1,<base64>`, over `id.timestamp.body` under the bytes that the text stands for. `timestamp` is in seconds.
    pub fn standard(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let coded = self.0.strip_prefix(PREFIX).unwrap_or_default();
        let bytes = Zeroizing::new(BASE64_STANDARD.decode(coded).unwrap_or_default());
        let head = format!("{id}.{timestamp}.");
        let digest = SigningKey::new(&bytes).sign(&[head.as_bytes(), body]);
        format!("v1,{}", BASE64_STANDARD.encode(digest))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secret([redacted])")
    }
}

/// The secrets that sign at the moment.
#[derive(Clone, Debug)]
pub struct Secrets {
    /// The webhook's own.
    pub current: Secret,
    /// The one before it, while a rotation's grace lasts.
    pub previous: Option<Secret>,
}

impl Secrets {
    /// The headers of one attempt. `plain_header` is `webhooks.signature_header`; while there are two secrets, the one
    /// before signs in a header of its own, whose name ends with `-Previous`, and both stand in `webhook-signature`.
    pub fn headers(&self, plain_header: &str, id: &str, timestamp: i64, body: &[u8]) -> Vec<(String, String)> {
        let mut standard = self.current.standard(id, timestamp, body);
        let mut headers = vec![(plain_header.to_owned(), self.current.plain(body))];
        if let Some(previous) = &self.previous {
            standard = format!("{standard} {}", previous.standard(id, timestamp, body));
            headers.push((format!("{plain_header}-Previous"), previous.plain(body)));
        }
        headers.push((String::from("webhook-id"), id.to_owned()));
        headers.push((String::from("webhook-timestamp"), timestamp.to_string()));
        headers.push((String::from("webhook-signature"), standard));
        headers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_specification_s_own_example() {
        let secret = Secret::parse(b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = secret.standard("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b"{\"test\": 2432232314}");
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_reads_back_and_does_not_print_and_what_is_none_is_refused() {
        let secret = Secret::of(&[7; 32]);
        assert_eq!(secret.reveal().len(), PREFIX.len() + 44);
        assert_eq!(Secret::parse(secret.reveal().as_bytes()).unwrap().reveal(), secret.reveal());
        assert_eq!(format!("{secret:?}"), "Secret([redacted])");
        for wrong in [&b""[..], b"whsec_!", b"BwcH", b"\xff"] {
            assert!(Secret::parse(wrong).is_none());
        }
    }

    #[test]
    fn both_secrets_sign_while_one_is_rotated() {
        let secrets = Secrets { current: Secret::of(&[1; 32]), previous: Some(Secret::of(&[2; 32])) };
        let headers = secrets.headers("X-Signature", "evt_1", 5, b"{}");
        let value = |name: &str| headers.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str());
        assert_eq!(value("X-Signature"), Some(secrets.current.plain(b"{}").as_str()));
        assert_eq!(value("X-Signature-Previous"), Some(Secret::of(&[2; 32]).plain(b"{}").as_str()));
        assert_eq!(value("webhook-signature").unwrap().split(' ').count(), 2);
        let alone = Secrets { previous: None, ..secrets };
        assert_eq!(alone.headers("X-Signature", "evt_1", 5, b"{}").len(), 4);
    }
}
