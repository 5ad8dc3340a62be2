//! `shares`: everything about a share but its token and its password.

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row};

use super::{ReadResult, Reader, Statement};
use crate::clock::UnixMillis;
use crate::crypto::secret_token::Digest;

/// One share.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Share {
    /// From the same row of numbers as keys'.
    pub number: i64,
    /// `sha_…`
    pub id: String,
    /// An organization's number.
    pub organization: i64,
    pub shared: Shared,
    pub name: Option<String>,
    /// A user's id; `None` = a key that its organization owns.
    pub created_by: Option<String>,
    pub created_by_name: String,
    /// The family of the key that it was made with, and stands with; `None` = a session.
    pub key_family: Option<i64>,
    pub created_at: UnixMillis,
    pub expires_at: Option<UnixMillis>,
    pub has_password: bool,
    pub failures: Failures,
}

/// What is shared.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Shared {
    /// A project, by its id.
    Project(String),
    /// Requests to the API behind the gate.
    Requests {
        /// As rules have them.
        paths: Vec<String>,
        /// `None` = any host.
        host: Option<String>,
        /// In capitals.
        methods: Vec<String>,
    },
}

/// Wrong passwords, one soon after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// How many.
    pub count: u32,
    /// When the last one was.
    pub last_at: UnixMillis,
}

fn list_of(text: Option<String>) -> Vec<String> {
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

fn text_of(list: &[String]) -> Value {
    Value::from(serde_json::Value::from(list).to_string())
}

impl Share {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let shared = match row.get("project")? {
            Some(project) => Shared::Project(project),
            None => Shared::Requests {
                paths: list_of(row.get("paths")?),
                host: row.get("host")?,
                methods: list_of(row.get("methods")?),
            },
        };
        Ok(Share {
            number: row.get("number")?,
            id: row.get("id")?,
            organization: row.get("organization")?,
            shared,
            name: row.get("name")?,
            created_by: row.get("created_by")?,
            created_by_name: row.get("created_by_name")?,
            key_family: row.get("key_family")?,
            created_at: row.get("created_at")?,
            expires_at: row.get("expires_at")?,
            has_password: row.get::<_, Option<String>>("password_hash")?.is_some(),
            failures: Failures { count: row.get("failures")?, last_at: row.get("last_failed_at")? },
        })
    }
}

/// Adds one; where it is made with a key, only while a key of that family works that may make shares
/// ([`super::api_keys::end_of_sharing`]). Changes one row, or none.
pub fn insert(share: &Share, digest: &Digest, password_hash: Option<String>) -> Statement {
    let (project, paths, host, methods) = match &share.shared {
        Shared::Project(project) => (Value::from(project.clone()), Value::Null, Value::Null, Value::Null),
        Shared::Requests { paths, host, methods } => {
            (Value::Null, text_of(paths), Value::from(host.clone()), text_of(methods))
        }
    };
    Statement::new(
        "INSERT INTO shares (number, id, organization, project, paths, host, methods, name, created_by, created_by_name,
             created_at, expires_at, digest, password_hash, key_family)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15
         WHERE ?15 IS NULL OR EXISTS (
             SELECT 1 FROM api_keys
             WHERE family = ?15 AND organization = ?3 AND deleted_at IS NULL AND active = 1 AND role <> 'viewer'
                 AND scopes IS NULL AND ip_allow_list IS NULL AND environment = 'live'
                 AND (expires_at IS NULL OR expires_at > ?11)
                 AND (superseded_at IS NULL OR coalesce(grace_ends_at, superseded_at) > ?11))",
        vec![
            Value::from(share.number),
            Value::from(share.id.clone()),
            Value::from(share.organization),
            project,
            paths,
            host,
            methods,
            Value::from(share.name.clone()),
            Value::from(share.created_by.clone()),
            Value::from(share.created_by_name.clone()),
            Value::from(share.created_at),
            Value::from(share.expires_at),
            Value::from(digest.0.to_vec()),
            Value::from(password_hash),
            Value::from(share.key_family),
        ],
    )
}

/// The one that a token of this digest opens; none that was revoked.
pub fn by_digest(reader: &Reader, digest: &Digest) -> ReadResult<Option<Share>> {
    reader
        .prepare_cached("SELECT * FROM shares WHERE digest = ?1")?
        .query_row([&digest.0[..]], Share::from_row)
        .optional()
}

/// The one with this id in this organization; none that was revoked.
pub fn by_id(reader: &Reader, organization: i64, id: &str) -> ReadResult<Option<Share>> {
    reader
        .prepare_cached("SELECT * FROM shares WHERE id = ?1 AND organization = ?2 AND revoked_at IS NULL")?
        .query_row((id, organization), Share::from_row)
        .optional()
}

