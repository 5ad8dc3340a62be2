//! `sign_in_failures`: failed sign-ins, by address and network.

use rusqlite::types::Value;

use super::Statement;
use crate::clock::UnixMillis;

/// Removes what is over: no lock holds any more, and the last failure is so long ago that it no longer counts.
pub fn delete_over(now: UnixMillis, reset_ms: i64) -> Statement {
    Statement::new(
        "DELETE FROM sign_in_failures
         WHERE last_at <= ?2 AND (locked_until IS NULL OR locked_until <= ?1)",
        vec![Value::from(now), Value::from(now - reset_ms)],
    )
}
