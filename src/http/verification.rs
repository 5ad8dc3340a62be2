//! Proving an address: the mailed link, and another one of it.

use actix_web::http::header::{ACCEPT, HeaderValue, LOCATION};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use super::answer::{Answer, json, ok};
use super::call::{Body, Call, Query};
use super::openapi::ErrorBody;
use crate::gate::decide::Credential;
use crate::services::error::ServiceError;
use crate::services::verification;

/// What a mailed link carries.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyRequest {
    token: String,
}

/// That it is done.
#[derive(Serialize, utoipa::ToSchema)]
pub struct VerifiedView {
    verified: bool,
}

/// Whom another link is for; nothing for oneself.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResendRequest {
    email: Option<String>,
}

/// What everybody is told, whether there is anyone to write to or not.
#[derive(Serialize, utoipa::ToSchema)]
pub struct AcceptedView {
    message: &'static str,
}

/// 202 with what is told to everybody.
pub fn accepted(message: &'static str) -> Answer {
    json(StatusCode::ACCEPTED, &AcceptedView { message })
}

/// Follows a link that proves an address
///
/// A browser is sent to the page that asks first, so that the visit of a mail scanner does not use the link up.
#[utoipa::path(get, path = "/api/auth/verify-email", operation_id = "follow_verification_link", tag = "Accounts",
    params(("token" = String, Query, description = "From the link")),
    responses((status = 200, body = VerifiedView), (status = 302, description = "To the page, for a browser"),
        (status = 400, body = ErrorBody)))]
pub async fn follow(request: HttpRequest, query: Query, call: Call) -> Answer {
    query.only(&["token"])?;
    let token = query.text("token").ok_or_else(|| ServiceError::field("token", "is needed"))?;
    // A HEAD asks what there is; it must not do anything either.
    if request.method() == Method::HEAD || is_browser(&request) {
        let location = format!("/verify-email?token={}", utf8_percent_encode(&token, NON_ALPHANUMERIC));
        let location = HeaderValue::try_from(location).map_err(ServiceError::failed)?;
        return Ok(HttpResponse::Found().insert_header((LOCATION, location)).finish());
    }
    call.run(move |services, context| verification::verify(services, context, &token)).await?;
    ok(&VerifiedView { verified: true })
}

fn is_browser(request: &HttpRequest) -> bool {
    let accept = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

/// Proves an address
///
/// With the token of a mailed link, of a new account or of a change of address. It is used once.
#[utoipa::path(post, path = "/api/auth/verify-email", operation_id = "verify_email", tag = "Accounts",
    request_body = VerifyRequest,
    responses((status = 200, body = VerifiedView), (status = 400, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn verify(call: Call, body: Body) -> Answer {
    call.run(move |services, context| {
        let request: VerifyRequest = body.parse()?;
        verification::verify(services, context, &request.token)
    })
    .await?;
    ok(&VerifiedView { verified: true })
}

/// Mails another link that proves an address
///
/// For the address that is given, or for one's own. The answer is the same whether anybody has it, proved it, or not.
#[utoipa::path(post, path = "/api/auth/resend-verification", operation_id = "resend_verification", tag = "Accounts",
    request_body = ResendRequest,
    responses((status = 202, body = AcceptedView), (status = 400, body = ErrorBody), (status = 429, body = ErrorBody)))]
pub async fn resend(call: Call, body: Body) -> Answer {
    let signed_in = matches!(call.credential, Credential::Session(_));
    call.run(move |services, context| {
        let request: ResendRequest = body.parse_or_default()?;
        match request.email {
            None if signed_in => verification::resend_to_self(services, context),
            None => Err(ServiceError::field("email", "is needed")),
            Some(email) => verification::resend(services, context, &email),
        }
    })
    .await?;
    accepted("If this address waits to be confirmed, a link is on its way to it")
}
