//! `/verify`: forward-auth, for nginx, Caddy, Traefik, HAProxy. The hot path.

use actix_web::http::header::{
    ACCEPT, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue, LOCATION, ORIGIN, UPGRADE, USER_AGENT,
};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};

use super::call::RequestInfo;
use super::client::{self, Client};
use super::forwarded::{self, Forwarded};
use super::{App, admission, answer, cookies, csrf, header_names, identity_headers, limits};
use crate::config::Preflight;
use crate::error_code::ErrorCode;
use crate::gate::Decision;
use crate::gate::credential::Presented;
use crate::gate::decide::{Credential, Facts};
use crate::services::error::ServiceError;

/// The handler.
pub async fn verify(app: web::Data<App>, request: HttpRequest) -> HttpResponse {
    let request_id = app.request_ids.next();
    let client = client::resolve(&app, request.peer_addr().map(|address| address.ip()), request.headers());
    let mut response = match decide(&app, &request, client, &request_id).await {
        Ok(decision) => answer_of(&app, &request, &decision, client, &request_id),
        Err(error) => refusal(&app, &request, &error, client, &request_id),
    };
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::try_from(request_id) {
        headers.insert(header_names::X_REQUEST_ID.clone(), id);
    }
    answer::forbid_caching(headers);
    response
}

/// The gate's word on the request that is asked about.
async fn decide(
    app: &web::Data<App>,
    request: &HttpRequest,
    client: Client,
    request_id: &str,
) -> Result<Decision, ServiceError> {
    if request.method() == Method::TRACE {
        return Err(ErrorCode::MethodNotAllowed.into());
    }
    if !client.may_pass(app.config.server.require_https) {
        return Err(ErrorCode::HttpsRequired.into());
    }
    if !request.query_string().is_empty() {
        admission::refuse_credentials_in_query(app, request)?;
    }
    let headers = request.headers();
    let original = forwarded::read(headers, request.method().as_str(), client.through_proxy)?;
    let (cookie, is_gate_cookie) = session_cookie(app, headers);
    let presented = app.gate.shapes().read(&admission::credential_headers(headers, cookie))?;
    let at = app.clock.now();
    if is_free_preflight(app, &original, headers, presented) {
        return Ok(Decision::free());
    }
    let mut credential = app.gate.resolve(presented, is_gate_cookie, at).await?;
    let rule = app.gate.policy().find(original.method, original.host, &original.path)?;
    if let Some((share, password)) = admission::wanted_password(&rule.demand, &credential, presented) {
        let info = RequestInfo { id: request_id.to_owned(), at, client };
        credential = Box::pin(admission::show_password(app, headers, &info, share, password)).await?;
    }
    if matches!(credential, Credential::Session(_)) && rule.demand.allow.session {
        require_known_origin(app, &original, headers)?;
    }
    let user_agent = headers.get(USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let facts = Facts {
        // The look-up may have taken its time.
        at: app.clock.now(),
        method: original.method,
        host: original.host,
        path: &original.path,
        ip: client.address,
        user_agent: user_agent.as_deref().unwrap_or(""),
        cost: 1,
    };
    let decision = app.gate.admit(&rule.demand, credential, &facts).await;
    if let (Ok(()), Credential::Session(session)) = (decision.outcome, &decision.credential) {
        admission::note_use(app, session, at.unix_ms, request_id).await;
    }
    Ok(decision)
}

/// The gate's own cookie, or that of a Claviger on the same host; and whether it is the first.
fn session_cookie<'a>(app: &App, headers: &'a HeaderMap) -> (Option<&'a str>, bool) {
    let gate = app.cookies.gate.as_deref().and_then(|name| cookies::read(headers, name));
    match gate {
        Some(value) => (Some(value), true),
        None => (cookies::read(headers, &app.cookies.session), false),
    }
}

