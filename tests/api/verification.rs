//! Proving an address by the link that was mailed to it.

use std::sync::Arc;

use claviger::clock::ManualClock;
use claviger::jobs::session_sweep;
use claviger::random::SystemRandomness;
use claviger::startup;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::at_once::{count, fault_of, statuses_at_once};
use super::registration::{newcomer, register};
use super::support::{App, EMAIL, PASSWORD, START, Session, error_of, header, mail, text};

const EVE: &str = "eve@example.com";
const HOUR: u64 = 3_600_000;
const VERIFY: &str = "/api/auth/verify-email";
const RESEND: &str = "/api/auth/resend-verification";

/// A server on which Eve has registered and has proved nothing yet.
async fn with_eve() -> (App, Session) {
    let (app, ada) = App::spawn_with(|config| config.registration.require_verified_email = Some(true)).await;
    assert_eq!(register(&app, &newcomer(EVE)).await.status(), 201);
    (app, ada)
}

async fn post(app: &App, path: &str, body: &Value) -> Response {
    app.request(Method::POST, path).json(body).send().await.unwrap()
}

async fn verify(app: &App, token: &str) -> Response {
    post(app, VERIFY, &json!({ "token": token })).await
}

#[tokio::test]
async fn an_unproved_address_keeps_its_owner_out_and_only_after_the_right_password() {
    let (app, _) = with_eve().await;
    assert_eq!(error_of(app.sign_in(EVE, "WrongPass1").await).await, (401, "SIGN_IN_FAILED".into()));
    let response = app.sign_in(EVE, PASSWORD).await;
    assert!(response.headers().get("set-cookie").is_none());
    assert_eq!(error_of(response).await, (403, "EMAIL_NOT_VERIFIED".into()));
    let response = verify(&app, &mail::only(&app, "verify_email", EVE).token()).await;
    assert_eq!((response.status().as_u16(), response.json().await.unwrap()), (200, json!({ "verified": true })));
    let response = app.sign_in(EVE, PASSWORD).await;
    assert_eq!(response.json::<Value>().await.unwrap()["user"]["emailVerified"], true);
}

#[tokio::test]
async fn the_link_leads_to_a_page_of_ours_and_says_until_when_it_is_good() {
    let (app, _) = with_eve().await;
    let mail = mail::only(&app, "verify_email", EVE);
    assert!(mail.link().starts_with(&app.url("/verify-email?token=lnk_")), "{mail:?}");
    assert!(mail.text.contains("until Wednesday, 2 January 2030 at 00:00 (UTC)"), "{mail:?}");
    assert!(mail.html.contains(mail.link()) && !mail.of_organization);
    assert_eq!(mail.wipe_at, Some(START + 24 * HOUR as i64));
    assert!(mail.text.starts_with("Hello there,"), "whoever typed the address chose the name too: {mail:?}");
    // At rest there is no token to read.
    let files = super::support::process::files_below(&app.data_dir());
    let token = mail.token();
    for file in files.iter().filter(|file| file.is_file()) {
        let bytes = std::fs::read(file).unwrap();
        assert!(!bytes.windows(token.len()).any(|window| window == token.as_bytes()), "{}", file.display());
    }
}

#[tokio::test]
async fn a_program_follows_the_link_by_a_get_and_a_browser_is_sent_to_the_page_that_asks_first() {
    let (app, _) = with_eve().await;
    let token = mail::only(&app, "verify_email", EVE).token();
    let path = format!("{VERIFY}?token={token}");
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    for _ in 0..2 {
        let response = app.request(Method::GET, &path).header("Accept", browser).send().await.unwrap();
        let location = header(&response, "location").replace("%5F", "_");
        assert_eq!((response.status().as_u16(), location), (302, format!("/verify-email?token={token}")));
        let response = app.request(Method::HEAD, &path).send().await.unwrap();
        assert_eq!(response.status(), 302, "a HEAD does nothing either");
    }
    assert_eq!(app.sign_in(EVE, PASSWORD).await.status(), 403, "nothing was used up");
    // What stands in the query leads nowhere else.
    let odd = app.request(Method::GET, &format!("{VERIFY}?token=%2f%0d%0aX:1")).header("Accept", browser);
    assert_eq!(header(&odd.send().await.unwrap(), "location"), "/verify-email?token=%2F%0D%0AX%3A1");
    let response = app.request(Method::GET, &path).header("Accept", "application/json").send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.json().await.unwrap()), (200, json!({ "verified": true })));
    assert_eq!(app.sign_in(EVE, PASSWORD).await.status(), 200);
    let response = app.request(Method::GET, &path).send().await.unwrap();
    assert_eq!(error_of(response).await, (400, "TOKEN_INVALID".into()));
}

