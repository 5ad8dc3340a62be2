//! `/api/auth`: signing in and out, and who one is.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, SET_COOKIE};
use serde::{Deserialize, Serialize};

use super::answer::{Answer, json, ok};
use super::call::{Body, Call};
use super::cookies::CookieNames;
use super::openapi::ErrorBody;
use crate::clock::{SECOND, UnixMillis, to_rfc3339};
use crate::gate::decide::Credential;
use crate::gate::widget::WidgetRecord;
use crate::services::lockout::Whose;
use crate::services::sessions::{self, Identity, SignedIn};
use crate::services::sign_in_links;
use crate::store::users::User;

/// What one signs in with.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInRequest {
    email: String,
    password: String,
}

/// A sign-in link's token.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInLinkRequest {
    token: String,
}

/// Who a credential belongs to.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionView {
    /// `session` or `api_key`.
    method: &'static str,
    /// null for a key that its organization owns.
    user: Option<UserView>,
    organization: OrganizationView,
    /// What one may do.
    role: &'static str,
    /// All of the user's organizations; empty for a key.
    organizations: Vec<MembershipView>,
    /// The key, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<KeyIdentityView>,
    /// When the session or the key ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

/// What `GET /api/auth/session` tells.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum WhoAmI {
    /// To a person or a key.
    Member(Box<SessionView>),
    /// To a widget's session.
    Widget(Box<WidgetIdentityView>),
}

/// Who a widget's session belongs to. Whoever is on the customer's page can read it.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WidgetIdentityView {
    /// `widget`
    method: &'static str,
    /// The user id that its hash has proved; null = anonymous.
    user_id: Option<String>,
    widget: WidgetNameView,
    /// What the page says of its user, without proof.
    claims: ClaimsView,
    expires_at: String,
}

#[derive(Serialize, utoipa::ToSchema)]
struct WidgetNameView {
    /// `wgt_…`
    id: String,
    name: String,
}

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct ClaimsView {
    name: Option<String>,
    email: Option<String>,
    /// Only where it came without its hash.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
}

impl From<&WidgetRecord> for WidgetIdentityView {
    fn from(record: &WidgetRecord) -> Self {
        let claims = record.claims.clone();
        WidgetIdentityView {
            method: "widget",
            user_id: Some(record.subject.to_string()).filter(|user| !user.is_empty()),
            widget: WidgetNameView { id: record.widget.clone(), name: record.name.clone() },
            claims: ClaimsView { name: claims.name, email: claims.email, user_id: claims.user_id },
            expires_at: to_rfc3339(record.expires_at),
        }
    }
}

/// A person, as they see themselves.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserView {
    id: String,
    name: String,
    email: String,
    email_verified: bool,
    timezone: String,
}

#[derive(Serialize, utoipa::ToSchema)]
struct OrganizationView {
    id: String,
    name: String,
    plan: String,
    home: bool,
}

#[derive(Serialize, utoipa::ToSchema)]
struct MembershipView {
    id: String,
    name: String,
    role: &'static str,
}

#[derive(Serialize, utoipa::ToSchema)]
struct KeyIdentityView {
    id: String,
    name: String,
    environment: &'static str,
    scopes: Option<Vec<String>>,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        UserView {
            id: user.id,
            name: user.name,
            email: user.email,
            email_verified: user.email_verified_at.is_some(),
            timezone: user.timezone,
        }
    }
}

impl From<Identity> for SessionView {
    fn from(identity: Identity) -> Self {
        let organization = identity.organization;
        SessionView {
            method: identity.method,
            user: identity.user.map(UserView::from),
            organization: OrganizationView {
                id: organization.id,
                name: organization.name,
                plan: organization.plan,
                home: organization.home,
            },
            role: identity.role.as_str(),
            organizations: identity
                .organizations
                .into_iter()
                .map(|membership| MembershipView {
                    id: membership.organization_id,
                    name: membership.organization_name,
                    role: membership.role.as_str(),
                })
                .collect(),
            key: identity.key.map(|key| KeyIdentityView {
                id: key.id,
                name: key.name,
                environment: key.environment,
                scopes: key.scopes,
            }),
            expires_at: identity.expires_at.map(to_rfc3339),
        }
    }
}

