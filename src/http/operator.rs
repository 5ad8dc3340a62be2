//! The command line's socket: `data_dir/claviger.sock`, with the operator's rights.

use actix_web::{HttpResponse, web};

use super::App;
use super::answer::{HttpError, ok};
use crate::error_code::ErrorCode;
use crate::services::error::ServiceError;
use crate::services::operator::{self, Command};

/// Where commands are sent.
pub const PATH: &str = "/operator";

/// Registers the one route.
pub fn register(config: &mut web::ServiceConfig) {
    config.service(web::resource(PATH).route(web::post().to(run)));
}

async fn run(app: web::Data<App>, body: web::Bytes) -> HttpResponse {
    let request_id = app.request_ids.next();
    let now = app.clock.now();
    let result = web::block(move || {
        let command: Command = serde_json::from_slice(&body)
            .map_err(|error| ServiceError::new(ErrorCode::MalformedJson, error.to_string()))?;
        operator::run(&app.services, command, now)
    })
    .await;
    let answer = match result {
        Ok(Ok(value)) => ok(&value),
        Ok(Err(error)) => Err(HttpError(error)),
        Err(cause) => Err(HttpError(ServiceError::failed(cause))),
    };
    answer.unwrap_or_else(|HttpError(error)| super::answer::render(&error, &request_id, false))
}
