//! Password hashes: bcrypt, in the variant that refuses what it would have to cut.

use zeroize::Zeroizing;

/// The most bytes that bcrypt takes whole.
pub const MAX_BYTES: usize = 71;

/// A password in clear, for the moment in which it is hashed. It prints as `[redacted]`.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

/// The password has more than [`MAX_BYTES`] bytes, or a NUL.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Unhashable {
    /// Too long.
    #[error("must be at most 71 bytes long")]
    TooLong,
    /// Has a NUL.
    #[error("must not contain a NUL character")]
    Nul,
}

impl Password {
    /// Takes a password that can be hashed whole.
    pub fn parse(text: String) -> Result<Self, Unhashable> {
        let text = Zeroizing::new(text);
        if text.len() > MAX_BYTES {
            return Err(Unhashable::TooLong);
        }
        if text.contains('\0') {
            return Err(Unhashable::Nul);
        }
        Ok(Password(text))
    }

    /// The text, for the rules that judge it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Password([redacted])")
    }
}

/// Hashes with a salt of its own; `cost` is the exponent of two. `None` if bcrypt fails.
pub fn hash(password: &Password, cost: u32) -> Option<String> {
    bcrypt::non_truncating_hash(password.reveal(), cost).ok()
}

/// Whether `password` is the one that `hash` was made of.
pub fn verify(password: &Password, hash: &str) -> bool {
    bcrypt::non_truncating_verify(password.reveal(), hash).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seventy_one_bytes_are_hashed_whole_and_seventy_two_are_refused() {
        let long = "a".repeat(71);
        let hash = hash(&Password::parse(long.clone()).unwrap(), 4).unwrap();
        assert!(verify(&Password::parse(long.clone()).unwrap(), &hash));
        let last_differs = format!("{}b", &long[..70]);
        assert!(!verify(&Password::parse(last_differs).unwrap(), &hash));
        assert_eq!(Password::parse("a".repeat(72)).unwrap_err(), Unhashable::TooLong);
        assert_eq!(Password::parse("a\0b".into()).unwrap_err(), Unhashable::Nul);
    }
}
