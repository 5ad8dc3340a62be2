//! Shares of the API behind the gate: made, used through `/verify`, limited, recorded, revoked.

use claviger::clock::Clock;
use claviger::config::Rule;
use claviger::gate::credential::Presented;
use claviger::services::{Actor, Context};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::neighbours::with_neighbour;
use crate::people::{self, home_with_settings};
use crate::support::{App, EMAIL, KEYS, PASSWORD, Session, error_of, header, text};

pub const SHARES: &str = "/api/shares";

/// A rule that lets keys and shares in below `/reports`.
pub fn reports() -> Rule {
    let allow = ["api_key", "share"].map(String::from).to_vec();
    Rule { path: "/reports/{*rest}".into(), allow, ..Rule::default() }
}

/// Home, with that rule.
pub async fn site() -> (App, Session) {
    App::spawn_with(|config| config.rules = vec![reports()]).await
}

/// Makes a share; the answer.
pub async fn share(session: &Session, body: Value) -> Value {
    let response = session.post(SHARES, &body).await;
    let status = response.status();
    let body: Value = response.json().await.unwrap();
    assert_eq!(status, 201, "{body}");
    body
}

/// A share of `/reports/7` and all below it.
pub async fn share_of_seven(session: &Session) -> Value {
    share(session, json!({ "paths": ["/reports/7/{*rest}"] })).await
}

/// Asks `/verify` about a request, without a credential yet.
pub fn about(app: &App, method: &str, target: &str) -> RequestBuilder {
    app.request(Method::GET, "/verify")
        .header("X-Forwarded-Method", method)
        .header("X-Forwarded-Uri", target)
        .header("X-Forwarded-Host", "api.example.com")
}

/// The same with a share's token.
pub async fn with_token(app: &App, share: &Value, method: &str, target: &str) -> Response {
    about(app, method, target).header("X-Share-Token", text(&share["token"])).send().await.unwrap()
}

async fn refusal(app: &App, share: &Value, method: &str, target: &str) -> (u16, String) {
    error_of(with_token(app, share, method, target).await).await
}

async fn listed(session: &Session) -> Vec<Value> {
    let page: Value = session.get(SHARES).await.json().await.unwrap();
    page["items"].as_array().unwrap().clone()
}

fn forbidden() -> (u16, String) {
    (403, "CREDENTIAL_NOT_ALLOWED".into())
}

fn invalid() -> (u16, String) {
    (401, "SHARE_TOKEN_INVALID".into())
}

#[tokio::test]
async fn a_share_passes_where_its_paths_cover_the_request_and_says_who_it_is() {
    let (app, ada) = site().await;
    let made = share_of_seven(&ada).await;
    let who: Value = ada.get("/api/auth/session").await.json().await.unwrap();
    for target in ["/reports/7", "/reports/7/", "/reports/7/a/b?page=2", "/reports/./7/x"] {
        for method in ["GET", "HEAD"] {
            let response = with_token(&app, &made, method, target).await;
            assert_eq!(response.status(), 200, "{method} {target}");
            for (name, expected) in [
                ("x-auth-method", "share"),
                ("x-auth-subject", made["id"].as_str().unwrap()),
                ("x-auth-organization", who["organization"]["id"].as_str().unwrap()),
                ("x-auth-email", ""),
                ("x-auth-role", ""),
                ("x-auth-key-id", ""),
                ("x-auth-external-id", ""),
                ("x-auth-environment", ""),
                ("x-auth-scopes", ""),
            ] {
                assert!(response.headers().contains_key(name), "{name}");
                assert_eq!(header(&response, name), expected, "{name}");
            }
            assert!(header(&response, "ratelimit-policy").starts_with("\"share\";q=60"), "{response:?}");
        }
    }
    for (method, target) in [
        ("GET", "/reports/8"),
        ("GET", "/reports/70"),
        ("GET", "/reports"),
        ("GET", "/reports/7/../8"),
        ("POST", "/reports/7"),
        ("DELETE", "/reports/7/a"),
        // No rule asks for shares there.
        ("GET", "/other"),
    ] {
        assert_eq!(refusal(&app, &made, method, target).await, forbidden(), "{method} {target}");
    }
    assert_eq!(refusal(&app, &made, "GET", "/reports/7%2f..%2f8").await, (400, "PATH_INVALID".into()));
}

