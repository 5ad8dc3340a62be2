//! CORS (Fetch, section 3.2) for the one endpoint that pages of other origins call: whatever it answers, a refusal too,
//! can be read by pages of the widget's allowed origins, and by no others. No cookie is ever looked at there, so that
//! none is asked for either.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue, ORIGIN, VARY};
use actix_web::middleware::Next;
use actix_web::{Error, HttpRequest, web};

use super::App;
use super::widget_sessions::origin_of;
use crate::services::widget_sessions::admit_origin;

/// The middleware of a route with a widget's `{id}` in its path.
pub async fn wrap(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let allowed = allowed_origin(request.request()).await;
    let mut response = next.call(request).await?.map_into_boxed_body();
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = allowed {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    Ok(response)
}

/// The request's origin, as it came, if the widget allows it. What cannot be looked up allows nobody: the endpoint's own
/// answer says why.
async fn allowed_origin(request: &HttpRequest) -> Option<HeaderValue> {
    let header = request.headers().get(ORIGIN)?.clone();
    let (origin, id) = (origin_of(request), request.match_info().get("id")?.to_owned());
    let services = request.app_data::<web::Data<App>>()?.services.clone();
    let admitted = web::block(move || admit_origin(&services, &id, origin.as_deref())).await;
    matches!(admitted, Ok(Ok(()))).then_some(header)
}
