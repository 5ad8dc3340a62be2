//! `POST /api/setup`: the first owner and the home organization.

use actix_web::http::StatusCode;
use serde::Deserialize;

use super::answer::Answer;
use super::auth::{self, SessionView};
use super::call::{Body, Call};
use super::openapi::ErrorBody;
use crate::services::setup::{self, Founding};

/// What setup is told.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetupRequest {
    /// From the setup link.
    token: String,
    name: String,
    email: String,
    password: String,
    /// What the home organization is called.
    organization: String,
}

/// Sets Claviger up
///
/// Makes the owner (verified, signed in) and the home organization. 410 once there is an owner, always.
#[utoipa::path(post, path = "/api/setup", operation_id = "set_up",
    tag = "Setup", request_body = SetupRequest,
    responses((status = 201, body = SessionView), (status = 400, body = ErrorBody), (status = 410, body = ErrorBody)))]
pub async fn found(call: Call, body: Body) -> Answer {
    let (app, now) = (call.app.clone(), call.info.at.unix_ms);
    let result = call
        .run(move |services, context| {
            setup::require_open(services)?;
            let request: SetupRequest = body.parse()?;
            setup::require_token(services, &request.token)?;
            let founding = Founding {
                name: request.name,
                email: request.email,
                password: request.password,
                organization: request.organization,
            };
            setup::found_and_sign_in(services, context, founding)
        })
        .await?;
    auth::signed_in(StatusCode::CREATED, &app.cookies, result, now)
}
