//! What a key cannot be given: each with its field named, and nothing made or changed.

use reqwest::Method;
use serde_json::{Value, json};

use super::at_once::fault_of;
use super::support::{App, KEYS, Session, error_of};

/// Field and value that neither making nor changing accepts.
fn out_of_bounds() -> Vec<(&'static str, Value)> {
    let many: Vec<String> = (0..51).map(|number| format!("s{number}")).collect();
    let networks: Vec<String> = (0..51).map(|number| format!("10.0.0.{number}")).collect();
    let mut cases = vec![
        ("name", json!("a".repeat(101))),
        ("name", json!("ä".repeat(101))),
        ("name", json!("")),
        ("name", json!(" \t ")),
        ("name", json!("a\nb")),
        ("name", json!("a\u{0}b")),
        ("name", json!("a\u{7f}b")),
        ("name", json!(null)),
        ("name", json!(7)),
        ("name", json!(["a"])),
        ("expiresAt", json!("2029-12-31T23:59:59Z")),
        ("expiresAt", json!("2030-01-01T00:00:00Z")),
        ("expiresAt", json!("2029-12-31")),
        ("expiresAt", json!("tomorrow")),
        ("expiresAt", json!("2031-02-30")),
        ("expiresAt", json!("")),
        ("expiresAt", json!(1_900_000_000)),
        ("rateLimit", json!(0)),
        ("rateLimit", json!(10_001)),
        ("rateLimit", json!(-1)),
        ("rateLimit", json!(4_294_967_297_i64)),
        ("rateLimit", json!(i64::MAX)),
        ("rateLimit", json!(u64::MAX)),
        ("rateLimit", json!(1.5)),
        ("rateLimit", json!("60")),
        ("role", json!("owner")),
        ("role", json!("root")),
        ("role", json!(null)),
        ("role", json!(1)),
        ("scopes", json!(many)),
        ("scopes", json!([""])),
        ("scopes", json!(["UPPER"])),
        ("scopes", json!(["a b"])),
        ("scopes", json!(["a".repeat(65)])),
        ("scopes", json!("a")),
        ("scopes", json!({ "a": 1 })),
        ("ipAllowList", json!(networks)),
        ("ipAllowList", json!(["nowhere"])),
        ("ipAllowList", json!(["10.0.0.0/33"])),
        ("ipAllowList", json!(["10.0.0.256"])),
        ("ipAllowList", json!([""])),
        ("ipAllowList", json!("10.0.0.1")),
        ("owner", json!("usr_1")),
        ("owner", json!(null)),
        ("owner", json!({ "kind": "user", "id": "usr_1" })),
        ("externalId", json!("")),
        ("externalId", json!("a b")),
        ("externalId", json!("é")),
        ("externalId", json!("a".repeat(129))),
        ("externalId", json!(7)),
        ("metadata", json!([])),
        ("metadata", json!("a")),
        ("metadata", json!({ "a": "x".repeat(4_089) })),
        ("active", json!("false")),
        ("active", json!(0)),
    ];
    for unknown in
        ["expiresat", "organizationId", "plan", "emailVerified", "createdBy", "id", "requestCount", "status", "key"]
    {
        cases.push((unknown, json!("x")));
    }
    cases
}

async fn assert_refused(response: reqwest::Response, field: &str, value: &Value) {
    let (status, code, fields) = fault_of(response).await;
    assert_eq!((status, code.as_str()), (400, "VALIDATION_FAILED"), "{field} {value}");
    let named = fields.as_object().unwrap().keys().any(|name| name == field || name.starts_with(&format!("{field}[")));
    assert!(named, "{field} {value}: {fields}");
}

async fn state_of(session: &Session) -> (Value, Value) {
    let keys: Value = session.get(KEYS).await.json().await.unwrap();
    let log: Value = session.get("/api/admin/audit-log").await.json().await.unwrap();
    (keys, log)
}

#[tokio::test]
async fn a_key_out_of_bounds_is_not_made() {
    let (_app, session) = App::spawn().await;
    let before = state_of(&session).await;
    for (field, value) in out_of_bounds() {
        let mut body = json!({ "name": "k" });
        body[field] = value.clone();
        assert_refused(session.post(KEYS, &body).await, field, &value).await;
    }
    for (field, body) in [
        ("name", json!({})),
        ("active", json!({ "name": "k", "active": true })),
        ("environment", json!({ "name": "k", "environment": "prod" })),
        ("environment", json!({ "name": "k", "environment": null })),
    ] {
        assert_refused(session.post(KEYS, &body).await, field, &body).await;
    }
    assert_eq!(state_of(&session).await, before);
}

#[tokio::test]
async fn a_change_out_of_bounds_changes_nothing() {
    let (_app, session) = App::spawn().await;
    let key = session.make_key(json!({})).await;
    let of_key = format!("{KEYS}/{}", key.id);
    let before = state_of(&session).await;
    for (field, value) in out_of_bounds() {
        // What is good beside it is not taken either.
        let body =
            if field == "externalId" { json!({ field: value }) } else { json!({ "externalId": "e", field: value }) };
        assert_refused(session.patch(&of_key, &body).await, field, &value).await;
    }
    let body = json!({ "environment": "test" });
    assert_refused(session.patch(&of_key, &body).await, "environment", &body).await;
    assert_eq!(state_of(&session).await, before);
}

