//! Delivers the mail that waits in the outbox.

use crate::clock::UnixMillis;
use crate::services::error::ServiceError;
use crate::services::{Services, outbox_delivery};

/// Safe to run twice, even at once.
pub fn run(services: &Services, now: UnixMillis) -> Result<(), ServiceError> {
    outbox_delivery::run(services, now)
}
