//! Making, reading, listing, changing and deleting API keys.

use reqwest::Method;
use serde_json::{Value, json};

use super::api_keys_list::list;
use super::support::{App, KEYS, error_of, header, text};

/// The object with what differs from run to run replaced, after its shape was checked.
fn shaped(object: &Value) -> Value {
    let mut object = object.clone();
    let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let is_id = |value: &Value, kind: &str| {
        let id = text(value);
        assert!(id.strip_prefix(kind).is_some_and(|rest| rest.len() == 32 && hex(rest) || rest.len() == 36), "{id}");
    };
    is_id(&object["id"], "key_");
    is_id(&object["createdBy"]["id"], "usr_");
    is_id(&object["owner"]["id"], if object["owner"]["kind"] == "user" { "usr_" } else { "org_" });
    let prefix = text(&object["prefix"]);
    let digits = prefix.strip_prefix(&format!("clav_{}_", text(&object["environment"]))).unwrap();
    assert!(digits.len() == 6 && hex(digits), "{prefix}");
    if let Some(key) = object.get("key") {
        let key = text(key);
        assert!(key.starts_with(&prefix) && key.len() == 74 && hex(&key[10..]), "a key of the configured shape");
        object["key"] = json!("[key]");
    }
    object["id"] = json!("[id]");
    object["createdBy"]["id"] = json!("[user]");
    object["owner"]["id"] = json!("[owner]");
    object["prefix"] = json!("[prefix]");
    object
}