#[tokio::test]
async fn a_link_is_good_once_for_a_day_and_for_its_own_purpose() {
    let (app, ada) = with_eve().await;
    let token = mail::only(&app, "verify_email", EVE).token();
    for wrong in ["", "x", "lnk_", &token.to_uppercase(), &format!("{token}0")] {
        assert_eq!(error_of(verify(&app, wrong).await).await, (400, "TOKEN_INVALID".into()), "{wrong}");
    }
    assert_eq!(fault_of(post(&app, VERIFY, &json!({})).await).await.2["token"], "is needed");
    assert!(
        fault_of(post(&app, VERIFY, &json!({ "token": token, "role": "owner" })).await).await.2["role"].is_string()
    );
    // A link for a new password proves nothing here, and one for an address sets no password.
    post(&app, "/api/auth/forgot-password", &json!({ "email": EVE })).await;
    let reset = mail::only(&app, "reset_password", EVE).token();
    assert_eq!(error_of(verify(&app, &reset).await).await, (400, "TOKEN_INVALID".into()));
    let body = json!({ "token": token, "password": "NewPass1", "confirmPassword": "NewPass1" });
    let response = post(&app, "/api/auth/reset-password", &body).await;
    assert_eq!(error_of(response).await, (400, "TOKEN_INVALID".into()));
    let late = json!({ "name": "Zoe", "email": "zoe@example.com", "password": PASSWORD });
    assert_eq!(post(&app, "/api/auth/register", &late).await.status(), 201);
    let zoes = mail::only(&app, "verify_email", "zoe@example.com").token();
    app.clock.advance_ms(24 * HOUR - 1);
    assert_eq!(verify(&app, &token).await.status(), 200);
    assert_eq!(error_of(verify(&app, &token).await).await, (400, "TOKEN_INVALID".into()));
    let eve = app.session_of(&app.sign_in(EVE, PASSWORD).await);
    let log: Value = eve.get("/api/admin/audit-log?action=account.email_verified").await.json().await.unwrap();
    assert_eq!((log["items"].as_array().unwrap().len(), text(&log["items"][0]["actor"]["name"])), (1, "Eve".into()));
    let log: Value = ada.get("/api/admin/audit-log?action=account.email_verified").await.json().await.unwrap();
    assert_eq!(log["items"], json!([]));
    app.clock.advance_ms(1);
    assert_eq!(error_of(verify(&app, &zoes).await).await, (400, "TOKEN_INVALID".into()));
}

#[tokio::test]
async fn of_sixty_four_who_follow_a_link_at_once_one_succeeds() {
    let (app, _) = with_eve().await;
    let token = mail::only(&app, "verify_email", EVE).token();
    let statuses = statuses_at_once(64, |_| app.request(Method::POST, VERIFY).json(&json!({ "token": token }))).await;
    assert_eq!((count(&statuses, 200), count(&statuses, 400)), (1, 63), "{statuses:?}");
}

#[tokio::test]
async fn another_link_is_sent_to_who_waits_for_one_and_everybody_is_told_the_same() {
    let (app, ada) = with_eve().await;
    let mut answers = Vec::new();
    for email in [EVE, EMAIL, "nobody@example.com", "EVE@example.com"] {
        let response = post(&app, RESEND, &json!({ "email": email })).await;
        answers.push((response.status().as_u16(), response.json::<Value>().await.unwrap()));
    }
    // By a session for oneself; Ada has proved her address already.
    let response = ada.request(Method::POST, RESEND).send().await.unwrap();
    answers.push((response.status().as_u16(), response.json().await.unwrap()));
    assert!(answers.iter().all(|answer| *answer == answers[0] && answer.0 == 202), "{answers:?}");
    assert_eq!(mail::all(&app).len(), 3, "to Eve alone, and nothing is left of the others");
    let mails = mail::of(&app, "verify_email", EVE);
    let newest = mails.last().unwrap().token();
    assert_eq!(verify(&app, &newest).await.status(), 200);
    assert_eq!(post(&app, RESEND, &json!({ "email": EVE })).await.status(), 202);
    assert_eq!(mail::all(&app).len(), 3, "she waits no more");
    for (body, field) in [
        (json!({}), "email"),
        (json!({ "email": "no address" }), "email"),
        (json!({ "email": "a@b\r\nBcc: c@d" }), "email"),
        (json!({ "email": EVE, "plan": "enterprise" }), "plan"),
    ] {
        let (status, _, fields) = fault_of(post(&app, RESEND, &body).await).await;
        assert!(status == 400 && fields[field].is_string(), "{body}: {fields}");
    }
}

#[tokio::test]
async fn one_who_is_signed_in_has_another_link_sent_to_their_own_address() {
    let (app, _) = App::spawn().await;
    assert_eq!(register(&app, &newcomer(EVE)).await.status(), 201);
    let eve = app.session_of(&app.sign_in(EVE, PASSWORD).await);
    assert_eq!(eve.request(Method::POST, RESEND).send().await.unwrap().status(), 202);
    assert_eq!(mail::of(&app, "verify_email", EVE).len(), 2);
}

#[tokio::test]
async fn sending_again_is_limited_for_each_network_with_and_without_a_session() {
    let (app, ada) = App::spawn_with(|config| config.auth.requests_per_minute = 4).await;
    for _ in 0..2 {
        assert_eq!(post(&app, RESEND, &json!({ "email": EVE })).await.status(), 202);
        assert_eq!(ada.post(RESEND, &json!({ "email": EVE })).await.status(), 202);
    }
    assert_eq!(error_of(ada.post(RESEND, &json!({})).await).await, (429, "RATE_LIMITED".into()));
    assert_eq!(post(&app, RESEND, &json!({ "email": EVE })).await.status(), 429);
}

#[tokio::test]
async fn links_that_have_run_out_are_swept_away_and_the_others_stay() {
    let (app, _) = with_eve().await;
    let day = 24 * HOUR as i64;
    let forgotten = json!({ "email": EMAIL });
    assert_eq!(post(&app, "/api/auth/forgot-password", &forgotten).await.status(), 202);
    let mut left = Vec::new();
    let app = app.restart_with(|config| {
        let (clock, random) = (Arc::new(ManualClock::at(START)), Arc::new(SystemRandomness::new()));
        let opened = startup::open(config.clone(), clock, random).unwrap();
        for now in [START, START + day / 2, START + day / 2, START + day] {
            session_sweep::run(&opened.services, now).unwrap();
            let state = rusqlite::Connection::open(config.data_dir.join("claviger.db")).unwrap();
            let count = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
            left.push(state.query_row("SELECT count(*) FROM account_tokens", [], count).unwrap());
        }
    });
    drop(app.await);
    assert_eq!(left, [2, 1, 1, 0]);
}
