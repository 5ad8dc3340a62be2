//! What a page is given: its origin, its user's hash, CORS, and what the token is good for.

use claviger::clock::Clock;
use claviger::config::{Config, Rule};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::at_once::fault_of;
use super::support::{App, Session, error_of, header, text};
use super::widgets::{ask, hash, make, path, secret, token};

const PAGE: &str = "https://app.example.com";
const MINUTE_MS: u64 = 60_000;

/// A rule for widgets, one for whoever comes, one for keys.
fn rules(config: &mut Config) {
    let rule = |path: &str, allow: &[&str]| Rule {
        path: path.into(),
        allow: allow.iter().map(|name| String::from(*name)).collect(),
        ..Rule::default()
    };
    config.rules = vec![
        rule("/chat/{*rest}", &["widget"]),
        rule("/open/{*rest}", &["anonymous"]),
        rule("/keys/{*rest}", &["api_key"]),
    ];
}

async fn spawn() -> (App, Session) {
    App::spawn_with(rules).await
}

async fn who(app: &App, token: &str) -> Response {
    app.request(Method::GET, "/api/auth/session").bearer_auth(token).send().await.unwrap()
}

fn cors_headers(response: &Response) -> Vec<&str> {
    response.headers().keys().map(|name| name.as_str()).filter(|name| name.starts_with("access-control-")).collect()
}

#[tokio::test]
async fn a_page_gets_a_session_of_fifteen_minutes_with_which_it_calls_the_api_in_its_users_name() {
    let (app, ada) = spawn().await;
    let widget = make(&ada, json!({ "allowedOrigins": [PAGE] })).await;
    let hash = hash(&secret(&ada, &widget).await, "user-7");
    let body =
        json!({ "userId": "user-7", "userHash": hash, "userName": "Grace Höpper", "userEmail": "g@example.com" });
    let response = ask(&app, &widget, Some(PAGE), body).await;
    assert_eq!(response.status(), 201);
    assert_eq!(header(&response, "cache-control"), "no-store");
    assert_eq!(header(&response, "access-control-allow-origin"), PAGE);
    assert_eq!(header(&response, "vary"), "Origin");
    assert_eq!(header(&response, "access-control-allow-credentials"), "");
    let opened: Value = response.json().await.unwrap();
    assert_eq!(opened.as_object().unwrap().len(), 2, "{opened}");
    assert_eq!(opened["expiresAt"], "2030-01-01T00:15:00.000Z");
    let token = text(&opened["token"]);
    assert!(token.starts_with("wgs_") && token.len() == 68, "{token}");

    let organization = text(&ada.get("/api/auth/session").await.json::<Value>().await.unwrap()["organization"]["id"]);
    let passed = app.verify(&token, "POST", "/chat/7").await;
    assert_eq!(passed.status(), 200, "a rule's role is not for widgets");
    for (name, value) in [
        ("x-auth-method", "widget"),
        ("x-auth-subject", "user-7"),
        ("x-auth-organization", organization.as_str()),
        ("x-ratelimit-limit", "120"),
        ("x-ratelimit-remaining", "119"),
    ] {
        assert_eq!(header(&passed, name), value, "{name}");
    }
    for name in ["email", "role", "key-id", "external-id", "environment", "scopes"] {
        let name = format!("x-auth-{name}");
        assert_eq!(passed.headers().get(&name).map(|value| value.as_bytes()), Some(&b""[..]), "{name}");
    }
    let told: Value = who(&app, &token).await.json().await.unwrap();
    assert_eq!(
        told,
        json!({
            "method": "widget", "userId": "user-7", "widget": { "id": widget["id"], "name": "Chat" },
            "claims": { "name": "Grace Höpper", "email": "g@example.com" }, "expiresAt": "2030-01-01T00:15:00.000Z",
        })
    );
    let requests: Value = ada.get("/api/admin/requests").await.json().await.unwrap();
    let row = requests["items"].as_array().unwrap().iter().find(|row| row["path"] == "/chat/7").unwrap();
    assert_eq!((&row["credential"], &row["status"]), (&json!("widget"), &json!(200)));
}

