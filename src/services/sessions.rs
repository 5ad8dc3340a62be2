//! Sign-in, sign-out, and what a session or a key tells of itself.

use super::error::ServiceError;
use super::lockout::{self, Attempt};
use super::{Context, Event, Services, own_organization, people};
use crate::clock::{HOUR, MINUTE, UnixMillis};
use crate::crypto::secret_token::{SecretToken, session_shape};
use crate::error_code::ErrorCode;
use crate::gate::decide::Credential;
use crate::gate::lookup::SessionRecord;
use crate::role::Role;
use crate::store::audit_log::{AuditEntry, Party};
use crate::store::memberships::Membership;
use crate::store::organizations::Organization;
use crate::store::sessions::{Life, Session};
use crate::store::users::User;
use crate::store::{Change, Refusal, memberships, organizations, sessions, users};

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

/// Checks a password for which a place was reserved, and opens a session. An unknown address costs the same and gets the
/// same answer. The session is a new one, always; others of the user stay.
pub fn sign_in(
    services: &Services,
    context: &Context,
    attempt: Attempt,
    password: String,
) -> Result<SignedIn, ServiceError> {
    let Some(passed) = lockout::check_password(services, context, attempt, password)? else {
        return Err(ErrorCode::SignInFailed.into());
    };
    require_allowed(services, context, &passed.user)?;
    let begun = Change::new().then_all(passed.statements());
    match open_with(services, context, &passed.user, begun, "password") {
        // The password was changed, or the account disabled, while it was hashed.
        Err(error) if error.code == ErrorCode::Conflict => Err(ErrorCode::SignInFailed.into()),
        result => result,
    }
}

/// What stands against a sign-in although the password is right; told to nobody else.
fn require_allowed(services: &Services, context: &Context, user: &User) -> Result<(), ServiceError> {
    if user.disabled_at.is_some() {
        lockout::note_refusal(services, context, user, "disabled")?;
        return Err(ErrorCode::AccountDisabled.into());
    }
    if services.config.requires_verified_email() && user.email_verified_at.is_none() {
        lockout::note_refusal(services, context, user, "unverified")?;
        return Err(ErrorCode::EmailNotVerified.into());
    }
    Ok(())
}

/// Opens a session in the user's first organization.
pub fn open(services: &Services, context: &Context, user: &User) -> Result<SignedIn, ServiceError> {
    open_with(services, context, user, Change::new(), "new_account")
}

/// Opens a session at the end of a change that has begun; `way` is what was signed in with. Refused as a conflict where
/// the user is no longer as they were read.
pub fn open_with(
    services: &Services,
    context: &Context,
    user: &User,
    begun: Change,
    way: &str,
) -> Result<SignedIn, ServiceError> {
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
    let gate_digest = gate_token.as_ref().map(SecretToken::digest);
    let insert = sessions::insert(&session, &user.password_hash, &token.digest(), gate_digest.as_ref());
    let entry = created(services, context, user, &session, way)?;
    let seen = memberships::seen(session.organization, &user.id, context.now);
    let mut change = begun.exactly_one(insert, Refusal::Outdated).then(seen).audited(entry);
    if let Some(remember) = lockout::remember_network(context, user) {
        change = change.then(remember);
    }
    services.store.commit(change)?;
    let identity = of_session(services, &user.id, session.organization, session.expires_at)?;
    Ok(SignedIn { token, gate_token, expires_at: session.expires_at, identity })
}

fn created(
    services: &Services,
    context: &Context,
    user: &User,
    session: &Session,
    way: &str,
) -> Result<AuditEntry, ServiceError> {
    let actor = people::party(user);
    let event = Event {
        action: "session.created",
        organization: Some(session.organization),
        target: Party { kind: String::from("session"), id: Some(session.id.clone()), name: user.name.clone() },
        changes: Some(serde_json::json!({ "with": { "after": way } })),
    };
    services.audit_by(context, actor, event)
}

/// Whose a session is, in this organization.
pub fn of_session(
    services: &Services,
    user: &str,
    organization: i64,
    expires_at: UnixMillis,
) -> Result<Identity, ServiceError> {
    let (user, found, organizations) = services.store.read(|reader| {
        let found = organizations::by_number(reader, organization)?;
        Ok((users::by_id(reader, user)?, found, memberships::of_user(reader, user)?))
    })?;
    let active = organizations.iter().find(|membership| membership.organization_number == organization);
    Ok(Identity {
        method: "session",
        user,
        role: active.ok_or_else(ServiceError::internal)?.role,
        organization: found.ok_or_else(ServiceError::internal)?,
        organizations,
        key: None,
        expires_at: Some(expires_at),
    })
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
    services.gate.settle_clock(now)?;
    let dead = sessions::delete_dead(&Life::of(&services.config, now));
    Ok(services.store.commit(Change::new().then(dead))?)
}
