//! `/api/admin/webhooks`: who is told of what, and what became of it.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};

use super::answer::{Answer, json, ok};
use super::call::{Body, Call, Query};
use super::openapi::ErrorBody;
use crate::services::webhook_deliveries::{self, DeliveryView};
use crate::services::webhook_settings::{self, WebhookWishes};
use crate::services::webhooks::{self, WebhookView};
use crate::services::{Context, Services};

/// A page of webhooks.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookPage {
    /// The newest first.
    items: Vec<WebhookView>,
    /// null on the last page.
    next_cursor: Option<String>,
}

/// A page of deliveries.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryPage {
    /// The newest first.
    items: Vec<DeliveryView>,
    /// null on the last page.
    next_cursor: Option<String>,
}

/// What deliveries are verified with.
#[derive(Serialize, utoipa::ToSchema)]
pub struct WebhookSecret {
    /// `whsec_…`
    secret: String,
}

/// How a secret is rotated.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretRotation {
    /// How long the secret before signs too: 0–2592000, a day by default.
    grace_seconds: Option<i64>,
}

/// The webhooks
///
/// The newest first.
#[utoipa::path(get, path = "/api/admin/webhooks", operation_id = "list_webhooks",
    tag = "Webhooks",
    params(("limit" = Option<i64>, Query, description = "1–200, 50 by default"),
        ("cursor" = Option<String>, Query, description = "The nextCursor of the page before")),
    responses((status = 200, body = WebhookPage), (status = 400, body = ErrorBody)))]
pub async fn list(call: Call, query: Query) -> Answer {
    query.only(&["limit", "cursor"])?;
    let page = query.text_page()?;
    let listed = call.run(move |services, context| webhooks::list(services, context, &page)).await?;
    ok(&WebhookPage { items: listed.items, next_cursor: listed.next })
}

/// Makes a webhook
///
/// It is told of every event from now on that one of its patterns covers. An address that webhooks never go to is
/// refused; a name that does not resolve is accepted, and judged whenever something is sent. 409 where the organization
/// has 50.
#[utoipa::path(post, path = "/api/admin/webhooks", operation_id = "create_webhook",
    tag = "Webhooks", request_body = WebhookWishes,
    responses((status = 201, body = WebhookView), (status = 400, body = ErrorBody), (status = 409, body = ErrorBody),
        (status = 503, body = ErrorBody)))]
pub async fn create(call: Call, body: Body) -> Answer {
    let draft = webhook_settings::for_a_new_webhook(body.parse()?)?;
    let settings = webhook_settings::checked(&call.app.services, draft).await?;
    let made = call.run(move |services, context| webhooks::create(services, context, settings)).await?;
    json(StatusCode::CREATED, &made)
}

/// One webhook
#[utoipa::path(get, path = "/api/admin/webhooks/{id}", operation_id = "get_webhook",
    tag = "Webhooks",
    params(("id" = String, Path, description = "whk_…")),
    responses((status = 200, body = WebhookView), (status = 404, body = ErrorBody)))]
pub async fn get(call: Call, id: web::Path<String>) -> Answer {
    ok(&call.run(move |services, context| webhooks::get(services, context, &id)).await?)
}

/// Changes a webhook
///
/// While it is off, nothing is queued for it, and what waits is held until it is on again.
#[utoipa::path(patch, path = "/api/admin/webhooks/{id}", operation_id = "change_webhook",
    tag = "Webhooks",
    params(("id" = String, Path, description = "whk_…")), request_body = WebhookWishes,
    responses((status = 200, body = WebhookView), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn change(call: Call, id: web::Path<String>, body: Body) -> Answer {
    let draft = move |services: &Services, context: &Context| webhooks::draft(services, context, &id, || body.parse());
    let (webhook, draft) = call.clone().run(draft).await?;
    let after = webhook_settings::checked(&call.app.services, draft).await?;
    ok(&call.run(move |services, context| webhooks::change(services, context, webhook, after)).await?)
}

/// Removes a webhook
///
/// With its deliveries; those that wait are not sent any more.
#[utoipa::path(delete, path = "/api/admin/webhooks/{id}", operation_id = "delete_webhook",
    tag = "Webhooks",
    params(("id" = String, Path, description = "whk_…")),
    responses((status = 204), (status = 404, body = ErrorBody)))]
