//! `/api/admin/widgets`.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::Serialize;

use super::answer::{Answer, json, ok};
use super::call::{Body, Call, Query};
use super::openapi::ErrorBody;
use crate::services::pages::encode;
use crate::services::widget_settings::WidgetWishes;
use crate::services::widgets::{self, WidgetView};

/// A page of widgets.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WidgetPage {
    /// The newest first.
    items: Vec<WidgetView>,
    /// null on the last page.
    next_cursor: Option<String>,
}

/// A widget's secret.
#[derive(Serialize, utoipa::ToSchema)]
pub struct WidgetSecret<'a> {
    /// The string under whose bytes user ids are hashed.
    secret: &'a str,
}

/// The widgets
#[utoipa::path(get, path = "/api/admin/widgets", operation_id = "list_widgets",
    tag = "Widgets",
    params(("limit" = Option<i64>, Query, description = "1–200, 50 by default"),
        ("cursor" = Option<String>, Query, description = "The nextCursor of the page before")),
    responses((status = 200, body = WidgetPage), (status = 400, body = ErrorBody)))]
pub async fn list(call: Call, query: Query) -> Answer {
    query.only(&["limit", "cursor"])?;
    let page = query.page()?;
    let listed = call.run(move |services, context| widgets::list(services, context, page)).await?;
    ok(&WidgetPage { items: listed.items, next_cursor: listed.next.map(encode) })
}

/// Makes a widget
///
/// Its id is public; its secret is for the customer's server, and shown at `…/{id}/secret`.
#[utoipa::path(post, path = "/api/admin/widgets", operation_id = "create_widget",
    tag = "Widgets", request_body = WidgetWishes,
    responses((status = 201, body = WidgetView), (status = 400, body = ErrorBody)))]
pub async fn create(call: Call, body: Body) -> Answer {
    let made = call.run(move |services, context| widgets::create(services, context, body.parse()?)).await?;
    json(StatusCode::CREATED, &made)
}

/// One widget
#[utoipa::path(get, path = "/api/admin/widgets/{id}", operation_id = "get_widget",
    tag = "Widgets",
    params(("id" = String, Path, description = "wgt_…")),
    responses((status = 200, body = WidgetView), (status = 404, body = ErrorBody)))]
pub async fn get(call: Call, id: web::Path<String>) -> Answer {
    ok(&call.run(move |services, context| widgets::get(services, context, &id)).await?)
}

/// Changes a widget
///
/// Its sessions end where it gets other origins, another demand for identity or another secret.
#[utoipa::path(patch, path = "/api/admin/widgets/{id}", operation_id = "change_widget",
    tag = "Widgets",
    params(("id" = String, Path, description = "wgt_…")), request_body = WidgetWishes,
    responses((status = 200, body = WidgetView), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody)))]
pub async fn change(call: Call, id: web::Path<String>, body: Body) -> Answer {
    ok(&call.run(move |services, context| widgets::change(services, context, &id, || body.parse())).await?)
}

/// Deletes a widget
///
/// Its sessions end at once; its requests and its audit stay.
#[utoipa::path(delete, path = "/api/admin/widgets/{id}", operation_id = "delete_widget",
    tag = "Widgets",
    params(("id" = String, Path, description = "wgt_…")),
    responses((status = 204), (status = 404, body = ErrorBody)))]
pub async fn delete(call: Call, id: web::Path<String>) -> Answer {
    call.run(move |services, context| widgets::delete(services, context, &id)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The secret of a widget
///
/// The one in use: with `webhookId`, that webhook's. That it was seen is in the audit log.
#[utoipa::path(get, path = "/api/admin/widgets/{id}/secret", operation_id = "get_widget_secret",
    tag = "Widgets",
    params(("id" = String, Path, description = "wgt_…")),
    responses((status = 200, body = WidgetSecret), (status = 404, body = ErrorBody)))]
pub async fn secret(call: Call, id: web::Path<String>) -> Answer {
    let secret = call.run(move |services, context| widgets::secret(services, context, &id)).await?;
    ok(&WidgetSecret { secret: &secret })
}

/// Gives a widget another secret
///
/// Hashes under the old one are worth nothing from now on, and its sessions end. The new one is at `…/{id}/secret`.
#[utoipa::path(post, path = "/api/admin/widgets/{id}/rotate-secret", operation_id = "rotate_widget_secret",
    tag = "Widgets",
    params(("id" = String, Path, description = "wgt_…")),
    responses((status = 200, body = WidgetView), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn rotate_secret(call: Call, id: web::Path<String>) -> Answer {
    ok(&call.run(move |services, context| widgets::rotate_secret(services, context, &id)).await?)
}
