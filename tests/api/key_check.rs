//! `POST /api/keys/verify`: for an application that checks keys itself.

use std::sync::Arc;

use claviger::config::Rule;
use claviger::role::Role;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::neighbours::{with_colleague, with_neighbour};
use crate::support::{App, EMAIL, KEYS, PASSWORD, Session, error_of};

const CHECK: &str = "/api/keys/verify";

async fn check(caller: &Session, body: Value) -> Value {
    let response = caller.post(CHECK, &body).await;
    assert_eq!(response.status(), 200);
    response.json().await.unwrap()
}

fn assert_refused(answer: &Value, code: &str) {
    assert_eq!((&answer["valid"], &answer["code"]), (&json!(false), &json!(code)), "{answer}");
    assert!(!answer["message"].as_str().unwrap().is_empty());
}

#[tokio::test]
async fn a_valid_key_is_told_with_everything_about_it() {
    let (_app, ada) = App::spawn().await;
    let key = ada
        .make_key(json!({
            "name": "Till", "environment": "test", "role": "member", "scopes": ["read", "write"], "rateLimit": 5,
            "externalId": "customer-7", "metadata": { "plan": "gold", "seats": [1, 2] },
        }))
        .await;
    let who: Value = ada.get("/api/auth/session").await.json().await.unwrap();
    let mut answer = check(&ada, json!({ "key": key.token })).await;
    for (field, expected, shown) in [
        ("keyId", json!(key.id), "[the key's id]"),
        ("organizationId", who["organization"]["id"].clone(), "[the organization's id]"),
        ("ownerId", who["user"]["id"].clone(), "[the owner's id]"),
    ] {
        assert_eq!(answer[field], expected);
        answer[field] = shown.into();
    }
    insta::assert_json_snapshot!("a_valid_key", answer);
}

#[tokio::test]
async fn a_key_that_nobody_has_is_told_as_invalid_with_nothing_about_it() {
    let (_app, ada) = App::spawn().await;
    let key = ada.make_key(json!({})).await;
    for token in ["", "junk", &format!("clav_live_{}", "0".repeat(64)), &key.token.to_uppercase(), "\u{0}é"] {
        let answer = check(&ada, json!({ "key": token })).await;
        assert_refused(&answer, "API_KEY_INVALID");
        insta::assert_json_snapshot!("a_key_nobody_has", answer);
    }
}

#[tokio::test]
async fn each_fault_of_a_key_is_a_200_with_its_code() {
    let (app, ada) = App::spawn_with(|config| {
        config.rules = vec![Rule { path: "/scoped".into(), scopes: vec!["write".into()], ..Rule::default() }];
    })
    .await;
    let expired = ada.make_key(json!({ "expiresAt": "2030-01-01T00:01:00Z" })).await;
    let inactive = ada.make_key(json!({})).await;
    ada.patch(&format!("{KEYS}/{}", inactive.id), &json!({ "active": false })).await;
    let viewer = ada.make_key(json!({ "role": "viewer" })).await;
    let scoped = ada.make_key(json!({ "scopes": ["read"] })).await;
    let near = ada.make_key(json!({ "ipAllowList": ["192.0.2.0/24"] })).await;
    app.clock.advance_ms(60_000);
    for (body, code) in [
        (json!({ "key": expired.token }), "API_KEY_EXPIRED"),
        (json!({ "key": inactive.token }), "API_KEY_DEACTIVATED"),
        (json!({ "key": viewer.token, "method": "POST", "path": "/a" }), "INSUFFICIENT_ROLE"),
        (json!({ "key": scoped.token, "path": "/scoped?x=1" }), "SCOPE_REQUIRED"),
        (json!({ "key": near.token, "ip": "198.51.100.1" }), "IP_NOT_ALLOWED"),
        (json!({ "key": near.token }), "IP_NOT_ALLOWED"),
    ] {
        let answer = check(&ada, body).await;
        assert_refused(&answer, code);
        assert!(answer["keyId"].is_string() && answer["rateLimit"].is_null(), "{answer}");
    }
    for body in [
        json!({ "key": viewer.token, "method": "get", "path": "/a" }),
        json!({ "key": scoped.token, "path": "/a" }),
        json!({ "key": near.token, "ip": "::ffff:192.0.2.9" }),
    ] {
        let answer = check(&ada, body).await;
        assert_eq!((&answer["valid"], &answer["code"]), (&json!(true), &Value::Null), "{answer}");
    }
    app.claviger(&["org", "plan", "home", "free"]);
    assert_refused(&check(&ada, json!({ "key": viewer.token })).await, "PLAN_NO_API_ACCESS");
}

