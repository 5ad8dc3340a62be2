//! Sign-in, sign-out, and what a session or a key tells of itself.

use super::error::ServiceError;
use super::{Context, Event, Services, own_organization, people};
use crate::clock::{HOUR, MINUTE, UnixMillis};
use crate::crypto::password::Password;
use crate::crypto::secret_token::{SecretToken, session_shape};
use crate::error_code::ErrorCode;
use crate::gate::decide::Credential;
use crate::gate::lookup::SessionRecord;
use crate::role::Role;
use crate::store::audit_log::Party;
use crate::store::memberships::Membership;
use crate::store::organizations::Organization;
use crate::store::sessions::Session;
use crate::store::users::User;
use crate::store::{Change, account_tokens, memberships, organizations, sessions, users};

/// A new session: what the cookies carry, and what the answer tells.
#[derive(Debug)]
pub struct SignedIn {
    /// For the session cookie.
    pub token: SecretToken,
    /// For the gate's cookie, where `gate.cookie_domain` is set.
    pub gate_token: Option<SecretToken>,
    /// When the cookie ends.
    pub expires_at: UnixMillis,
    /// Who signed in.
    pub identity: Identity,
}

/// Who a credential belongs to, for `GET /api/auth/session`.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Identity {
    pub method: &'static str,
    pub user: Option<User>,
    pub organization: Organization,
    pub role: Role,
    pub organizations: Vec<Membership>,
    /// The key's id, name and shown scopes, if it is one.
    pub key: Option<KeyIdentity>,
    pub expires_at: Option<UnixMillis>,
}

/// The key of an [`Identity`].
#[derive(Debug)]
#[allow(missing_docs)]
pub struct KeyIdentity {
    pub id: String,
    pub name: String,
    pub environment: &'static str,
    pub scopes: Option<Vec<String>>,
}

/// Checks address and password. An unknown address costs the same hash and gets the same answer.
pub fn sign_in(
    services: &Services,
    context: &Context,
    email: &str,
    password: String,
) -> Result<SignedIn, ServiceError> {
    let email = people::parse_email(email).ok();
    let known = match &email {
        Some(email) => services.store.read(|reader| users::by_email(reader, email))?,
        None => None,
    };
    let hash = known.as_ref().map(|user| user.password_hash.as_str());
    let matches = match Password::parse(password) {
        Ok(password) => services.hashing.verify(password, hash)?,
        // Nobody has such a password; it costs no hash, and tells only what the caller knows.
        Err(_) => false,
    };
    match known {
        Some(user) if matches && user.disabled_at.is_some() => Err(ErrorCode::AccountDisabled.into()),
        Some(user) if matches => open(services, context, &user),
        known => {
            refuse(services, context, known.as_ref())?;
            Err(ErrorCode::SignInFailed.into())
        }
    }
}

/// A refused sign-in to an account there is goes into the audit log of its organization.
fn refuse(services: &Services, context: &Context, user: Option<&User>) -> Result<(), ServiceError> {
    let Some(user) = user else { return Ok(()) };
    let organization = services.store.read(|reader| memberships::of_user(reader, &user.id))?;
    let event = Event {
        action: "session.refused",
        organization: organization.first().map(|membership| membership.organization_number),
        target: Party { kind: String::from("user"), id: Some(user.id.clone()), name: user.name.clone() },
        changes: None,
    };
    let entry = services.audit(context, event)?;
    services.store.commit(Change::new().audited(entry))?;
    Ok(())
}

