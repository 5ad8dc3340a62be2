//! Errors and answers as HTTP: the JSON body, the status, the headers that belong to them.

use std::collections::BTreeMap;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;

use super::header_names;
use crate::error_code::ErrorCode;
use crate::services::error::ServiceError;

/// An error on its way out. [`super::envelope`] gives it its request id and logs its cause.
#[derive(Debug)]
pub struct HttpError(pub ServiceError);

/// What a handler returns.
pub type Answer = Result<HttpResponse, HttpError>;

impl fmt::Display for HttpError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.code.as_str())
    }
}

impl ResponseError for HttpError {
    fn status_code(&self) -> StatusCode {
        status_of(self.0.code)
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}

impl From<ServiceError> for HttpError {
    fn from(error: ServiceError) -> Self {
        HttpError(error)
    }
}

impl From<ErrorCode> for HttpError {
    fn from(code: ErrorCode) -> Self {
        HttpError(code.into())
    }
}

/// The status of a code.
pub fn status_of(code: ErrorCode) -> StatusCode {
    StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// What every reader of an error gets. `presented` says that a credential was sent.
pub fn render(error: &ServiceError, request_id: &str, presented: bool) -> HttpResponse {
    log_cause(error, request_id);
    let code = error.code;
    let mut response = HttpResponse::new(status_of(code));
    let body = body(error, request_id);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header_names::X_CLAVIGER_CODE.clone(), HeaderValue::from_static(code.as_str()));
    if code.status() == 401 {
        headers.insert(WWW_AUTHENTICATE, challenge(presented));
    }
    if let Some(seconds) = retry_after(error) {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response.set_body(actix_web::body::BoxBody::new(body))
}

fn challenge(presented: bool) -> HeaderValue {
    HeaderValue::from_static(if presented {
        "Bearer realm=\"claviger\", error=\"invalid_token\""
    } else {
        "Bearer realm=\"claviger\""
    })
}

/// 423, 429 and 503 always say when to come again.
fn retry_after(error: &ServiceError) -> Option<u64> {
    match error.code.status() {
        423 | 429 | 503 => Some(error.retry_after.unwrap_or(1).max(1)),
        _ => None,
    }
}

fn body(error: &ServiceError, request_id: &str) -> String {
    let code = error.code;
    let retry_after = retry_after(error);
    let message = match (&error.message, code, retry_after) {
        (Some(message), ..) => message.clone(),
        (None, ErrorCode::RateLimited, Some(seconds)) => {
            format!("{}. Please retry after {seconds} seconds.", code.message())
        }
        (None, ..) => code.message().to_owned(),
    };
    let body = Body {
        error: code.kind(),
        code: code.as_str(),
        message,
        request_id,
        fields: (!error.fields.is_empty()).then_some(&error.fields),
        retry_after,
    };
    serde_json::to_string(&body).unwrap_or_default()
}

#[derive(Serialize)]
struct Body<'a> {
    error: &'static str,
    code: &'static str,
    message: String,
    #[serde(rename = "requestId")]
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<&'a BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

/// Once, with the request's id; what a client did wrong is no news.
fn log_cause(error: &ServiceError, request_id: &str) {
    if error.code.status() >= 500 {
        tracing::error!(
            request.id = request_id,
            code = error.code.as_str(),
            cause = error.cause.as_deref().unwrap_or("see the lines before"),
            "A request failed"
        );
    }
}

/// JSON with this status.
pub fn json(status: StatusCode, value: &impl serde::Serialize) -> Answer {
    let body = serde_json::to_vec(value).map_err(ServiceError::failed)?;
    Ok(HttpResponse::build(status).content_type("application/json").body(body))
}

/// 200 with JSON.
pub fn ok(value: &impl serde::Serialize) -> Answer {
    json(StatusCode::OK, value)
}

/// Adds `Cache-Control: no-store`.
pub fn forbid_caching(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
}
