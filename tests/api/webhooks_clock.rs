//! Webhooks while the clock is set back: what was over stays over, and nothing waits longer.

use claviger::clock::{DayEdge, HOUR, parse_time};
use reqwest::Method;
use serde_json::json;

use super::people;
use super::support::receiver::{Act, Receiver};
use super::support::{App, EMAIL, PASSWORD, error_of, text};
use super::webhook_support::{get, make, newest, secret, spawn, sweep};
use super::widgets;

/// How many previous secrets the database holds.
fn previous_secrets(app: &App) -> i64 {
    let sql = "SELECT count(*) FROM webhooks WHERE previous_secret IS NOT NULL OR previous_secret_until IS NOT NULL";
    people::state(app).query_row(sql, [], |row| row.get(0)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_whose_grace_was_over_signs_nothing_and_proves_nobody_when_the_clock_is_set_back() {
    let (app, ada) = spawn().await;
    let receiver = Receiver::start();
    let hook = make(&ada, &receiver.url("/"), &["nothing.at_all"]).await;
    let id = hook.rsplit('/').next().unwrap();
    let widget = widgets::make(&ada, json!({ "webhookId": id, "requireIdentity": true })).await;
    let before = secret(&ada, &hook).await;
    assert_eq!(ada.post(&format!("{hook}/rotate-secret"), &json!({ "graceSeconds": 60 })).await.status(), 200);
    let body = json!({ "userId": "ada", "userHash": widgets::hash(&before, "ada") });
    assert_eq!(widgets::ask(&app, &widget, None, body.clone()).await.status(), 201);
    // It is read and kept while it still signs.
    ada.request(Method::POST, &format!("{hook}/test")).send().await.unwrap();
    assert_ne!(receiver.wait_for("/", 1)[0].header("X-Claviger-Signature-Previous"), "");

    app.clock.advance_ms(60_000 + HOUR as u64);
    get(&ada, &hook).await;
    app.clock.jump_wall_ms(-HOUR - 59_000);
    assert_eq!(error_of(widgets::ask(&app, &widget, None, body).await).await, (403, "USER_HASH_INVALID".into()));
    ada.request(Method::POST, &format!("{hook}/test")).send().await.unwrap();
    assert_eq!(receiver.wait_for("/", 2)[1].header("X-Claviger-Signature-Previous"), "");
    assert_eq!(previous_secrets(&app), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_without_grace_is_not_kept_and_one_whose_grace_is_over_goes_with_the_sweep() {
    let (app, ada) = spawn().await;
    let hook = make(&ada, &Receiver::start().url("/"), &["nothing.at_all"]).await;
    ada.post(&format!("{hook}/rotate-secret"), &json!({ "graceSeconds": 0 })).await;
    assert_eq!(previous_secrets(&app), 0);
    ada.post(&format!("{hook}/rotate-secret"), &json!({ "graceSeconds": 60 })).await;
    app.clock.advance_ms(59_999);
    sweep(&app);
    assert_eq!(previous_secrets(&app), 1);
    app.clock.advance_ms(1);
    sweep(&app);
    assert_eq!(previous_secrets(&app), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_to_be_tried_again_waits_no_longer_when_the_clock_is_set_back() {
    let (app, ada) = spawn().await;
    let receiver = Receiver::start();
    receiver.act("/", Act::Answer(503, "Retry-After: 72000\r\n", String::new()));
    let hook = make(&ada, &receiver.url("/"), &["nothing.at_all"]).await;
    ada.request(Method::POST, &format!("{hook}/test")).send().await.unwrap();
    newest(&ada, &hook, |delivery| delivery["attempts"] == 1).await;
    receiver.act("/", Act::Status(200));
    app.clock.jump_wall_ms(-6 * HOUR);
    let ada = app.session_of(&app.sign_in(EMAIL, PASSWORD).await);
    let waits = newest(&ada, &hook, |delivery| delivery["state"] == "waiting").await;
    let next = parse_time(&text(&waits["nextAttemptAt"]), DayEdge::End).unwrap();
    assert_eq!(next, super::support::START + 14 * HOUR, "twenty hours from now, as before");
    app.clock.advance_ms(20 * HOUR as u64);
    newest(&app.session_of(&app.sign_in(EMAIL, PASSWORD).await), &hook, |delivery| delivery["state"] == "delivered")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_has_to_ask_for_anything_before_the_clock_is_followed() {
    let (app, ada) = spawn().await;
    let receiver = Receiver::start();
    receiver.act("/", Act::Answer(503, "Retry-After: 7200\r\n", String::new()));
    let hook = make(&ada, &receiver.url("/"), &["nothing.at_all"]).await;
    ada.request(Method::POST, &format!("{hook}/test")).send().await.unwrap();
    newest(&ada, &hook, |delivery| delivery["attempts"] == 1).await;
    receiver.act("/", Act::Status(200));
    app.clock.jump_wall_ms(-6 * HOUR);
    // The thread that sends looks by itself, and then knows the time that is.
    super::support::smtp::wait_until("it has looked", || {
        let sql = "SELECT min(next_attempt_at) FROM webhook_deliveries";
        let next: i64 = people::state(&app).query_row(sql, [], |row| row.get(0)).unwrap();
        next == super::support::START - 4 * HOUR
    });
    app.clock.advance_ms(2 * HOUR as u64);
    receiver.wait_for("/", 2);
}
