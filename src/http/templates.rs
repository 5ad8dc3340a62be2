//! `/api/admin/templates`: PRDs to begin with.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::Serialize;

use super::answer::{Answer, json, ok};
use super::call::{Body, Call, Query};
use super::openapi::ErrorBody;
use super::versions::{IfMatch, tag};
use crate::services::templates::{self, NewTemplate, TemplateDetail, TemplateView, TemplateWishes};

/// A page of templates.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TemplatePage {
    /// The newest first, without their PRDs.
    items: Vec<TemplateView>,
    /// null on the last page.
    next_cursor: Option<String>,
}

/// Lists templates
///
/// For everyone in the organization; the newest first, without their PRDs.
#[utoipa::path(get, path = "/api/admin/templates", operation_id = "list_templates",
    tag = "Templates",
    params(("limit" = Option<i64>, Query, description = "1–200, 50 by default"),
        ("cursor" = Option<String>, Query, description = "The nextCursor of the page before")),
    responses((status = 200, body = TemplatePage), (status = 400, body = ErrorBody)))]
pub async fn list(call: Call, query: Query) -> Answer {
    query.only(&["limit", "cursor"])?;
    let page = query.text_page()?;
    let listed = call.run(move |services, context| templates::list(services, context, &page)).await?;
    ok(&TemplatePage { items: listed.items, next_cursor: listed.next })
}

/// Makes a template
#[utoipa::path(post, path = "/api/admin/templates", operation_id = "create_template",
    tag = "Templates", request_body = NewTemplate,
    responses((status = 201, body = TemplateDetail), (status = 400, body = ErrorBody), (status = 409, body = ErrorBody),
        (status = 413, body = ErrorBody)))]
pub async fn create(call: Call, body: Body) -> Answer {
    let made = call.run(move |services, context| templates::create(services, context, body.parse()?)).await?;
    Ok(tag(json(StatusCode::CREATED, &made)?, made.template.version))
}

/// One template
///
/// For everyone in the organization.
#[utoipa::path(get, path = "/api/admin/templates/{id}", operation_id = "get_template",
    tag = "Templates",
    params(("id" = String, Path, description = "tpl_…")),
    responses((status = 200, body = TemplateDetail), (status = 404, body = ErrorBody)))]
pub async fn get(call: Call, id: web::Path<String>) -> Answer {
    let found = call.run(move |services, context| templates::get(services, context, &id)).await?;
    Ok(tag(ok(&found)?, found.template.version))
}

/// Changes a template
///
/// Projects that were made from it keep what they have. With `If-Match`, only the version that it names is changed.
#[utoipa::path(patch, path = "/api/admin/templates/{id}", operation_id = "change_template",
    tag = "Templates", request_body = TemplateWishes,
    params(("id" = String, Path, description = "tpl_…"),
        ("If-Match" = Option<String>, Header, description = "The version in quotes, as ETag has it")),
    responses((status = 200, body = TemplateDetail), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody), (status = 412, body = ErrorBody), (status = 413, body = ErrorBody)))]
pub async fn change(call: Call, id: web::Path<String>, expected: IfMatch, body: Body) -> Answer {
    let changed = call
        .run(move |services, context| templates::change(services, context, &id, &expected.0, || body.parse()))
        .await?;
    Ok(tag(ok(&changed)?, changed.template.version))
}

/// Deletes a template
///
/// Projects that were made from it keep what they have.
#[utoipa::path(delete, path = "/api/admin/templates/{id}", operation_id = "delete_template",
    tag = "Templates",
    params(("id" = String, Path, description = "tpl_…"),
        ("If-Match" = Option<String>, Header, description = "The version in quotes, as ETag has it")),
    responses((status = 204), (status = 404, body = ErrorBody), (status = 412, body = ErrorBody)))]
pub async fn delete(call: Call, id: web::Path<String>, expected: IfMatch) -> Answer {
    call.run(move |services, context| templates::delete(services, context, &id, &expected.0)).await?;
    Ok(HttpResponse::NoContent().finish())
}
