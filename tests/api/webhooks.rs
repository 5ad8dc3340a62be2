//! Webhooks as they are made, listed, changed and removed; their secrets; the addresses that they may not have.

use reqwest::Method;
use serde_json::{Value, json};

use super::at_once::at_once;
use super::support::{App, Session, error_of, text};

const WEBHOOKS: &str = "/api/admin/webhooks";
const URL: &str = "https://10.255.255.1/hooks";

async fn make(session: &Session, body: Value) -> Value {
    let made = session.post(WEBHOOKS, &body).await;
    assert_eq!(made.status(), 201, "{}", made.text().await.unwrap());
    made.json().await.unwrap()
}

async fn actions(session: &Session) -> Vec<(String, Value)> {
    let log: Value = session.get("/api/admin/audit-log?action=webhook.*").await.json().await.unwrap();
    let mut items = log["items"].as_array().unwrap().clone();
    items.reverse();
    items.into_iter().map(|entry| (text(&entry["action"]), entry["changes"].clone())).collect()
}

#[tokio::test]
async fn a_webhook_is_made_listed_changed_and_removed_and_every_step_is_in_the_audit_log() {
    let (app, ada) = App::spawn().await;
    let made = make(
        &ada,
        json!({ "url": "https://10.255.255.1/hooks?token=t0ken", "events": ["api_key.*", "project.created"] }),
    )
    .await;
    let id = text(&made["id"]);
    assert!(id.starts_with("whk_"));
    assert_eq!(
        made,
        json!({
            "id": id, "url": "https://10.255.255.1/hooks?token=t0ken", "events": ["api_key.*", "project.created"],
            "description": "", "active": true, "disabledReason": null, "failingSince": null,
            "previousSecretUntil": null, "createdAt": "2030-01-01T00:00:00.000Z",
            "createdBy": { "id": made["createdBy"]["id"], "name": "Ada" },
        })
    );
    let one = format!("{WEBHOOKS}/{id}");
    assert_eq!(ada.get(&one).await.json::<Value>().await.unwrap(), made);
    app.clock.advance_ms(1);
    let second = make(&ada, json!({ "url": URL, "events": ["*"], "description": " Chat " })).await;
    assert_eq!(second["description"], "Chat");
    let listed: Value = ada.get(WEBHOOKS).await.json().await.unwrap();
    assert_eq!(listed, json!({ "items": [second, made], "nextCursor": null }));
    let first_page: Value = ada.get(&format!("{WEBHOOKS}?limit=1")).await.json().await.unwrap();
    let cursor = text(&first_page["nextCursor"]);
    let next: Value = ada.get(&format!("{WEBHOOKS}?limit=1&cursor={cursor}")).await.json().await.unwrap();
    assert_eq!((&next["items"][0]["id"], &next["nextCursor"]), (&json!(id), &Value::Null));

    let change = json!({ "url": URL, "events": ["*"], "description": "b", "active": false });
    let changed: Value = ada.patch(&one, &change).await.json().await.unwrap();
    for (field, value) in change.as_object().unwrap() {
        assert_eq!(&changed[field], value);
    }
    assert_eq!(changed["disabledReason"], "user");
    assert_eq!(ada.patch(&one, &change).await.status(), 200, "the same again changes nothing");
    let on: Value = ada.patch(&one, &json!({ "active": true })).await.json().await.unwrap();
    assert_eq!((&on["active"], &on["disabledReason"]), (&json!(true), &Value::Null));
    assert_eq!(ada.delete(&one).await.status(), 204);
    for response in [ada.get(&one).await, ada.delete(&one).await, ada.patch(&one, &json!({ "nonsense": 1 })).await] {
        assert_eq!(error_of(response).await, (404, "NOT_FOUND".into()));
    }
    let log = actions(&ada).await;
    let names: Vec<&str> = log.iter().map(|(action, _)| action.as_str()).collect();
    assert_eq!(
        names,
        [
            "webhook.created",
            "webhook.created",
            "webhook.updated",
            "webhook.disabled",
            "webhook.enabled",
            "webhook.deleted"
        ]
    );
    assert_eq!(log[2].1["url"], json!({ "before": "https://10.255.255.1/hooks?…", "after": URL }));
    assert_eq!(log[2].1["events"]["before"], json!(["api_key.*", "project.created"]));
    let whole = ada.get("/api/admin/audit-log").await.text().await.unwrap();
    assert!(!whole.contains("t0ken"), "the query of an address may be a secret");
}

