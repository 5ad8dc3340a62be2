//! Passwords of shares: asked for, tried, locked, remembered.

use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::at_once::{count, statuses_at_once};
use crate::people;
use crate::shares::{SHARES, about, reports, share, site};
use crate::support::{App, Session, error_of, header, text};

const SECRET: &str = "Open sesame 7";
const WRONG: &str = "Open barley 7";

async fn guarded(session: &Session) -> Value {
    let made = share(session, json!({ "paths": ["/reports/7"], "password": SECRET })).await;
    assert_eq!(made["hasPassword"], true);
    made
}

fn ask(app: &App, share: &Value, password: &str) -> RequestBuilder {
    about(app, "GET", "/reports/7").header("X-Share-Token", text(&share["token"])).header("X-Share-Password", password)
}

async fn tried(app: &App, share: &Value, password: &str) -> Response {
    ask(app, share, password).send().await.unwrap()
}

async fn refusal(app: &App, share: &Value, password: &str) -> (u16, String) {
    error_of(tried(app, share, password).await).await
}

fn wrong() -> (u16, String) {
    (401, "SHARE_PASSWORD_INVALID".into())
}

fn locked() -> (u16, String) {
    (423, "SHARE_LOCKED".into())
}

async fn status(session: &Session) -> Value {
    let page: Value = session.get(SHARES).await.json().await.unwrap();
    page["items"][0]["status"].clone()
}

#[tokio::test]
async fn it_is_asked_for_where_there_is_one_and_ignored_where_there_is_none() {
    let (app, ada) = site().await;
    let made = guarded(&ada).await;
    let without = about(&app, "GET", "/reports/7").header("X-Share-Token", text(&made["token"]));
    assert_eq!(error_of(without.send().await.unwrap()).await, (401, "SHARE_PASSWORD_REQUIRED".into()));
    for nothing in ["", " "] {
        for _ in 0..6 {
            assert_eq!(refusal(&app, &made, nothing).await, (401, "SHARE_PASSWORD_REQUIRED".into()), "none was tried");
        }
    }
    for password in [WRONG, "short", &"x".repeat(100)] {
        assert_eq!(refusal(&app, &made, password).await, wrong(), "{password}");
    }
    let response = tried(&app, &made, SECRET).await;
    assert_eq!((response.status().as_u16(), header(&response, "x-auth-method")), (200, "share"));
    let open = share(&ada, json!({ "paths": ["/reports/7"] })).await;
    assert_eq!(tried(&app, &open, WRONG).await.status(), 200);
    // An expired one is invalid, whatever the password.
    let short = json!({ "paths": ["/reports/7"], "password": SECRET, "expiresAt": "2030-01-01T00:01:00Z" });
    let short = share(&ada, short).await;
    app.clock.advance_ms(60_000);
    for password in [SECRET, WRONG] {
        assert_eq!(refusal(&app, &short, password).await, (401, "SHARE_TOKEN_INVALID".into()));
    }
}

#[tokio::test]
async fn seventy_one_bytes_are_taken_whole() {
    let (app, ada) = site().await;
    let long = "x".repeat(71);
    let made = share(&ada, json!({ "paths": ["/reports/7"], "password": long })).await;
    assert_eq!(refusal(&app, &made, &format!("{}y", &long[..70])).await, wrong());
    assert_eq!(tried(&app, &made, &long).await.status(), 200);
}

#[tokio::test]
async fn five_wrong_ones_lock_that_share_for_fifteen_minutes_also_across_a_restart() {
    let (app, ada) = site().await;
    let (made, other) = (guarded(&ada).await, guarded(&ada).await);
    for _ in 0..5 {
        assert_eq!(refusal(&app, &made, WRONG).await, wrong());
    }
    let response = tried(&app, &made, SECRET).await;
    assert_eq!((response.status().as_u16(), header(&response, "retry-after")), (423, "900"));
    let body: Value = response.json().await.unwrap();
    assert_eq!((&body["code"], &body["retry_after"]), (&"SHARE_LOCKED".into(), &900.into()));
    assert_eq!(tried(&app, &other, SECRET).await.status(), 200, "the other one is not locked");
    app.clock.advance_ms(60_000);
    let app = app.restart().await;
    let response = tried(&app, &made, SECRET).await;
    assert_eq!((response.status().as_u16(), header(&response, "retry-after")), (423, "840"));
    app.clock.advance_ms(14 * 60_000 - 1);
    assert_eq!(refusal(&app, &made, SECRET).await, locked());
    app.clock.advance_ms(1);
    assert_eq!(refusal(&app, &made, WRONG).await, wrong(), "it begins anew");
    assert_eq!(tried(&app, &made, SECRET).await.status(), 200);
    for _ in 0..4 {
        assert_eq!(refusal(&app, &made, WRONG).await, wrong(), "the right one reset the count");
    }
}

