//! Prunes the audit log by `audit.retention_days`, and gives back the room of whatever was deleted.

use crate::clock::UnixMillis;
use crate::services::error::ServiceError;
use crate::services::{Services, audit, upkeep};

/// Safe to run twice.
pub fn run(services: &Services, now: UnixMillis) -> Result<(), ServiceError> {
    audit::prune(services, now)?;
    upkeep::give_back_room(services)
}