#[tokio::test]
async fn the_user_hash_proves_the_user_and_none_of_another_user_or_widget_does() {
    let (app, ada) = spawn().await;
    let (mine, other) = (make(&ada, json!({})).await, make(&ada, json!({})).await);
    let (secret, others) = (secret(&ada, &mine).await, secret(&ada, &other).await);
    let right = hash(&secret, "ada");
    for (wrong, why) in [
        (hash(&secret, "eve"), "of another user"),
        (hash(&others, "ada"), "of another widget"),
        (right[1..].to_owned(), "cut"),
        (format!("{right}00"), "longer"),
        (format!("{}x", &right[1..]), "no hex"),
        (String::new(), "empty"),
        (format!("0{}", &right[..63]), "moved"),
    ] {
        let response = ask(&app, &mine, Some(PAGE), json!({ "userId": "ada", "userHash": wrong })).await;
        assert_eq!(header(&response, "access-control-allow-origin"), PAGE, "the page can read why");
        assert_eq!(error_of(response).await, (403, "USER_HASH_INVALID".into()), "{why}");
    }
    for good in [right.clone(), right.to_uppercase()] {
        assert_eq!(ask(&app, &mine, None, json!({ "userId": "ada", "userHash": good })).await.status(), 201);
    }
}

#[tokio::test]
async fn where_identity_is_required_nobody_is_anonymous() {
    let (app, ada) = spawn().await;
    let widget = make(&ada, json!({ "requireIdentity": true })).await;
    let hash = hash(&secret(&ada, &widget).await, "ada");
    for body in [json!({}), json!({ "userId": "ada" }), json!({ "userHash": hash }), json!({ "userName": "Ada" })] {
        let response = ask(&app, &widget, Some(PAGE), body.clone()).await;
        assert_eq!(error_of(response).await, (401, "IDENTITY_REQUIRED".into()), "{body}");
    }
    assert_eq!(ask(&app, &widget, Some(PAGE), json!({ "userId": "ada", "userHash": hash })).await.status(), 201);
}

#[tokio::test]
async fn a_user_id_without_its_hash_is_a_claim_and_never_the_subject() {
    let (app, ada) = spawn().await;
    let widget = make(&ada, json!({})).await;
    let claimed = token(&app, &widget, json!({ "userId": "admin", "userName": "Eve" })).await;
    let passed = app.verify(&claimed, "GET", "/chat/7").await;
    assert_eq!((passed.status().as_u16(), header(&passed, "x-auth-method")), (200, "widget"));
    assert_eq!(passed.headers()["x-auth-subject"], "");
    let told: Value = who(&app, &claimed).await.json().await.unwrap();
    assert_eq!(told["userId"], Value::Null);
    assert_eq!(told["claims"], json!({ "userId": "admin", "name": "Eve", "email": null }));
    let (status, _, fields) = fault_of(ask(&app, &widget, None, json!({ "userHash": "00" })).await).await;
    assert!(status == 400 && fields["userId"].is_string(), "a hash alone proves nothing: {fields}");
    let bare = app.request(Method::POST, &format!("/api/widgets/{}/session", text(&widget["id"])));
    assert_eq!(bare.send().await.unwrap().status(), 201, "nothing need be said");
}

