//! `GET /api/admin/usage`: what the list of keys draws its charts from.

use reqwest::Method;
use serde_json::{Value, json};

use super::at_once::fault_of;
use super::people;
use super::support::{App, EMAIL, KEYS, PASSWORD, Session, text};

const USAGE: &str = "/api/admin/usage";

async fn items(session: &Session, query: &str) -> Vec<Value> {
    let response = session.get(&format!("{USAGE}{query}")).await;
    assert_eq!(response.status(), 200, "{query}");
    response.json::<Value>().await.unwrap()["items"].as_array().unwrap().clone()
}

async fn of_one(session: &Session, id: &str, query: &str) -> Value {
    session.get(&format!("{KEYS}/{id}/usage{query}")).await.json::<Value>().await.unwrap()["points"].clone()
}

fn sums(points: &Value) -> (u64, u64) {
    let sum = |name: &str| points.as_array().unwrap().iter().map(|point| point[name].as_u64().unwrap()).sum();
    (sum("allowed"), sum("denied"))
}

#[tokio::test]
async fn the_usage_of_many_keys_is_for_each_what_it_is_alone() {
    let (app, session) = App::spawn().await;
    let mut keys = Vec::new();
    for limit in [1, 2, 100] {
        keys.push(session.make_key(json!({ "rateLimit": limit })).await);
    }
    keys.push(session.make_key(json!({ "name": "never used" })).await);
    let successor = session.post(&format!("{KEYS}/{}/rotate", keys[0].id), &json!({})).await;
    let successor: Value = successor.json().await.unwrap();
    // Refused ones past the sixtieth share a row that is open for a minute; the next minute folds it.
    for minutes in [0, 61, 1] {
        app.clock.advance_ms(minutes * 60_000);
        for key in &keys[..3] {
            for _ in 0..65 {
                app.verify_status(&key.token, "GET", "/x").await;
            }
        }
        app.verify_status(&text(&successor["key"]), "GET", "/x").await;
    }
    let mut ids: Vec<String> = keys.iter().map(|key| key.id.clone()).collect();
    ids.push(text(&successor["id"]));
    ids.rotate_left(2);
    for query in [
        "",
        "step=minute&from=2030-01-01T00:00:30Z&to=2030-01-01T01:01:30Z",
        "from=2030-01-01T00:59:00Z&to=2030-01-01T01:00:59Z",
        "step=day&from=2029-12-30",
        "step=day&to=2029-12-31&from=2029-12-31",
    ] {
        let all = items(&session, &format!("?keys={}&{query}", ids.join(","))).await;
        let order: Vec<String> = all.iter().map(|item| text(&item["keyId"])).collect();
        assert_eq!(order, ids, "{query}");
        for item in &all {
            assert_eq!(item["points"], of_one(&session, &text(&item["keyId"]), &format!("?{query}")).await, "{query}");
        }
    }
    let day = items(&session, &format!("?keys={},{}", keys[1].id, keys[3].id)).await;
    assert_eq!((sums(&day[0]["points"]), sums(&day[1]["points"])), ((6, 189), (0, 0)));

    // A deleted key's requests are still its organization's.
    session.delete(&format!("{KEYS}/{}", keys[2].id)).await;
    let total = items(&session, "").await;
    assert_eq!((total.len(), &total[0]["keyId"]), (1, &Value::Null));
    assert_eq!(total[0]["points"].as_array().unwrap().len(), 24);
    let mut expected = (0, 0);
    for key in &keys {
        let (allowed, denied) = sums(&of_one(&session, &key.id, "").await);
        expected = (expected.0 + allowed, expected.1 + denied);
    }
    assert_eq!(sums(&total[0]["points"]), expected);
    assert_eq!(expected.0 + expected.1, 3 * (3 * 65 + 1));

    let app = app.restart().await;
    let session = app.session_of(&app.sign_in(EMAIL, PASSWORD).await);
    assert_eq!(items(&session, "").await, total);
}

#[tokio::test]
async fn keys_of_nobody_and_of_others_are_left_out_and_one_that_is_named_twice_comes_once() {
    let (app, _) = App::spawn().await;
    let (app, ada, bea) = people::with_other(app, &[("bea", "owner")]).await;
    let adas = ada.make_key(json!({})).await;
    let beas = bea.make_key(json!({})).await;
    for key in [&adas, &beas] {
        app.request(Method::GET, "/v1/version").bearer_auth(&key.token).send().await.unwrap();
    }
    let ids = format!("?keys={0},key_nobody,{1},{0},,%20{1}", beas.id, adas.id);
    for (session, own) in [(&ada, &adas), (&bea, &beas)] {
        let seen = items(session, &ids).await;
        assert_eq!(seen.iter().map(|item| item["keyId"].as_str().unwrap()).collect::<Vec<_>>(), [own.id.as_str()]);
        assert_eq!(sums(&seen[0]["points"]), (1, 0));
        assert_eq!(sums(&items(session, "").await[0]["points"]), (1, 0));
    }
    assert_eq!(items(&ada, &format!("?keys={}", beas.id)).await, [] as [Value; 0]);
    // A key sees as much as a session, and its asking counts.
    let by_key = ada.make_key(json!({ "role": "admin" })).await;
    let request = app.request(Method::GET, &format!("{USAGE}?keys={}", by_key.id)).bearer_auth(&by_key.token);
    let seen: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(sums(&seen["items"][0]["points"]), (1, 0));
}

#[tokio::test]
async fn what_cannot_be_asked_of_many_is_named_by_its_field() {
    let (_app, session) = App::spawn().await;
    let key = session.make_key(json!({})).await;
    let ids = |count: usize| (0..count).map(|number| format!("key_{number}")).collect::<Vec<_>>().join(",");
    assert_eq!(items(&session, &format!("?keys={}", ids(200))).await.len(), 0);
    for none in ["?keys=", "?keys", "?keys=,"] {
        assert_eq!(items(&session, none).await, [] as [Value; 0], "{none}: who names no key is told of none");
    }
    for (query, field) in [
        (format!("?keys={}", ids(201)), "keys"),
        (format!("?keys={}&step=minute&from=2029-12-31T00:00:00Z", ids(200)), "step"),
        ("?step=minute&from=2020-01-01".into(), "step"),
        ("?step=week".into(), "step"),
        ("?from=yesterday".into(), "from"),
        ("?to=2030-13-01".into(), "to"),
        (format!("?keys={}&from=2030-01-02&to=2030-01-01", key.id), "from"),
        (format!("?key={}", key.id), "key"),
        ("?limit=5".into(), "limit"),
    ] {
        let (status, _, fields) = fault_of(session.get(&format!("{USAGE}{query}")).await).await;
        assert_eq!(status, 400, "{query}");
        assert!(fields[field].is_string(), "{query}: {fields}");
    }
}
