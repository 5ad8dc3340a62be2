//! `sign_in_failures`: wrong passwords, by a keyed digest of the address and by where they came from.

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row};

use super::{ReadResult, Reader, Statement};
use crate::clock::UnixMillis;

/// What is kept in place of a network for an address that nobody has.
pub const NOBODY: &str = "?";
/// What is kept in place of a network for all those that the user is not known from.
pub const OTHERS: &str = "";

/// One count. The default is that of an address that was never mistyped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// How many there were, one within the reset time of the other.
    pub failures: u32,
    /// When the last one was.
    pub last_at: UnixMillis,
    /// Until when nobody gets in, if so.
    pub locked_until: Option<UnixMillis>,
}

impl Failures {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Failures {
            failures: row.get("failures")?,
            last_at: row.get("last_at")?,
            locked_until: row.get("locked_until")?,
        })
    }
}

/// The count of an address and a network; `None` where there was no failure.
pub fn get(reader: &Reader, subject: &[u8; 32], network: &str) -> ReadResult<Option<Failures>> {
    reader
        .prepare_cached("SELECT * FROM sign_in_failures WHERE subject = ?1 AND network = ?2")?
        .query_row((&subject[..], network), Failures::from_row)
        .optional()
}

/// Until when the last of an address's locks holds, if there is one now.
pub fn locked_until(reader: &Reader, subject: &[u8; 32], now: UnixMillis) -> ReadResult<Option<UnixMillis>> {
    reader
        .prepare_cached(
            "SELECT max(locked_until) FROM sign_in_failures
             WHERE subject = ?1 AND network <> '?' AND locked_until > ?2",
        )?
        .query_row((&subject[..], now), |row| row.get(0))
}

/// Begins a count; it changes no row where there is one already.
pub fn begin(subject: &[u8; 32], network: &str, after: &Failures) -> Statement {
    Statement::new(
        "INSERT INTO sign_in_failures (subject, network, failures, last_at, locked_until) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO NOTHING",
        vec![
            Value::from(subject.to_vec()),
            Value::from(network.to_owned()),
            Value::from(after.failures),
            Value::from(after.last_at),
            Value::from(after.locked_until),
        ],
    )
}

/// Carries a count on; it changes no row unless the count is still as it was read.
pub fn carry_on(subject: &[u8; 32], network: &str, before: &Failures, after: &Failures) -> Statement {
    Statement::new(
        "UPDATE sign_in_failures SET failures = ?3, last_at = ?4, locked_until = ?5
         WHERE subject = ?1 AND network = ?2 AND failures = ?6 AND last_at = ?7 AND locked_until IS ?8",
        vec![
            Value::from(subject.to_vec()),
            Value::from(network.to_owned()),
            Value::from(after.failures),
            Value::from(after.last_at),
            Value::from(after.locked_until),
            Value::from(before.failures),
            Value::from(before.last_at),
            Value::from(before.locked_until),
        ],
    )
}

/// Forgets one count.
pub fn forget(subject: &[u8; 32], network: &str) -> Statement {
    Statement::new(
        "DELETE FROM sign_in_failures WHERE subject = ?1 AND network = ?2",
        vec![Value::from(subject.to_vec()), Value::from(network.to_owned())],
    )
}

/// Forgets every count of an address.
pub fn forget_all(subject: &[u8; 32]) -> Statement {
    Statement::new("DELETE FROM sign_in_failures WHERE subject = ?1", vec![Value::from(subject.to_vec())])
}

/// Forgets the oldest counts of addresses that nobody has, so that this many stay.
pub fn bound_strangers(most: u32) -> Statement {
    Statement::new(
        "DELETE FROM sign_in_failures WHERE network = '?' AND (last_at, subject) <= (
             SELECT last_at, subject FROM sign_in_failures WHERE network = '?'
             ORDER BY last_at DESC, subject DESC LIMIT 1 OFFSET ?1)",
        vec![Value::from(most)],
    )
}

/// Forgets the counts that mean nothing any more: the lock is over, or there was no failure for so long.
pub fn delete_dead(now: UnixMillis, reset_ms: i64) -> Statement {
    Statement::new(
        "DELETE FROM sign_in_failures
         WHERE last_at <= ?1 AND (locked_until <= ?1 OR (locked_until IS NULL AND last_at <= ?2))",
        vec![Value::from(now), Value::from(now - reset_ms)],
    )
}