#[tokio::test]
async fn what_a_webhook_cannot_be_is_refused_with_the_field_named() {
    let (_app, ada) = App::spawn().await;
    let id = text(&make(&ada, json!({ "url": URL, "events": ["*"] })).await["id"]);
    let many: Vec<String> = (0..51).map(|number| format!("noun{number}.*")).collect();
    for (body, field) in [
        (json!({ "url": URL }), "events"),
        (json!({ "events": ["*"] }), "url"),
        (json!({ "url": URL, "events": [] }), "events"),
        (json!({ "url": URL, "events": many }), "events"),
        (json!({ "url": URL, "events": ["api_key*"] }), "events"),
        (json!({ "url": URL, "events": ["Api_Key.created"] }), "events"),
        (json!({ "url": URL, "events": [7] }), "events[0]"),
        (json!({ "url": URL, "events": "*" }), "events"),
        (json!({ "url": "example.com", "events": ["*"] }), "url"),
        (json!({ "url": "ftp://example.com", "events": ["*"] }), "url"),
        (json!({ "url": format!("{URL}/{}", "a".repeat(2_048)), "events": ["*"] }), "url"),
        (json!({ "url": URL, "events": ["*"], "description": "a".repeat(201) }), "description"),
        (json!({ "url": URL, "events": ["*"], "description": "a\nb" }), "description"),
        (json!({ "url": URL, "events": ["*"], "active": true }), "active"),
        (json!({ "url": URL, "events": ["*"], "secret": "whsec_x" }), "secret"),
        (json!({ "url": URL, "events": ["*"], "organizationId": "org_x" }), "organizationId"),
    ] {
        let refused = ada.post(WEBHOOKS, &body).await;
        assert_eq!(refused.status(), 400, "{body}");
        let told: Value = refused.json().await.unwrap();
        assert!(told["fields"][field].is_string(), "{body}: {told}");
        if body.get("events").is_some() && body.get("url").is_some() && field != "active" {
            assert_eq!(ada.patch(&format!("{WEBHOOKS}/{id}"), &body).await.status(), 400, "{body}");
        }
    }
    assert_eq!(ada.get(&format!("{WEBHOOKS}/{id}/deliveries?state=lost")).await.status(), 400);
    assert_eq!(ada.get(&format!("{WEBHOOKS}/{id}/deliveries?nonsense=1")).await.status(), 400);
}

