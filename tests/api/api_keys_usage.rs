//! What a key's object, its requests and its usage tell of its use.

use reqwest::Method;
use serde_json::{Value, json};

use super::at_once::fault_of;
use super::support::{App, KEYS, Session};

async fn items(session: &Session, path: &str) -> Vec<Value> {
    let response = session.get(path).await;
    assert_eq!(response.status(), 200, "{path}");
    response.json::<Value>().await.unwrap()["items"].as_array().unwrap().clone()
}

async fn points(session: &Session, id: &str, query: &str) -> Vec<(String, u64, u64)> {
    let response = session.get(&format!("{KEYS}/{id}/usage{query}")).await;
    assert_eq!(response.status(), 200, "{query}");
    let usage: Value = response.json().await.unwrap();
    let point = |point: &Value| {
        let count = |name: &str| point[name].as_u64().unwrap();
        (point["at"].as_str().unwrap().to_owned(), count("allowed"), count("denied"))
    };
    usage["points"].as_array().unwrap().iter().map(point).collect()
}

#[tokio::test]
async fn the_last_use_is_told_with_its_time_address_and_user_agent() {
    let (app, session) = App::spawn().await;
    let key = session.make_key(json!({ "rateLimit": 2 })).await;
    assert_eq!((&key.object["lastUsedAt"], &key.object["requestCount"]), (&Value::Null, &json!(0)));
    for (number, agent) in ["first/1", "second/2", "refused/3"].into_iter().enumerate() {
        app.clock.advance_ms(1_000);
        let request = app.request(Method::GET, "/verify").bearer_auth(&key.token).header("User-Agent", agent);
        assert_eq!(request.send().await.unwrap().status(), if number < 2 { 200 } else { 429 });
        let told = session.key(&key.id).await;
        assert_eq!(told["lastUsedAt"], format!("2030-01-01T00:00:0{}.000Z", number + 1));
        assert_eq!((&told["lastUsedIp"], &told["lastUserAgent"]), (&json!("127.0.0.1"), &json!(agent)));
        assert_eq!(told["requestCount"], number + 1);
    }
}

#[tokio::test]
async fn the_use_of_claviger_s_own_api_counts_as_well() {
    let (app, session) = App::spawn().await;
    let key = session.make_key(json!({ "role": "viewer" })).await;
    for (path, status) in [("/v1/version", 200), (KEYS, 403)] {
        assert_eq!(app.request(Method::GET, path).bearer_auth(&key.token).send().await.unwrap().status(), status);
    }
    assert_eq!(session.key(&key.id).await["requestCount"], 2);
    let requests = items(&session, &format!("{KEYS}/{}/requests", key.id)).await;
    assert_eq!((&requests[0]["path"], &requests[0]["code"]), (&json!(KEYS), &json!("INSUFFICIENT_ROLE")));
    assert_eq!((&requests[1]["path"], &requests[1]["code"]), (&json!("/v1/version"), &Value::Null));
}

#[tokio::test]
async fn each_request_is_told_whole_and_without_its_query() {
    let (app, session) = App::spawn().await;
    let key = session.make_key(json!({ "name": "Caller", "role": "viewer" })).await;
    app.clock.advance_ms(1_234);
    let response = app
        .request(Method::GET, "/verify")
        .bearer_auth(&key.token)
        .header("User-Agent", "curl/8")
        .header("X-Forwarded-Method", "DELETE")
        .header("X-Forwarded-Uri", "/agents/../agents//7?token=geheim#x")
        .header("X-Forwarded-Host", "API.example.com")
        .send();
    assert_eq!(response.await.unwrap().status(), 403);
    let requests = items(&session, &format!("{KEYS}/{}/requests", key.id)).await;
    assert_eq!(requests.len(), 1);
    let request = &requests[0];
    for (field, value) in [
        ("at", json!("2030-01-01T00:00:01.234Z")),
        ("method", json!("DELETE")),
        ("path", json!("/agents/7")),
        ("status", json!(403)),
        ("code", json!("INSUFFICIENT_ROLE")),
        ("ip", json!("127.0.0.1")),
        ("count", json!(1)),
        ("credential", json!("api_key")),
        ("keyId", json!(key.id)),
        ("keyName", json!("Caller")),
    ] {
        assert_eq!(request[field], value, "{field}");
    }
    assert!(request["host"].as_str().unwrap().eq_ignore_ascii_case("api.example.com"));
    assert!(!request.to_string().contains("geheim"));
}

#[tokio::test]
async fn requests_come_in_pages_from_the_newest() {
    let (app, session) = App::spawn().await;
    let key = session.make_key(json!({})).await;
    for number in 0..7 {
        app.verify_status(&key.token, "GET", &format!("/{number}")).await;
    }
    let mut path = format!("{KEYS}/{}/requests?limit=3", key.id);
    let mut seen = Vec::new();
    for expected in [3, 3, 1] {
        let page: Value = session.get(&path).await.json().await.unwrap();
        let items = page["items"].as_array().unwrap();
        assert_eq!(items.len(), expected);
        seen.extend(items.iter().map(|item| item["path"].as_str().unwrap().to_owned()));
        match page["nextCursor"].as_str() {
            Some(cursor) => path = format!("{KEYS}/{}/requests?limit=3&cursor={cursor}", key.id),
            None => assert_eq!(seen, ["/6", "/5", "/4", "/3", "/2", "/1", "/0"]),
        }
    }
    assert_eq!(seen.len(), 7);
}

