//! `/api/projects`: projects, their status, whom they are shared with, and what happened to them.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};

use super::answer::{Answer, json, ok};
use super::call::{Body, Call, Query};
use super::openapi::ErrorBody;
use super::versions::{IfMatch, tag};
use crate::services::error::ServiceError;
use crate::services::pages;
use crate::services::project_activity::{self, ActivityView};
use crate::services::project_members;
use crate::services::project_status::{self, StatusChangeView, StatusWish, parse_status};
use crate::services::project_view::ProjectView;
use crate::services::projects::{self, NewProject, ProjectWishes};
use crate::store::projects::Filter;

/// A page of projects.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProjectPage {
    /// The newest first.
    items: Vec<ProjectView>,
    /// null on the last page.
    next_cursor: Option<String>,
}

/// A page of changes of a project's status.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatusHistoryPage {
    /// The newest first.
    items: Vec<StatusChangeView>,
    /// null on the last page.
    next_cursor: Option<String>,
}

/// A page of what happened to a project.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActivityPage {
    /// The newest first.
    items: Vec<ActivityView>,
    /// null on the last page.
    next_cursor: Option<String>,
}

/// What a member may do.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberWish {
    /// `read` or `write`.
    access: String,
}

fn shown(view: ProjectView) -> Answer {
    Ok(tag(ok(&view)?, view.version))
}

/// Lists projects
///
/// Those that one may see, the newest first: one's own and those that are shared with one; owners and admins see all.
#[utoipa::path(get, path = "/api/projects", operation_id = "list_projects",
    tag = "Projects",
    params(("status" = Option<String>, Query, description = "draft, active, paused, done or archived"),
        ("q" = Option<String>, Query, description = "In the name or the description"),
        ("limit" = Option<i64>, Query, description = "1–200, 50 by default"),
        ("cursor" = Option<String>, Query, description = "The nextCursor of the page before")),
    responses((status = 200, body = ProjectPage), (status = 400, body = ErrorBody)))]
pub async fn list(call: Call, query: Query) -> Answer {
    query.only(&["status", "q", "limit", "cursor"])?;
    let page = query.text_page()?;
    let status = query.get("status").map(parse_status).transpose();
    let status = status.map_err(|fault| ServiceError::field("status", fault))?;
    let filter = Filter { status, text: query.text("q"), ..Filter::default() };
    let listed = call.run(move |services, context| projects::list(services, context, filter, &page)).await?;
    ok(&ProjectPage { items: listed.items, next_cursor: listed.next })
}

/// Makes a project
///
/// A draft of one's own. With `templateId` its PRD begins with the template's text, as version 1.
#[utoipa::path(post, path = "/api/projects", operation_id = "create_project",
    tag = "Projects", request_body = NewProject,
    responses((status = 201, body = ProjectView), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 409, body = ErrorBody)))]
pub async fn create(call: Call, body: Body) -> Answer {
    let view = call.run(move |services, context| projects::create(services, context, body.parse()?)).await?;
    Ok(tag(json(StatusCode::CREATED, &view)?, view.version))
}

/// One project
#[utoipa::path(get, path = "/api/projects/{id}", operation_id = "get_project",
    tag = "Projects",
    params(("id" = String, Path, description = "prj_…")),
    responses((status = 200, body = ProjectView, headers(("ETag" = String, description = "The version in quotes"))),
        (status = 404, body = ErrorBody)))]
pub async fn get(call: Call, id: web::Path<String>) -> Answer {
    shown(call.run(move |services, context| projects::get(services, context, &id)).await?)
}

/// Changes a project
///
/// For its owner, a member with `write`, and admins. With `If-Match`, only the version that it names is changed.
#[utoipa::path(patch, path = "/api/projects/{id}", operation_id = "change_project",
    tag = "Projects", request_body = ProjectWishes,
    params(("id" = String, Path, description = "prj_…"),
        ("If-Match" = Option<String>, Header, description = "The version in quotes, as ETag has it")),
    responses((status = 200, body = ProjectView), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 412, body = ErrorBody)))]
pub async fn change(call: Call, id: web::Path<String>, expected: IfMatch, body: Body) -> Answer {
    let view = call
        .run(move |services, context| projects::change(services, context, &id, &expected.0, || body.parse()))
        .await?;
    shown(view)
}

/// Deletes a project
///
/// With its PRD, its history and its shares; for its owner and admins. It cannot be undone.
#[utoipa::path(delete, path = "/api/projects/{id}", operation_id = "delete_project",
    tag = "Projects",
    params(("id" = String, Path, description = "prj_…"),
        ("If-Match" = Option<String>, Header, description = "The version in quotes, as ETag has it")),
    responses((status = 204), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 412, body = ErrorBody)))]
