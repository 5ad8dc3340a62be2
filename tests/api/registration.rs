//! Registering: the modes, the answer that never tells, invitations, and what a new account is.

use claviger::config::{PasswordPolicy, RegistrationMode};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::at_once::{count, fault_of, statuses_at_once};
use super::invited::{Invited, invite};
use super::people;
use super::support::{App, EMAIL, PASSWORD, error_of, mail};

const EVE: &str = "eve@example.com";

pub fn newcomer(email: &str) -> Value {
    json!({ "name": "Eve", "email": email, "password": PASSWORD })
}

pub async fn register(app: &App, body: &Value) -> Response {
    app.request(Method::POST, "/api/auth/register").json(body).send().await.unwrap()
}

fn with_verification(config: &mut claviger::config::Config) {
    config.registration.require_verified_email = Some(true);
}

#[tokio::test]
async fn one_who_registers_owns_an_organization_of_their_own_on_the_plan_for_it() {
    let (app, ada) = App::spawn().await;
    let mut body = newcomer("Eve@Example.COM");
    body["timezone"] = json!("europe/berlin");
    let response = register(&app, &body).await;
    assert_eq!(response.status(), 201);
    assert!(response.headers().get("set-cookie").is_none());
    let told: Value = response.json().await.unwrap();
    assert_eq!(told["emailVerificationRequired"], false);
    assert!(told["message"].as_str().unwrap().contains("sign in") && told.as_object().unwrap().len() == 2, "{told}");
    let eve = app.session_of(&app.sign_in(EVE, PASSWORD).await);
    let who: Value = eve.get("/api/auth/session").await.json().await.unwrap();
    assert_eq!((&who["user"]["name"], &who["user"]["email"]), (&json!("Eve"), &json!(EVE)));
    assert_eq!((&who["user"]["timezone"], &who["user"]["emailVerified"]), (&json!("Europe/Berlin"), &json!(false)));
    assert_eq!((&who["organization"]["name"], &who["organization"]["plan"]), (&json!("Eve"), &json!("free")));
    assert_eq!((&who["organization"]["home"], &who["role"]), (&json!(false), &json!("owner")));
    assert_eq!(who["organizations"].as_array().unwrap().len(), 1);
    let log: Value = eve.get("/api/admin/audit-log").await.json().await.unwrap();
    let actions: Vec<&str> =
        log["items"].as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["session.created", "account.registered", "organization.created"]);
    let log: Value = ada.get("/api/admin/audit-log?action=account.registered").await.json().await.unwrap();
    assert_eq!(log["items"], json!([]), "it is no business of the home organization's");
}

#[tokio::test]
async fn the_plan_of_who_registers_is_a_setting() {
    let (app, _) = App::spawn_with(|config| config.plans.registered = "starter".into()).await;
    assert_eq!(register(&app, &newcomer(EVE)).await.status(), 201);
    let eve = app.session_of(&app.sign_in(EVE, PASSWORD).await);
    let who: Value = eve.get("/api/auth/session").await.json().await.unwrap();
    assert_eq!(who["organization"]["plan"], "starter");
    // A stranger's session and key pass nothing of the home organization.
    let key = eve.make_key(json!({})).await;
    assert_eq!(app.verify_status(&key.token, "GET", "/x").await, 403);
    assert_eq!(error_of(app.verify(&key.token, "GET", "/x").await).await.1, "ORGANIZATION_NOT_ALLOWED");
}

#[tokio::test]
async fn who_may_register_is_a_setting_whose_default_is_anyone_on_loopback_and_the_invited_elsewhere() {
    for (mode, public_url, invited_only) in [
        (None, None, false),
        (None, Some("https://keys.example.com"), true),
        (Some(RegistrationMode::Open), Some("https://keys.example.com"), false),
        (Some(RegistrationMode::Invite), None, true),
        (Some(RegistrationMode::Closed), None, true),
    ] {
        let (app, _) = App::spawn_with(|config| {
            config.registration.mode = mode;
            config.server.public_url = public_url.map(str::to_owned);
        })
        .await;
        let response = register(&app, &newcomer(EVE)).await;
        if invited_only {
            assert_eq!(error_of(response).await, (403, "REGISTRATION_CLOSED".into()), "{mode:?} {public_url:?}");
            assert!(mail::all(&app).is_empty());
        } else {
            assert_eq!(response.status(), 201, "{mode:?} {public_url:?}");
        }
        let invited = invite(&app, EVE, "member");
        let mut body = newcomer(EVE);
        body["inviteToken"] = json!(invited.shown);
        assert_eq!(register(&app, &body).await.status(), 201, "{mode:?} {public_url:?}");
    }
}