#[tokio::test]
async fn refused_requests_past_the_sixtieth_in_a_minute_share_one_counted_row() {
    let (app, session) = App::spawn().await;
    let key = session.make_key(json!({ "rateLimit": 1 })).await;
    for _ in 0..81 {
        app.verify_status(&key.token, "GET", "/x").await;
    }
    let path = format!("{KEYS}/{}/requests?limit=200", key.id);
    let totals = |requests: &[Value]| {
        let counts = requests.iter().map(|request| request["count"].as_u64().unwrap());
        (requests.len(), counts.clone().sum::<u64>(), counts.max().unwrap())
    };
    assert_eq!(totals(&items(&session, &path).await), (62, 81, 20));
    assert_eq!(session.key(&key.id).await["requestCount"], 81);
    let today = points(&session, &key.id, "?step=day").await;
    assert_eq!((today.last().unwrap().1, today.last().unwrap().2), (1, 80));
    // The next minute begins anew, and nothing is counted twice.
    app.clock.advance_ms(60_000);
    app.verify_status(&key.token, "GET", "/x").await;
    assert_eq!(totals(&items(&session, &path).await), (63, 82, 20));
    let app = app.restart().await;
    let response = app.sign_in(super::support::EMAIL, super::support::PASSWORD).await;
    let session = app.session_of(&response);
    assert_eq!(totals(&items(&session, &path).await), (63, 82, 20));
    assert_eq!(session.key(&key.id).await["requestCount"], 82);
}

#[tokio::test]
async fn usage_is_counted_by_minute_hour_and_day() {
    let (app, session) = App::spawn().await;
    let key = session.make_key(json!({ "rateLimit": 2 })).await;
    for minutes in [0, 1, 89] {
        app.clock.advance_ms(minutes * 60_000);
        for _ in 0..3 {
            app.verify_status(&key.token, "GET", "/x").await;
        }
    }
    let at = |text: &str| format!("2030-01-01T{text}:00.000Z");
    let minutes = points(&session, &key.id, "?step=minute&from=2030-01-01T00:00:00Z&to=2030-01-01T00:02:59Z").await;
    assert_eq!(minutes, [(at("00:00"), 2, 1), (at("00:01"), 2, 1), (at("00:02"), 0, 0)]);
    let hours = points(&session, &key.id, "?from=2030-01-01T00:00:00Z").await;
    assert_eq!(hours, [(at("00:00"), 4, 2), (at("01:00"), 2, 1)]);
    let days = points(&session, &key.id, "?step=day&from=2029-12-31&to=2030-01-01").await;
    assert_eq!(days, [("2029-12-31T00:00:00.000Z".into(), 0, 0), (at("00:00"), 6, 3)]);
    let offset = points(&session, &key.id, "?from=2030-01-01T02:00:00%2B01:00&to=2030-01-01T01:59:59Z").await;
    assert_eq!(offset, [(at("01:00"), 2, 1)]);
}

#[tokio::test]
async fn usage_is_that_of_the_last_day_by_hour_where_nothing_is_said() {
    let (app, session) = App::spawn().await;
    let key = session.make_key(json!({})).await;
    app.verify_status(&key.token, "GET", "/x").await;
    app.clock.advance_ms(90 * 60_000);
    let hours = points(&session, &key.id, "").await;
    assert_eq!((hours.len(), hours[0].0.as_str()), (24, "2029-12-31T02:00:00.000Z"));
    assert_eq!(hours[22], ("2030-01-01T00:00:00.000Z".into(), 1, 0));
    assert_eq!(hours[23], ("2030-01-01T01:00:00.000Z".into(), 0, 0));
}

#[tokio::test]
async fn usage_that_cannot_be_asked_is_named_by_its_field() {
    let (_app, session) = App::spawn().await;
    let key = session.make_key(json!({})).await;
    for (query, field) in [
        ("?step=week", "step"),
        ("?from=yesterday", "from"),
        ("?to=2030-13-01", "to"),
        ("?from=2030-01-02&to=2030-01-01", "from"),
        ("?step=minute&from=2020-01-01", "step"),
        ("?limit=5", "limit"),
    ] {
        let response = session.get(&format!("{KEYS}/{}/usage{query}", key.id)).await;
        let (status, _, fields) = fault_of(response).await;
        assert_eq!(status, 400, "{query}");
        assert!(fields[field].is_string(), "{query}: {fields}");
    }
    for what in ["usage", "requests"] {
        assert_eq!(session.get(&format!("{KEYS}/key_nobody/{what}")).await.status(), 404);
    }
}