/// Opens a session in the user's first organization.
pub fn open(services: &Services, context: &Context, user: &User) -> Result<SignedIn, ServiceError> {
    let memberships = own_organization::memberships_of(services, context, user)?;
    let first = memberships.first().ok_or_else(ServiceError::internal)?;
    let token = SecretToken::mint(&session_shape(), services.random.as_ref())?;
    let gate_token = match services.config.gate.cookie_domain {
        Some(_) => Some(SecretToken::mint(&session_shape(), services.random.as_ref())?),
        None => None,
    };
    let session = Session {
        id: services.id("ses", context.now)?,
        user: user.id.clone(),
        organization: first.organization_number,
        created_at: context.now,
        last_seen_at: context.now,
        expires_at: context.now + services.config.session.absolute_hours * HOUR,
        ip: context.ip.clone().unwrap_or_default(),
        user_agent: context.user_agent.clone().unwrap_or_default(),
    };
    let party = Party { kind: String::from("user"), id: Some(user.id.clone()), name: user.name.clone() };
    let target = Party { kind: String::from("session"), id: Some(session.id.clone()), name: user.name.clone() };
    let event =
        Event { action: "session.created", organization: Some(first.organization_number), target, changes: None };
    let gate_digest = gate_token.as_ref().map(SecretToken::digest);
    let change = Change::new()
        .then(sessions::insert(&session, &token.digest(), gate_digest.as_ref()))
        .then(memberships::seen(session.organization, &user.id, context.now))
        .audited(services.audit_by(context, party, event)?);
    services.store.commit(change)?;
    let role = first.role;
    let identity = services.store.read(|reader| {
        Ok(organizations::by_number(reader, session.organization)?.map(|organization| Identity {
            method: "session",
            user: Some(user.clone()),
            organization,
            role,
            organizations: memberships.clone(),
            key: None,
            expires_at: Some(session.expires_at),
        }))
    })?;
    let identity = identity.ok_or_else(ServiceError::internal)?;
    Ok(SignedIn { token, gate_token, expires_at: session.expires_at, identity })
}

/// Ends the caller's session, if there is one.
pub fn sign_out(services: &Services, context: &Context, session: &SessionRecord) -> Result<(), ServiceError> {
    let target = Party { kind: String::from("session"), id: Some(session.id.clone()), name: session.name.clone() };
    let event =
        Event { action: "session.ended", organization: Some(session.organization.number), target, changes: None };
    let change = Change::new().then(sessions::delete(&session.id)).audited(services.audit(context, event)?);
    Ok(services.store.commit(change)?)
}

/// Notes that a session was used, once a minute at most.
pub fn touch(services: &Services, session: &SessionRecord, now: UnixMillis) -> Result<(), ServiceError> {
    if now - session.last_seen_at < MINUTE {
        return Ok(());
    }
    let change = Change::new().then(sessions::touch(&session.id, now)).then(memberships::seen(
        session.organization.number,
        &session.user,
        now,
    ));
    Ok(services.store.commit(change)?)
}

/// Who the caller is.
pub fn identify(services: &Services, context: &Context, credential: &Credential) -> Result<Identity, ServiceError> {
    let number = context.organization()?;
    let user_id = context.user().map(str::to_owned);
    let (user, organization, organizations) = services.store.read(|reader| {
        let user = match &user_id {
            Some(id) => users::by_id(reader, id)?,
            None => None,
        };
        let memberships = match (&user_id, credential) {
            (Some(id), Credential::Session(_)) => memberships::of_user(reader, id)?,
            _ => Vec::new(),
        };
        Ok((user, organizations::by_number(reader, number)?, memberships))
    })?;
    let (key, expires_at) = match credential {
        Credential::Key(key) => {
            let identity = KeyIdentity {
                id: key.id.clone(),
                name: key.name.clone(),
                environment: key.environment.as_str(),
                scopes: key.scopes.clone(),
            };
            (Some(identity), key.expires_at)
        }
        Credential::Session(session) => (None, Some(session.expires_at)),
        _ => (None, None),
    };
    Ok(Identity {
        method: credential.method(),
        user,
        organization: organization.ok_or_else(ServiceError::internal)?,
        role: context.role(),
        organizations,
        key,
        expires_at,
    })
}

/// Removes sessions and tokens that have run out. Safe to run twice.
pub fn sweep(services: &Services, now: UnixMillis) -> Result<(), ServiceError> {
    let idle = services.config.session.idle_minutes * MINUTE;
    let change = Change::new().then(sessions::delete_dead(now, idle)).then(account_tokens::delete_dead(now));
    Ok(services.store.commit(change)?)
}
