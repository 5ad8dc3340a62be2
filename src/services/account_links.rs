//! Links that are mailed to an account's owner: a token that is used once, and the address that it stands in.

use super::Services;
use super::error::ServiceError;
use crate::clock::UnixMillis;
use crate::crypto::secret_token::{SecretToken, link_shape};
use crate::mail::account::{Reader, STRANGER};
use crate::store::account_tokens::{self, AccountToken, Kind};
use crate::store::users::User;
use crate::store::{Change, Statement};

/// A link, before it is mailed.
pub struct Link {
    /// What is mailed. It carries the token.
    pub url: String,
    /// Until when it is good.
    pub expires_at: UnixMillis,
    /// Stores the token's digest; to be part of the change that mails the link.
    pub statement: Statement,
}

/// Mints a link to the page at `path` for a user, to be sent to `email`, which its use proves.
pub fn mint(
    services: &Services,
    now: UnixMillis,
    kind: Kind,
    user: &str,
    email: &str,
    page: (&str, UnixMillis),
) -> Result<Link, ServiceError> {
    let (path, lifetime) = page;
    let token = SecretToken::mint(&link_shape(), services.random.as_ref())?;
    let expires_at = now + lifetime;
    let stored = AccountToken { user: user.to_owned(), email: email.to_owned(), created_at: now, expires_at };
    Ok(Link {
        url: format!("{}{path}?token={}", services.config.public_url(), token.reveal()),
        expires_at,
        statement: account_tokens::insert(&token.digest(), kind, &stored),
    })
}

/// Removes links that have run out. Safe to run twice.
pub fn sweep(services: &Services, now: UnixMillis) -> Result<(), ServiceError> {
    Ok(services.store.commit(Change::new().then(account_tokens::delete_dead(now)))?)
}

/// A user as the reader of a message from `site` (`public_url`). Whoever typed an address that nobody has proved chose the
/// name beside it too, and is to write nothing to a stranger by it.
pub fn reader<'a>(user: &'a User, site: &'a str) -> Reader<'a> {
    let name = if user.email_verified_at.is_some() { &user.name } else { STRANGER };
    Reader { name, timezone: &user.timezone, site }
}

/// The user whom a message is made for that nobody gets.
pub fn nobody() -> User {
    User {
        id: String::from("usr_nobody"),
        email: String::from("nobody@invalid"),
        name: String::from("Nobody"),
        password_hash: String::new(),
        timezone: String::from("UTC"),
        email_verified_at: None,
        disabled_at: None,
        created_at: 0,
    }
}
