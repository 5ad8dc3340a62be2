//! What runs by the clock: [`schedule`] is the one table, and the one loop that registers it. And what runs all the time:
//! [`webhook_delivery`].

pub mod audit_retention;
pub mod expiry_warnings;
pub mod ledger_retention;
pub mod lockout_reset;
pub mod outbox_delivery;
pub mod schedule;
pub mod session_sweep;
pub mod webhook_delivery;
