//! `/api/admin/mail`: the organization's messages in the outbox.

use actix_web::web::Path;
use serde::Serialize;

use super::answer::{Answer, ok};
use super::call::{Call, Query};
use super::openapi::ErrorBody;
use crate::services::outbox::{self, MailView};

/// A page of messages.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MailPage {
    /// The newest first.
    items: Vec<MailView>,
    /// null on the last page.
    next_cursor: Option<String>,
}

/// The organization's mail
///
/// Invitations, warnings and notices, the newest first. Messages about accounts are shown on the command line alone.
#[utoipa::path(get, path = "/api/admin/mail", operation_id = "list_mail",
    tag = "Mail",
    params(("limit" = Option<i64>, Query, description = "1–200, 50 by default"),
        ("cursor" = Option<String>, Query, description = "The nextCursor of the page before")),
    responses((status = 200, body = MailPage), (status = 400, body = ErrorBody)))]
pub async fn list(call: Call, query: Query) -> Answer {
    query.only(&["limit", "cursor"])?;
    let page = query.text_page()?;
    let listed = call.run(move |services, context| outbox::list(services, context, &page)).await?;
    ok(&MailPage { items: listed.items, next_cursor: listed.next })
}

/// Send a message again
///
/// A dead one, or at once one that waits; its attempts are counted anew. 409 where it was delivered, 410 where the link
/// in it has run out.
#[utoipa::path(post, path = "/api/admin/mail/{id}/retry", operation_id = "retry_mail",
    tag = "Mail",
    params(("id" = String, Path)),
    responses((status = 200, body = MailView), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
        (status = 410, body = ErrorBody)))]
pub async fn retry(call: Call, id: Path<String>) -> Answer {
    ok(&call.run(move |services, context| outbox::retry(services, context, &id)).await?)
}
