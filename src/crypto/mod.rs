//! The ground that secrets stand on: hashing passwords, sealing, minting tokens, keyed digests.
//!
//! Every type here that holds a secret prints as `[redacted]` and is wiped when it goes.

pub mod hashing_queue;
pub mod master_key;
pub mod password;
pub mod seal;
pub mod secret_token;
pub mod signature;