#[tokio::test]
async fn the_rules_of_the_gate_apply_where_a_path_is_given_with_their_hosts_and_classes() {
    let (_app, ada) = App::spawn_with(|config| {
        let rule = Rule { path: "/calls".into(), class: Some("calls".into()), limit: Some(1), ..Rule::default() };
        let admins = Rule {
            path: "/calls".into(),
            host: Some("in.example.com".into()),
            role: Some("owner".into()),
            ..Rule::default()
        };
        config.rules = vec![rule, admins];
    })
    .await;
    let key = ada.make_key(json!({})).await;
    let answer = check(&ada, json!({ "key": key.token, "path": "/calls", "host": "in.example.com:443" })).await;
    assert_refused(&answer, "INSUFFICIENT_ROLE");
    let answer = check(&ada, json!({ "key": key.token, "path": "//calls", "host": "out.example.com" })).await;
    assert_eq!((&answer["valid"], &answer["rateLimit"]["limit"]), (&json!(true), &json!(1)));
    let answer = check(&ada, json!({ "key": key.token, "path": "/calls" })).await;
    assert_refused(&answer, "RATE_LIMITED");
    assert_eq!(answer["rateLimit"], json!({ "limit": 1, "remaining": 0, "resetAfter": 60, "retryAfter": 60 }));
    assert_eq!(answer["message"], "Too many requests. Please retry after 60 seconds.");
    assert_eq!(check(&ada, json!({ "key": key.token })).await["valid"], true);
}

