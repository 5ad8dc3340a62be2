//! What stands around every route: the request's id and client, the rule about HTTPS, errors as JSON, and the headers
//! that every answer has.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{ALLOW, CONTENT_TYPE, HeaderValue, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, web};

use super::answer::{self, HttpError, render};
use super::call::RequestInfo;
use super::{App, client, header_names};
use crate::error_code::ErrorCode;
use crate::services::error::ServiceError;

/// The middleware.
pub async fn wrap(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(app) = request.app_data::<web::Data<App>>().cloned() else {
        return Err(ErrorCode::Internal.into_error());
    };
    let peer = request.peer_addr().map(|address| address.ip());
    let info = RequestInfo {
        id: app.request_ids.next(),
        at: app.clock.now(),
        client: client::resolve(&app, peer, request.headers()),
    };
    let is_api = is_api(request.path());
    let presented = super::admission::presents_something(&app, request.headers());
    let https = info.client.https;
    let mut response = if info.client.may_pass(app.config.server.require_https) {
        request.extensions_mut().insert(info.clone());
        rendered(next.call(request).await?.map_into_boxed_body(), &info, presented)
    } else {
        request.into_response(render(&ErrorCode::HttpsRequired.into(), &info.id, presented))
    };
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::try_from(info.id) {
        headers.insert(header_names::X_REQUEST_ID.clone(), id);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if is_api {
        answer::forbid_caching(headers);
    }
    if https {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    Ok(response)
}

/// Whether a path is one whose answers are never kept.
fn is_api(path: &str) -> bool {
    ["/api/", "/oauth/", "/verify/"].iter().any(|start| path.starts_with(start)) || ["/api", "/verify"].contains(&path)
}

/// Errors get their body here, where the request's id is known; so do those of the framework.
fn rendered(response: ServiceResponse<BoxBody>, info: &RequestInfo, presented: bool) -> ServiceResponse<BoxBody> {
    let status = response.status();
    let own = response.response().error().map(of_error);
    let has_body = response.headers().contains_key(CONTENT_TYPE);
    let error = match own {
        Some(error) => error,
        None if status.is_client_error() && !has_body => of_status(status.as_u16()).into(),
        None => return response,
    };
    let allow = response.headers().get(ALLOW).cloned();
    let kept: Vec<_> = response
        .headers()
        .iter()
        .filter(|(name, _)| is_kept(name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let mut response = response.into_response(render(&error, &info.id, presented));
    if let Some(allow) = allow {
        response.headers_mut().insert(ALLOW, allow);
    }
    for (name, value) in kept {
        response.headers_mut().append(name, value);
    }
    response
}

/// The headers of an error that say more than the error.
fn is_kept(name: &str) -> bool {
    name.contains("ratelimit") || name.starts_with("access-control-") || ["set-cookie", "vary"].contains(&name)
}

fn of_error(error: &Error) -> ServiceError {
    if let Some(HttpError(error)) = error.as_error::<HttpError>() {
        return ServiceError {
            code: error.code,
            message: error.message.clone(),
            fields: error.fields.clone(),
            retry_after: error.retry_after,
            cause: error.cause.clone(),
        };
    }
    let status = error.as_response_error().status_code().as_u16();
    ServiceError { cause: Some(error.to_string()), ..of_status(status).into() }
}

/// The code for an error of the framework.
fn of_status(status: u16) -> ErrorCode {
    match status {
        404 => ErrorCode::NotFound,
        405 => ErrorCode::MethodNotAllowed,
        408 => ErrorCode::Timeout,
        413 => ErrorCode::PayloadTooLarge,
        415 => ErrorCode::UnsupportedMediaType,
        400..=499 => ErrorCode::MalformedJson,
        _ => ErrorCode::Internal,
    }
}

impl ErrorCode {
    /// As the framework's error.
    fn into_error(self) -> Error {
        HttpError::from(self).into()
    }
}
