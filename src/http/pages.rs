//! The admin page: static files, inside the binary.

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LOCATION,
    REFERRER_POLICY, VARY,
};
use actix_web::{HttpRequest, HttpResponse, web};
use rust_embed::RustEmbed;

use super::answer::Answer;
use super::call::Call;
use super::representation::Representation;
use super::verify::is_known_origin;
use crate::error_code::ErrorCode;

#[derive(RustEmbed)]
#[folder = "static/"]
pub(super) struct Files;

/// Nothing from elsewhere, nothing inline, in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A page before the sign-in: `/setup`, `/register`, `/invite` and their like. The path tells the script which.
pub async fn entry(request: HttpRequest) -> Answer {
    page(&request, "entry.html")
}

/// A page behind the sign-in: `/`, `/account`, `/admin/…`. The path tells the script which.
pub async fn workspace(request: HttpRequest) -> Answer {
    page(&request, "workspace.html")
}

/// `/sign-in`. A `returnTo` that leads elsewhere than to this site or to `gate.origins` is taken away.
pub async fn sign_in(request: HttpRequest, call: Call) -> Answer {
    let query = web::Query::<Vec<(String, String)>>::from_query(request.query_string()).unwrap_or(web::Query(vec![]));
    let wanted = query.iter().find(|(name, _)| name == "returnTo");
    if let Some((_, target)) = wanted
        && !leads_to_a_known_place(&call, target)
    {
        let response =
            HttpResponse::SeeOther().insert_header((LOCATION, HeaderValue::from_static("/sign-in"))).finish();
        return Ok(response);
    }
    page(&request, "entry.html")
}

fn leads_to_a_known_place(call: &Call, target: &str) -> bool {
    if target.chars().any(|char| char.is_control() || char == '\\') {
        return false;
    }
    if let Some(rest) = target.strip_prefix('/') {
        return !rest.starts_with('/');
    }
    let Some(scheme_end) = target.find("://") else { return false };
    let host_end = target[scheme_end + 3..].find(['/', '?', '#']).map_or(target.len(), |at| scheme_end + 3 + at);
    is_known_origin(&call.app, &target[..host_end])
}

/// `/assets/{name}`
pub async fn asset(request: HttpRequest, name: web::Path<String>) -> Answer {
    if name.ends_with(".html") {
        return Err(ErrorCode::NotFound.into());
    }
    page(&request, &name)
}

fn page(request: &HttpRequest, name: &str) -> Answer {
    let Some(file) = Files::get(name) else { return Err(ErrorCode::NotFound.into()) };
    let sent = Representation::of(request, name, file);
    let known = sent.is_known_to(request);
    let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((ETAG, sent.etag.to_string()))
        .insert_header((VARY, HeaderValue::from_static("Accept-Encoding")))
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-cache")))
        .insert_header((CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)))
        .insert_header((REFERRER_POLICY, HeaderValue::from_static("no-referrer")))
        .insert_header((HeaderName::from_static("x-frame-options"), HeaderValue::from_static("DENY")))
        .insert_header((
            HeaderName::from_static("cross-origin-opener-policy"),
            HeaderValue::from_static("same-origin"),
        ));
    if known {
        return Ok(response.finish());
    }
    if sent.gzip {
        response.insert_header((CONTENT_ENCODING, HeaderValue::from_static("gzip")));
    }
    Ok(response.insert_header((CONTENT_TYPE, media_type(name))).body(sent.body))
}

fn media_type(name: &str) -> HeaderValue {
    HeaderValue::from_static(match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    })
}
