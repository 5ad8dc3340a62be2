//! Webhooks on the wire: where they may go, how they are signed, and one attempt over HTTP.

pub mod address;
pub mod client;
pub mod resolver;
pub mod signature;
pub mod target;