#[tokio::test]
async fn a_key_with_every_setting_is_told_whole() {
    let (_app, session) = App::spawn().await;
    let settings = json!({
        "name": "  Nightly build ", "expiresAt": "2030-06-01T12:00:00+02:00", "rateLimit": 10000,
        "environment": "test", "role": "viewer", "scopes": ["write:all", "read:all", "read:all"],
        "ipAllowList": ["10.1.2.3/8", "::ffff:192.0.2.1", "2001:db8::1/32"], "owner": "organization",
        "externalId": "customer-7", "metadata": { "team": { "name": "Bau" } },
    });
    let key = session.make_key(settings).await;
    insta::assert_json_snapshot!(shaped(&key.object), @r#"
    {
      "active": true,
      "createdAt": "2030-01-01T00:00:00.000Z",
      "createdBy": {
        "id": "[user]",
        "name": "Ada"
      },
      "environment": "test",
      "expiresAt": "2030-06-01T10:00:00.000Z",
      "externalId": "customer-7",
      "graceEndsAt": null,
      "id": "[id]",
      "ipAllowList": [
        "10.0.0.0/8",
        "192.0.2.1",
        "2001:db8::/32"
      ],
      "key": "[key]",
      "lastUsedAt": null,
      "lastUsedIp": null,
      "lastUserAgent": null,
      "metadata": {
        "team": {
          "name": "Bau"
        }
      },
      "name": "Nightly build",
      "owner": {
        "id": "[owner]",
        "kind": "organization",
        "name": "Home"
      },
      "predecessor": null,
      "prefix": "[prefix]",
      "rateLimit": 10000,
      "requestCount": 0,
      "requestsPerMinute": 10000,
      "role": "viewer",
      "rotatedFrom": null,
      "scopes": [
        "read:all",
        "write:all"
      ],
      "status": "active",
      "version": 1
    }
    "#);
}

#[tokio::test]
async fn a_key_of_a_name_alone_has_the_defaults() {
    let (_app, session) = App::spawn().await;
    let key = session.make_key(json!({ "name": "k" })).await;
    insta::assert_json_snapshot!(shaped(&key.object), @r#"
    {
      "active": true,
      "createdAt": "2030-01-01T00:00:00.000Z",
      "createdBy": {
        "id": "[user]",
        "name": "Ada"
      },
      "environment": "live",
      "expiresAt": null,
      "externalId": null,
      "graceEndsAt": null,
      "id": "[id]",
      "ipAllowList": null,
      "key": "[key]",
      "lastUsedAt": null,
      "lastUsedIp": null,
      "lastUserAgent": null,
      "metadata": null,
      "name": "k",
      "owner": {
        "id": "[owner]",
        "kind": "user",
        "name": "Ada"
      },
      "predecessor": null,
      "prefix": "[prefix]",
      "rateLimit": null,
      "requestCount": 0,
      "requestsPerMinute": 60,
      "role": "admin",
      "rotatedFrom": null,
      "scopes": null,
      "status": "active",
      "version": 1
    }
    "#);
}

#[tokio::test]
async fn a_key_is_shown_once_and_never_again() {
    let (app, session) = App::spawn().await;
    let key = session.make_key(json!({})).await;
    app.verify_status(&key.token, "GET", "/x").await;
    let of_key = format!("{KEYS}/{}", key.id);
    let patched = session.patch(&of_key, &json!({ "name": "b" })).await;
    let mut answers = vec![patched.text().await.unwrap()];
    for path in [&of_key, KEYS, &format!("{of_key}/requests"), "/api/admin/audit-log", "/api/admin/requests"] {
        let response = session.get(path).await;
        assert_eq!(header(&response, "cache-control"), "no-store");
        answers.push(response.text().await.unwrap());
    }
    let secret = &key.token[key.token.len() - 50..];
    assert!(answers.iter().all(|answer| !answer.contains(secret) && !answer.contains("\"key\":")));
    let mut again = session.key(&key.id).await;
    let mut made = key.object.clone();
    made.as_object_mut().unwrap().remove("key");
    for field in ["name", "lastUsedAt", "lastUsedIp", "lastUserAgent", "requestCount", "version"] {
        (again[field], made[field]) = (Value::Null, Value::Null);
    }
    assert_eq!(again, made, "get tells what making told");
}

#[tokio::test]
async fn each_setting_can_be_changed_and_null_clears_it() {
    let (_app, session) = App::spawn().await;
    let full = json!({
        "expiresAt": "2031-01-01T00:00:00.000Z", "rateLimit": 7, "scopes": ["a"], "ipAllowList": ["127.0.0.1"],
        "externalId": "x", "metadata": { "a": 1 },
    });
    let key = session.make_key(json!({})).await;
    let of_key = format!("{KEYS}/{}", key.id);
    for (field, value) in full.as_object().unwrap() {
        for value in [value, &Value::Null] {
            let mut expected = session.key(&key.id).await;
            let response = session.patch(&of_key, &json!({ field: value })).await;
            assert_eq!(response.status(), 200, "{field}");
            expected[field] = value.clone();
            expected["version"] = json!(expected["version"].as_u64().unwrap() + 1);
            if field == "rateLimit" {
                expected["requestsPerMinute"] = json!(value.as_u64().unwrap_or(60));
            }
            let told: Value = response.json().await.unwrap();
            assert_eq!(told, expected, "{field}");
            assert_eq!(session.key(&key.id).await, expected, "{field}");
        }
    }
    for (field, value) in [("name", json!("New")), ("role", json!("viewer")), ("active", json!(false))] {
        let told: Value = session.patch(&of_key, &json!({ field: value })).await.json().await.unwrap();
        assert_eq!(told[field], value);
    }
    let told: Value = session.patch(&of_key, &json!({ "owner": "organization" })).await.json().await.unwrap();
    assert_eq!((&told["owner"]["kind"], &told["owner"]["name"]), (&json!("organization"), &json!("Home")));
    let told: Value = session.patch(&of_key, &json!({ "owner": "me" })).await.json().await.unwrap();
    assert_eq!((&told["owner"]["kind"], &told["owner"]["name"]), (&json!("user"), &json!("Ada")));
    let before = session.key(&key.id).await;
    assert_eq!(session.patch(&of_key, &json!({})).await.status(), 200);
    assert_eq!(session.key(&key.id).await, before, "an empty change changes nothing");
}

#[tokio::test]
async fn a_change_holds_from_the_very_next_request() {
    let (app, session) = App::spawn().await;
    let key = session.make_key(json!({})).await;
    let of_key = format!("{KEYS}/{}", key.id);
    let ask = || app.verify(&key.token, "POST", "/x");
    assert_eq!(ask().await.status(), 200);
    for (change, code, back) in [
        (json!({ "active": false }), (401, "API_KEY_DEACTIVATED"), json!({ "active": true })),
        (json!({ "role": "viewer" }), (403, "INSUFFICIENT_ROLE"), json!({ "role": "admin" })),
        (json!({ "ipAllowList": ["192.0.2.1"] }), (403, "IP_NOT_ALLOWED"), json!({ "ipAllowList": null })),
        (json!({ "ipAllowList": [] }), (403, "IP_NOT_ALLOWED"), json!({ "ipAllowList": ["127.0.0.0/8"] })),
        (json!({ "rateLimit": 1 }), (429, "RATE_LIMITED"), json!({ "rateLimit": null })),
    ] {
        assert_eq!(session.patch(&of_key, &change).await.status(), 200);
        assert_eq!(error_of(ask().await).await, (code.0, code.1.into()), "{change}");
        assert_eq!(session.patch(&of_key, &back).await.status(), 200);
        assert_eq!(ask().await.status(), 200, "{back}");
    }
}

#[tokio::test]
async fn a_key_stops_on_the_millisecond_that_it_expires() {
    let (app, session) = App::spawn().await;
    let key = session.make_key(json!({ "expiresAt": "2030-01-01T00:01:00Z" })).await;
    app.clock.advance_ms(59_999);
    assert_eq!(app.verify_status(&key.token, "GET", "/x").await, 200);
    app.clock.advance_ms(1);
    assert_eq!(error_of(app.verify(&key.token, "GET", "/x").await).await, (401, "API_KEY_EXPIRED".into()));
    assert_eq!(session.key(&key.id).await["status"], "expired");
    let response = session.patch(&format!("{KEYS}/{}", key.id), &json!({ "expiresAt": null })).await;
    assert_eq!(response.json::<Value>().await.unwrap()["status"], "active");
    assert_eq!(app.verify_status(&key.token, "GET", "/x").await, 200);
}

#[tokio::test]
async fn a_deleted_key_is_gone_at_once_but_its_requests_and_audit_stay() {
    let (app, session) = App::spawn().await;
    let key = session.make_key(json!({ "name": "Short-lived" })).await;
    let of_key = format!("{KEYS}/{}", key.id);
    assert_eq!(app.verify_status(&key.token, "GET", "/x").await, 200);
    assert_eq!(session.delete(&of_key).await.status(), 204);
    assert_eq!(error_of(app.verify(&key.token, "GET", "/x").await).await, (401, "API_KEY_INVALID".into()));
    assert_eq!(session.get(&of_key).await.status(), 404);
    assert_eq!(session.patch(&of_key, &json!({ "active": true })).await.status(), 404);
    assert_eq!(session.delete(&of_key).await.status(), 404);
    assert_eq!(session.post(&format!("{of_key}/rotate"), &json!({})).await.status(), 404);
    assert_eq!(list(&session, "").await.0, Vec::<String>::new());
    for path in [format!("{of_key}/requests"), format!("/api/admin/requests?key={}", key.id)] {
        let page: Value = session.get(&path).await.json().await.unwrap();
        assert_eq!(page["items"][0]["path"], "/x", "{path}");
        assert_eq!(page["items"][0]["keyName"], "Short-lived", "{path}");
    }
    let usage: Value = session.get(&format!("{of_key}/usage")).await.json().await.unwrap();
    assert_eq!(usage["points"].as_array().unwrap().last().unwrap()["allowed"], 1);
    let log: Value = session.get(&format!("/api/admin/audit-log?target={}", key.id)).await.json().await.unwrap();
    let actions: Vec<String> = log["items"].as_array().unwrap().iter().map(|entry| text(&entry["action"])).collect();
    assert_eq!(actions, ["api_key.deleted", "api_key.created"]);
    let app = app.restart().await;
    assert_eq!(app.verify_status(&key.token, "GET", "/x").await, 401);
}

#[tokio::test]
async fn a_key_of_an_admin_role_makes_and_deletes_keys_as_a_session_does() {
    let (app, session) = App::spawn().await;
    let admin = session.make_key(json!({ "name": "Maker" })).await;
    let by_key = |method: Method, path: &str| app.request(method, path).bearer_auth(&admin.token);
    let response = by_key(Method::POST, KEYS).json(&json!({ "name": "made" })).send().await.unwrap();
    let made: Value = response.json().await.unwrap();
    assert_eq!((&made["createdBy"]["name"], &made["owner"]["name"]), (&json!("Ada"), &json!("Ada")));
    let of_made = format!("{KEYS}/{}", text(&made["id"]));
    assert_eq!(by_key(Method::DELETE, &of_made).send().await.unwrap().status(), 204);
}