pub async fn delete(call: Call, id: web::Path<String>) -> Answer {
    call.run(move |services, context| webhooks::delete(services, context, &id)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// A webhook's secret
///
/// For a session alone; that it was shown is in the audit log.
#[utoipa::path(get, path = "/api/admin/webhooks/{id}/secret", operation_id = "get_webhook_secret",
    tag = "Webhooks",
    params(("id" = String, Path, description = "whk_…")),
    responses((status = 200, body = WebhookSecret), (status = 404, body = ErrorBody)))]
pub async fn secret(call: Call, id: web::Path<String>) -> Answer {
    let secret = call.run(move |services, context| webhooks::secret(services, context, &id)).await?;
    ok(&WebhookSecret { secret: secret.reveal().to_owned() })
}

/// Gives a webhook another secret
///
/// Until the grace ends both sign: both stand in `webhook-signature`, and beside the header with the plain signature
/// there is one whose name ends with `-Previous`, by the secret before.
#[utoipa::path(post, path = "/api/admin/webhooks/{id}/rotate-secret", operation_id = "rotate_webhook_secret",
    tag = "Webhooks",
    params(("id" = String, Path, description = "whk_…")), request_body = SecretRotation,
    responses((status = 200, body = WebhookView), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody)))]
pub async fn rotate(call: Call, id: web::Path<String>, body: Body) -> Answer {
    let rotated = call
        .run(move |services, context| {
            let grace = || Ok(body.parse_or_default::<SecretRotation>()?.grace_seconds);
            webhooks::rotate(services, context, &id, grace)
        })
        .await?;
    ok(&rotated)
}

/// Tries a webhook out
///
/// Queues an event of the type `webhook.test` for it alone. 409 where it is off.
#[utoipa::path(post, path = "/api/admin/webhooks/{id}/test", operation_id = "test_webhook",
    tag = "Webhooks",
    params(("id" = String, Path, description = "whk_…")),
    responses((status = 202, body = DeliveryView), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn test(call: Call, id: web::Path<String>) -> Answer {
    let queued = call.run(move |services, context| webhook_deliveries::test(services, context, &id)).await?;
    json(StatusCode::ACCEPTED, &queued)
}

/// A webhook's deliveries
///
/// The newest first; those that were over 30 days ago are no longer among them.
#[utoipa::path(get, path = "/api/admin/webhooks/{id}/deliveries", operation_id = "list_webhook_deliveries",
    tag = "Webhooks",
    params(("id" = String, Path, description = "whk_…"),
        ("state" = Option<String>, Query, description = "waiting, delivered or failed"),
        ("limit" = Option<i64>, Query, description = "1–200, 50 by default"),
        ("cursor" = Option<String>, Query, description = "The nextCursor of the page before")),
    responses((status = 200, body = DeliveryPage), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub async fn deliveries(call: Call, id: web::Path<String>, query: Query) -> Answer {
    let listed = call
        .run(move |services, context| {
            let wish = || {
                query.only(&["state", "limit", "cursor"])?;
                Ok((webhook_deliveries::parse_state(query.get("state"))?, query.text_page()?))
            };
            webhook_deliveries::list(services, context, &id, wish)
        })
        .await?;
    ok(&DeliveryPage { items: listed.items, next_cursor: listed.next })
}

/// Sends a delivery again
///
/// At once, whatever became of it; its attempts are counted anew. 409 where the webhook is off.
#[utoipa::path(post, path = "/api/admin/webhooks/{id}/deliveries/{deliveryId}/retry",
    operation_id = "retry_webhook_delivery", tag = "Webhooks",
    params(("id" = String, Path, description = "whk_…"), ("deliveryId" = String, Path, description = "dlv_…")),
    responses((status = 200, body = DeliveryView), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn retry(call: Call, path: web::Path<(String, String)>) -> Answer {
    let (id, delivery) = path.into_inner();
    ok(&call.run(move |services, context| webhook_deliveries::retry(services, context, &id, &delivery)).await?)
}
