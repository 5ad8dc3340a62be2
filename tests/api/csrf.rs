//! Requests with a cookie must come from Claviger's own pages (security test 22).

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::support::{App, EMAIL, KEYS, PASSWORD, Session, error_of};

const PUBLIC_URL: &str = "https://keys.example.com";

const FOREIGN: &[(&str, &str)] = &[
    ("Origin", "https://evil.example"),
    ("Origin", "https://app.example.com"),
    ("Origin", "https://evil.keys.example.com"),
    ("Origin", "https://keys.example.com.evil.example"),
    ("Origin", "http://keys.example.com"),
    ("Origin", "https://keys.example.com:8443"),
    ("Origin", "null"),
    ("Sec-Fetch-Site", "cross-site"),
    ("Sec-Fetch-Site", "same-site"),
    ("Sec-Fetch-Site", "nonsense"),
];

const OWN: &[(&str, &str)] = &[("Origin", PUBLIC_URL), ("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "none")];

async fn spawn() -> (App, Session) {
    App::spawn_with(|config| config.server.public_url = Some(PUBLIC_URL.into())).await
}

async fn refused(request: RequestBuilder, what: &str) {
    assert_eq!(error_of(request.send().await.unwrap()).await, (403, "CSRF_REJECTED".into()), "{what}");
}

async fn names(session: &Session) -> Vec<Value> {
    let page: Value = session.get(KEYS).await.json().await.unwrap();
    page["items"].as_array().unwrap().iter().map(|key| key["name"].clone()).collect()
}

#[tokio::test]
async fn a_change_from_another_site_is_refused_and_changes_nothing() {
    let (_app, session) = spawn().await;
    let key = session.make_key(json!({})).await;
    let of_key = format!("{KEYS}/{}", key.id);
    for (name, value) in FOREIGN {
        let what = format!("{name}: {value}");
        let from_there = |method: Method, path: &str| session.request(method, path).header(*name, *value);
        refused(from_there(Method::POST, KEYS).json(&json!({ "name": "b" })), &what).await;
        refused(from_there(Method::PATCH, &of_key).json(&json!({ "name": "b" })), &what).await;
        refused(from_there(Method::POST, &format!("{of_key}/rotate")), &what).await;
        refused(from_there(Method::DELETE, &of_key), &what).await;
        refused(from_there(Method::POST, "/api/auth/sign-out"), &what).await;
        assert_eq!(from_there(Method::GET, &of_key).send().await.unwrap().status(), 200, "reading is free: {what}");
    }
    assert_eq!(names(&session).await, ["A key"]);
}

#[tokio::test]
async fn a_change_from_its_own_pages_passes_with_a_body_and_without() {
    let (app, _) = spawn().await;
    for (name, value) in OWN {
        let session = app.session_of(&app.sign_in(EMAIL, PASSWORD).await);
        let from_here = |method: Method, path: &str| session.request(method, path).header(*name, *value);
        let made = from_here(Method::POST, KEYS).json(&json!({ "name": "b" })).send().await.unwrap();
        assert_eq!(made.status(), 201, "{name}: {value}");
        let made: Value = made.json().await.unwrap();
        let of_key = format!("{KEYS}/{}", made["id"].as_str().unwrap());
        assert_eq!(from_here(Method::DELETE, &of_key).send().await.unwrap().status(), 204);
        assert_eq!(from_here(Method::POST, "/api/auth/sign-out").send().await.unwrap().status(), 204);
    }
}

#[tokio::test]
async fn a_body_that_a_form_could_send_is_refused() {
    let (_app, session) = spawn().await;
    let body = r#"{"name":"b"}"#;
    for media_type in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx", ""]
    {
        let request = session.request(Method::POST, KEYS).header("Content-Type", media_type).body(body);
        refused(request, media_type).await;
    }
    refused(session.request(Method::POST, KEYS).body(body), "no type").await;
    refused(session.request(Method::POST, "/api/auth/sign-out").body("x"), "a body where none is read").await;
    let charset = session.request(Method::POST, KEYS).header("Content-Type", "Application/JSON; charset=utf-8");
    assert_eq!(charset.body(body).send().await.unwrap().status(), 201);
    assert_eq!(names(&session).await, ["b"]);
}

#[tokio::test]
async fn sign_in_and_setup_are_guarded_without_a_cookie_too() {
    let (app, _) = spawn().await;
    for path in ["/api/auth/sign-in", "/api/setup"] {
        let body = json!({ "email": EMAIL, "password": PASSWORD });
        for (name, value) in FOREIGN {
            refused(app.request(Method::POST, path).header(*name, *value).json(&body), path).await;
        }
        let form = app.request(Method::POST, path).header("Content-Type", "text/plain").body(body.to_string());
        refused(form, path).await;
    }
    assert_eq!(app.sign_in(EMAIL, PASSWORD).await.status(), 200, "a client that sends none of these headers passes");
}

#[tokio::test]
async fn a_key_is_no_cookie_and_may_be_sent_from_anywhere() {
    let (app, session) = spawn().await;
    let key = session.make_key(json!({})).await;
    let request = app.request(Method::POST, KEYS).bearer_auth(&key.token).header("Origin", "https://evil.example");
    assert_eq!(request.json(&json!({ "name": "b" })).send().await.unwrap().status(), 201);
    let request = app.request(Method::POST, KEYS).bearer_auth(&key.token).header("Content-Type", "text/plain");
    let response = request.body(r#"{"name":"b"}"#).send().await.unwrap();
    assert_eq!(error_of(response).await, (415, "UNSUPPORTED_MEDIA_TYPE".into()));
}

#[tokio::test]
async fn no_other_origin_is_let_in_by_cors() {
    let (app, session) = spawn().await;
    let preflight = app
        .request(Method::OPTIONS, KEYS)
        .header("Origin", "https://evil.example")
        .header("Access-Control-Request-Method", "POST");
    let read = session.request(Method::GET, KEYS).header("Origin", "https://evil.example");
    for request in [preflight, read] {
        let response = request.send().await.unwrap();
        let cors = response.headers().keys().any(|name| name.as_str().starts_with("access-control-"));
        assert!(!cors, "{:?}", response.headers());
    }
}
