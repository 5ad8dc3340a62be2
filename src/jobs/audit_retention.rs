//! Prunes the audit log by `audit.retention_days`.

use crate::clock::UnixMillis;
use crate::services::error::ServiceError;
use crate::services::{Services, audit};

/// Safe to run twice.
pub fn run(services: &Services, now: UnixMillis) -> Result<(), ServiceError> {
    audit::prune(services, now)
}
