//! The request that a proxy asks about, out of its forwarding headers.

use std::borrow::Cow;

use actix_web::http::header::{HOST, HeaderMap, HeaderName, USER_AGENT};

use super::header_names::{
    X_FORWARDED_HOST, X_FORWARDED_METHOD, X_FORWARDED_PROTO, X_FORWARDED_URI, X_ORIGINAL_METHOD, X_ORIGINAL_URI,
};

use crate::error_code::ErrorCode;
use crate::gate::path;
use crate::services::error::ServiceError;

/// The original request.
#[derive(Debug, PartialEq, Eq)]
pub struct Forwarded<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its host, `""` where nobody said.
    pub host: &'a str,
    /// Its path, normalised.
    pub path: Cow<'a, str>,
    /// Its path and query, as they were sent: for the way back after signing in.
    pub target: &'a [u8],
}

/// Reads the original request. `own_method` stands in where no method is given; a trusted proxy must give all.
pub fn read<'a>(headers: &'a HeaderMap, own_method: &'a str, from_proxy: bool) -> Result<Forwarded<'a>, ServiceError> {
    for name in [&X_FORWARDED_PROTO, &USER_AGENT] {
        single(headers, name)?;
    }
    let method = one_of(headers, &X_FORWARDED_METHOD, &X_ORIGINAL_METHOD)?;
    let target = one_of(headers, &X_FORWARDED_URI, &X_ORIGINAL_URI)?;
    if from_proxy && (method.is_none() || target.is_none()) {
        return Err(ErrorCode::ForwardedRequestMissing.into());
    }
    let method = match method {
        None => own_method,
        Some(bytes) => match std::str::from_utf8(bytes) {
            Ok("TRACE") => return Err(ErrorCode::MethodNotAllowed.into()),
            Ok(method) if is_method(method) => method,
            _ => return Err(ambiguous("The forwarded method is not one of HTTP")),
        },
    };
    let host = match single(headers, &X_FORWARDED_HOST)? {
        Some(bytes) => match std::str::from_utf8(bytes) {
            Ok(host) if !host.contains([',', ' ']) => host,
            _ => return Err(ambiguous("X-Forwarded-Host must name one host")),
        },
        None => headers.get(HOST).and_then(|value| value.to_str().ok()).unwrap_or(""),
    };
    let target = target.unwrap_or(b"/");
    let path =
        path::normalize(target).map_err(|reason| ServiceError::new(ErrorCode::PathInvalid, reason.to_string()))?;
    Ok(Forwarded { method, host, path, target })
}

/// A method's name in upper case, as rules and the ledger have it; others are tokens of their own (RFC 9110, 9.1).
fn is_method(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_uppercase() || b"-_".contains(&byte))
}

fn ambiguous(message: &str) -> ServiceError {
    ServiceError::new(ErrorCode::ForwardedRequestAmbiguous, message)
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a [u8]>, ServiceError> {
    let mut values = headers.get_all(name);
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(ErrorCode::ForwardedRequestAmbiguous.into()),
        (value, None) => Ok(value.map(|value| value.as_bytes())),
    }
}

/// The value of either header; both must agree where both are there.
fn one_of<'a>(
    headers: &'a HeaderMap,
    first: &HeaderName,
    second: &HeaderName,
) -> Result<Option<&'a [u8]>, ServiceError> {
    match (single(headers, first)?, single(headers, second)?) {
        (Some(one), Some(other)) if one != other => Err(ErrorCode::ForwardedRequestAmbiguous.into()),
        (one, other) => Ok(one.or(other)),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn read_these(list: &[(&'static str, &str)], from_proxy: bool) -> Result<(String, String), ErrorCode> {
        let mut headers = HeaderMap::new();
        for (name, value) in list {
            headers.append(HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        read(&headers, "GET", from_proxy)
            .map(|request| (request.method.to_owned(), request.path.into_owned()))
            .map_err(|error| error.code)
    }

    #[test]
    fn either_pair_of_headers_is_read_and_both_must_agree() {
        let expected = Ok((String::from("POST"), String::from("/a")));
        assert_eq!(read_these(&[("x-forwarded-method", "POST"), ("x-forwarded-uri", "/a?b")], true), expected);
        assert_eq!(read_these(&[("x-original-method", "POST"), ("x-original-uri", "/a")], true), expected);
        let both = [("x-forwarded-method", "POST"), ("x-forwarded-uri", "/a"), ("x-original-uri", "/a")];
        assert_eq!(read_these(&both, true), expected);
        let disagree = [("x-forwarded-uri", "/a"), ("x-original-uri", "/b")];
        assert_eq!(read_these(&disagree, false), Err(ErrorCode::ForwardedRequestAmbiguous));
        for name in ["x-forwarded-uri", "x-forwarded-proto", "user-agent"] {
            let twice = [(name, "/a"), (name, "/a")];
            assert_eq!(read_these(&twice, false), Err(ErrorCode::ForwardedRequestAmbiguous), "{name}");
        }
        for host in ["a.example, b.example", "é"] {
            let odd = [("x-forwarded-uri", "/a"), ("x-forwarded-host", host)];
            let expected = if host.is_ascii() {
                Err(ErrorCode::ForwardedRequestAmbiguous)
            } else {
                Ok((String::from("GET"), String::from("/a")))
            };
            assert_eq!(read_these(&odd, false), expected, "{host}");
        }
    }

    #[test]
    fn a_proxy_must_say_all_and_anybody_else_may_ask_about_the_call_itself() {
        assert_eq!(read_these(&[], true), Err(ErrorCode::ForwardedRequestMissing));
        assert_eq!(read_these(&[("x-forwarded-uri", "/a")], true), Err(ErrorCode::ForwardedRequestMissing));
        assert_eq!(read_these(&[], false), Ok((String::from("GET"), String::from("/"))));
    }

    #[test]
    fn bytes_that_are_no_text_are_judged_and_not_passed_over() {
        let (_, path) = read_these(&[("x-forwarded-uri", "/é")], false).unwrap();
        assert_eq!(path, "/%C3%A9");
        assert_eq!(read_these(&[("x-forwarded-method", "gé t")], false), Err(ErrorCode::ForwardedRequestAmbiguous));
    }
}
