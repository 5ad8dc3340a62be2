//! What runs by the clock: [`schedule`] is the one table, and the one loop that registers it.

pub mod audit_retention;
pub mod expiry_warnings;
pub mod ledger_retention;
pub mod lockout_reset;
pub mod outbox_delivery;
pub mod schedule;
pub mod session_sweep;
