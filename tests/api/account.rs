//! One's own account: name and time zone, the address, and its end.

use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::at_once::{at_once, fault_of};
use super::invited::invite;
use super::people;
use super::registration::{newcomer, register};
use super::support::{App, EMAIL, KEYS, PASSWORD, Session, error_of, header, mail};

const EVE: &str = "eve@example.com";
const NEW_EMAIL: &str = "ada@new.example";
const PROFILE: &str = "/api/auth/profile";
const CHANGE_EMAIL: &str = "/api/auth/change-email";
const ACCOUNT: &str = "/api/auth/account";

/// Registers Eve, in an organization of her own or as a member of Home.
async fn eve(app: &App, role_at_home: Option<&str>) -> Session {
    let mut body = newcomer(EVE);
    if let Some(role) = role_at_home {
        body["inviteToken"] = json!(invite(app, EVE, role).mailed);
    }
    assert_eq!(register(app, &body).await.status(), 201);
    app.session_of(&app.sign_in(EVE, PASSWORD).await)
}

async fn change_email(session: &Session, email: &str, password: &str) -> Response {
    session.post(CHANGE_EMAIL, &json!({ "email": email, "password": password })).await
}

async fn delete(session: &Session, password: &str) -> Response {
    session.request(Method::DELETE, ACCOUNT).json(&json!({ "password": password })).send().await.unwrap()
}

async fn confirm(app: &App, token: &str) -> Response {
    let body = json!({ "token": token });
    app.request(Method::POST, "/api/auth/verify-email").json(&body).send().await.unwrap()
}

