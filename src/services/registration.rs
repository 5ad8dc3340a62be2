//! Registration: an account for whoever may have one.
//!
//! The answer never tells whether an address is taken. For one that is, as much is done: a hash, and one commit with a
//! mail, which goes to the owner of the address.

use super::account::event_of;
use super::account_links::reader;
use super::error::{Faults, ServiceError};
use super::outbox::{self, Letter};
use super::{Context, Event, Services, own_organization, people, setup, verification};
use crate::config::RegistrationMode;
use crate::crypto::password::Password;
use crate::crypto::secret_token::Digest;
use crate::error_code::ErrorCode;
use crate::mail::account::{address_taken, welcome};
use crate::store::audit_log::Party;
use crate::store::invitations::{self, Invitation};
use crate::store::organizations::{self, Organization};
use crate::store::users::{self, User};
use crate::store::{Change, Refusal, StoreError, memberships};

/// What one registers with.
#[allow(missing_docs)]
pub struct Registration {
    pub name: String,
    pub email: String,
    pub password: String,
    pub timezone: Option<String>,
    /// From the link of an invitation.
    pub invite_token: Option<String>,
}

/// What came of it, as far as it may be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registered {
    /// Whether the address must be proved before one signs in.
    pub email_verification_required: bool,
}

/// An invitation that is open, and whether its token came by mail.
struct Invited {
    invitation: Invitation,
    organization: Organization,
    mailed: bool,
}

/// What was typed, parsed.
struct Parsed {
    name: String,
    email: String,
    password: Password,
    timezone: String,
}

/// Registers, if one may.
pub fn register(services: &Services, context: &Context, input: Registration) -> Result<Registered, ServiceError> {
    let invited = match &input.invite_token {
        Some(token) => Some(find_invitation(services, context, token)?),
        None => None,
    };
    require_open(services, invited.is_some())?;
    let parsed = parse(services, input, invited.as_ref())?;
    let verified = invited.as_ref().is_some_and(|invited| invited.mailed);
    let registered = Registered { email_verification_required: services.config.requires_verified_email() && !verified };
    let hash = services.hashing.hash(parsed.password)?;
    let known = services.store.read(|reader| users::by_email(reader, &parsed.email))?;
    if let Some(owner) = known {
        tell_owner(services, context, &owner, invited.as_ref())?;
        return Ok(registered);
    }
    let user = User {
        id: services.id("usr", context.now)?,
        email: parsed.email,
        name: parsed.name,
        password_hash: hash,
        timezone: parsed.timezone,
        email_verified_at: verified.then_some(context.now),
        disabled_at: None,
        created_at: context.now,
    };
    match services.store.commit(admission(services, context, &user, invited.as_ref())?) {
        // Somebody else came first with the same address.
        Err(StoreError::Refused(Refusal::AddressTaken)) => {
            let owner = services.store.read(|reader| users::by_email(reader, &user.email))?;
            let owner = owner.ok_or_else(ServiceError::internal)?;
            tell_owner(services, context, &owner, invited.as_ref())?;
        }
        result => result?,
    }
    Ok(registered)
}

fn find_invitation(services: &Services, context: &Context, token: &str) -> Result<Invited, ServiceError> {
    let found = services.store.read(|reader| {
        let Some((invitation, mailed)) = invitations::open(reader, &Digest::of(token), context.now)? else {
            return Ok(None);
        };
        let organization = organizations::by_number(reader, invitation.organization)?;
        Ok(organization.map(|organization| Invited { invitation, organization, mailed }))
    })?;
    found.ok_or_else(|| {
        ServiceError::new(
            ErrorCode::TokenInvalid,
            "This invitation is invalid, used or expired; ask whoever invited you for another",
        )
    })
}

/// Until there is an owner nobody registers: the first account is made by setup.
fn require_open(services: &Services, invited: bool) -> Result<(), ServiceError> {
    let refuse = |message: &str| Err(ServiceError::new(ErrorCode::RegistrationClosed, message));
    match services.config.registration_mode() {
        _ if !setup::is_done(services)? => refuse("Claviger is not set up yet; open the setup link first"),
        _ if invited => Ok(()),
        RegistrationMode::Open => Ok(()),
        RegistrationMode::Invite => refuse("Registration needs an invitation; ask an administrator for one"),
        RegistrationMode::Closed => refuse("Registration is closed"),
    }
}

