//! Whether the server lives, is ready, and which version it is.

use std::sync::atomic::Ordering;

use actix_web::HttpResponse;
use serde::Serialize;

use super::answer::{Answer, ok};
use super::call::Call;
use super::openapi::ErrorBody;
use crate::error_code::ErrorCode;
use crate::services::error::ServiceError;

/// Which Claviger this is.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    name: &'static str,
    version: &'static str,
    api_version: &'static str,
}

/// Which version this is
#[utoipa::path(get, path = "/v1/version", tag = "System",
    responses((status = 200, body = Version), (status = 401, body = ErrorBody)))]
pub async fn version(_: Call) -> Answer {
    ok(&Version { name: "claviger", version: env!("CARGO_PKG_VERSION"), api_version: "v1" })
}

/// Whether the server answers at all
#[utoipa::path(get, path = "/livez", tag = "System", responses((status = 200, description = "It does")))]
pub async fn livez() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("ok\n")
}

/// Whether the server can do its work
///
/// That is: both databases can be read, and it is not about to stop.
#[utoipa::path(get, path = "/readyz", tag = "System",
    responses((status = 200, description = "It can"), (status = 503, body = ErrorBody)))]
pub async fn readyz(call: Call) -> Answer {
    if call.app.stopping.load(Ordering::Relaxed) {
        return Err(ServiceError::new(ErrorCode::Busy, "The server is stopping").into());
    }
    call.run(|services, _| {
        services.store.read(crate::store::facts::master_key_check)?;
        services.store.read_ledger(crate::store::folds::upto)?;
        Ok(())
    })
    .await?;
    Ok(HttpResponse::Ok().content_type("text/plain").body("ready\n"))
}
