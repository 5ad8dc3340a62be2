//! What the proxy passes on about who asks: nine headers, every one always there, so that no forged copy survives.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::gate::decide::Credential;
use crate::role::Role;

/// Their names, in the order of the contract.
pub const NAMES: [&str; 9] = [
    "x-auth-method",
    "x-auth-subject",
    "x-auth-email",
    "x-auth-organization",
    "x-auth-role",
    "x-auth-key-id",
    "x-auth-external-id",
    "x-auth-environment",
    "x-auth-scopes",
];

/// Adds all nine.
pub fn add(headers: &mut HeaderMap, credential: &Credential) {
    let role = credential.role().map_or("", Role::as_str);
    let scopes: String;
    let values: [&str; 9] = match credential {
        Credential::Key(key) => {
            scopes = key.scopes.as_ref().map(|scopes| scopes.join(" ")).unwrap_or_default();
            [
                "api_key",
                key.owner.as_deref().unwrap_or(""),
                &key.owner_email,
                &key.organization.id,
                role,
                &key.id,
                key.external_id.as_deref().unwrap_or(""),
                key.environment.as_str(),
                &scopes,
            ]
        }
        Credential::Session(session) => {
            ["session", &session.user, &session.email, &session.organization.id, role, "", "", "", ""]
        }
        Credential::Anonymous | Credential::Refused(_) => ["anonymous", "", "", "", "", "", "", "", ""],
    };
    for (name, value) in NAMES.into_iter().zip(values) {
        // Every value is ASCII by the rules of its making; one that is not says nothing rather than something else.
        let value = HeaderValue::from_str(value).unwrap_or_else(|_| HeaderValue::from_static(""));
        headers.insert(HeaderName::from_static(name), value);
    }
}
