//! # Claviger
//!
//! One binary that holds the keys of a self-hoster's own APIs: people sign in to it, make API keys in it, and every
//! request to the APIs behind it is checked, limited and recorded by it.
//!
//! ## The house
//!
//! Imports point down only; a test (`tests/api/walls.rs`) holds that.
//!
//! ```text
//! main → cli → startup → http | jobs        the edges: they read the clock
//!                           ↓
//!                        services → mail    the rules, and what messages say
//!                           ↓      → webhook what webhooks are sent, and where they may go
//!                          gate             the hot path; services evict from its key cache
//!                           ↓
//!                    store   crypto         the ground
//! config, clock, random, role, error_code, telemetry      leaves, importable from any floor above the ground
//! ```
//!
//! | place | holds |
//! |---|---|
//! | [`cli`] | one file a subcommand; most of them ask the running server through its socket |
//! | [`startup`] | the composition root: opens the store, builds the parts, binds |
//! | [`http`] | `routes` is the whole route table; then one file a resource; `verify` is the proxies' way |
//! | [`jobs`] | `schedule` is the one table; then one file a job |
//! | [`services`] | the rules, one file a concern; they take who asks and when, and know no HTTP |
//! | [`mail`] | one function a message, in files by what they are about; and the sender, over SMTP |
//! | [`webhook`] | the rules of addresses, signatures, and one attempt over HTTP |
//! | [`gate`] | credential → look-up → rule → decision → limits → ledger |
//! | [`store`] | both databases, and every SQL statement there is; changes are values |
//! | [`crypto`] | the master key, sealing, tokens, password hashes, keyed digests |
//!
//! ## The walls
//!
//! Only `store` names rusqlite. Only `http`, `startup` and `cli::serve` (which starts the runtime) name actix. Time,
//! ids and randomness come in as arguments; only the edges read a clock. Names are the same on every floor: what is
//! `api_keys` in `http` is `api_keys` in `services` and in `store`.

#![warn(missing_docs)]

pub mod cli;
pub mod clock;
pub mod config;
pub mod crypto;
pub mod error_code;
pub mod gate;
pub mod http;
pub mod jobs;
pub mod mail;
pub mod random;
pub mod role;
pub mod services;
pub mod startup;
pub mod store;
pub mod telemetry;
pub mod webhook;