#[tokio::test]
async fn addresses_that_webhooks_never_go_to_are_refused_in_every_spelling_and_say_why() {
    let (_app, ada) = App::spawn().await;
    let id = text(&make(&ada, json!({ "url": URL, "events": ["*"] })).await["id"]);
    for (url, why) in [
        ("http://169.254.169.254/latest/meta-data", "metadata"),
        ("http://[::ffff:169.254.169.254]/", "metadata"),
        ("http://[fd00:ec2::254]/", "metadata"),
        ("http://100.100.100.200/", "metadata"),
        ("http://169.254.1.1/", "link-local"),
        ("http://[fe80::1]/", "link-local"),
        ("http://[::ffff:127.0.0.1]/", "this machine"),
        ("http://2130706433/", "this machine"),
        ("http://0x7f.1/", "this machine"),
        ("http://0177.0.0.1/", "this machine"),
        ("http://127.0.0.1.:8080/", "this machine"),
        ("http://localhost/", "this machine"),
        ("https://localhost./", "this machine"),
        ("http://[::1]/", "this machine"),
        ("http://[64:ff9b::7f00:1]/", "this machine"),
        ("http://[2002:7f00:1::]/", "this machine"),
        ("http://[::127.0.0.1]/", "this machine"),
        ("http://0.0.0.0/", "no machine"),
        ("http://[::]/", "no machine"),
        ("http://224.0.0.1/", "multicast"),
        ("http://255.255.255.255/", "broadcast"),
        ("http://1.1.1.1/", "https"),
        ("https://user@10.0.0.1/", "user name"),
        ("https://:password@10.0.0.1/", "user name"),
    ] {
        for response in [
            ada.post(WEBHOOKS, &json!({ "url": url, "events": ["*"] })).await,
            ada.patch(&format!("{WEBHOOKS}/{id}"), &json!({ "url": url })).await,
        ] {
            assert_eq!(response.status(), 400, "{url}");
            let told: Value = response.json().await.unwrap();
            assert!(text(&told["fields"]["url"]).contains(why), "{url}: {told}");
        }
    }
    for url in ["http://10.0.0.1/", "http://[fd12::1]:8080/", "https://1.1.1.1/a?b=c", "https://nobody.invalid/"] {
        make(&ada, json!({ "url": url, "events": ["nothing.at_all"] })).await;
    }
}

#[tokio::test]
async fn private_addresses_are_refused_where_the_configuration_says_so_and_loopback_where_it_does_not_name_it() {
    let (_app, ada) = App::spawn_with(|config| {
        config.webhooks.allow_private = false;
        config.webhooks.allow_networks = vec![String::from("127.0.0.0/8").try_into().unwrap()];
    })
    .await;
    for url in
        ["http://10.0.0.1/", "https://192.168.1.1/", "https://[fd12::1]/", "http://[::1]/", "http://169.254.1.1/"]
    {
        let refused = ada.post(WEBHOOKS, &json!({ "url": url, "events": ["*"] })).await;
        assert_eq!(refused.status(), 400, "{url}");
    }
    for url in ["http://127.0.0.1:9/", "http://[::ffff:127.0.0.1]:9/", "https://127.9.9.9:9/", "http://localhost:9/"] {
        make(&ada, json!({ "url": url, "events": ["nothing.at_all"] })).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_has_fifty_webhooks_and_not_one_more_however_many_are_made_at_once() {
    let (_app, ada) = App::spawn().await;
    let statuses = at_once(64, |_| {
        let ada = ada.clone();
        async move { ada.post(WEBHOOKS, &json!({ "url": URL, "events": ["nothing.at_all"] })).await.status().as_u16() }
    })
    .await;
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 50);
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 14);
}

#[tokio::test]
async fn a_secret_is_shown_to_a_session_alone_and_that_it_was_is_in_the_audit_log() {
    let (app, ada) = App::spawn().await;
    let made = make(&ada, json!({ "url": URL, "events": ["nothing.at_all"] })).await;
    let of_secret = format!("{WEBHOOKS}/{}/secret", text(&made["id"]));
    let key = ada.make_key(json!({ "role": "admin" })).await;
    let by_key = app.request(Method::GET, &of_secret).bearer_auth(&key.token).send().await.unwrap();
    assert_eq!(error_of(by_key).await, (403, "SESSION_REQUIRED".into()));
    let shown: Value = ada.get(&of_secret).await.json().await.unwrap();
    let secret = text(&shown["secret"]);
    assert_eq!(shown.as_object().unwrap().len(), 1);
    assert!(secret.starts_with("whsec_") && secret.len() == 6 + 44, "{secret}");
    assert_eq!(ada.get(&of_secret).await.json::<Value>().await.unwrap(), shown);
    let names: Vec<String> = actions(&ada).await.into_iter().map(|(action, _)| action).collect();
    assert_eq!(names, ["webhook.created", "webhook.secret_shown", "webhook.secret_shown"]);
    let everywhere = [WEBHOOKS, "/api/admin/audit-log"];
    for path in everywhere {
        assert!(!ada.get(path).await.text().await.unwrap().contains("whsec_"), "{path}");
    }
}

