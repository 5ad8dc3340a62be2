//! Sign-in links: for who is locked out of everything (part of security test 11).

use claviger::services::{Actor, Context, sign_in_links};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::at_once::{count, statuses_at_once};
use super::people;
use super::support::{App, EMAIL, PASSWORD, START, error_of, header};

const MINUTE: u64 = 60_000;

/// A link as the operator makes it on a stopped server; its token.
fn make(app: &App, email: &str) -> String {
    let context = Context { actor: Actor::Operator, now: START, ip: None, user_agent: None, request_id: None };
    let link = app.offline(|services| sign_in_links::make(services, &context, email)).unwrap();
    assert_eq!(link.expires_at, START + 10 * MINUTE as i64);
    assert!(link.url.starts_with("http://127.0.0.1"), "{}", link.url);
    link.url.split_once("/sign-in-link?token=").unwrap().1.to_owned()
}

/// A server that is locked for Ada, and a link for her.
async fn spawn() -> (App, String) {
    let (mut app, _) = App::spawn().await;
    for _ in 0..5 {
        assert_eq!(app.sign_in(EMAIL, "WrongPass1").await.status(), 401);
    }
    app.stop().await;
    let token = make(&app, EMAIL);
    (app.restart().await, token)
}

async fn redeem(app: &App, token: &str) -> Response {
    app.request(Method::POST, "/api/auth/sign-in-link").json(&json!({ "token": token })).send().await.unwrap()
}

#[tokio::test]
async fn a_link_signs_in_once_and_ends_the_lock() {
    let (app, token) = spawn().await;
    assert_eq!(app.sign_in(EMAIL, PASSWORD).await.status(), 423);
    let response = redeem(&app, &token).await;
    assert_eq!(response.status(), 200);
    assert!(header(&response, "set-cookie").contains("; HttpOnly; SameSite=Lax"));
    let session = app.session_of(&response);
    let told: Value = response.json().await.unwrap();
    assert_eq!((&told["user"]["email"], &told["role"]), (&json!(EMAIL), &json!("owner")));
    assert_eq!(app.sign_in(EMAIL, PASSWORD).await.status(), 200);
    assert_eq!(error_of(redeem(&app, &token).await).await, (400, "TOKEN_INVALID".into()));
    let log: Value = session.get("/api/admin/audit-log").await.json().await.unwrap();
    let actions: Vec<_> = log["items"].as_array().unwrap().iter().map(|entry| &entry["action"]).take(4).collect();
    assert_eq!(actions, ["session.created", "session.created", "session.refused", "sign_in_link.created"]);
    assert_eq!(log["items"][1]["changes"], json!({ "with": { "after": "sign_in_link" } }));
}

#[tokio::test]
async fn opening_the_page_uses_nothing_up() {
    let (app, token) = spawn().await;
    for method in [Method::GET, Method::HEAD] {
        let response = app.request(method, &format!("/sign-in-link?token={token}")).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(header(&response, "referrer-policy"), "no-referrer");
        assert_eq!(header(&response, "set-cookie"), "");
    }
    assert_eq!(redeem(&app, &token).await.status(), 200);
}

#[tokio::test]
async fn of_sixty_four_uses_at_once_one_succeeds() {
    let (app, token) = spawn().await;
    let body = json!({ "token": token });
    let statuses = statuses_at_once(64, |_| app.request(Method::POST, "/api/auth/sign-in-link").json(&body)).await;
    assert_eq!((count(&statuses, 200), count(&statuses, 400)), (1, 63), "{statuses:?}");
}

#[tokio::test]
async fn a_link_is_good_for_ten_minutes_and_only_the_newest_one() {
    let (mut app, earlier) = spawn().await;
    app.stop().await;
    let token = make(&app, EMAIL);
    let app = app.restart().await;
    assert_eq!(error_of(redeem(&app, &earlier).await).await, (400, "TOKEN_INVALID".into()));
    app.clock.advance_ms(10 * MINUTE);
    assert_eq!(error_of(redeem(&app, &token).await).await, (400, "TOKEN_INVALID".into()));
    app.clock.jump_wall_ms(-3_600_000);
    assert_eq!(error_of(redeem(&app, &token).await).await, (400, "TOKEN_INVALID".into()), "it does not revive");
}

#[tokio::test]
async fn what_is_no_link_is_refused_and_is_limited_for_each_network() {
    let (app, token) = spawn().await;
    let mut almost = token.clone();
    almost.replace_range(token.len() - 1.., if token.ends_with('0') { "1" } else { "0" });
    for wrong in ["", "x", almost.as_str(), &token[4..]] {
        assert_eq!(error_of(redeem(&app, wrong).await).await, (400, "TOKEN_INVALID".into()), "{wrong}");
    }
    let body = json!({ "token": token, "role": "owner" });
    let response = app.request(Method::POST, "/api/auth/sign-in-link").json(&body).send().await.unwrap();
    assert_eq!(error_of(response).await, (400, "VALIDATION_FAILED".into()));
    let app = app.restart_with(|config| config.auth.requests_per_minute = 1).await;
    assert_eq!(redeem(&app, "x").await.status(), 400);
    assert_eq!(error_of(redeem(&app, &token).await).await, (429, "RATE_LIMITED".into()));
}

#[tokio::test]
async fn a_disabled_account_gets_no_link_and_its_link_opens_nothing_until_it_is_enabled_again() {
    let (mut app, token) = spawn().await;
    app.stop().await;
    let disable = |at: Option<i64>| people::state(&app).execute("UPDATE users SET disabled_at = ?1", [at]).unwrap();
    disable(Some(START));
    let context = Context { actor: Actor::Operator, now: START, ip: None, user_agent: None, request_id: None };
    for (email, code) in [(EMAIL, "ACCOUNT_DISABLED"), ("nobody@example.com", "NOT_FOUND"), ("x", "VALIDATION_FAILED")]
    {
        let error = app.offline(|services| sign_in_links::make(services, &context, email)).map(|_| ()).unwrap_err();
        assert_eq!(error.code.as_str(), code, "{email}");
    }
    let mut app = app.restart().await;
    assert_eq!(error_of(redeem(&app, &token).await).await, (403, "ACCOUNT_DISABLED".into()));
    app.stop().await;
    people::state(&app).execute("UPDATE users SET disabled_at = NULL", []).unwrap();
    let app = app.restart().await;
    assert_eq!(redeem(&app, &token).await.status(), 200);
}
