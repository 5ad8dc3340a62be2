//! The whole route table: each line says its method, its path, what it demands, and its handler.
//!
//! What a route demands is judged by [`super::admission`], exported to the OpenAPI document (`x-demands`), and walked by
//! a test that knows what is expected of each.

use std::sync::Arc;

use actix_web::http::Method;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::middleware::from_fn;
use actix_web::{HttpRequest, HttpResponse, Route, guard, web};

use super::access::Access;
use super::answer::{Answer, HttpError};
use super::{
    App, account, admission, api_keys, audit_log, auth, cross_origin, embed, envelope, events, invitations, key_check,
    mail, members, openapi, organization, own_sessions, pages, passwords, project_prd, project_shares, projects,
    registration, requests, setup, shares, system, templates, verification, verify, webhooks, widget_sessions, widgets,
};
use crate::error_code::ErrorCode;
use crate::role::Role;

/// One line of the table.
#[derive(Clone)]
pub struct Line {
    /// The method; GET answers HEAD too.
    pub method: Method,
    /// The path.
    pub path: &'static str,
    /// Who may.
    pub access: Access,
    handler: fn() -> Route,
}

macro_rules! table {
    ($($method:ident $path:literal $access:expr => $handler:path;)*) => {
        vec![$(Line {
            method: Method::$method,
            path: $path,
            access: $access,
            handler: || web::to($handler),
        },)*]
    };
}

