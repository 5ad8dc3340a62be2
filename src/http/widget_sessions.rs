//! `/api/widgets/{id}/session`: what a customer's page asks, from an origin of its own.

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_MAX_AGE, HeaderValue, ORIGIN,
};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;

use super::answer::{Answer, json};
use super::call::{Body, Call};
use super::openapi::ErrorBody;
use crate::clock::to_rfc3339;
use crate::services::widget_sessions::{self, SessionWishes};

/// A widget's session.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WidgetSessionToken {
    /// `wgs_…`: to be sent as Bearer to the API behind the gate.
    token: String,
    /// When it ends: 15 minutes after it was opened.
    expires_at: String,
}

/// The header `Origin`, if there is one; what is no text is none that is allowed.
pub fn origin_of(request: &HttpRequest) -> Option<String> {
    request.headers().get(ORIGIN).map(|origin| origin.to_str().unwrap_or("null").to_owned())
}

/// Opens a session of a widget
///
/// For pages of the widget's allowed origins, with CORS for those alone. `userId` counts with its hash under the widget's
/// secret; without one the session is anonymous, and what the page says of its user are claims.
#[utoipa::path(post, path = "/api/widgets/{id}/session", operation_id = "open_widget_session",
    tag = "Widgets",
    params(("id" = String, Path, description = "wgt_…")), request_body = SessionWishes,
    responses((status = 201, body = WidgetSessionToken), (status = 400, body = ErrorBody),
        (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 429, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn open(call: Call, request: HttpRequest, id: web::Path<String>, body: Body) -> Answer {
    let origin = origin_of(&request);
    let opened = call
        .run(move |services, context| {
            widget_sessions::open(services, context, &id, origin.as_deref(), || body.parse_or_default())
        })
        .await?;
    let token = opened.token.reveal().to_owned();
    json(StatusCode::CREATED, &WidgetSessionToken { token, expires_at: to_rfc3339(opened.expires_at) })
}

/// The browser's question before a session is opened
#[utoipa::path(options, path = "/api/widgets/{id}/session", operation_id = "ask_for_widget_session",
    tag = "Widgets",
    params(("id" = String, Path, description = "wgt_…")),
    responses((status = 204), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub async fn preflight(call: Call, request: HttpRequest, id: web::Path<String>) -> Answer {
    let origin = origin_of(&request);
    call.run(move |services, _| widget_sessions::admit_origin(services, &id, origin.as_deref())).await?;
    let mut response = HttpResponse::NoContent();
    if request.headers().contains_key(ORIGIN) {
        response
            .insert_header((ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST")))
            .insert_header((ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type")))
            .insert_header((ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600")));
    }
    Ok(response.finish())
}
