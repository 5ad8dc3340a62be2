//! What the tests of webhooks share: a server that may send to this machine, and webhooks on it.

use claviger::clock::Clock;
use claviger::config::Config;
use claviger::random::{SystemRandomness, new_id};
use claviger::services::webhook_deliveries;
use claviger::store::Change;
use claviger::store::webhook_events::NewEvent;
use serde_json::{Value, json};

use super::people;
use super::support::{App, Session, text};

pub const WEBHOOKS: &str = "/api/admin/webhooks";

/// Webhooks may go to this machine's own addresses.
pub fn to_loopback(config: &mut Config) {
    config.webhooks.allow_networks = vec![String::from("127.0.0.0/8").try_into().unwrap()];
}

/// A server whose webhooks may go to this machine.
pub async fn spawn() -> (App, Session) {
    App::spawn_with(to_loopback).await
}

/// The same, with these people.
pub async fn spawn_with(people: &[(&str, &str)]) -> (App, Session) {
    people::home_with_settings(people, to_loopback).await
}

/// Makes a webhook; its path.
pub async fn make(session: &Session, url: &str, events: &[&str]) -> String {
    let made = session.post(WEBHOOKS, &json!({ "url": url, "events": events })).await;
    assert_eq!(made.status(), 201, "{}", made.text().await.unwrap());
    format!("{WEBHOOKS}/{}", text(&made.json::<Value>().await.unwrap()["id"]))
}

pub async fn get(session: &Session, path: &str) -> Value {
    let response = session.get(path).await;
    assert_eq!(response.status(), 200, "{path}");
    response.json().await.unwrap()
}

/// A webhook's newest deliveries.
pub async fn deliveries(session: &Session, webhook: &str) -> Vec<Value> {
    get(session, &format!("{webhook}/deliveries?limit=200")).await["items"].as_array().unwrap().clone()
}

/// Asks until this holds of the newest delivery, ten seconds at most; the delivery.
pub async fn newest(session: &Session, webhook: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    for _ in 0..500 {
        if let Some(delivery) = deliveries(session, webhook).await.into_iter().next() {
            if holds(&delivery) {
                return delivery;
            }
            last = delivery;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("it has not come to pass; the newest delivery is {last}");
}

pub async fn secret(session: &Session, webhook: &str) -> String {
    text(&get(session, &format!("{webhook}/secret")).await["secret"])
}

/// Publishes an event of the application's own; its id.
pub async fn publish(session: &Session, kind: &str, data: Value) -> String {
    let taken = session.post("/api/events", &json!({ "type": kind, "data": data })).await;
    assert_eq!(taken.status(), 202);
    text(&taken.json::<Value>().await.unwrap()["id"])
}

/// The actions of the audit log, with what was changed, the newest first.
pub async fn log(session: &Session, filter: &str) -> Vec<Value> {
    get(session, &format!("/api/admin/audit-log?limit=200&action={filter}")).await["items"].as_array().unwrap().clone()
}

/// Runs the retention of deliveries at the clock's time.
pub fn sweep(app: &App) {
    webhook_deliveries::sweep(&app.services(), app.clock.now().unix_ms).unwrap();
}

/// Queues so many events at once, as one commit of the services would.
pub fn queue(app: &App, organization: i64, count: usize) {
    let (services, random) = (app.services(), SystemRandomness::new());
    let at = app.clock.now().unix_ms;
    let event = || NewEvent {
        id: new_id("evt", at, &random).unwrap(),
        organization,
        kind: String::from("a.b"),
        at,
        data: String::from("{}"),
        only: None,
    };
    for _ in 0..count / 500 {
        let change = (0..500).fold(Change::new(), |change, _| change.telling(event()));
        services.store.commit(change).unwrap();
    }
}
