//! `/verify`: how the question is read, and what every answer says.

use claviger::config::{Network, Preflight, Rule};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::support::{App, EMAIL, KEYS, error_of, header, text};

const IDENTITY: [&str; 9] = [
    "x-auth-method",
    "x-auth-subject",
    "x-auth-email",
    "x-auth-organization",
    "x-auth-role",
    "x-auth-key-id",
    "x-auth-external-id",
    "x-auth-environment",
    "x-auth-scopes",
];

/// All nine headers, each of which must be there exactly once.
fn identity(response: &Response) -> Vec<String> {
    let one = |name: &&str| {
        let values: Vec<_> = response.headers().get_all(*name).iter().collect();
        assert_eq!(values.len(), 1, "{name} is there once");
        values[0].to_str().unwrap().to_owned()
    };
    IDENTITY.iter().map(one).collect()
}

fn rule(path: &str, allow: &[&str]) -> Rule {
    Rule { path: path.into(), allow: allow.iter().map(|name| name.to_string()).collect(), ..Rule::default() }
}

#[tokio::test]
async fn a_200_carries_all_nine_headers_filled_for_a_key_with_everything() {
    let (app, ada) = App::spawn().await;
    let settings = json!({
        "environment": "test", "role": "member", "scopes": ["read", "write:all"], "externalId": "customer-7",
    });
    let key = ada.make_key(settings).await;
    let response = app.verify(&key.token, "GET", "/reports").await;
    assert_eq!(response.status(), 200);
    let who: Value = ada.get("/api/auth/session").await.json().await.unwrap();
    let (user, organization) = (text(&who["user"]["id"]), text(&who["organization"]["id"]));
    let expected = ["api_key", &user, EMAIL, &organization, "member", &key.id, "customer-7", "test", "read write:all"];
    assert_eq!(identity(&response), expected);
    assert!(response.bytes().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_200_carries_empty_headers_where_there_is_nothing_to_say() {
    let (app, ada) = App::spawn_with(|config| config.rules = vec![rule("/open", &["anonymous", "api_key"])]).await;
    let key = ada.make_key(json!({ "owner": "organization", "role": "viewer" })).await;
    let response = app.verify(&key.token, "GET", "/open").await;
    let found = identity(&response);
    assert_eq!(found[..3], ["api_key", "", ""]);
    assert_eq!(found[4..], ["viewer", &key.id, "", "live", ""]);

    let response = app
        .request(Method::GET, "/verify")
        .header("X-Forwarded-Uri", "/open")
        .header("X-Auth-Subject", "usr_forged")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(identity(&response), ["anonymous", "", "", "", "", "", "", "", ""]);
}

#[tokio::test]
async fn without_forwarded_headers_the_call_itself_is_judged() {
    let (app, ada) = App::spawn().await;
    let key = ada.make_key(json!({ "role": "viewer" })).await;
    for (method, status) in
        [("GET", 200), ("HEAD", 200), ("OPTIONS", 200), ("POST", 403), ("PUT", 403), ("PATCH", 403), ("DELETE", 403)]
    {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let response = app.request(method.clone(), "/verify").bearer_auth(&key.token).send().await.unwrap();
        assert_eq!(response.status(), status, "{method}");
    }
    let requests: Value = ada.get(&format!("{KEYS}/{}/requests", key.id)).await.json().await.unwrap();
    let items = requests["items"].as_array().unwrap();
    let methods: Vec<_> = items.iter().rev().map(|item| item["method"].as_str().unwrap()).collect();
    assert_eq!(methods, ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]);
    assert!(items.iter().all(|item| item["path"] == "/"));
}

#[tokio::test]
async fn either_pair_of_headers_describes_the_request_whatever_the_calls_own_method_is() {
    let (app, ada) = App::spawn().await;
    let key = ada.make_key(json!({ "role": "viewer" })).await;
    for (of_method, of_target) in [
        ("X-Forwarded-Method", "X-Forwarded-Uri"),
        ("X-Original-Method", "X-Original-URI"),
        ("X-Forwarded-Method", "X-Original-URI"),
    ] {
        for (own, asked, status) in [("GET", "DELETE", 403), ("POST", "GET", 200)] {
            let response = app
                .request(Method::from_bytes(own.as_bytes()).unwrap(), "/verify")
                .header("X-Api-Key", &key.token)
                .header(of_method, asked)
                .header(of_target, "/agents/7?page=2")
                .header("X-Forwarded-Host", "api.example.com")
                .header("User-Agent", "a browser")
                .send()
                .await
                .unwrap();
            assert_eq!(response.status(), status, "{of_method} {asked}");
            let requests: Value = ada.get(&format!("{KEYS}/{}/requests?limit=1", key.id)).await.json().await.unwrap();
            let row = &requests["items"][0];
            let seen = [&row["method"], &row["path"], &row["host"], &row["userAgent"], &row["ip"]];
            assert_eq!(seen, [asked, "/agents/7", "api.example.com", "a browser", "127.0.0.1"]);
        }
    }
}

#[tokio::test]
async fn headers_given_twice_or_that_disagree_are_ambiguous() {
    let (app, ada) = App::spawn().await;
    let key = ada.make_key(json!({})).await;
    for headers in [
        [("X-Forwarded-Uri", "/a"), ("X-Forwarded-Uri", "/a")],
        [("X-Forwarded-Uri", "/a"), ("X-Forwarded-Uri", "/admin")],
        [("X-Original-URI", "/a"), ("X-Original-URI", "/a")],
        [("X-Forwarded-Uri", "/a"), ("X-Original-URI", "/admin")],
        [("X-Forwarded-Method", "GET"), ("X-Forwarded-Method", "GET")],
        [("X-Original-Method", "GET"), ("X-Original-Method", "DELETE")],
        [("X-Forwarded-Method", "GET"), ("X-Original-Method", "DELETE")],
        [("X-Forwarded-Host", "a.example"), ("X-Forwarded-Host", "b.example")],
    ] {
        let mut request = app.request(Method::GET, "/verify").bearer_auth(&key.token);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let found = error_of(request.send().await.unwrap()).await;
        assert_eq!(found, (400, "FORWARDED_REQUEST_AMBIGUOUS".into()), "{headers:?}");
    }
    let agreeing = app
        .request(Method::GET, "/verify")
        .bearer_auth(&key.token)
        .header("X-Forwarded-Uri", "/a")
        .header("X-Original-URI", "/a")
        .header("X-Forwarded-Method", "GET")
        .header("X-Original-Method", "GET");
    assert_eq!(agreeing.send().await.unwrap().status(), 200);
    assert_eq!(ada.key(&key.id).await["requestCount"], 1, "what cannot be judged is not counted");
}

#[tokio::test]
async fn a_trusted_proxy_must_say_what_it_asks_about() {
    let (app, ada) = App::spawn_with(|config| {
        config.server.trusted_proxies = vec![Network::try_from(String::from("127.0.0.1")).unwrap()];
    })
    .await;
    let key = ada.make_key(json!({})).await;
    for given in [vec![], vec![("X-Forwarded-Method", "GET")], vec![("X-Forwarded-Uri", "/a")]] {
        let mut request = app.request(Method::GET, "/verify").bearer_auth(&key.token);
        for (name, value) in &given {
            request = request.header(*name, *value);
        }
        let found = error_of(request.send().await.unwrap()).await;
        assert_eq!(found, (400, "FORWARDED_REQUEST_MISSING".into()), "{given:?}");
    }
    assert_eq!(app.verify_status(&key.token, "GET", "/a").await, 200);
}

#[tokio::test]
async fn every_spelling_of_a_path_is_judged_by_the_strict_rule_or_refused() {
    let (app, ada) = App::spawn_with(|config| {
        config.rules = vec![Rule { role: Some("admin".into()), ..rule("/admin/{*rest}", &["api_key"]) }];
    })
    .await;
    let key = ada.make_key(json!({ "role": "member", "rateLimit": 10_000 })).await;
    assert_eq!(app.verify_status(&key.token, "GET", "/other").await, 200);
    for target in [
        "/admin",
        "/admin/",
        "/admin/x",
        "//admin",
        "///admin//x",
        "/%61dmin",
        "/%61%64%6d%69%6E/x",
        "/a/../admin",
        "/a/%2e%2e/admin",
        "/a/.%2E/admin",
        "/./admin",
        "/%2e/admin/x?a=/..",
        "/admin/../admin/x",
        "/admin?x=1",
        "/other/..//admin/.",
    ] {
        let found = error_of(app.verify(&key.token, "GET", target).await).await;
        assert_eq!(found, (403, "INSUFFICIENT_ROLE".into()), "{target}");
    }
    for target in [
        "/a%2fadmin",
        "/a%2Fadmin",
        "/admin%5cx",
        "/admin\\x",
        "/a%00",
        "/..",
        "/a/../..",
        "/%2e%2e/admin",
        "admin",
        "*",
        "",
        "https://api.example.com/admin",
        "/%",
        "/%4",
        "/%zz",
        "/a#b",
        "/a b",
    ] {
        let found = error_of(app.verify(&key.token, "GET", target).await).await;
        assert_eq!(found, (400, "PATH_INVALID".into()), "{target}");
    }
    let requests: Value = ada.get(&format!("{KEYS}/{}/requests?limit=200", key.id)).await.json().await.unwrap();
    let paths: Vec<_> = requests["items"].as_array().unwrap().iter().map(|row| text(&row["path"])).collect();
    assert_eq!(paths.len(), 16);
    assert!(paths.iter().all(|path| path == "/other" || path.starts_with("/admin")), "{paths:?}");
}

#[tokio::test]
async fn errors_carry_their_body_a_challenge_and_a_request_id_and_are_never_cached() {
    let (app, ada) = App::spawn().await;
    let key = ada.make_key(json!({ "rateLimit": 1, "role": "viewer" })).await;
    let unknown = format!("clav_live_{}", "0".repeat(64));
    let bare = "Bearer realm=\"claviger\"";
    let invalid = "Bearer realm=\"claviger\", error=\"invalid_token\"";
    let mut bodies = Vec::new();
    for (token, method, target, challenge) in [
        (None, "GET", "/a", bare),
        (Some(&unknown), "GET", "/a", invalid),
        (Some(&key.token), "POST", "/a", ""),
        (Some(&key.token), "GET", "/%00", ""),
        (Some(&key.token), "GET", "/a", ""),
        (Some(&key.token), "GET", "/a", ""),
    ] {
        let mut request =
            app.request(Method::GET, "/verify").header("X-Forwarded-Method", method).header("X-Forwarded-Uri", target);
        if let Some(token) = token {
            request = request.header("X-Api-Key", token);
        }
        let response = request.send().await.unwrap();
        assert_eq!(header(&response, "www-authenticate"), challenge);
        assert_eq!(header(&response, "cache-control"), "no-store");
        let id = header(&response, "x-request-id").to_owned();
        assert_eq!(id.len(), 28);
        if response.status() == 200 {
            continue;
        }
        assert_eq!(header(&response, "content-type"), "application/json");
        assert!(IDENTITY.iter().all(|name| !response.headers().contains_key(*name)));
        let status = response.status().as_u16();
        let mut body: Value = response.json().await.unwrap();
        assert_eq!(body["requestId"], id.as_str());
        body["requestId"] = "[the id in X-Request-Id]".into();
        bodies.push(json!({ "status": status, "body": body }));
    }
    insta::assert_json_snapshot!("errors_of_verify", bodies);
}

#[tokio::test]
async fn a_preflight_passes_as_anonymous_and_uncounted_unless_it_is_to_be_denied() {
    let narrow = Rule { class: Some("all".into()), limit: Some(1), ..rule("/{*rest}", &["api_key"]) };
    let (app, ada) = App::spawn_with(|config| config.rules = vec![narrow]).await;
    let key = ada.make_key(json!({})).await;
    let preflight = |app: &App, method: &str| {
        app.request(Method::GET, "/verify")
            .header("X-Forwarded-Method", method)
            .header("X-Forwarded-Uri", "/a")
            .header("Origin", "https://app.example.com")
            .header("Access-Control-Request-Method", "POST")
    };
    for _ in 0..5 {
        let response = preflight(&app, "OPTIONS").send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(identity(&response)[0], "anonymous");
        assert_eq!((header(&response, "ratelimit"), header(&response, "access-control-allow-origin")), ("", ""));
    }
    assert_eq!(preflight(&app, "GET").send().await.unwrap().status(), 401, "only OPTIONS is a preflight");
    for missing in ["Origin", "Access-Control-Request-Method"] {
        let bare = app.request(Method::GET, "/verify").header("X-Forwarded-Method", "OPTIONS").header(missing, "x");
        assert_eq!(bare.send().await.unwrap().status(), 401, "without both headers it is no preflight");
    }
    let junk = preflight(&app, "OPTIONS").header("X-Api-Key", "junk").send().await.unwrap();
    assert_eq!(junk.status(), 401, "with a credential it is judged by that");
    let with_key = preflight(&app, "OPTIONS").bearer_auth(&key.token).send().await.unwrap();
    assert_eq!(identity(&with_key)[0], "api_key");

    let app = app.restart_with(|config| config.gate.preflight = Preflight::Deny).await;
    let found = error_of(preflight(&app, "OPTIONS").send().await.unwrap()).await;
    assert_eq!(found, (401, "CREDENTIALS_MISSING".into()));
}