#[tokio::test]
async fn what_a_page_says_has_its_bounds() {
    let (app, ada) = spawn().await;
    let widget = make(&ada, json!({})).await;
    for (field, body) in [
        ("userId", json!({ "userId": "" })),
        ("userId", json!({ "userId": "a".repeat(129) })),
        ("userId", json!({ "userId": "a b" })),
        ("userId", json!({ "userId": "a\r\nX-Auth-Role: owner" })),
        ("userId", json!({ "userId": "ä" })),
        ("userId", json!({ "userId": 7 })),
        ("userName", json!({ "userName": "a".repeat(255) })),
        ("userName", json!({ "userName": "a\nb" })),
        ("userEmail", json!({ "userEmail": "a".repeat(255) })),
        ("userEmail", json!({ "userEmail": "a\u{0}@b" })),
        ("role", json!({ "role": "owner" })),
    ] {
        let (status, code, fields) = fault_of(ask(&app, &widget, Some(PAGE), body.clone()).await).await;
        assert_eq!((status, code.as_str()), (400, "VALIDATION_FAILED"), "{body}");
        assert!(fields[field].is_string(), "{body}: {fields}");
    }
    let most = json!({ "userId": "~".repeat(128), "userName": "n".repeat(254), "userEmail": "e".repeat(254) });
    assert_eq!(ask(&app, &widget, Some(PAGE), most).await.status(), 201);
    let unknown = ask(&app, &json!({ "id": "wgt_nobody" }), Some(PAGE), json!({})).await;
    assert_eq!(cors_headers(&unknown), Vec::<&str>::new());
    assert_eq!(error_of(unknown).await, (404, "NOT_FOUND".into()));
}

/// Origins that `https://app.example.com` and `https://*.example.org:8443` allow, and those that they do not.
const ALLOWED: &[&str] = &["https://app.example.com", "https://a.example.org:8443", "https://a.b.example.org:8443"];
const REFUSED: &[&str] = &[
    "null",
    "https://app.example.com:8443",
    "http://app.example.com",
    "https://example.com",
    "https://evil.example.com.attacker.net",
    "https://app.example.com.attacker.net",
    "https://evil.example.org.attacker.net:8443",
    "https://example.org:8443",
    "https://a.example.org",
    "https://evilexample.org:8443",
    "https://app.example.com/",
    "file://",
    "",
];

#[tokio::test]
async fn only_pages_of_allowed_origins_get_a_session_or_a_cors_header() {
    let (app, ada) = spawn().await;
    let widget = make(&ada, json!({ "allowedOrigins": "https://app.example.com https://*.example.org:8443" })).await;
    let preflight = |origin: &str| {
        app.request(Method::OPTIONS, &format!("/api/widgets/{}/session", text(&widget["id"])))
            .header("Origin", origin)
            .header("Access-Control-Request-Method", "POST")
            .header("Access-Control-Request-Headers", "content-type")
            .send()
    };
    for origin in ALLOWED {
        let asked = preflight(origin).await.unwrap();
        assert_eq!(asked.status(), 204, "{origin}");
        for (name, value) in [
            ("access-control-allow-origin", *origin),
            ("access-control-allow-methods", "POST"),
            ("access-control-allow-headers", "content-type"),
            ("access-control-allow-credentials", ""),
            ("vary", "Origin"),
        ] {
            assert_eq!(header(&asked, name), value, "{origin}: {name}");
        }
        let opened = ask(&app, &widget, Some(origin), json!({})).await;
        assert_eq!((opened.status().as_u16(), header(&opened, "access-control-allow-origin")), (201, *origin));
        let wrong = ask(&app, &widget, Some(origin), json!({ "nonsense": 1 })).await;
        assert_eq!((wrong.status().as_u16(), header(&wrong, "access-control-allow-origin")), (400, *origin));
    }
    for origin in REFUSED {
        for refused in [preflight(origin).await.unwrap(), ask(&app, &widget, Some(origin), json!({})).await] {
            assert_eq!(cors_headers(&refused), Vec::<&str>::new(), "{origin}");
            assert_eq!(error_of(refused).await, (403, "ORIGIN_NOT_ALLOWED".into()), "{origin}");
        }
    }
    let nowhere = ask(&app, &widget, None, json!({})).await;
    assert_eq!(error_of(nowhere).await, (403, "ORIGIN_NOT_ALLOWED".into()), "no origin at all");

    let open = make(&ada, json!({})).await;
    for origin in [Some("null"), Some("https://anywhere.example"), None] {
        let opened = ask(&app, &open, origin, json!({})).await;
        assert_eq!(
            (opened.status().as_u16(), header(&opened, "access-control-allow-origin")),
            (201, origin.unwrap_or(""))
        );
    }
}

