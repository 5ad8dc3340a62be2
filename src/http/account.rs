//! One's own account: name and time zone, the address, and its end.

use actix_web::HttpResponse;
use serde::Deserialize;

use super::answer::{Answer, ok};
use super::auth::{UserView, add_cookies};
use super::call::{Body, Call};
use super::openapi::ErrorBody;
use super::verification::{AcceptedView, accepted};
use crate::services::account;

/// What is to change; what is not given stays.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileRequest {
    name: Option<String>,
    /// An IANA name.
    timezone: Option<String>,
}

/// The address to have.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeEmailRequest {
    email: String,
    /// The present password.
    password: String,
}

/// That it is meant.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteAccountRequest {
    /// The present password.
    password: String,
}

/// Changes one's name and time zone
#[utoipa::path(patch, path = "/api/auth/profile", operation_id = "update_profile", tag = "Accounts",
    request_body = ProfileRequest,
    responses((status = 200, body = UserView), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody)))]
pub async fn update_profile(call: Call, body: Body) -> Answer {
    let user = call
        .run(move |services, context| {
            let request: ProfileRequest = body.parse()?;
            account::update_profile(services, context, request.name, request.timezone)
        })
        .await?;
    ok(&UserView::from(user))
}

/// Begins a change of one's address
///
/// It takes effect when the new address is confirmed by the link that is mailed to it; the present one is told.
#[utoipa::path(post, path = "/api/auth/change-email", operation_id = "change_email", tag = "Accounts",
    request_body = ChangeEmailRequest,
    responses((status = 202, body = AcceptedView), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn change_email(call: Call, body: Body) -> Answer {
    let request: ChangeEmailRequest = body.parse()?;
    call.run_at_own_place(move |services, context, attempt| {
        account::change_email(services, context, attempt, &request.email, request.password)
    })
    .await?;
    accepted("Open the link that was mailed to the new address; until then nothing changes")
}

/// Deletes one's account
///
/// With it go the organizations of which one is the only member. Audit entries and requests stay.
#[utoipa::path(delete, path = "/api/auth/account", operation_id = "delete_account", tag = "Accounts",
    request_body = DeleteAccountRequest,
    responses((status = 204), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn delete(call: Call, body: Body) -> Answer {
    let app = call.app.clone();
    let request: DeleteAccountRequest = body.parse()?;
    call.run_at_own_place(move |services, context, attempt| {
        account::delete(services, context, attempt, request.password)
    })
    .await?;
    let mut response = HttpResponse::NoContent().finish();
    add_cookies(&mut response, app.cookies.clear());
    Ok(response)
}