pub async fn delete(call: Call, id: web::Path<String>, expected: IfMatch) -> Answer {
    call.run(move |services, context| projects::delete(services, context, &id, &expected.0)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Changes a project's status
///
/// For whoever may change the project. The status that it has already is no change.
#[utoipa::path(post, path = "/api/projects/{id}/status", operation_id = "change_project_status",
    tag = "Projects", request_body = StatusWish,
    params(("id" = String, Path, description = "prj_…"),
        ("If-Match" = Option<String>, Header, description = "The version in quotes, as ETag has it")),
    responses((status = 200, body = ProjectView), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 412, body = ErrorBody)))]
pub async fn change_status(call: Call, id: web::Path<String>, expected: IfMatch, body: Body) -> Answer {
    let view = call
        .run(move |services, context| project_status::change(services, context, &id, &expected.0, || body.parse()))
        .await?;
    shown(view)
}

/// The changes of a project's status
///
/// The newest first; the last one says with which status it was made.
#[utoipa::path(get, path = "/api/projects/{id}/status-history", operation_id = "list_project_status_history",
    tag = "Projects",
    params(("id" = String, Path, description = "prj_…"),
        ("limit" = Option<i64>, Query, description = "1–200, 50 by default"),
        ("cursor" = Option<String>, Query, description = "The nextCursor of the page before")),
    responses((status = 200, body = StatusHistoryPage), (status = 400, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
pub async fn status_history(call: Call, id: web::Path<String>, query: Query) -> Answer {
    let page = move || query.only(&["limit", "cursor"]).and_then(|()| query.page());
    let listed = call.run(move |services, context| project_status::history(services, context, &id, page)).await?;
    ok(&StatusHistoryPage { items: listed.items, next_cursor: listed.next.map(pages::encode) })
}

/// What happened to a project
///
/// The newest first, each in a sentence, as far back as the audit log is kept.
#[utoipa::path(get, path = "/api/projects/{id}/activity", operation_id = "list_project_activity",
    tag = "Projects",
    params(("id" = String, Path, description = "prj_…"),
        ("limit" = Option<i64>, Query, description = "1–200, 50 by default"),
        ("cursor" = Option<String>, Query, description = "The nextCursor of the page before")),
    responses((status = 200, body = ActivityPage), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub async fn activity(call: Call, id: web::Path<String>, query: Query) -> Answer {
    let page = move || query.only(&["limit", "cursor"]).and_then(|()| query.page());
    let listed = call.run(move |services, context| project_activity::list(services, context, &id, page)).await?;
    ok(&ActivityPage { items: listed.items, next_cursor: listed.next.map(pages::encode) })
}

/// Shares a project with a colleague
///
/// Or changes what they may do. For whoever may change the project; a viewer can have `read` only.
#[utoipa::path(put, path = "/api/projects/{id}/members/{userId}", operation_id = "put_project_member",
    tag = "Projects", request_body = MemberWish,
    params(("id" = String, Path, description = "prj_…"), ("userId" = String, Path, description = "usr_…"),
        ("If-Match" = Option<String>, Header, description = "The version in quotes, as ETag has it")),
    responses((status = 200, body = ProjectView), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 412, body = ErrorBody)))]
pub async fn put_member(call: Call, ids: web::Path<(String, String)>, expected: IfMatch, body: Body) -> Answer {
    let view = call
        .run(move |services, context| {
            let access = || body.parse::<MemberWish>().map(|wish| wish.access);
            project_members::put(services, context, &ids.0, &ids.1, &expected.0, access)
        })
        .await?;
    shown(view)
}

/// Ends what was shared with a colleague
///
/// For whoever may change the project; one may leave it oneself, a viewer too.
#[utoipa::path(delete, path = "/api/projects/{id}/members/{userId}", operation_id = "delete_project_member",
    tag = "Projects",
    params(("id" = String, Path, description = "prj_…"), ("userId" = String, Path, description = "usr_…"),
        ("If-Match" = Option<String>, Header, description = "The version in quotes, as ETag has it")),
    responses((status = 204), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody), (status = 412, body = ErrorBody)))]
pub async fn delete_member(call: Call, ids: web::Path<(String, String)>, expected: IfMatch) -> Answer {
    call.run(move |services, context| project_members::delete(services, context, &ids.0, &ids.1, &expected.0)).await?;
    Ok(HttpResponse::NoContent().finish())
}
