//! Links to sign in without a password: made on the command line alone, for who is locked out of everything.

use super::error::ServiceError;
use super::{Context, Event, Services, people};
use crate::clock::{MINUTE, UnixMillis};
use crate::crypto::secret_token::{SecretToken, link_shape};
use crate::error_code::ErrorCode;
use crate::store::account_tokens::{self, AccountToken, Kind};
use crate::store::audit_log::Party;
use crate::store::{Change, memberships, users};

/// How long a link is good.
const LIFETIME: UnixMillis = 10 * MINUTE;

/// Makes a link for the user of this address, and says until when it is good. Their earlier links die.
pub fn make(services: &Services, context: &Context, email: &str) -> Result<(String, UnixMillis), ServiceError> {
    let email = people::parse_email(email).map_err(|fault| ServiceError::field("email", fault))?;
    let (user, organizations) = services.store.read(|reader| {
        let user = users::by_email(reader, &email)?;
        let organizations = match &user {
            Some(user) => memberships::of_user(reader, &user.id)?,
            None => Vec::new(),
        };
        Ok((user, organizations))
    })?;
    let user = user.ok_or_else(|| ServiceError::new(ErrorCode::NotFound, format!("Nobody has the address {email}")))?;
    if user.disabled_at.is_some() {
        return Err(ServiceError::new(
            ErrorCode::Conflict,
            format!("{email} is disabled; run `claviger user enable {email}` first"),
        ));
    }
    let token = SecretToken::mint(&link_shape(), services.random.as_ref())?;
    let expires_at = context.now + LIFETIME;
    let row = AccountToken { user: user.id.clone(), email: user.email, created_at: context.now, expires_at };
    let event = Event {
        action: "sign_in_link.created",
        organization: organizations.first().map(|membership| membership.organization_number),
        target: Party { kind: String::from("user"), id: Some(user.id.clone()), name: user.name },
        changes: None,
    };
    let change = Change::new()
        .then(account_tokens::delete_of_user(&user.id, Kind::SignIn))
        .then(account_tokens::insert(&token.digest(), Kind::SignIn, &row))
        .audited(services.audit(context, event)?);
    services.store.commit(change)?;
    Ok((format!("{}/sign-in-link?token={}", services.config.public_url(), token.reveal()), expires_at))
}
