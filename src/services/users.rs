//! Users, as the operator manages them on the command line.

use serde::Serialize;

use super::error::{Faults, ServiceError};
use super::invitations::parse_role;
use super::outbox::{self, Letter};
use super::{Context, Event, Services, lockout, member_lockout, members, organizations, passwords, people};
use crate::clock::to_rfc3339;
use crate::crypto::password::Password;
use crate::error_code::ErrorCode;
use crate::mail::operator;
use crate::store::account_tokens::{self, Kind};
use crate::store::memberships::{self, Membership};
use crate::store::users::{self, User};
use crate::store::{Change, Refusal, StoreError, invitations, sessions};

/// A user on the command line.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct UserView {
    pub id: String,
    pub name: String,
    pub email: String,
    pub email_verified: bool,
    pub disabled: bool,
    pub locked: bool,
    pub timezone: String,
    pub created_at: String,
    pub organizations: Vec<UserOrganization>,
}

/// One of a user's organizations.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct UserOrganization {
    pub id: String,
    pub name: String,
    pub role: &'static str,
}

/// Who is to be made.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct NewUser {
    pub name: String,
    pub email: String,
    pub password: String,
    /// Its id or name; `home` is the home organization.
    pub organization: String,
    pub role: String,
}

fn view(user: User, organizations: Vec<Membership>, locked: bool) -> UserView {
    let of = |membership: Membership| UserOrganization {
        id: membership.organization_id,
        name: membership.organization_name,
        role: membership.role.as_str(),
    };
    UserView {
        id: user.id,
        name: user.name,
        email: user.email,
        email_verified: user.email_verified_at.is_some(),
        disabled: user.disabled_at.is_some(),
        locked,
        timezone: user.timezone,
        created_at: to_rfc3339(user.created_at),
        organizations: organizations.into_iter().map(of).collect(),
    }
}

/// All of them, the first made first.
pub fn list(services: &Services, context: &Context) -> Result<Vec<UserView>, ServiceError> {
    let (users, memberships) = services.store.read(|reader| Ok((users::all(reader)?, memberships::all(reader)?)))?;
    let emails: Vec<&str> = users.iter().map(|user| user.email.as_str()).collect();
    let locked = member_lockout::locked(services, &emails, context.now)?;
    // Both are in the order of the users' ids.
    let mut memberships = memberships.into_iter().peekable();
    let mut views = Vec::with_capacity(users.len());
    for user in users {
        let mut own = Vec::new();
        while let Some((_, membership)) = memberships.next_if(|(id, _)| *id == user.id) {
            own.push(membership);
        }
        let is_locked = locked.contains(&user.email);
        views.push(view(user, own, is_locked));
    }
    Ok(views)
}

/// The user of this address, and their organizations.
fn find(services: &Services, email: &str) -> Result<(User, Vec<Membership>), ServiceError> {
    let email = people::parse_email(email).map_err(|fault| ServiceError::field("email", fault))?;
    let found = services.store.read(|reader| match users::by_email(reader, &email)? {
        Some(user) => {
            let organizations = memberships::of_user(reader, &user.id)?;
            Ok(Some((user, organizations)))
        }
        None => Ok(None),
    })?;
    found.ok_or_else(|| ServiceError::new(ErrorCode::NotFound, format!("Nobody has the address {email}")))
}

/// An event about a user stands in the log of the first organization that they joined.
fn event<'a>(action: &'a str, user: &User, organizations: &[Membership]) -> Event<'a> {
    let organization = organizations.first().map(|membership| membership.organization_number);
    Event { action, organization, target: people::party(user), changes: None }
}

