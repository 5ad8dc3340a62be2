//! The clock jumps, an hour or a year, either way: sessions, lockouts and keys (part of security test 39).

use reqwest::Method;

use serde_json::{Value, json};

use super::support::{App, EMAIL, KEYS, Key, PASSWORD, Session, error_of, header, text};

const HOUR: i64 = 3_600_000;
const YEAR: i64 = 365 * 24 * HOUR;
const WRONG: &str = "WrongPass1";

async fn status(session: &Session) -> u16 {
    session.get("/api/auth/session").await.status().as_u16()
}

#[tokio::test]
async fn a_session_that_lay_idle_stays_dead_when_the_clock_is_set_back() {
    for back in [HOUR, YEAR] {
        let (app, dead) = App::spawn().await;
        app.clock.advance_ms(24 * HOUR as u64);
        // Somebody else is served meanwhile; the dead session itself is not asked about.
        let living = app.session_of(&app.sign_in(EMAIL, PASSWORD).await);
        assert_eq!(status(&living).await, 200);
        app.clock.jump_wall_ms(-back);
        assert_eq!(error_of(dead.get("/api/auth/session").await).await, (401, "SESSION_INVALID".into()), "{back}");
        assert_eq!(app.sign_in(EMAIL, PASSWORD).await.status(), 200);
    }
}

#[tokio::test]
async fn a_session_that_a_clock_ahead_has_killed_stays_dead() {
    let (app, session) = App::spawn().await;
    app.clock.jump_wall_ms(YEAR);
    assert_eq!(status(&session).await, 401);
    app.clock.jump_wall_ms(-YEAR);
    assert_eq!(status(&session).await, 401);
    let session = app.session_of(&app.sign_in(EMAIL, PASSWORD).await);
    assert_eq!(status(&session).await, 200);
}

#[tokio::test]
async fn a_session_of_the_future_is_none_and_an_hour_either_way_harms_no_living_one() {
    let (app, session) = App::spawn().await;
    for jump in [HOUR, -HOUR, -HOUR / 2, HOUR] {
        app.clock.jump_wall_ms(jump);
        assert_eq!(status(&session).await, 200, "{jump}");
    }
    app.clock.jump_wall_ms(YEAR);
    let future = app.session_of(&app.sign_in(EMAIL, PASSWORD).await);
    app.clock.jump_wall_ms(-YEAR);
    assert_eq!(status(&future).await, 401);
}

#[tokio::test]
async fn the_gate_judges_a_session_as_the_api_does() {
    let (app, dead) = App::spawn_with(|config| {
        config.rules = vec![claviger::config::Rule {
            path: "/{*rest}".into(),
            allow: vec!["session".into()],
            ..claviger::config::Rule::default()
        }];
    })
    .await;
    let ask = || app.request(Method::GET, "/verify").header("Cookie", &dead.cookie).send();
    assert_eq!(ask().await.unwrap().status(), 200);
    app.clock.advance_ms(24 * HOUR as u64);
    assert_eq!(app.sign_in(EMAIL, PASSWORD).await.status(), 200);
    app.clock.jump_wall_ms(-HOUR);
    assert_eq!(ask().await.unwrap().status(), 401);
}

async fn lock(app: &App) {
    for _ in 0..5 {
        assert_eq!(app.sign_in(EMAIL, WRONG).await.status(), 401);
    }
    assert_eq!(app.sign_in(EMAIL, PASSWORD).await.status(), 423);
}

#[tokio::test]
async fn a_lock_holds_no_longer_than_its_length_wherever_the_clock_is_set_back_to() {
    for back in [HOUR, YEAR] {
        let (app, _) = App::spawn().await;
        lock(&app).await;
        app.clock.jump_wall_ms(-back);
        let response = app.sign_in(EMAIL, PASSWORD).await;
        assert_eq!((response.status().as_u16(), header(&response, "retry-after")), (423, "900"));
        app.clock.advance_ms(15 * 60_000 - 1);
        assert_eq!(app.sign_in(EMAIL, PASSWORD).await.status(), 423);
        app.clock.advance_ms(1);
        assert_eq!(app.sign_in(EMAIL, PASSWORD).await.status(), 200, "{back}");
    }
}

#[tokio::test]
async fn a_lock_that_is_over_does_not_come_back() {
    let (app, _) = App::spawn().await;
    lock(&app).await;
    app.clock.advance_ms(16 * 60_000);
    assert_eq!(app.sign_in(EMAIL, WRONG).await.status(), 401);
    app.clock.jump_wall_ms(-10 * 60_000);
    assert_eq!(app.sign_in(EMAIL, PASSWORD).await.status(), 200);
}

#[tokio::test]
async fn earlier_failures_are_forgotten_thirty_minutes_after_the_clock_was_set_back() {
    let (app, _) = App::spawn().await;
    for _ in 0..4 {
        assert_eq!(app.sign_in(EMAIL, WRONG).await.status(), 401);
    }
    app.clock.jump_wall_ms(-YEAR);
    assert_eq!(app.sign_in("nobody@example.com", WRONG).await.status(), 401);
    assert_eq!(app.sign_in(EMAIL, WRONG).await.status(), 401, "the fifth");
    assert_eq!(app.sign_in(EMAIL, PASSWORD).await.status(), 423);
    app.clock.advance_ms(15 * 60_000);
    assert_eq!(app.sign_in(EMAIL, PASSWORD).await.status(), 200);
}

