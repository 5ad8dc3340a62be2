//! `/api/admin/organization`: the organization that one is in.

use actix_web::HttpResponse;
use serde::Deserialize;

use super::answer::{Answer, ok};
use super::call::{Body, Call};
use super::openapi::ErrorBody;
use crate::services::organization::{self, OwnOrganizationView};

/// What can be changed of an organization.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrganizationChange {
    name: Option<String>,
}

/// What shows that the owner means it.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrganizationDeletion {
    /// The caller's own.
    password: String,
}

/// The organization
#[utoipa::path(get, path = "/api/admin/organization", operation_id = "get_organization",
    tag = "Organization", responses((status = 200, body = OwnOrganizationView)))]
pub async fn get(call: Call) -> Answer {
    ok(&call.run(organization::get).await?)
}

/// Renames the organization
#[utoipa::path(patch, path = "/api/admin/organization", operation_id = "change_organization",
    tag = "Organization", request_body = OrganizationChange,
    responses((status = 200, body = OwnOrganizationView), (status = 400, body = ErrorBody),
        (status = 409, body = ErrorBody)))]
pub async fn change(call: Call, body: Body) -> Answer {
    let changed = call
        .run(move |services, context| {
            let OrganizationChange { name } = body.parse()?;
            organization::change(services, context, name)
        })
        .await?;
    ok(&changed)
}

/// Deletes the organization
///
/// With everything of it; keys stop and sessions end at once. The home organization cannot be deleted (409).
#[utoipa::path(delete, path = "/api/admin/organization", operation_id = "delete_organization",
    tag = "Organization", request_body = OrganizationDeletion,
    responses((status = 204), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 409, body = ErrorBody)))]
pub async fn delete(call: Call, body: Body) -> Answer {
    call.run_at_own_place(move |services, context, attempt| {
        organization::require_deletable(services, context)?;
        let OrganizationDeletion { password } = body.parse()?;
        organization::delete(services, context, attempt, password)
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}
