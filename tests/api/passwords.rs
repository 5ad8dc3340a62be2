//! Passwords that are forgotten, chosen anew, and changed.

use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::at_once::{count, fault_of, statuses_at_once};
use super::registration::{newcomer, register};
use super::support::{App, EMAIL, PASSWORD, START, Session, error_of, mail};

const NEW: &str = "NewSecurePass1";
const MINUTE: u64 = 60_000;
const FORGOT: &str = "/api/auth/forgot-password";
const RESET: &str = "/api/auth/reset-password";
const CHANGE: &str = "/api/auth/change-password";

async fn post(app: &App, path: &str, body: &Value) -> Response {
    app.request(Method::POST, path).json(body).send().await.unwrap()
}

/// Asks for a link for Ada; its token.
async fn forgotten(app: &App) -> String {
    let before: Vec<String> = mail::of(app, "reset_password", EMAIL).iter().map(mail::Mail::token).collect();
    assert_eq!(post(app, FORGOT, &json!({ "email": EMAIL })).await.status(), 202);
    let after = mail::of(app, "reset_password", EMAIL);
    assert_eq!(after.len(), before.len() + 1);
    after.iter().map(mail::Mail::token).find(|token| !before.contains(token)).unwrap()
}

async fn reset(app: &App, token: &str, password: &str) -> Response {
    post(app, RESET, &json!({ "token": token, "password": password, "confirmPassword": password })).await
}

async fn is_alive(session: &Session) -> bool {
    session.get("/api/auth/session").await.status() == 200
}

#[tokio::test]
async fn a_forgotten_password_is_answered_alike_for_everybody_and_only_the_stored_address_gets_mail() {
    let (app, _) = App::spawn().await;
    let mut answers = Vec::new();
    for email in [EMAIL, "nobody@example.com", "ADA@example.com", "ａｄａ@example.com"] {
        let response = post(&app, FORGOT, &json!({ "email": email })).await;
        let mut names: Vec<String> = response.headers().keys().map(ToString::to_string).collect();
        names.sort();
        answers.push((response.status().as_u16(), names, response.text().await.unwrap()));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0] && answer.0 == 202), "{answers:?}");
    let mails = mail::all(&app);
    assert!(mails.len() == 3 && mails.iter().all(|mail| mail.to == EMAIL && !mail.of_organization), "{mails:?}");
    assert!(mails[0].link().starts_with(&app.url("/reset-password?token=lnk_")), "{mails:?}");
    assert!(mails[0].text.contains("until Tuesday, 1 January 2030 at 00:30 (UTC)"), "{mails:?}");
    assert_eq!(mails[0].wipe_at, Some(START + 30 * MINUTE as i64));
    for (body, field) in [
        (json!({}), "email"),
        (json!({ "email": "nowhere" }), "email"),
        (json!({ "email": "ada@example.com\r\nBcc: eve@example.com" }), "email"),
        (json!({ "email": EMAIL, "role": "owner" }), "role"),
    ] {
        let (status, _, fields) = fault_of(post(&app, FORGOT, &body).await).await;
        assert!(status == 400 && fields[field].is_string(), "{body}: {fields}");
    }
}

#[tokio::test]
async fn for_nobody_as_much_is_committed_before_the_answer() {
    let (app, _) = App::spawn().await;
    let log = |app: &App| std::fs::metadata(app.data_dir().join("claviger.db-wal")).unwrap().len();
    let mut grown = Vec::new();
    for email in ["nobody@example.com", EMAIL] {
        let before = log(&app);
        assert_eq!(post(&app, FORGOT, &json!({ "email": email })).await.status(), 202);
        grown.push(log(&app) - before);
    }
    assert!(grown[0] > 0 && grown[1] > 0, "{grown:?}");
}

