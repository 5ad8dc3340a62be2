//! The record of a widget's session: a customer's page calls the API behind the gate with it, in its user's name.

use std::sync::Arc;

use super::identity::Identity;
use super::lookup::OrganizationFacts;
use crate::clock::UnixMillis;
use crate::store::widget_sessions::Claims;

/// Everything about a widget's session that a decision needs.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct WidgetRecord {
    /// The widget's number, from the same row of numbers as keys': all of its sessions share one limit.
    pub number: i64,
    /// `wgt_…`
    pub widget: String,
    /// What people call the widget.
    pub name: String,
    pub organization: OrganizationFacts,
    pub expires_at: UnixMillis,
    /// Requests a minute, of the whole widget.
    pub limit: u32,
    /// What the page says of its user without proof; nothing is ever decided by it.
    pub claims: Claims,
    /// The user's id, as the ledger has it; empty if anonymous.
    pub subject: Arc<str>,
    /// What the gate says of it ([`Identity::of_widget`]).
    pub identity: Identity,
}