/// Every route but `/verify`, which takes any method and has a way of its own.
pub fn table() -> Vec<Line> {
    use Access::{
        Any, AnyOrWidget, Anyone, AnyonePerNetwork, CrossOrigin, Open, PerNetwork, Preflight, Session, Shared,
        Unlimited,
    };
    use Role::{Admin, Member, Owner, Viewer};
    table! {
        GET    "/livez"                                Open              => system::livez;
        GET    "/readyz"                               Open              => system::readyz;
        GET    "/openapi.json"                         Open              => openapi::document;
        GET    "/v1/version"                           Any(Viewer)       => system::version;

        GET    "/sign-in"                              Open              => pages::sign_in;
        GET    "/setup"                                Open              => pages::entry;
        GET    "/register"                             Open              => pages::entry;
        GET    "/forgot-password"                      Open              => pages::entry;
        GET    "/reset-password"                       Open              => pages::entry;
        GET    "/verify-email"                         Open              => pages::entry;
        GET    "/sign-in-link"                         Open              => pages::entry;
        GET    "/invite"                               Open              => pages::entry;
        GET    "/share"                                Open              => pages::entry;
        GET    "/"                                     Open              => pages::workspace;
        GET    "/account"                              Open              => pages::workspace;
        GET    "/projects"                             Open              => pages::workspace;
        GET    "/admin/settings/developer"             Open              => pages::workspace;
        GET    "/admin/settings/team"                  Open              => pages::workspace;
        GET    "/admin/settings/organization"          Open              => pages::workspace;
        GET    "/admin/settings/webhooks"              Open              => pages::workspace;
        GET    "/admin/settings/widgets"               Open              => pages::workspace;
        GET    "/admin/settings/templates"             Open              => pages::workspace;
        GET    "/admin/audit"                          Open              => pages::workspace;
        GET    "/admin/mail"                           Open              => pages::workspace;
        GET    "/assets/{name}"                        Open              => pages::asset;

        POST   "/api/setup"                            PerNetwork        => setup::found;
        POST   "/api/auth/sign-in"                     PerNetwork        => auth::sign_in;
        POST   "/api/auth/sign-out"                    Anyone            => auth::sign_out;
        GET    "/api/auth/session"                     AnyOrWidget       => auth::session;

        POST   "/api/auth/register"                    PerNetwork        => registration::register;
        GET    "/api/auth/verify-email"                Anyone            => verification::follow;
        POST   "/api/auth/verify-email"                Anyone            => verification::verify;
        POST   "/api/auth/resend-verification"         AnyonePerNetwork  => verification::resend;
        POST   "/api/auth/forgot-password"             PerNetwork        => passwords::forgot;
        POST   "/api/auth/reset-password"              PerNetwork        => passwords::reset;
        POST   "/api/auth/change-password"             Session(Viewer)   => passwords::change;
        PATCH  "/api/auth/profile"                     Session(Viewer)   => account::update_profile;
        POST   "/api/auth/change-email"                Session(Viewer)   => account::change_email;
        DELETE "/api/auth/account"                     Session(Viewer)   => account::delete;
        POST   "/api/auth/sign-in-link"                PerNetwork        => auth::sign_in_with_link;
        GET    "/api/auth/sessions"                    Session(Viewer)   => own_sessions::list;
        DELETE "/api/auth/sessions"                    Session(Viewer)   => own_sessions::end_others;
        DELETE "/api/auth/sessions/{id}"               Session(Viewer)   => own_sessions::end;
        POST   "/api/auth/switch-organization"         Session(Viewer)   => own_sessions::switch;

        POST   "/api/keys/verify"                      Unlimited(Member) => key_check::check;

        GET    "/api/admin/rest-api-keys"              Any(Admin)        => api_keys::list;
        POST   "/api/admin/rest-api-keys"              Any(Admin)        => api_keys::create;
        GET    "/api/admin/rest-api-keys/{id}"         Any(Admin)        => api_keys::get;
        PATCH  "/api/admin/rest-api-keys/{id}"         Any(Admin)        => api_keys::change;
        DELETE "/api/admin/rest-api-keys/{id}"         Any(Admin)        => api_keys::delete;
        POST   "/api/admin/rest-api-keys/{id}/rotate"  Any(Admin)        => api_keys::rotate;
        GET    "/api/admin/rest-api-keys/{id}/requests" Any(Admin)       => requests::of_key;
        GET    "/api/admin/rest-api-keys/{id}/usage"   Any(Admin)        => requests::usage;
        GET    "/api/admin/requests"                   Any(Admin)        => requests::of_organization;
        GET    "/api/admin/usage"                      Any(Admin)        => requests::usage_of_keys;

        GET    "/api/admin/audit-log"                  Any(Admin)        => audit_log::list;
        GET    "/api/admin/audit-log/export"           Any(Admin)        => audit_log::export;

        GET    "/api/admin/mail"                       Session(Admin)    => mail::list;
        POST   "/api/admin/mail/{id}/retry"            Session(Admin)    => mail::retry;
        POST   "/api/auth/invite-info"                 PerNetwork        => invitations::info;
        POST   "/api/auth/accept-invite"               Session(Viewer)   => invitations::accept;
        GET    "/api/members"                          Any(Viewer)       => members::colleagues;
        GET    "/api/admin/members"                    Any(Admin)        => members::list;
        GET    "/api/admin/members/{userId}"           Any(Admin)        => members::get;
        PATCH  "/api/admin/members/{userId}"           Any(Admin)        => members::change;
        DELETE "/api/admin/members/{userId}"           Any(Admin)        => members::remove;
        POST   "/api/admin/members/{userId}/unlock"    Any(Admin)        => members::unlock;
        GET    "/api/admin/invites"                    Any(Admin)        => invitations::list;
        POST   "/api/admin/invites"                    Any(Admin)        => invitations::create;
        DELETE "/api/admin/invites/{id}"               Any(Admin)        => invitations::revoke;
        POST   "/api/admin/invites/{id}/resend"        Any(Admin)        => invitations::resend;
        GET    "/api/admin/organization"               Any(Admin)        => organization::get;
        PATCH  "/api/admin/organization"               Any(Admin)        => organization::change;
        DELETE "/api/admin/organization"               Session(Owner)    => organization::delete;

        GET    "/api/projects"                         Any(Viewer)       => projects::list;
        POST   "/api/projects"                         Any(Member)       => projects::create;
        GET    "/api/projects/{id}"                    Shared(Viewer)    => projects::get;
        PATCH  "/api/projects/{id}"                    Any(Member)       => projects::change;
        DELETE "/api/projects/{id}"                    Any(Member)       => projects::delete;
        GET    "/api/projects/{id}/prd"                Shared(Viewer)    => project_prd::get;
        PUT    "/api/projects/{id}/prd"                Any(Member)       => project_prd::put;
        GET    "/api/projects/{id}/prd/versions"       Any(Viewer)       => project_prd::versions;
        GET    "/api/projects/{id}/prd/versions/{n}"   Any(Viewer)       => project_prd::get_version;
        POST   "/api/projects/{id}/status"             Any(Member)       => projects::change_status;
        GET    "/api/projects/{id}/status-history"     Shared(Viewer)    => projects::status_history;
        GET    "/api/projects/{id}/activity"           Shared(Viewer)    => projects::activity;
        PUT    "/api/projects/{id}/members/{userId}"   Any(Member)       => projects::put_member;
        DELETE "/api/projects/{id}/members/{userId}"   Any(Viewer)       => projects::delete_member;
        GET    "/api/admin/templates"                  Any(Viewer)       => templates::list;
        POST   "/api/admin/templates"                  Any(Admin)        => templates::create;
        GET    "/api/admin/templates/{id}"             Any(Viewer)       => templates::get;
        PATCH  "/api/admin/templates/{id}"             Any(Admin)        => templates::change;
        DELETE "/api/admin/templates/{id}"             Any(Admin)        => templates::delete;

        GET    "/api/projects/{id}/shares"             Any(Member)       => project_shares::list;
        POST   "/api/projects/{id}/shares"             Any(Member)       => project_shares::create;
        DELETE "/api/projects/{id}/shares/{shareId}"   Any(Member)       => project_shares::revoke;
        GET    "/api/shares"                           Any(Member)       => shares::list;
        POST   "/api/shares"                           Any(Member)       => shares::create;
        DELETE "/api/shares/{id}"                      Any(Member)       => shares::revoke;

        GET    "/api/admin/webhooks"                   Any(Admin)        => webhooks::list;
        POST   "/api/admin/webhooks"                   Any(Admin)        => webhooks::create;
        GET    "/api/admin/webhooks/{id}"              Any(Admin)        => webhooks::get;
        PATCH  "/api/admin/webhooks/{id}"              Any(Admin)        => webhooks::change;
        DELETE "/api/admin/webhooks/{id}"              Any(Admin)        => webhooks::delete;
        GET    "/api/admin/webhooks/{id}/secret"       Session(Admin)    => webhooks::secret;
        POST   "/api/admin/webhooks/{id}/rotate-secret" Any(Admin)       => webhooks::rotate;
        POST   "/api/admin/webhooks/{id}/test"         Any(Admin)        => webhooks::test;
        GET    "/api/admin/webhooks/{id}/deliveries"   Any(Admin)        => webhooks::deliveries;
        POST   "/api/admin/webhooks/{id}/deliveries/{deliveryId}/retry" Any(Admin) => webhooks::retry;
        POST   "/api/events"                           Any(Member)       => events::publish;

        GET    "/embed.js"                             Open              => embed::script;
        OPTIONS "/api/widgets/{id}/session"            Preflight         => widget_sessions::preflight;
        POST   "/api/widgets/{id}/session"             CrossOrigin       => widget_sessions::open;
        GET    "/api/admin/widgets"                    Any(Admin)        => widgets::list;
        POST   "/api/admin/widgets"                    Any(Admin)        => widgets::create;
        GET    "/api/admin/widgets/{id}"               Any(Admin)        => widgets::get;
        PATCH  "/api/admin/widgets/{id}"               Any(Admin)        => widgets::change;
        DELETE "/api/admin/widgets/{id}"               Any(Admin)        => widgets::delete;
        GET    "/api/admin/widgets/{id}/secret"        Session(Admin)    => widgets::secret;
        POST   "/api/admin/widgets/{id}/rotate-secret" Any(Admin)        => widgets::rotate_secret;
    }
}

