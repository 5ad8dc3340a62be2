//! `GET /api/admin/requests`: every request of the organization's keys, by every filter.

use reqwest::Method;
use serde_json::{Value, json};

use super::at_once::fault_of;
use super::support::{App, KEYS, Key, Session, text};

async fn ask(app: &App, key: &Key, method: &str, path: &str, ip: &str) {
    let request = app.request(Method::GET, "/verify").bearer_auth(&key.token);
    let request = request.header("X-Forwarded-Method", method).header("X-Forwarded-Uri", path);
    request.header("X-Forwarded-For", ip).header("X-Forwarded-Proto", "https").send().await.unwrap();
}

async fn paths(session: &Session, query: &str) -> Vec<String> {
    let response = session.get(&format!("/api/admin/requests{query}")).await;
    assert_eq!(response.status(), 200, "{query}");
    let page: Value = response.json().await.unwrap();
    page["items"].as_array().unwrap().iter().map(|item| text(&item["path"])).collect()
}

#[tokio::test]
async fn requests_are_found_by_every_filter() {
    let (app, session) = App::spawn_with(|config| {
        config.server.trusted_proxies = vec![String::from("127.0.0.1").try_into().unwrap()];
    })
    .await;
    let first = session.make_key(json!({ "name": "first" })).await;
    let second = session.make_key(json!({ "name": "second", "role": "viewer" })).await;
    ask(&app, &first, "GET", "/a/1", "192.0.2.1").await;
    ask(&app, &first, "POST", "/a/2", "192.0.2.2").await;
    for _ in 0..2 {
        app.clock.advance_ms(43_200_000);
        assert_eq!(session.get("/api/auth/session").await.status(), 200, "a session that is used lives on");
    }
    ask(&app, &second, "GET", "/b/1", "::ffff:192.0.2.1").await;
    ask(&app, &second, "POST", "/b_1", "2001:db8::1").await;
    session.delete(&format!("{KEYS}/{}", first.id)).await;
    for (query, expected) in [
        (String::new(), vec!["/b_1", "/b/1", "/a/2", "/a/1"]),
        (format!("?key={}", first.id), vec!["/a/2", "/a/1"]),
        (format!("?key={}&method=POST", second.id), vec!["/b_1"]),
        ("?status=200".into(), vec!["/b/1", "/a/2", "/a/1"]),
        ("?status=403".into(), vec!["/b_1"]),
        ("?status=429".into(), vec![]),
        ("?method=GET".into(), vec!["/b/1", "/a/1"]),
        ("?path=/a/1".into(), vec!["/a/1"]),
        ("?path=/a".into(), vec![]),
        ("?path=/a/*".into(), vec!["/a/2", "/a/1"]),
        ("?path=/b_*".into(), vec!["/b_1"]),
        ("?ip=192.0.2.1".into(), vec!["/b/1", "/a/1"]),
        ("?ip=2001:db8::1".into(), vec!["/b_1"]),
        ("?from=2030-01-02".into(), vec!["/b_1", "/b/1"]),
        ("?to=2030-01-01".into(), vec!["/a/2", "/a/1"]),
        ("?from=2030-01-01&to=2030-01-02&ip=192.0.2.1&method=GET&status=200".into(), vec!["/b/1", "/a/1"]),
        ("?key=".into(), vec!["/b_1", "/b/1", "/a/2", "/a/1"]),
    ] {
        assert_eq!(paths(&session, &query).await, expected, "{query}");
    }
    let page: Value = session.get("/api/admin/requests?limit=3").await.json().await.unwrap();
    let rest = paths(&session, &format!("?limit=3&cursor={}", text(&page["nextCursor"]))).await;
    assert_eq!((page["items"].as_array().unwrap().len(), rest), (3, vec!["/a/1".into()]));
}

#[tokio::test]
async fn a_filter_that_cannot_be_used_is_named() {
    let (_app, session) = App::spawn().await;
    for (query, field) in [
        ("?status=ok", "status"),
        ("?from=x", "from"),
        ("?to=x", "to"),
        ("?limit=1000", "limit"),
        ("?cursor=x", "cursor"),
        ("?keys=x", "keys"),
        ("?path=/a&path=/b", "path"),
    ] {
        let (status, _, fields) = fault_of(session.get(&format!("/api/admin/requests{query}")).await).await;
        assert_eq!(status, 400, "{query}");
        assert!(fields[field].is_string(), "{query}: {fields}");
    }
    assert_eq!(session.get("/api/admin/requests?key=key_nobody").await.status(), 404);
}

#[tokio::test]
async fn what_presents_nothing_or_something_unknown_is_not_written() {
    let (app, session) = App::spawn().await;
    let key = session.make_key(json!({})).await;
    app.request(Method::GET, "/verify").send().await.unwrap();
    app.verify("junk", "GET", "/x").await;
    session.delete(&format!("{KEYS}/{}", key.id)).await;
    app.verify(&key.token, "GET", "/x").await;
    assert_eq!(paths(&session, "").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_key_that_is_switched_off_or_expired_is_still_recorded() {
    let (app, session) = App::spawn().await;
    let off = session.make_key(json!({})).await;
    let old = session.make_key(json!({ "expiresAt": "2030-01-01T00:00:01Z" })).await;
    session.patch(&format!("{KEYS}/{}", off.id), &json!({ "active": false })).await;
    app.clock.advance_ms(1_000);
    app.verify(&off.token, "GET", "/off").await;
    app.verify(&old.token, "GET", "/old").await;
    assert_eq!(paths(&session, "?status=401").await, ["/old", "/off"]);
}
