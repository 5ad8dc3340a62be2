//! Rotation: a successor, and a grace in which both keys work as one.

use reqwest::Method;
use serde_json::{Value, json};

use super::at_once::{count, fault_of, statuses_at_once};
use super::support::{App, KEYS, Key, Session, error_of, text};

async fn rotate(session: &Session, id: &str, body: &Value) -> Key {
    let response = session.post(&format!("{KEYS}/{id}/rotate"), body).await;
    assert_eq!(response.status(), 201, "{}", response.text().await.unwrap());
    let object: Value = response.json().await.unwrap();
    Key { id: text(&object["id"]), token: text(&object["key"]), object }
}

#[tokio::test]
async fn the_successor_has_the_same_settings_and_another_secret() {
    let (_app, session) = App::spawn().await;
    let old = session
        .make_key(json!({
            "name": "Build", "environment": "test", "rateLimit": 7, "role": "member", "scopes": ["a"],
            "ipAllowList": ["127.0.0.0/8"], "externalId": "x", "metadata": { "a": 1 }, "expiresAt": "2031-01-01",
        }))
        .await;
    let new = rotate(&session, &old.id, &json!({})).await;
    assert_ne!((&new.id, &new.token), (&old.id, &old.token));
    assert!(new.token.starts_with("clav_test_"));
    let same = [
        "name",
        "environment",
        "rateLimit",
        "role",
        "scopes",
        "ipAllowList",
        "externalId",
        "metadata",
        "expiresAt",
        "owner",
        "active",
        "requestsPerMinute",
    ];
    for field in same {
        assert_eq!(new.object[field], old.object[field], "{field}");
    }
    assert_eq!((&new.object["rotatedFrom"], &new.object["graceEndsAt"]), (&json!(old.id), &Value::Null));
    let old = session.key(&old.id).await;
    assert_eq!((&old["status"], &old["graceEndsAt"]), (&json!("superseded"), &json!("2030-01-02T00:00:00.000Z")));
}

#[tokio::test]
async fn both_keys_draw_on_one_window_and_one_count() {
    let (app, session) = App::spawn().await;
    let old = session.make_key(json!({ "rateLimit": 5 })).await;
    for _ in 0..3 {
        assert_eq!(app.verify_status(&old.token, "GET", "/x").await, 200);
    }
    let new = rotate(&session, &old.id, &json!({})).await;
    assert_eq!(app.verify_status(&new.token, "GET", "/x").await, 200);
    assert_eq!(app.verify_status(&old.token, "GET", "/x").await, 200);
    assert_eq!(app.verify_status(&new.token, "GET", "/x").await, 429);
    assert_eq!(app.verify_status(&old.token, "GET", "/x").await, 429);
    for id in [&old.id, &new.id] {
        assert_eq!(session.key(id).await["requestCount"], 7);
        let usage: Value = session.get(&format!("{KEYS}/{id}/usage?step=day")).await.json().await.unwrap();
        let today = &usage["points"].as_array().unwrap().last().unwrap();
        assert_eq!((&today["allowed"], &today["denied"]), (&json!(5), &json!(2)));
    }
    app.clock.advance_ms(60_000);
    let request = |index: usize| {
        let key = if index.is_multiple_of(2) { &old } else { &new };
        app.request(Method::GET, "/verify").bearer_auth(&key.token)
    };
    let statuses = statuses_at_once(64, request).await;
    assert_eq!((count(&statuses, 200), count(&statuses, 429)), (5, 59), "{statuses:?}");
}

#[tokio::test]
async fn the_successor_tells_when_and_from_where_the_old_key_was_last_used() {
    let (app, session) = App::spawn().await;
    let old = session.make_key(json!({})).await;
    let new = rotate(&session, &old.id, &json!({ "graceSeconds": 60 })).await;
    let told = session.key(&new.id).await;
    assert_eq!(told["predecessor"]["id"], old.id);
    assert_eq!(told["predecessor"]["lastUsedAt"], Value::Null);
    app.clock.advance_ms(1_500);
    let request = app.request(Method::GET, "/verify").bearer_auth(&old.token).header("User-Agent", "Old build/1");
    assert_eq!(request.send().await.unwrap().status(), 200);
    let told = session.key(&new.id).await;
    assert_eq!(
        told["predecessor"],
        json!({
            "id": old.id, "prefix": old.object["prefix"], "graceEndsAt": "2030-01-01T00:01:00.000Z",
            "lastUsedAt": "2030-01-01T00:00:01.500Z", "lastUsedIp": "127.0.0.1", "lastUserAgent": "Old build/1",
        })
    );
    assert_eq!(told["lastUsedAt"], Value::Null, "the new key itself was not used");
    app.clock.advance_ms(58_500);
    assert_eq!(session.key(&new.id).await["predecessor"], Value::Null, "its grace is over");
}

#[tokio::test]
async fn the_old_key_stops_on_the_millisecond_that_its_grace_ends() {
    let (app, session) = App::spawn().await;
    let old = session.make_key(json!({})).await;
    let new = rotate(&session, &old.id, &json!({ "graceSeconds": 60 })).await;
    app.clock.advance_ms(59_999);
    assert_eq!(app.verify_status(&old.token, "GET", "/x").await, 200);
    app.clock.advance_ms(1);
    assert_eq!(error_of(app.verify(&old.token, "GET", "/x").await).await, (401, "API_KEY_DEACTIVATED".into()));
    assert_eq!(app.verify_status(&new.token, "GET", "/x").await, 200);
}