#[tokio::test]
async fn a_rotated_secret_is_another_one_and_the_object_says_how_long_the_one_before_signs() {
    let (app, ada) = App::spawn().await;
    let one =
        format!("{WEBHOOKS}/{}", text(&make(&ada, json!({ "url": URL, "events": ["nothing.at_all"] })).await["id"]));
    let secret = || async { text(&ada.get(&format!("{one}/secret")).await.json::<Value>().await.unwrap()["secret"]) };
    let first = secret().await;
    let rotated: Value =
        ada.request(Method::POST, &format!("{one}/rotate-secret")).send().await.unwrap().json().await.unwrap();
    assert_eq!(rotated["previousSecretUntil"], "2030-01-02T00:00:00.000Z");
    assert_ne!(secret().await, first);
    let rotate = |body: Value| {
        let (ada, one) = (&ada, &one);
        async move { ada.post(&format!("{one}/rotate-secret"), &body).await }
    };
    let rotated: Value = rotate(json!({ "graceSeconds": 60 })).await.json().await.unwrap();
    assert_eq!(rotated["previousSecretUntil"], "2030-01-01T00:01:00.000Z");
    app.clock.advance_ms(60_000);
    assert_eq!(ada.get(&one).await.json::<Value>().await.unwrap()["previousSecretUntil"], Value::Null);
    assert_eq!(
        rotate(json!({ "graceSeconds": 0 })).await.json::<Value>().await.unwrap()["previousSecretUntil"],
        Value::Null
    );
    for wrong in [json!({ "graceSeconds": -1 }), json!({ "graceSeconds": 2_592_001 }), json!({ "grace": 1 })] {
        assert_eq!(rotate(wrong).await.status(), 400);
    }
}

#[tokio::test]
async fn an_event_needs_a_type_of_its_own_and_an_object() {
    let (_app, ada) = App::spawn().await;
    for (body, field) in [
        (json!({ "data": {} }), "type"),
        (json!({ "type": "a.b" }), "data"),
        (json!({ "type": "", "data": {} }), "type"),
        (json!({ "type": "A.b", "data": {} }), "type"),
        (json!({ "type": "a-b", "data": {} }), "type"),
        (json!({ "type": "a".repeat(65), "data": {} }), "type"),
        (json!({ "type": "api_key.created", "data": {} }), "type"),
        (json!({ "type": "project.created", "data": {} }), "type"),
        (json!({ "type": "a.b", "data": [] }), "data"),
        (json!({ "type": "a.b", "data": "text" }), "data"),
        (json!({ "type": "a.b", "data": {}, "organizationId": "org_x" }), "organizationId"),
    ] {
        let refused = ada.post("/api/events", &body).await;
        assert_eq!(refused.status(), 400, "{body}");
        let told: Value = refused.json().await.unwrap();
        assert!(told["fields"][field].is_string(), "{body}: {told}");
    }
    let too_much = json!({ "type": "a.b", "data": { "a": "x".repeat(70_000) } });
    assert_eq!(error_of(ada.post("/api/events", &too_much).await).await, (413, "PAYLOAD_TOO_LARGE".into()));
    let taken = ada.post("/api/events", &json!({ "type": "order.paid", "data": {} })).await;
    assert_eq!(taken.status(), 202);
    let taken: Value = taken.json().await.unwrap();
    assert!(text(&taken["id"]).starts_with("evt_"));
    assert_eq!((&taken["type"], &taken["createdAt"]), (&json!("order.paid"), &json!("2030-01-01T00:00:00.000Z")));
}
