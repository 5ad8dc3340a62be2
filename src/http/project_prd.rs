//! `/api/projects/{id}/prd`: a project's PRD and its versions.

use actix_web::web;
use serde::{Deserialize, Serialize};

use super::answer::{Answer, ok};
use super::call::{Body, Call, Query};
use super::openapi::ErrorBody;
use super::versions::{IfMatch, tag};
use crate::services::pages;
use crate::services::project_prd::{self, PrdVersionView, PrdView};

/// What to write.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PrdRequest {
    /// Markdown, up to 1 MB.
    content: String,
}

/// A page of versions.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrdVersionPage {
    /// The newest first.
    items: Vec<PrdVersionView>,
    /// null on the last page.
    next_cursor: Option<String>,
}

fn shown(view: PrdView) -> Answer {
    Ok(tag(ok(&view)?, view.version))
}

/// The PRD
///
/// Empty and of version 0 on a new project.
#[utoipa::path(get, path = "/api/projects/{id}/prd", operation_id = "get_project_prd",
    tag = "Projects",
    params(("id" = String, Path, description = "prj_…")),
    responses((status = 200, body = PrdView, headers(("ETag" = String, description = "The version in quotes"))),
        (status = 404, body = ErrorBody)))]
pub async fn get(call: Call, id: web::Path<String>) -> Answer {
    shown(call.run(move |services, context| project_prd::get(services, context, &id)).await?)
}

/// Writes the PRD
///
/// `If-Match` names the version that is changed, as `ETag` has it; `*` is not enough. Every version is kept. The same text
/// again makes none.
#[utoipa::path(put, path = "/api/projects/{id}/prd", operation_id = "put_project_prd",
    tag = "Projects", request_body = PrdRequest,
    params(("id" = String, Path, description = "prj_…"),
        ("If-Match" = String, Header, description = "The version in quotes; \"0\" for the first")),
    responses((status = 200, body = PrdView), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 412, body = ErrorBody), (status = 413, body = ErrorBody),
        (status = 428, body = ErrorBody)))]
pub async fn put(call: Call, id: web::Path<String>, expected: IfMatch, body: Body) -> Answer {
    let view = call
        .run(move |services, context| {
            let content = || body.parse::<PrdRequest>().map(|request| request.content);
            project_prd::put(services, context, &id, &expected.0, content)
        })
        .await?;
    shown(view)
}

/// The versions of the PRD
///
/// The newest first, without their contents.
#[utoipa::path(get, path = "/api/projects/{id}/prd/versions", operation_id = "list_project_prd_versions",
    tag = "Projects",
    params(("id" = String, Path, description = "prj_…"),
        ("limit" = Option<i64>, Query, description = "1–200, 50 by default"),
        ("cursor" = Option<String>, Query, description = "The nextCursor of the page before")),
    responses((status = 200, body = PrdVersionPage), (status = 400, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
pub async fn versions(call: Call, id: web::Path<String>, query: Query) -> Answer {
    let page = move || query.only(&["limit", "cursor"]).and_then(|()| query.page());
    let listed = call.run(move |services, context| project_prd::versions(services, context, &id, page)).await?;
    ok(&PrdVersionPage { items: listed.items, next_cursor: listed.next.map(pages::encode) })
}

/// One version of the PRD
#[utoipa::path(get, path = "/api/projects/{id}/prd/versions/{n}", operation_id = "get_project_prd_version",
    tag = "Projects",
    params(("id" = String, Path, description = "prj_…"), ("n" = i64, Path, description = "From 1 on")),
    responses((status = 200, body = PrdView), (status = 404, body = ErrorBody)))]
pub async fn get_version(call: Call, ids: web::Path<(String, String)>) -> Answer {
    shown(call.run(move |services, context| project_prd::get_version(services, context, &ids.0, &ids.1)).await?)
}
