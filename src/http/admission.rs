//! The gate, as the middleware of Claviger's own API: so that every endpoint takes keys with no code of its own.

use std::sync::Arc;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, HOST, HeaderMap, HeaderName, USER_AGENT};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, web};

use super::access::Demands;
use super::answer::HttpError;
use super::call::RequestInfo;
use super::{App, call, cookies, csrf, header_names, limits};
use crate::clock::{MINUTE, UnixMillis};
use crate::error_code::ErrorCode;
use crate::gate::Decision;
use crate::gate::credential::{CredentialHeaders, Presented, PresentedPassword};
use crate::gate::decide::{Credential, Facts};
use crate::gate::demand::Demand;
use crate::gate::lookup::SessionRecord;
use crate::gate::share::PresentedShare;
use crate::services::error::ServiceError;
use crate::services::{Actor, Context, sessions, share_passwords};

/// The credential headers of a request, with the value of this cookie.
pub fn credential_headers<'a>(headers: &'a HeaderMap, session: Option<&'a str>) -> CredentialHeaders<'a> {
    let mut more = false;
    let mut two = |name: &HeaderName| {
        let mut values = headers.get_all(name).map(|value| value.as_bytes());
        let two = [values.next(), values.next()];
        more |= values.next().is_some();
        two
    };
    let (authorization, x_api_key) = (two(&AUTHORIZATION), two(&header_names::X_API_KEY));
    let share_token = two(&header_names::X_SHARE_TOKEN);
    // Without its token a share's password means nothing.
    let share_password = if share_token[0].is_some() { two(&header_names::X_SHARE_PASSWORD) } else { [None; 2] };
    CredentialHeaders { authorization, x_api_key, session, share_token, share_password, more }
}

/// Whether anything was presented that a 401 should call invalid.
pub fn presents_something(app: &App, headers: &HeaderMap) -> bool {
    headers.contains_key(AUTHORIZATION)
        || headers.contains_key(&header_names::X_API_KEY)
        || headers.contains_key(&header_names::X_SHARE_TOKEN)
        || cookies::read(headers, &app.cookies.session).is_some()
}

/// The middleware of one route.
pub async fn wrap(
    demands: Arc<Demands>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let (http_request, payload) = request.into_parts();
    let decision = match admit(&demands, &http_request).await {
        Ok(decision) => decision,
        Err(error) => {
            let response = actix_web::HttpResponse::from_error(HttpError(error));
            return Ok(ServiceResponse::new(http_request, response));
        }
    };
    if let Err(code) = decision.outcome {
        let retry_after = (decision.wait_us > 0).then(|| limits::seconds(decision.wait_us));
        let error = HttpError(ServiceError { retry_after, ..code.into() });
        let mut response = actix_web::HttpResponse::from_error(error);
        limits::add(response.headers_mut(), &decision);
        return Ok(ServiceResponse::new(http_request, response));
    }
    http_request.extensions_mut().insert(decision.credential.clone());
    let mut response = next.call(ServiceRequest::from_parts(http_request, payload)).await?.map_into_boxed_body();
    limits::add(response.headers_mut(), &decision);
    Ok(response)
}

async fn admit(demands: &Demands, request: &HttpRequest) -> Result<Decision, ServiceError> {
    let app = request.app_data::<web::Data<App>>().ok_or_else(ServiceError::internal)?;
    let info = request.extensions().get::<RequestInfo>().cloned().ok_or_else(ServiceError::internal)?;
    let headers = request.headers();
    refuse_credentials_in_query(app, request)?;
    if demands.csrf_always {
        csrf::require_same_site(app, request.method(), headers)?;
    }
    let credential = if demands.looks_at_credentials {
        let cookie = cookies::read(headers, &app.cookies.session);
        let presented = app.gate.shapes().read(&credential_headers(headers, cookie))?;
        if matches!(presented, Presented::Session(..)) {
            csrf::require_same_site(app, request.method(), headers)?;
        }
        let credential = app.gate.resolve(presented, false, info.at).await?;
        match wanted_password(&demands.demand, &credential, presented) {
            Some((share, password)) => Box::pin(show_password(app, headers, &info, share, password)).await?,
            None => credential,
        }
    } else {
        Credential::Anonymous
    };
    let user_agent = headers.get(USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let host = headers.get(HOST).and_then(|value| value.to_str().ok()).unwrap_or("");
    let facts = Facts {
        // The look-up may have taken its time.
        at: app.clock.now(),
        method: request.method().as_str(),
        host,
        path: request.path(),
        ip: info.client.address,
        user_agent: user_agent.as_deref().unwrap_or(""),
        cost: 1,
    };
    let decision = app.gate.admit(&demands.demand, credential, &facts).await;
    if let (Ok(()), Credential::Session(session)) = (decision.outcome, &decision.credential) {
        note_use(app, session, info.at.unix_ms, &info.id).await;
    }
    Ok(decision)
}

/// That a session was used is noted once a minute; should that fail, it is not the caller's concern.
pub async fn note_use(app: &web::Data<App>, session: &Arc<SessionRecord>, now: UnixMillis, request_id: &str) {
    if now - session.last_seen_at < MINUTE {
        return;
    }
    let (services, session) = (app.services.clone(), session.clone());
    let noted = web::block(move || sessions::touch(&services, &session, now)).await;
    if !matches!(noted, Ok(Ok(()))) {
        tracing::warn!(request.id = request_id, "The use of a session could not be noted");
    }
}

/// The share whose password is to be looked at, and the password: only where shares of its kind are asked for, so that
/// nobody tries passwords, or locks a share, where it leaves no trace in the ledger.
pub fn wanted_password<'a>(
    demand: &Demand,
    credential: &Credential,
    presented: Presented<'a>,
) -> Option<(PresentedShare, PresentedPassword<'a>)> {
    match credential {
        Credential::Share(share) if share.record.is_wanted(&demand.allow) => {
            presented.share_password().map(|password| (share.clone(), password))
        }
        _ => None,
    }
}

/// Shows the password that came with a share's token.
pub async fn show_password(
    app: &App,
    headers: &HeaderMap,
    info: &RequestInfo,
    share: PresentedShare,
    password: PresentedPassword<'_>,
) -> Result<Credential, ServiceError> {
    let context = Context {
        actor: Actor::Credential(Credential::Share(share.clone())),
        now: info.at.unix_ms,
        ip: Some(info.client.address.to_string()),
        user_agent: call::user_agent(headers),
        request_id: Some(info.id.clone()),
    };
    let password = password.0.trim_ascii();
    Ok(Credential::Share(share_passwords::show(&app.services, context, info.at, share, password).await?))
}

/// 400 where a query value has the shape of a credential.
pub fn refuse_credentials_in_query(app: &App, request: &HttpRequest) -> Result<(), ServiceError> {
    let query = request.query_string();
    if query.is_empty() {
        return Ok(());
    }
    let found = query.split('&').any(|pair| {
        let value = pair.split_once('=').map_or(pair, |(_, value)| value);
        let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
        app.gate.shapes().is_credential(value.trim())
    });
    if found { Err(ErrorCode::CredentialsInQuery.into()) } else { Ok(()) }
}
