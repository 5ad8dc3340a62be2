//! Sign-in links: for who is locked out of everything. The command line makes one; it is good once, for ten minutes.

use super::error::ServiceError;
use super::sessions::{self, SignedIn};
use super::{Context, Event, Services, account_links, lockout, people};
use crate::clock::{MINUTE, UnixMillis};
use crate::crypto::secret_token::Digest;
use crate::error_code::ErrorCode;
use crate::store::account_tokens::{self, Kind};
use crate::store::{Change, Refusal, memberships, users};

/// The page that signs in, and how long a link to it is good.
const PAGE: (&str, UnixMillis) = ("/sign-in-link", 10 * MINUTE);

/// A link, as it is shown once. It never prints: whoever has it is signed in.
pub struct SignInLink {
    /// `<public_url>/sign-in-link?token=…`
    pub url: String,
    /// Until when it is good.
    pub expires_at: UnixMillis,
}

/// Makes a link for the user of this address. An earlier one is dead from then on.
pub fn make(services: &Services, context: &Context, email: &str) -> Result<SignInLink, ServiceError> {
    let email = people::parse_email(email).map_err(|message| ServiceError::field("email", message))?;
    let user = services.store.read(|reader| users::by_email(reader, &email))?;
    let user = user.ok_or_else(|| ServiceError::new(ErrorCode::NotFound, "Nobody has this address"))?;
    if user.disabled_at.is_some() {
        return Err(ErrorCode::AccountDisabled.into());
    }
    let link = account_links::mint(services, context.now, Kind::SignIn, &user.id, &email, PAGE)?;
    let mut change = Change::new().then(account_tokens::delete_of_user(&user.id, Kind::SignIn)).then(link.statement);
    for membership in services.store.read(|reader| memberships::of_user(reader, &user.id))? {
        let event = Event {
            action: "sign_in_link.created",
            organization: Some(membership.organization_number),
            target: people::party(&user),
            changes: None,
        };
        change = change.audited(services.audit(context, event)?);
    }
    services.store.commit(change)?;
    Ok(SignInLink { url: link.url, expires_at: link.expires_at })
}

/// Signs in with a link's token, ends the user's lockout, and uses the link up; all of it or nothing.
pub fn sign_in(services: &Services, context: &Context, token: &str) -> Result<SignedIn, ServiceError> {
    let digest = Digest::of(token);
    let user =
        services.store.read(|reader| match account_tokens::good(reader, &digest, Kind::SignIn, context.now)? {
            Some(token) => users::by_id(reader, &token.user),
            None => Ok(None),
        })?;
    let Some(user) = user else { return Err(ErrorCode::TokenInvalid.into()) };
    if user.disabled_at.is_some() {
        lockout::note_refusal(services, context, &user, "disabled")?;
        return Err(ErrorCode::AccountDisabled.into());
    }
    let spend = account_tokens::spend(&digest, Kind::SignIn, context.now);
    let begun = Change::new().exactly_one(spend, Refusal::TokenInvalid).then_all(lockout::clear(services, &user.email));
    sessions::open_with(services, context, &user, begun, "sign_in_link")
}
