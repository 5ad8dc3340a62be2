//! `/embed.js`: the script that a customer's page loads.

use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH,
};
use actix_web::{HttpRequest, HttpResponse, http::header::CONTENT_TYPE};

use super::answer::Answer;
use super::pages::Files;
use crate::error_code::ErrorCode;

/// Any page may load it, also one that isolates itself from other origins. Browsers ask anew after an hour.
pub async fn script(request: HttpRequest) -> Answer {
    let Some(file) = Files::get("embed.js") else { return Err(ErrorCode::NotFound.into()) };
    let tag: String = file.metadata.sha256_hash()[..12].iter().map(|byte| format!("{byte:02x}")).collect();
    let etag = format!("\"{tag}\"");
    let known = request.headers().get(IF_NONE_MATCH).is_some_and(|value| value.as_bytes() == etag.as_bytes());
    let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((ETAG, etag))
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600")))
        .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")))
        .insert_header((
            HeaderName::from_static("cross-origin-resource-policy"),
            HeaderValue::from_static("cross-origin"),
        ));
    if known {
        return Ok(response.finish());
    }
    let media_type = HeaderValue::from_static("text/javascript; charset=utf-8");
    Ok(response.insert_header((CONTENT_TYPE, media_type)).body(file.data.into_owned()))
}
