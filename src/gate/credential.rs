//! What a caller presented, before anything is looked up.

use std::sync::{Arc, PoisonError, RwLock};

use crate::crypto::secret_token::{Fit, Shape, session_shape};
use crate::error_code::ErrorCode;

/// The credential headers of a request, as bytes: they need not be text.
#[derive(Clone, Copy, Debug, Default)]
pub struct CredentialHeaders<'a> {
    /// Every `Authorization`; at most two are looked at.
    pub authorization: [Option<&'a [u8]>; 2],
    /// Every `X-Api-Key`; at most two are looked at.
    pub x_api_key: [Option<&'a [u8]>; 2],
    /// The value of the session cookie.
    pub session: Option<&'a str>,
    /// Whether there are more of either than are looked at.
    pub more: bool,
}

/// The credential that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presented<'a> {
    /// None.
    Nothing,
    /// A token of a key's shape.
    Key(&'a str),
    /// A token of a session's shape.
    Session(&'a str),
    /// Something that nobody was given: refused with this code, without a look-up.
    Junk(ErrorCode),
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
        self.fit(text) != Fit::No || session_shape().fit(text) != Fit::No
    }

    /// Which credential counts. An explicit header beats the cookie; two of a key's shape that differ are ambiguous;
    /// what has no shape of ours is passed over where there is something else.
    pub fn read<'a>(&self, headers: &CredentialHeaders<'a>) -> Result<Presented<'a>, ErrorCode> {
        if headers.more {
            return Err(ErrorCode::CredentialsAmbiguous);
        }
        let bearer = headers.authorization.into_iter().flatten().map(bearer_token);
        let explicit = headers.x_api_key.into_iter().flatten().map(|value| std::str::from_utf8(value).ok());
        let mut shaped: Option<(&'a str, Fit)> = None;
        let mut foreign = false;
        for candidate in bearer.chain(explicit) {
            let token = candidate.map(str::trim).unwrap_or("");
            match (self.fit(token), shaped) {
                (Fit::No, _) => foreign = true,
                (_, Some((other, _))) if other != token => return Err(ErrorCode::CredentialsAmbiguous),
                (fit, _) => shaped = Some((token, fit)),
            }
        }
        Ok(match (shaped, headers.session) {
            (Some((token, Fit::Yes)), _) => Presented::Key(token),
            (Some(_), _) => Presented::Junk(ErrorCode::ApiKeyInvalid),
            (None, Some(session)) if session_shape().fit(session) == Fit::Yes => Presented::Session(session),
            (None, Some(_)) => Presented::Junk(ErrorCode::SessionInvalid),
            (None, None) if foreign => Presented::Junk(ErrorCode::ApiKeyInvalid),
            (None, None) => Presented::Nothing,
        })
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
            more: false,
        })
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
        assert_eq!(read(Some("Bearer eyJ0.abc"), None, Some(&session)), Ok(Presented::Session(&session)));
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
