//! Requests that change something with a cookie must come from this site.

use actix_web::http::Method;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, ORIGIN, TRANSFER_ENCODING};

use super::App;
use crate::error_code::ErrorCode;
use crate::services::error::ServiceError;

/// Whether a method changes nothing.
pub fn is_safe(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS")
}

/// 403 where the browser says that the request comes from elsewhere, or its body is one that a form could send. A
/// client that sends none of these headers passes: it is no browser, and no browser's cookie is in it.
pub fn require_same_site(app: &App, method: &Method, headers: &HeaderMap) -> Result<(), ServiceError> {
    if is_safe(method.as_str()) {
        return Ok(());
    }
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let site_fits = text("sec-fetch-site").is_none_or(|site| site == "same-origin" || site == "none");
    let origin_fits = text(ORIGIN.as_str()).is_none_or(|origin| origin == app.public_url);
    if !site_fits || !origin_fits {
        return Err(ServiceError::new(
            ErrorCode::CsrfRejected,
            format!("The request came from another site; open Claviger at {}", app.public_url),
        ));
    }
    if has_body(headers) && !is_json(headers) {
        return Err(ServiceError::new(ErrorCode::CsrfRejected, "The body must be application/json"));
    }
    Ok(())
}

/// Whether the request announces a body.
pub fn has_body(headers: &HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING)
        || headers.get(CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0")
}

/// Whether the body says that it is JSON.
pub fn is_json(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    media_type.split(';').next().unwrap_or("").trim().eq_ignore_ascii_case("application/json")
}