#[tokio::test]
async fn a_lock_is_in_the_audit_log_and_in_the_list_and_forgets_who_knew_the_password() {
    let (app, ada) = site().await;
    let made = guarded(&ada).await;
    assert_eq!(tried(&app, &made, SECRET).await.status(), 200);
    for _ in 0..5 {
        tried(&app, &made, WRONG).await;
    }
    assert_eq!(refusal(&app, &made, SECRET).await, locked());
    assert_eq!(status(&ada).await, "locked");
    let log: Value = ada.get("/api/admin/audit-log?action=share.locked").await.json().await.unwrap();
    let entries = log["items"].as_array().unwrap();
    assert_eq!((entries.len(), &entries[0]["target"]["id"]), (1, &made["id"]));
    assert_eq!(entries[0]["changes"]["lockedUntil"]["after"], "2030-01-01T00:15:00.000Z");
    let page: Value = ada.get("/api/admin/requests?status=423").await.json().await.unwrap();
    assert_eq!(page["items"][0]["code"], "SHARE_LOCKED");
    app.clock.advance_ms(15 * 60_000);
    assert_eq!(status(&ada).await, "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sixty_four_wrong_ones_at_once_five_are_hashed() {
    let (app, ada) = site().await;
    let made = guarded(&ada).await;
    let statuses = statuses_at_once(64, |_| ask(&app, &made, WRONG)).await;
    assert_eq!((count(&statuses, 401), count(&statuses, 423)), (5, 59), "{statuses:?}");
    assert_eq!(refusal(&app, &made, SECRET).await, locked());
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_right_ones_at_once_all_pass_at_a_real_cost() {
    let (app, ada) = App::spawn_with(|config| {
        config.rules = vec![reports()];
        config.password.bcrypt_cost = 12;
        config.shares.requests_per_minute = 1_000;
        config.password.queue_seconds = 120;
    })
    .await;
    let made = guarded(&ada).await;
    let statuses = statuses_at_once(64, |_| ask(&app, &made, SECRET)).await;
    assert_eq!(count(&statuses, 200), 64, "{statuses:?}");
}

/// Puts another password's hash in the place of the share's, behind the server's back: what passes then was not hashed.
fn swap_hash(app: &App, made: &Value) {
    let changed =
        people::state(app).execute("UPDATE shares SET password_hash = 'x' WHERE id = ?1", [text(&made["id"])]).unwrap();
    assert_eq!(changed, 1);
}

#[tokio::test]
async fn a_right_one_is_remembered_for_fifteen_minutes_and_not_hashed_again() {
    let (app, ada) = site().await;
    let made = guarded(&ada).await;
    assert_eq!(tried(&app, &made, SECRET).await.status(), 200);
    swap_hash(&app, &made);
    app.clock.advance_ms(15 * 60_000 - 1);
    assert_eq!(tried(&app, &made, SECRET).await.status(), 200);
    assert_eq!(refusal(&app, &made, WRONG).await, wrong(), "another one is not that one");
    app.clock.advance_ms(1);
    assert_eq!(refusal(&app, &made, SECRET).await, wrong(), "it is hashed anew, and no longer the right one");
}

#[tokio::test]
async fn a_lock_that_is_over_does_not_come_back_when_the_clock_is_set_back() {
    let (app, ada) = site().await;
    let made = guarded(&ada).await;
    for _ in 0..5 {
        tried(&app, &made, WRONG).await;
    }
    app.clock.advance_ms(15 * 60_000);
    assert_eq!(tried(&app, &made, SECRET).await.status(), 200);
    for _ in 0..5 {
        tried(&app, &made, WRONG).await;
    }
    app.clock.advance_ms(15 * 60_000);
    assert_eq!(status(&ada).await, "active");
    app.clock.jump_wall_ms(-10 * 60_000);
    assert_eq!(tried(&app, &made, SECRET).await.status(), 200);
}

#[tokio::test]
async fn a_lock_holds_its_length_wherever_the_clock_is_set_back_to() {
    for back in [2 * 60_000, 3_600_000, 365 * 24 * 3_600_000] {
        let (app, ada) = site().await;
        let made = guarded(&ada).await;
        for _ in 0..5 {
            tried(&app, &made, WRONG).await;
        }
        app.clock.jump_wall_ms(-back);
        let response = tried(&app, &made, SECRET).await;
        assert_eq!((response.status().as_u16(), header(&response, "retry-after")), (423, "900"), "{back}");
        let app = app.restart().await;
        app.clock.advance_ms(15 * 60_000 - 1);
        assert_eq!(refusal(&app, &made, SECRET).await, locked());
        app.clock.advance_ms(1);
        assert_eq!(tried(&app, &made, SECRET).await.status(), 200, "{back}");
    }
}

#[tokio::test]
async fn no_password_is_tried_where_shares_are_not_asked_for() {
    let (app, ada) = site().await;
    let made = guarded(&ada).await;
    let with = |request: RequestBuilder| {
        let request = request.header("X-Share-Token", text(&made["token"]));
        async { request.header("X-Share-Password", WRONG).send().await.unwrap() }
    };
    for _ in 0..6 {
        let sign_out = with(app.request(Method::POST, "/api/auth/sign-out")).await;
        assert_eq!(sign_out.status(), 204);
        for elsewhere in [app.request(Method::GET, SHARES), about(&app, "GET", "/other")] {
            assert_eq!(error_of(with(elsewhere).await).await.0, 403);
        }
    }
    assert_eq!(tried(&app, &made, SECRET).await.status(), 200, "it is not locked");
}

#[tokio::test]
async fn a_restart_remembers_no_password() {
    let (app, ada) = site().await;
    let made = guarded(&ada).await;
    assert_eq!(tried(&app, &made, SECRET).await.status(), 200);
    let app = app.restart().await;
    swap_hash(&app, &made);
    assert_eq!(refusal(&app, &made, SECRET).await, wrong());
}