fn parse(services: &Services, input: Registration, invited: Option<&Invited>) -> Result<Parsed, ServiceError> {
    let mut faults = Faults::default();
    let about = [input.name.as_str(), input.email.as_str()];
    let password = people::parse_new_password(input.password, services.config.password.policy, &about);
    let timezone = input.timezone.as_deref().map_or(Ok(String::from("UTC")), people::parse_time_zone);
    let parsed = (
        faults.take("name", people::parse_name(&input.name)),
        faults.take("email", people::parse_email(&input.email)),
        faults.take("password", password),
        faults.take("timezone", timezone),
    );
    if let (Some(invited), (_, Some(email), ..)) = (invited, &parsed)
        && *email != invited.invitation.email
    {
        return Err(ServiceError::new(
            ErrorCode::InviteEmailMismatch,
            "The invitation is for another address; register with the address that was invited",
        ));
    }
    faults.check()?;
    match parsed {
        (Some(name), Some(email), Some(password), Some(timezone)) => Ok(Parsed { name, email, password, timezone }),
        _ => Err(ServiceError::internal()),
    }
}

/// Everything that a new account is made of, in one change.
fn admission(
    services: &Services,
    context: &Context,
    user: &User,
    invited: Option<&Invited>,
) -> Result<Change, ServiceError> {
    let mut change = Change::new();
    if let Some(Invited { invitation, .. }) = invited {
        change = change.exactly_one(invitations::accept(&invitation.id, context.now), Refusal::TokenInvalid);
    }
    let change = change.exactly_one(users::insert_new(user), Refusal::AddressTaken);
    let (change, organization) = match invited {
        Some(invited) => (join(services, context, user, invited, change)?, invited.organization.number),
        None => own_organization::found(services, context, user, change)?,
    };
    let event = Event {
        action: "account.registered",
        organization: Some(organization),
        target: people::party(user),
        changes: None,
    };
    let change = change.audited(services.audit_by(context, people::party(user), event)?);
    match invited {
        Some(invited) if invited.mailed => {
            let site = services.config.public_url();
            let message = welcome(reader(user, &site), &invited.organization.name);
            let letter = Letter { organization: None, to: &user.email, message, wipe_at: None };
            Ok(change.then(outbox::post(services, context.now, letter)?))
        }
        _ => {
            let (token, mail) = verification::mail_link(services, context, user)?;
            Ok(change.then(token).then(mail))
        }
    }
}

/// By an invitation one joins its organization.
fn join(
    services: &Services,
    context: &Context,
    user: &User,
    invited: &Invited,
    change: Change,
) -> Result<Change, ServiceError> {
    let Invited { invitation, organization, .. } = invited;
    let event = Event {
        action: "invitation.accepted",
        organization: Some(organization.number),
        target: Party {
            kind: String::from("invitation"),
            id: Some(invitation.id.clone()),
            name: invitation.email.clone(),
        },
        changes: Some(serde_json::json!({ "role": { "after": invitation.role.as_str() } })),
    };
    Ok(change
        .then(memberships::insert(organization.number, &user.id, invitation.role, context.now))
        .audited(services.audit_by(context, people::party(user), event)?))
}

/// The address is somebody's: they are told, and nobody else is. An invitation stays good for them, unless it was what
/// the account was just made by.
fn tell_owner(
    services: &Services,
    context: &Context,
    owner: &User,
    invited: Option<&Invited>,
) -> Result<(), ServiceError> {
    let site = services.config.public_url();
    let message = address_taken(reader(owner, &site), context.now);
    let letter = Letter { organization: None, to: &owner.email, message, wipe_at: None };
    let event = event_of(services, owner, "account.registration_refused", None)?;
    let mut change = Change::new();
    if let Some(Invited { invitation, .. }) = invited {
        change = change.exactly_one(invitations::require_open(&invitation.id, context.now), Refusal::TokenInvalid);
    }
    let change = change.then(outbox::post(services, context.now, letter)?).audited(services.audit(context, event)?);
    Ok(services.store.commit(change)?)
}
