//! `sessions`: known by the digest of the cookie's token.

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row};

use super::{ReadResult, Reader, Statement};
use crate::clock::{HOUR, MINUTE, UnixMillis};
use crate::config::Config;
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

/// Adds one, for a user who may sign in and still has the password that was looked at; it changes no row otherwise, nor
/// where the user is no member any more. `gate_digest` is that of the gate's own cookie, where there is one.
pub fn insert(session: &Session, password_hash: &str, digest: &Digest, gate_digest: Option<&Digest>) -> Statement {
    Statement::new(
        "INSERT INTO sessions (id, digest, user, organization, created_at, last_seen_at, expires_at, ip, user_agent,
             gate_digest)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10
         WHERE EXISTS (SELECT 1 FROM users WHERE id = ?3 AND disabled_at IS NULL AND password_hash = ?11)
             AND EXISTS (SELECT 1 FROM memberships WHERE organization = ?4 AND user = ?3)",
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
            Value::from(password_hash.to_owned()),
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

/// A user's living ones before the one of this id, the newest first.
pub fn of_user(reader: &Reader, user: &str, before: &str, life: &Life, limit: usize) -> ReadResult<Vec<Session>> {
    let mut statement = reader.prepare_cached(
        "SELECT * FROM sessions
         WHERE user = ?1 AND id < ?2 AND expires_at > ?3 AND last_seen_at > ?4 AND created_at > ?5
         ORDER BY id DESC LIMIT ?6",
    )?;
    let rows = statement.query_map(
        (user, before, life.now, life.now - life.idle_ms, life.now - life.absolute_ms, limit as i64),
        Session::from_row,
    )?;
    rows.collect()
}

/// Ends one of a user's own.
pub fn delete_own(user: &str, id: &str) -> Statement {
    Statement::new(
        "DELETE FROM sessions WHERE user = ?1 AND id = ?2",
        vec![Value::from(user.to_owned()), Value::from(id.to_owned())],
    )
}

/// Ends all of a user's but one.
pub fn delete_others(user: &str, kept: &str) -> Statement {
    Statement::new(
        "DELETE FROM sessions WHERE user = ?1 AND id <> ?2",
        vec![Value::from(user.to_owned()), Value::from(kept.to_owned())],
    )
}

/// Makes another of the user's organizations the active one.
pub fn switch(id: &str, organization: i64) -> Statement {
    Statement::new(
        "UPDATE sessions SET organization = ?2
         WHERE id = ?1 AND EXISTS (
             SELECT 1 FROM memberships WHERE memberships.organization = ?2 AND memberships.user = sessions.user)",
        vec![Value::from(id.to_owned()), Value::from(organization)],
    )
}

/// What a session is judged alive by.
#[derive(Clone, Copy, Debug)]
pub struct Life {
    /// When.
    pub now: UnixMillis,
    /// How long it lives unused.
    pub idle_ms: i64,
    /// How long it lives.
    pub absolute_ms: i64,
}

impl Life {
    /// By the settings.
    pub fn of(config: &Config, now: UnixMillis) -> Self {
        let session = &config.session;
        Life { now, idle_ms: session.idle_minutes * MINUTE, absolute_ms: session.absolute_hours * HOUR }
    }
}

/// Removes those that have run out or were not used for long.
pub fn delete_dead(life: &Life) -> Statement {
    Statement::new(
        "DELETE FROM sessions WHERE expires_at <= ?1 OR last_seen_at <= ?2 OR created_at <= ?3",
        vec![Value::from(life.now), Value::from(life.now - life.idle_ms), Value::from(life.now - life.absolute_ms)],
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