#[tokio::test]
async fn a_cookie_or_a_key_of_whoever_looks_at_the_page_is_not_looked_at() {
    let (app, ada) = spawn().await;
    let widget = make(&ada, json!({ "allowedOrigins": [PAGE] })).await;
    let request = ada.request(Method::POST, &format!("/api/widgets/{}/session", text(&widget["id"])));
    let request = request.header("Origin", PAGE).bearer_auth("junk").json(&json!({}));
    let opened: Value = request.send().await.unwrap().json().await.unwrap();
    let told: Value = who(&app, &text(&opened["token"])).await.json().await.unwrap();
    assert_eq!((&told["method"], &told["userId"]), (&json!("widget"), &Value::Null));
}

#[tokio::test]
async fn a_widgets_session_passes_nothing_of_claviger_but_who_it_is_and_no_rule_that_does_not_name_widgets() {
    let (app, ada) = spawn().await;
    let widget = make(&ada, json!({})).await;
    let token = token(&app, &widget, json!({})).await;
    for (method, path) in [
        (Method::GET, "/v1/version"),
        (Method::GET, "/api/members"),
        (Method::GET, "/api/admin/widgets"),
        (Method::POST, "/api/admin/widgets"),
        (Method::POST, "/api/keys/verify"),
        (Method::GET, "/api/admin/rest-api-keys"),
        (Method::GET, "/api/auth/sessions"),
    ] {
        let refused = app.request(method, path).bearer_auth(&token).send().await.unwrap();
        assert_eq!(error_of(refused).await, (403, "CREDENTIAL_NOT_ALLOWED".into()), "{path}");
    }
    assert_eq!(error_of(app.verify(&token, "GET", "/keys/7").await).await, (403, "CREDENTIAL_NOT_ALLOWED".into()));
    assert_eq!(error_of(app.verify(&token, "GET", "/elsewhere").await).await, (403, "CREDENTIAL_NOT_ALLOWED".into()));
    let anybody = app.verify(&token, "GET", "/open/7").await;
    assert_eq!((anybody.status().as_u16(), header(&anybody, "x-auth-method")), (200, "anonymous"));
    let from_page = app.request(Method::GET, "/api/auth/session").bearer_auth(&token).header("Origin", PAGE);
    assert_eq!(cors_headers(&from_page.send().await.unwrap()), Vec::<&str>::new());
    let in_query = app.request(Method::GET, &format!("/v1/version?token={token}")).send().await.unwrap();
    assert_eq!(error_of(in_query).await, (400, "CREDENTIALS_IN_QUERY".into()));
    // A key may not call where only widgets may.
    let key = ada.make_key(json!({})).await;
    assert_eq!(error_of(app.verify(&key.token, "GET", "/chat/7").await).await, (403, "CREDENTIAL_NOT_ALLOWED".into()));
}

#[tokio::test]
async fn a_session_ends_after_fifteen_minutes_and_what_nobody_was_given_is_none() {
    let (app, ada) = spawn().await;
    let widget = make(&ada, json!({})).await;
    let token = token(&app, &widget, json!({})).await;
    app.clock.advance_ms(15 * MINUTE_MS - 1);
    assert_eq!(app.verify_status(&token, "GET", "/chat/7").await, 200);
    app.clock.advance_ms(1);
    assert_eq!(error_of(app.verify(&token, "GET", "/chat/7").await).await, (401, "WIDGET_TOKEN_INVALID".into()));
    assert_eq!(error_of(who(&app, &token).await).await, (401, "WIDGET_TOKEN_INVALID".into()));
    let last = if token.ends_with('0') { "1" } else { "0" };
    let bent = format!("{}{last}", &token[..67]);
    assert_eq!(error_of(app.verify(&bent, "GET", "/chat/7").await).await, (401, "WIDGET_TOKEN_INVALID".into()));
}

