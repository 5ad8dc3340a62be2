//! `known_networks`: where users signed in from.

use rusqlite::types::Value;

use super::{ReadResult, Reader, Statement};
use crate::clock::UnixMillis;

/// Whether a user signed in from a network after `since`.
pub fn is_known(reader: &Reader, user: &str, network: &str, since: UnixMillis) -> ReadResult<bool> {
    reader
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM known_networks WHERE user = ?1 AND network = ?2 AND last_at > ?3)",
        )?
        .query_row((user, network, since), |row| row.get(0))
}

/// Notes that a user signed in from a network.
pub fn remember(user: &str, network: &str, now: UnixMillis) -> Statement {
    Statement::new(
        "INSERT INTO known_networks (user, network, last_at) VALUES (?1, ?2, ?3)
         ON CONFLICT (user, network) DO UPDATE SET last_at = excluded.last_at",
        vec![Value::from(user.to_owned()), Value::from(network.to_owned()), Value::from(now)],
    )
}

/// Forgets those that nobody signed in from since.
pub fn delete_unused(since: UnixMillis) -> Statement {
    Statement::new("DELETE FROM known_networks WHERE last_at <= ?1", vec![Value::from(since)])
}
