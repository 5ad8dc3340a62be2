//! Widgets: made, listed, changed, given other secrets, deleted, and told of in the audit log.

use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::at_once::{count, fault_of, statuses_at_once};
use super::people::home_with;
use super::support::{App, Session, error_of, text};

pub const WIDGETS: &str = "/api/admin/widgets";

/// Makes a widget with these settings; `name` is given if it is not there.
pub async fn make(session: &Session, mut settings: Value) -> Value {
    if settings.get("name").is_none() {
        settings["name"] = "Chat".into();
    }
    let response = session.post(WIDGETS, &settings).await;
    let status = response.status();
    let body: Value = response.json().await.unwrap();
    assert_eq!(status, 201, "{body}");
    body
}

/// The path of a widget.
pub fn path(widget: &Value) -> String {
    format!("{WIDGETS}/{}", text(&widget["id"]))
}

/// The secret in use.
pub async fn secret(session: &Session, widget: &Value) -> String {
    let response = session.get(&format!("{}/secret", path(widget))).await;
    assert_eq!(response.status(), 200);
    text(&response.json::<Value>().await.unwrap()["secret"])
}

/// What the customer's server makes of a user id: the hex HMAC-SHA-256 under the secret string's bytes.
pub fn hash(secret: &str, user: &str) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
    ring::hmac::sign(&key, user.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Asks for a session, as a page of this origin would.
pub async fn ask(app: &App, widget: &Value, origin: Option<&str>, body: Value) -> Response {
    let request = app.request(Method::POST, &format!("/api/widgets/{}/session", text(&widget["id"])));
    let request = match origin {
        Some(origin) => request.header("Origin", origin).header("Sec-Fetch-Site", "cross-site"),
        None => request,
    };
    request.json(&body).send().await.unwrap()
}

/// The token of a new session.
pub async fn token(app: &App, widget: &Value, body: Value) -> String {
    let response = ask(app, widget, Some("https://app.example.com"), body).await;
    let status = response.status();
    let body: Value = response.json().await.unwrap();
    assert_eq!(status, 201, "{body}");
    text(&body["token"])
}

async fn entries(session: &Session, widget: &Value) -> Vec<(String, Value)> {
    let log = format!("/api/admin/audit-log?target={}", text(&widget["id"]));
    let log: Value = session.get(&log).await.json().await.unwrap();
    log["items"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .map(|entry| (text(&entry["action"]), entry["changes"].clone()))
        .collect()
}

#[tokio::test]
async fn a_widget_is_made_seen_listed_changed_and_deleted_and_each_is_in_the_audit_log() {
    let (app, ada) = App::spawn().await;
    let made = make(&ada, json!({ "allowedOrigins": "https://App.example.com:443 https://*.example.com" })).await;
    assert!(text(&made["id"]).starts_with("wgt_"));
    assert_eq!(
        made,
        json!({
            "id": made["id"], "name": "Chat",
            "allowedOrigins": ["https://app.example.com", "https://*.example.com"],
            "requireIdentity": false, "webhookId": null, "requestsPerMinute": 120,
            "createdAt": "2030-01-01T00:00:00.000Z", "updatedAt": "2030-01-01T00:00:00.000Z",
        })
    );
    assert_eq!(ada.get(&path(&made)).await.json::<Value>().await.unwrap(), made);
    app.clock.advance_ms(1_000);
    let other = make(&ada, json!({ "name": "Search", "requireIdentity": true, "requestsPerMinute": 5 })).await;
    let list: Value = ada.get(WIDGETS).await.json().await.unwrap();
    assert_eq!(list, json!({ "items": [other, made], "nextCursor": null }), "the newest first");
    let first: Value = ada.get(&format!("{WIDGETS}?limit=1")).await.json().await.unwrap();
    let cursor = text(&first["nextCursor"]);
    let second: Value = ada.get(&format!("{WIDGETS}?limit=1&cursor={cursor}")).await.json().await.unwrap();
    assert_eq!((&first["items"][0], &second["items"][0]), (&other, &made));
    assert_eq!(second["nextCursor"], Value::Null);

    let changed = ada.patch(&path(&made), &json!({ "name": "Help", "requestsPerMinute": 7 })).await;
    let changed: Value = changed.json().await.unwrap();
    assert_eq!((&changed["name"], &changed["requestsPerMinute"]), (&json!("Help"), &json!(7)));
    assert_eq!(changed["updatedAt"], "2030-01-01T00:00:01.000Z");
    assert_eq!(ada.patch(&path(&made), &json!({ "name": "Help" })).await.status(), 200, "nothing to do");
    let any: Value = ada.patch(&path(&made), &json!({ "allowedOrigins": null })).await.json().await.unwrap();
    assert_eq!(any["allowedOrigins"], json!([]));
    assert_eq!(ada.delete(&path(&made)).await.status(), 204);
    for gone in [ada.get(&path(&made)).await, ada.delete(&path(&made)).await, ada.patch(&path(&made), &json!({})).await]
    {
        assert_eq!(error_of(gone).await, (404, "NOT_FOUND".into()));
    }

    let told = entries(&ada, &made).await;
    let actions: Vec<&str> = told.iter().map(|(action, _)| action.as_str()).collect();
    assert_eq!(actions, ["widget.created", "widget.updated", "widget.updated", "widget.deleted"]);
    assert_eq!(told[0].1["allowedOrigins"]["after"], made["allowedOrigins"]);
    assert_eq!(
        told[1].1,
        json!({ "name": { "before": "Chat", "after": "Help" },
                                  "requestsPerMinute": { "before": 120, "after": 7 } })
    );
}

#[tokio::test]
async fn what_cannot_be_used_is_refused_by_its_field() {
    let (_app, ada) = App::spawn().await;
    let widget = make(&ada, json!({})).await;
    for (field, body) in [
        ("name", json!({ "name": "" })),
        ("name", json!({ "name": "a".repeat(101) })),
        ("allowedOrigins", json!({ "allowedOrigins": ["https://a.example/path"] })),
        ("allowedOrigins", json!({ "allowedOrigins": "null" })),
        ("allowedOrigins", json!({ "allowedOrigins": ["*"] })),
        ("allowedOrigins", json!({ "allowedOrigins": 7 })),
        ("requireIdentity", json!({ "requireIdentity": "yes" })),
        ("requestsPerMinute", json!({ "requestsPerMinute": 0 })),
        ("requestsPerMinute", json!({ "requestsPerMinute": 10_001 })),
        ("requestsPerMinute", json!({ "requestsPerMinute": 1.5 })),
        ("webhookId", json!({ "webhookId": "whk_nobody" })),
        ("allowedOrigin", json!({ "allowedOrigin": [] })),
        ("organizationId", json!({ "organizationId": "org_x" })),
    ] {
        let mut made = json!({ "name": "w" });
        made.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        for response in [ada.post(WIDGETS, &made).await, ada.patch(&path(&widget), &body).await] {
            let (status, code, fields) = fault_of(response).await;
            assert_eq!((status, code.as_str()), (400, "VALIDATION_FAILED"), "{body}");
            assert!(fields[field].is_string(), "{body}: {fields}");
        }
    }
    assert!(fault_of(ada.post(WIDGETS, &json!({})).await).await.2["name"].is_string());
    assert_eq!(ada.get(&path(&widget)).await.json::<Value>().await.unwrap(), widget);
    let list: Value = ada.get(WIDGETS).await.json().await.unwrap();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_secret_is_shown_to_a_session_alone_and_every_look_is_told_of() {
    let (app, ada) = App::spawn().await;
    let widget = make(&ada, json!({})).await;
    let first = secret(&ada, &widget).await;
    assert!(first.starts_with("wsec_") && first.len() == 69, "{first}");
    assert_eq!(secret(&ada, &widget).await, first);
    let key = ada.make_key(json!({ "role": "admin" })).await;
    let by_key = |method: Method, rest: &str| {
        app.request(method, &format!("{}{rest}", path(&widget))).bearer_auth(&key.token).send()
    };
    assert_eq!(error_of(by_key(Method::GET, "/secret").await.unwrap()).await, (403, "SESSION_REQUIRED".into()));
    let rotated = by_key(Method::POST, "/rotate-secret").await.unwrap();
    assert_eq!(rotated.status(), 200);
    let rotated: Value = rotated.json().await.unwrap();
    assert_eq!(rotated["id"], widget["id"], "a key does not learn the secret");
    assert!(rotated.get("secret").is_none());
    let second = secret(&ada, &widget).await;
    assert_ne!(first, second);
    let actions: Vec<String> = entries(&ada, &widget).await.into_iter().map(|(action, _)| action).collect();
    let shown = "widget.secret_shown";
    assert_eq!(actions, ["widget.created", shown, shown, "widget.secret_rotated", shown]);
    let log = ada.get("/api/admin/audit-log").await.text().await.unwrap();
    assert!(!log.contains(&first) && !log.contains(&second));
}

#[tokio::test]
async fn a_member_sees_no_widgets() {
    let (app, ada) = home_with(&[("max", "member")]).await;
    let widget = make(&ada, json!({})).await;
    let max = super::people::sign_in(&app, "max").await;
    for rest in ["", "/secret"] {
        assert_eq!(
            error_of(max.get(&format!("{}{rest}", path(&widget))).await).await,
            (403, "INSUFFICIENT_ROLE".into())
        );
    }
}

#[tokio::test]
async fn of_many_changes_at_once_none_is_lost_unseen_and_one_deletion_succeeds() {
    let (_app, ada) = App::spawn().await;
    let widget = make(&ada, json!({})).await;
    let statuses = statuses_at_once(64, |index| {
        ada.request(Method::PATCH, &path(&widget)).json(&json!({ "name": format!("Name {index}") }))
    })
    .await;
    let done = count(&statuses, 200);
    assert!(done >= 1 && done + count(&statuses, 409) == 64, "{statuses:?}");
    let told = entries(&ada, &widget).await;
    assert_eq!(told.len(), 1 + done, "each that was done is told of");
    for pair in told[1..].windows(2) {
        assert_eq!(pair[0].1["name"]["after"], pair[1].1["name"]["before"]);
    }
    let statuses = statuses_at_once(64, |_| ada.request(Method::DELETE, &path(&widget))).await;
    assert_eq!((count(&statuses, 204), count(&statuses, 404)), (1, 63), "{statuses:?}");
}

/// A webhook that nothing is sent to.
async fn webhook(session: &Session) -> String {
    let body = json!({ "url": "http://127.0.0.1:9/", "events": ["nothing.happens"] });
    let response = session.post("/api/admin/webhooks", &body).await;
    let status = response.status();
    let made: Value = response.json().await.unwrap();
    assert_eq!(status, 201, "{made}");
    text(&made["id"])
}

async fn spawn_with_loopback() -> (App, Session) {
    App::spawn_with(|config| {
        config.webhooks.allow_networks = vec![String::from("127.0.0.1/32").try_into().unwrap()];
    })
    .await
}

#[tokio::test]
async fn with_a_webhook_its_secret_is_used_in_place_of_the_widgets_own() {
    let (app, ada) = spawn_with_loopback().await;
    let hook = webhook(&ada).await;
    let of_hook = format!("/api/admin/webhooks/{hook}");
    let widget = make(&ada, json!({ "webhookId": hook, "requireIdentity": true })).await;
    assert_eq!(widget["webhookId"], hook.as_str());
    let first = secret(&ada, &widget).await;
    let shown: Value = ada.get(&format!("{of_hook}/secret")).await.json().await.unwrap();
    assert_eq!(shown["secret"], first.as_str());
    let body = |secret: &str| json!({ "userId": "ada", "userHash": hash(secret, "ada") });
    let session = token(&app, &widget, body(&first)).await;

    let own = ada.post(&format!("{}/rotate-secret", path(&widget)), &json!({})).await;
    assert_eq!(error_of(own).await, (409, "CONFLICT".into()));
    assert_eq!(error_of(ada.delete(&of_hook).await).await, (409, "CONFLICT".into()), "a widget stands on it");

    let rotated = ada.post(&format!("{of_hook}/rotate-secret"), &json!({ "graceSeconds": 60 })).await;
    assert_eq!(rotated.status(), 200);
    let who = |token: String| app.request(Method::GET, "/api/auth/session").bearer_auth(token).send();
    assert_eq!(who(session).await.unwrap().status(), 401, "its secret was rotated");
    let second = secret(&ada, &widget).await;
    assert_ne!(first, second);
    for good in [&first, &second] {
        assert_eq!(ask(&app, &widget, None, body(good)).await.status(), 201, "both while the grace lasts");
    }
    app.clock.advance_ms(60_000);
    assert_eq!(error_of(ask(&app, &widget, None, body(&first)).await).await, (403, "USER_HASH_INVALID".into()));
    let session = token(&app, &widget, body(&second)).await;

    assert_eq!(ada.patch(&path(&widget), &json!({ "webhookId": null })).await.status(), 200);
    assert_eq!(who(session).await.unwrap().status(), 401, "it has another secret");
    assert_eq!(error_of(ask(&app, &widget, None, body(&second)).await).await, (403, "USER_HASH_INVALID".into()));
    assert_eq!(ask(&app, &widget, None, body(&secret(&ada, &widget).await)).await.status(), 201);
    assert_eq!(ada.delete(&of_hook).await.status(), 204);
}

#[tokio::test]
async fn the_webhook_must_be_ones_own_organizations_and_goes_with_it() {
    let (mut app, ada) = spawn_with_loopback().await;
    let adas = webhook(&ada).await;
    app.stop().await;
    let state = super::people::state(&app);
    let other = super::people::add_organization(&state, "org_other");
    super::people::add_user(&state, other, "bea", "owner");
    drop(state);
    let app = app.restart().await;
    let bea = super::people::sign_in(&app, "bea").await;
    let (status, _, fields) = fault_of(bea.post(WIDGETS, &json!({ "name": "w", "webhookId": adas })).await).await;
    assert!(status == 400 && fields["webhookId"].is_string(), "{fields}");
    let widget = make(&bea, json!({ "webhookId": webhook(&bea).await })).await;
    let (status, _, fields) = fault_of(bea.patch(&path(&widget), &json!({ "webhookId": adas })).await).await;
    assert!(status == 400 && fields["webhookId"].is_string(), "{fields}");
    let deleted = bea.request(Method::DELETE, "/api/admin/organization");
    let deleted = deleted.json(&json!({ "password": super::support::PASSWORD })).send().await.unwrap();
    assert_eq!(deleted.status(), 204);
    assert_eq!(error_of(ask(&app, &widget, None, json!({})).await).await, (404, "NOT_FOUND".into()));
}
