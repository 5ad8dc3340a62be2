//! Announces keys that end within `api_keys.warn_days`.

use crate::clock::UnixMillis;
use crate::services::error::ServiceError;
use crate::services::{Services, expiry_warnings};

/// Safe to run twice: each key is announced once for each date.
pub fn run(services: &Services, now: UnixMillis) -> Result<(), ServiceError> {
    expiry_warnings::run(services, now)
}
