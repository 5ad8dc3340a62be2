//! A restart frees nobody: windows come back from the ledger's last minute. The ledger's times are cut to milliseconds,
//! so what comes back is held for up to one millisecond longer, never shorter.

use claviger::config::Rule;
use serde_json::json;

use crate::support::{App, header};

#[tokio::test]
async fn a_keys_window_is_rebuilt_from_the_ledger() {
    let (app, ada) = App::spawn().await;
    let key = ada.make_key(json!({ "rateLimit": 3 })).await;
    assert_eq!(app.verify_status(&key.token, "GET", "/a").await, 200);
    app.clock.advance_ms(20_000);
    for expected in [200, 200, 429, 429] {
        assert_eq!(app.verify_status(&key.token, "GET", "/a").await, expected);
    }
    app.clock.advance_ms(1);
    let app = app.restart().await;
    let limited = app.verify(&key.token, "GET", "/a").await;
    assert_eq!((limited.status().as_u16(), header(&limited, "retry-after")), (429, "40"));
    app.clock.advance_ms(39_998);
    assert_eq!(app.verify_status(&key.token, "GET", "/a").await, 429);
    app.clock.advance_ms(2);
    assert_eq!(app.verify_status(&key.token, "GET", "/a").await, 200, "the oldest one has left the window");
    assert_eq!(app.verify_status(&key.token, "GET", "/a").await, 429, "the others have not");
    app.clock.advance_ms(20_000);
    for expected in [200, 200, 429] {
        assert_eq!(app.verify_status(&key.token, "GET", "/a").await, expected);
    }
}

#[tokio::test]
async fn a_rotated_keys_window_is_rebuilt_as_one() {
    let (app, ada) = App::spawn().await;
    let key = ada.make_key(json!({ "rateLimit": 3 })).await;
    let path = format!("{}/{}/rotate", crate::support::KEYS, key.id);
    let successor: serde_json::Value = ada.post(&path, &json!({})).await.json().await.unwrap();
    let successor = successor["key"].as_str().unwrap();
    for token in [successor, &key.token, successor] {
        assert_eq!(app.verify_status(token, "GET", "/a").await, 200);
    }
    let app = app.restart().await;
    for token in [successor, &key.token] {
        assert_eq!(app.verify_status(token, "GET", "/a").await, 429);
    }
}

#[tokio::test]
async fn a_class_window_is_rebuilt_too() {
    let rule = Rule { path: "/agents".into(), class: Some("agents".into()), limit: Some(3), ..Rule::default() };
    let (app, ada) = App::spawn_with(|config| config.rules = vec![rule]).await;
    let (one, other) = (ada.make_key(json!({})).await, ada.make_key(json!({})).await);
    for token in [&one.token, &other.token, &one.token] {
        assert_eq!(app.verify_status(token, "GET", "/agents").await, 200);
    }
    let app = app.restart().await;
    assert_eq!(app.verify_status(&other.token, "GET", "/agents").await, 429);
    let elsewhere = app.verify(&one.token, "GET", "/elsewhere").await;
    assert_eq!(header(&elsewhere, "x-ratelimit-remaining"), "57", "two from before, and this one");
    app.clock.advance_ms(60_000);
    assert_eq!(app.verify_status(&other.token, "GET", "/agents").await, 200);
}

#[tokio::test]
async fn what_a_check_costs_comes_back_with_its_cost() {
    let (app, ada) = App::spawn().await;
    let key = ada.make_key(json!({ "rateLimit": 100 })).await;
    let body = json!({ "key": key.token, "cost": 90 });
    assert_eq!(ada.post("/api/keys/verify", &body).await.status(), 200);
    let app = app.restart().await;
    let response = app.verify(&key.token, "GET", "/a").await;
    assert_eq!(header(&response, "x-ratelimit-remaining"), "9");
}

#[tokio::test]
async fn rows_of_the_future_are_ignored() {
    let (app, ada) = App::spawn().await;
    let key = ada.make_key(json!({ "rateLimit": 1 })).await;
    assert_eq!(app.verify_status(&key.token, "GET", "/a").await, 200);
    app.clock.jump_wall_ms(-3_600_000);
    let app = app.restart().await;
    assert_eq!(app.verify_status(&key.token, "GET", "/a").await, 200, "a clock that was set back locks nobody out");
    assert_eq!(app.verify_status(&key.token, "GET", "/a").await, 429);
}

#[tokio::test]
async fn old_rows_are_not_counted() {
    let (app, ada) = App::spawn().await;
    let key = ada.make_key(json!({ "rateLimit": 1 })).await;
    assert_eq!(app.verify_status(&key.token, "GET", "/a").await, 200);
    app.clock.advance_ms(60_001);
    let app = app.restart().await;
    assert_eq!(app.verify_status(&key.token, "GET", "/a").await, 200);
}
