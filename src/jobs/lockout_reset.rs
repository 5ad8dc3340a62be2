//! Forgets lockouts that are over and networks that nobody signed in from lately, and tells of counted refusals.

use crate::clock::UnixMillis;
use crate::services::error::ServiceError;
use crate::services::{Services, lockout};

/// Safe to run twice.
pub fn run(services: &Services, now: UnixMillis) -> Result<(), ServiceError> {
    lockout::sweep(services, now)
}
