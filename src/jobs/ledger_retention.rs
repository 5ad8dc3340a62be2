//! Prunes the request log by `ledger.retention_days` and `ledger.max_megabytes`.

use crate::clock::UnixMillis;
use crate::services::Services;
use crate::services::error::ServiceError;

/// A small batch at a time, so that no request waits long for it. Safe to run twice.
pub fn run(services: &Services, now: UnixMillis) -> Result<(), ServiceError> {
    let settings = &services.config.ledger;
    let ledger = services.gate.ledger();
    while ledger.prune(now, settings.retention_days, settings.max_megabytes).map_err(ServiceError::failed)? {}
    Ok(())
}
