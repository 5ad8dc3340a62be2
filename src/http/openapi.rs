//! `/openapi.json`: made from the handlers' own annotations and the route table.

use actix_web::HttpResponse;
use actix_web::http::header::HeaderName;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::OpenApi;

use super::access::Access;
use super::answer::{Answer, ok};
use super::{
    account, api_keys, audit_log, auth, events, invitations, key_check, mail, members, organization, own_sessions,
    passwords, project_prd, project_shares, projects, registration, requests, routes, setup, shares, system, templates,
    verification, webhooks, widget_sessions, widgets,
};

/// The body of every error.
#[derive(Serialize, utoipa::ToSchema)]
#[allow(dead_code)]
pub struct ErrorBody {
    /// The family: `unauthorized`.
    error: String,
    /// What exactly: `API_KEY_INVALID`.
    code: String,
    /// For people.
    message: String,
    /// The request's name, as in `X-Request-Id`.
    #[serde(rename = "requestId")]
    request_id: String,
    /// With `VALIDATION_FAILED`: what is wrong, by field.
    #[schema(value_type = Option<Object>)]
    fields: Option<Value>,
    /// With 423, 429 and 503: whole seconds.
    retry_after: Option<u64>,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Claviger",
        description = "Keys, limits and a ledger for your own APIs.",
        license(name = "MIT", identifier = "MIT")
    ),
    paths(
        system::livez,
        system::readyz,
        system::version,
        setup::found,
        auth::sign_in,
        auth::sign_out,
        auth::session,
        registration::register,
        verification::follow,
        verification::verify,
        verification::resend,
        passwords::forgot,
        passwords::reset,
        passwords::change,
        account::update_profile,
        account::change_email,
        account::delete,
        auth::sign_in_with_link,
        own_sessions::list,
        own_sessions::end,
        own_sessions::end_others,
        own_sessions::switch,
        key_check::check,
        api_keys::list,
        api_keys::create,
        api_keys::get,
        api_keys::change,
        api_keys::delete,
        api_keys::rotate,
        requests::of_key,
        requests::usage,
        requests::of_organization,
        requests::usage_of_keys,
        audit_log::list,
        audit_log::export,
        mail::list,
        mail::retry,
        invitations::info,
        invitations::accept,
        members::colleagues,
        members::list,
        members::get,
        members::change,
        members::remove,
        members::unlock,
        invitations::list,
        invitations::create,
        invitations::revoke,
        invitations::resend,
        organization::get,
        organization::change,
        organization::delete,
        projects::list,
        projects::create,
        projects::get,
        projects::change,
        projects::delete,
        project_prd::get,
        project_prd::put,
        project_prd::versions,
        project_prd::get_version,
        projects::change_status,
        projects::status_history,
        projects::activity,
        projects::put_member,
        projects::delete_member,
        templates::list,
        templates::create,
        templates::get,
        templates::change,
        templates::delete,
        project_shares::list,
        project_shares::create,
        project_shares::revoke,
        shares::list,
        shares::create,
        shares::revoke,
        webhooks::list,
        webhooks::create,
        webhooks::get,
        webhooks::change,
        webhooks::delete,
        webhooks::secret,
        webhooks::rotate,
        webhooks::test,
        webhooks::deliveries,
        webhooks::retry,
        events::publish,
        widgets::list,
        widgets::create,
        widgets::get,
        widgets::change,
        widgets::delete,
        widgets::secret,
        widgets::rotate_secret,
        widget_sessions::open,
        widget_sessions::preflight,
    )
)]
struct Annotations;

/// Pages for people, which are no part of the API.
pub fn is_page(path: &str) -> bool {
    !(path.starts_with("/api/") || path.starts_with("/v1/") || path == "/livez" || path == "/readyz")
}

