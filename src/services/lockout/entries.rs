//! What the audit log says of refused sign-ins and of locks.

use crate::services::error::ServiceError;
use crate::services::{Context, Event, Services, people};
use crate::store::audit_log::AuditEntry;
use crate::store::memberships::Membership;
use crate::store::users::User;
use crate::store::{Change, memberships};

/// The entries of a refused sign-in, or of a password that was asked of somebody who is signed in, in each of the user's
/// organizations.
pub(super) fn refused(
    services: &Services,
    context: &Context,
    user: &User,
    organizations: &[Membership],
    reason: Option<(&str, u64)>,
) -> Result<Vec<AuditEntry>, ServiceError> {
    let changes =
        reason.map(|(reason, count)| serde_json::json!({ "reason": { "after": reason }, "count": { "after": count } }));
    let action = if context.user().is_some() { "password.refused" } else { "session.refused" };
    entries(services, context, action, user, organizations, changes.as_ref())
}

/// Commits that the right password was of no use, for a reason that is told to whoever knows it.
pub fn note_refusal(services: &Services, context: &Context, user: &User, reason: &str) -> Result<(), ServiceError> {
    let organizations = services.store.read(|reader| memberships::of_user(reader, &user.id))?;
    let entries = refused(services, context, user, &organizations, Some((reason, 1)))?;
    Ok(services.store.commit(audited(Change::new(), entries))?)
}

/// An event that concerns a user, in each of their organizations.
pub(super) fn entries(
    services: &Services,
    context: &Context,
    action: &str,
    user: &User,
    organizations: &[Membership],
    changes: Option<&serde_json::Value>,
) -> Result<Vec<AuditEntry>, ServiceError> {
    let mut numbers: Vec<_> = organizations.iter().map(|membership| Some(membership.organization_number)).collect();
    if numbers.is_empty() {
        numbers.push(None);
    }
    let entry = |organization| {
        let target = people::party(user);
        services.audit(context, Event { action, organization, target, changes: changes.cloned() })
    };
    numbers.into_iter().map(entry).collect()
}

/// Adds entries to a change.
pub(super) fn audited(change: Change, entries: Vec<AuditEntry>) -> Change {
    entries.into_iter().fold(change, Change::audited)
}
