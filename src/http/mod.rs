//! HTTP: takes requests apart, calls one function, shapes the answer.
//!
//! [`routes`] is the whole route table on one page. Around every route stand [`envelope`] (request id, client address,
//! HTTPS, errors as JSON) and [`admission`] (the gate, for Claviger's own API). [`verify`] is the way of the proxies'
//! questions; it is the hot path and goes through neither.

pub mod access;
pub mod account;
pub mod admission;
pub mod answer;
pub mod api_keys;
pub mod audit_log;
pub mod auth;
pub mod call;
pub mod client;
pub mod cookies;
pub mod cross_origin;
pub mod csrf;
pub mod embed;
pub mod envelope;
pub mod events;
pub mod forwarded;
pub mod header_names;
pub mod identity_headers;
pub mod invitations;
pub mod key_check;
pub mod limits;
pub mod mail;
pub mod members;
pub mod metrics;
pub mod openapi;
pub mod operator;
pub mod organization;
pub mod own_sessions;
pub mod pages;
pub mod passwords;
pub mod project_prd;
pub mod project_shares;
pub mod projects;
pub mod registration;
pub mod representation;
pub mod requests;
pub mod routes;
pub mod setup;
pub mod shares;
pub mod system;
pub mod templates;
pub mod verification;
pub mod verify;
pub mod versions;
pub mod webhooks;
pub mod widget_sessions;
pub mod widgets;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::Clock;
use crate::config::Config;
use crate::gate::Gate;
use crate::services::Services;

/// What every handler can reach.
pub struct App {
    /// The rules.
    pub services: Arc<Services>,
    /// The hot path.
    pub gate: Arc<Gate>,
    /// All settings.
    pub config: Arc<Config>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// `public_url` without a slash at its end.
    pub public_url: String,
    /// Which cookies are set and read.
    pub cookies: cookies::CookieNames,
    /// Names for requests.
    pub request_ids: RequestIds,
    /// Whether the warning about forwarding headers from a stranger was given.
    pub warned_of_proxy: std::sync::atomic::AtomicBool,
    /// Set once the server is to stop: `/readyz` says so.
    pub stopping: std::sync::atomic::AtomicBool,
}

/// Makes a name for each request: random for the process, counted within it.
pub struct RequestIds {
    process: u64,
    next: AtomicU64,
}

impl RequestIds {
    /// `process` should be random.
    pub fn new(process: u64) -> Self {
        RequestIds { process, next: AtomicU64::new(1) }
    }

    /// The next name: `req_` and 24 hex digits.
    pub fn next(&self) -> String {
        let mut id = String::with_capacity(28);
        id.push_str("req_");
        push_hex(&mut id, self.process, 16);
        push_hex(&mut id, self.next.fetch_add(1, Ordering::Relaxed), 8);
        id
    }
}

fn push_hex(text: &mut String, number: u64, digits: u32) {
    for digit in (0..digits).rev() {
        let nibble = (number >> (digit * 4)) & 15;
        text.push(char::from(b"0123456789abcdef"[nibble as usize]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_have_a_fixed_shape_and_differ() {
        let ids = RequestIds::new(0xab);
        assert_eq!(ids.next(), "req_00000000000000ab00000001");
        assert_eq!(ids.next(), "req_00000000000000ab00000002");
    }
}
