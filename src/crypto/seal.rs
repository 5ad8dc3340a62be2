//! Sealing what must be read again: AES-256-GCM (NIST SP 800-38D) under a key derived from the master key.
//!
//! A sealed value is `fingerprint (8) | nonce (12) | ciphertext | tag (16)`. The fingerprint says which master key
//! opens it, so that two can be in use while one is rotated. The associated data ties a value to the row it belongs
//! to: moved to another row it does not open.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use super::master_key::{Fingerprint, MasterKey};
use crate::random::{Random, RandomFailed};

const FINGERPRINT_LEN: usize = 8;

/// Seals and opens under one master key.
pub struct Sealer {
    key: LessSafeKey,
    fingerprint: Fingerprint,
}

/// Why a value was not sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// No randomness for the nonce.
    #[error(transparent)]
    Random(#[from] RandomFailed),
    /// Sealed under another master key.
    #[error("the value is sealed under another master key")]
    OtherKey,
    /// Changed, cut, or moved from another row.
    #[error("the sealed value is damaged")]
    Damaged,
}

impl Sealer {
    /// A sealer under `master`.
    pub fn new(master: &MasterKey) -> Result<Self, SealError> {
        let bytes = master.derive("seal");
        let key = UnboundKey::new(&AES_256_GCM, bytes.as_slice()).map_err(|_| SealError::Damaged)?;
        Ok(Sealer { key: LessSafeKey::new(key), fingerprint: master.fingerprint() })
    }

    /// Seals `plain`, tied to `belongs_to` (a row's id).
    pub fn seal(&self, plain: &[u8], belongs_to: &str, random: &dyn Random) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0u8; NONCE_LEN];
        random.fill(&mut nonce)?;
        let mut body = plain.to_vec();
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(belongs_to.as_bytes()), &mut body)
            .map_err(|_| SealError::Damaged)?;
        let mut sealed = Vec::with_capacity(FINGERPRINT_LEN + NONCE_LEN + body.len());
        sealed.extend_from_slice(&self.fingerprint);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&body);
        Ok(sealed)
    }

    /// Opens what [`Sealer::seal`] made for the same row.
    pub fn open(&self, sealed: &[u8], belongs_to: &str) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (fingerprint, rest) = sealed.split_at_checked(FINGERPRINT_LEN).ok_or(SealError::Damaged)?;
        if fingerprint != self.fingerprint {
            return Err(SealError::OtherKey);
        }
        let (nonce, body) = rest.split_at_checked(NONCE_LEN).ok_or(SealError::Damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Damaged)?;
        let mut body = Zeroizing::new(body.to_vec());
        let length = self
            .key
            .open_in_place(nonce, Aad::from(belongs_to.as_bytes()), &mut body)
            .map_err(|_| SealError::Damaged)?
            .len();
        body.truncate(length);
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandomness;

    #[test]
    fn a_sealed_value_opens_only_whole_under_its_own_key_and_for_its_own_row() {
        let random = SystemRandomness::new();
        let sealer = Sealer::new(&MasterKey::from_bytes([1; 32])).unwrap();
        let other = Sealer::new(&MasterKey::from_bytes([2; 32])).unwrap();
        let sealed = sealer.seal(b"secret", "key_1", &random).unwrap();
        assert_eq!(sealer.open(&sealed, "key_1").unwrap().as_slice(), b"secret");
        assert!(matches!(sealer.open(&sealed, "key_2"), Err(SealError::Damaged)));
        assert!(matches!(other.open(&sealed, "key_1"), Err(SealError::OtherKey)));
        assert!(matches!(sealer.open(&sealed[..20], "key_1"), Err(SealError::Damaged)));
        let mut bent = sealed.clone();
        bent[25] ^= 1;
        assert!(matches!(sealer.open(&bent, "key_1"), Err(SealError::Damaged)));
    }
}
