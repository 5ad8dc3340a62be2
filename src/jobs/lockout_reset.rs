//! Removes lockouts and failed sign-ins that are over.

use crate::clock::UnixMillis;
use crate::services::error::ServiceError;
use crate::services::{Services, member_lockout};

/// Safe to run twice.
pub fn run(services: &Services, now: UnixMillis) -> Result<(), ServiceError> {
    member_lockout::sweep(services, now)
}
