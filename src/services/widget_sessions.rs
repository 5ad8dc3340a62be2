//! What a page is given: a session of fifteen minutes for its own widget to call the API with.
//!
//! A user id counts once its hash under the widget's secret proves that the customer's own server vouches for it. One
//! without a hash, a name and an address are the page's claims, and are never more than that.

use serde::Deserialize;
use zeroize::Zeroizing;

use super::error::{Faults, ServiceError};
use super::{Context, Services, origins};
use crate::clock::{MINUTE, UnixMillis};
use crate::crypto::secret_token::{SecretToken, widget_session_shape};
use crate::crypto::signature::{self, SigningKey};
use crate::error_code::ErrorCode;
use crate::store::widget_sessions::{self, Claims, WidgetSession};
use crate::store::widgets::{self, Widget};
use crate::store::{Change, Refusal, StoreError};

/// How long a session is good; `static/embed.js` knows it too.
pub const LIFETIME: UnixMillis = 15 * MINUTE;

/// The longest name and address that a page may claim, in bytes.
const MOST_CLAIMED_BYTES: usize = 254;

/// How often a session is tried anew when its widget was changed meanwhile.
const ATTEMPTS: usize = 5;

/// What a page says of its user.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SessionWishes {
    /// The customer's own id of the user: 1–128 visible ASCII characters. It is a claim until `userHash` proves it.
    pub user_id: Option<String>,
    /// Up to 254 bytes; a claim.
    pub user_name: Option<String>,
    /// Up to 254 bytes; a claim.
    pub user_email: Option<String>,
    /// The hex HMAC-SHA-256 of `userId` under the widget's secret, made by the customer's server.
    pub user_hash: Option<String>,
}

/// A new session.
#[derive(Debug)]
pub struct Opened {
    /// For the one answer that shows it.
    pub token: SecretToken,
    /// When it ends.
    pub expires_at: UnixMillis,
}

fn find(services: &Services, id: &str) -> Result<Widget, ServiceError> {
    let widget = services.store.read(|reader| widgets::by_id_anywhere(reader, id))?;
    widget.ok_or_else(|| ServiceError::new(ErrorCode::NotFound, "There is no such widget"))
}

fn require_origin(widget: &Widget, origin: Option<&str>) -> Result<(), ServiceError> {
    if origins::are_allowed(&widget.settings.allowed_origins, origin) {
        return Ok(());
    }
    Err(ServiceError::new(
        ErrorCode::OriginNotAllowed,
        "This page's origin is not among the widget's allowed origins; an administrator can add it",
    ))
}

/// Whether a page from `origin` (the header, as it came) may use the widget: 404 or 403 where it may not.
pub fn admit_origin(services: &Services, id: &str, origin: Option<&str>) -> Result<(), ServiceError> {
    require_origin(&find(services, id)?, origin)
}

/// Opens a session for a page from `origin`.
pub fn open(
    services: &Services,
    context: &Context,
    id: &str,
    origin: Option<&str>,
    wishes: impl FnOnce() -> Result<SessionWishes, ServiceError>,
) -> Result<Opened, ServiceError> {
    admit_origin(services, id, origin)?;
    let wishes = wishes()?;
    let claims = claims_of(&wishes)?;
    for _ in 0..ATTEMPTS {
        let widget = find(services, id)?;
        require_origin(&widget, origin)?;
        let user = proved_user(services, &widget, &wishes, context.now)?;
        let claims = Claims { user_id: claims.user_id.clone().filter(|_| user.is_none()), ..claims.clone() };
        let session = WidgetSession {
            widget: widget.number,
            user,
            claims,
            created_at: context.now,
            expires_at: context.now + LIFETIME,
        };
        let token = SecretToken::mint(&widget_session_shape(), services.random.as_ref())?;
        let change = Change::new()
            .then(widget_sessions::delete_dead(context.now))
            .exactly_one(widget_sessions::insert(&widget, &session, &token.digest()), Refusal::Outdated);
        match services.store.commit(change) {
            Ok(()) => return Ok(Opened { token, expires_at: session.expires_at }),
            Err(StoreError::Refused(Refusal::Outdated)) => {}
            Err(other) => return Err(other.into()),
        }
    }
    Err(ServiceError {
        retry_after: Some(60),
        ..ServiceError::new(ErrorCode::Busy, "This widget has as many open sessions as it can have; try again shortly")
    })
}

/// What the page says, within its bounds.
fn claims_of(wishes: &SessionWishes) -> Result<Claims, ServiceError> {
    let mut faults = Faults::default();
    if let Some(id) = &wishes.user_id
        && !((1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()))
    {
        faults.add("userId", "must be 1 to 128 visible ASCII characters");
    }
    for (field, text) in [("userName", &wishes.user_name), ("userEmail", &wishes.user_email)] {
        if let Some(text) = text
            && (text.trim().is_empty() || text.len() > MOST_CLAIMED_BYTES || text.chars().any(char::is_control))
        {
            faults.add(field, format!("must have 1 to {MOST_CLAIMED_BYTES} bytes, none of them a control character"));
        }
    }
    faults.check()?;
    let trimmed = |text: &Option<String>| text.as_deref().map(|text| text.trim().to_owned());
    Ok(Claims { user_id: wishes.user_id.clone(), name: trimmed(&wishes.user_name), email: trimmed(&wishes.user_email) })
}

/// The user id, if its hash proves it; `None` for one who is anonymous, where that may be.
fn proved_user(
    services: &Services,
    widget: &Widget,
    wishes: &SessionWishes,
    now: UnixMillis,
) -> Result<Option<String>, ServiceError> {
    match (&wishes.user_id, &wishes.user_hash) {
        (Some(id), Some(hash)) => {
            let given = bytes_of_hex(hash).unwrap_or_default();
            let secrets = super::widgets::secrets_in_use(services, widget, now)?;
            let fits = |secret: &Zeroizing<String>| {
                signature::equal(&SigningKey::new(secret.as_bytes()).sign(&[id.as_bytes()]), &given)
            };
            if secrets.iter().any(fits) { Ok(Some(id.clone())) } else { Err(ErrorCode::UserHashInvalid.into()) }
        }
        _ if widget.settings.require_identity => Err(ErrorCode::IdentityRequired.into()),
        (None, Some(_)) => Err(ServiceError::field("userId", "is needed: userHash proves nothing without it")),
        (_, None) => Ok(None),
    }
}

/// 32 bytes from hex digits of either case.
fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|digit| digit.to_digit(16).map(|value| value as u8)).collect();
    let digits = digits.filter(|digits| digits.len() == 64)?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// Removes sessions that have run out. Safe to run twice.
pub fn sweep(services: &Services, now: UnixMillis) -> Result<(), ServiceError> {
    Ok(services.store.commit(Change::new().then(widget_sessions::delete_dead(now)))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_read_in_either_case_and_only_whole() {
        let hash = "00ff".repeat(16);
        assert_eq!(bytes_of_hex(&hash), bytes_of_hex(&hash.to_uppercase()));
        assert_eq!(bytes_of_hex(&hash).unwrap()[..2], [0, 255]);
        for wrong in ["", "0", &hash[1..], &format!("{hash}00"), &format!("{}g", &hash[1..]), &"é".repeat(64)] {
            assert_eq!(bytes_of_hex(wrong), None, "{wrong}");
        }
    }
}
