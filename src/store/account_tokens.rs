//! `account_tokens`: what stands in mails and links, known by its digest and used once.

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row};

use super::{ReadResult, Reader, Statement};
use crate::clock::{HOUR, UnixMillis};
use crate::crypto::secret_token::Digest;

/// What a token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// To choose a new password.
    ResetPassword,
    /// To prove an address.
    VerifyEmail,
    /// To take another address.
    ChangeEmail,
    /// To sign in without a password.
    SignIn,
}

impl Kind {
    /// Its name in the database.
    fn as_str(self) -> &'static str {
        match self {
            Kind::ResetPassword => "reset_password",
            Kind::VerifyEmail => "verify_email",
            Kind::ChangeEmail => "change_email",
            Kind::SignIn => "sign_in",
        }
    }
}

/// One token, without the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountToken {
    /// Whose.
    pub user: String,
    /// The address that it was sent to, which its use proves.
    pub email: String,
    /// When it was made.
    pub created_at: UnixMillis,
    /// Until when it is good.
    pub expires_at: UnixMillis,
}

impl AccountToken {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(AccountToken {
            user: row.get("user")?,
            email: row.get("email")?,
            created_at: row.get("created_at")?,
            expires_at: row.get("expires_at")?,
        })
    }
}

/// Adds one.
pub fn insert(digest: &Digest, kind: Kind, token: &AccountToken) -> Statement {
    Statement::new(
        "INSERT INTO account_tokens (digest, kind, user, email, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        vec![
            Value::from(digest.0.to_vec()),
            Value::from(kind.as_str().to_owned()),
            Value::from(token.user.clone()),
            Value::from(token.email.clone()),
            Value::from(token.created_at),
            Value::from(token.expires_at),
        ],
    )
}

/// The one with this digest, if it is of this kind and good now. A token of the future (the clock was set back) is not.
pub fn good(reader: &Reader, digest: &Digest, kind: Kind, now: UnixMillis) -> ReadResult<Option<AccountToken>> {
    reader
        .prepare_cached(
            "SELECT * FROM account_tokens
             WHERE digest = ?1 AND kind = ?2 AND used_at IS NULL AND expires_at > ?3 AND created_at < ?4",
        )?
        .query_row((&digest.0[..], kind.as_str(), now, now + HOUR), AccountToken::from_row)
        .optional()
}

/// Uses one up; it changes one row if the token is good now, and none otherwise.
pub fn spend(digest: &Digest, kind: Kind, now: UnixMillis) -> Statement {
    Statement::new(
        "UPDATE account_tokens SET used_at = ?3
         WHERE digest = ?1 AND kind = ?2 AND used_at IS NULL AND expires_at > ?3 AND created_at < ?4",
        vec![
            Value::from(digest.0.to_vec()),
            Value::from(kind.as_str().to_owned()),
            Value::from(now),
            Value::from(now + HOUR),
        ],
    )
}

/// Ends all tokens of this kind that a user has.
pub fn delete_of_user(user: &str, kind: Kind) -> Statement {
    Statement::new(
        "DELETE FROM account_tokens WHERE user = ?1 AND kind = ?2",
        vec![Value::from(user.to_owned()), Value::from(kind.as_str().to_owned())],
    )
}

/// Removes those that have run out.
pub fn delete_dead(now: UnixMillis) -> Statement {
    Statement::new("DELETE FROM account_tokens WHERE expires_at <= ?1", vec![Value::from(now)])
}
