//! Lockouts as administrators and the command line meet them: seen in lists, and cleared.

use std::collections::HashSet;

use super::error::ServiceError;
use super::Services;
use crate::clock::UnixMillis;
use crate::store::Statement;

/// Which of these addresses are locked out at `now`.
pub fn locked(_services: &Services, _emails: &[&str], _now: UnixMillis) -> Result<HashSet<String>, ServiceError> {
    Ok(HashSet::new())
}

/// What clears a lockout, to be part of the change that does it.
pub fn lockout_cleared(_services: &Services, _email: &str) -> Vec<Statement> {
    Vec::new()
}
