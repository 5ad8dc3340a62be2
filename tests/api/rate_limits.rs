//! The exact limiter: in no sixty seconds more than N pass, key and class together or not at all.

use std::collections::BTreeMap;
use std::sync::Arc;

use claviger::config::{Network, Rule};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::support::{App, KEYS, Key, Session, error_of, header, text};

fn class(path: &str, name: &str, limit: u32) -> Rule {
    Rule { path: path.into(), class: Some(name.into()), limit: Some(limit), ..Rule::default() }
}

/// So many passed, so many were limited; nothing else may have happened.
async fn storm(app: &App, tokens: &[&str], path: &'static str) -> (usize, usize) {
    let barrier = Arc::new(Barrier::new(tokens.len()));
    let tasks: Vec<_> = tokens
        .iter()
        .map(|token| {
            let barrier = barrier.clone();
            let request =
                app.request(Method::GET, "/verify").header("X-Api-Key", *token).header("X-Forwarded-Uri", path);
            tokio::spawn(async move {
                barrier.wait().await;
                request.send().await.unwrap().status().as_u16()
            })
        })
        .collect();
    let mut counts = BTreeMap::new();
    for task in tasks {
        *counts.entry(task.await.unwrap()).or_insert(0) += 1;
    }
    let taken = (counts.remove(&200).unwrap_or(0), counts.remove(&429).unwrap_or(0));
    assert!(counts.is_empty(), "{counts:?}");
    taken
}

