//! `/api/admin/invites`, and what the invited do with their link.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};

use super::answer::{Answer, json, ok};
use super::call::{Body, Call, Query};
use super::openapi::ErrorBody;
use crate::services::invitations::{self, InvitationInfo, InvitationView, Invited, Joined, Wish};

/// Whom to invite.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InviteRequest {
    email: String,
    /// `owner`, `admin`, `member` or `viewer`.
    role: String,
}

/// The token of an invitation's link.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InviteToken {
    token: String,
}

/// An invitation with its link.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InvitedView {
    /// The invitation.
    #[serde(flatten)]
    invitation: InvitationView,
    /// To be handed over where mail does not reach. It is shown here alone.
    invite_url: String,
}

impl From<Invited> for InvitedView {
    fn from(invited: Invited) -> Self {
        InvitedView { invitation: invited.view, invite_url: invited.url }
    }
}

/// A page of invitations.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InvitationPage {
    /// The newest first.
    items: Vec<InvitationView>,
    /// null on the last page.
    next_cursor: Option<String>,
}

/// Invites an address
///
/// Mails a link, and answers with another one for where mail does not reach. One that was open for the address is
/// replaced.
#[utoipa::path(post, path = "/api/admin/invites", operation_id = "create_invitation",
    tag = "Members", request_body = InviteRequest,
    responses((status = 201, body = InvitedView), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 409, body = ErrorBody)))]
pub async fn create(call: Call, body: Body) -> Answer {
    let invited = call
        .run(move |services, context| {
            let InviteRequest { email, role } = body.parse()?;
            invitations::create(services, context, Wish { email, role })
        })
        .await?;
    json(StatusCode::CREATED, &InvitedView::from(invited))
}

/// The invitations
///
/// The newest first; those settled more than 90 days ago are no longer among them.
#[utoipa::path(get, path = "/api/admin/invites", operation_id = "list_invitations",
    tag = "Members",
    params(("limit" = Option<i64>, Query, description = "1–200, 50 by default"),
        ("cursor" = Option<String>, Query, description = "The nextCursor of the page before")),
    responses((status = 200, body = InvitationPage), (status = 400, body = ErrorBody)))]
pub async fn list(call: Call, query: Query) -> Answer {
    query.only(&["limit", "cursor"])?;
    let page = query.text_page()?;
    let listed = call.run(move |services, context| invitations::list(services, context, &page)).await?;
    ok(&InvitationPage { items: listed.items, next_cursor: listed.next })
}

/// Takes an invitation back
///
/// Its links die at once.
#[utoipa::path(delete, path = "/api/admin/invites/{id}", operation_id = "revoke_invitation",
    tag = "Members",
    params(("id" = String, Path, description = "inv_…")),
    responses((status = 204), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody)))]
pub async fn revoke(call: Call, id: web::Path<String>) -> Answer {
    call.run(move |services, context| invitations::revoke(services, context, &id)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Sends an invitation anew
///
/// With new links, good for seven days from now; the old ones die.
#[utoipa::path(post, path = "/api/admin/invites/{id}/resend", operation_id = "resend_invitation",
    tag = "Members",
    params(("id" = String, Path, description = "inv_…")),
    responses((status = 200, body = InvitedView), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody)))]
pub async fn resend(call: Call, id: web::Path<String>) -> Answer {
    let invited = call.run(move |services, context| invitations::resend(services, context, &id)).await?;
    ok(&InvitedView::from(invited))
}

/// What an invitation offers
///
/// For whoever holds its link, signed in or not.
#[utoipa::path(post, path = "/api/auth/invite-info", operation_id = "get_invitation_info",
    tag = "Members", request_body = InviteToken,
    responses((status = 200, body = InvitationInfo), (status = 400, body = ErrorBody), (status = 429, body = ErrorBody)))]
pub async fn info(call: Call, body: Body) -> Answer {
    let info = call
        .run(move |services, context| {
            let InviteToken { token } = body.parse()?;
            invitations::info(services, context, &token)
        })
        .await?;
    ok(&info)
}

/// Accepts an invitation
///
/// For one who is signed in with the address that was invited; with another it is 403 `INVITE_EMAIL_MISMATCH`, and the
/// invitation stays good.
#[utoipa::path(post, path = "/api/auth/accept-invite", operation_id = "accept_invitation",
    tag = "Members", request_body = InviteToken,
    responses((status = 200, body = Joined), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 409, body = ErrorBody)))]
pub async fn accept(call: Call, body: Body) -> Answer {
    let joined = call
        .run(move |services, context| {
            let InviteToken { token } = body.parse()?;
            invitations::accept(services, context, &token)
        })
        .await?;
    ok(&joined)
}
