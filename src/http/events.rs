//! `/api/events`: the application's own events.

use actix_web::http::StatusCode;

use super::answer::{Answer, json};
use super::call::{Body, Call};
use super::openapi::ErrorBody;
use crate::services::events::{self, EventView, EventWish};

/// Tells webhooks of an event of your own
///
/// It is queued for every webhook of the organization whose patterns cover its type, and is on disk when this answers.
/// It is no part of the audit log.
#[utoipa::path(post, path = "/api/events", operation_id = "publish_event",
    tag = "Webhooks", request_body = EventWish,
    responses((status = 202, body = EventView), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody)))]
pub async fn publish(call: Call, body: Body) -> Answer {
    let published =
        call.run(move |services, context| events::publish(services, context, body.parse::<EventWish>()?)).await?;
    json(StatusCode::ACCEPTED, &published)
}