/// Revokes one that is not; it changes one row, or none.
pub fn revoke(share: &Share, now: UnixMillis) -> Statement {
    Statement::new(
        "UPDATE shares SET revoked_at = ?2, digest = NULL, password_hash = NULL WHERE number = ?1 AND revoked_at IS NULL",
        vec![Value::from(share.number), Value::from(now)],
    )
}

/// Revokes those of a project, which is about to go.
pub fn revoke_of_project(project: &str, now: UnixMillis) -> Statement {
    Statement::new(
        "UPDATE shares SET revoked_at = ?2, digest = NULL, password_hash = NULL
         WHERE project = ?1 AND project IS NOT NULL AND revoked_at IS NULL",
        vec![Value::from(project.to_owned()), Value::from(now)],
    )
}

/// Revokes those that had ended by then, before a clock that was set back could revive them.
pub fn end_dead(before: UnixMillis) -> Statement {
    Statement::new(
        "UPDATE shares SET revoked_at = expires_at, digest = NULL, password_hash = NULL
         WHERE expires_at <= ?1 AND revoked_at IS NULL",
        vec![Value::from(before)],
    )
}

/// Forgets wrong passwords where the last one was by then: locks that are over.
pub fn forget_failures(last_by: UnixMillis) -> Statement {
    Statement::new(
        "UPDATE shares SET failures = 0, last_failed_at = 0 WHERE failures > 0 AND last_failed_at <= ?1",
        vec![Value::from(last_by)],
    )
}

/// Cuts the time of the last wrong password to the present, where it lies ahead: a lock keeps its length when the clock
/// is set back.
pub fn cut_failures(now: UnixMillis) -> Statement {
    Statement::new(
        "UPDATE shares SET last_failed_at = ?1 WHERE failures > 0 AND last_failed_at > ?1",
        vec![Value::from(now)],
    )
}

/// A project's shares, the newest first; only those before this number (exclusive).
pub fn of_project(reader: &Reader, project: &str, before: Option<i64>, limit: usize) -> ReadResult<Vec<Share>> {
    let mut statement = reader.prepare_cached(
        "SELECT * FROM shares INDEXED BY shares_by_project
         WHERE project = ?1 AND project IS NOT NULL AND revoked_at IS NULL AND number < ?2
         ORDER BY number DESC LIMIT ?3",
    )?;
    let rows = statement.query_map((project, before.unwrap_or(i64::MAX), limit as i64), Share::from_row)?;
    rows.collect()
}

/// An organization's shares for the API behind the gate, the newest first; only those before this number (exclusive).
pub fn of_organization(
    reader: &Reader,
    organization: i64,
    before: Option<i64>,
    limit: usize,
) -> ReadResult<Vec<Share>> {
    let mut statement = reader.prepare_cached(
        "SELECT * FROM shares INDEXED BY shares_by_organization
         WHERE organization = ?1 AND project IS NULL AND revoked_at IS NULL AND number < ?2
         ORDER BY number DESC LIMIT ?3",
    )?;
    let rows = statement.query_map((organization, before.unwrap_or(i64::MAX), limit as i64), Share::from_row)?;
    rows.collect()
}

/// The same, those alone that this user made; `None` = those that keys of the organization made.
pub fn of_maker(
    reader: &Reader,
    organization: i64,
    maker: Option<&str>,
    before: Option<i64>,
    limit: usize,
) -> ReadResult<Vec<Share>> {
    let mut statement = reader.prepare_cached(
        "SELECT * FROM shares INDEXED BY shares_by_maker
         WHERE organization = ?1 AND created_by IS ?2 AND project IS NULL AND revoked_at IS NULL AND number < ?3
         ORDER BY number DESC LIMIT ?4",
    )?;
    let rows = statement.query_map((organization, maker, before.unwrap_or(i64::MAX), limit as i64), Share::from_row)?;
    rows.collect()
}

/// What a share's password is compared with, and its wrong passwords so far; `None` where it was revoked.
pub fn lock_of(reader: &Reader, number: i64) -> ReadResult<Option<(Option<String>, Failures)>> {
    reader
        .prepare_cached(
            "SELECT password_hash, failures, last_failed_at FROM shares WHERE number = ?1 AND revoked_at IS NULL",
        )?
        .query_row([number], |row| Ok((row.get(0)?, Failures { count: row.get(1)?, last_at: row.get(2)? })))
        .optional()
}

/// Puts wrong passwords in the place of those that were read; it changes no row where they are others by now.
pub fn set_failures(number: i64, before: &Failures, after: &Failures) -> Statement {
    Statement::new(
        "UPDATE shares SET failures = ?4, last_failed_at = ?5
         WHERE number = ?1 AND failures = ?2 AND last_failed_at = ?3 AND revoked_at IS NULL",
        vec![
            Value::from(number),
            Value::from(before.count),
            Value::from(before.last_at),
            Value::from(after.count),
            Value::from(after.last_at),
        ],
    )
}
