//! What was sent by a webhook, or is to be: looked at, sent again, tried out, forgotten in the end.

use serde::Serialize;

use super::error::ServiceError;
use super::members::by_one_who_still_may;
use super::text_pages::{TextListed, TextPage};
use super::webhooks::{event, find};
use super::{Context, Services};
use crate::clock::{DAY, UnixMillis, to_rfc3339};
use crate::error_code::ErrorCode;
use crate::random::id_floor;
use crate::store::webhook_deliveries::{self, Delivery, State};
use crate::store::webhook_events::{self, NewEvent};
use crate::store::webhooks::{self, Webhook};
use crate::store::{Change, Refusal, StoreError};

/// How long a delivery that is over can be looked at and sent again.
const KEPT: UnixMillis = 30 * DAY;
/// Rows removed at a time, so that no change waits long.
const BATCH: usize = 500;

/// One event on its way to one webhook.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryView {
    /// `dlv_…`; each of the webhook's has its own.
    pub id: String,
    /// `evt_…`: the same for every webhook that is told, and the `webhook-id` of each attempt.
    pub event_id: String,
    /// `api_key.created`, ….
    pub r#type: String,
    /// `waiting`, `delivered` or `failed`.
    pub state: &'static str,
    /// How often it was tried.
    pub attempts: u32,
    /// Of the last answer; null where there was none.
    pub status: Option<u16>,
    /// What the last attempt took.
    pub duration_ms: Option<i64>,
    /// The first 4 KB of the last answer.
    pub response_body: Option<String>,
    /// Why the last attempt failed, if it did.
    pub last_error: Option<String>,
    /// When the event was.
    pub created_at: String,
    /// When it will be tried next; null unless it waits.
    pub next_attempt_at: Option<String>,
    /// When it was taken.
    pub delivered_at: Option<String>,
    /// The body, as it is signed and sent.
    pub body: String,
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        DeliveryView {
            id: id_of(&delivery.event),
            r#type: delivery.kind,
            state: delivery.state.as_str(),
            attempts: delivery.attempts,
            status: delivery.status,
            duration_ms: delivery.duration_ms,
            response_body: delivery.response_body,
            last_error: delivery.last_error,
            created_at: to_rfc3339(delivery.created_at),
            next_attempt_at: (delivery.state == State::Waiting).then(|| to_rfc3339(delivery.next_attempt_at)),
            delivered_at: delivery.finished_at.filter(|_| delivery.state == State::Delivered).map(to_rfc3339),
            body: delivery.body,
            event_id: delivery.event,
        }
    }
}

/// A delivery is named as its event is, but for the prefix: a webhook is told of each event once.
fn id_of(event: &str) -> String {
    format!("dlv_{}", event.strip_prefix("evt_").unwrap_or(event))
}

fn event_of(id: &str) -> Option<String> {
    id.strip_prefix("dlv_").map(|rest| format!("evt_{rest}"))
}

/// Reads `?state=`.
pub fn parse_state(text: Option<&str>) -> Result<Option<State>, ServiceError> {
    match text.map(State::parse) {
        None => Ok(None),
        Some(Some(state)) => Ok(Some(state)),
        Some(None) => Err(ServiceError::field("state", "must be waiting, delivered or failed")),
    }
}

/// A page of a webhook's deliveries, the newest first. What is asked for is read once it is known that the webhook is
/// there.
pub fn list(
    services: &Services,
    context: &Context,
    webhook: &str,
    wish: impl FnOnce() -> Result<(Option<State>, TextPage), ServiceError>,
) -> Result<TextListed<DeliveryView>, ServiceError> {
    let webhook = find(services, context, webhook)?;
    let (state, page) = wish()?;
    let after = page.after.as_deref();
    let rows =
        services.store.read(|reader| webhook_deliveries::list(reader, &webhook.id, state, after, page.limit + 1))?;
    let cut = page.cut(rows, |delivery| delivery.event.clone());
    Ok(TextListed { items: cut.items.into_iter().map(DeliveryView::from).collect(), next: cut.next })
}

fn one(services: &Services, webhook: &Webhook, event: &str) -> Result<DeliveryView, ServiceError> {
    let delivery = services.store.read(|reader| webhook_deliveries::by_event(reader, &webhook.id, event))?;
    delivery.map(DeliveryView::from).ok_or_else(no_such)
}

fn no_such() -> ServiceError {
    ServiceError::new(ErrorCode::NotFound, "There is no such delivery")
}