#[tokio::test]
async fn all_sessions_of_a_widget_share_its_limit_also_after_a_restart() {
    let (app, ada) = spawn().await;
    let widget = make(&ada, json!({ "requestsPerMinute": 4 })).await;
    let (one, other) = (token(&app, &widget, json!({})).await, token(&app, &widget, json!({})).await);
    assert_eq!(app.verify_status(&one, "GET", "/chat/7").await, 200);
    assert_eq!(who(&app, &other).await.status(), 200);
    assert_eq!(app.verify_status(&other, "GET", "/chat/7").await, 200);
    let app = app.restart().await;
    let fourth = app.verify(&one, "GET", "/chat/7").await;
    assert_eq!((fourth.status().as_u16(), header(&fourth, "ratelimit-policy")), (200, "\"widget\";q=4;w=60"));
    let refused = app.verify(&other, "GET", "/chat/7").await;
    assert_eq!(header(&refused, "retry-after"), "60");
    assert_eq!(error_of(refused).await, (429, "RATE_LIMITED".into()));
    let ada = app.session_of(&app.sign_in(super::support::EMAIL, super::support::PASSWORD).await);
    assert_eq!(ada.patch(&path(&widget), &json!({ "requestsPerMinute": 5 })).await.status(), 200);
    assert_eq!(
        app.verify_status(&other, "GET", "/chat/7").await,
        200,
        "the new limit holds at once, the session stays"
    );
}

#[tokio::test]
async fn a_session_ends_with_what_it_stood_on_and_outlives_a_new_name() {
    let (app, ada) = spawn().await;
    let widget = make(&ada, json!({})).await;
    let kept = token(&app, &widget, json!({})).await;
    assert_eq!(ada.patch(&path(&widget), &json!({ "name": "Help" })).await.status(), 200);
    let told: Value = who(&app, &kept).await.json().await.unwrap();
    assert_eq!(told["widget"]["name"], "Help");
    for change in
        [json!({ "allowedOrigins": [PAGE] }), json!({ "requireIdentity": true }), json!({ "requireIdentity": false })]
    {
        let hash = hash(&secret(&ada, &widget).await, "ada");
        let token = token(&app, &widget, json!({ "userId": "ada", "userHash": hash })).await;
        assert_eq!(app.verify_status(&token, "GET", "/chat/7").await, 200);
        assert_eq!(ada.patch(&path(&widget), &change).await.status(), 200);
        assert_eq!(error_of(who(&app, &token).await).await, (401, "WIDGET_TOKEN_INVALID".into()), "{change}");
    }
    let old = hash(&secret(&ada, &widget).await, "ada");
    let proved = json!({ "userId": "ada", "userHash": old });
    let last = token(&app, &widget, proved.clone()).await;
    assert_eq!(ada.post(&format!("{}/rotate-secret", path(&widget)), &json!({})).await.status(), 200);
    assert_eq!(error_of(who(&app, &last).await).await, (401, "WIDGET_TOKEN_INVALID".into()));
    let refused = ask(&app, &widget, Some(PAGE), proved).await;
    assert_eq!(error_of(refused).await, (403, "USER_HASH_INVALID".into()), "old hashes are worth nothing at once");
    let last = token(&app, &widget, json!({})).await;
    assert_eq!(ada.delete(&path(&widget)).await.status(), 204);
    assert_eq!(error_of(who(&app, &last).await).await, (401, "WIDGET_TOKEN_INVALID".into()));
    assert_eq!(error_of(ask(&app, &widget, Some(PAGE), json!({})).await).await, (404, "NOT_FOUND".into()));
}

