//! `/api/members` and `/api/admin/members`.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};

use super::answer::{Answer, ok};
use super::call::{Body, Call, Query};
use super::openapi::ErrorBody;
use crate::services::error::ServiceError;
use crate::services::invitations::parse_role;
use crate::services::members::{self, ColleagueView, MemberDetail, MemberView};

/// What can be changed of a member.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberChange {
    /// `owner`, `admin`, `member` or `viewer`.
    role: String,
}

/// A page of colleagues.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ColleaguePage {
    /// Who joined last first.
    items: Vec<ColleagueView>,
    /// null on the last page.
    next_cursor: Option<String>,
}

/// A page of members.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberPage {
    /// Who joined last first.
    items: Vec<MemberView>,
    /// null on the last page.
    next_cursor: Option<String>,
}

/// Colleagues
///
/// Everybody in the organization, by name; for anyone in it.
#[utoipa::path(get, path = "/api/members", operation_id = "list_colleagues",
    tag = "Members",
    params(("limit" = Option<i64>, Query, description = "1–200, 50 by default"),
        ("cursor" = Option<String>, Query, description = "The nextCursor of the page before")),
    responses((status = 200, body = ColleaguePage), (status = 400, body = ErrorBody)))]
pub async fn colleagues(call: Call, query: Query) -> Answer {
    query.only(&["limit", "cursor"])?;
    let page = query.text_page()?;
    let listed = call.run(move |services, context| members::colleagues(services, context, &page)).await?;
    ok(&ColleaguePage { items: listed.items, next_cursor: listed.next })
}

/// The members
///
/// Who joined last first.
#[utoipa::path(get, path = "/api/admin/members", operation_id = "list_members",
    tag = "Members",
    params(("limit" = Option<i64>, Query, description = "1–200, 50 by default"),
        ("cursor" = Option<String>, Query, description = "The nextCursor of the page before")),
    responses((status = 200, body = MemberPage), (status = 400, body = ErrorBody)))]
pub async fn list(call: Call, query: Query) -> Answer {
    query.only(&["limit", "cursor"])?;
    let page = query.text_page()?;
    let listed = call.run(move |services, context| members::list(services, context, &page)).await?;
    ok(&MemberPage { items: listed.items, next_cursor: listed.next })
}

/// One member
///
/// With the number of their own keys, which would stop if they were removed.
#[utoipa::path(get, path = "/api/admin/members/{userId}", operation_id = "get_member",
    tag = "Members",
    params(("userId" = String, Path, description = "usr_…")),
    responses((status = 200, body = MemberDetail), (status = 404, body = ErrorBody)))]
pub async fn get(call: Call, user: web::Path<String>) -> Answer {
    let member = call.run(move |services, context| members::get(services, context, &user)).await?;
    ok(&member)
}

/// Changes a member's role
///
/// Nobody grants a role above their own, and only an owner's session touches owners. It holds from the next request on,
/// for their sessions and their own keys alike.
#[utoipa::path(patch, path = "/api/admin/members/{userId}", operation_id = "change_member",
    tag = "Members",
    params(("userId" = String, Path, description = "usr_…")), request_body = MemberChange,
    responses((status = 200, body = MemberDetail), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn change(call: Call, user: web::Path<String>, body: Body) -> Answer {
    let member = call
        .run(move |services, context| {
            let role = || {
                let change: MemberChange = body.parse()?;
                parse_role(&change.role).map_err(|fault| ServiceError::field("role", fault))
            };
            members::change_role(services, context, &user, role)
        })
        .await?;
    ok(&member)
}

/// Removes a member
///
/// Their sessions in the organization end, and their own keys stop, at once.
#[utoipa::path(delete, path = "/api/admin/members/{userId}", operation_id = "remove_member",
    tag = "Members",
    params(("userId" = String, Path, description = "usr_…")),
    responses((status = 204), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody)))]
pub async fn remove(call: Call, user: web::Path<String>) -> Answer {
    call.run(move |services, context| members::remove(services, context, &user)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Ends a member's lockout
#[utoipa::path(post, path = "/api/admin/members/{userId}/unlock", operation_id = "unlock_member",
    tag = "Members",
    params(("userId" = String, Path, description = "usr_…")),
    responses((status = 204), (status = 404, body = ErrorBody)))]
pub async fn unlock(call: Call, user: web::Path<String>) -> Answer {
    call.run(move |services, context| members::unlock(services, context, &user)).await?;
    Ok(HttpResponse::NoContent().finish())
}