#[tokio::test]
async fn a_reset_ends_the_old_password_every_session_and_every_other_link() {
    let (app, ada) = App::spawn().await;
    let other = app.session_of(&app.sign_in(EMAIL, PASSWORD).await);
    let (first, second) = (forgotten(&app).await, forgotten(&app).await);
    let response = reset(&app, &first, NEW).await;
    assert_eq!(response.status(), 204);
    assert!(response.headers().get("set-cookie").is_none(), "a link does not sign in");
    assert!(!is_alive(&ada).await && !is_alive(&other).await);
    for dead in [&first, &second] {
        assert_eq!(error_of(reset(&app, dead, "OldPass1").await).await, (400, "TOKEN_INVALID".into()));
    }
    assert_eq!(app.sign_in(EMAIL, PASSWORD).await.status(), 401);
    let ada = app.session_of(&app.sign_in(EMAIL, NEW).await);
    let notice = mail::only(&app, "password_changed", EMAIL);
    assert!(notice.text.contains("Tuesday, 1 January 2030 at 00:00 (UTC)") && !notice.text.contains("token="));
    let log: Value = ada.get("/api/admin/audit-log").await.json().await.unwrap();
    let actions: Vec<&str> =
        log["items"].as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert!(actions.contains(&"account.password_reset_requested") && actions.contains(&"account.password_reset"));
    assert!(!log.to_string().contains("lnk_"), "{log}");
}

#[tokio::test]
async fn a_link_for_a_new_password_is_good_once_for_half_an_hour_and_proves_the_address() {
    let (app, _) = App::spawn_with(|config| config.registration.require_verified_email = Some(true)).await;
    assert_eq!(register(&app, &newcomer("eve@example.com")).await.status(), 201);
    assert_eq!(post(&app, FORGOT, &json!({ "email": "eve@example.com" })).await.status(), 202);
    let eves = mail::only(&app, "reset_password", "eve@example.com").token();
    let token = forgotten(&app).await;
    app.clock.advance_ms(30 * MINUTE - 1);
    assert_eq!(reset(&app, &eves, NEW).await.status(), 204);
    app.clock.advance_ms(1);
    assert_eq!(error_of(reset(&app, &token, NEW).await).await, (400, "TOKEN_INVALID".into()));
    // A clock that is set back revives nothing, be it by hours or by a moment.
    for back in [-2 * 60 * MINUTE as i64, 2 * 60 * MINUTE as i64 - 1] {
        app.clock.jump_wall_ms(back);
        assert_eq!(error_of(reset(&app, &token, NEW).await).await, (400, "TOKEN_INVALID".into()));
    }
    let response = app.sign_in("eve@example.com", NEW).await;
    assert_eq!(response.json::<Value>().await.unwrap()["user"]["emailVerified"], true);
    assert_eq!(app.sign_in(EMAIL, PASSWORD).await.status(), 200, "Eve's link changed nothing of Ada's");
}

#[tokio::test]
async fn a_password_that_is_refused_does_not_use_the_link_up() {
    let (app, _) = App::spawn().await;
    let token = forgotten(&app).await;
    let too_long = format!("Aa1{}", "x".repeat(69));
    for (password, confirmation, field) in [
        ("Short1x", "Short1x", "password"),
        ("Password1", "Password1", "password"),
        ("Ada12345678", "Ada12345678", "password"),
        ("Nul\u{0}Inside1", "Nul\u{0}Inside1", "password"),
        (&too_long, &too_long, "password"),
        (NEW, "NewSecurePass2", "confirmPassword"),
        (NEW, "", "confirmPassword"),
    ] {
        let body = json!({ "token": token, "password": password, "confirmPassword": confirmation });
        let (status, code, fields) = fault_of(post(&app, RESET, &body).await).await;
        assert_eq!((status, code.as_str()), (400, "VALIDATION_FAILED"), "{password:?}");
        assert!(fields[field].is_string() && fields.as_object().unwrap().len() == 1, "{password:?}: {fields}");
    }
    let extra = json!({ "token": token, "password": NEW, "confirmPassword": NEW, "emailVerified": true });
    assert_eq!(post(&app, RESET, &extra).await.status(), 400);
    let huge = "x".repeat(10_000_000);
    assert_eq!(error_of(reset(&app, &token, &huge).await).await, (413, "PAYLOAD_TOO_LARGE".into()));
    assert_eq!(app.sign_in(EMAIL, PASSWORD).await.status(), 200);
    let longest = format!("Aa1{}", "x".repeat(68));
    assert_eq!(reset(&app, &token, &longest).await.status(), 204);
    assert_eq!(app.sign_in(EMAIL, &longest).await.status(), 200);
}

