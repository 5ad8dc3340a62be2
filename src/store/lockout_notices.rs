//! `lockout_notices`: when a user was last told by mail of a lockout.

use rusqlite::OptionalExtension;
use rusqlite::types::Value;

use super::{ReadResult, Reader, Statement};
use crate::clock::{DAY, HOUR, UnixMillis};

/// Whether a user may be told again: once a day. A notice of the future (the clock was set back) stops nothing.
pub fn is_due(reader: &Reader, user: &str, now: UnixMillis) -> ReadResult<bool> {
    let mailed_at: Option<UnixMillis> = reader
        .prepare_cached("SELECT mailed_at FROM lockout_notices WHERE user = ?1")?
        .query_row([user], |row| row.get(0))
        .optional()?;
    Ok(mailed_at.is_none_or(|at| at <= now - DAY || at > now + HOUR))
}

/// Notes that a user is told; it changes no row if they were told already.
pub fn note(user: &str, now: UnixMillis) -> Statement {
    Statement::new(
        "INSERT INTO lockout_notices (user, mailed_at) VALUES (?1, ?2)
         ON CONFLICT (user) DO UPDATE SET mailed_at = excluded.mailed_at
             WHERE lockout_notices.mailed_at <= ?3 OR lockout_notices.mailed_at > ?4",
        vec![Value::from(user.to_owned()), Value::from(now), Value::from(now - DAY), Value::from(now + HOUR)],
    )
}
