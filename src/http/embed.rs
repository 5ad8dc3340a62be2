//! `/embed.js`: the script that a customer's page loads.

use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, VARY,
};
use actix_web::{HttpRequest, HttpResponse};

use super::answer::Answer;
use super::pages::Files;
use super::representation::Representation;
use crate::error_code::ErrorCode;

const NAME: &str = "embed.js";

/// Any page may load it, also one that isolates itself from other origins. Browsers ask anew after an hour.
pub async fn script(request: HttpRequest) -> Answer {
    let Some(file) = Files::get(NAME) else { return Err(ErrorCode::NotFound.into()) };
    let sent = Representation::of(&request, NAME, file);
    let known = sent.is_known_to(&request);
    let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((ETAG, sent.etag.to_string()))
        .insert_header((VARY, HeaderValue::from_static("Accept-Encoding")))
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600")))
        .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")))
        .insert_header((
            HeaderName::from_static("cross-origin-resource-policy"),
            HeaderValue::from_static("cross-origin"),
        ));
    if known {
        return Ok(response.finish());
    }
    if sent.gzip {
        response.insert_header((CONTENT_ENCODING, HeaderValue::from_static("gzip")));
    }
    let media_type = HeaderValue::from_static("text/javascript; charset=utf-8");
    Ok(response.insert_header((CONTENT_TYPE, media_type)).body(sent.body))
}
