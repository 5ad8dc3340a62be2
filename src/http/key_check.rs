//! `POST /api/keys/verify`: for an application that checks keys itself.

use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

use super::answer::{Answer, HttpError, ok};
use super::call::{Body, Call};
use super::limits;
use crate::config::unify_address;
use crate::error_code::ErrorCode;
use crate::gate::credential::{CredentialHeaders, Presented};
use crate::gate::decide::{Credential, Facts};
use crate::gate::demand::{Allow, Demand, Organizations, RoleDemand};
use crate::gate::lookup::KeyRecord;
use crate::gate::{Decision, path};
use crate::role::Role;
use crate::services::error::{Faults, ServiceError};

/// What is to be checked.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CheckRequest {
    /// The key, as it was presented to the application.
    pub key: String,
    /// With a method or a path the gate's rules apply, as at `/verify`.
    pub method: Option<String>,
    /// The path, with or without a query.
    pub path: Option<String>,
    /// The host.
    pub host: Option<String>,
    /// The client's address. A key with an address list needs it.
    pub ip: Option<String>,
    /// What the client calls itself.
    pub user_agent: Option<String>,
    /// How much it draws from its limits: 1–1000, 1 by default.
    pub cost: Option<i64>,
}

/// What came of it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckAnswer {
    /// Whether the key may pass.
    pub valid: bool,
    /// Why not.
    pub code: Option<&'static str>,
    /// The same for people.
    pub message: String,
    /// `key_…`; null for a key that nobody has.
    pub key_id: Option<String>,
    /// The key's name.
    pub name: Option<String>,
    /// `org_…`
    pub organization_id: Option<String>,
    /// `usr_…`; null for a key that its organization owns.
    pub owner_id: Option<String>,
    /// What it may do now.
    pub role: Option<&'static str>,
    /// `live` or `test`.
    pub environment: Option<&'static str>,
    /// null = unrestricted.
    pub scopes: Option<Vec<String>>,
    /// The caller's own id for it.
    pub external_id: Option<String>,
    /// The caller's own notes.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<serde_json::Value>,
    /// Where the tightest limit stands; null where none applied.
    pub rate_limit: Option<RateLimitView>,
}

/// Where a limit stands.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RateLimitView {
    /// Requests in sixty seconds.
    pub limit: u32,
    /// How many more would pass now.
    pub remaining: u32,
    /// Whole seconds until the oldest leaves the window.
    pub reset_after: u64,
    /// Whole seconds until this one would pass, where it was limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

/// The parts of the request, read and checked.
struct Checked {
    method: String,
    path: Option<String>,
    host: String,
    ip: IpAddr,
    user_agent: String,
    cost: u32,
}

/// Checks a key
///
/// The key is limited, counted and recorded as at the gate; the call itself draws on nobody's limit. 200 for every
/// well-formed call. A key of another organization is `API_KEY_INVALID`, unless the caller is of the home organization.
#[utoipa::path(post, path = "/api/keys/verify", operation_id = "check_api_key",
    tag = "Gate", request_body = CheckRequest,
    responses((status = 200, body = CheckAnswer), (status = 400, body = super::openapi::ErrorBody)))]
pub async fn check(call: Call, body: Body) -> Answer {
    let request: CheckRequest = body.parse()?;
    let checked = parse(&request)?;
    let gate = &call.app.gate;
    let headers = CredentialHeaders { x_api_key: [Some(request.key.as_bytes()), None], ..Default::default() };
    let presented = match gate.shapes().read(&headers)? {
        Presented::Key(token) => Presented::Key(token),
        _ => Presented::Junk(ErrorCode::ApiKeyInvalid),
    };
    let credential = gate.resolve(presented, false, call.info.at).await?;
    let credential = hide_foreign(&call, credential);
    let facts = Facts {
        // The body may have taken its time, and so may the look-up.
        at: call.app.clock.now(),
        method: &checked.method,
        host: &checked.host,
        path: checked.path.as_deref().unwrap_or(""),
        ip: checked.ip,
        user_agent: &checked.user_agent,
        cost: checked.cost,
    };
    let decision = if checked.path.is_some() {
        let rule = gate.policy().find(&checked.method, &checked.host, facts.path).map_err(ServiceError::from)?;
        gate.admit(&rule.demand, credential, &facts).await
    } else {
        gate.admit(&of_the_key_alone(), credential, &facts).await
    };
    if let Err(code) = decision.outcome
        && code.status() >= 500
    {
        return Err(code.into());
    }
    ok(&answer(&decision))
}

