//! Passwords: forgotten, chosen anew, changed.

use actix_web::HttpResponse;
use serde::Deserialize;

use super::answer::Answer;
use super::call::{Body, Call};
use super::openapi::ErrorBody;
use super::verification::{AcceptedView, accepted};
use crate::services::passwords::{self, Reset};

/// Whose password is forgotten.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ForgotPasswordRequest {
    email: String,
}

/// A new password by a mailed link.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResetPasswordRequest {
    /// From the link.
    token: String,
    password: String,
    /// The same again.
    confirm_password: String,
}

/// A new password in place of one that is known.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangePasswordRequest {
    current_password: String,
    new_password: String,
}

/// Asks for a new password
///
/// The answer is the same whether anybody has the address or not.
#[utoipa::path(post, path = "/api/auth/forgot-password", operation_id = "forgot_password", tag = "Accounts",
    request_body = ForgotPasswordRequest,
    responses((status = 202, body = AcceptedView), (status = 400, body = ErrorBody), (status = 429, body = ErrorBody)))]
pub async fn forgot(call: Call, body: Body) -> Answer {
    call.run(move |services, context| {
        let request: ForgotPasswordRequest = body.parse()?;
        passwords::forgot(services, context, &request.email)
    })
    .await?;
    accepted("If somebody has this address, a link for a new password is on its way to it")
}

/// Chooses a new password by a mailed link
///
/// Ends every session and every other such link, clears a lockout, and proves the address. A password that is refused
/// does not use the link up.
#[utoipa::path(post, path = "/api/auth/reset-password", operation_id = "reset_password", tag = "Accounts",
    request_body = ResetPasswordRequest,
    responses((status = 204), (status = 400, body = ErrorBody), (status = 429, body = ErrorBody),
        (status = 503, body = ErrorBody)))]
pub async fn reset(call: Call, body: Body) -> Answer {
    call.run(move |services, context| {
        let request: ResetPasswordRequest = body.parse()?;
        let input =
            Reset { token: request.token, password: request.password, confirm_password: request.confirm_password };
        passwords::reset(services, context, input)
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Changes one's password
///
/// One's other sessions end.
#[utoipa::path(post, path = "/api/auth/change-password", operation_id = "change_password", tag = "Accounts",
    request_body = ChangePasswordRequest,
    responses((status = 204), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn change(call: Call, body: Body) -> Answer {
    let request: ChangePasswordRequest = body.parse()?;
    call.run_at_own_place(move |services, context, attempt| {
        passwords::change(services, context, attempt, request.current_password, request.new_password)
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}
