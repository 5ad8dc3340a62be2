//! `invitations`: who was asked into which organization.

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row};

use super::memberships::{rank, rank_of};
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

/// Adds one, unless the address is a member's already: then no row is added. `digest` is of the token in the link that is shown, `mail_digest` of the one that is mailed.
pub fn insert(invitation: &Invitation, digest: &Digest, mail_digest: &Digest) -> Statement {
    Statement::new(
        "INSERT INTO invitations (id, organization, email, role, invited_by, invited_by_name, created_at, expires_at,
             digest, mail_digest)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10
         WHERE NOT EXISTS (SELECT 1 FROM users JOIN memberships ON memberships.user = users.id
                           WHERE users.email = ?3 AND memberships.organization = ?2)",
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

/// That whoever invited may still do so: an invitation is worth no more than its maker is now. The operator, and keys
/// that the organization owns, stand on nobody.
macro_rules! inviter_still_may {
    () => {
        concat!(
            " AND (invited_by IS NULL OR EXISTS (
                 SELECT 1 FROM memberships JOIN users ON users.id = memberships.user
                 WHERE memberships.organization = invitations.organization AND memberships.user = invited_by
                     AND users.disabled_at IS NULL AND ",
            rank!("memberships.role"),
            " >= max(2, ",
            rank!("invitations.role"),
            ")))"
        )
    };
}

/// The invitation that a token of this digest leads to, if it is open now; and whether the token came by mail, so that
/// its use proves the address.
pub fn open(reader: &Reader, digest: &Digest, now: UnixMillis) -> ReadResult<Option<(Invitation, bool)>> {
    reader
        .prepare_cached(concat!(
            "SELECT *, mail_digest = ?1 AS mailed FROM invitations
             WHERE (digest = ?1 OR mail_digest = ?1) AND accepted_at IS NULL AND revoked_at IS NULL
                 AND expires_at > ?2 AND created_at < ?3",
            inviter_still_may!()
        ))?
        .query_row((&digest.0[..], now, now + HOUR), |row| Ok((Invitation::from_row(row)?, row.get("mailed")?)))
        .optional()
}

/// Changes nothing, and one row of it, where the invitation is still open.
pub fn require_open(id: &str, now: UnixMillis) -> Statement {
    Statement::new(
        concat!(
            "UPDATE invitations SET accepted_at = NULL
             WHERE id = ?1 AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > ?2 AND created_at < ?3",
            inviter_still_may!()
        ),
        vec![Value::from(id.to_owned()), Value::from(now), Value::from(now + HOUR)],
    )
}

/// Takes back those that had ended by then, before a clock that was set back could revive them.
pub fn end_dead(before: UnixMillis) -> Statement {
    Statement::new(
        "UPDATE invitations SET expires_at = created_at
         WHERE expires_at <= ?1 AND accepted_at IS NULL AND revoked_at IS NULL",
        vec![Value::from(before)],
    )
}

/// Accepts one; it changes one row if the invitation is still open, and none otherwise.
pub fn accept(id: &str, now: UnixMillis) -> Statement {
    Statement::new(
        concat!(
            "UPDATE invitations SET accepted_at = ?2
             WHERE id = ?1 AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > ?2 AND created_at < ?3",
            inviter_still_may!()
        ),
        vec![Value::from(id.to_owned()), Value::from(now), Value::from(now + HOUR)],
    )
}

/// Takes one back that is open; it changes one row, or none.
pub fn revoke(organization: i64, id: &str, now: UnixMillis) -> Statement {
    Statement::new(
        "UPDATE invitations SET revoked_at = ?3
         WHERE organization = ?1 AND id = ?2 AND accepted_at IS NULL AND revoked_at IS NULL",
        vec![Value::from(organization), Value::from(id.to_owned()), Value::from(now)],
    )
}

/// Takes back whatever is open for an address, so that a new one takes its place.
pub fn revoke_for(organization: i64, email: &str, now: UnixMillis) -> Statement {
    Statement::new(
        "UPDATE invitations SET revoked_at = ?3
         WHERE organization = ?1 AND email = ?2 AND accepted_at IS NULL AND revoked_at IS NULL",
        vec![Value::from(organization), Value::from(email.to_owned()), Value::from(now)],
    )
}

/// Takes back what somebody's invitations give beyond the role that they have now; all of them from one who is no
/// longer an admin. `role` is `None` where they have left.
pub fn revoke_of_inviter(organization: i64, user: &str, role: Option<Role>, now: UnixMillis) -> Statement {
    let most = role.filter(|role| *role >= Role::Admin).map_or(-1, rank_of);
    Statement::new(
        concat!(
            "UPDATE invitations SET revoked_at = ?4
             WHERE organization = ?1 AND invited_by = ?2 AND accepted_at IS NULL AND revoked_at IS NULL AND ",
            rank!("role"),
            " > ?3"
        ),
        vec![Value::from(organization), Value::from(user.to_owned()), Value::from(most), Value::from(now)],
    )
}

/// Gives one that is neither accepted nor revoked new tokens, a new end, and whoever renews it as its maker; the old
/// links die.
pub fn renew(invitation: &Invitation, digest: &Digest, mail_digest: &Digest) -> Statement {
    Statement::new(
        "UPDATE invitations SET expires_at = ?3, digest = ?4, mail_digest = ?5, invited_by = ?6, invited_by_name = ?7
         WHERE organization = ?1 AND id = ?2 AND accepted_at IS NULL AND revoked_at IS NULL",
        vec![
            Value::from(invitation.organization),
            Value::from(invitation.id.clone()),
            Value::from(invitation.expires_at),
            Value::from(digest.0.to_vec()),
            Value::from(mail_digest.0.to_vec()),
            Value::from(invitation.invited_by.clone()),
            Value::from(invitation.invited_by_name.clone()),
        ],
    )
}

/// The one with this id in this organization, whatever became of it.
pub fn by_id(reader: &Reader, organization: i64, id: &str) -> ReadResult<Option<Invitation>> {
    reader
        .prepare_cached("SELECT * FROM invitations WHERE organization = ?1 AND id = ?2")?
        .query_row((organization, id), Invitation::from_row)
        .optional()
}

/// The newest first; only those before this id (exclusive). Ids sort by the time they were made.
pub fn list(reader: &Reader, organization: i64, before: Option<&str>, limit: usize) -> ReadResult<Vec<Invitation>> {
    let mut statement = reader.prepare_cached(
        "SELECT * FROM invitations INDEXED BY invitations_by_organization
         WHERE organization = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3",
    )?;
    let rows =
        statement.query_map((organization, before.unwrap_or("\u{10ffff}"), limit as i64), Invitation::from_row)?;
    rows.collect()
}

/// Removes those that were accepted, revoked or over before `before`.
pub fn delete_old(before: UnixMillis) -> Statement {
    Statement::new(
        "DELETE FROM invitations WHERE coalesce(accepted_at, revoked_at, expires_at) < ?1",
        vec![Value::from(before)],
    )
}
