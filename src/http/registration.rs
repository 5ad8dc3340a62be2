//! `POST /api/auth/register`: an account for whoever may have one.

use actix_web::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::answer::{Answer, json};
use super::call::{Body, Call};
use super::openapi::ErrorBody;
use crate::services::registration::{self, Registration};

/// What one registers with.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegisterRequest {
    name: String,
    email: String,
    password: String,
    /// An IANA name; `UTC` where it is not given.
    timezone: Option<String>,
    /// From the link of an invitation, which is for its address alone.
    invite_token: Option<String>,
}

/// What everybody is told, whether the address was free or taken.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegisteredView {
    message: &'static str,
    /// Whether the address must be proved before one signs in.
    email_verification_required: bool,
}

/// Registers
///
/// The same answer for an address that is taken: its owner gets a mail instead. Without an invitation one gets an
/// organization of one's own. Where addresses need not be verified, signing in afterwards tells what this answer does not.
#[utoipa::path(post, path = "/api/auth/register", operation_id = "register",
    tag = "Accounts", request_body = RegisterRequest,
    responses((status = 201, body = RegisteredView), (status = 400, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 429, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn register(call: Call, body: Body) -> Answer {
    let registered = call
        .run(move |services, context| {
            let request: RegisterRequest = body.parse()?;
            let input = Registration {
                name: request.name,
                email: request.email,
                password: request.password,
                timezone: request.timezone,
                invite_token: request.invite_token,
            };
            registration::register(services, context, input)
        })
        .await?;
    let email_verification_required = registered.email_verification_required;
    let message = if email_verification_required {
        "Open the link that was mailed to your address; then sign in"
    } else {
        "If nobody had this address yet, your account is ready; sign in"
    };
    json(StatusCode::CREATED, &RegisteredView { message, email_verification_required })
}
