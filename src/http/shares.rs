//! `/api/shares`: tokens that let somebody without an account in, to paths of the API behind the gate.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::Serialize;

use super::answer::{Answer, json, ok};
use super::call::{Body, Call, Query};
use super::openapi::ErrorBody;
use crate::services::pages;
use crate::services::share_settings::ShareWishes;
use crate::services::shares::{self, RequestShareView};

/// A share with its token: the only time it is shown.
#[derive(Serialize, utoipa::ToSchema)]
pub struct MadeShare {
    /// The object.
    #[serde(flatten)]
    view: RequestShareView,
    /// `shr_…`, to be sent as `X-Share-Token`.
    token: String,
}

/// A page of shares.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SharePage {
    /// The newest first.
    items: Vec<RequestShareView>,
    /// null on the last page.
    next_cursor: Option<String>,
}

/// Shares paths of the API behind the gate
///
/// Whoever has the token passes rules with `share` in `allow`, where its paths, host and methods cover the request; with
/// `X-Share-Password`, where it has one. The answer has the token, the only time it is shown. It stops when whoever
/// made it is no member any more; made with a key, it stops with that key and its successors. A key with scopes, with an
/// IP allow-list or of the test environment makes none.
#[utoipa::path(post, path = "/api/shares", operation_id = "create_share",
    tag = "Shares", request_body = ShareWishes,
    responses((status = 201, body = MadeShare), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody)))]
pub async fn create(call: Call, body: Body) -> Answer {
    let made = call.run(move |services, context| shares::create(services, context, || body.parse())).await?;
    json(StatusCode::CREATED, &MadeShare { view: made.view, token: made.token.reveal().to_owned() })
}

/// Lists shares
///
/// One's own, the newest first; owners and admins see all of the organization. Revoked ones are not among them.
#[utoipa::path(get, path = "/api/shares", operation_id = "list_shares",
    tag = "Shares",
    params(("limit" = Option<i64>, Query, description = "1–200, 50 by default"),
        ("cursor" = Option<String>, Query, description = "The nextCursor of the page before")),
    responses((status = 200, body = SharePage), (status = 400, body = ErrorBody)))]
pub async fn list(call: Call, query: Query) -> Answer {
    query.only(&["limit", "cursor"])?;
    let page = query.page()?;
    let listed = call.run(move |services, context| shares::list(services, context, page)).await?;
    ok(&SharePage { items: listed.items, next_cursor: listed.next.map(pages::encode) })
}

/// Revokes a share
///
/// Every request begun after the answer is refused.
#[utoipa::path(delete, path = "/api/shares/{id}", operation_id = "revoke_share",
    tag = "Shares",
    params(("id" = String, Path, description = "sha_…")),
    responses((status = 204), (status = 404, body = ErrorBody)))]
pub async fn revoke(call: Call, id: web::Path<String>) -> Answer {
    call.run(move |services, context| shares::revoke(services, context, &id)).await?;
    Ok(HttpResponse::NoContent().finish())
}
