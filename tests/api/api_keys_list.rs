//! The list of API keys: its filters and its pages.

use serde_json::{Value, json};

use super::support::{App, KEYS, Session, text};

/// The names on a page, and where the next one begins.
pub async fn list(session: &Session, query: &str) -> (Vec<String>, Option<String>) {
    let response = session.get(&format!("{KEYS}{query}")).await;
    assert_eq!(response.status(), 200, "{query}");
    let page: Value = response.json().await.unwrap();
    let names = page["items"].as_array().unwrap().iter().map(|key| text(&key["name"])).collect();
    (names, page["nextCursor"].as_str().map(str::to_owned))
}

#[tokio::test]
async fn keys_are_listed_by_status_environment_and_text() {
    let (app, session) = App::spawn().await;
    session.make_key(json!({ "name": "Active one", "externalId": "Crm-7" })).await;
    let off = session.make_key(json!({ "name": "off", "environment": "test" })).await;
    session.patch(&format!("{KEYS}/{}", off.id), &json!({ "active": false })).await;
    session.make_key(json!({ "name": "short", "expiresAt": "2030-01-01T00:00:01Z" })).await;
    let old = session.make_key(json!({ "name": "rotated" })).await;
    session.post(&format!("{KEYS}/{}/rotate", old.id), &json!({})).await;
    let gone = session.make_key(json!({ "name": "gone" })).await;
    session.delete(&format!("{KEYS}/{}", gone.id)).await;
    app.clock.advance_ms(1_000);
    let prefix = text(&off.object["prefix"]);
    for (query, expected) in [
        ("", vec!["rotated", "rotated", "short", "off", "Active one"]),
        ("?status=active", vec!["rotated", "Active one"]),
        ("?status=deactivated", vec!["off"]),
        ("?status=expired", vec!["short"]),
        ("?status=superseded", vec!["rotated"]),
        ("?environment=test", vec!["off"]),
        ("?environment=live&status=active", vec!["rotated", "Active one"]),
        ("?q=ACTIVE", vec!["Active one"]),
        ("?q=crm-7", vec!["Active one"]),
        (&format!("?q={prefix}"), vec!["off"]),
        ("?q=%25", vec![]),
        ("?q=nothing", vec![]),
    ] {
        assert_eq!(list(&session, query).await.0, expected, "{query}");
    }
    for (query, field) in [
        ("?status=gone", "status"),
        ("?environment=prod", "environment"),
        ("?limit=0", "limit"),
        ("?limit=201", "limit"),
        ("?limit=x", "limit"),
        ("?cursor=7", "cursor"),
        ("?colour=red", "colour"),
        ("?q=a&q=b", "q"),
    ] {
        let body: Value = session.get(&format!("{KEYS}{query}")).await.json().await.unwrap();
        assert_eq!(body["code"], "VALIDATION_FAILED", "{query}");
        assert!(body["fields"][field].is_string(), "{query}: {body}");
    }
}

#[tokio::test]
async fn pages_follow_one_another_from_the_newest_without_gaps() {
    let (_app, session) = App::spawn().await;
    for number in 0..203 {
        session.make_key(json!({ "name": format!("k{number}") })).await;
    }
    assert_eq!(list(&session, "").await.0.len(), 50);
    let (most, cursor) = list(&session, "?limit=200").await;
    assert_eq!((most.len(), most[0].as_str(), most[199].as_str()), (200, "k202", "k3"));
    // One that is made meanwhile moves nothing.
    session.make_key(json!({ "name": "late" })).await;
    let (rest, end) = list(&session, &format!("?limit=200&cursor={}", cursor.unwrap())).await;
    assert_eq!((rest, end), (vec!["k2".into(), "k1".into(), "k0".into()], None));
    let (exact, end) = list(&session, "?limit=1&q=k202").await;
    assert_eq!((exact.len(), end), (1, None));
}
