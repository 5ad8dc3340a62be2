//! What a caller presented, before anything is looked up.

use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use crate::crypto::secret_token::{Fit, Shape, session_shape, share_shape, widget_session_shape};
use crate::error_code::ErrorCode;

/// The shapes that no setting changes, made once.
static SESSION: LazyLock<Shape> = LazyLock::new(session_shape);
static SHARE: LazyLock<Shape> = LazyLock::new(share_shape);
static WIDGET: LazyLock<Shape> = LazyLock::new(widget_session_shape);

/// The credential headers of a request, as bytes: they need not be text.
#[derive(Clone, Copy, Default)]
pub struct CredentialHeaders<'a> {
    /// Every `Authorization`; at most two are looked at.
    pub authorization: [Option<&'a [u8]>; 2],
    /// Every `X-Api-Key`; at most two are looked at.
    pub x_api_key: [Option<&'a [u8]>; 2],
    /// The value of the session cookie.
    pub session: Option<&'a str>,
    /// Every `X-Share-Token`; at most two are looked at.
    pub share_token: [Option<&'a [u8]>; 2],
    /// Every `X-Share-Password`; at most two are looked at.
    pub share_password: [Option<&'a [u8]>; 2],
    /// Whether there are more of any than are looked at.
    pub more: bool,
}

/// A share's password as it was presented, right or wrong. It prints as `[redacted]`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PresentedPassword<'a>(pub &'a [u8]);

impl std::fmt::Debug for PresentedPassword<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("PresentedPassword([redacted])")
    }
}

/// A token of a share's shape, and the password that came along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareToken<'a> {
    /// The token.
    pub token: &'a str,
    /// `None` where none was sent, or an empty one.
    pub password: Option<PresentedPassword<'a>>,
}

/// The credential that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presented<'a> {
    /// None.
    Nothing,
    /// A token of a key's shape.
    Key(&'a str),
    /// A token of a session's shape, and the share that came along: it counts where the session is none.
    Session(&'a str, Option<ShareToken<'a>>),
    /// A token of a share's shape.
    Share(ShareToken<'a>),
    /// A token of the shape of a widget's session.
    Widget(&'a str),
    /// Something that nobody was given: refused with this code, without a look-up.
    Junk(ErrorCode),
}

impl<'a> Presented<'a> {
    /// The password that came with a share's token, whether it is the share that counts or a session before it.
    pub fn share_password(self) -> Option<PresentedPassword<'a>> {
        match self {
            Presented::Share(share) | Presented::Session(_, Some(share)) => share.password,
            _ => None,
        }
    }
}

/// The shapes of all keys, old settings' included.
pub struct Shapes(RwLock<Arc<Vec<Shape>>>);

impl Shapes {
    /// These shapes.
    pub fn new(shapes: Vec<Shape>) -> Self {
        Shapes(RwLock::new(Arc::new(shapes)))
    }

    /// Knows one more.
    pub fn learn(&self, shape: &Shape) {
        let mut shapes = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if !shapes.contains(shape) {
            let mut more = shapes.to_vec();
            more.push(shape.clone());
            *shapes = Arc::new(more);
        }
    }

    /// The best fit of `text` to a key's shape.
    fn fit(&self, text: &str) -> Fit {
        let shapes = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut best = Fit::No;
        for shape in shapes.iter() {
            match shape.fit(text) {
                Fit::Yes => return Fit::Yes,
                Fit::Junk => best = Fit::Junk,
                Fit::No => {}
            }
        }
        best
    }

    /// Whether `text` has the shape of any credential that Claviger issues.
    pub fn is_credential(&self, text: &str) -> bool {
        let others: [&Shape; 3] = [&SESSION, &SHARE, &WIDGET];
        self.fit(text) != Fit::No || others.iter().any(|shape| shape.fit(text) != Fit::No)
    }

    /// What stands behind `Bearer` or in `X-Api-Key`; `None` where it has no shape of ours.
    fn explicit<'a>(&self, token: &'a str) -> Option<Presented<'a>> {
        match self.fit(token) {
            Fit::Yes => Some(Presented::Key(token)),
            Fit::Junk => Some(Presented::Junk(ErrorCode::ApiKeyInvalid)),
            Fit::No => match WIDGET.fit(token) {
                Fit::Yes => Some(Presented::Widget(token)),
                Fit::Junk => Some(Presented::Junk(ErrorCode::WidgetTokenInvalid)),
                Fit::No => None,
            },
        }
    }

    /// Which credential counts. An explicit header beats the cookie, and either of them a share token; two of our shapes
    /// that differ are ambiguous; what has no shape of ours is passed over where there is something else.
    pub fn read<'a>(&self, headers: &CredentialHeaders<'a>) -> Result<Presented<'a>, ErrorCode> {
        if headers.more {
            return Err(ErrorCode::CredentialsAmbiguous);
        }
        let bearer = headers.authorization.into_iter().flatten().map(bearer_token);
        let explicit = headers.x_api_key.into_iter().flatten().map(|value| std::str::from_utf8(value).ok());
        let mut shaped: Option<(&'a str, Presented<'a>)> = None;
        let mut foreign = false;
        for candidate in bearer.chain(explicit) {
            let token = candidate.map(str::trim).unwrap_or("");
            match (self.explicit(token), shaped) {
                (None, _) => foreign = true,
                (_, Some((other, _))) if other != token => return Err(ErrorCode::CredentialsAmbiguous),
                (Some(presented), _) => shaped = Some((token, presented)),
            }
        }
        Ok(match (shaped, headers.session) {
            (Some((_, presented)), _) => presented,
            (None, Some(session)) if SESSION.fit(session) == Fit::Yes => {
                let beside = match share(headers) {
                    Ok(Some(Presented::Share(share))) => Some(share),
                    _ => None,
                };
                Presented::Session(session, beside)
            }
            (None, session) => match share(headers)? {
                Some(share) => share,
                None if session.is_some() => Presented::Junk(ErrorCode::SessionInvalid),
                None if foreign => Presented::Junk(ErrorCode::ApiKeyInvalid),
                None => Presented::Nothing,
            },
        })
    }
}