const MINUTE: i64 = 60_000;

async fn refusal(app: &App, key: &Key) -> (u16, String) {
    error_of(app.verify(&key.token, "GET", "/a").await).await
}

fn expired() -> (u16, String) {
    (401, "API_KEY_EXPIRED".into())
}

#[tokio::test]
async fn a_key_that_has_expired_stays_so_when_the_clock_is_set_back() {
    for used_before in [true, false] {
        let (app, ada) = App::spawn().await;
        let key = ada.make_key(json!({ "expiresAt": "2030-01-01T00:15:00Z" })).await;
        let later = ada.make_key(json!({ "expiresAt": "2030-01-01T00:30:00Z" })).await;
        assert_eq!(app.verify_status(&key.token, "GET", "/a").await, 200);
        app.clock.advance_ms(20 * MINUTE as u64);
        if used_before {
            assert_eq!(refusal(&app, &key).await, expired());
        } else {
            assert_eq!(app.verify_status(&later.token, "GET", "/a").await, 200);
        }
        app.clock.jump_wall_ms(-10 * MINUTE);
        for _ in 0..2 {
            assert_eq!(refusal(&app, &key).await, expired(), "used before: {used_before}");
            assert_eq!(app.verify_status(&later.token, "GET", "/a").await, 200, "a living one goes on");
        }
        assert_eq!(ada.key(&key.id).await["status"], "expired");
        let app = app.restart().await;
        assert_eq!(refusal(&app, &key).await, expired());
        let ada = app.session_of(&app.sign_in(EMAIL, PASSWORD).await);
        let given = ada.patch(&format!("{KEYS}/{}", key.id), &json!({ "expiresAt": "2030-01-02" })).await;
        assert_eq!(given.status(), 200, "it can be given another end");
        assert_eq!(app.verify_status(&key.token, "GET", "/a").await, 200);
    }
}

#[tokio::test]
async fn a_key_that_has_just_expired_stays_so_when_the_clock_is_set_back_by_seconds() {
    let (app, ada) = App::spawn().await;
    let key = ada.make_key(json!({ "expiresAt": "2030-01-01T00:15:00Z" })).await;
    app.clock.advance_ms(15 * MINUTE as u64);
    assert_eq!(refusal(&app, &key).await, expired());
    app.clock.jump_wall_ms(-MINUTE / 2);
    assert_eq!(refusal(&app, &key).await, expired());
}

#[tokio::test]
async fn a_clock_that_was_ahead_for_a_moment_ends_no_key_for_good() {
    let (app, ada) = App::spawn().await;
    let key = ada.make_key(json!({ "expiresAt": "2030-02-01" })).await;
    for _ in 0..2 {
        assert_eq!(app.verify_status(&key.token, "GET", "/a").await, 200);
        app.clock.jump_wall_ms(YEAR);
        assert_eq!(refusal(&app, &key).await, expired(), "while it lasts");
        app.clock.advance_ms(10 * MINUTE as u64);
        app.clock.jump_wall_ms(-YEAR);
    }
    let app = app.restart().await;
    assert_eq!(app.verify_status(&key.token, "GET", "/a").await, 200);
    // What has lasted an hour is believed.
    app.clock.jump_wall_ms(YEAR);
    assert_eq!(refusal(&app, &key).await, expired());
    app.clock.advance_ms(HOUR as u64);
    assert_eq!(refusal(&app, &key).await, expired());
    app.clock.jump_wall_ms(-YEAR);
    assert_eq!(refusal(&app, &key).await, expired());
}

async fn rotate(app: &App, key: &Key, grace_seconds: i64) {
    let ada = app.session_of(&app.sign_in(EMAIL, PASSWORD).await);
    let answer = ada.post(&format!("{KEYS}/{}/rotate", key.id), &json!({ "graceSeconds": grace_seconds })).await;
    let successor: Value = answer.json().await.unwrap();
    assert_eq!(app.verify_status(&text(&successor["key"]), "GET", "/a").await, 200);
}

#[tokio::test]
async fn a_grace_is_over_once_and_no_longer_than_it_was_given() {
    let dead = || (401, String::from("API_KEY_DEACTIVATED"));
    let (app, ada) = App::spawn().await;
    let key = ada.make_key(json!({})).await;
    rotate(&app, &key, 15 * 60).await;
    assert_eq!(app.verify_status(&key.token, "GET", "/a").await, 200);
    app.clock.advance_ms(20 * MINUTE as u64);
    assert_eq!(refusal(&app, &key).await, dead());
    app.clock.jump_wall_ms(-10 * MINUTE);
    assert_eq!(refusal(&app, &key).await, dead());
    // One that was rotated while the clock was ahead has what was left of its grace.
    let (at_once, soon) = (ada.make_key(json!({})).await, ada.make_key(json!({})).await);
    app.clock.jump_wall_ms(YEAR);
    rotate(&app, &at_once, 0).await;
    rotate(&app, &soon, 15 * 60).await;
    app.clock.advance_ms(5 * MINUTE as u64);
    assert_eq!(app.verify_status(&soon.token, "GET", "/a").await, 200);
    app.clock.jump_wall_ms(-YEAR);
    assert_eq!(refusal(&app, &at_once).await, dead());
    assert_eq!(app.verify_status(&soon.token, "GET", "/a").await, 200);
    app.clock.advance_ms(10 * MINUTE as u64);
    assert_eq!(refusal(&app, &soon).await, dead());
}