#[tokio::test]
async fn a_grace_of_nothing_ends_the_old_key_at_once() {
    let (app, session) = App::spawn().await;
    let old = session.make_key(json!({})).await;
    assert_eq!(app.verify_status(&old.token, "GET", "/x").await, 200);
    let new = rotate(&session, &old.id, &json!({ "graceSeconds": 0 })).await;
    assert_eq!(app.verify_status(&old.token, "GET", "/x").await, 401);
    assert_eq!(app.verify_status(&new.token, "GET", "/x").await, 200);
    let longest = rotate(&session, &new.id, &json!({ "graceSeconds": 2_592_000 })).await;
    assert_eq!(session.key(&new.id).await["graceEndsAt"], "2030-01-31T00:00:00.000Z");
    assert_eq!(longest.object["rotatedFrom"], json!(new.id));
}

#[tokio::test]
async fn without_a_body_the_grace_is_a_day() {
    let (_app, session) = App::spawn().await;
    let old = session.make_key(json!({})).await;
    let response = session.request(Method::POST, &format!("{KEYS}/{}/rotate", old.id)).send().await.unwrap();
    assert_eq!(response.status(), 201);
    assert_eq!(session.key(&old.id).await["graceEndsAt"], "2030-01-02T00:00:00.000Z");
}

#[tokio::test]
async fn a_rotation_out_of_bounds_rotates_nothing() {
    let (_app, session) = App::spawn().await;
    let key = session.make_key(json!({})).await;
    for (field, value) in [
        ("graceSeconds", json!(-1)),
        ("graceSeconds", json!(2_592_001)),
        ("graceSeconds", json!(1.5)),
        ("graceSeconds", json!("60")),
        ("graceseconds", json!(60)),
        ("role", json!("owner")),
        ("organizationId", json!("org_1")),
    ] {
        let response = session.post(&format!("{KEYS}/{}/rotate", key.id), &json!({ field: value })).await;
        let (status, code, fields) = fault_of(response).await;
        assert_eq!((status, code.as_str()), (400, "VALIDATION_FAILED"), "{field} {value}");
        assert!(fields[field].is_string(), "{field} {value}: {fields}");
    }
    assert_eq!(session.key(&key.id).await["status"], "active");
}

#[tokio::test]
async fn a_key_is_rotated_once() {
    let (_app, session) = App::spawn().await;
    let old = session.make_key(json!({})).await;
    let path = format!("{KEYS}/{}/rotate", old.id);
    let statuses = statuses_at_once(64, |_| session.request(Method::POST, &path)).await;
    assert_eq!((count(&statuses, 201), count(&statuses, 409)), (1, 63), "{statuses:?}");
    assert_eq!(error_of(session.post(&path, &json!({})).await).await, (409, "CONFLICT".into()));
    let page: Value = session.get(KEYS).await.json().await.unwrap();
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_superseded_key_can_be_switched_off_and_deleted_but_not_changed() {
    let (app, session) = App::spawn().await;
    let old = session.make_key(json!({})).await;
    let new = rotate(&session, &old.id, &json!({})).await;
    let of_old = format!("{KEYS}/{}", old.id);
    for change in
        [json!({ "name": "b" }), json!({ "expiresAt": "2031-01-01" }), json!({ "active": false, "name": "b" })]
    {
        assert_eq!(session.patch(&of_old, &change).await.status(), 409, "{change}");
    }
    assert_eq!(session.patch(&of_old, &json!({ "active": false })).await.status(), 200);
    assert_eq!(app.verify_status(&old.token, "GET", "/x").await, 401);
    assert_eq!(session.delete(&of_old).await.status(), 204);
    assert_eq!(app.verify_status(&new.token, "GET", "/x").await, 200);
}

#[tokio::test]
async fn an_expired_key_needs_another_expiry_before_it_is_rotated() {
    let (app, session) = App::spawn().await;
    let key = session.make_key(json!({ "expiresAt": "2030-01-01T00:00:01Z" })).await;
    app.clock.advance_ms(1_000);
    let response = session.post(&format!("{KEYS}/{}/rotate", key.id), &json!({})).await;
    assert_eq!(error_of(response).await, (409, "CONFLICT".into()));
}

#[tokio::test]
async fn a_grace_outlives_a_restart_and_so_does_the_common_window() {
    let (app, session) = App::spawn().await;
    let old = session.make_key(json!({ "rateLimit": 2 })).await;
    let new = rotate(&session, &old.id, &json!({ "graceSeconds": 120 })).await;
    assert_eq!(app.verify_status(&old.token, "GET", "/x").await, 200);
    assert_eq!(app.verify_status(&new.token, "GET", "/x").await, 200);
    let app = app.restart().await;
    assert_eq!(app.verify_status(&old.token, "GET", "/x").await, 429);
    app.clock.advance_ms(60_000);
    assert_eq!(app.verify_status(&old.token, "GET", "/x").await, 200);
    app.clock.advance_ms(60_000);
    assert_eq!(app.verify_status(&old.token, "GET", "/x").await, 401);
}
