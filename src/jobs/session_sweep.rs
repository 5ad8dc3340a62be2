//! Removes sessions (widgets' too) and links in mails that have run out, and invitations and deliveries of webhooks that
//! were settled long ago.

use crate::clock::UnixMillis;
use crate::services::error::ServiceError;
use crate::services::{Services, account_links, invitations, sessions, webhook_deliveries, widget_sessions};

/// Safe to run twice.
pub fn run(services: &Services, now: UnixMillis) -> Result<(), ServiceError> {
    sessions::sweep(services, now)?;
    widget_sessions::sweep(services, now)?;
    account_links::sweep(services, now)?;
    invitations::sweep(services, now)?;
    webhook_deliveries::sweep(services, now)
}
