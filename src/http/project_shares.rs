//! `/api/projects/{id}/shares`: links by which somebody without an account reads one project.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::Serialize;

use super::answer::{Answer, json, ok};
use super::call::{Body, Call, Query};
use super::openapi::ErrorBody;
use crate::services::share_settings::ProjectShareWishes;
use crate::services::shares::ShareView;
use crate::services::{pages, project_shares};

/// A share with its token and its link: the only time they are shown.
#[derive(Serialize, utoipa::ToSchema)]
pub struct MadeProjectShare {
    /// The object.
    #[serde(flatten)]
    view: ShareView,
    /// `shr_…`, to be sent as `X-Share-Token`.
    token: String,
    /// The page that shows the project. The token stands behind `#`, which browsers send to no server, so that it is in
    /// nobody's log.
    url: String,
}

/// A page of a project's shares.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProjectSharePage {
    /// The newest first.
    items: Vec<ShareView>,
    /// null on the last page.
    next_cursor: Option<String>,
}

/// Shares a project by a link
///
/// For whoever may change the project. Whoever has the token reads the project, its PRD, its status history and its
/// activity, and nothing else; with `X-Share-Password`, where it has one. The answer has the token, the only time it is
/// shown. It stops when whoever made it is no member any more; made with a key, it stops with that key and its
/// successors. A key with scopes, with an IP allow-list or of the test environment makes none.
#[utoipa::path(post, path = "/api/projects/{id}/shares", operation_id = "create_project_share",
    tag = "Shares", request_body = ProjectShareWishes,
    params(("id" = String, Path, description = "prj_…")),
    responses((status = 201, body = MadeProjectShare), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
pub async fn create(call: Call, project: web::Path<String>, body: Body) -> Answer {
    let (app, id) = (call.app.clone(), project.clone());
    let made = call
        .run(move |services, context| project_shares::create(services, context, &project, || body.parse_or_default()))
        .await?;
    let token = made.token.reveal().to_owned();
    let url = format!("{}/share?project={id}#{token}", app.public_url);
    json(StatusCode::CREATED, &MadeProjectShare { view: made.view, token, url })
}

/// Lists a project's shares
///
/// For whoever may change the project; the newest first. Revoked ones are not among them.
#[utoipa::path(get, path = "/api/projects/{id}/shares", operation_id = "list_project_shares",
    tag = "Shares",
    params(("id" = String, Path, description = "prj_…"),
        ("limit" = Option<i64>, Query, description = "1–200, 50 by default"),
        ("cursor" = Option<String>, Query, description = "The nextCursor of the page before")),
    responses((status = 200, body = ProjectSharePage), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
pub async fn list(call: Call, project: web::Path<String>, query: Query) -> Answer {
    let page = move || query.only(&["limit", "cursor"]).and_then(|()| query.page());
    let listed = call.run(move |services, context| project_shares::list(services, context, &project, page)).await?;
    ok(&ProjectSharePage { items: listed.items, next_cursor: listed.next.map(pages::encode) })
}

/// Revokes a project's share
///
/// For whoever may change the project. Every request begun after the answer is refused.
#[utoipa::path(delete, path = "/api/projects/{id}/shares/{shareId}", operation_id = "revoke_project_share",
    tag = "Shares",
    params(("id" = String, Path, description = "prj_…"), ("shareId" = String, Path, description = "sha_…")),
    responses((status = 204), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub async fn revoke(call: Call, ids: web::Path<(String, String)>) -> Answer {
    call.run(move |services, context| project_shares::revoke(services, context, &ids.0, &ids.1)).await?;
    Ok(HttpResponse::NoContent().finish())
}
