//! Passwords: forgotten, chosen anew, changed, and confirmed before something that could take an account over.

use super::account::event_of;
use super::account_links::{self, nobody, reader};
use super::error::{Faults, ServiceError};
use super::lockout::{self, Attempt, Passed};
use super::outbox::{self, Letter};
use super::{Context, Services, people};
use crate::clock::{MINUTE, UnixMillis};
use crate::crypto::password::Password;
use crate::crypto::secret_token::Digest;
use crate::error_code::ErrorCode;
use crate::mail::account::{password_changed, reset_password};
use crate::store::account_tokens::{self, Kind};
use crate::store::users::{self, User};
use crate::store::{Change, Refusal, Statement, sessions};

/// How long a link for a new password is good, and the page that it leads to.
pub const PAGE: (&str, UnixMillis) = ("/reset-password", 30 * MINUTE);

/// Mails a link for a new password to whoever has this address. Nobody learns whether there is anyone: for nobody the
/// same work is done and the same kind of row committed.
pub fn forgot(services: &Services, context: &Context, email: &str) -> Result<(), ServiceError> {
    let email = people::parse_email(email).map_err(|message| ServiceError::field("email", message))?;
    let known = services.store.read(|reader| users::by_email(reader, &email))?;
    let known = known.filter(|user| user.disabled_at.is_none());
    let nobody = nobody();
    let user = known.as_ref().unwrap_or(&nobody);
    let now = context.now;
    let link = account_links::mint(services, now, Kind::ResetPassword, &user.id, &user.email, PAGE)?;
    let site = services.config.public_url();
    let message = reset_password(reader(user, &site), &link.url, link.expires_at);
    let letter = Letter { organization: None, to: &user.email, message, wipe_at: Some(link.expires_at) };
    let change = match &known {
        Some(user) => {
            let event = event_of(services, user, "account.password_reset_requested", None)?;
            Change::new()
                .then(link.statement)
                .then(outbox::post(services, now, letter)?)
                .audited(services.audit(context, event)?)
        }
        None => {
            let (mail, discard) = outbox::post_to_nobody(services, now, letter)?;
            Change::new().then(mail).then(discard)
        }
    };
    Ok(services.store.commit(change)?)
}

/// A new password by a mailed link.
#[allow(missing_docs)]
pub struct Reset {
    pub token: String,
    pub password: String,
    pub confirm_password: String,
}

/// Chooses a new password by a mailed link, which is used up by success alone. It ends every session, every other link
/// for a new password, and a change of address that somebody else may have begun.
pub fn reset(services: &Services, context: &Context, input: Reset) -> Result<(), ServiceError> {
    let digest = Digest::of(&input.token);
    let found = services.store.read(|reader| {
        let token = account_tokens::good(reader, &digest, Kind::ResetPassword, context.now)?;
        token.map(|token| Ok((users::by_id(reader, &token.user)?, token))).transpose()
    })?;
    let Some((Some(user), token)) = found else { return Err(ErrorCode::TokenInvalid.into()) };
    let mut faults = Faults::default();
    if input.confirm_password != input.password {
        faults.add("confirmPassword", "must be the same as the password");
    }
    let password = faults.take("password", parse_new(services, input.password, &user));
    faults.check()?;
    let hash = services.hashing.hash(password.ok_or_else(ServiceError::internal)?)?;
    let event = event_of(services, &user, "account.password_reset", None)?;
    let change = Change::new()
        .exactly_one(account_tokens::spend(&digest, Kind::ResetPassword, context.now), Refusal::TokenInvalid)
        .exactly_one(users::reset_password(&user.id, &token.email, &hash, context.now), Refusal::TokenInvalid)
        .then(sessions::delete_of_user(&user.id));
    let change = change
        .then_all(links_ended(&user.id))
        .then_all(lockout::clear(services, &user.email))
        .then(notice(services, context, &user)?)
        .audited(services.audit_by(context, people::party(&user), event)?);
    Ok(services.store.commit(change)?)
}

/// Changes the password of one who is signed in and knows the present one. Their other sessions end.
pub fn change(
    services: &Services,
    context: &Context,
    attempt: Attempt,
    current: String,
    new: String,
) -> Result<(), ServiceError> {
    let passed = confirm_current("currentPassword", services, context, attempt, current)?;
    let user = passed.user.clone();
    let password = parse_new(services, new, &user).map_err(|message| ServiceError::field("newPassword", message))?;
    let hash = services.hashing.hash(password)?;
    let event = event_of(services, &user, "account.password_changed", None)?;
    let change = Change::new()
        .exactly_one(users::change_password(&user, &hash), Refusal::Outdated)
        .then(sessions::delete_others(&user.id, &context.session()?.id));
    let change = change
        .then_all(links_ended(&user.id))
        .then_all(passed.statements())
        .then(notice(services, context, &user)?)
        .audited(services.audit(context, event)?);
    Ok(services.store.commit(change)?)
}

/// Checks the password of one who is signed in, before what could take the account over. A wrong one is a fault of
/// `field`, goes into the audit log, and counts towards the lockout like a failed sign-in. What is returned is to be kept
/// until its statements are committed.
pub fn confirm_current(
    field: &str,
    services: &Services,
    context: &Context,
    attempt: Attempt,
    password: String,
) -> Result<Passed, ServiceError> {
    lockout::check_password(services, context, attempt, password)?
        .ok_or_else(|| ServiceError::field(field, "is not your present password"))
}

/// The user behind the session that asks.
pub fn own(services: &Services, context: &Context) -> Result<User, ServiceError> {
    let session = context.session()?;
    let user = services.store.read(|reader| users::by_id(reader, &session.user))?;
    user.ok_or_else(|| ErrorCode::SessionInvalid.into())
}

/// What a new password ends beside sessions: all links that could undo it.
pub fn links_ended(user: &str) -> Vec<Statement> {
    [Kind::ResetPassword, Kind::ChangeEmail, Kind::SignIn].map(|kind| account_tokens::delete_of_user(user, kind)).into()
}

fn parse_new(services: &Services, text: String, user: &User) -> Result<Password, String> {
    people::parse_new_password(text, services.config.password.policy, &[&user.name, &user.email])
}

fn notice(services: &Services, context: &Context, user: &User) -> Result<Statement, ServiceError> {
    let site = services.config.public_url();
    let message = password_changed(reader(user, &site), context.now);
    outbox::post(services, context.now, Letter { organization: None, to: &user.email, message, wipe_at: None })
}