/// The share that is presented, with its password; without a token, a password means nothing.
fn share<'a>(headers: &CredentialHeaders<'a>) -> Result<Option<Presented<'a>>, ErrorCode> {
    let Some(token) = the_one(headers.share_token)? else { return Ok(None) };
    let password = the_one(headers.share_password)?;
    let password = password.filter(|password| !password.trim_ascii().is_empty()).map(PresentedPassword);
    let token = std::str::from_utf8(token).unwrap_or("").trim();
    Ok(Some(match SHARE.fit(token) {
        Fit::Yes => Presented::Share(ShareToken { token, password }),
        Fit::Junk | Fit::No => Presented::Junk(ErrorCode::ShareTokenInvalid),
    }))
}

/// What a header says, if its lines do not disagree.
fn the_one(lines: [Option<&[u8]>; 2]) -> Result<Option<&[u8]>, ErrorCode> {
    match lines {
        [Some(one), Some(other)] if one != other => Err(ErrorCode::CredentialsAmbiguous),
        [first, _] => Ok(first),
    }
}

/// The token behind `Bearer` (RFC 6750), in any case; `None` for another scheme or what is no text.
fn bearer_token(value: &[u8]) -> Option<&str> {
    let (scheme, token) = std::str::from_utf8(value).ok()?.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::secret_token::SecretToken;
    use crate::random::SystemRandomness;

    fn live() -> Shape {
        Shape { prefix: "clav_live_".into(), hex_digits: 64, checksum: true }
    }

    fn mint(shape: &Shape) -> String {
        SecretToken::mint(shape, &SystemRandomness::new()).unwrap().reveal().to_owned()
    }

    fn read<'a>(
        authorization: Option<&'a str>,
        x_api_key: Option<&'a str>,
        session: Option<&'a str>,
    ) -> Result<Presented<'a>, ErrorCode> {
        Shapes::new(vec![live()]).read(&CredentialHeaders {
            authorization: [authorization.map(str::as_bytes), None],
            x_api_key: [x_api_key.map(str::as_bytes), None],
            session,
            ..Default::default()
        })
    }

    fn read_share<'a>(
        key: Option<&'a str>,
        session: Option<&'a str>,
        tokens: [Option<&'a str>; 2],
        passwords: [Option<&'a str>; 2],
    ) -> Result<Presented<'a>, ErrorCode> {
        Shapes::new(vec![live()]).read(&CredentialHeaders {
            x_api_key: [key.map(str::as_bytes), None],
            session,
            share_token: tokens.map(|token| token.map(str::as_bytes)),
            share_password: passwords.map(|password| password.map(str::as_bytes)),
            ..Default::default()
        })
    }

    #[test]
    fn a_key_or_a_session_beats_a_share_token_and_what_is_neither_does_not() {
        let (key, session, share) = (mint(&live()), mint(&session_shape()), mint(&share_shape()));
        let tokens = [Some(share.as_str()), None];
        assert_eq!(read_share(Some(&key), None, tokens, [None; 2]), Ok(Presented::Key(&key)));
        let beside = Some(ShareToken { token: &share, password: None });
        assert_eq!(read_share(None, Some(&session), tokens, [None; 2]), Ok(Presented::Session(&session, beside)));
        for (explicit, cookie) in [(None, None), (Some("hello"), None), (None, Some("ses_x"))] {
            let password = Some(PresentedPassword(b"secret"));
            let read = read_share(explicit, cookie, tokens, [Some("secret"), None]);
            assert_eq!(read, Ok(Presented::Share(ShareToken { token: &share, password })));
        }
        assert_eq!(read_share(None, None, [None; 2], [Some("secret"), None]), Ok(Presented::Nothing));
    }

    #[test]
    fn share_headers_that_disagree_are_ambiguous_and_a_made_up_token_is_junk() {
        let (one, other) = (mint(&share_shape()), mint(&share_shape()));
        let both = |tokens, passwords| read_share(None, None, tokens, passwords);
        let bare = Ok(Presented::Share(ShareToken { token: &one, password: None }));
        assert_eq!(both([Some(&one), Some(&one)], [None; 2]), bare);
        for nothing in ["", "  "] {
            assert_eq!(both([Some(&one), None], [Some(nothing), None]), bare, "an empty password is none");
        }
        assert_eq!(both([Some(&one), Some(&other)], [None; 2]), Err(ErrorCode::CredentialsAmbiguous));
        assert_eq!(both([Some(&one), None], [Some("a"), Some("b")]), Err(ErrorCode::CredentialsAmbiguous));
        let junk = format!("shr_{}", "0".repeat(64));
        for token in ["", "hello", &junk] {
            assert_eq!(both([Some(token), None], [None; 2]), Ok(Presented::Junk(ErrorCode::ShareTokenInvalid)));
        }
    }

    #[test]
    fn a_widgets_session_is_a_bearer_beside_which_no_key_may_stand() {
        let (key, widget) = (mint(&live()), mint(&widget_session_shape()));
        let bearer = format!("Bearer {widget}");
        assert_eq!(read(Some(&bearer), None, Some(&mint(&session_shape()))), Ok(Presented::Widget(&widget)));
        assert_eq!(read(Some(&bearer), Some(&key), None), Err(ErrorCode::CredentialsAmbiguous));
        let junk = format!("Bearer wgs_{}", "0".repeat(64));
        assert_eq!(read(Some(&junk), None, None), Ok(Presented::Junk(ErrorCode::WidgetTokenInvalid)));
        let shapes = Shapes::new(Vec::new());
        assert!(shapes.is_credential(&widget) && shapes.is_credential(&mint(&share_shape())));
    }

    #[test]
    fn a_password_does_not_print() {
        assert_eq!(format!("{:?}", PresentedPassword(b"secret")), "PresentedPassword([redacted])");
    }

    #[test]
    fn a_key_is_read_from_either_header_and_the_scheme_in_any_case() {
        let key = mint(&live());
        for scheme in ["Bearer", "bearer", "BEARER"] {
            assert_eq!(read(Some(&format!("{scheme} {key}")), None, None), Ok(Presented::Key(&key)));
        }
        assert_eq!(read(None, Some(&key), None), Ok(Presented::Key(&key)));
        assert_eq!(read(Some(&format!("Bearer {key}")), Some(&key), None), Ok(Presented::Key(&key)));
    }

    #[test]
    fn two_different_keys_are_ambiguous_even_when_one_is_junk() {
        let (one, other) = (mint(&live()), mint(&live()));
        assert_eq!(read(Some(&format!("Bearer {one}")), Some(&other), None), Err(ErrorCode::CredentialsAmbiguous));
        let junk = format!("clav_live_{}", "0".repeat(64));
        assert_eq!(read(Some(&format!("Bearer {one}")), Some(&junk), None), Err(ErrorCode::CredentialsAmbiguous));
    }

    #[test]
    fn what_has_no_shape_of_ours_is_passed_over_where_there_is_something_else() {
        let key = mint(&live());
        let session = mint(&session_shape());
        assert_eq!(read(Some("Basic YTpi"), Some(&key), None), Ok(Presented::Key(&key)));
        assert_eq!(read(Some("Bearer eyJ0.abc"), None, Some(&session)), Ok(Presented::Session(&session, None)));
        assert_eq!(read(Some("Basic YTpi"), None, None), Ok(Presented::Junk(ErrorCode::ApiKeyInvalid)));
        assert_eq!(read(None, Some("hello"), None), Ok(Presented::Junk(ErrorCode::ApiKeyInvalid)));
        assert_eq!(read(None, None, None), Ok(Presented::Nothing));
    }

    #[test]
    fn an_explicit_key_beats_the_cookie_and_a_wrong_checksum_is_not_passed_over() {
        let key = mint(&live());
        let session = mint(&session_shape());
        assert_eq!(read(None, Some(&key), Some(&session)), Ok(Presented::Key(&key)));
        let junk = format!("clav_live_{}", "0".repeat(64));
        assert_eq!(read(None, Some(&junk), Some(&session)), Ok(Presented::Junk(ErrorCode::ApiKeyInvalid)));
        assert_eq!(read(None, None, Some("ses_x")), Ok(Presented::Junk(ErrorCode::SessionInvalid)));
    }

    #[test]
    fn a_third_line_of_one_header_is_ambiguous() {
        let headers = CredentialHeaders { more: true, ..Default::default() };
        assert_eq!(Shapes::new(vec![live()]).read(&headers), Err(ErrorCode::CredentialsAmbiguous));
    }

    #[test]
    fn bytes_that_are_no_text_are_junk() {
        let shapes = Shapes::new(vec![live()]);
        let headers = CredentialHeaders { authorization: [Some(b"Bearer \xff\xfe"), None], ..Default::default() };
        assert_eq!(shapes.read(&headers), Ok(Presented::Junk(ErrorCode::ApiKeyInvalid)));
    }

    #[test]
    fn a_shape_of_older_settings_is_still_known() {
        let old = Shape { prefix: "thig_".into(), hex_digits: 40, checksum: false };
        let shapes = Shapes::new(vec![live()]);
        let key = mint(&old);
        let headers = CredentialHeaders { x_api_key: [Some(key.as_bytes()), None], ..Default::default() };
        assert_eq!(shapes.read(&headers), Ok(Presented::Junk(ErrorCode::ApiKeyInvalid)));
        shapes.learn(&old);
        assert_eq!(shapes.read(&headers), Ok(Presented::Key(&key)));
        assert!(shapes.is_credential(&key) && shapes.is_credential(&mint(&session_shape())));
    }
}
