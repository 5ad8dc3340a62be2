//! Tokens that stand for somebody: minted here, shown once, known afterwards by their digest alone.
//!
//! A token is a prefix and lower-case hex digits. Where its shape has a checksum, the last eight digits are the
//! CRC-32 (ISO-HDLC, as in zip) of all that stands before, so that a mistyped or made-up one is told apart without a
//! look-up.

use ring::digest;
use zeroize::Zeroizing;

use crate::random::{Random, RandomFailed};

const CHECKSUM_DIGITS: usize = 8;

/// SHA-256 of a token: what a token is known by.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of a token's text.
    pub fn of(token: &str) -> Self {
        let mut bytes = [0u8; 32];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
        Digest(bytes)
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Digest([redacted])")
    }
}

/// What a kind of token looks like.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// What it begins with, such as `clav_live_`.
    pub prefix: String,
    /// How many hex digits follow, the checksum's included.
    pub hex_digits: usize,
    /// Whether the last eight are a checksum.
    pub checksum: bool,
}

/// The shape of the token in the session cookie.
pub fn session_shape() -> Shape {
    Shape { prefix: String::from("ses_"), hex_digits: 64, checksum: true }
}

/// The shape of the token in the setup link.
pub fn setup_shape() -> Shape {
    Shape { prefix: String::from("stp_"), hex_digits: 64, checksum: true }
}

/// The shape of the tokens in mailed links and in invitations.
pub fn link_shape() -> Shape {
    Shape { prefix: String::from("lnk_"), hex_digits: 64, checksum: true }
}

/// The shape of share tokens.
pub fn share_shape() -> Shape {
    Shape { prefix: String::from("shr_"), hex_digits: 64, checksum: true }
}

/// The shape of the tokens of widgets' sessions.
pub fn widget_session_shape() -> Shape {
    Shape { prefix: String::from("wgs_"), hex_digits: 64, checksum: true }
}

/// The shape of the secrets that widgets' user ids are hashed under.
pub fn widget_secret_shape() -> Shape {
    Shape { prefix: String::from("wsec_"), hex_digits: 64, checksum: true }
}

/// A token in clear: for the moment in which it is shown or compared. It prints as `[redacted]`.
pub struct SecretToken(Zeroizing<String>);

impl SecretToken {
    /// Makes a token of this shape.
    pub fn mint(shape: &Shape, random: &dyn Random) -> Result<Self, RandomFailed> {
        let drawn_digits = shape.hex_digits - if shape.checksum { CHECKSUM_DIGITS } else { 0 };
        let mut drawn = Zeroizing::new(vec![0u8; drawn_digits.div_ceil(2)]);
        random.fill(&mut drawn)?;
        let whole = shape.prefix.len() + shape.hex_digits;
        // One digit more than needed may be written below; the room for it keeps the secret from being moved.
        let mut text = Zeroizing::new(String::with_capacity(whole + 1));
        text.push_str(&shape.prefix);
        for byte in drawn.iter() {
            push_hex(&mut text, *byte);
        }
        text.truncate(shape.prefix.len() + drawn_digits);
        if shape.checksum {
            for byte in crc32fast::hash(text.as_bytes()).to_be_bytes() {
                push_hex(&mut text, byte);
            }
        }
        Ok(SecretToken(text))
    }

    /// The text, for the one answer that shows it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What it will be known by.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.0)
    }
}

impl std::fmt::Debug for SecretToken {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SecretToken([redacted])")
    }
}

fn push_hex(text: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    text.push(DIGITS[usize::from(byte >> 4)] as char);
    text.push(DIGITS[usize::from(byte & 15)] as char);
}

/// How a text fits a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// Not of this shape at all.
    No,
    /// Of this shape, but its checksum is wrong: nobody minted it.
    Junk,
    /// Of this shape; whether it is known, a look-up tells.
    Yes,
}

impl Shape {
    /// Judges `text` without looking anything up.
    pub fn fit(&self, text: &str) -> Fit {
        let Some(digits) = text.strip_prefix(self.prefix.as_str()) else { return Fit::No };
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if digits.len() != self.hex_digits || !digits.bytes().all(is_digit) {
            return Fit::No;
        }
        if !self.checksum {
            return Fit::Yes;
        }
        let (before, checksum) = text.split_at(text.len() - CHECKSUM_DIGITS);
        match u32::from_str_radix(checksum, 16) {
            Ok(checksum) if checksum == crc32fast::hash(before.as_bytes()) => Fit::Yes,
            _ => Fit::Junk,
        }
    }

    /// The part of a token that may be shown: the prefix and the next six digits.
    pub fn shown(&self, token: &SecretToken) -> String {
        token.reveal().chars().take(self.prefix.len() + 6).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandomness;

    fn shape(prefix: &str, hex_digits: usize, checksum: bool) -> Shape {
        Shape { prefix: prefix.into(), hex_digits, checksum }
    }

    #[test]
    fn a_minted_token_fits_its_shape_and_a_changed_digit_makes_it_junk() {
        let random = SystemRandomness::new();
        let live = shape("clav_live_", 64, true);
        let token = SecretToken::mint(&live, &random).unwrap();
        assert_eq!(token.reveal().len(), "clav_live_".len() + 64);
        assert_eq!(live.fit(token.reveal()), Fit::Yes);
        let mut bent = token.reveal().to_owned();
        let other = if bent.ends_with('0') { "1" } else { "0" };
        bent.replace_range(bent.len() - 1.., other);
        assert_eq!(live.fit(&bent), Fit::Junk);
    }

    #[test]
    fn prefixes_lengths_and_checksums_are_settings() {
        let random = SystemRandomness::new();
        for wanted in [shape("thig_", 40, true), shape("thot_ak_", 96, false), shape("odd_", 41, false)] {
            let token = SecretToken::mint(&wanted, &random).unwrap();
            assert_eq!(token.reveal().len(), wanted.prefix.len() + wanted.hex_digits);
            assert_eq!(wanted.fit(token.reveal()), Fit::Yes);
        }
    }

    #[test]
    fn what_has_another_prefix_length_or_alphabet_is_not_of_the_shape() {
        let live = shape("clav_live_", 64, true);
        for text in ["", "clav_live_", "clav_live_abc", &format!("clav_live_{}", "A".repeat(64))] {
            assert_eq!(live.fit(text), Fit::No, "{text}");
        }
        assert_eq!(live.fit(&format!("clav_live_{}é", "a".repeat(62))), Fit::No);
    }

    #[test]
    fn a_token_does_not_print() {
        let token = SecretToken::mint(&session_shape(), &SystemRandomness::new()).unwrap();
        assert_eq!(format!("{token:?} {:?}", token.digest()), "SecretToken([redacted]) Digest([redacted])");
    }
}
