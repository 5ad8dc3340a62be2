//! Keyed digests: HMAC-SHA-256 (RFC 2104, FIPS 180-4).

use ring::hmac;

/// A key for HMAC-SHA-256; it never prints.
#[derive(Clone)]
pub struct SigningKey(hmac::Key);

impl SigningKey {
    /// A key of these bytes.
    pub fn new(bytes: &[u8]) -> Self {
        SigningKey(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// The digest of the parts, one after the other.
    pub fn sign(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(part);
        }
        let mut digest = [0u8; 32];
        digest.copy_from_slice(context.sign().as_ref());
        digest
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SigningKey([redacted])")
    }
}

/// Whether two digests are equal, in a time that does not depend on where they differ.
pub fn equal(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && left.iter().zip(right).fold(0u8, |differences, (a, b)| differences | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_rfc_4231_case_2() {
        let digest = SigningKey::new(b"Jefe").sign(&[b"what do ya want ", b"for nothing?"]);
        assert_eq!(digest[..4], [0x5b, 0xdc, 0xc1, 0x46]);
        assert_eq!(digest[28..], [0x64, 0xec, 0x38, 0x43]);
    }

    #[test]
    fn digests_are_equal_only_when_every_byte_is() {
        assert!(equal(b"abc", b"abc"));
        assert!(!equal(b"abc", b"abd"));
        assert!(!equal(b"abc", b"abcd"));
    }
}
