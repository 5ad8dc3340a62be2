//! What arrives: every event that a webhook wants, signed, once it is committed, and nothing else.

use claviger::clock::DAY;
use reqwest::Method;
use serde_json::{Value, json};

use super::people;
use super::support::receiver::{Act, Received, Receiver};
use super::support::smtp::wait_until;
use super::support::{App, EMAIL, PASSWORD, text};
use super::webhook_support::{deliveries, get, log, make, newest, publish, secret, spawn, sweep, to_loopback};

#[tokio::test(flavor = "multi_thread")]
async fn a_change_arrives_as_it_stands_in_the_audit_log_and_signed_in_both_ways() {
    let (_app, ada) = spawn().await;
    let receiver = Receiver::start();
    let hook = make(&ada, &receiver.url("/hooks?a=b"), &["api_key.*"]).await;
    let key = ada.make_key(json!({ "name": "CI" })).await;
    let received = receiver.wait_for("/hooks?a=b", 1).remove(0);
    let entry = log(&ada, "api_key.created").await.remove(0);
    let session = get(&ada, "/api/auth/session").await;
    assert_eq!(
        received.json(),
        json!({
            "id": text(&entry["id"]).replace("aud_", "evt_"),
            "type": "api_key.created",
            "createdAt": entry["at"],
            "organizationId": session["organization"]["id"],
            "data": { "actor": entry["actor"], "target": entry["target"], "changes": entry["changes"] },
        })
    );
    assert_eq!(received.json()["data"]["target"]["id"], key.id);
    let order: Vec<usize> = ["\"id\"", "\"type\"", "\"createdAt\"", "\"organizationId\"", "\"data\""]
        .iter()
        .map(|field| received.body.find(field).unwrap())
        .collect();
    assert!(order.is_sorted(), "{}", received.body);
    assert!(!received.body.contains("127.0.0.1"), "addresses of people stay here: {}", received.body);

    let secret = secret(&ada, &hook).await;
    assert_eq!(received.header("X-Claviger-Signature"), received.plain_signature(&secret));
    assert_eq!(received.header("webhook-signature"), received.standard_signature(&secret));
    assert_eq!(received.header("webhook-id"), text(&received.json()["id"]));
    assert_eq!(received.header("webhook-timestamp"), "1893456000");
    assert_eq!(received.header("content-type"), "application/json");
    assert!(received.header("user-agent").starts_with("Claviger/"));
    assert_eq!(received.header("X-Claviger-Signature-Previous"), "");
    for absent in ["cookie", "authorization", "referer", "accept-encoding"] {
        assert_eq!(received.header(absent), "", "{absent}");
    }

    let shown = newest(&ada, &hook, |delivery| delivery["state"] == "delivered").await;
    assert_eq!(
        shown,
        json!({
            "id": received.header("webhook-id").replace("evt_", "dlv_"), "eventId": received.header("webhook-id"),
            "type": "api_key.created", "state": "delivered", "attempts": 1, "status": 200, "durationMs": 0,
            "responseBody": "ok", "lastError": null, "createdAt": "2030-01-01T00:00:00.000Z",
            "nextAttemptAt": null, "deliveredAt": "2030-01-01T00:00:00.000Z", "body": received.body,
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_header_of_the_plain_signature_is_named_by_the_configuration() {
    let (_app, ada) = App::spawn_with(|config| {
        to_loopback(config);
        config.webhooks.signature_header = String::from("X-Hub-Signature-256");
    })
    .await;
    let receiver = Receiver::start();
    let hook = make(&ada, &receiver.url("/"), &["nothing.at_all"]).await;
    ada.post(&format!("{hook}/test"), &json!({})).await;
    let received = receiver.wait_for("/", 1).remove(0);
    assert_eq!(received.header("X-Hub-Signature-256"), received.plain_signature(&secret(&ada, &hook).await));
    assert_eq!(received.header("X-Claviger-Signature"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_s_data_arrives_as_it_was_written() {
    let (_app, ada) = spawn().await;
    let receiver = Receiver::start();
    make(&ada, &receiver.url("/"), &["a.b"]).await;
    let send = |data: String| {
        let body = format!("{{\"type\":\"a.b\",\"data\":{data}}}");
        ada.request(Method::POST, "/api/events").header("content-type", "application/json").body(body).send()
    };
    let numbers = r#"{"n":18446744073709551617,"d":12345678901234567890123,"s":1.8230687000260783e-15}"#;
    assert_eq!(send(numbers.to_owned()).await.unwrap().status(), 202);
    let received = receiver.wait_for("/", 1).remove(0);
    assert!(received.body.ends_with(&format!("\"data\":{numbers}}}")), "{}", received.body);
    // What stands twice in it is the receiver's to judge; around it, nothing can stand twice.
    assert_eq!(send(String::from(r#"{"id":"x","a":1,"a":2}"#)).await.unwrap().status(), 202);
    let received = receiver.wait_for("/", 2).remove(1);
    assert_eq!(received.json()["id"], received.header("webhook-id"));
    assert_eq!(send(String::from(r#"{},"data":{}"#)).await.unwrap().status(), 400);
    for depth in [200, 10_000] {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(send(deep).await.unwrap().status(), 400, "{depth}");
    }
}

fn kinds(received: &[Received]) -> Vec<String> {
    let mut kinds: Vec<String> = received.iter().map(Received::kind).collect();
    kinds.sort();
    kinds
}

#[tokio::test(flavor = "multi_thread")]
async fn each_webhook_is_told_what_its_patterns_cover_and_nothing_of_other_organizations() {
    let (app, _) = spawn().await;
    let (_app, ada, bea) = people::with_other(app, &[("bea", "owner")]).await;
    let receiver = Receiver::start();
    make(&ada, &receiver.url("/family"), &["api_key.*"]).await;
    make(&ada, &receiver.url("/one"), &["api_key.deleted", "order.paid"]).await;
    make(&ada, &receiver.url("/orders"), &["order.*"]).await;
    let hook = make(&bea, &receiver.url("/bea"), &["*"]).await;
    let key = ada.make_key(json!({})).await;
    ada.delete(&format!("/api/admin/rest-api-keys/{}", key.id)).await;
    for kind in ["order.paid", "order.paid.late", "orders.paid"] {
        publish(&ada, kind, json!({ "number": 7 })).await;
    }
    receiver.wait_for("/family", 2);
    receiver.wait_for("/one", 2);
    let orders = receiver.wait_for("/orders", 2);
    assert_eq!(kinds(&receiver.at("/family")), ["api_key.created", "api_key.deleted"]);
    assert_eq!(kinds(&receiver.at("/one")), ["api_key.deleted", "order.paid"]);
    assert_eq!(kinds(&orders), ["order.paid", "order.paid.late"]);
    assert_eq!(orders[0].json()["data"], json!({ "number": 7 }));
    // Its own making is all that Bea's is told.
    receiver.wait_for("/bea", 1);
    ada.post("/api/events", &json!({ "type": "last.one", "data": {} })).await;
    assert_eq!(kinds(&receiver.at("/bea")), ["webhook.created"]);
    let foreign = |path: String| ada.request(Method::POST, &path).send();
    assert_eq!(foreign(format!("{hook}/test")).await.unwrap().status(), 404);
    let of_bea = text(&deliveries(&bea, &hook).await[0]["id"]);
    assert_eq!(foreign(format!("{hook}/deliveries/{of_bea}/retry")).await.unwrap().status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_queued_is_what_the_audit_log_has_whatever_was_refused_meanwhile() {
    let (_app, ada) = spawn().await;
    let receiver = Receiver::start();
    let hook = make(&ada, &receiver.url("/"), &["*"]).await;
    let key = ada.make_key(json!({})).await;
    let tasks = (0..64).map(|number| {
        let (ada, one) = (ada.clone(), format!("/api/admin/rest-api-keys/{}", key.id));
        tokio::spawn(async move {
            match number % 3 {
                0 => ada.patch(&one, &json!({ "name": format!("n{number}") })).await.status().as_u16(),
                1 => {
                    ada.post("/api/admin/invites", &json!({ "email": EMAIL, "role": "member" })).await.status().as_u16()
                }
                _ => ada
                    .patch("/api/admin/organization", &json!({ "name": format!("o{number}") }))
                    .await
                    .status()
                    .as_u16(),
            }
        })
    });
    let tasks: Vec<_> = tasks.collect();
    let mut statuses = Vec::new();
    for task in tasks {
        statuses.push(task.await.unwrap());
    }
    assert!(statuses.contains(&200) && statuses.contains(&409), "{statuses:?}");
    let mut told: Vec<String> =
        log(&ada, "").await.iter().map(|entry| text(&entry["id"]).replace("aud_", "evt_")).collect();
    // The webhook's own making is the first that it is told of.
    let first = log(&ada, "webhook.created").await;
    let from = told.iter().position(|id| *id == text(&first[0]["id"]).replace("aud_", "evt_")).unwrap();
    told.truncate(from + 1);
    told.sort();
    wait_until("all have arrived", || receiver.count("/") >= told.len());
    let mut arrived: Vec<String> =
        receiver.at("/").iter().map(|received| received.header("webhook-id").to_owned()).collect();
    arrived.sort();
    assert_eq!(arrived, told, "each once");
    let mut queued: Vec<String> =
        deliveries(&ada, &hook).await.iter().map(|delivery| text(&delivery["eventId"])).collect();
    queued.sort();
    assert_eq!(queued, told);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_goes_to_its_own_webhook_alone_and_a_delivery_can_be_sent_again() {
    let (_app, ada) = spawn().await;
    let receiver = Receiver::start();
    make(&ada, &receiver.url("/everything"), &["*"]).await;
    let hook = make(&ada, &receiver.url("/hook"), &["nothing.at_all"]).await;
    receiver.wait_for("/everything", 2);
    let tested = ada.post(&format!("{hook}/test"), &json!({})).await;
    assert_eq!(tested.status(), 202);
    let tested: Value = tested.json().await.unwrap();
    assert_eq!((&tested["type"], &tested["state"]), (&json!("webhook.test"), &json!("waiting")));
    let first = receiver.wait_for("/hook", 1).remove(0);
    assert_eq!((first.kind().as_str(), &first.json()["id"]), ("webhook.test", &tested["eventId"]));
    assert_eq!(first.json()["data"]["webhookId"], hook.rsplit('/').next().unwrap());
    newest(&ada, &hook, |delivery| delivery["state"] == "delivered").await;

    let again =
        ada.request(Method::POST, &format!("{hook}/deliveries/{}/retry", text(&tested["id"]))).send().await.unwrap();
    assert_eq!(again.status(), 200);
    let again: Value = again.json().await.unwrap();
    assert_eq!(
        (&again["state"], &again["attempts"], &again["deliveredAt"]),
        (&json!("waiting"), &json!(0), &Value::Null)
    );
    let second = receiver.wait_for("/hook", 2).remove(1);
    assert_eq!((second.header("webhook-id"), &second.body), (first.header("webhook-id"), &first.body));
    let log = log(&ada, "webhook.delivery_retried").await;
    assert_eq!((log.len(), &log[0]["changes"]["delivery"]["after"]), (1, &tested["id"]));
    for nothing in ["dlv_nothing", "evt_x", "x"] {
        let missing = ada.request(Method::POST, &format!("{hook}/deliveries/{nothing}/retry")).send().await.unwrap();
        assert_eq!(missing.status(), 404);
    }
    wait_until("the retry is told", || receiver.count("/everything") == 3);
    assert!(!kinds(&receiver.at("/everything")).contains(&"webhook.test".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_secret_is_rotated_both_sign_and_then_the_new_one_alone() {
    let (app, ada) = spawn().await;
    let receiver = Receiver::start();
    let hook = make(&ada, &receiver.url("/"), &["nothing.at_all"]).await;
    let before = secret(&ada, &hook).await;
    ada.post(&format!("{hook}/rotate-secret"), &json!({ "graceSeconds": 60 })).await;
    let after = secret(&ada, &hook).await;
    ada.post(&format!("{hook}/test"), &json!({})).await;
    let both = receiver.wait_for("/", 1).remove(0);
    assert_eq!(both.header("X-Claviger-Signature"), both.plain_signature(&after));
    assert_eq!(both.header("X-Claviger-Signature-Previous"), both.plain_signature(&before));
    let standard = format!("{} {}", both.standard_signature(&after), both.standard_signature(&before));
    assert_eq!(both.header("webhook-signature"), standard);
    app.clock.advance_ms(60_000);
    ada.post(&format!("{hook}/test"), &json!({})).await;
    let alone = receiver.wait_for("/", 2).remove(1);
    assert_eq!(alone.header("webhook-signature"), alone.standard_signature(&after));
    assert_eq!(alone.header("X-Claviger-Signature-Previous"), "");
    assert_eq!(alone.header("webhook-timestamp"), "1893456060");
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_are_listed_by_state_and_page_by_page_and_go_after_thirty_days() {
    let (app, ada) = spawn().await;
    let receiver = Receiver::start();
    let hook = make(&ada, &receiver.url("/"), &["a.*"]).await;
    for number in 0..5 {
        publish(&ada, &format!("a.b{number}"), json!({})).await;
        app.clock.advance_ms(1);
    }
    receiver.wait_for("/", 5);
    receiver.act("/", Act::Status(500));
    publish(&ada, "a.failing", json!({})).await;
    newest(&ada, &hook, |delivery| delivery["attempts"] == 1).await;
    wait_for_state(&ada, &hook, "delivered", 5).await;
    assert_eq!(list(&ada, &hook, "?state=waiting").await.0.len(), 1);
    assert!(list(&ada, &hook, "?state=failed").await.0.is_empty());
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let (kinds, next) = list(&ada, &hook, &format!("?state=delivered&limit=2{cursor}")).await;
        seen.extend(kinds);
        match next {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ["a.b4", "a.b3", "a.b2", "a.b1", "a.b0"]);
    ada.patch(&hook, &json!({ "active": false })).await;
    app.clock.advance_ms(30 * DAY as u64 - 10_000);
    sweep(&app);
    let ada = app.session_of(&app.sign_in(EMAIL, PASSWORD).await);
    assert_eq!(list(&ada, &hook, "").await.0.len(), 6);
    app.clock.advance_ms(20_000);
    sweep(&app);
    assert!(list(&ada, &hook, "").await.0.is_empty(), "what waits for a webhook that is off goes too");
    let left: i64 = people::state(&app).query_row("SELECT count(*) FROM webhook_events", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
}

async fn list(session: &super::support::Session, hook: &str, query: &str) -> (Vec<String>, Option<String>) {
    let page = get(session, &format!("{hook}/deliveries{query}")).await;
    let kinds = page["items"].as_array().unwrap().iter().map(|delivery| text(&delivery["type"])).collect();
    (kinds, page["nextCursor"].as_str().map(str::to_owned))
}

async fn wait_for_state(session: &super::support::Session, hook: &str, state: &str, count: usize) {
    for _ in 0..500 {
        if list(session, hook, &format!("?state={state}")).await.0.len() == count {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("there are not {count} that are {state}");
}
