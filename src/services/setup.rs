//! Setup: the first owner and the home organization, once.

use super::error::{Faults, ServiceError};
use super::sessions::{self, SignedIn};
use super::{Context, Event, Services, organization, people};
use crate::crypto::password::Password;
use crate::crypto::secret_token::{Digest, SecretToken, setup_shape};
use crate::crypto::signature;
use crate::error_code::ErrorCode;
use crate::role::Role;
use crate::store::organizations::Organization;
use crate::store::users::User;
use crate::store::{Change, Refusal, memberships, organizations, users};

/// What setup is told.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Founding {
    pub name: String,
    pub email: String,
    pub password: String,
    pub organization: String,
}

/// Makes the token of the setup link, if setup is still to be done. It replaces an earlier one.
pub fn make_token(services: &Services) -> Result<Option<SecretToken>, ServiceError> {
    if is_done(services)? {
        return Ok(None);
    }
    let token = SecretToken::mint(&setup_shape(), services.random.as_ref())?;
    *services.setup_token.lock() = Some(token.digest());
    Ok(Some(token))
}

/// Whether there is an owner.
pub fn is_done(services: &Services) -> Result<bool, ServiceError> {
    Ok(services.store.read(memberships::any_owner)?)
}

/// 410 once there is an owner; 400 for a wrong token. The token stays good until setup has succeeded.
pub fn require_token(services: &Services, token: &str) -> Result<(), ServiceError> {
    require_open(services)?;
    let digest = Digest::of(token);
    if matches!(*services.setup_token.lock(), Some(known) if signature::equal(&known.0, &digest.0)) {
        return Ok(());
    }
    // Another setup may have succeeded meanwhile and taken the token with it.
    require_open(services)?;
    Err(ServiceError::new(
        ErrorCode::TokenInvalid,
        "This setup link is not valid; take the newest one from the server's output, or run `claviger setup`",
    ))
}

/// 410 once there is an owner.
pub fn require_open(services: &Services) -> Result<(), ServiceError> {
    if is_done(services)? {
        Err(ServiceError::new(ErrorCode::Gone, "Claviger is set up already; sign in"))
    } else {
        Ok(())
    }
}

/// Makes the owner and the home organization.
pub fn found(services: &Services, context: &Context, input: Founding) -> Result<User, ServiceError> {
    let (name, email, password, organization_name) = parse(services, input)?;
    let hash = services.hashing.hash(password)?;
    let user = User {
        id: services.id("usr", context.now)?,
        email,
        name,
        password_hash: hash,
        timezone: String::from("UTC"),
        email_verified_at: Some(context.now),
        disabled_at: None,
        created_at: context.now,
    };
    let organization = Organization {
        number: services.store.next_number(),
        id: services.id("org", context.now)?,
        name: organization_name,
        plan: services.config.plans.setup.clone(),
        home: true,
        created_at: context.now,
    };
    let actor = people::party(&user);
    let target = organization::party(&organization);
    let event = Event {
        action: "organization.created",
        organization: Some(organization.number),
        target,
        changes: Some(serde_json::json!({ "plan": { "after": organization.plan } })),
    };
    let change = Change::new()
        .exactly_one(organizations::insert_home(&organization), Refusal::Gone)
        .then(users::insert(&user))
        .then(memberships::insert(organization.number, &user.id, Role::Owner, context.now))
        .audited(services.audit_by(context, actor, event)?);
    services.store.commit(change)?;
    *services.setup_token.lock() = None;
    Ok(user)
}

/// Makes the owner and signs them in.
pub fn found_and_sign_in(services: &Services, context: &Context, input: Founding) -> Result<SignedIn, ServiceError> {
    let user = found(services, context, input)?;
    sessions::open(services, context, &user)
}

fn parse(services: &Services, input: Founding) -> Result<(String, String, Password, String), ServiceError> {
    let mut faults = Faults::default();
    let about = [input.name.as_str(), input.email.as_str()];
    let password = people::parse_new_password(input.password, services.config.password.policy, &about);
    let parsed = (
        faults.take("name", people::parse_name(&input.name)),
        faults.take("email", people::parse_email(&input.email)),
        faults.take("password", password),
        faults.take("organization", people::parse_name(&input.organization)),
    );
    faults.check()?;
    match parsed {
        (Some(name), Some(email), Some(password), Some(organization)) => Ok((name, email, password, organization)),
        _ => Err(ServiceError::internal()),
    }
}
