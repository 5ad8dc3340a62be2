//! `sessions`: known by the digest of the cookie's token.

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row};

use super::{ReadResult, Reader, Statement};
use crate::clock::UnixMillis;
use crate::crypto::secret_token::Digest;

/// One session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Session {
    pub id: String,
    pub user: String,
    pub organization: i64,
    pub created_at: UnixMillis,
    pub last_seen_at: UnixMillis,
    pub expires_at: UnixMillis,
    pub ip: String,
    pub user_agent: String,
}

impl Session {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Session {
            id: row.get("id")?,
            user: row.get("user")?,
            organization: row.get("organization")?,
            created_at: row.get("created_at")?,
            last_seen_at: row.get("last_seen_at")?,
            expires_at: row.get("expires_at")?,
            ip: row.get("ip")?,
            user_agent: row.get("user_agent")?,
        })
    }
}

/// Adds one. `gate_digest` is that of the gate's own cookie, where there is one.
pub fn insert(session: &Session, digest: &Digest, gate_digest: Option<&Digest>) -> Statement {
    Statement::new(
        "INSERT INTO sessions (id, digest, user, organization, created_at, last_seen_at, expires_at, ip, user_agent,
             gate_digest)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        vec![
            Value::from(session.id.clone()),
            Value::from(digest.0.to_vec()),
            Value::from(session.user.clone()),
            Value::from(session.organization),
            Value::from(session.created_at),
            Value::from(session.last_seen_at),
            Value::from(session.expires_at),
            Value::from(session.ip.clone()),
            Value::from(session.user_agent.clone()),
            gate_digest.map(|digest| digest.0.to_vec()).into(),
        ],
    )
}

/// The one with this digest, dead or alive.
pub fn by_digest(reader: &Reader, digest: &Digest) -> ReadResult<Option<Session>> {
    reader
        .prepare_cached("SELECT * FROM sessions WHERE digest = ?1")?
        .query_row([&digest.0[..]], Session::from_row)
        .optional()
}

/// The one whose gate cookie has this digest, dead or alive.
pub fn by_gate_digest(reader: &Reader, digest: &Digest) -> ReadResult<Option<Session>> {
    reader
        .prepare_cached("SELECT * FROM sessions WHERE gate_digest = ?1")?
        .query_row([&digest.0[..]], Session::from_row)
        .optional()
}

/// Notes that it was used.
pub fn touch(id: &str, now: UnixMillis) -> Statement {
    Statement::new(
        "UPDATE sessions SET last_seen_at = ?2 WHERE id = ?1 AND last_seen_at < ?2",
        vec![Value::from(id.to_owned()), Value::from(now)],
    )
}

/// Ends one.
pub fn delete(id: &str) -> Statement {
    Statement::new("DELETE FROM sessions WHERE id = ?1", vec![Value::from(id.to_owned())])
}

/// Removes those that have run out or were not used for long.
pub fn delete_dead(now: UnixMillis, idle_ms: i64) -> Statement {
    Statement::new(
        "DELETE FROM sessions WHERE expires_at <= ?1 OR last_seen_at <= ?2",
        vec![Value::from(now), Value::from(now - idle_ms)],
    )
}

/// Ends all that a user has.
pub fn delete_of_user(user: &str) -> Statement {
    Statement::new("DELETE FROM sessions WHERE user = ?1", vec![Value::from(user.to_owned())])
}

/// Ends those that a user has in one organization.
pub fn delete_of_member(organization: i64, user: &str) -> Statement {
    Statement::new(
        "DELETE FROM sessions WHERE user = ?2 AND organization = ?1",
        vec![Value::from(organization), Value::from(user.to_owned())],
    )
}