async fn actions(session: &Session) -> Vec<String> {
    let log: Value = session.get("/api/admin/audit-log?limit=200").await.json().await.unwrap();
    log["items"].as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn name_and_time_zone_are_ones_own_to_change() {
    let (app, ada) = App::spawn().await;
    let response = ada.patch(PROFILE, &json!({ "name": " Ada Lovelace ", "timezone": "europe/LONDON" })).await;
    let told: Value = response.json().await.unwrap();
    assert_eq!((&told["name"], &told["timezone"]), (&json!("Ada Lovelace"), &json!("Europe/London")));
    assert_eq!((&told["email"], &told["emailVerified"]), (&json!(EMAIL), &json!(true)));
    let who: Value = ada.get("/api/auth/session").await.json().await.unwrap();
    assert_eq!(who["user"], told);
    assert_eq!(ada.patch(PROFILE, &json!({ "timezone": "UTC" })).await.status(), 200);
    assert_eq!(ada.patch(PROFILE, &json!({})).await.status(), 200, "nothing to change is fine");
    let log: Value = ada.get("/api/admin/audit-log?action=account.updated").await.json().await.unwrap();
    let changes: Vec<&Value> = log["items"].as_array().unwrap().iter().map(|entry| &entry["changes"]).collect();
    let zone = json!({ "timezone": { "before": "Europe/London", "after": "UTC" } });
    let both = json!({
        "name": { "before": "Ada", "after": "Ada Lovelace" },
        "timezone": { "before": "UTC", "after": "Europe/London" },
    });
    assert_eq!(changes, [&zone, &both]);
    for (field, value) in [
        ("name", json!("")),
        ("name", json!("A\r\nB")),
        ("timezone", json!("Europe")),
        ("timezone", json!("+02:00")),
        ("email", json!(NEW_EMAIL)),
        ("emailVerified", json!(true)),
        ("role", json!("owner")),
        ("organizationId", json!("org_1")),
        ("plan", json!("enterprise")),
    ] {
        let (status, _, fields) = fault_of(ada.patch(PROFILE, &json!({ field: value })).await).await;
        assert!(status == 400 && fields[field].is_string(), "{field}: {fields}");
    }
    assert_eq!(app.sign_in(EMAIL, PASSWORD).await.status(), 200);
}

#[tokio::test]
async fn times_in_mails_are_told_in_the_readers_own_zone() {
    let (app, ada) = App::spawn().await;
    assert_eq!(ada.patch(PROFILE, &json!({ "timezone": "America/New_York" })).await.status(), 200);
    assert_eq!(change_email(&ada, NEW_EMAIL, PASSWORD).await.status(), 202);
    let told = mail::only(&app, "email_changing", EMAIL);
    assert!(told.text.contains("Monday, 31 December 2029 at 19:00 (America/New_York)"), "{told:?}");
}

#[tokio::test]
async fn an_address_changes_once_the_new_one_is_confirmed_and_the_old_one_is_told() {
    let (app, ada) = App::spawn().await;
    let key = ada.make_key(json!({})).await;
    let email_of = async || header(&app.verify(&key.token, "GET", "/x").await, "x-auth-email").to_owned();
    assert_eq!(email_of().await, EMAIL);
    let reset = json!({ "email": EMAIL });
    app.request(Method::POST, "/api/auth/forgot-password").json(&reset).send().await.unwrap();
    let response = change_email(&ada, "Ada@New.Example", PASSWORD).await;
    assert_eq!(response.status(), 202);
    let link = mail::only(&app, "change_email", NEW_EMAIL);
    assert!(link.text.contains("Wednesday, 2 January 2030 at 00:00 (UTC)"), "{link:?}");
    let told = mail::only(&app, "email_changing", EMAIL);
    assert!(told.text.contains(NEW_EMAIL) && !told.text.contains("token="), "{told:?}");
    assert_eq!(app.sign_in(NEW_EMAIL, PASSWORD).await.status(), 401, "not before it is confirmed");
    assert_eq!(app.sign_in(EMAIL, PASSWORD).await.status(), 200);
    assert_eq!(confirm(&app, &link.token()).await.status(), 200);
    assert_eq!(email_of().await, NEW_EMAIL, "the gate tells the new one at once");
    assert_eq!(app.sign_in(EMAIL, PASSWORD).await.status(), 401);
    let who: Value = app.sign_in(NEW_EMAIL, PASSWORD).await.json().await.unwrap();
    assert_eq!((&who["user"]["email"], &who["user"]["emailVerified"]), (&json!(NEW_EMAIL), &json!(true)));
    assert_eq!(error_of(confirm(&app, &link.token()).await).await, (400, "TOKEN_INVALID".into()));
    // What was mailed to the old address opens nothing any more.
    let token = mail::only(&app, "reset_password", EMAIL).token();
    let body = json!({ "token": token, "password": "NewPass1", "confirmPassword": "NewPass1" });
    let response = app.request(Method::POST, "/api/auth/reset-password").json(&body).send().await.unwrap();
    assert_eq!(error_of(response).await, (400, "TOKEN_INVALID".into()));
    let log: Value = ada.get("/api/admin/audit-log?action=account.email_changed").await.json().await.unwrap();
    assert_eq!(log["items"][0]["changes"], json!({ "email": { "before": EMAIL, "after": NEW_EMAIL } }));
}

#[tokio::test]
async fn an_address_does_not_change_without_the_present_password() {
    let (app, ada) = App::spawn().await;
    for (body, field) in [
        (json!({ "email": NEW_EMAIL, "password": "WrongPass1" }), "password"),
        (json!({ "email": NEW_EMAIL, "password": "" }), "password"),
        (json!({ "email": NEW_EMAIL }), "password"),
        (json!({ "email": "nowhere", "password": PASSWORD }), "email"),
        (json!({ "email": "a@b\r\nBcc: c@d", "password": PASSWORD }), "email"),
        (json!({ "email": EMAIL, "password": PASSWORD }), "email"),
        (json!({ "email": NEW_EMAIL, "password": PASSWORD, "emailVerified": true }), "emailVerified"),
    ] {
        let (status, _, fields) = fault_of(ada.post(CHANGE_EMAIL, &body).await).await;
        assert!(status == 400 && fields[field].is_string(), "{body}: {fields}");
    }
    assert!(mail::all(&app).is_empty());
}

#[tokio::test]
async fn that_a_wanted_address_is_taken_is_told_to_its_owner_alone() {
    let (app, ada) = App::spawn().await;
    eve(&app, None).await;
    let answers = [EVE, NEW_EMAIL].map(|email| change_email(&ada, email, PASSWORD));
    let [taken, free] = answers;
    let (taken, free) = (taken.await, free.await);
    assert_eq!((taken.status(), free.status()), (free.status(), reqwest::StatusCode::ACCEPTED));
    assert_eq!(taken.text().await.unwrap(), free.text().await.unwrap());
    assert!(!mail::only(&app, "address_taken", EVE).text.contains("token="));
    assert_eq!(mail::of(&app, "email_changing", EMAIL).len(), 2);
    // Taken meanwhile: nothing happens, and the link stays good.
    let token = mail::only(&app, "change_email", NEW_EMAIL).token();
    assert_eq!(register(&app, &newcomer(NEW_EMAIL)).await.status(), 201);
    for _ in 0..2 {
        assert_eq!(error_of(confirm(&app, &token).await).await, (409, "CONFLICT".into()));
    }
    assert_eq!(app.sign_in(EMAIL, PASSWORD).await.status(), 200);
}

#[tokio::test]
async fn only_the_newest_change_of_address_can_be_confirmed_and_a_new_password_stops_it() {
    let (app, ada) = App::spawn().await;
    for email in ["first@example.com", "second@example.com"] {
        assert_eq!(change_email(&ada, email, PASSWORD).await.status(), 202);
    }
    let first = mail::only(&app, "change_email", "first@example.com").token();
    let second = mail::only(&app, "change_email", "second@example.com").token();
    assert_eq!(error_of(confirm(&app, &first).await).await, (400, "TOKEN_INVALID".into()));
    let body = json!({ "currentPassword": PASSWORD, "newPassword": "NewSecurePass1" });
    assert_eq!(ada.post("/api/auth/change-password", &body).await.status(), 204);
    assert_eq!(error_of(confirm(&app, &second).await).await, (400, "TOKEN_INVALID".into()));
    assert_eq!(app.sign_in(EMAIL, "NewSecurePass1").await.status(), 200);
}

#[tokio::test]
async fn a_deleted_account_is_gone_with_its_sessions_and_its_keys_stop_at_once() {
    let (app, ada) = App::spawn().await;
    let eve = eve(&app, Some("admin")).await;
    let own = eve.make_key(json!({ "name": "Eve's own" })).await;
    let shared = eve.make_key(json!({ "name": "Home's", "owner": "organization" })).await;
    for key in [&own, &shared] {
        assert_eq!(app.verify_status(&key.token, "GET", "/x").await, 200);
    }
    for wrong in ["WrongPass1", ""] {
        assert!(fault_of(delete(&eve, wrong).await).await.2["password"].is_string());
    }
    assert_eq!(eve.delete(ACCOUNT).await.status(), 400, "a body is needed");
    let response = delete(&eve, PASSWORD).await;
    assert_eq!(response.status(), 204);
    assert!(header(&response, "set-cookie").contains("Max-Age=0"));
    assert_eq!(eve.get("/api/auth/session").await.status(), 401);
    assert_eq!(error_of(app.sign_in(EVE, PASSWORD).await).await, (401, "SIGN_IN_FAILED".into()));
    assert_eq!(error_of(app.verify(&own.token, "GET", "/x").await).await, (401, "API_KEY_DEACTIVATED".into()));
    assert_eq!(app.verify_status(&shared.token, "GET", "/x").await, 200, "what is the organization's stays");
    mail::only(&app, "account_deleted", EVE);
    // Her requests and the log of what she did stay.
    let requests: Value = ada.get(&format!("{KEYS}/{}/requests", own.id)).await.json().await.unwrap();
    assert_eq!(requests["items"].as_array().unwrap().len(), 2);
    let log: Value = ada.get("/api/admin/audit-log?action=account.deleted").await.json().await.unwrap();
    assert_eq!(log["items"][0]["target"]["name"], "Eve");
    assert!(actions(&ada).await.contains(&"account.registered".into()));
    // The address is free again.
    assert_eq!(register(&app, &newcomer(EVE)).await.status(), 201);
    assert_eq!(app.sign_in(EVE, PASSWORD).await.status(), 200);
}

#[tokio::test]
async fn an_organization_goes_with_its_only_member_and_its_numbers_are_never_given_out_again() {
    let (app, _) = App::spawn_with(|config| config.plans.registered = "starter".into()).await;
    let eve = eve(&app, None).await;
    let key = eve.make_key(json!({ "owner": "organization" })).await;
    assert_eq!(eve.get("/v1/version").await.status(), 200);
    let by_key = app.request(Method::GET, "/v1/version").bearer_auth(&key.token);
    assert_eq!(by_key.send().await.unwrap().status(), 200);
    let greatest = |app: &App| -> i64 {
        let sql =
            "SELECT max((SELECT max(number) FROM organizations), (SELECT coalesce(max(number), 0) FROM api_keys))";
        people::state(app).query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let before = greatest(&app);
    assert_eq!(delete(&eve, PASSWORD).await.status(), 204);
    let by_key = app.request(Method::GET, "/v1/version").bearer_auth(&key.token);
    assert_eq!(error_of(by_key.send().await.unwrap()).await, (401, "API_KEY_INVALID".into()));
    assert!(greatest(&app) < before);
    let app = app.restart().await;
    assert_eq!(register(&app, &newcomer("max@example.com")).await.status(), 201);
    assert!(greatest(&app) > before, "the next organization has a number of its own");
}

#[tokio::test]
async fn the_last_owner_cannot_go_while_others_are_there_and_the_home_organization_keeps_its_owner() {
    let (app, ada) = App::spawn().await;
    assert_eq!(error_of(delete(&ada, PASSWORD).await).await, (403, "LAST_OWNER".into()), "alone at home");
    let eve = eve(&app, Some("owner")).await;
    let state = people::state(&app);
    state
        .execute("UPDATE memberships SET role = 'admin' WHERE user <> (SELECT id FROM users WHERE email = ?1)", [EMAIL])
        .unwrap();
    assert_eq!(error_of(delete(&ada, PASSWORD).await).await, (403, "LAST_OWNER".into()), "with an admin beside her");
    assert_eq!(ada.get("/api/auth/session").await.status(), 200);
    assert!(mail::of(&app, "account_deleted", EMAIL).is_empty());
    state.execute("UPDATE memberships SET role = 'owner'", []).unwrap();
    assert_eq!(delete(&ada, PASSWORD).await.status(), 204);
    assert_eq!(eve.get("/api/admin/audit-log").await.status(), 200);
    assert_eq!(error_of(delete(&eve, PASSWORD).await).await, (403, "LAST_OWNER".into()));
}

#[tokio::test]
async fn of_two_owners_who_delete_themselves_at_once_one_stays() {
    for _ in 0..4 {
        let (app, ada) = App::spawn().await;
        let eve = eve(&app, Some("owner")).await;
        let statuses = at_once(2, |index| {
            let session = [ada.clone(), eve.clone()][index].clone();
            async move { delete(&session, PASSWORD).await.status().as_u16() }
        })
        .await;
        let mut sorted = statuses.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [204, 403], "{statuses:?}");
        let owners: i64 = people::state(&app)
            .query_row("SELECT count(*) FROM memberships WHERE role = 'owner'", [], |row| row.get(0))
            .unwrap();
        assert_eq!(owners, 1);
    }
}

#[tokio::test]
async fn what_could_take_an_account_over_is_for_sessions_alone() {
    let (app, ada) = App::spawn().await;
    let key = ada.make_key(json!({ "role": "admin" })).await;
    for (method, path, body) in [
        (Method::POST, "/api/auth/change-password", json!({ "currentPassword": PASSWORD, "newPassword": "NewPass1" })),
        (Method::PATCH, PROFILE, json!({ "name": "Eve" })),
        (Method::POST, CHANGE_EMAIL, json!({ "email": NEW_EMAIL, "password": PASSWORD })),
        (Method::DELETE, ACCOUNT, json!({ "password": PASSWORD })),
    ] {
        let by_key = app.request(method.clone(), path).bearer_auth(&key.token).json(&body).send().await.unwrap();
        assert_eq!(error_of(by_key).await, (403, "SESSION_REQUIRED".into()), "{path}");
        // A key beside a session counts, as everywhere.
        let both = ada.request(method.clone(), path).bearer_auth(&key.token).json(&body).send().await.unwrap();
        assert_eq!(error_of(both).await, (403, "SESSION_REQUIRED".into()), "{path}");
        let nobody = app.request(method, path).json(&body).send().await.unwrap();
        assert_eq!(error_of(nobody).await, (401, "CREDENTIALS_MISSING".into()), "{path}");
    }
    assert_eq!(app.sign_in(EMAIL, PASSWORD).await.status(), 200);
    assert!(mail::all(&app).is_empty());
}
