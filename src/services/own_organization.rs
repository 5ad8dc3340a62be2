//! A user belongs to at least one organization: who was removed from their last one finds one of their own at the next
//! sign-in, on the plan for registered ones, as if they had registered without an invitation.

use super::error::ServiceError;
use super::{Context, Event, Services, organization, people};
use crate::role::Role;
use crate::store::memberships::{self, Membership};
use crate::store::organizations::{self, Organization};
use crate::store::users::User;
use crate::store::{Change, Refusal, StoreError};

/// The organizations of a user, the first joined first; never none.
pub fn memberships_of(services: &Services, context: &Context, user: &User) -> Result<Vec<Membership>, ServiceError> {
    let known = services.store.read(|reader| memberships::of_user(reader, &user.id))?;
    if !known.is_empty() {
        return Ok(known);
    }
    let (change, _) = found(services, context, user, Change::new())?;
    match services.store.commit(change) {
        // Another sign-in of theirs, or an invitation, came first.
        Ok(()) | Err(StoreError::Refused(Refusal::Outdated)) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(services.store.read(|reader| memberships::of_user(reader, &user.id))?)
}

/// Adds to the change that a user gets an organization of their own; its number too. Refused as outdated where they belong
/// to one already.
pub fn found(
    services: &Services,
    context: &Context,
    user: &User,
    change: Change,
) -> Result<(Change, i64), ServiceError> {
    let organization = Organization {
        number: services.store.next_number(),
        id: services.id("org", context.now)?,
        name: user.name.clone(),
        plan: services.config.plans.registered.clone(),
        home: false,
        created_at: context.now,
    };
    let event = Event {
        action: "organization.created",
        organization: Some(organization.number),
        target: organization::party(&organization),
        changes: Some(serde_json::json!({ "plan": { "after": organization.plan } })),
    };
    let change = change
        .exactly_one(organizations::insert_for_the_homeless(&organization, &user.id), Refusal::Outdated)
        .then(memberships::insert(organization.number, &user.id, Role::Owner, context.now))
        .audited(services.audit_by(context, people::party(user), event)?);
    Ok((change, organization.number))
}
