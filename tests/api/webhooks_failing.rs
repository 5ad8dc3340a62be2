//! Receivers that refuse, hang, redirect, never end, are gone or down: what is tried again, what is switched off, and that
//! nobody else waits for them.

use std::time::{Duration, Instant};

use claviger::clock::{Clock, DAY, HOUR, MINUTE, SECOND};
use reqwest::Method;
use serde_json::{Value, json};

use super::people;
use super::support::process::free_port;
use super::support::receiver::{Act, Receiver};
use super::support::smtp::wait_until;
use super::support::{App, EMAIL, PASSWORD, Session, error_of, mail, text};
use super::webhook_support::{deliveries, get, log, make, newest, publish, queue, spawn, spawn_with};

async fn test(session: &Session, hook: &str) -> Value {
    let queued = session.request(Method::POST, &format!("{hook}/test")).send().await.unwrap();
    assert_eq!(queued.status(), 202);
    queued.json().await.unwrap()
}

async fn ada_again(app: &App) -> Session {
    app.session_of(&app.sign_in(EMAIL, PASSWORD).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_attempts_are_made_with_growing_waits_and_then_none_until_somebody_asks_for_it() {
    let (app, ada) = spawn().await;
    let receiver = Receiver::start();
    receiver.act("/", Act::Answer(500, "", String::from("no\0t\u{7} now\r\n")));
    let hook = make(&ada, &receiver.url("/"), &["a.b"]).await;
    publish(&ada, "a.b", json!({})).await;
    let waits = [5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR];
    let mut ada = ada;
    for (number, wait) in (1..).zip(waits) {
        let tried = newest(&ada, &hook, |delivery| delivery["attempts"] == number).await;
        assert_eq!((&tried["state"], &tried["status"]), (&json!("waiting"), &json!(500)));
        assert_eq!(tried["lastError"], "The receiver answered 500");
        assert_eq!(tried["responseBody"], "no\u{fffd}t\u{fffd} now\n");
        let next = claviger::clock::parse_time(&text(&tried["nextAttemptAt"]), claviger::clock::DayEdge::End).unwrap();
        let put_off = next - app.clock.now().unix_ms;
        assert!((wait..=wait + wait / 10).contains(&put_off), "{put_off} after attempt {number}");
        app.clock.advance_ms(put_off as u64 - 1);
        // A look at the queue begins after this and ends before the answer; a delivery that is not due stays.
        ada = ada_again(&app).await;
        assert_eq!(deliveries(&ada, &hook).await[0]["attempts"], number);
        assert_eq!(receiver.count("/"), number as usize);
        app.clock.advance_ms(1);
    }
    let last = newest(&ada, &hook, |delivery| delivery["state"] == "failed").await;
    assert_eq!((&last["attempts"], &last["nextAttemptAt"]), (&json!(10), &Value::Null));
    let ids: Vec<String> = receiver.at("/").iter().map(|received| received.header("webhook-id").to_owned()).collect();
    assert!(ids.len() == 10 && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert!(get(&ada, &hook).await["failingSince"].is_string());
    receiver.act("/", Act::Status(204));
    let retried =
        ada.request(Method::POST, &format!("{hook}/deliveries/{}/retry", text(&last["id"]))).send().await.unwrap();
    assert_eq!(retried.status(), 200);
    newest(&ada, &hook, |delivery| delivery["state"] == "delivered" && delivery["attempts"] == 1).await;
    assert_eq!(get(&ada, &hook).await["failingSince"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_s_own_wait_is_honoured() {
    let (app, ada) = spawn().await;
    let receiver = Receiver::start();
    receiver.act("/", Act::Answer(429, "Retry-After: 3600\r\n", String::new()));
    let hook = make(&ada, &receiver.url("/"), &["nothing.at_all"]).await;
    test(&ada, &hook).await;
    let tried = newest(&ada, &hook, |delivery| delivery["attempts"] == 1).await;
    assert_eq!(tried["nextAttemptAt"], "2030-01-01T01:00:00.000Z");
    receiver.act("/", Act::Status(200));
    app.clock.advance_ms(HOUR as u64);
    newest(&ada, &hook, |delivery| delivery["state"] == "delivered").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_not_followed_endless_answers_are_cut_and_broken_ones_are_tried_again() {
    let (_app, ada) = spawn().await;
    let receiver = Receiver::start();
    receiver.act("/moved", Act::Answer(302, "Location: /elsewhere\r\n", String::new()));
    receiver.act("/endless", Act::Endless);
    receiver.act("/long", Act::Answer(200, "", "é".repeat(100_000)));
    receiver.act("/broken", Act::HangUp);
    let one = |path: &'static str| {
        let (ada, url) = (ada.clone(), receiver.url(path));
        async move {
            let hook = make(&ada, &url, &["nothing.at_all"]).await;
            test(&ada, &hook).await;
            newest(&ada, &hook, |delivery| delivery["attempts"] == 1).await
        }
    };
    let moved = one("/moved").await;
    assert_eq!((&moved["state"], &moved["status"]), (&json!("waiting"), &json!(302)));
    assert!(text(&moved["lastError"]).contains("redirects are not followed"));
    assert_eq!(receiver.count("/elsewhere"), 0);
    let begun = Instant::now();
    let endless = one("/endless").await;
    assert_eq!((&endless["state"], &endless["responseBody"]), (&json!("delivered"), &json!("x".repeat(4_096))));
    assert!(begun.elapsed() < Duration::from_secs(10), "it was cut, not waited for");
    let long = one("/long").await;
    assert_eq!(text(&long["responseBody"]).chars().count(), 2_048);
    let broken = one("/broken").await;
    assert_eq!((&broken["state"], &broken["status"]), (&json!("waiting"), &Value::Null));
    assert!(text(&broken["lastError"]).starts_with("The exchange broke off"), "{broken}");
    let nobody = make(&ada, &format!("http://127.0.0.1:{}/", free_port()), &["nothing.at_all"]).await;
    test(&ada, &nobody).await;
    let refused = newest(&ada, &nobody, |delivery| delivery["attempts"] == 1).await;
    assert!(text(&refused["lastError"]).starts_with("There is no connection"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_gone_is_left_alone_and_what_waits_is_held_until_the_webhook_is_switched_on() {
    let (app, ada) = spawn().await;
    let receiver = Receiver::start();
    receiver.act("/", Act::Status(410));
    let hook = make(&ada, &receiver.url("/"), &["a.*"]).await;
    publish(&ada, "a.first", json!({})).await;
    for _ in 0..500 {
        if get(&ada, &hook).await["active"] == json!(false) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let off = get(&ada, &hook).await;
    assert_eq!((&off["active"], &off["disabledReason"]), (&json!(false), &json!("gone")));
    assert_eq!(deliveries(&ada, &hook).await[0]["state"], "failed");
    let entry = log(&ada, "webhook.disabled").await.remove(0);
    assert_eq!((&entry["actor"]["kind"], &entry["changes"]["reason"]["after"]), (&json!("system"), &json!("gone")));
    publish(&ada, "a.while_off", json!({})).await;
    assert_eq!(deliveries(&ada, &hook).await.len(), 1, "nothing is queued for it");
    let refused = ada.request(Method::POST, &format!("{hook}/test")).send().await.unwrap();
    assert_eq!(error_of(refused).await, (409, "CONFLICT".into()));
    receiver.act("/", Act::Status(200));
    ada.patch(&hook, &json!({ "active": true })).await;
    app.clock.advance_ms(1);
    publish(&ada, "a.second", json!({})).await;
    newest(&ada, &hook, |delivery| delivery["type"] == "a.second" && delivery["state"] == "delivered").await;
    assert_eq!(receiver.count("/"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_webhook_that_is_switched_off_is_held_and_for_one_that_is_removed_it_goes() {
    let (app, ada) = spawn().await;
    let receiver = Receiver::start();
    for path in ["/held", "/removed"] {
        receiver.act(path, Act::Status(503));
    }
    let held = make(&ada, &receiver.url("/held"), &["a.b"]).await;
    let removed = make(&ada, &receiver.url("/removed"), &["a.b"]).await;
    publish(&ada, "a.b", json!({})).await;
    for hook in [&held, &removed] {
        newest(&ada, hook, |delivery| delivery["attempts"] == 1).await;
    }
    ada.patch(&held, &json!({ "active": false })).await;
    ada.delete(&removed).await;
    for path in ["/held", "/removed"] {
        receiver.act(path, Act::Status(200));
    }
    app.clock.advance_ms(10_000);
    // Something else that is due at the same time, and after.
    let other = make(&ada, &receiver.url("/other"), &["nothing.at_all"]).await;
    test(&ada, &other).await;
    receiver.wait_for("/other", 1);
    assert_eq!((receiver.count("/held"), receiver.count("/removed")), (1, 1));
    assert_eq!(deliveries(&ada, &held).await[0]["state"], "waiting");
    ada.patch(&held, &json!({ "active": true })).await;
    newest(&ada, &held, |delivery| delivery["state"] == "delivered").await;
    assert_eq!(receiver.count("/removed"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn five_days_without_a_success_switch_a_webhook_off_and_its_administrators_are_told() {
    let (app, ada) = spawn_with(&[("max", "admin"), ("mia", "member")]).await;
    let receiver = Receiver::start();
    let hook = make(&ada, &receiver.url("/?token=t0ken"), &["a.b"]).await;
    receiver.act("/?token=t0ken", Act::Status(500));
    publish(&ada, "a.b", json!({})).await;
    newest(&ada, &hook, |delivery| delivery["attempts"] == 1).await;
    app.clock.advance_ms(5 * DAY as u64 - 1);
    let ada = ada_again(&app).await;
    newest(&ada, &hook, |delivery| delivery["attempts"] == 2).await;
    assert_eq!(get(&ada, &hook).await["active"], true);
    app.clock.advance_ms(1);
    publish(&ada, "a.b", json!({})).await;
    wait_until("it is told", || mail::all(&app).iter().filter(|mail| mail.kind == "webhook_switched_off").count() == 2);
    let off = get(&ada, &hook).await;
    assert_eq!((&off["active"], &off["disabledReason"]), (&json!(false), &json!("failing")));
    let entry = log(&ada, "webhook.disabled").await.remove(0);
    assert_eq!(entry["changes"]["reason"]["after"], "failing");
    let letters = mail::all(&app);
    for to in [EMAIL, "max@example.com"] {
        let letter = letters.iter().find(|mail| mail.kind == "webhook_switched_off" && mail.to == to).unwrap();
        assert!(letter.text.contains("has taken nothing since") && !letter.text.contains("t0ken"), "{}", letter.text);
    }
    ada.patch(&hook, &json!({ "active": true })).await;
    receiver.act("/?token=t0ken", Act::Status(200));
    app.clock.advance_ms(1);
    publish(&ada, "a.b", json!({})).await;
    newest(&ada, &hook, |delivery| delivery["state"] == "delivered").await;
    assert_eq!(get(&ada, &hook).await["failingSince"], Value::Null);
}

fn waiting(app: &App, url: &str) -> i64 {
    let sql = "SELECT count(*) FROM webhook_deliveries JOIN webhooks ON webhooks.id = webhook
               WHERE url = ?1 AND state = 'waiting'";
    people::state(app).query_row(sql, [url], |row| row.get(0)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_events_for_a_receiver_that_is_down_wait_and_arrive_once_it_is_up_and_nobody_else_waits() {
    let (app, ada) = spawn().await;
    let (receiver, port) = (Receiver::start(), free_port());
    let down = format!("http://127.0.0.1:{port}/down");
    make(&ada, &down, &["a.b"]).await;
    let well = make(&ada, &receiver.url("/well"), &["nothing.at_all"]).await;
    queue(&app, people::home(&people::state(&app)), 10_000);
    let begun = Instant::now();
    test(&ada, &well).await;
    receiver.wait_for("/well", 1);
    assert!(begun.elapsed() < Duration::from_secs(1), "it took {:?}", begun.elapsed());
    assert_eq!(waiting(&app, &down), 10_000);
    let up = Receiver::start_on(port);
    let begun = Instant::now();
    while up.count("/down") < 10_000 {
        // An attempt that was refused at the last moment comes again by the clock as it was when it ended.
        app.clock.advance_ms(10_000);
        assert!(begun.elapsed() < Duration::from_secs(180), "{} have arrived", up.count("/down"));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    wait_until("all are written down", || waiting(&app, &down) == 0);
    assert_eq!(up.count("/down"), 10_000, "none is sent twice");
    let mut ids: Vec<String> = up.at("/down").iter().map(|received| received.header("webhook-id").to_owned()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 10_000, "none is lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_no_longer_allowed_is_not_connected_to() {
    let (app, ada) = spawn().await;
    let receiver = Receiver::start();
    let hook = make(&ada, &receiver.url("/"), &["nothing.at_all"]).await;
    let app = app.restart_with(|config| config.webhooks.allow_networks.clear()).await;
    let ada = ada_again(&app).await;
    test(&ada, &hook).await;
    let tried = newest(&ada, &hook, |delivery| delivery["attempts"] == 1).await;
    assert!(text(&tried["lastError"]).contains("127.0.0.1 is this machine itself"), "{tried}");
    assert_eq!((&tried["state"], receiver.count("/")), (&json!("waiting"), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_address_answers_late_is_no_concern_of_the_one_that_the_webhook_has_by_then() {
    let (_app, ada) = spawn().await;
    let receiver = Receiver::start();
    receiver.act("/old", Act::Late(Duration::from_secs(1), 410));
    let hook = make(&ada, &receiver.url("/old"), &["a.b"]).await;
    publish(&ada, "a.b", json!({})).await;
    receiver.wait_for("/old", 1);
    assert_eq!(ada.patch(&hook, &json!({ "url": receiver.url("/new") })).await.status(), 200);
    receiver.wait_for("/new", 1);
    let sent = newest(&ada, &hook, |delivery| delivery["state"] == "delivered").await;
    assert_eq!(sent["attempts"], 2, "what was gone there is tried here");
    let shown = get(&ada, &hook).await;
    assert_eq!((&shown["active"], &shown["failingSince"]), (&json!(true), &Value::Null));
    assert!(log(&ada, "webhook.disabled").await.is_empty());

    receiver.act("/new", Act::Status(500));
    publish(&ada, "a.b", json!({})).await;
    for _ in 0..500 {
        if get(&ada, &hook).await["failingSince"].is_string() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(get(&ada, &hook).await["failingSince"].is_string());
    let moved: Value = ada.patch(&hook, &json!({ "url": receiver.url("/newer") })).await.json().await.unwrap();
    assert_eq!(moved["failingSince"], Value::Null, "elsewhere it begins anew");
}