/// A browser's question before a cross-origin request has no credential by its nature.
fn is_free_preflight(app: &App, original: &Forwarded<'_>, headers: &HeaderMap, presented: Presented<'_>) -> bool {
    app.config.gate.preflight == Preflight::Pass
        && original.method == "OPTIONS"
        && presented == Presented::Nothing
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// With a cookie, what changes something or opens a WebSocket must come from an application that is known. Only where
/// no cookie is shared among hosts may the origin be left unsaid, as browsers never do.
fn require_known_origin(app: &App, original: &Forwarded<'_>, headers: &HeaderMap) -> Result<(), ServiceError> {
    // Proxies strip `Upgrade` from what they ask; the key of the handshake (RFC 6455) stays.
    let upgrades = headers.contains_key(&header_names::SEC_WEBSOCKET_KEY) || headers.contains_key(UPGRADE);
    if csrf::is_safe(original.method) && !upgrades {
        return Ok(());
    }
    let known = match headers.get(ORIGIN) {
        None => app.cookies.gate.is_none() && !headers.get(&header_names::SEC_FETCH_SITE).is_some_and(is_foreign),
        Some(origin) => origin.to_str().is_ok_and(|origin| is_known_origin(app, origin)),
    };
    if known { Ok(()) } else { Err(ErrorCode::OriginNotAllowed.into()) }
}

fn is_foreign(site: &HeaderValue) -> bool {
    site != "same-origin" && site != "none"
}

/// Whether an origin is Claviger's own or one of `gate.origins`.
pub fn is_known_origin(app: &App, origin: &str) -> bool {
    origin == app.public_url || app.config.gate.origins.iter().any(|known| known == origin)
}

fn answer_of(app: &App, request: &HttpRequest, decision: &Decision, client: Client, request_id: &str) -> HttpResponse {
    match decision.outcome {
        Ok(()) => {
            let mut response = HttpResponse::new(StatusCode::OK);
            let headers = response.headers_mut();
            identity_headers::add(headers, &decision.credential);
            limits::add(headers, decision);
            response
        }
        Err(code) => {
            let retry_after = (decision.wait_us > 0).then(|| limits::seconds(decision.wait_us));
            let error = ServiceError { retry_after, ..code.into() };
            let mut response = refusal(app, request, &error, client, request_id);
            limits::add(response.headers_mut(), decision);
            response
        }
    }
}

fn refusal(app: &App, request: &HttpRequest, error: &ServiceError, client: Client, request_id: &str) -> HttpResponse {
    if error.code.status() == 401
        && let Some(location) = sign_in_page(app, request, client)
    {
        let mut response = HttpResponse::new(StatusCode::FOUND);
        response.headers_mut().insert(LOCATION, location);
        return response;
    }
    let presented = error.code != ErrorCode::CredentialsMissing;
    answer::render(error, request_id, presented)
}

/// Where `gate.redirect_browsers` sends a browser that is not signed in. The way back is named only where it leads to
/// an application that is known.
fn sign_in_page(app: &App, request: &HttpRequest, client: Client) -> Option<HeaderValue> {
    let headers = request.headers();
    let accepts_html =
        headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|accept| accept.contains("text/html"));
    let original = forwarded::read(headers, request.method().as_str(), client.through_proxy).ok()?;
    if !app.config.gate.redirect_browsers || !accepts_html || original.method != "GET" {
        return None;
    }
    let proto = headers.get(&header_names::X_FORWARDED_PROTO).and_then(|proto| proto.to_str().ok());
    let origin = format!("{}://{}", proto.unwrap_or("https"), original.host);
    let mut location = format!("{}/sign-in", app.public_url);
    if is_known_origin(app, &origin) {
        let mut back = origin;
        back.push_str(&String::from_utf8_lossy(original.target));
        location.push_str("?returnTo=");
        location.extend(percent_encoding::utf8_percent_encode(&back, percent_encoding::NON_ALPHANUMERIC));
    }
    HeaderValue::try_from(location).ok()
}

impl Decision {
    /// Passes as anonymous, uncounted.
    fn free() -> Self {
        Decision {
            outcome: Ok(()),
            credential: Credential::Anonymous,
            standings: Default::default(),
            class: None,
            wait_us: 0,
        }
    }
}
