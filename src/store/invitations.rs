//! `invitations`: who was asked into which organization.

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row};

use super::{ReadResult, Reader, Statement};
use crate::clock::{HOUR, UnixMillis};
use crate::crypto::secret_token::Digest;
use crate::role::Role;

/// One invitation, without its tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Invitation {
    pub id: String,
    /// An organization's number.
    pub organization: i64,
    /// The only address that may accept it.
    pub email: String,
    pub role: Role,
    /// A user's id; `None` = the operator.
    pub invited_by: Option<String>,
    pub invited_by_name: String,
    pub created_at: UnixMillis,
    pub expires_at: UnixMillis,
    pub accepted_at: Option<UnixMillis>,
    pub revoked_at: Option<UnixMillis>,
}

impl Invitation {
    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let role: String = row.get("role")?;
        Ok(Invitation {
            id: row.get("id")?,
            organization: row.get("organization")?,
            email: row.get("email")?,
            role: Role::parse(&role).unwrap_or(Role::Viewer),
            invited_by: row.get("invited_by")?,
            invited_by_name: row.get("invited_by_name")?,
            created_at: row.get("created_at")?,
            expires_at: row.get("expires_at")?,
            accepted_at: row.get("accepted_at")?,
            revoked_at: row.get("revoked_at")?,
        })
    }
}

/// Adds one. `digest` is of the token in the link that is shown, `mail_digest` of the one that is mailed.
pub fn insert(invitation: &Invitation, digest: &Digest, mail_digest: &Digest) -> Statement {
    Statement::new(
        "INSERT INTO invitations (id, organization, email, role, invited_by, invited_by_name, created_at, expires_at,
             digest, mail_digest)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        vec![
            Value::from(invitation.id.clone()),
            Value::from(invitation.organization),
            Value::from(invitation.email.clone()),
            Value::from(invitation.role.as_str().to_owned()),
            Value::from(invitation.invited_by.clone()),
            Value::from(invitation.invited_by_name.clone()),
            Value::from(invitation.created_at),
            Value::from(invitation.expires_at),
            Value::from(digest.0.to_vec()),
            Value::from(mail_digest.0.to_vec()),
        ],
    )
}

/// The invitation that a token of this digest leads to, if it is open now; and whether the token came by mail, so that
/// its use proves the address.
pub fn open(reader: &Reader, digest: &Digest, now: UnixMillis) -> ReadResult<Option<(Invitation, bool)>> {
    reader
        .prepare_cached(
            "SELECT *, mail_digest = ?1 AS mailed FROM invitations
             WHERE (digest = ?1 OR mail_digest = ?1) AND accepted_at IS NULL AND revoked_at IS NULL
                 AND expires_at > ?2 AND created_at < ?3",
        )?
        .query_row((&digest.0[..], now, now + HOUR), |row| Ok((Invitation::from_row(row)?, row.get("mailed")?)))
        .optional()
}

/// Changes nothing, and one row of it, where the invitation is still open.
pub fn require_open(id: &str, now: UnixMillis) -> Statement {
    Statement::new(
        "UPDATE invitations SET accepted_at = NULL
         WHERE id = ?1 AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > ?2 AND created_at < ?3",
        vec![Value::from(id.to_owned()), Value::from(now), Value::from(now + HOUR)],
    )
}

/// Accepts one; it changes one row if the invitation is still open, and none otherwise.
pub fn accept(id: &str, now: UnixMillis) -> Statement {
    Statement::new(
        "UPDATE invitations SET accepted_at = ?2
         WHERE id = ?1 AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > ?2 AND created_at < ?3",
        vec![Value::from(id.to_owned()), Value::from(now), Value::from(now + HOUR)],
    )
}
