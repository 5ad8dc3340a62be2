//! `/openapi.json`: complete for what there is.

use claviger::http::routes;
use reqwest::Method;
use serde_json::{Value, json};

use super::support::{App, header};

async fn document() -> Value {
    let app = App::bare().await;
    let response = app.request(Method::GET, "/openapi.json").send().await.unwrap();
    assert_eq!((response.status().as_u16(), header(&response, "content-type")), (200, "application/json"));
    response.json().await.unwrap()
}

/// Where a `$ref` leads.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => document.pointer(reference.strip_prefix('#').unwrap()).unwrap_or(&Value::Null),
        None => value,
    }
}

fn body_fields(document: &Value, path: &str, method: &str) -> Vec<String> {
    let schema = &document["paths"][path][method]["requestBody"]["content"]["application/json"]["schema"];
    let schema = resolved(document, schema);
    let mut fields: Vec<String> = schema["properties"].as_object().unwrap().keys().cloned().collect();
    fields.sort();
    fields
}

fn sorted(fields: &str) -> Vec<String> {
    let mut fields: Vec<String> = fields.split(' ').map(str::to_owned).collect();
    fields.sort();
    fields
}

#[tokio::test]
async fn the_document_is_of_version_three_and_names_claviger() {
    let document = document().await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3."));
    assert_eq!(document["info"]["title"], "Claviger");
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    let schemes = document["components"]["securitySchemes"].as_object().unwrap();
    assert_eq!(schemes.keys().collect::<Vec<_>>(), ["apiKey", "bearer", "session", "share"]);
}

#[tokio::test]
async fn every_route_of_the_api_is_described_with_what_it_demands_and_answers() {
    let document = document().await;
    let mut routes = vec![("/verify".to_owned(), "get".to_owned())];
    for line in routes::table().into_iter().filter(|line| !claviger::http::openapi::is_page(line.path)) {
        routes.push((line.path.to_owned(), line.method.as_str().to_lowercase()));
    }
    for (path, method) in &routes {
        let operation = &document["paths"][path][method];
        for field in ["summary", "operationId"] {
            assert!(operation[field].as_str().is_some_and(|text| !text.is_empty()), "{method} {path}: {field}");
        }
        assert!(operation["x-demands"].is_object(), "{method} {path}");
        let good = operation["responses"].as_object().unwrap().keys().any(|status| status.starts_with('2'));
        assert!(good, "{method} {path}");
        let needs_credential = operation["x-demands"]["role"].is_string();
        assert_eq!(operation["security"].is_array(), needs_credential, "{method} {path}");
        for name in path.split('{').skip(1).map(|rest| rest.split('}').next().unwrap()) {
            let parameters = operation["parameters"].as_array().unwrap();
            let described = parameters.iter().any(|parameter| parameter["name"] == name && parameter["in"] == "path");
            assert!(described, "{method} {path}: {name}");
        }
    }
    let described = document["paths"].as_object().unwrap().values().map(|path| path.as_object().unwrap().len());
    assert_eq!(described.sum::<usize>(), routes.len(), "and nothing else");
    let mut names: Vec<&Value> = Vec::new();
    for path in document["paths"].as_object().unwrap().values() {
        names.extend(path.as_object().unwrap().values().map(|operation| &operation["operationId"]));
    }
    for (index, name) in names.iter().enumerate() {
        assert!(!names[index + 1..].contains(name), "{name} stands twice");
    }
}

#[tokio::test]
async fn every_reference_leads_somewhere() {
    fn walk(document: &Value, value: &Value) {
        if value["$ref"].is_string() {
            assert!(resolved(document, value).is_object(), "{value}");
        }
        match value {
            Value::Object(map) => map.values().for_each(|value| walk(document, value)),
            Value::Array(list) => list.iter().for_each(|value| walk(document, value)),
            _ => {}
        }
    }
    let document = document().await;
    walk(&document, &document);
}

#[tokio::test]
async fn the_bodies_have_every_field_of_the_contract() {
    let document = document().await;
    let keys = "/api/admin/rest-api-keys";
    let settings = "name expiresAt rateLimit environment role scopes ipAllowList owner externalId metadata active";
    assert_eq!(body_fields(&document, keys, "post"), sorted(settings));
    assert_eq!(body_fields(&document, "/api/admin/rest-api-keys/{id}", "patch"), sorted(settings));
    assert_eq!(body_fields(&document, "/api/admin/rest-api-keys/{id}/rotate", "post"), ["graceSeconds"]);
    assert_eq!(body_fields(&document, "/api/setup", "post"), sorted("token name email password organization"));
    assert_eq!(body_fields(&document, "/api/auth/sign-in", "post"), sorted("email password"));
    let widget = "name allowedOrigins requireIdentity webhookId requestsPerMinute";
    assert_eq!(body_fields(&document, "/api/admin/widgets", "post"), sorted(widget));
    assert_eq!(body_fields(&document, "/api/admin/widgets/{id}", "patch"), sorted(widget));
    let session = "userId userName userEmail userHash";
    assert_eq!(body_fields(&document, "/api/widgets/{id}/session", "post"), sorted(session));
    for (method, path, fields) in [
        ("post", "register", "name email password timezone inviteToken"),
        ("post", "verify-email", "token"),
        ("post", "resend-verification", "email"),
        ("post", "forgot-password", "email"),
        ("post", "reset-password", "token password confirmPassword"),
        ("post", "change-password", "currentPassword newPassword"),
        ("patch", "profile", "name timezone"),
        ("post", "change-email", "email password"),
        ("delete", "account", "password"),
    ] {
        assert_eq!(body_fields(&document, &format!("/api/auth/{path}"), method), sorted(fields), "{path}");
    }
    for (method, path, fields) in [
        ("post", "projects", "name description templateId"),
        ("patch", "projects/{id}", "name description"),
        ("put", "projects/{id}/prd", "content"),
        ("post", "projects/{id}/status", "status note"),
        ("put", "projects/{id}/members/{userId}", "access"),
        ("post", "admin/templates", "name description prd"),
        ("patch", "admin/templates/{id}", "name description prd"),
    ] {
        assert_eq!(body_fields(&document, &format!("/api/{path}"), method), sorted(fields), "{path}");
    }
    assert_eq!(body_fields(&document, "/api/keys/verify", "post"), sorted("key method path host ip userAgent cost"));
}

#[tokio::test]
async fn the_object_that_making_a_key_answers_is_described_field_by_field() {
    let (_app, session) = App::spawn().await;
    let document: Value = session.get("/openapi.json").await.json().await.unwrap();
    let key = session.make_key(json!({})).await;
    let answers = &document["paths"]["/api/admin/rest-api-keys"]["post"]["responses"];
    let schema = resolved(&document, &answers["201"]["content"]["application/json"]["schema"]);
    let parts: Vec<&Value> = match schema["allOf"].as_array() {
        Some(parts) => parts.iter().map(|part| resolved(&document, part)).collect(),
        None => vec![schema],
    };
    for field in key.object.as_object().unwrap().keys() {
        assert!(parts.iter().any(|part| part["properties"][field].is_object()), "{field}");
    }
}