/// Without a method or a path only the key itself is judged.
fn of_the_key_alone() -> Demand {
    Demand {
        allow: Allow { api_key: true, ..Allow::default() },
        organizations: Organizations::Any,
        role: RoleDemand::AtLeast(Role::Viewer),
        ..Demand::of_the_gate()
    }
}

fn parse(request: &CheckRequest) -> Result<Checked, HttpError> {
    let mut faults = Faults::default();
    let cost = match request.cost {
        None => 1,
        Some(cost @ 1..=1_000) => cost as u32,
        Some(_) => {
            faults.add("cost", "must be a whole number from 1 to 1000");
            1
        }
    };
    let ip = match request.ip.as_deref().map(str::parse::<IpAddr>) {
        // No key's address list has this one.
        None => Ipv4Addr::UNSPECIFIED.into(),
        Some(Ok(ip)) => unify_address(ip),
        Some(Err(_)) => {
            faults.add("ip", "must be an address such as 192.0.2.7");
            Ipv4Addr::UNSPECIFIED.into()
        }
    };
    let method = request.method.as_deref().unwrap_or("GET").to_ascii_uppercase();
    if method.is_empty() || method.len() > 32 || !method.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-') {
        faults.add("method", "must be a method of HTTP such as GET");
    }
    faults.check()?;
    let wanted = match (&request.path, &request.method) {
        (Some(path), _) => Some(path.as_str()),
        (None, Some(_)) => Some("/"),
        (None, None) => None,
    };
    let path = match wanted.map(|path| path::normalize(path.as_bytes())) {
        None => None,
        Some(Ok(path)) => Some(path.into_owned()),
        Some(Err(reason)) => return Err(ServiceError::new(ErrorCode::PathInvalid, reason.to_string()).into()),
    };
    Ok(Checked {
        method,
        path,
        host: request.host.clone().unwrap_or_default(),
        ip,
        user_agent: request.user_agent.clone().unwrap_or_default(),
        cost,
    })
}

/// Another organization's key is nobody's, for all but the home organization.
fn hide_foreign(call: &Call, credential: Credential) -> Credential {
    let own = call.credential.organization();
    match (&credential, own) {
        (Credential::Key(key), Some(own)) if own.home || key.organization.number == own.number => credential,
        (Credential::Key(_), _) => Credential::Refused(ErrorCode::ApiKeyInvalid),
        _ => credential,
    }
}

fn answer(decision: &Decision) -> CheckAnswer {
    let code = decision.outcome.err();
    let key: Option<&KeyRecord> = match &decision.credential {
        Credential::Key(key) => Some(key),
        _ => None,
    };
    let retry_after = (decision.wait_us > 0).then(|| limits::seconds(decision.wait_us));
    let message = match (code, retry_after) {
        (None, _) => String::from("The key is valid"),
        (Some(code @ ErrorCode::RateLimited), Some(seconds)) => {
            format!("{}. Please retry after {seconds} seconds.", code.message())
        }
        (Some(code), _) => code.message().to_owned(),
    };
    let standing = limits::tightest(decision.standings.key, decision.standings.class);
    CheckAnswer {
        valid: code.is_none(),
        code: code.map(ErrorCode::as_str),
        message,
        key_id: key.map(|key| key.id.clone()),
        name: key.map(|key| key.name.clone()),
        organization_id: key.map(|key| key.organization.id.clone()),
        owner_id: key.and_then(|key| key.owner.clone()),
        role: key.and_then(|key| key.role).map(Role::as_str),
        environment: key.map(|key| key.environment.as_str()),
        scopes: key.and_then(|key| key.scopes.clone()),
        external_id: key.and_then(|key| key.external_id.clone()),
        metadata: key.and_then(|key| key.metadata.as_deref()).and_then(|text| serde_json::from_str(text).ok()),
        rate_limit: standing.map(|standing| RateLimitView {
            limit: standing.limit,
            remaining: standing.remaining,
            reset_after: limits::seconds(standing.reset_us),
            retry_after,
        }),
    }
}
