//! `/api/auth/sessions` and `/api/auth/switch-organization`: the sessions that one has.

use std::sync::Arc;

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};

use super::answer::{Answer, HttpError, ok};
use super::auth::SessionView;
use super::call::{Body, Call, Query};
use super::openapi::ErrorBody;
use crate::error_code::ErrorCode;
use crate::gate::decide::Credential;
use crate::gate::lookup::SessionRecord;
use crate::services::own_sessions::{self, OwnSession};

/// One's sessions.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OwnSessionPage {
    /// The newest first.
    items: Vec<OwnSession>,
    /// null on the last page.
    next_cursor: Option<String>,
}

/// Which organization to act in.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SwitchRequest {
    /// `org_…`, one of those that `GET /api/auth/session` names.
    organization_id: String,
}

/// The session that asks. The route lets nothing else pass.
fn own(call: &Call) -> Result<Arc<SessionRecord>, HttpError> {
    match &call.credential {
        Credential::Session(session) => Ok(Arc::clone(session)),
        _ => Err(ErrorCode::SessionRequired.into()),
    }
}

/// Lists one's sessions
///
/// Those that are alive, the newest first.
#[utoipa::path(get, path = "/api/auth/sessions", operation_id = "list_sessions", tag = "Accounts",
    params(("limit" = Option<i64>, Query, description = "1–200, 50 by default"),
        ("cursor" = Option<String>, Query, description = "The nextCursor of the page before")),
    responses((status = 200, body = OwnSessionPage), (status = 403, body = ErrorBody)))]
pub async fn list(call: Call, query: Query) -> Answer {
    query.only(&["limit", "cursor"])?;
    let (limit, cursor) = (query.limit()?, query.text("cursor"));
    let own = own(&call)?;
    let work = move |services: &_, context: &_| own_sessions::list(services, context, &own, limit, cursor.as_deref());
    let (items, next_cursor) = call.run(work).await?;
    ok(&OwnSessionPage { items, next_cursor })
}

/// Ends one of one's sessions
///
/// Every request begun after it is 401. One's own current session may be ended too.
#[utoipa::path(delete, path = "/api/auth/sessions/{id}", operation_id = "end_session", tag = "Accounts",
    params(("id" = String, Path, description = "`ses_…`")),
    responses((status = 204), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub async fn end(call: Call, id: web::Path<String>) -> Answer {
    let own = own(&call)?;
    call.run(move |services, context| own_sessions::end(services, context, &own, &id)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Ends all of one's other sessions
#[utoipa::path(delete, path = "/api/auth/sessions", operation_id = "end_other_sessions", tag = "Accounts",
    responses((status = 204), (status = 403, body = ErrorBody)))]
pub async fn end_others(call: Call) -> Answer {
    let own = own(&call)?;
    call.run(move |services, context| own_sessions::end_others(services, context, &own)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Switches to another of one's organizations
///
/// For this session alone; its cookie stays.
#[utoipa::path(post, path = "/api/auth/switch-organization", operation_id = "switch_organization", tag = "Accounts",
    request_body = SwitchRequest,
    responses((status = 200, body = SessionView), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub async fn switch(call: Call, body: Body) -> Answer {
    let own = own(&call)?;
    let identity = call
        .run(move |services, context| {
            let request: SwitchRequest = body.parse()?;
            own_sessions::switch(services, context, &own, &request.organization_id)
        })
        .await?;
    ok(&SessionView::from(identity))
}