/// The answer that opens a session: who one is, and the cookies.
pub fn signed_in(status: StatusCode, names: &CookieNames, signed_in: SignedIn, now: UnixMillis) -> Answer {
    let seconds = (signed_in.expires_at - now) / SECOND;
    let session = names.set_session(signed_in.token.reveal(), seconds);
    let gate = signed_in.gate_token.as_ref().and_then(|token| names.set_gate(token.reveal(), seconds));
    let mut response = json(status, &SessionView::from(signed_in.identity))?;
    add_cookies(&mut response, std::iter::once(session).chain(gate));
    Ok(response)
}

/// Sets cookies.
pub fn add_cookies(response: &mut HttpResponse, cookies: impl IntoIterator<Item = String>) {
    for cookie in cookies {
        if let Ok(value) = HeaderValue::try_from(cookie) {
            response.headers_mut().append(SET_COOKIE, value);
        }
    }
}

/// Signs in
///
/// Sets a fresh session cookie. An unknown address and a wrong password get the same answer, after the same work. Five
/// wrong ones lock the account for a while (423), networks that its user signed in from lately apart from all others.
#[utoipa::path(post, path = "/api/auth/sign-in", tag = "Accounts", request_body = SignInRequest,
    responses((status = 200, body = SessionView), (status = 401, body = ErrorBody), (status = 423, body = ErrorBody),
        (status = 429, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn sign_in(call: Call, body: Body) -> Answer {
    let (app, now) = (call.app.clone(), call.info.at.unix_ms);
    let SignInRequest { email, password } = body.parse()?;
    let result = call
        .run_at_place(Whose::Address(email), |services, context, attempt| {
            sessions::sign_in(services, context, attempt, password)
        })
        .await?;
    signed_in(StatusCode::OK, &app.cookies, result, now)
}

/// Signs in with a link
///
/// The link comes from `claviger login-link`; it is good once, for ten minutes, and ends a lockout.
#[utoipa::path(post, path = "/api/auth/sign-in-link", operation_id = "sign_in_with_link", tag = "Accounts",
    request_body = SignInLinkRequest,
    responses((status = 200, body = SessionView), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 429, body = ErrorBody)))]
pub async fn sign_in_with_link(call: Call, body: Body) -> Answer {
    let (app, now) = (call.app.clone(), call.info.at.unix_ms);
    let result = call
        .run(move |services, context| {
            let request: SignInLinkRequest = body.parse()?;
            sign_in_links::sign_in(services, context, &request.token)
        })
        .await?;
    signed_in(StatusCode::OK, &app.cookies, result, now)
}

/// Signs out
///
/// 204 with or without a session.
#[utoipa::path(post, path = "/api/auth/sign-out", tag = "Accounts", responses((status = 204)))]
pub async fn sign_out(call: Call) -> Answer {
    let app = call.app.clone();
    if let Credential::Session(session) = call.credential.clone() {
        call.run(move |services, context| sessions::sign_out(services, context, &session)).await?;
    }
    let mut response = HttpResponse::NoContent().finish();
    add_cookies(&mut response, app.cookies.clear());
    Ok(response)
}

/// Who am I
///
/// For any credential; a widget's session is told its user and what the page claims.
#[utoipa::path(get, path = "/api/auth/session", operation_id = "get_session",
    tag = "Accounts",
    responses((status = 200, body = WhoAmI), (status = 401, body = ErrorBody)))]
pub async fn session(call: Call) -> Answer {
    let credential = call.credential.clone();
    if let Credential::Widget(record) = &credential {
        return ok(&WhoAmI::Widget(Box::new(record.as_ref().into())));
    }
    let identity = call.run(move |services, context| sessions::identify(services, context, &credential)).await?;
    ok(&WhoAmI::Member(Box::new(identity.into())))
}