#[tokio::test]
async fn nobody_registers_before_setup_which_stays_possible() {
    let app = App::bare().await;
    assert_eq!(error_of(register(&app, &newcomer(EVE)).await).await, (403, "REGISTRATION_CLOSED".into()));
    app.set_up().await;
    assert_eq!(register(&app, &newcomer(EVE)).await.status(), 201);
}

#[tokio::test]
async fn a_taken_and_a_free_address_get_the_same_answer_and_a_mail_each() {
    let (app, _) = App::spawn_with(with_verification).await;
    let mut answers = Vec::new();
    for email in [EMAIL, "ADA@example.com", "ａｄａ@example.com", EVE, EVE] {
        let response = register(&app, &newcomer(email)).await;
        let mut names: Vec<String> = response.headers().keys().map(ToString::to_string).collect();
        names.sort();
        let status = response.status().as_u16();
        answers.push((status, names, response.json::<Value>().await.unwrap()));
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    assert_eq!((answers[0].0, &answers[0].2["emailVerificationRequired"]), (201, &json!(true)));
    let taken = mail::of(&app, "address_taken", EMAIL);
    assert_eq!(taken.len(), 3, "the owner is told at each");
    assert!(taken[0].text.starts_with("Hello Ada,") && taken[0].text.contains("/forgot-password"));
    assert!(!taken[0].text.contains("token="));
    assert_eq!(mail::of(&app, "verify_email", EVE).len(), 1);
    assert_eq!(mail::of(&app, "address_taken", EVE).len(), 1);
    assert_eq!(mail::all(&app).len(), 5, "one each");
    assert!(mail::all(&app).iter().all(|mail| !mail.of_organization), "no administrator reads them");
    // Whose it was, it still is.
    assert_eq!(app.sign_in(EMAIL, PASSWORD).await.status(), 200);
    let mut other = newcomer(EMAIL);
    other["password"] = json!("NewSecurePass1");
    assert_eq!(register(&app, &other).await.status(), 201);
    assert_eq!(app.sign_in(EMAIL, "NewSecurePass1").await.status(), 401);
}

#[tokio::test]
async fn a_taken_address_costs_a_hash_too() {
    let (app, _) = App::spawn_with(|config| config.password.bcrypt_cost = 11).await;
    let mut quickest = [std::time::Duration::MAX; 2];
    for round in 0..3 {
        for (quickest, email) in quickest.iter_mut().zip([EMAIL.to_owned(), format!("eve{round}@example.com")]) {
            let start = std::time::Instant::now();
            assert_eq!(register(&app, &newcomer(&email)).await.status(), 201);
            *quickest = start.elapsed().min(*quickest);
        }
    }
    assert!(quickest[0] * 4 > quickest[1] && quickest[1] * 4 > quickest[0], "{quickest:?}");
}

#[tokio::test]
async fn of_sixty_four_who_register_one_address_at_once_one_gets_it_and_nobody_is_told() {
    let (app, _) = App::spawn().await;
    let statuses = statuses_at_once(64, |_| app.request(Method::POST, "/api/auth/register").json(&newcomer(EVE))).await;
    assert_eq!(count(&statuses, 201), 64, "{statuses:?}");
    assert_eq!(mail::of(&app, "verify_email", EVE).len(), 1);
    assert_eq!(mail::of(&app, "address_taken", EVE).len(), 63);
}

#[tokio::test]
async fn what_cannot_be_used_is_named_by_its_field_and_makes_nobody() {
    let (app, _) = App::spawn().await;
    let long = format!("{}@example.com", "a".repeat(288));
    let over = format!("Aa1{}", "x".repeat(69));
    for (field, value) in [
        ("name", json!("")),
        ("name", json!("A\r\nBcc: x@y.z")),
        ("name", json!("A\u{7}B")),
        ("name", json!("a".repeat(101))),
        ("email", json!("nowhere")),
        ("email", json!("a@b@c.example")),
        ("email", json!("eve@example.com\r\nBcc: x@y.z")),
        ("email", json!("ëve@example.com")),
        ("email", json!(long)),
        ("email", json!(null)),
        ("password", json!("Short1x")),
        ("password", json!("alllowercase1")),
        ("password", json!("Password1")),
        ("password", json!("Password1!")),
        ("password", json!("Eve@example.com1")),
        ("password", json!("Nul\u{0}Inside1")),
        ("password", json!(over)),
        ("timezone", json!("Mars/Olympus")),
        ("timezone", json!("")),
        ("inviteToken", json!(7)),
        ("role", json!("owner")),
        ("organizationId", json!("org_1")),
        ("emailVerified", json!(true)),
        ("plan", json!("enterprise")),
    ] {
        let mut body = newcomer(EVE);
        body[field] = value.clone();
        let (status, code, fields) = fault_of(register(&app, &body).await).await;
        assert_eq!((status, code.as_str()), (400, "VALIDATION_FAILED"), "{field} {value}");
        assert!(fields[field].is_string() && fields.as_object().unwrap().len() == 1, "{field} {value}: {fields}");
    }
    assert!(mail::all(&app).is_empty());
    let huge = json!({ "name": "Eve", "email": EVE, "password": "x".repeat(10_000_000) });
    assert_eq!(error_of(register(&app, &huge).await).await, (413, "PAYLOAD_TOO_LARGE".into()));
    let longest = format!("Aa1{}", "x".repeat(68));
    let body = json!({ "name": "Eve", "email": "ｅｖｅ@example.com", "password": longest });
    assert_eq!(register(&app, &body).await.status(), 201);
    assert_eq!(app.sign_in(EVE, &longest).await.status(), 200);
    assert_eq!(app.sign_in(EVE, &format!("{}y", &longest[..70])).await.status(), 401);
    assert_eq!(mail::only(&app, "verify_email", EVE).to, EVE);
}

#[tokio::test]
async fn with_length15_fifteen_characters_of_any_kind_will_do() {
    let (app, _) = App::spawn().await;
    let app = app.restart_with(|config| config.password.policy = PasswordPolicy::Length15).await;
    let mut body = newcomer(EVE);
    body["password"] = json!("ShortButMixed1");
    assert!(fault_of(register(&app, &body).await).await.2["password"].as_str().unwrap().contains("15"));
    body["password"] = json!("all in lower case");
    assert_eq!(register(&app, &body).await.status(), 201);
    assert_eq!(app.sign_in(EVE, "all in lower case").await.status(), 200);
}

async fn register_invited(app: &App, email: &str, token: &str) -> Response {
    let mut body = newcomer(email);
    body["inviteToken"] = json!(token);
    register(app, &body).await
}

#[tokio::test]
async fn an_invitation_leads_into_its_organization_and_its_mailed_link_proves_the_address() {
    for mailed in [true, false] {
        let (app, ada) = App::spawn_with(with_verification).await;
        let Invited { shown, mailed: by_mail } = invite(&app, EVE, "admin");
        let response = register_invited(&app, EVE, if mailed { &by_mail } else { &shown }).await;
        assert_eq!(response.status(), 201);
        assert_eq!(response.json::<Value>().await.unwrap()["emailVerificationRequired"], !mailed);
        let response = app.sign_in(EVE, PASSWORD).await;
        if !mailed {
            assert_eq!(error_of(response).await, (403, "EMAIL_NOT_VERIFIED".into()));
            mail::only(&app, "verify_email", EVE);
            continue;
        }
        let who: Value = response.json().await.unwrap();
        assert_eq!((&who["organization"]["name"], &who["role"]), (&json!("Home"), &json!("admin")));
        assert_eq!((&who["user"]["emailVerified"], who["organizations"].as_array().unwrap().len()), (&json!(true), 1));
        assert!(mail::only(&app, "welcome", EVE).subject.contains("Home"));
        let log: Value = ada.get("/api/admin/audit-log?action=invitation.accepted").await.json().await.unwrap();
        assert_eq!(log["items"][0]["changes"]["role"]["after"], "admin");
        assert_eq!(log["items"][0]["actor"]["name"], "Eve");
    }
}

#[tokio::test]
async fn an_invitation_is_for_its_address_alone_and_stays_good_until_it_is_used() {
    let (app, _) = App::spawn().await;
    let invited = invite(&app, EVE, "member");
    for other in ["mallory@example.com", EMAIL] {
        let response = register_invited(&app, other, &invited.shown).await;
        assert_eq!(error_of(response).await, (403, "INVITE_EMAIL_MISMATCH".into()), "{other}");
    }
    let mut weak = newcomer(EVE);
    weak["inviteToken"] = json!(invited.shown);
    weak["password"] = json!("short");
    assert_eq!(register(&app, &weak).await.status(), 400);
    assert_eq!(register_invited(&app, EVE, &invited.shown).await.status(), 201);
    for token in [&invited.shown, &invited.mailed] {
        let response = register_invited(&app, "mallory@example.com", token).await;
        assert_eq!(error_of(response).await, (400, "TOKEN_INVALID".into()));
    }
}

#[tokio::test]
async fn a_dead_or_made_up_invitation_lets_nobody_in_even_where_registration_is_open() {
    let (app, _) = App::spawn().await;
    let invited = invite(&app, EVE, "member");
    assert_eq!(error_of(register_invited(&app, EVE, "lnk_nothing").await).await, (400, "TOKEN_INVALID".into()));
    app.clock.advance_ms(7 * 24 * 3_600_000);
    assert_eq!(error_of(register_invited(&app, EVE, &invited.shown).await).await, (400, "TOKEN_INVALID".into()));
    // Nor does setting the clock back revive one.
    let later = invite(&app, EVE, "member");
    app.clock.jump_wall_ms(-2 * 3_600_000);
    assert_eq!(error_of(register_invited(&app, EVE, &later.shown).await).await, (400, "TOKEN_INVALID".into()));
    assert_eq!(app.sign_in(EVE, PASSWORD).await.status(), 401);
}

#[tokio::test]
async fn one_who_has_an_account_is_told_by_mail_and_the_invitation_stays_good() {
    let (app, _) = App::spawn().await;
    assert_eq!(register(&app, &newcomer(EVE)).await.status(), 201);
    let invited = invite(&app, EVE, "member");
    assert_eq!(register_invited(&app, EVE, &invited.shown).await.status(), 201);
    mail::only(&app, "address_taken", EVE);
    let state = people::state(&app);
    let open: i64 =
        state.query_row("SELECT count(*) FROM invitations WHERE accepted_at IS NULL", [], |row| row.get(0)).unwrap();
    assert_eq!(open, 1);
}

#[tokio::test]
async fn of_sixty_four_who_use_an_invitation_at_once_one_succeeds() {
    let (app, _) = App::spawn().await;
    let invited = invite(&app, EVE, "member");
    let mut body = newcomer(EVE);
    body["inviteToken"] = json!(invited.mailed);
    let statuses = statuses_at_once(64, |_| app.request(Method::POST, "/api/auth/register").json(&body)).await;
    assert_eq!((count(&statuses, 201), count(&statuses, 400)), (1, 63), "{statuses:?}");
    let state = people::state(&app);
    let number = |sql: &str| state.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(number("SELECT count(*) FROM users"), 2);
    assert_eq!(number("SELECT count(*) FROM memberships"), 2);
    assert_eq!(mail::of(&app, "welcome", EVE).len(), 1);
}

#[tokio::test]
async fn registering_is_limited_for_each_network() {
    let (app, _) = App::spawn_with(|config| config.auth.requests_per_minute = 3).await;
    for _ in 0..3 {
        assert_eq!(register(&app, &json!({})).await.status(), 400);
    }
    assert_eq!(error_of(register(&app, &newcomer(EVE)).await).await, (429, "RATE_LIMITED".into()));
    app.clock.advance_ms(60_000);
    assert_eq!(register(&app, &newcomer(EVE)).await.status(), 201);
}