/// What Markdown of 1 MB can become as JSON, where each of its bytes is an escape of six, with room for what is beside it.
const MARKDOWN_BODY: usize = 6 * crate::services::texts::MAX_MARKDOWN + 65_536;

/// How long a body may be, where it is not `server.max_body_bytes`.
fn body_limit(path: &str) -> Option<usize> {
    matches!(path, "/api/projects/{id}/prd" | "/api/admin/templates" | "/api/admin/templates/{id}")
        .then_some(MARKDOWN_BODY)
}

/// Registers `/verify` and the table.
pub fn register(app: &App, config: &mut web::ServiceConfig) {
    config.service(web::resource("/verify").route(web::to(verify::verify)));
    let lines = table();
    let mut scope = web::scope("").wrap(from_fn(envelope::wrap)).default_service(web::to(nothing_here));
    let mut paths: Vec<&'static str> = Vec::new();
    for line in &lines {
        if !paths.contains(&line.path) {
            paths.push(line.path);
        }
    }
    let limit = app.config.auth.requests_per_minute;
    for path in paths {
        let mut resource = web::resource(path);
        if let Some(bytes) = body_limit(path) {
            resource = resource.app_data(web::PayloadConfig::new(bytes));
        }
        let mut methods = Vec::new();
        for (index, line) in lines.iter().enumerate().filter(|(_, line)| line.path == path) {
            methods.push(line.method.as_str());
            resource = resource.route(route(line, index, limit));
        }
        let allow = allow_header(&methods);
        scope = scope.service(resource.default_service(web::to(move || method_not_allowed(allow.clone()))));
    }
    config.service(scope);
}

fn route(line: &Line, index: usize, requests_per_minute: u32) -> Route {
    let mut route = (line.handler)();
    route = if line.method == Method::GET {
        route.guard(guard::Any(guard::Get()).or(guard::Head()))
    } else {
        route.method(line.method.clone())
    };
    if let Some(demands) = line.access.demands(index, requests_per_minute) {
        let demands = Arc::new(demands);
        route = route.wrap(from_fn(move |request, next| admission::wrap(Arc::clone(&demands), request, next)));
    }
    match line.access {
        Access::CrossOrigin | Access::Preflight => route.wrap(from_fn(cross_origin::wrap)),
        _ => route,
    }
}

fn allow_header(methods: &[&str]) -> String {
    let mut names: Vec<&str> = methods.to_vec();
    if names.contains(&"GET") {
        names.push("HEAD");
    }
    names.join(", ")
}

async fn method_not_allowed(allow: String) -> HttpResponse {
    let mut response = HttpResponse::from_error(HttpError::from(ErrorCode::MethodNotAllowed));
    if let Ok(allow) = HeaderValue::try_from(allow) {
        response.headers_mut().insert(ALLOW, allow);
    }
    response
}

/// A method that HTTP does not use here is refused as such on every path.
async fn nothing_here(request: HttpRequest) -> Answer {
    match request.method().as_str() {
        "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" => Err(ErrorCode::NotFound.into()),
        _ => Err(ErrorCode::MethodNotAllowed.into()),
    }
}