#[tokio::test]
async fn every_fault_is_named_at_once() {
    let (_app, session) = App::spawn().await;
    let body = json!({ "name": "", "rateLimit": 0, "expiresAt": "soon", "scopes": ["A"], "externalId": " " });
    let (_, _, fields) = fault_of(session.post(KEYS, &body).await).await;
    assert_eq!(fields.as_object().unwrap().len(), 5, "{fields}");
}

#[tokio::test]
async fn the_bounds_themselves_are_accepted() {
    let (_app, session) = App::spawn().await;
    let scopes: Vec<String> = (0..50).map(|number| format!("{}{number:02}", "a".repeat(62))).collect();
    let networks: Vec<String> = (0..50).map(|number| format!("10.0.0.{number}")).collect();
    for (field, value) in [
        ("name", json!("a")),
        ("name", json!("ä".repeat(100))),
        ("rateLimit", json!(1)),
        ("rateLimit", json!(10_000)),
        ("expiresAt", json!("2030-01-01T00:00:00.001Z")),
        ("expiresAt", json!("2030-01-01")),
        ("scopes", json!([])),
        ("scopes", json!(scopes)),
        ("ipAllowList", json!(networks)),
        ("externalId", json!("!".repeat(128))),
        ("metadata", json!({ "a": "x".repeat(4_088) })),
        ("metadata", json!({})),
    ] {
        let mut body = json!({ "name": "k" });
        body[field] = value.clone();
        assert_eq!(session.post(KEYS, &body).await.status(), 201, "{field} {value}");
    }
}

#[tokio::test]
async fn a_bare_date_is_the_end_of_that_day() {
    let (_app, session) = App::spawn().await;
    let key = session.make_key(json!({ "expiresAt": "2030-01-01" })).await;
    assert_eq!(key.object["expiresAt"], "2030-01-01T23:59:59.999Z");
}

#[tokio::test]
async fn the_plan_may_lower_the_highest_limit() {
    let (_app, session) = App::spawn_with(|config| {
        config.plans.named.get_mut("enterprise").unwrap().max_rate_limit = 100;
    })
    .await;
    let body = json!({ "name": "k", "rateLimit": 101 });
    assert_refused(session.post(KEYS, &body).await, "rateLimit", &body).await;
    assert_eq!(session.make_key(json!({ "rateLimit": 100 })).await.object["requestsPerMinute"], 100);
}

#[tokio::test]
async fn a_body_that_is_no_json_object_is_refused() {
    let (_app, session) = App::spawn().await;
    let deep =
        format!("{{\"name\":\"k\",\"metadata\":{}{}}}", "{\"a\":".repeat(1_000), "1".to_owned() + &"}".repeat(1_000));
    let deep_list = "[".repeat(1_000);
    let send =
        |body: String| session.request(Method::POST, KEYS).header("Content-Type", "application/json").body(body).send();
    for (body, code) in [
        ("", "MALFORMED_JSON"),
        ("{", "MALFORMED_JSON"),
        ("{'name':'k'}", "MALFORMED_JSON"),
        ("{\"name\":\"k\"} x", "MALFORMED_JSON"),
        ("{\"name\":\"\\ud800\"}", "MALFORMED_JSON"),
        (deep.as_str(), "MALFORMED_JSON"),
        (deep_list.as_str(), "VALIDATION_FAILED"),
        ("[]", "VALIDATION_FAILED"),
        ("\"k\"", "VALIDATION_FAILED"),
        ("null", "VALIDATION_FAILED"),
        ("{\"name\":\"a\",\"name\":\"b\"}", "VALIDATION_FAILED"),
    ] {
        let shown: String = body.chars().take(40).collect();
        assert_eq!(error_of(send(body.to_owned()).await.unwrap()).await, (400, code.into()), "{shown}");
    }
    let fits = format!("{{\"name\":\"k\"{}}}", " ".repeat(65_536 - 12));
    assert_eq!(send(format!("{fits} ")).await.unwrap().status(), 413, "one byte too large");
    assert_eq!(send(fits).await.unwrap().status(), 201);
}

#[tokio::test]
async fn the_first_thing_that_is_wrong_is_what_is_answered() {
    let (app, session) = App::spawn().await;
    let member = session.make_key(json!({ "role": "member" })).await;
    let nobody = format!("{KEYS}/key_nobody");
    // The credential comes before everything, the role before the body, the key before the body.
    for (method, path) in [(Method::POST, KEYS), (Method::PATCH, &nobody)] {
        let malformed =
            |request: reqwest::RequestBuilder| request.header("Content-Type", "application/json").body("{").send();
        let response = malformed(app.request(method.clone(), path)).await.unwrap();
        assert_eq!(error_of(response).await, (401, "CREDENTIALS_MISSING".into()));
        let response = malformed(app.request(method.clone(), path).bearer_auth("junk")).await.unwrap();
        assert_eq!(error_of(response).await, (401, "API_KEY_INVALID".into()));
        let response = malformed(app.request(method.clone(), path).bearer_auth(&member.token)).await.unwrap();
        assert_eq!(error_of(response).await, (403, "INSUFFICIENT_ROLE".into()));
    }
    for (method, path) in
        [(Method::PATCH, nobody.clone()), (Method::POST, format!("{nobody}/rotate")), (Method::DELETE, nobody.clone())]
    {
        let request = session.request(method, &path).header("Content-Type", "application/json").body("{");
        assert_eq!(error_of(request.send().await.unwrap()).await, (404, "NOT_FOUND".into()), "{path}");
    }
}