#[tokio::test]
async fn sessions_that_have_run_out_leave_the_database_and_the_number_of_living_ones_is_bounded() {
    let (app, ada) = spawn().await;
    let widget = make(&ada, json!({})).await;
    token(&app, &widget, json!({})).await;
    let state = super::people::state(&app);
    let kept = || -> i64 { state.query_row("SELECT count(*) FROM widget_sessions", [], |row| row.get(0)).unwrap() };
    assert_eq!(kept(), 1);
    app.clock.advance_ms(15 * MINUTE_MS);
    assert!(app.claviger(&["jobs", "run", "session_sweep"]).status.success());
    assert_eq!(kept(), 0);
    token(&app, &widget, json!({})).await;
    app.clock.advance_ms(15 * MINUTE_MS);
    token(&app, &widget, json!({})).await;
    assert_eq!(kept(), 1, "each new one sweeps too");
    fill(&state, 100_000, "NULL");
    let full = ask(&app, &widget, Some(PAGE), json!({})).await;
    assert_eq!(header(&full, "access-control-allow-origin"), PAGE);
    assert_eq!(error_of(full).await, (503, "BUSY".into()));

    let secret = secret(&ada, &widget).await;
    let proved = |user: &str| json!({ "userId": user, "userHash": hash(&secret, user) });
    assert_eq!(ask(&app, &widget, None, proved("ada")).await.status(), 201, "no stranger keeps a user out");
    fill(&state, 1_000, "'ada'");
    assert_eq!(error_of(ask(&app, &widget, None, proved("ada")).await).await, (503, "BUSY".into()));
    assert_eq!(ask(&app, &widget, None, proved("bob")).await.status(), 201, "nor one user the others");
    fill(&state, 99_998, "'u' || i");
    assert_eq!(error_of(ask(&app, &widget, None, proved("eve")).await).await, (503, "BUSY".into()));
}

/// Fills the only widget with open sessions, up to so many of this user (SQL; `i` is a number).
fn fill(state: &rusqlite::Connection, most: i64, user: &str) {
    let sql = format!(
        "WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
         INSERT INTO widget_sessions (digest, widget, user, created_at, expires_at)
         SELECT CAST('x' || coalesce({user}, '') || i AS BLOB), (SELECT number FROM widgets), {user}, 0, 9000000000000 FROM n"
    );
    state.execute(&sql, [most]).unwrap();
}

#[tokio::test]
async fn what_has_ended_leaves_the_memory() {
    let (app, ada) = App::spawn_with(|config| {
        rules(config);
        config.rules.push(super::shares::reports());
    })
    .await;
    let widget = make(&ada, json!({})).await;
    let token = token(&app, &widget, json!({})).await;
    let gate = app.services().gate.clone();
    let mut shares = Vec::new();
    for body in
        [json!({ "paths": ["/reports/7"], "expiresAt": "2030-01-01T00:10:00Z" }), json!({ "paths": ["/reports/7"] })]
    {
        shares.push(super::shares::share(&ada, body).await);
    }
    for share in &shares {
        assert_eq!(super::shares::with_token(&app, share, "GET", "/reports/7").await.status(), 200);
    }
    assert_eq!(app.verify_status(&token, "GET", "/chat/7").await, 200);
    assert_eq!(gate.kept(), (2, 1));
    gate.sweep(app.clock.now());
    assert_eq!(gate.kept(), (2, 1));
    app.clock.advance_ms(15 * MINUTE_MS);
    gate.sweep(app.clock.now());
    assert_eq!(gate.kept(), (1, 0));
    assert_eq!(app.verify_status(&token, "GET", "/chat/7").await, 401);
    assert_eq!(super::shares::with_token(&app, &shares[1], "GET", "/reports/7").await.status(), 200);
}

#[tokio::test]
async fn pages_of_one_network_ask_only_so_often_and_can_read_that_they_did() {
    let (app, ada) = App::spawn_with(|config| config.auth.requests_per_minute = 2).await;
    let widget = make(&ada, json!({ "allowedOrigins": [PAGE] })).await;
    for _ in 0..12 {
        assert_eq!(ask(&app, &widget, Some(PAGE), json!({})).await.status(), 201);
    }
    let refused = ask(&app, &widget, Some(PAGE), json!({})).await;
    assert_eq!((header(&refused, "retry-after"), header(&refused, "access-control-allow-origin")), ("60", PAGE));
    assert_eq!(error_of(refused).await, (429, "RATE_LIMITED".into()));
    let elsewhere = ask(&app, &widget, Some("https://evil.example"), json!({})).await;
    assert_eq!((elsewhere.status().as_u16(), cors_headers(&elsewhere)), (429, Vec::new()));
    app.clock.advance_ms(MINUTE_MS);
    assert_eq!(ask(&app, &widget, Some(PAGE), json!({})).await.status(), 201);
}