fn require_active(webhook: &Webhook) -> Result<(), ServiceError> {
    if webhook.settings.active { Ok(()) } else { Err(off()) }
}

fn off() -> ServiceError {
    ServiceError::new(ErrorCode::Conflict, "This webhook is switched off, and sends nothing; switch it on first")
}

/// What a change that needs the webhook to be on has come to.
fn committed(result: Result<(), StoreError>) -> Result<(), ServiceError> {
    result.map_err(|error| match error {
        StoreError::Refused(Refusal::Gone) => off(),
        other => other.into(),
    })
}

/// Sends one again, whatever became of it, at once and with its attempts counted anew.
pub fn retry(
    services: &Services,
    context: &Context,
    webhook: &str,
    delivery: &str,
) -> Result<DeliveryView, ServiceError> {
    let webhook = find(services, context, webhook)?;
    let id = event_of(delivery).ok_or_else(no_such)?;
    let before = one(services, &webhook, &id)?;
    require_active(&webhook)?;
    let changes = serde_json::json!({ "delivery": { "after": before.id }, "type": { "after": before.r#type } });
    let change = by_one_who_still_may(Change::new(), context, webhook.organization)
        .exactly_one(webhooks::still_active(webhook.organization, &webhook.id), Refusal::Gone)
        .exactly_one(webhook_deliveries::retry(&webhook.id, &id, context.now), Refusal::NotFound)
        .audited(services.audit(context, event("webhook.delivery_retried", &webhook, Some(changes)))?);
    committed(services.store.commit(change))?;
    one(services, &webhook, &id)
}

/// Queues an event for this webhook alone, whatever its patterns. It is no part of the audit log: it changes nothing, and
/// a webhook that is told of everything would be told of it twice.
pub fn test(services: &Services, context: &Context, webhook: &str) -> Result<DeliveryView, ServiceError> {
    let webhook = find(services, context, webhook)?;
    require_active(&webhook)?;
    let id = services.id("evt", context.now)?;
    let told = NewEvent {
        id: id.clone(),
        organization: webhook.organization,
        kind: String::from("webhook.test"),
        at: context.now,
        data: serde_json::json!({ "webhookId": webhook.id, "message": "This is a test of your webhook" }).to_string(),
        only: Some(webhook.id.clone()),
    };
    let change = by_one_who_still_may(Change::new(), context, webhook.organization)
        .exactly_one(webhooks::still_active(webhook.organization, &webhook.id), Refusal::Gone)
        .telling(told);
    committed(services.store.commit(change))?;
    one(services, &webhook, &id)
}

/// Removes what is left of webhooks and organizations that are gone; secrets whose time is over; deliveries that were
/// over long ago, those that waited as long for a webhook that is off, and the events that nothing is left of. Safe to
/// run twice.
pub fn sweep(services: &Services, now: UnixMillis) -> Result<(), ServiceError> {
    let (before, oldest) = (now - KEPT, id_floor("evt", now - KEPT));
    let store = &services.store;
    if store.read(|reader| webhooks::any_previous_secret(reader, now))? {
        store.commit(Change::new().then(webhooks::wipe_previous_secrets(now)))?;
    }
    sweep_what_is_gone(services)?;
    while store.read(|reader| webhook_deliveries::any_old(reader, &oldest, before))? {
        store.commit(Change::new().then(webhook_deliveries::delete_old(&oldest, before, BATCH)))?;
    }
    while store.read(|reader| webhook_events::any_forgotten(reader, &oldest))? {
        store.commit(Change::new().then(webhook_events::delete_forgotten(&oldest, BATCH)))?;
    }
    Ok(())
}

/// In batches, so that no change waits long.
fn sweep_what_is_gone(services: &Services) -> Result<(), ServiceError> {
    let store = &services.store;
    while let Some(webhook) = store.read(webhooks::any_deleted)? {
        while store.read(|reader| webhook_deliveries::any_of_webhook(reader, &webhook))? {
            store.commit(Change::new().then(webhook_deliveries::delete_of_webhook(&webhook, BATCH)))?;
        }
        store.commit(Change::new().then(webhooks::forget(&webhook)))?;
    }
    while let Some(organization) = store.read(webhook_events::any_orphaned)? {
        store.commit(Change::new().then(webhook_events::delete_orphaned(organization, BATCH)))?;
    }
    Ok(())
}
