//! Webhooks that are removed while much waits for them: they are gone at once, and what waited goes in batches.

use std::sync::Arc;

use claviger::clock::Clock;
use claviger::gate::decide::Credential;
use claviger::gate::lookup::{OrganizationFacts, SessionRecord};
use claviger::role::Role;
use claviger::services::events::{self, EventWish};
use claviger::services::{Actor, Context};
use reqwest::Method;
use serde_json::json;

use super::people;
use super::support::receiver::{Act, Receiver};
use super::support::{App, PASSWORD, error_of};
use super::webhook_support::{WEBHOOKS, get, make, publish, queue, spawn, sweep};
use super::widgets;

fn count(app: &App, sql: &str) -> i64 {
    people::state(app).query_row(sql, [], |row| row.get(0)).unwrap()
}

const DELIVERIES: &str = "SELECT count(*) FROM webhook_deliveries";

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_is_removed_is_gone_at_once_and_its_deliveries_go_with_the_sweep() {
    let (app, ada) = spawn().await;
    let receiver = Receiver::start();
    receiver.act("/", Act::Hang);
    let hook = make(&ada, &receiver.url("/"), &["a.b"]).await;
    let id = hook.rsplit('/').next().unwrap();
    queue(&app, people::home(&people::state(&app)), 2_000);
    assert_eq!(ada.delete(&hook).await.status(), 204);
    assert!(count(&app, DELIVERIES) >= 2_000, "no change waits for them to go");
    for (method, path) in [
        (Method::GET, hook.clone()),
        (Method::GET, format!("{hook}/secret")),
        (Method::GET, format!("{hook}/deliveries")),
        (Method::PATCH, hook.clone()),
        (Method::DELETE, hook.clone()),
        (Method::POST, format!("{hook}/test")),
        (Method::POST, format!("{hook}/rotate-secret")),
    ] {
        assert_eq!(ada.request(method, &path).send().await.unwrap().status(), 404, "{path}");
    }
    assert_eq!(get(&ada, WEBHOOKS).await["items"], json!([]));
    let widget = ada.post("/api/admin/widgets", &json!({ "name": "w", "webhookId": id })).await;
    assert_eq!(error_of(widget).await, (400, "VALIDATION_FAILED".into()));
    let left = "SELECT count(*) FROM webhooks WHERE length(secret) > 0 OR url <> '' OR active = 1";
    assert_eq!(count(&app, left), 0, "nothing of it can be used");
    publish(&ada, "a.b", json!({})).await;
    sweep(&app);
    assert_eq!(count(&app, DELIVERIES), 0);
    assert_eq!(count(&app, "SELECT count(*) FROM webhooks"), 0);
    assert_eq!(widgets::make(&ada, json!({})).await["webhookId"], serde_json::Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_that_is_deleted_leaves_its_queues_to_the_sweep_and_takes_nobody_else_s() {
    let (app, _) = spawn().await;
    let (app, ada, bea) = people::with_other(app, &[("bea", "owner")]).await;
    let receiver = Receiver::start();
    receiver.act("/", Act::Hang);
    for session in [&ada, &bea] {
        make(session, &receiver.url("/"), &["a.b"]).await;
        publish(session, "a.b", json!({})).await;
    }
    queue(&app, people::OTHER, 2_000);
    let gone = bea.request(Method::DELETE, "/api/admin/organization").json(&json!({ "password": PASSWORD }));
    assert_eq!(gone.send().await.unwrap().status(), 204);
    assert!(count(&app, DELIVERIES) >= 2_000, "no change waits for them to go");
    assert_eq!(count(&app, "SELECT count(*) FROM webhooks WHERE active = 1"), 1);
    sweep(&app);
    for table in ["webhooks", "webhook_events", "webhook_deliveries"] {
        assert_eq!(count(&app, &format!("SELECT count(*) FROM {table}")), 1, "Ada's, of {table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_that_could_not_be_read_at_the_start_are_read_a_moment_later() {
    let (mut app, ada) = spawn().await;
    let receiver = Receiver::start();
    receiver.act("/", Act::Hang);
    make(&ada, &receiver.url("/"), &["a.b"]).await;
    publish(&ada, "a.b", json!({})).await;
    receiver.wait_for("/", 1);
    app.stop().await;
    receiver.act("/", Act::Status(200));
    people::state(&app).execute_batch("ALTER TABLE webhooks RENAME TO webhooks_elsewhere").unwrap();
    let app = app.restart().await;
    people::state(&app).execute_batch("ALTER TABLE webhooks_elsewhere RENAME TO webhooks").unwrap();
    receiver.wait_for("/", 2);
}

/// A call as the gate let it pass.
fn as_member(organization: i64, name: &str, now: i64) -> Context {
    let organization =
        OrganizationFacts { number: organization, id: String::new(), home: true, api_access: true, max_rate_limit: 1 };
    let session = SessionRecord {
        id: String::from("ses_x"),
        user: format!("usr_{name}"),
        email: people::email(name),
        name: name.to_owned(),
        organization,
        role: Role::Member,
        last_seen_at: now,
        expires_at: now + 1,
    };
    let actor = Actor::Credential(Credential::Session(Arc::new(session)));
    Context { actor, now, ip: None, user_agent: None, request_id: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_left_between_the_gate_and_the_change_publishes_nothing() {
    let (app, ada) = super::webhook_support::spawn_with(&[("mia", "member")]).await;
    let receiver = Receiver::start();
    make(&ada, &receiver.url("/"), &["a.b"]).await;
    let services = app.services();
    let home = people::home(&people::state(&app));
    let context = as_member(home, "mia", app.clock.now().unix_ms);
    let wish = || serde_json::from_value::<EventWish>(json!({ "type": "a.b", "data": {} })).unwrap();
    events::publish(&services, &context, wish()).unwrap();
    assert_eq!(ada.delete("/api/admin/members/usr_mia").await.status(), 204);
    let refused = events::publish(&services, &context, wish()).unwrap_err();
    assert_eq!(refused.code, claviger::error_code::ErrorCode::InsufficientRole);
}
