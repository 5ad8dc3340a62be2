//! A user belongs to at least one organization: who was removed from their last one finds one of their own at the next
//! sign-in, on the plan for registered ones, as if they had registered without an invitation.

use super::error::ServiceError;
use super::{Context, Event, Services};
use crate::role::Role;
use crate::store::audit_log::Party;
use crate::store::memberships::{self, Membership};
use crate::store::organizations::{self, Organization};
use crate::store::users::User;
use crate::store::{Change, Refusal, StoreError};

/// The organizations of a user, the first joined first; never none.
pub fn memberships_of(services: &Services, context: &Context, user: &User) -> Result<Vec<Membership>, ServiceError> {
    let found = services.store.read(|reader| memberships::of_user(reader, &user.id))?;
    if !found.is_empty() {
        return Ok(found);
    }
    match services.store.commit(make(services, context, user)?) {
        // Another sign-in of theirs, or an invitation, came first.
        Ok(()) | Err(StoreError::Refused(Refusal::Outdated)) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(services.store.read(|reader| memberships::of_user(reader, &user.id))?)
}

fn make(services: &Services, context: &Context, user: &User) -> Result<Change, ServiceError> {
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
        target: Party {
            kind: String::from("organization"),
            id: Some(organization.id.clone()),
            name: organization.name.clone(),
        },
        changes: Some(serde_json::json!({ "plan": { "after": organization.plan } })),
    };
    let actor = Party { kind: String::from("user"), id: Some(user.id.clone()), name: user.name.clone() };
    Ok(Change::new()
        .exactly_one(organizations::insert_for_the_homeless(&organization, &user.id), Refusal::Outdated)
        .then(memberships::insert(organization.number, &user.id, Role::Owner, context.now))
        .audited(services.audit_by(context, actor, event)?))
}