async fn requests_of(ada: &Session, key: &Key) -> Vec<Value> {
    let page: Value = ada.get(&format!("{KEYS}/{}/requests?limit=200", key.id)).await.json().await.unwrap();
    page["items"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_at_once_exactly_the_limit_pass_and_refused_ones_take_nothing() {
    let (app, ada) = App::spawn().await;
    let key = ada.make_key(json!({ "rateLimit": 17 })).await;
    assert_eq!(storm(&app, &[key.token.as_str(); 64], "/a").await, (17, 47));
    app.clock.advance_ms(59_999);
    assert_eq!(storm(&app, &[key.token.as_str(); 64], "/a").await, (0, 64));
    app.clock.advance_ms(1);
    assert_eq!(storm(&app, &[key.token.as_str(); 64], "/a").await, (17, 47), "those that were refused took nothing");
    assert_eq!(ada.key(&key.id).await["requestCount"], 192, "every one of them is counted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rotated_key_and_its_successor_share_one_window() {
    let (app, ada) = App::spawn().await;
    let key = ada.make_key(json!({ "rateLimit": 20 })).await;
    for _ in 0..5 {
        assert_eq!(app.verify_status(&key.token, "GET", "/a").await, 200);
    }
    let successor: Value = ada.post(&format!("{KEYS}/{}/rotate", key.id), &json!({})).await.json().await.unwrap();
    let token = text(&successor["key"]);
    let both: Vec<&str> = [key.token.as_str(), token.as_str()].into_iter().cycle().take(64).collect();
    assert_eq!(storm(&app, &both, "/a").await, (15, 49));
    assert_eq!(ada.key(&text(&successor["id"])).await["requestCount"], 69, "and one count");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_keys_of_an_organization_share_the_limit_of_a_class() {
    let (app, ada) = App::spawn_with(|config| config.rules = vec![class("/agents/{*rest}", "agents", 10)]).await;
    let (one, other) = (ada.make_key(json!({})).await, ada.make_key(json!({})).await);
    let both: Vec<&str> = [one.token.as_str(), other.token.as_str()].into_iter().cycle().take(64).collect();
    assert_eq!(storm(&app, &both, "/agents/7").await, (10, 54));
    assert_eq!(app.verify_status(&one.token, "GET", "/elsewhere").await, 200);
}

#[tokio::test]
async fn key_and_class_are_taken_together_or_not_at_all() {
    let (app, ada) = App::spawn_with(|config| config.rules = vec![class("/agents/{*rest}", "agents", 3)]).await;
    let narrow = ada.make_key(json!({ "rateLimit": 2 })).await;
    let wide = ada.make_key(json!({ "rateLimit": 5 })).await;
    for expected in [200, 200, 429, 429, 429] {
        assert_eq!(app.verify_status(&narrow.token, "GET", "/agents/7").await, expected);
    }
    // The three that the key refused took nothing from the class: one place is left there.
    let response = app.verify(&wide.token, "GET", "/agents/7").await;
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "ratelimit"), "\"key\";r=4;t=60, \"agents\";r=0;t=60");
    for _ in 0..3 {
        assert_eq!(app.verify_status(&wide.token, "GET", "/agents/7").await, 429);
    }
    // And those that the class refused took nothing from the key.
    for expected in [200, 200, 200, 200, 429] {
        assert_eq!(app.verify_status(&wide.token, "GET", "/elsewhere").await, expected);
    }
}

#[tokio::test]
async fn the_wait_that_is_named_is_exact_and_the_headers_say_where_the_limits_stand() {
    let (app, ada) = App::spawn().await;
    let key = ada.make_key(json!({ "rateLimit": 2 })).await;
    let state = |response: &Response| {
        let of = |name| header(response, name).to_owned();
        (of("ratelimit"), of("x-ratelimit-remaining"), of("x-ratelimit-reset"), of("retry-after"))
    };
    let states = |a: &str, b: &str, c: &str, d: &str| (a.to_owned(), b.to_owned(), c.to_owned(), d.to_owned());
    let first = app.verify(&key.token, "GET", "/a").await;
    assert_eq!(header(&first, "ratelimit-policy"), "\"key\";q=2;w=60");
    assert_eq!(header(&first, "x-ratelimit-limit"), "2");
    assert_eq!(state(&first), states("\"key\";r=1;t=60", "1", "60", ""));
    app.clock.advance_ms(10_500);
    assert_eq!(state(&app.verify(&key.token, "GET", "/a").await), states("\"key\";r=0;t=50", "0", "50", ""));

    let limited = app.verify(&key.token, "GET", "/a").await;
    assert_eq!(limited.status(), 429);
    assert_eq!(state(&limited), states("\"key\";r=0;t=50", "0", "50", "50"));
    let body: Value = limited.json().await.unwrap();
    assert_eq!(body["error"], "rate_limit_exceeded");
    assert_eq!(body["message"], "Too many requests. Please retry after 50 seconds.");
    assert_eq!(body["retry_after"], 50);

    app.clock.advance_ms(49_499);
    let limited = app.verify(&key.token, "GET", "/a").await;
    assert_eq!((limited.status().as_u16(), header(&limited, "retry-after")), (429, "1"), "one millisecond before");
    app.clock.advance_ms(1);
    assert_eq!(app.verify_status(&key.token, "GET", "/a").await, 200, "at it");
    let limited = app.verify(&key.token, "GET", "/a").await;
    assert_eq!((limited.status().as_u16(), header(&limited, "retry-after")), (429, "11"), "the second one's turn");
}

#[tokio::test]
async fn a_changed_limit_holds_from_the_next_request_on() {
    let (app, ada) = App::spawn().await;
    let key = ada.make_key(json!({ "rateLimit": 5 })).await;
    for (limit, expected) in [(5, 200), (5, 200), (2, 429), (3, 200), (3, 429)] {
        let response = ada.patch(&format!("{KEYS}/{}", key.id), &json!({ "rateLimit": limit })).await;
        assert_eq!(response.status(), 200);
        assert_eq!(app.verify_status(&key.token, "GET", "/a").await, expected);
    }
}

#[tokio::test]
async fn the_wall_clock_may_jump_without_freeing_or_holding_anybody() {
    let (app, ada) = App::spawn().await;
    let key = ada.make_key(json!({ "rateLimit": 1 })).await;
    assert_eq!(app.verify_status(&key.token, "GET", "/a").await, 200);
    for jump in [3_600_000, -7_200_000, 3_600_000] {
        app.clock.jump_wall_ms(jump);
        assert_eq!(app.verify_status(&key.token, "GET", "/a").await, 429);
    }
    app.clock.jump_wall_ms(-86_400_000);
    app.clock.advance_ms(60_000);
    assert_eq!(app.verify_status(&key.token, "GET", "/a").await, 200);
}

#[tokio::test]
async fn anonymous_requests_of_a_class_are_counted_by_client_address() {
    let (app, _) = App::spawn_with(|config| {
        config.server.trusted_proxies = vec![Network::try_from(String::from("127.0.0.1")).unwrap()];
        let rule = class("/open", "open", 2);
        config.rules = vec![Rule { allow: vec!["anonymous".into()], ..rule }];
    })
    .await;
    let from = |address: &str| -> RequestBuilder {
        app.request(Method::GET, "/verify")
            .header("X-Forwarded-Method", "GET")
            .header("X-Forwarded-Uri", "/open")
            .header("X-Forwarded-Proto", "https")
            .header("X-Forwarded-For", address)
    };
    for (address, expected) in [
        ("192.0.2.1", 200),
        ("192.0.2.1", 200),
        ("192.0.2.1", 429),
        ("::ffff:192.0.2.1", 429),
        ("192.0.2.2", 200),
        ("2001:db8::1", 200),
    ] {
        let response = from(address).send().await.unwrap();
        assert_eq!(response.status(), expected, "{address}");
        assert_eq!(header(&response, "ratelimit-policy"), "\"open\";q=2;w=60");
    }
    let dead = from("192.0.2.2").header("Cookie", "claviger=dead");
    assert_eq!(dead.send().await.unwrap().status(), 200);
    let limited = error_of(from("192.0.2.2").send().await.unwrap()).await;
    assert_eq!(limited, (429, "RATE_LIMITED".into()), "a dead cookie counts as its address");
}

#[tokio::test]
async fn refused_requests_past_the_sixtieth_in_a_minute_share_one_counted_row() {
    let (app, ada) = App::spawn().await;
    let key = ada.make_key(json!({ "rateLimit": 3 })).await;
    for number in 0..103 {
        assert_eq!(app.verify_status(&key.token, "GET", "/flood").await, if number < 3 { 200 } else { 429 });
    }
    let sum = |rows: &[Value]| rows.iter().map(|row| row["count"].as_i64().unwrap()).sum::<i64>();
    let rows = requests_of(&ada, &key).await;
    let shared: Vec<_> = rows.iter().filter(|row| row["count"] != 1).collect();
    assert_eq!((rows.len(), sum(&rows)), (64, 103));
    assert_eq!(shared.len(), 1);
    assert_eq!((&shared[0]["count"], &shared[0]["status"]), (&json!(40), &json!(429)));
    assert_eq!(ada.key(&key.id).await["requestCount"], 103);

    app.clock.advance_ms(60_000);
    assert_eq!(app.verify_status(&key.token, "GET", "/next").await, 200);
    let rows = requests_of(&ada, &key).await;
    assert_eq!((rows.len(), sum(&rows)), (65, 104), "in the next minute each has its own row again");
    let app = app.restart().await;
    let ada = app.session_of(&app.sign_in(crate::support::EMAIL, crate::support::PASSWORD).await);
    let rows = requests_of(&ada, &key).await;
    assert_eq!((rows.len(), sum(&rows)), (65, 104));
    assert_eq!(ada.key(&key.id).await["requestCount"], 104);
}
