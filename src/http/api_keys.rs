//! `/api/admin/rest-api-keys`: API keys.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};

use super::answer::{Answer, json, ok};
use super::call::{Body, Call, Query};
use super::openapi::ErrorBody;
use super::versions::{IfMatch, tag};
use crate::services::api_keys::{self, Made};
use crate::services::error::{Faults, ServiceError};
use crate::services::key_settings::KeyWishes;
use crate::services::key_view::KeyView;
use crate::services::pages;
use crate::store::api_keys::{Filter, Status};

/// A key with its plaintext: the only time it is shown.
#[derive(Serialize, utoipa::ToSchema)]
pub struct MadeKey {
    /// The object.
    #[serde(flatten)]
    view: KeyView,
    /// The key itself.
    key: String,
}

/// A page of keys.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyPage {
    /// The newest first.
    items: Vec<KeyView>,
    /// null on the last page.
    next_cursor: Option<String>,
}

/// How a key is rotated.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rotation {
    /// How long the old key goes on working: 0–2592000, a day by default.
    grace_seconds: Option<i64>,
}

fn made(made: Made) -> Answer {
    let key = made.token.reveal().to_owned();
    let version = made.view.version;
    Ok(tag(json(StatusCode::CREATED, &MadeKey { view: made.view, key })?, version))
}

/// Makes an API key
///
/// The answer has the key itself, the only time it is shown.
#[utoipa::path(post, path = "/api/admin/rest-api-keys", operation_id = "create_api_key",
    tag = "API keys", request_body = KeyWishes,
    responses((status = 201, body = MadeKey), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody)))]
pub async fn create(call: Call, body: Body) -> Answer {
    let result = call
        .run(move |services, context| {
            api_keys::require_plan(services, context)?;
            api_keys::create(services, context, body.parse::<KeyWishes>()?)
        })
        .await?;
    made(result)
}

/// Lists API keys
///
/// The newest first; deleted ones are not among them.
#[utoipa::path(get, path = "/api/admin/rest-api-keys", operation_id = "list_api_keys",
    tag = "API keys",
    params(("status" = Option<String>, Query, description = "active, deactivated, expired or superseded"),
        ("environment" = Option<String>, Query, description = "live or test"),
        ("q" = Option<String>, Query, description = "In the name, the prefix or the external id"),
        ("limit" = Option<i64>, Query, description = "1–200, 50 by default"),
        ("cursor" = Option<String>, Query, description = "The nextCursor of the page before")),
    responses((status = 200, body = KeyPage), (status = 400, body = ErrorBody)))]
pub async fn list(call: Call, query: Query) -> Answer {
    query.only(&["status", "environment", "q", "limit", "cursor"])?;
    let (filter, page) = (filter(&query)?, query.page()?);
    let listed = call.run(move |services, context| api_keys::list(services, context, filter, page)).await?;
    ok(&KeyPage { items: listed.items, next_cursor: listed.next.map(pages::encode) })
}

fn filter(query: &Query) -> Result<Filter, ServiceError> {
    let mut faults = Faults::default();
    let status = query.get("status").and_then(|text| {
        let wrong = || String::from("must be active, deactivated, expired or superseded");
        faults.take("status", Status::parse(text).ok_or_else(wrong))
    });
    let environment = query.text("environment");
    if environment.as_ref().is_some_and(|text| text != "live" && text != "test") {
        faults.add("environment", "must be live or test");
    }
    faults.check()?;
    Ok(Filter { status, environment, text: query.text("q"), ..Filter::default() })
}

/// One API key
#[utoipa::path(get, path = "/api/admin/rest-api-keys/{id}", operation_id = "get_api_key",
    tag = "API keys",
    params(("id" = String, Path, description = "key_…")),
    responses((status = 200, body = KeyView), (status = 404, body = ErrorBody)))]
pub async fn get(call: Call, id: web::Path<String>) -> Answer {
    let view = call.run(move |services, context| api_keys::get(services, context, &id)).await?;
    Ok(tag(ok(&view)?, view.version))
}

/// Changes an API key
///
/// `active` switches it off and on. A superseded key can only be switched off. With `If-Match`, a key that somebody else
/// has changed meanwhile is left as it is (412).
#[utoipa::path(patch, path = "/api/admin/rest-api-keys/{id}", operation_id = "change_api_key",
    tag = "API keys", request_body = KeyWishes,
    params(("id" = String, Path, description = "key_…"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version that is changed")),
    responses((status = 200, body = KeyView), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody), (status = 412, body = ErrorBody)))]
pub async fn change(call: Call, id: web::Path<String>, IfMatch(expected): IfMatch, body: Body) -> Answer {
    let view =
        call.run(move |services, context| api_keys::change(services, context, &id, &expected, || body.parse())).await?;
    Ok(tag(ok(&view)?, view.version))
}

/// Deletes an API key
///
/// Every request begun after the answer is 401. It cannot be undone; the key's audit and requests stay.
#[utoipa::path(delete, path = "/api/admin/rest-api-keys/{id}", operation_id = "delete_api_key",
    tag = "API keys",
    params(("id" = String, Path, description = "key_…"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version that is deleted")),
    responses((status = 204), (status = 404, body = ErrorBody), (status = 412, body = ErrorBody)))]
pub async fn delete(call: Call, id: web::Path<String>, IfMatch(expected): IfMatch) -> Answer {
    call.run(move |services, context| api_keys::delete(services, context, &id, &expected)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Rotates an API key
///
/// Makes a successor with the same settings; the old key works until the grace ends. Both draw on one window and one
/// usage count.
#[utoipa::path(post, path = "/api/admin/rest-api-keys/{id}/rotate", operation_id = "rotate_api_key",
    tag = "API keys", request_body = Rotation,
    params(("id" = String, Path, description = "key_…"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version that is rotated")),
    responses((status = 201, body = MadeKey), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody), (status = 412, body = ErrorBody)))]
pub async fn rotate(call: Call, id: web::Path<String>, IfMatch(expected): IfMatch, body: Body) -> Answer {
    let result = call
        .run(move |services, context| {
            let grace = || Ok(body.parse_or_default::<Rotation>()?.grace_seconds.unwrap_or(86_400));
            api_keys::rotate(services, context, &id, &expected, grace)
        })
        .await?;
    made(result)
}