/// The document: annotations, what each route demands, the credentials, and `/verify`.
pub fn build() -> Value {
    let mut document = serde_json::to_value(Annotations::openapi()).unwrap_or_default();
    for line in routes::table().into_iter().filter(|line| !is_page(line.path)) {
        let method = line.method.as_str().to_ascii_lowercase();
        let operation = &mut document["paths"][line.path][method];
        operation["x-demands"] = line.access.describe();
        let kinds: &[&str] = match line.access {
            Access::Session(_) => &["session"],
            Access::Any(_) | Access::AnyOrWidget | Access::Unlimited(_) => &["bearer", "apiKey", "session"],
            Access::Shared(_) => &["bearer", "apiKey", "session", "share"],
            _ => &[],
        };
        if !kinds.is_empty() {
            operation["security"] = kinds.iter().map(|kind| json!({ *kind: [] })).collect();
        }
    }
    document["components"]["securitySchemes"] = json!({
        "bearer": { "type": "http", "scheme": "bearer", "description": "An API key" },
        "apiKey": { "type": "apiKey", "in": "header", "name": "X-Api-Key" },
        "session": { "type": "apiKey", "in": "cookie", "name": "__Host-claviger",
                     "description": "`claviger` where public_url is http" },
        "share": { "type": "apiKey", "in": "header", "name": "X-Share-Token",
                   "description": "A share's token; with X-Share-Password, where the share has one" },
    });
    document["paths"]["/verify"] = verify();
    document
}

/// The proxies' endpoint takes any method; its answer is in its headers.
fn verify() -> Value {
    let header = |name: &str, description: &str| {
        json!({ "name": name, "in": "header", "required": false, "description": description,
                "schema": { "type": "string" } })
    };
    let auth_headers: serde_json::Map<String, Value> = super::identity_headers::NAMES
        .iter()
        .map(HeaderName::as_str)
        .chain(["ratelimit-policy", "ratelimit", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"])
        .map(|name| (name.to_string(), json!({ "schema": { "type": "string" } })))
        .collect();
    let refused = |description: &str| {
        json!({ "description": description,
                "content": { "application/json": { "schema": { "$ref": "#/components/schemas/ErrorBody" } } } })
    };
    let operation = json!({
        "tags": ["Gate"],
        "summary": "Forward-auth for proxies",
        "description": "Judges the request that the headers describe. Any method is taken.",
        "operationId": "verify",
        "parameters": [
            header("X-Forwarded-Method", "Or X-Original-Method"),
            header("X-Forwarded-Uri", "Or X-Original-URI"),
            header("X-Forwarded-Host", "The host that was asked"),
            header("X-Forwarded-Proto", "From a trusted proxy: the scheme that was used"),
            header("X-Forwarded-For", "From a trusted proxy: the client's address"),
        ],
        "responses": {
            "200": { "description": "It may pass; every one of these headers is there, empty where there is nothing to say",
                     "headers": auth_headers },
            "400": refused("It cannot be judged"),
            "401": refused("No credential, or one that is not good"),
            "403": refused("The credential may not do this"),
            "423": refused("Too many wrong passwords have locked the share"),
            "429": refused("A limit is reached"),
            "503": refused("It cannot be recorded"),
        },
        "x-demands": { "rules": true },
    });
    json!({ "get": operation })
}

/// The document
pub async fn document() -> Answer {
    let response: HttpResponse = ok(&build())?;
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_in_the_document_and_the_document_has_no_other() {
        let annotated = serde_json::to_value(Annotations::openapi()).unwrap();
        let mut listed = Vec::new();
        for line in routes::table().into_iter().filter(|line| !is_page(line.path)) {
            let method = line.method.as_str().to_ascii_lowercase();
            assert!(annotated["paths"][line.path][&method].is_object(), "{method} {} is not annotated", line.path);
            listed.push((line.path.to_owned(), method));
        }
        for (path, operations) in annotated["paths"].as_object().unwrap() {
            for method in operations.as_object().unwrap().keys() {
                assert!(listed.contains(&(path.clone(), method.clone())), "{method} {path} has no route");
            }
        }
    }
}
