//! What a session and a key tell of themselves, and how a session ends.

use reqwest::Method;
use serde_json::{Value, json};

use super::people;
use super::support::{App, EMAIL, PASSWORD, error_of, header, text};

const HOUR: u64 = 3_600_000;

#[tokio::test]
async fn signing_out_ends_the_session_at_once_and_takes_the_cookie_away() {
    let (app, session) = App::spawn().await;
    let other = app.session_of(&app.sign_in(EMAIL, PASSWORD).await);
    let response = session.request(Method::POST, "/api/auth/sign-out").send().await.unwrap();
    assert_eq!(response.status(), 204);
    assert_eq!(header(&response, "set-cookie"), "claviger=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
    assert_eq!(error_of(session.get("/api/auth/session").await).await, (401, "SESSION_INVALID".into()));
    assert_eq!(other.get("/api/auth/session").await.status(), 200);
}

#[tokio::test]
async fn signing_out_without_a_living_session_is_fine_too() {
    let (app, session) = App::spawn().await;
    for _ in 0..2 {
        assert_eq!(session.request(Method::POST, "/api/auth/sign-out").send().await.unwrap().status(), 204);
    }
    assert_eq!(app.request(Method::POST, "/api/auth/sign-out").send().await.unwrap().status(), 204);
}

#[tokio::test]
async fn a_session_tells_whose_it_is() {
    let (app, session) = App::spawn().await;
    let told: Value = session.get("/api/auth/session").await.json().await.unwrap();
    let user = told["user"]["id"].clone();
    let organization = told["organization"]["id"].clone();
    assert!(text(&user).starts_with("usr_") && text(&organization).starts_with("org_"));
    assert_eq!(
        told,
        json!({
            "method": "session",
            "user": { "id": user, "name": "Ada", "email": EMAIL, "emailVerified": true, "timezone": "UTC" },
            "organization": { "id": organization, "name": "Home", "plan": "enterprise", "home": true },
            "role": "owner",
            "organizations": [{ "id": organization, "name": "Home", "role": "owner" }],
            "expiresAt": "2030-01-31T00:00:00.000Z",
        })
    );
    assert_eq!(
        error_of(app.request(Method::GET, "/api/auth/session").send().await.unwrap()).await.1,
        "CREDENTIALS_MISSING"
    );
}

#[tokio::test]
async fn a_key_tells_whose_it_is_and_what_it_may() {
    let (app, session) = App::spawn().await;
    let key = session
        .make_key(json!({ "role": "member", "environment": "test", "scopes": ["b", "a"], "expiresAt": "2030-01-02" }))
        .await;
    let response = app.request(Method::GET, "/api/auth/session").bearer_auth(&key.token).send().await.unwrap();
    let told: Value = response.json().await.unwrap();
    assert_eq!((&told["method"], &told["role"]), (&json!("api_key"), &json!("member")));
    assert_eq!(told["user"]["email"], EMAIL);
    assert_eq!(told["organizations"], json!([]));
    assert_eq!(told["key"], json!({ "id": key.id, "name": "A key", "environment": "test", "scopes": ["a", "b"] }));
    assert_eq!(told["expiresAt"], "2030-01-02T23:59:59.999Z");

    let owned = session.make_key(json!({ "owner": "organization" })).await;
    let response =
        app.request(Method::GET, "/api/auth/session").header("X-Api-Key", &owned.token).send().await.unwrap();
    let told: Value = response.json().await.unwrap();
    assert_eq!((&told["user"], &told["role"]), (&Value::Null, &json!("admin")));
}

#[tokio::test]
async fn a_session_that_is_not_used_for_a_day_is_dead() {
    let (app, session) = App::spawn().await;
    app.clock.advance_ms(24 * HOUR - 1);
    assert_eq!(session.get("/api/auth/session").await.status(), 200);
    // That use counts.
    app.clock.advance_ms(24 * HOUR - 1);
    assert_eq!(session.get("/api/auth/session").await.status(), 200);
    app.clock.advance_ms(24 * HOUR);
    assert_eq!(error_of(session.get("/api/auth/session").await).await, (401, "SESSION_INVALID".into()));
}

#[tokio::test]
async fn a_session_ends_after_thirty_days_however_much_it_is_used() {
    let (app, session) = App::spawn().await;
    for _ in 0..35 {
        app.clock.advance_ms(20 * HOUR);
        assert_eq!(session.get("/api/auth/session").await.status(), 200);
    }
    app.clock.advance_ms(20 * HOUR - 1);
    assert_eq!(session.get("/api/auth/session").await.status(), 200);
    app.clock.advance_ms(1);
    assert_eq!(error_of(session.get("/api/auth/session").await).await, (401, "SESSION_INVALID".into()));
}

#[tokio::test]
async fn a_session_outlives_a_restart_and_shorter_settings_hold_for_it() {
    let (app, session) = App::spawn().await;
    app.clock.advance_ms(2 * HOUR);
    let app = app.restart_with(|config| config.session.absolute_hours = 3).await;
    let ask = |app: &App| app.request(Method::GET, "/api/auth/session").header("Cookie", &session.cookie).send();
    assert_eq!(ask(&app).await.unwrap().status(), 200);
    app.clock.advance_ms(HOUR);
    assert_eq!(ask(&app).await.unwrap().status(), 401);
}

#[tokio::test]
async fn a_session_ends_with_the_membership_and_with_the_account() {
    for statement in ["DELETE FROM memberships", "DELETE FROM users", "UPDATE users SET disabled_at = 1893456000000"] {
        let (mut app, session) = App::spawn().await;
        let key = session.make_key(json!({})).await;
        app.stop().await;
        let state = people::state(&app);
        state.execute_batch("PRAGMA foreign_keys = ON").unwrap();
        state.execute_batch(statement).unwrap();
        drop(state);
        let app = app.restart().await;
        let response =
            app.request(Method::GET, "/api/auth/session").header("Cookie", &session.cookie).send().await.unwrap();
        assert_eq!(response.status(), 401, "{statement}");
        let response = app.verify(&key.token, "GET", "/x").await;
        assert_eq!(error_of(response).await, (401, "API_KEY_DEACTIVATED".into()), "{statement}");
    }
}

#[tokio::test]
async fn a_token_that_nobody_was_given_is_no_session() {
    let (app, session) = App::spawn().await;
    let (name, token) = session.cookie.split_once('=').unwrap();
    let last = token.chars().last().unwrap();
    let forged = format!("{name}={}{}", &token[..token.len() - 1], if last == '0' { '1' } else { '0' });
    for cookie in [forged, format!("{name}="), format!("{name}=x"), format!("{name}={EMAIL}")] {
        let response = app.request(Method::GET, "/api/auth/session").header("Cookie", &cookie).send().await.unwrap();
        assert_eq!(header(&response, "www-authenticate"), "Bearer realm=\"claviger\", error=\"invalid_token\"");
        assert_eq!(error_of(response).await, (401, "SESSION_INVALID".into()), "{cookie}");
    }
}