#[tokio::test]
async fn methods_and_a_host_narrow_or_widen_it() {
    let (app, ada) = site().await;
    let writes = share(&ada, json!({ "paths": ["/reports/7"], "methods": ["post"] })).await;
    assert_eq!(writes["methods"], json!(["POST"]));
    assert_eq!(with_token(&app, &writes, "POST", "/reports/7").await.status(), 200);
    assert_eq!(refusal(&app, &writes, "GET", "/reports/7").await, forbidden());
    let all = share(&ada, json!({ "paths": ["/reports/7", "/reports/{id}/public"], "methods": ["*"] })).await;
    for (method, target) in [("DELETE", "/reports/7"), ("GET", "/reports/9/public")] {
        assert_eq!(with_token(&app, &all, method, target).await.status(), 200);
    }
    let here = share(&ada, json!({ "paths": ["/reports/7"], "host": "API.example.com" })).await;
    assert_eq!(here["host"], "api.example.com");
    assert_eq!(with_token(&app, &here, "GET", "/reports/7").await.status(), 200);
    let elsewhere = share(&ada, json!({ "paths": ["/reports/7"], "host": "other.example.com" })).await;
    assert_eq!(refusal(&app, &elsewhere, "GET", "/reports/7").await, forbidden());
}

#[tokio::test]
async fn the_object_has_every_field_and_the_token_is_shown_once() {
    let (app, ada) = site().await;
    let made =
        share(&ada, json!({ "name": "For Bob", "paths": ["/reports/7/{*rest}"], "expiresAt": "2030-02-01" })).await;
    let token = text(&made["token"]);
    assert!(token.starts_with("shr_") && token.len() == 68, "{token}");
    insta::assert_json_snapshot!(made, { ".id" => "[id]", ".token" => "[token]", ".createdBy.id" => "[user]" }, @r#"
    {
      "createdAt": "2030-01-01T00:00:00.000Z",
      "createdBy": {
        "id": "[user]",
        "name": "Ada"
      },
      "expiresAt": "2030-02-01T23:59:59.999Z",
      "hasPassword": false,
      "host": null,
      "id": "[id]",
      "lastUsedAt": null,
      "methods": [
        "GET",
        "HEAD"
      ],
      "name": "For Bob",
      "paths": [
        "/reports/7/{*rest}"
      ],
      "requestCount": 0,
      "status": "active",
      "token": "[token]"
    }
    "#);
    assert!(text(&made["id"]).starts_with("sha_"));
    app.clock.advance_ms(1_000);
    for (method, target) in [("GET", "/reports/7"), ("GET", "/reports/8"), ("GET", "/reports/7/a")] {
        with_token(&app, &made, method, target).await;
    }
    let mut shown = made.clone();
    shown.as_object_mut().unwrap().remove("token");
    shown["requestCount"] = 3.into();
    shown["lastUsedAt"] = "2030-01-01T00:00:01.000Z".into();
    assert_eq!(listed(&ada).await, [shown]);
    let log: Value = ada.get("/api/admin/audit-log?action=share.created").await.json().await.unwrap();
    let entry = &log["items"][0];
    assert_eq!((&entry["target"]["kind"], &entry["target"]["id"]), (&"share".into(), &made["id"]));
    assert_eq!(entry["changes"]["paths"]["after"], json!(["/reports/7/{*rest}"]));
    assert!(!log.to_string().contains(&token));
}

#[tokio::test]
async fn its_requests_are_in_the_ledger_allowed_or_refused() {
    let (app, ada) = site().await;
    let made = share_of_seven(&ada).await;
    with_token(&app, &made, "GET", "/reports/7/a").await;
    with_token(&app, &made, "POST", "/reports/7/b").await;
    let page: Value = ada.get("/api/admin/requests").await.json().await.unwrap();
    let rows: Vec<Value> = page["items"].as_array().unwrap().clone();
    let told: Vec<(String, String, u16, Option<&str>)> = rows
        .iter()
        .map(|row| {
            let status = row["status"].as_u64().unwrap() as u16;
            (text(&row["credential"]), text(&row["path"]), status, row["code"].as_str())
        })
        .collect();
    assert_eq!(
        told,
        [
            ("share".into(), "/reports/7/b".into(), 403, Some("CREDENTIAL_NOT_ALLOWED")),
            ("share".into(), "/reports/7/a".into(), 200, None),
        ]
    );
    assert!(rows.iter().all(|row| row["keyId"].is_null()));
    assert_eq!(listed(&ada).await[0]["requestCount"], 2);
}

#[tokio::test]
async fn what_nobody_was_given_what_has_ended_and_what_was_revoked_is_invalid() {
    let (app, ada) = site().await;
    let made = share(&ada, json!({ "paths": ["/reports/7"], "expiresAt": "2030-01-01T01:00:00Z" })).await;
    let mut unknown = made.clone();
    for token in ["", "shr_x", &format!("shr_{}", "0".repeat(64)), &text(&made["id"])] {
        unknown["token"] = token.into();
        assert_eq!(refusal(&app, &unknown, "GET", "/reports/7").await, invalid(), "{token}");
    }
    app.clock.advance_ms(3_600_000 - 1);
    assert_eq!(with_token(&app, &made, "GET", "/reports/7").await.status(), 200);
    app.clock.advance_ms(1);
    let ended = with_token(&app, &made, "GET", "/reports/7").await;
    assert!(header(&ended, "www-authenticate").contains("invalid_token"));
    assert_eq!(error_of(ended).await, invalid());
    assert_eq!(listed(&ada).await[0]["status"], "expired");

    let other = share_of_seven(&ada).await;
    let path = format!("{SHARES}/{}", text(&other["id"]));
    assert_eq!(with_token(&app, &other, "GET", "/reports/7").await.status(), 200);
    assert_eq!(ada.delete(&path).await.status(), 204);
    assert_eq!(refusal(&app, &other, "GET", "/reports/7").await, invalid());
    assert_eq!(error_of(ada.delete(&path).await).await, (404, "NOT_FOUND".into()));
    assert_eq!(listed(&ada).await.len(), 1);
    let log = ada.get("/api/admin/audit-log").await.text().await.unwrap();
    assert!(log.contains("share.revoked"), "{log}");
    let app = app.restart().await;
    assert_eq!(refusal(&app, &other, "GET", "/reports/7").await, invalid());
}

#[tokio::test]
async fn a_key_or_a_session_counts_and_the_share_token_beside_it_is_ignored() {
    let (app, ada) = site().await;
    let (made, key) = (share_of_seven(&ada).await, ada.make_key(json!({})).await);
    let token = text(&made["token"]);
    let beside = |request: RequestBuilder| request.header("X-Share-Token", &token);
    let by_key = beside(about(&app, "GET", "/reports/8")).bearer_auth(&key.token).send().await.unwrap();
    assert_eq!((by_key.status().as_u16(), header(&by_key, "x-auth-method")), (200, "api_key"));
    let by_session = beside(about(&app, "GET", "/reports/7").header("Cookie", &ada.cookie)).send().await.unwrap();
    assert_eq!(error_of(by_session).await, forbidden(), "the rule asks for no session");
    let basic = beside(about(&app, "GET", "/reports/7")).header("Authorization", "Basic YTpi").send().await.unwrap();
    assert_eq!(header(&basic, "x-auth-method"), "share");
    let twice = beside(beside(about(&app, "GET", "/reports/7"))).send().await.unwrap();
    assert_eq!(twice.status(), 200);
    let other = text(&share_of_seven(&ada).await["token"]);
    let two = beside(about(&app, "GET", "/reports/7")).header("X-Share-Token", other).send().await.unwrap();
    assert_eq!(error_of(two).await, (400, "CREDENTIALS_AMBIGUOUS".into()));
    assert_eq!(app.request(Method::GET, "/verify").bearer_auth(&token).send().await.unwrap().status(), 401);
    let in_query = app.request(Method::GET, &format!("/v1/version?share={token}")).send().await.unwrap();
    assert_eq!(error_of(in_query).await, (400, "CREDENTIALS_IN_QUERY".into()));
}

#[tokio::test]
async fn a_dead_session_beside_it_does_not_shut_it_out() {
    let (app, ada) = site().await;
    let made = share_of_seven(&ada).await;
    let guarded = share(&ada, json!({ "paths": ["/reports/7"], "password": "Open sesame 7" })).await;
    assert_eq!(ada.post("/api/auth/sign-out", &json!({})).await.status(), 204);
    let beside = |share: &Value| {
        about(&app, "GET", "/reports/7").header("Cookie", &ada.cookie).header("X-Share-Token", text(&share["token"]))
    };
    let response = beside(&made).send().await.unwrap();
    assert_eq!((response.status().as_u16(), header(&response, "x-auth-method")), (200, "share"));
    let response = beside(&guarded).header("X-Share-Password", "Open sesame 7").send().await.unwrap();
    assert_eq!(response.status(), 200, "and its password counts");
    let alone = about(&app, "GET", "/reports/7").header("Cookie", &ada.cookie).send().await.unwrap();
    assert_eq!(error_of(alone).await, (401, "SESSION_INVALID".into()));
}

#[tokio::test]
async fn where_anybody_may_pass_and_no_share_is_asked_for_it_counts_as_nobody() {
    let open = Rule { path: "/open".into(), allow: vec!["anonymous".into()], ..Rule::default() };
    let (app, ada) = App::spawn_with(|config| config.rules = vec![open]).await;
    let made = share(&ada, json!({ "paths": ["/other"], "password": "Secret-12" })).await;
    let response = with_token(&app, &made, "GET", "/open").await;
    assert_eq!((response.status().as_u16(), header(&response, "x-auth-method")), (200, "anonymous"));
    assert_eq!(listed(&ada).await[0]["requestCount"], 0);
}

#[tokio::test]
async fn of_claviger_s_own_api_it_opens_nothing() {
    let (app, ada) = site().await;
    let made = share(&ada, json!({ "paths": ["/{*all}"], "methods": ["*"] })).await;
    for (method, path) in [
        (Method::GET, "/v1/version"),
        (Method::GET, "/api/projects"),
        (Method::GET, "/api/projects/prj_x"),
        (Method::GET, SHARES),
        (Method::POST, SHARES),
        (Method::GET, "/api/admin/rest-api-keys"),
        (Method::GET, "/api/auth/session"),
    ] {
        let request = app.request(method.clone(), path).header("X-Share-Token", text(&made["token"]));
        assert_eq!(error_of(request.send().await.unwrap()).await, forbidden(), "{method} {path}");
    }
    let unknown = app.request(Method::GET, "/v1/version").header("X-Share-Token", "shr_x").send().await.unwrap();
    assert_eq!(error_of(unknown).await, invalid());
}

#[tokio::test]
async fn it_has_a_limit_of_its_own_that_comes_back_after_a_restart() {
    let (app, ada) = App::spawn_with(|config| {
        config.rules = vec![reports()];
        config.shares.requests_per_minute = 3;
    })
    .await;
    let (one, other) = (share_of_seven(&ada).await, share_of_seven(&ada).await);
    for _ in 0..3 {
        assert_eq!(with_token(&app, &one, "GET", "/reports/7").await.status(), 200);
    }
    let limited = with_token(&app, &one, "GET", "/reports/7").await;
    assert_eq!((limited.status().as_u16(), header(&limited, "retry-after")), (429, "60"));
    assert_eq!(with_token(&app, &other, "GET", "/reports/7").await.status(), 200, "each has its own");
    // What comes back is held for up to one millisecond longer.
    app.clock.advance_ms(20_001);
    let app = app.restart().await;
    let limited = with_token(&app, &one, "GET", "/reports/7").await;
    assert_eq!((limited.status().as_u16(), header(&limited, "retry-after")), (429, "40"));
    let passed = with_token(&app, &other, "GET", "/reports/7").await;
    assert_eq!(header(&passed, "x-ratelimit-remaining"), "1");
    app.clock.advance_ms(40_000);
    assert_eq!(with_token(&app, &one, "GET", "/reports/7").await.status(), 200);
    let ada = app.session_of(&app.sign_in(EMAIL, PASSWORD).await);
    let counts: Vec<Value> = listed(&ada).await.iter().map(|share| share["requestCount"].clone()).collect();
    assert_eq!(counts, [json!(2), json!(6)], "the newest first");
}

#[tokio::test]
async fn it_stops_with_its_maker_s_membership_and_with_their_role_below_member() {
    let (app, ada) = home_with_settings(&[("max", "member"), ("eve", "admin"), ("tom", "member")], |config| {
        config.rules = vec![reports()];
    })
    .await;
    let of = |name: &str| format!("/api/admin/members/usr_{name}");
    let mut shares = Vec::new();
    for name in ["max", "eve", "tom"] {
        shares.push(share_of_seven(&people::sign_in(&app, name).await).await);
        assert_eq!(with_token(&app, shares.last().unwrap(), "GET", "/reports/7").await.status(), 200);
    }
    let key = ada.make_key(json!({ "role": "member", "owner": "organization" })).await;
    let by_key = app.request(Method::POST, SHARES).bearer_auth(&key.token).json(&json!({ "paths": ["/reports/7"] }));
    let by_key: Value = by_key.send().await.unwrap().json().await.unwrap();

    assert_eq!(ada.patch(&of("eve"), &json!({ "role": "member" })).await.status(), 200);
    assert_eq!(with_token(&app, &shares[1], "GET", "/reports/7").await.status(), 200, "a member may share too");
    assert_eq!(ada.patch(&of("eve"), &json!({ "role": "viewer" })).await.status(), 200);
    assert_eq!(ada.delete(&of("max")).await.status(), 204);
    assert!(app.claviger(&["user", "disable", "tom@example.com"]).status.success());
    for share in &shares {
        assert_eq!(refusal(&app, share, "GET", "/reports/7").await, invalid());
    }
    assert_eq!(with_token(&app, &by_key, "GET", "/reports/7").await.status(), 200, "the organization's stays");
    let statuses: Vec<Value> = listed(&ada).await.iter().map(|share| share["status"].clone()).collect();
    assert_eq!(statuses, ["active", "stopped", "stopped", "stopped"]);
    assert!(app.claviger(&["user", "enable", "tom@example.com"]).status.success());
    assert_eq!(with_token(&app, &shares[2], "GET", "/reports/7").await.status(), 200);
}

/// Makes a share of `/reports/7` with a key.
async fn share_with(app: &App, token: &str, path: &str, body: Value) -> Response {
    app.request(Method::POST, path).bearer_auth(token).json(&body).send().await.unwrap()
}

async fn made_with(app: &App, token: &str) -> Value {
    let made = share_with(app, token, SHARES, json!({ "paths": ["/reports/7"] })).await;
    assert_eq!(made.status(), 201);
    made.json().await.unwrap()
}

#[tokio::test]
async fn made_with_a_key_it_stops_with_that_key() {
    let (app, ada) = site().await;
    let session_made = share_of_seven(&ada).await;
    let of = |id: &str| format!("{KEYS}/{id}");
    for change in [
        json!({ "active": false }),
        json!({ "scopes": ["reports"] }),
        json!({ "ipAllowList": ["192.0.2.0/24"] }),
        json!({ "role": "viewer" }),
        Value::Null,
    ] {
        let key = ada.make_key(json!({ "role": "member" })).await;
        let made = made_with(&app, &key.token).await;
        assert_eq!(with_token(&app, &made, "GET", "/reports/7").await.status(), 200);
        let changed = match &change {
            Value::Null => ada.delete(&of(&key.id)).await,
            change => ada.patch(&of(&key.id), change).await,
        };
        assert!(changed.status().is_success(), "{change}: {}", changed.text().await.unwrap());
        assert_eq!(refusal(&app, &made, "GET", "/reports/7").await, invalid(), "{change}");
        assert_eq!(listed(&ada).await[0]["status"], "stopped", "{change}");
        if change == json!({ "active": false }) {
            assert_eq!(ada.patch(&of(&key.id), &json!({ "active": true })).await.status(), 200);
            assert_eq!(with_token(&app, &made, "GET", "/reports/7").await.status(), 200);
        }
    }
    assert_eq!(with_token(&app, &session_made, "GET", "/reports/7").await.status(), 200);
}

#[tokio::test]
async fn made_with_a_key_it_ends_with_its_expiry_and_outlives_a_rotation() {
    let (app, ada) = site().await;
    let ending = ada.make_key(json!({ "role": "member", "expiresAt": "2030-01-01T00:10:00Z" })).await;
    let (short, key) = (made_with(&app, &ending.token).await, ada.make_key(json!({ "role": "member" })).await);
    let made = made_with(&app, &key.token).await;
    let rotated = ada.post(&format!("{KEYS}/{}/rotate", key.id), &json!({ "graceSeconds": 0 })).await;
    let successor: Value = rotated.json().await.unwrap();
    assert_eq!(with_token(&app, &made, "GET", "/reports/7").await.status(), 200, "the successor counts");
    app.clock.advance_ms(599_999);
    assert_eq!(with_token(&app, &short, "GET", "/reports/7").await.status(), 200);
    app.clock.advance_ms(1);
    assert_eq!(refusal(&app, &short, "GET", "/reports/7").await, invalid());
    let statuses: Vec<Value> = listed(&ada).await.iter().map(|share| share["status"].clone()).collect();
    assert_eq!(statuses, ["active", "stopped"]);
    app.clock.jump_wall_ms(-300_000);
    assert_eq!(refusal(&app, &short, "GET", "/reports/7").await, invalid(), "nor does the clock bring it back");
    let app = app.restart().await;
    let ada = app.session_of(&app.sign_in(EMAIL, PASSWORD).await);
    assert_eq!(with_token(&app, &made, "GET", "/reports/7").await.status(), 200);
    assert_eq!(ada.delete(&format!("{KEYS}/{}", text(&successor["id"]))).await.status(), 204);
    assert_eq!(refusal(&app, &made, "GET", "/reports/7").await, invalid(), "the last of its family is gone");
}

#[tokio::test]
async fn a_key_that_was_taken_away_while_it_was_about_to_share_makes_none() {
    let (app, ada) = site().await;
    let services = app.services();
    for change in [Value::Null, json!({ "active": false }), json!({ "scopes": [] }), json!({ "role": "viewer" })] {
        let key = ada.make_key(json!({ "role": "member", "owner": "organization" })).await;
        // As it was admitted.
        let presented = Presented::Key(&key.token);
        let credential = services.gate.resolve(presented, false, app.clock.now()).await.unwrap();
        let changed = match &change {
            Value::Null => ada.delete(&format!("{KEYS}/{}", key.id)).await,
            change => ada.patch(&format!("{KEYS}/{}", key.id), change).await,
        };
        assert!(changed.status().is_success());
        let actor = Actor::Credential(credential);
        let context = Context { actor, now: app.clock.now().unix_ms, ip: None, user_agent: None, request_id: None };
        let wishes = || Ok(serde_json::from_value(json!({ "paths": ["/reports/7"] })).unwrap());
        let refused = claviger::services::shares::create(&services, &context, wishes).unwrap_err();
        assert_eq!(refused.code.status(), 403, "{change}");
    }
    assert!(listed(&ada).await.is_empty());
}

#[tokio::test]
async fn a_key_with_bounds_that_a_share_could_not_carry_makes_none() {
    let (app, ada) = site().await;
    let project: Value = ada.post("/api/projects", &json!({ "name": "Plan" })).await.json().await.unwrap();
    let of_project = format!("/api/projects/{}/shares", text(&project["id"]));
    for bound in [
        json!({ "scopes": ["reports"] }),
        json!({ "scopes": [] }),
        json!({ "ipAllowList": ["127.0.0.1"] }),
        json!({ "environment": "test" }),
    ] {
        let mut settings = bound.clone();
        settings["role"] = "admin".into();
        let key = ada.make_key(settings).await;
        for (path, body) in
            [(SHARES, json!({ "paths": ["/reports/7"] })), (SHARES, json!({})), (&of_project, json!({}))]
        {
            let refused = share_with(&app, &key.token, path, body).await;
            assert_eq!(error_of(refused).await, forbidden(), "{bound} {path}");
        }
    }
    let free = ada.make_key(json!({ "role": "admin" })).await;
    assert_eq!(share_with(&app, &free.token, &of_project, json!({})).await.status(), 201);
}

#[tokio::test]
async fn members_see_and_revoke_their_own_and_admins_all_of_the_organization() {
    let (app, ada) = home_with_settings(&[("max", "member"), ("eve", "member"), ("vic", "viewer")], |config| {
        config.rules = vec![reports()];
    })
    .await;
    let (max, eve) = (people::sign_in(&app, "max").await, people::sign_in(&app, "eve").await);
    let (maxs, eves) = (share_of_seven(&max).await, share_of_seven(&eve).await);
    let ids = |list: Vec<Value>| list.iter().map(|share| share["id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(listed(&max).await), [maxs["id"].clone()]);
    assert_eq!(ids(listed(&ada).await), [eves["id"].clone(), maxs["id"].clone()]);
    let page: Value = ada.get(&format!("{SHARES}?limit=1")).await.json().await.unwrap();
    let next: Value =
        ada.get(&format!("{SHARES}?limit=1&cursor={}", text(&page["nextCursor"]))).await.json().await.unwrap();
    assert_eq!((&next["items"][0]["id"], &next["nextCursor"]), (&maxs["id"], &Value::Null));
    let path = |share: &Value| format!("{SHARES}/{}", text(&share["id"]));
    assert_eq!(error_of(max.delete(&path(&eves)).await).await, (404, "NOT_FOUND".into()));
    assert_eq!(with_token(&app, &eves, "GET", "/reports/7").await.status(), 200);
    assert_eq!(max.delete(&path(&maxs)).await.status(), 204);
    assert_eq!(ada.delete(&path(&eves)).await.status(), 204);
    let vic = people::sign_in(&app, "vic").await;
    let refused = error_of(vic.post(SHARES, &json!({ "paths": ["/reports/7"] })).await).await;
    assert_eq!(refused, (403, "INSUFFICIENT_ROLE".into()));
}

#[tokio::test]
async fn another_organization_s_shares_are_not_there_and_pass_no_rule_of_home() {
    let (app, ada) = site().await;
    let adas = share_of_seven(&ada).await;
    let (app, grace) = with_neighbour(app).await;
    let graces = share_of_seven(&grace).await;
    assert_eq!(refusal(&app, &graces, "GET", "/reports/7").await, (403, "ORGANIZATION_NOT_ALLOWED".into()));
    let path = format!("{SHARES}/{}", text(&adas["id"]));
    assert_eq!(error_of(grace.delete(&path).await).await, (404, "NOT_FOUND".into()));
    assert_eq!(listed(&grace).await.len(), 1);
    assert_eq!(with_token(&app, &adas, "GET", "/reports/7").await.status(), 200);
}

#[tokio::test]
async fn what_cannot_be_shared_is_refused_and_named() {
    let (_app, ada) = site().await;
    let many: Vec<String> = (0..21).map(|number| format!("/reports/{number}")).collect();
    for (field, body) in [
        ("paths", json!({})),
        ("paths", json!({ "paths": [] })),
        ("paths", json!({ "paths": many })),
        ("paths", json!({ "paths": ["reports"] })),
        ("paths", json!({ "paths": ["/reports/../admin"] })),
        ("paths", json!({ "paths": ["/%61dmin"] })),
        ("paths", json!({ "paths": "/reports" })),
        ("host", json!({ "paths": ["/a"], "host": "https://x" })),
        ("methods", json!({ "paths": ["/a"], "methods": ["GET /"] })),
        ("password", json!({ "paths": ["/a"], "password": "short" })),
        ("password", json!({ "paths": ["/a"], "password": "x".repeat(72) })),
        ("expiresAt", json!({ "paths": ["/a"], "expiresAt": "2029-01-01" })),
        ("expiresat", json!({ "paths": ["/a"], "expiresat": "2031-01-01" })),
        ("organizationId", json!({ "paths": ["/a"], "organizationId": "org_x" })),
        ("name", json!({ "paths": ["/a"], "name": "" })),
    ] {
        let response = ada.post(SHARES, &body).await;
        assert_eq!(response.status(), 400, "{body}");
        let told: Value = response.json().await.unwrap();
        assert!(told["fields"][field].is_string(), "{body}: {told}");
    }
    assert!(listed(&ada).await.is_empty());
}

#[tokio::test]
async fn one_that_has_ended_stays_dead_when_the_clock_is_set_back() {
    let (app, ada) = site().await;
    let made = share(&ada, json!({ "paths": ["/reports/7"], "expiresAt": "2030-01-01T01:00:00Z" })).await;
    let endless = share_of_seven(&ada).await;
    for _ in 0..2 {
        assert_eq!(with_token(&app, &made, "GET", "/reports/7").await.status(), 200);
    }
    app.clock.advance_ms(3_600_000);
    assert_eq!(refusal(&app, &made, "GET", "/reports/7").await, invalid());
    app.clock.jump_wall_ms(-1_800_000);
    for _ in 0..2 {
        assert_eq!(refusal(&app, &made, "GET", "/reports/7").await, invalid());
        assert_eq!(with_token(&app, &endless, "GET", "/reports/7").await.status(), 200);
    }
    let app = app.restart().await;
    assert_eq!(refusal(&app, &made, "GET", "/reports/7").await, invalid());
    let later = json!({ "paths": ["/reports/7"], "expiresAt": "2030-01-01T02:00:00Z" });
    let ada = app.session_of(&app.sign_in(EMAIL, PASSWORD).await);
    let later = share(&ada, later).await;
    app.clock.jump_wall_ms(-600_000);
    assert_eq!(with_token(&app, &later, "GET", "/reports/7").await.status(), 200, "a living one goes on");
}
