//! The record of a widget's session: a customer's page calls the API behind the gate with it, in its user's name.

use std::sync::Arc;

use super::identity::Identity;
use super::lookup::OrganizationFacts;
use crate::clock::UnixMillis;

/// Everything about a widget's session that a decision needs.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct WidgetRecord {
    /// The widget's number, from the same row of numbers as keys': all of its sessions share one limit.
    pub number: i64,
    /// `wgt_…`
    pub widget: String,
    pub organization: OrganizationFacts,
    pub expires_at: UnixMillis,
    /// Requests a minute, of the whole widget.
    pub limit: u32,
    /// The user's id, as the ledger has it; empty if anonymous.
    pub subject: Arc<str>,
    /// What the gate says of it ([`Identity::of_widget`]).
    pub identity: Identity,
}
