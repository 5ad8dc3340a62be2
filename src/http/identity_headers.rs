//! What the proxy passes on about who asks: nine headers, every one always there, so that no forged copy survives.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::gate::decide::Credential;
use crate::gate::identity::Identity;

/// Their names, in the order of the contract, which is that of [`Identity`].
pub static NAMES: [HeaderName; 9] = [
    HeaderName::from_static("x-auth-method"),
    HeaderName::from_static("x-auth-subject"),
    HeaderName::from_static("x-auth-email"),
    HeaderName::from_static("x-auth-organization"),
    HeaderName::from_static("x-auth-role"),
    HeaderName::from_static("x-auth-key-id"),
    HeaderName::from_static("x-auth-external-id"),
    HeaderName::from_static("x-auth-environment"),
    HeaderName::from_static("x-auth-scopes"),
];

/// Adds all nine.
pub fn add(headers: &mut HeaderMap, credential: &Credential) {
    for (name, value) in NAMES.iter().zip(Identity::of(credential).0) {
        // Every value is ASCII by the rules of its making; one that is not says nothing rather than something else.
        let value = HeaderValue::from_maybe_shared(value).unwrap_or_else(|_| HeaderValue::from_static(""));
        headers.insert(name.clone(), value);
    }
}
