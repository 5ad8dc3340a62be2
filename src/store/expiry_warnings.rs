//! `expiry_warnings`: which keys' ends were told of.

use rusqlite::types::Value;

use super::Statement;
use crate::clock::UnixMillis;

/// Notes that the end of a key is told of. Changes one row, or none: where it was told of already, or where the key no
/// longer ends then, or no longer works.
pub fn insert(key: i64, expires_at: UnixMillis, now: UnixMillis) -> Statement {
    Statement::new(
        "INSERT INTO expiry_warnings (key, expires_at, warned_at)
         SELECT number, expires_at, ?3 FROM api_keys
         WHERE number = ?1 AND expires_at = ?2 AND expires_at > ?3 AND active = 1 AND superseded_at IS NULL
             AND deleted_at IS NULL
         ON CONFLICT DO NOTHING",
        vec![Value::from(key), Value::from(expires_at), Value::from(now)],
    )
}