/// Makes a user in an organization; the operator answers for the address.
pub fn create(services: &Services, context: &Context, new: NewUser) -> Result<UserView, ServiceError> {
    let organization = organizations::find(services, &new.organization)?;
    let mut faults = Faults::default();
    let about = [new.name.as_str(), new.email.as_str()];
    let password = people::parse_new_password(new.password, services.config.password.policy, &about);
    let name = faults.take("name", people::parse_name(&new.name));
    let email = faults.take("email", people::parse_email(&new.email));
    let password = faults.take("password", password);
    let role = faults.take("role", parse_role(&new.role));
    faults.check()?;
    let (Some(name), Some(email), Some(password), Some(role)) = (name, email, password, role) else {
        return Err(ServiceError::internal());
    };
    let user = User {
        id: services.id("usr", context.now)?,
        email,
        name,
        password_hash: services.hashing.hash(password)?,
        timezone: String::from("UTC"),
        email_verified_at: Some(context.now),
        disabled_at: None,
        created_at: context.now,
    };
    let event = Event {
        action: "user.created",
        organization: Some(organization.number),
        target: people::party(&user),
        changes: Some(serde_json::json!({ "role": { "after": role } })),
    };
    let change = Change::new()
        .exactly_one(users::insert_new(&user), Refusal::AddressTaken)
        .then(memberships::insert(organization.number, &user.id, role, context.now))
        .then(invitations::revoke_for(organization.number, &user.email, context.now))
        .audited(services.audit(context, event)?);
    services.store.commit(change)?;
    let memberships = services.store.read(|reader| memberships::of_user(reader, &user.id))?;
    Ok(view(user, memberships, false))
}

/// Ends a lockout.
pub fn unlock(services: &Services, context: &Context, email: &str) -> Result<UserView, ServiceError> {
    let (user, organizations) = find(services, email)?;
    let change = Change::new()
        .then_all(lockout::clear(services, &user.email))
        .audited(services.audit(context, event("account.unlocked", &user, &organizations))?);
    services.store.commit(change)?;
    Ok(view(user, organizations, false))
}

/// Gives a user another password. Their sessions end, links that were mailed die, a lockout is over, and they are told.
pub fn reset_password(
    services: &Services,
    context: &Context,
    email: &str,
    password: String,
) -> Result<UserView, ServiceError> {
    let (user, organizations) = find(services, email)?;
    let about = [user.name.as_str(), user.email.as_str()];
    let password: Password = people::parse_new_password(password, services.config.password.policy, &about)
        .map_err(|fault| ServiceError::field("password", fault))?;
    let hash = services.hashing.hash(password)?;
    let from = services.config.public_url();
    let message = operator::password_reset(&user.name, &user.timezone, context.now, &from);
    let letter = Letter { organization: None, to: &user.email, message, wipe_at: None };
    let change = Change::new()
        .then(users::replace_password(&user.id, &hash))
        .then(sessions::delete_of_user(&user.id))
        .then_all(passwords::links_ended(&user.id))
        .then_all(lockout::clear(services, &user.email))
        .then(outbox::post(services, context.now, letter)?)
        .audited(services.audit(context, event("user.password_reset", &user, &organizations))?);
    services.store.commit(change)?;
    Ok(view(user, organizations, false))
}

/// Disables a user: their sessions end, links that were mailed die, and their own keys stop, all at once.
pub fn disable(services: &Services, context: &Context, email: &str) -> Result<UserView, ServiceError> {
    let (user, organizations) = find(services, email)?;
    if user.disabled_at.is_none() {
        let mut change = Change::new()
            .exactly_one(users::disable(&user.id, context.now), Refusal::LastOwner)
            .then(sessions::delete_of_user(&user.id));
        for kind in [Kind::ResetPassword, Kind::VerifyEmail, Kind::ChangeEmail, Kind::SignIn] {
            change = change.then(account_tokens::delete_of_user(&user.id, kind));
        }
        for membership in &organizations {
            let number = membership.organization_number;
            change = change.then(invitations::revoke_of_inviter(number, &user.id, None, context.now));
        }
        let change = change.audited(services.audit(context, event("user.disabled", &user, &organizations))?);
        let result = services.store.commit(change);
        members::forget_keys_of(services, &user.id);
        result.map_err(|error| match error {
            StoreError::Refused(Refusal::LastOwner) => ServiceError::new(
                ErrorCode::LastOwner,
                format!("{} is the home organization's only owner; make another one first", user.email),
            ),
            other => other.into(),
        })?;
    }
    Ok(view(User { disabled_at: Some(context.now), ..user }, organizations, false))
}

/// Lets a disabled user in again; their own keys work again too.
pub fn enable(services: &Services, context: &Context, email: &str) -> Result<UserView, ServiceError> {
    let (user, organizations) = find(services, email)?;
    if user.disabled_at.is_some() {
        let change = Change::new()
            .then(users::enable(&user.id))
            .audited(services.audit(context, event("user.enabled", &user, &organizations))?);
        let result = services.store.commit(change);
        members::forget_keys_of(services, &user.id);
        result?;
    }
    Ok(view(User { disabled_at: None, ..user }, organizations, false))
}
