//! `outbox`: mail that waits, was delivered, or could not be.

use rusqlite::types::Value;

use super::Statement;
use crate::clock::UnixMillis;

/// One message on its way in. Its body is sealed already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMail {
    /// `mail_…`
    pub id: String,
    /// An organization's number; `None` = about an account, shown on the command line alone.
    pub organization: Option<i64>,
    /// What kind of message it is.
    pub kind: &'static str,
    /// To whom.
    pub recipient: String,
    /// Its subject.
    pub subject: String,
    /// Its body under the master key.
    pub sealed: Vec<u8>,
    /// When the token in it has run out, so that its body is to be wiped.
    pub wipe_at: Option<UnixMillis>,
    /// When it was written.
    pub created_at: UnixMillis,
}

/// Adds one, to be sent at once.
pub fn insert(mail: &NewMail) -> Statement {
    Statement::new(
        "INSERT INTO outbox (id, organization, kind, recipient, subject, sealed, wipe_at, state, attempts,
             next_attempt_at, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'waiting', 0, ?8, ?8)",
        vec![
            Value::from(mail.id.clone()),
            Value::from(mail.organization),
            Value::from(mail.kind.to_owned()),
            Value::from(mail.recipient.clone()),
            Value::from(mail.subject.clone()),
            Value::from(mail.sealed.clone()),
            Value::from(mail.wipe_at),
            Value::from(mail.created_at),
        ],
    )
}

/// Takes one away again. In the change that adds it, this costs as much as a mail that stays.
pub fn discard(id: &str) -> Statement {
    Statement::new("DELETE FROM outbox WHERE id = ?1", vec![Value::from(id.to_owned())])
}
