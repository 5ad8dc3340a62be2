//! Randomness and identifiers, as arguments.
//!
//! A [`Random`] is handed down from the edges; nothing below them draws from the machine on its own.

use ring::rand::{SecureRandom, SystemRandom};
use uuid::Uuid;

use crate::clock::UnixMillis;

/// A source of unpredictable bytes.
pub trait Random: Send + Sync + 'static {
    /// Fills `bytes`, or says that the machine's source failed.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomFailed>;
}

/// The machine's random source gave no bytes.
#[derive(Debug, thiserror::Error)]
#[error("the machine's random source failed")]
pub struct RandomFailed;

/// The operating system's generator.
pub struct SystemRandomness(SystemRandom);

impl SystemRandomness {
    /// A handle to the generator; it holds no state of its own.
    pub fn new() -> Self {
        SystemRandomness(SystemRandom::new())
    }
}

impl Default for SystemRandomness {
    fn default() -> Self {
        SystemRandomness::new()
    }
}

impl Random for SystemRandomness {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomFailed> {
        self.0.fill(bytes).map_err(|_| RandomFailed)
    }
}

/// `key_0198c5f1…`: a type prefix before a UUIDv7 (RFC 9562), so that ids sort by the time they were made.
pub fn new_id(prefix: &str, now: UnixMillis, random: &dyn Random) -> Result<String, RandomFailed> {
    let mut bytes = [0u8; 10];
    random.fill(&mut bytes)?;
    let uuid = uuid::Builder::from_unix_timestamp_millis(now.max(0) as u64, &bytes).into_uuid();
    Ok(format!("{prefix}_{}", Uuid::simple(uuid)))
}

/// An id that sorts before every one that [`new_id`] makes at `at` or later, and after every earlier one.
pub fn id_floor(prefix: &str, at: UnixMillis) -> String {
    let uuid = uuid::Builder::from_unix_timestamp_millis(at.max(0) as u64, &[0; 10]).into_uuid();
    format!("{prefix}_{}", Uuid::simple(uuid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_carry_their_prefix_and_sort_by_time() {
        let random = SystemRandomness::new();
        let earlier = new_id("key", 1_000, &random).unwrap();
        let later = new_id("key", 2_000, &random).unwrap();
        assert!(earlier.starts_with("key_") && earlier.len() == 36);
        assert!(earlier < later);
        let floor = id_floor("key", 2_000);
        assert!(earlier < floor && floor <= later);
    }
}
