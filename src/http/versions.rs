//! `ETag` and `If-Match`: which version an answer has, and which one a request says that it changes (RFC 9110).

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{ETAG, HeaderMap, HeaderValue, IF_MATCH};
use actix_web::{FromRequest, HttpRequest, HttpResponse};

use super::answer::HttpError;
use crate::services::versions::Expected;

/// What `If-Match` says.
pub struct IfMatch(pub Expected);

impl FromRequest for IfMatch {
    type Error = HttpError;
    type Future = Ready<Result<Self, HttpError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(IfMatch(read(request.headers()))))
    }
}

fn read(headers: &HeaderMap) -> Expected {
    let mut versions = Vec::new();
    let mut said = false;
    for value in headers.get_all(IF_MATCH) {
        said = true;
        let Ok(text) = value.to_str() else { return Expected::Unreadable };
        if text.trim() == "*" {
            return Expected::Any;
        }
        for tag in text.split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
            let opaque =
                tag.strip_prefix("W/").unwrap_or(tag).strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            let Some(opaque) = opaque.filter(|opaque| !opaque.contains('"')) else { return Expected::Unreadable };
            // A weak tag fits nothing here, and neither does one that is no number in our spelling.
            if let Ok(version) = opaque.parse::<i64>()
                && !tag.starts_with("W/")
                && version.to_string() == opaque
            {
                versions.push(version);
            }
        }
    }
    if said { Expected::OneOf(versions) } else { Expected::Unsaid }
}

/// Adds the strong `ETag` of a version: `"3"`.
pub fn tag(mut response: HttpResponse, version: i64) -> HttpResponse {
    if let Ok(value) = HeaderValue::try_from(format!("\"{version}\"")) {
        response.headers_mut().insert(ETAG, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_match_is_read_as_the_standard_says() {
        for (value, expected) in [
            ("\"3\"", Expected::OneOf(vec![3])),
            ("\"3\", \"4\"", Expected::OneOf(vec![3, 4])),
            ("*", Expected::Any),
            ("W/\"3\"", Expected::OneOf(vec![])),
            ("\"abc\"", Expected::OneOf(vec![])),
            ("\"03\"", Expected::OneOf(vec![])),
            ("3", Expected::Unreadable),
            ("\"3", Expected::Unreadable),
            ("\"3\" \"4\"", Expected::Unreadable),
            ("", Expected::OneOf(vec![])),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(IF_MATCH, HeaderValue::from_static(value));
            assert_eq!(read(&headers), expected, "{value}");
        }
        assert_eq!(read(&HeaderMap::new()), Expected::Unsaid);
        let mut twice = HeaderMap::new();
        twice.append(IF_MATCH, HeaderValue::from_static("\"1\""));
        twice.append(IF_MATCH, HeaderValue::from_static("\"2\""));
        assert_eq!(read(&twice), Expected::OneOf(vec![1, 2]));
    }
}
