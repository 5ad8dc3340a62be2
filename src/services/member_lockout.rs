//! Lockouts as administrators and the command line meet them: seen in lists, and cleared.

use std::collections::HashSet;

use super::Services;
use super::error::ServiceError;
use crate::clock::{MINUTE, UnixMillis};
use crate::store::{Change, Statement, sign_in_failures};

/// Which of these addresses are locked out at `now`.
pub fn locked(_services: &Services, _emails: &[&str], _now: UnixMillis) -> Result<HashSet<String>, ServiceError> {
    Ok(HashSet::new())
}

/// Removes lockouts and failures that are over. Safe to run twice.
pub fn sweep(services: &Services, now: UnixMillis) -> Result<(), ServiceError> {
    let reset_ms = i64::from(services.config.lockout.reset_minutes) * MINUTE;
    Ok(services.store.commit(Change::new().then(sign_in_failures::delete_over(now, reset_ms)))?)
}

/// What clears a lockout, to be part of the change that does it.
pub fn lockout_cleared(_services: &Services, _email: &str) -> Vec<Statement> {
    Vec::new()
}
