//! Addresses are proved by a link that was mailed to them: a new account's, and the one that an account changes to.

use super::account::event_of;
use super::account_links::{self, Link, nobody, reader};
use super::error::ServiceError;
use super::outbox::{self, Letter};
use super::{Context, Services, people};
use crate::clock::{HOUR, UnixMillis};
use crate::crypto::secret_token::Digest;
use crate::error_code::ErrorCode;
use crate::mail::account::verify_email;
use crate::store::account_tokens::{self, AccountToken, Kind};
use crate::store::users::{self, User};
use crate::store::{Change, Refusal, Statement};

/// How long a link that proves an address is good, and the page that it leads to.
pub const PAGE: (&str, UnixMillis) = ("/verify-email", 24 * HOUR);

/// Uses a link up. An address that is verified already stays so.
pub fn verify(services: &Services, context: &Context, token: &str) -> Result<(), ServiceError> {
    let digest = Digest::of(token);
    let found = services.store.read(|reader| {
        for kind in [Kind::VerifyEmail, Kind::ChangeEmail] {
            if let Some(token) = account_tokens::good(reader, &digest, kind, context.now)? {
                let user = users::by_id(reader, &token.user)?;
                return Ok(user.map(|user| (kind, token, user)));
            }
        }
        Ok(None)
    })?;
    match found {
        Some((Kind::ChangeEmail, token, user)) => take_address(services, context, &digest, &token, &user),
        Some((_, token, user)) => prove_address(services, context, &digest, &token, &user),
        None => Err(ErrorCode::TokenInvalid.into()),
    }
}

fn prove_address(
    services: &Services,
    context: &Context,
    digest: &Digest,
    token: &AccountToken,
    user: &User,
) -> Result<(), ServiceError> {
    let event = event_of(services, user, "account.email_verified", None)?;
    let change = Change::new()
        .exactly_one(account_tokens::spend(digest, Kind::VerifyEmail, context.now), Refusal::TokenInvalid)
        // A link that was sent to an earlier address proves nothing any more.
        .exactly_one(users::verify_email(&user.id, &token.email, context.now), Refusal::TokenInvalid)
        .audited(services.audit_by(context, people::party(user), event)?);
    Ok(services.store.commit(change)?)
}

fn take_address(
    services: &Services,
    context: &Context,
    digest: &Digest,
    token: &AccountToken,
    user: &User,
) -> Result<(), ServiceError> {
    let changes = serde_json::json!({ "email": { "before": user.email, "after": token.email } });
    let event = event_of(services, user, "account.email_changed", Some(changes))?;
    let change = Change::new()
        .exactly_one(account_tokens::spend(digest, Kind::ChangeEmail, context.now), Refusal::TokenInvalid)
        .exactly_one(users::change_email(&user.id, &token.email, context.now), Refusal::AddressTaken)
        // What was sent to the earlier address opens nothing from now on.
        .then(account_tokens::delete_of_user(&user.id, Kind::ResetPassword))
        .then(account_tokens::delete_of_user(&user.id, Kind::VerifyEmail))
        .audited(services.audit_by(context, people::party(user), event)?);
    services.store.commit(change)?;
    // Keys' records carry their owner's address.
    services.gate.evict(|record| record.owner.as_deref() == Some(user.id.as_str()));
    Ok(())
}

/// Mails another link to whoever has this address and has not proved it. Nobody learns whether there is anyone.
pub fn resend(services: &Services, context: &Context, email: &str) -> Result<(), ServiceError> {
    let email = people::parse_email(email).map_err(|message| ServiceError::field("email", message))?;
    let user = services.store.read(|reader| users::by_email(reader, &email))?;
    resend_to(services, context, user)
}

/// The same for one who is signed in.
pub fn resend_to_self(services: &Services, context: &Context) -> Result<(), ServiceError> {
    let id = context.user().ok_or_else(|| ServiceError::field("email", "is needed"))?;
    let user = services.store.read(|reader| users::by_id(reader, id))?;
    resend_to(services, context, user)
}

fn resend_to(services: &Services, context: &Context, user: Option<User>) -> Result<(), ServiceError> {
    let waiting = user.filter(|user| user.email_verified_at.is_none() && user.disabled_at.is_none());
    let change = match waiting {
        Some(user) => {
            let event = event_of(services, &user, "account.verification_requested", None)?;
            let (token, mail) = mail_link(services, context, &user)?;
            Change::new().then(token).then(mail).audited(services.audit(context, event)?)
        }
        None => {
            let nobody = nobody();
            let (_, letter) = letter_with_link(services, context.now, &nobody)?;
            let (mail, discard) = outbox::post_to_nobody(services, context.now, letter)?;
            Change::new().then(mail).then(discard)
        }
    };
    Ok(services.store.commit(change)?)
}

/// The statements that mail a user the link by which they prove their address.
pub fn mail_link(services: &Services, context: &Context, user: &User) -> Result<(Statement, Statement), ServiceError> {
    let (link, letter) = letter_with_link(services, context.now, user)?;
    Ok((link.statement, outbox::post(services, context.now, letter)?))
}

fn letter_with_link<'a>(
    services: &Services,
    now: UnixMillis,
    user: &'a User,
) -> Result<(Link, Letter<'a>), ServiceError> {
    let link = account_links::mint(services, now, Kind::VerifyEmail, &user.id, &user.email, PAGE)?;
    let site = services.config.public_url();
    let message = verify_email(reader(user, &site), &link.url, link.expires_at);
    let letter = Letter { organization: None, to: &user.email, message, wipe_at: Some(link.expires_at) };
    Ok((link, letter))
}