#[tokio::test]
async fn of_sixty_four_resets_with_one_link_one_succeeds() {
    let (app, _) = App::spawn().await;
    let token = forgotten(&app).await;
    let password = |index: usize| format!("NewSecurePass{index}");
    let statuses = statuses_at_once(64, |index| {
        let password = password(index);
        let body = json!({ "token": token, "password": password, "confirmPassword": password });
        app.request(Method::POST, RESET).json(&body)
    })
    .await;
    assert_eq!((count(&statuses, 204), count(&statuses, 400)), (1, 63), "{statuses:?}");
    let winner = statuses.iter().position(|status| *status == 204).unwrap();
    assert_eq!(app.sign_in(EMAIL, &password(winner)).await.status(), 200);
}

#[tokio::test]
async fn a_password_is_changed_by_who_knows_the_present_one_and_the_other_sessions_end() {
    let (app, ada) = App::spawn().await;
    let other = app.session_of(&app.sign_in(EMAIL, PASSWORD).await);
    let link = forgotten(&app).await;
    let body = |current: &str, new: &str| json!({ "currentPassword": current, "newPassword": new });
    for (current, new, field) in [
        ("WrongPass1", NEW, "currentPassword"),
        ("", NEW, "currentPassword"),
        (&"x".repeat(72), NEW, "currentPassword"),
        (PASSWORD, "Short1x", "newPassword"),
        (PASSWORD, "Qwerty123", "newPassword"),
        (PASSWORD, "Ada@Example.com1", "newPassword"),
    ] {
        let (status, code, fields) = fault_of(ada.post(CHANGE, &body(current, new)).await).await;
        assert_eq!((status, code.as_str()), (400, "VALIDATION_FAILED"), "{current} {new}");
        assert!(fields[field].is_string() && fields.as_object().unwrap().len() == 1, "{current} {new}: {fields}");
    }
    assert!(is_alive(&other).await && app.sign_in(EMAIL, PASSWORD).await.status() == 200);
    assert_eq!(ada.post(CHANGE, &body(PASSWORD, NEW)).await.status(), 204);
    assert!(is_alive(&ada).await && !is_alive(&other).await);
    assert_eq!(app.sign_in(EMAIL, PASSWORD).await.status(), 401);
    assert_eq!(app.sign_in(EMAIL, NEW).await.status(), 200);
    assert_eq!(error_of(reset(&app, &link, "OldPass1").await).await, (400, "TOKEN_INVALID".into()));
    mail::only(&app, "password_changed", EMAIL);
    let actions: Value = ada.get("/api/admin/audit-log?action=password.refused").await.json().await.unwrap();
    assert_eq!(actions["items"].as_array().unwrap().len(), 3);
    let actions: Value = ada.get("/api/admin/audit-log?action=account.password_changed").await.json().await.unwrap();
    assert_eq!(actions["items"][0]["actor"]["name"], "Ada");
}

#[tokio::test]
async fn of_two_changes_that_confirm_the_same_password_one_stands() {
    let (app, ada) = App::spawn().await;
    // Few enough that those who come too late do not lock the account.
    let statuses = statuses_at_once(4, |index| {
        let body = json!({ "currentPassword": PASSWORD, "newPassword": format!("NewSecurePass{index}") });
        ada.request(Method::POST, CHANGE).json(&body)
    })
    .await;
    assert_eq!(count(&statuses, 204), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [204, 400, 409].contains(status)), "{statuses:?}");
    let winner = statuses.iter().position(|status| *status == 204).unwrap();
    assert_eq!(app.sign_in(EMAIL, &format!("NewSecurePass{winner}")).await.status(), 200);
}

#[tokio::test]
async fn forgetting_and_resetting_are_limited_for_each_network() {
    let (app, _) = App::spawn_with(|config| config.auth.requests_per_minute = 3).await;
    for (path, body) in [
        (FORGOT, json!({ "email": "nobody@example.com" })),
        (RESET, json!({ "token": "x", "password": NEW, "confirmPassword": NEW })),
    ] {
        for _ in 0..3 {
            assert_ne!(post(&app, path, &body).await.status(), 429);
        }
        assert_eq!(error_of(post(&app, path, &body).await).await, (429, "RATE_LIMITED".into()), "{path}");
    }
}
