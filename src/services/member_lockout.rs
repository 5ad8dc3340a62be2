//! Lockouts as administrators and the command line meet them in lists.

use std::collections::HashSet;

use super::error::ServiceError;
use super::{Services, lockout};
use crate::clock::UnixMillis;

/// Which of these addresses are locked out at `now`.
pub fn locked(services: &Services, emails: &[&str], now: UnixMillis) -> Result<HashSet<String>, ServiceError> {
    Ok(services.store.read(|reader| {
        let mut locked = HashSet::new();
        for email in emails {
            if lockout::locked_until(services, reader, email, now)?.is_some() {
                locked.insert((*email).to_owned());
            }
        }
        Ok(locked)
    })?)
}