#[tokio::test]
async fn what_is_checked_is_counted_and_recorded_like_a_request_at_the_gate_with_its_cost() {
    let (app, ada) = App::spawn().await;
    let key = ada.make_key(json!({ "rateLimit": 10 })).await;
    let body = json!({
        "key": key.token, "method": "POST", "path": "/calls?secret=1", "host": "api.example.com",
        "ip": "192.0.2.7", "userAgent": "till/1", "cost": 7,
    });
    assert_eq!(check(&ada, body.clone()).await["rateLimit"]["remaining"], 3);
    assert_refused(&check(&ada, body).await, "RATE_LIMITED");
    let response = app.verify(&key.token, "GET", "/a").await;
    assert_eq!(response.headers()["x-ratelimit-remaining"], "2", "one window for both ways");
    let requests: Value = ada.get(&format!("{KEYS}/{}/requests", key.id)).await.json().await.unwrap();
    let row = &requests["items"][2];
    for (field, expected) in [
        ("method", json!("POST")),
        ("path", json!("/calls")),
        ("host", json!("api.example.com")),
        ("ip", json!("192.0.2.7")),
        ("userAgent", json!("till/1")),
        ("status", json!(200)),
        ("count", json!(1)),
    ] {
        assert_eq!(row[field], expected, "{field}");
    }
    assert_eq!((&requests["items"][1]["status"], &requests["items"][1]["code"]), (&json!(429), &json!("RATE_LIMITED")));
    let object = ada.key(&key.id).await;
    assert_eq!((&object["requestCount"], &object["lastUsedIp"]), (&json!(3), &json!("127.0.0.1")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_checks_at_once_exactly_the_limit_are_valid() {
    let (_app, ada) = App::spawn().await;
    let key = ada.make_key(json!({ "rateLimit": 9 })).await;
    let barrier = Arc::new(Barrier::new(64));
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let (barrier, ada, body) = (barrier.clone(), ada.clone(), json!({ "key": key.token }));
            tokio::spawn(async move {
                barrier.wait().await;
                check(&ada, body).await["valid"] == true
            })
        })
        .collect();
    let mut valid = 0;
    for task in tasks {
        valid += usize::from(task.await.unwrap());
    }
    assert_eq!(valid, 9);
}

#[tokio::test]
async fn the_call_itself_draws_on_nobodys_limit_and_needs_a_member() {
    let (app, ada) = App::spawn().await;
    let checked = ada.make_key(json!({ "rateLimit": 1_000 })).await;
    let caller = ada.make_key(json!({ "role": "member", "rateLimit": 1 })).await;
    let viewer = ada.make_key(json!({ "role": "viewer" })).await;
    let body = json!({ "key": checked.token });
    for _ in 0..5 {
        let response = app.request(Method::POST, CHECK).bearer_auth(&caller.token).json(&body).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert!(!response.headers().contains_key("ratelimit"));
    }
    let of_the_viewer = app.request(Method::POST, CHECK).bearer_auth(&viewer.token).json(&body);
    assert_eq!(error_of(of_the_viewer.send().await.unwrap()).await, (403, "INSUFFICIENT_ROLE".into()));
    let of_nobody = app.request(Method::POST, CHECK).json(&body).send().await.unwrap();
    assert_eq!(error_of(of_nobody).await, (401, "CREDENTIALS_MISSING".into()));
    let (_app, vera) = with_colleague(app, "vera@example.com", Role::Viewer).await;
    assert_eq!(error_of(vera.post(CHECK, &body).await).await, (403, "INSUFFICIENT_ROLE".into()));
}

#[tokio::test]
async fn what_is_not_well_formed_is_400_and_counts_nothing() {
    let (_app, ada) = App::spawn().await;
    let key = ada.make_key(json!({})).await;
    let with = |field: &str, value: Value| {
        let mut body = json!({ "key": key.token });
        body[field] = value;
        body
    };
    for (body, code, field) in [
        (json!({}), "VALIDATION_FAILED", "key"),
        (json!({ "key": 7 }), "VALIDATION_FAILED", "key"),
        (with("cost", json!(0)), "VALIDATION_FAILED", "cost"),
        (with("cost", json!(1_001)), "VALIDATION_FAILED", "cost"),
        (with("cost", json!(-1)), "VALIDATION_FAILED", "cost"),
        (with("cost", json!(1.5)), "VALIDATION_FAILED", "cost"),
        (with("ip", json!("192.0.2.300")), "VALIDATION_FAILED", "ip"),
        (with("method", json!("GE T")), "VALIDATION_FAILED", "method"),
        (with("method", json!("")), "VALIDATION_FAILED", "method"),
        (with("role", json!("owner")), "VALIDATION_FAILED", "role"),
        (with("path", json!("/a%2fb")), "PATH_INVALID", ""),
        (with("path", json!("a")), "PATH_INVALID", ""),
        (with("path", json!("/..")), "PATH_INVALID", ""),
    ] {
        let response = ada.post(CHECK, &body).await;
        assert_eq!(response.status(), 400, "{body}");
        let answer: Value = response.json().await.unwrap();
        assert_eq!(answer["code"], code, "{body}");
        assert!(field.is_empty() || answer["fields"][field].is_string(), "{answer}");
    }
    for cost in [1, 1_000] {
        assert_eq!(ada.post(CHECK, &with("cost", json!(cost))).await.status(), 200);
    }
    assert_eq!(ada.key(&key.id).await["requestCount"], 2);
}

#[tokio::test]
async fn another_organizations_key_is_nobodys_unless_home_asks() {
    let (app, ada) = App::spawn().await;
    let own = ada.make_key(json!({})).await;
    let (app, grace) = with_neighbour(app).await;
    let foreign = grace.make_key(json!({})).await;
    assert_eq!(check(&grace, json!({ "key": foreign.token })).await["valid"], true);
    let answer = check(&grace, json!({ "key": own.token })).await;
    assert_refused(&answer, "API_KEY_INVALID");
    assert!(answer["keyId"].is_null() && answer["organizationId"].is_null() && answer["name"].is_null(), "{answer}");
    let ada = app.session_of(&app.sign_in(EMAIL, PASSWORD).await);
    assert_eq!(ada.key(&own.id).await["requestCount"], 0, "the stranger's question does not count");
    let answer = check(&ada, json!({ "key": foreign.token })).await;
    assert_eq!((&answer["valid"], &answer["keyId"]), (&json!(true), &json!(foreign.id)));
    let answer = check(&ada, json!({ "key": foreign.token, "path": "/a" })).await;
    assert_refused(&answer, "ORGANIZATION_NOT_ALLOWED");
}

#[tokio::test]
async fn a_list_is_no_json_object() {
    let (_app, ada) = App::spawn().await;
    for path in ["/api/keys/verify", "/api/admin/rest-api-keys"] {
        let response = ada.post(path, &json!(["a", null, 5])).await;
        assert_eq!(response.status(), 400, "{path}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["fields"]["body"], "must be a JSON object", "{path}");
    }
}
