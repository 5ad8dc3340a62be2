//! One's own account: name and time zone, the address, and its end.

use serde_json::json;

use super::account_links::{self, reader};
use super::error::{Faults, ServiceError};
use super::lockout::Attempt;
use super::outbox::{self, Letter};
use super::{Context, Event, Services, passwords, people, project_members, verification};
use crate::mail::account::{account_deleted, address_taken, change_email as confirm_address, email_changing};
use crate::store::account_tokens::{self, Kind};
use crate::store::audit_log::Party;
use crate::store::memberships::{self, Membership};
use crate::store::users::{self, User};
use crate::store::{Change, Refusal, invitations, organizations};

/// Something that happened to an account, as the log of its owner's first organization tells it.
pub fn event_of<'a>(
    services: &Services,
    user: &User,
    action: &'a str,
    changes: Option<serde_json::Value>,
) -> Result<Event<'a>, ServiceError> {
    let memberships = services.store.read(|reader| memberships::of_user(reader, &user.id))?;
    let organization = memberships.first().map(|membership| membership.organization_number);
    Ok(Event { action, organization, target: people::party(user), changes })
}

/// Changes name and time zone; what is not given stays.
pub fn update_profile(
    services: &Services,
    context: &Context,
    name: Option<String>,
    timezone: Option<String>,
) -> Result<User, ServiceError> {
    let user = passwords::own(services, context)?;
    let mut faults = Faults::default();
    let name = name.map_or(Ok(user.name.clone()), |name| people::parse_name(&name));
    let timezone = timezone.map_or(Ok(user.timezone.clone()), |timezone| people::parse_time_zone(&timezone));
    let (name, timezone) = (faults.take("name", name), faults.take("timezone", timezone));
    faults.check()?;
    let (Some(name), Some(timezone)) = (name, timezone) else { return Err(ServiceError::internal()) };
    let changed = User { name, timezone, ..user.clone() };
    if changed == user {
        return Ok(user);
    }
    let mut changes = serde_json::Map::new();
    for (field, before, after) in [("name", &user.name, &changed.name), ("timezone", &user.timezone, &changed.timezone)]
    {
        if before != after {
            changes.insert(field.to_owned(), json!({ "before": before, "after": after }));
        }
    }
    let event = event_of(services, &user, "account.updated", Some(changes.into()))?;
    let change = Change::new()
        .exactly_one(users::update_profile(&user, &changed.name, &changed.timezone), Refusal::Outdated)
        .audited(services.audit(context, event)?);
    services.store.commit(change)?;
    Ok(changed)
}

/// Begins a change of address: it takes effect when the new one is confirmed, and the present one is told. Whether the
/// new one is taken is not told here; its owner is.
pub fn change_email(
    services: &Services,
    context: &Context,
    attempt: Attempt,
    email: &str,
    password: String,
) -> Result<(), ServiceError> {
    let email = people::parse_email(email).map_err(|message| ServiceError::field("email", message))?;
    let passed = passwords::confirm_current("password", services, context, attempt, password)?;
    let user = passed.user.clone();
    if email == user.email {
        return Err(ServiceError::field("email", "is your address already"));
    }
    let now = context.now;
    let site = services.config.public_url();
    let owner = services.store.read(|reader| users::by_email(reader, &email))?;
    let link = account_links::mint(services, now, Kind::ChangeEmail, &user.id, &email, verification::PAGE)?;
    let begun =
        Change::new().exactly_one(users::require_same_password(&user), Refusal::Outdated).then_all(passed.statements());
    let mut change = begun.then(account_tokens::delete_of_user(&user.id, Kind::ChangeEmail));
    let (message, wipe_at) = match &owner {
        Some(owner) => (address_taken(reader(owner, &site), now), None),
        None => {
            change = change.then(link.statement);
            (confirm_address(reader(&user, &site), &link.url, link.expires_at), Some(link.expires_at))
        }
    };
    let to_new = Letter { organization: None, to: &email, message, wipe_at };
    let message = email_changing(reader(&user, &site), &email, now);
    let to_present = Letter { organization: None, to: &user.email, message, wipe_at: None };
    let event =
        event_of(services, &user, "account.email_change_requested", Some(json!({ "email": { "after": email } })))?;
    let change = change
        .then(outbox::post(services, now, to_new)?)
        .then(outbox::post(services, now, to_present)?)
        .audited(services.audit(context, event)?);
    Ok(services.store.commit(change)?)
}

/// Deletes the account. Organizations of which one is the only member go with it; the home organization never does, and
/// none is left without an owner. Audit entries and requests stay.
pub fn delete(services: &Services, context: &Context, attempt: Attempt, password: String) -> Result<(), ServiceError> {
    let passed = passwords::confirm_current("password", services, context, attempt, password)?;
    let user = passed.user.clone();
    let joined = services.store.read(|reader| {
        let all = memberships::of_user(reader, &user.id)?;
        let with_others = |membership: Membership| {
            let alone = memberships::is_only_member(reader, membership.organization_number, &user.id)?;
            Ok((membership, alone))
        };
        all.into_iter().map(with_others).collect::<Result<Vec<_>, _>>()
    })?;
    let mut change = Change::new().then_all(passed.statements());
    for (membership, alone) in &joined {
        change = if *alone {
            with_organization(services, context, &user, membership, change)?
        } else {
            let number = membership.organization_number;
            project_members::leave_all(services, context, change, number, (&user.id, &user.name))?
                .exactly_one(memberships::delete(number, &user.id), Refusal::LastOwner)
                .then(invitations::revoke_of_inviter(number, &user.id, None, context.now))
        };
        let event = Event {
            action: "account.deleted",
            organization: Some(membership.organization_number),
            target: people::party(&user),
            changes: None,
        };
        change = change.audited(services.audit(context, event)?);
    }
    let site = services.config.public_url();
    let message = account_deleted(reader(&user, &site), context.now);
    let letter = Letter { organization: None, to: &user.email, message, wipe_at: None };
    let change = change
        // With it go sessions and links. It fails where an organization was joined meanwhile.
        .exactly_one(users::delete(&user), Refusal::Outdated)
        .then(outbox::post(services, context.now, letter)?);
    services.store.commit(change)?;
    let gone: Vec<i64> =
        joined.iter().filter(|(_, alone)| *alone).map(|(membership, _)| membership.organization_number).collect();
    services.gate.evict_user(&user.id);
    gone.into_iter().for_each(|organization| services.gate.evict_organization(organization));
    Ok(())
}

/// An organization ends with its only member.
fn with_organization(
    services: &Services,
    context: &Context,
    user: &User,
    membership: &Membership,
    change: Change,
) -> Result<Change, ServiceError> {
    let number = membership.organization_number;
    let target = Party {
        kind: String::from("organization"),
        id: Some(membership.organization_id.clone()),
        name: membership.organization_name.clone(),
    };
    let event = Event { action: "organization.deleted", organization: Some(number), target, changes: None };
    Ok(change
        .exactly_one(organizations::require_no_other_member(number, &user.id), Refusal::LastOwner)
        .then_all(organizations::delete(number, context.now))
        .audited(services.audit(context, event)?))
}