#[tokio::test]
async fn a_session_that_was_over_stays_over_when_the_clock_is_set_back() {
    for used_before in [true, false] {
        let (app, ada) = spawn().await;
        let widget = make(&ada, json!({})).await;
        let token = token(&app, &widget, json!({})).await;
        assert_eq!(app.verify_status(&token, "GET", "/chat/7").await, 200);
        app.clock.advance_ms(20 * MINUTE_MS);
        if used_before {
            assert_eq!(app.verify_status(&token, "GET", "/chat/7").await, 401);
        } else {
            assert_eq!(app.sign_in(super::support::EMAIL, super::support::PASSWORD).await.status(), 200);
        }
        app.clock.jump_wall_ms(-10 * MINUTE_MS as i64);
        assert_eq!(app.verify_status(&token, "GET", "/chat/7").await, 401, "used before: {used_before}");
    }
    let (app, ada) = spawn().await;
    let widget = make(&ada, json!({})).await;
    app.clock.jump_wall_ms(365 * 24 * 60 * MINUTE_MS as i64);
    let future = token(&app, &widget, json!({})).await;
    assert_eq!(app.verify_status(&future, "GET", "/chat/7").await, 200);
    app.clock.jump_wall_ms(-365 * 24 * 60 * MINUTE_MS as i64);
    assert_eq!(app.verify_status(&future, "GET", "/chat/7").await, 401, "one of the future is none");
}

#[tokio::test]
async fn a_widget_of_another_organization_passes_no_rule_of_the_home_organization() {
    let (mut app, _) = spawn().await;
    app.stop().await;
    let state = super::people::state(&app);
    let other = super::people::add_organization(&state, "org_other");
    super::people::add_user(&state, other, "bea", "owner");
    drop(state);
    let app = app.restart().await;
    let bea = super::people::sign_in(&app, "bea").await;
    let widget = make(&bea, json!({})).await;
    let token = token(&app, &widget, json!({})).await;
    assert_eq!(error_of(app.verify(&token, "GET", "/chat/7").await).await, (403, "ORGANIZATION_NOT_ALLOWED".into()));
    let deleted = bea.request(Method::DELETE, "/api/admin/organization");
    let deleted = deleted.json(&json!({ "password": super::support::PASSWORD })).send().await.unwrap();
    assert_eq!(deleted.status(), 204);
    assert_eq!(app.verify_status(&token, "GET", "/chat/7").await, 401, "it went with its organization");
}

#[tokio::test]
async fn embed_js_is_small_may_be_loaded_by_any_page_and_is_asked_for_anew() {
    let app = App::bare().await;
    let response = app.request(Method::GET, "/embed.js").header("Origin", "https://any.example").send().await.unwrap();
    assert_eq!(response.status(), 200);
    for (name, value) in [
        ("content-type", "text/javascript; charset=utf-8"),
        ("cross-origin-resource-policy", "cross-origin"),
        ("access-control-allow-origin", "*"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "public, max-age=3600"),
    ] {
        assert_eq!(header(&response, name), value, "{name}");
    }
    let etag = header(&response, "etag").to_owned();
    let script = response.text().await.unwrap();
    assert!(script.len() < 3 * 1024, "{}", script.len());
    for forbidden in ["eval(", "Function(", "innerHTML", ".style", "createElement", "import "] {
        assert!(!script.contains(forbidden), "{forbidden}");
    }
    let lifetime = claviger::services::widget_sessions::LIFETIME;
    for (name, wanted) in [("renewed", 720_000), ("good", 870_000)] {
        let spelled = format!("{}_000", wanted / 1_000);
        assert!(script.contains(&spelled) && wanted < lifetime, "{name}: it knows how long a session lives");
    }
    let again = app.request(Method::GET, "/embed.js").header("If-None-Match", etag).send().await.unwrap();
    assert_eq!((again.status().as_u16(), header(&again, "access-control-allow-origin")), (304, "*"));
    assert_eq!(app.request(Method::HEAD, "/embed.js").send().await.unwrap().status(), 200);
}
