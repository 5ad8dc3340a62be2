//! Webhooks: made, listed, changed, removed; their secrets shown and rotated.

use serde::Serialize;

use super::error::ServiceError;
use super::members::by_one_who_still_may;
use super::text_pages::{TextListed, TextPage};
use super::webhook_settings::{self, Draft, WebhookWishes};
use super::{Context, Event, Services};
use crate::clock::{DAY, SECOND, UnixMillis, to_rfc3339};
use crate::error_code::ErrorCode;
use crate::store::audit_log::Party;
use crate::store::webhooks::{self, Settings, Webhook};
use crate::store::{Change, Refusal, StoreError, users, widget_sessions, widgets};
use crate::webhook::signature::{Secret, Secrets};
use crate::webhook::target::Target;

/// The most that an organization has.
const MOST: i64 = 50;
/// How long the secret before signs too, where nothing is said.
const GRACE: UnixMillis = DAY;
/// The longest grace, as for keys.
const MAX_GRACE_SECONDS: i64 = 2_592_000;

/// A webhook, as the API shows it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookView {
    /// `whk_…`
    pub id: String,
    /// Where it goes.
    pub url: String,
    /// What it is told: `*`, `noun.*`, `noun.verb`.
    pub events: Vec<String>,
    /// What people call it; may be empty.
    pub description: String,
    /// Whether anything is queued for it and sent.
    pub active: bool,
    /// Why it is off: `user`, `gone` (its receiver answered 410) or `failing` (it took nothing for five days).
    pub disabled_reason: Option<&'static str>,
    /// The first attempt that failed since the last that did not; null = all is well.
    pub failing_since: Option<String>,
    /// Until when the secret before the present one signs too.
    pub previous_secret_until: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// Who made it.
    pub created_by: MakerView,
}

/// Who made a webhook.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct MakerView {
    /// `usr_…`; null for a key that its organization owns.
    pub id: Option<String>,
    /// Their name at that time.
    pub name: String,
}

fn view(webhook: Webhook, now: UnixMillis) -> WebhookView {
    WebhookView {
        id: webhook.id,
        url: webhook.settings.url,
        events: webhook.settings.events,
        description: webhook.settings.description,
        active: webhook.settings.active,
        disabled_reason: webhook.disabled_reason.map(webhooks::DisabledReason::as_str),
        failing_since: webhook.failing_since.map(to_rfc3339),
        previous_secret_until: webhook.previous_secret_until.filter(|until| *until > now).map(to_rfc3339),
        created_at: to_rfc3339(webhook.created_at),
        created_by: MakerView { id: webhook.created_by, name: webhook.created_by_name },
    }
}

/// A webhook, as the audit log names it: by its description, or where it goes.
pub(super) fn party(webhook: &Webhook) -> Party {
    let name = match webhook.settings.description.as_str() {
        "" => Target::parse(&webhook.settings.url).map_or_else(|_| String::from("…"), |target| target.shown()),
        description => description.to_owned(),
    };
    Party { kind: String::from("webhook"), id: Some(webhook.id.clone()), name }
}

pub(super) fn event<'a>(action: &'a str, webhook: &Webhook, changes: Option<serde_json::Value>) -> Event<'a> {
    Event { action, organization: Some(webhook.organization), target: party(webhook), changes }
}

/// The webhook of this id in the caller's organization.
pub(super) fn find(services: &Services, context: &Context, id: &str) -> Result<Webhook, ServiceError> {
    let organization = context.organization()?;
    let webhook = services.store.read(|reader| webhooks::by_id(reader, organization, id))?;
    webhook.ok_or_else(|| ServiceError::new(ErrorCode::NotFound, "There is no such webhook"))
}

/// A page of the organization's webhooks, the newest first.
pub fn list(services: &Services, context: &Context, page: &TextPage) -> Result<TextListed<WebhookView>, ServiceError> {
    let organization = context.organization()?;
    let after = page.after.as_deref();
    let rows = services.store.read(|reader| webhooks::list(reader, organization, after, page.limit + 1))?;
    let cut = page.cut(rows, |webhook| webhook.id.clone());
    let items = cut.items.into_iter().map(|webhook| view(webhook, context.now)).collect();
    Ok(TextListed { items, next: cut.next })
}

/// One webhook.
pub fn get(services: &Services, context: &Context, id: &str) -> Result<WebhookView, ServiceError> {
    Ok(view(find(services, context, id)?, context.now))
}

/// A new secret, under the master key.
fn mint(services: &Services, id: &str) -> Result<Vec<u8>, ServiceError> {
    let mut bytes = zeroize::Zeroizing::new([0u8; 32]);
    services.random.fill(bytes.as_mut_slice())?;
    let secret = Secret::of(&bytes);
    Ok(services.sealer.seal(secret.reveal().as_bytes(), id, services.random.as_ref())?)
}

fn maker(services: &Services, context: &Context) -> Result<(Option<String>, String), ServiceError> {
    let Some(id) = context.user() else { return Ok((None, context.party().name)) };
    let name = services.store.read(|reader| users::name_of(reader, id))?;
    Ok((Some(id.to_owned()), name.unwrap_or_else(|| context.party().name)))
}

/// Makes one with these settings, which were checked.
pub fn create(services: &Services, context: &Context, settings: Settings) -> Result<WebhookView, ServiceError> {
    let organization = context.organization()?;
    let id = services.id("whk", context.now)?;
    let (created_by, created_by_name) = maker(services, context)?;
    let webhook = Webhook {
        secret: mint(services, &id)?,
        id,
        organization,
        settings,
        disabled_reason: None,
        failing_since: None,
        previous_secret: None,
        previous_secret_until: None,
        created_at: context.now,
        created_by,
        created_by_name,
        version: 1,
    };
    let changes = webhook_settings::created(&webhook.settings);
    let change = by_one_who_still_may(Change::new(), context, organization)
        .exactly_one(webhooks::insert(&webhook, MOST), Refusal::Gone)
        .audited(services.audit(context, event("webhook.created", &webhook, Some(changes)))?);
    services.store.commit(change).map_err(|error| match error {
        StoreError::Refused(Refusal::Gone) => ServiceError::new(
            ErrorCode::Conflict,
            format!("An organization has at most {MOST} webhooks; remove one that is not needed"),
        ),
        other => other.into(),
    })?;
    Ok(view(webhook, context.now))
}

/// What a change would make of a webhook, but for its address, which is still to be checked. `wishes` are read once it is
/// known that the webhook is there.
pub fn draft(
    services: &Services,
    context: &Context,
    id: &str,
    wishes: impl FnOnce() -> Result<WebhookWishes, ServiceError>,
) -> Result<(Webhook, Draft), ServiceError> {
    let webhook = find(services, context, id)?;
    let draft = webhook_settings::changed(wishes()?, &webhook.settings)?;
    Ok((webhook, draft))
}

/// Changes the settings of the webhook as it was read to these, which were checked; and switches on or off.
pub fn change(
    services: &Services,
    context: &Context,
    webhook: Webhook,
    after: Settings,
) -> Result<WebhookView, ServiceError> {
    if after == webhook.settings {
        return Ok(view(webhook, context.now));
    }
    let changes = webhook_settings::differences(&webhook.settings, &after);
    let renamed = Webhook { settings: after.clone(), ..webhook.clone() };
    let mut change = by_one_who_still_may(Change::new(), context, webhook.organization)
        .exactly_one(webhooks::update(&webhook, &after), Refusal::Outdated);
    if !changes.is_empty() {
        change = change.audited(services.audit(context, event("webhook.updated", &renamed, Some(changes.into())))?);
    }
    if after.active != webhook.settings.active {
        let action = if after.active { "webhook.enabled" } else { "webhook.disabled" };
        let reason = (!after.active).then(|| serde_json::json!({ "reason": { "after": "user" } }));
        change = change.audited(services.audit(context, event(action, &renamed, reason))?);
    }
    services.store.commit(change)?;
    get(services, context, &webhook.id)
}

/// Removes one, with its deliveries: those that wait are not sent any more, and go a while later. One whose secret a widget uses stays.
pub fn delete(services: &Services, context: &Context, id: &str) -> Result<(), ServiceError> {
    let webhook = find(services, context, id)?;
    let change = by_one_who_still_may(Change::new(), context, webhook.organization)
        .exactly_one(widgets::none_uses_webhook(webhook.organization, id), Refusal::Gone)
        .exactly_one(webhooks::delete(webhook.organization, id, context.now), Refusal::NotFound)
        .audited(services.audit(context, event("webhook.deleted", &webhook, None))?);
    services.store.commit(change).map_err(|error| match error {
        StoreError::Refused(Refusal::Gone) => ServiceError::new(
            ErrorCode::Conflict,
            "A widget uses this webhook's secret: give the widget another webhookId, or null, first",
        ),
        other => other.into(),
    })
}

/// Opens a secret that is under the master key.
fn open(services: &Services, sealed: &[u8], id: &str) -> Result<Secret, ServiceError> {
    let bytes = services.sealer.open(sealed, id)?;
    Secret::parse(&bytes).ok_or_else(|| ServiceError::failed("a webhook's secret is damaged"))
}

/// The secrets of a webhook that sign at `now`.
pub(super) fn secrets_of(services: &Services, webhook: &Webhook, now: UnixMillis) -> Result<Secrets, ServiceError> {
    let current = open(services, &webhook.secret, &webhook.id)?;
    let lasts = webhook.previous_secret_until.is_some_and(|until| until > now);
    let previous = match webhook.previous_secret.as_deref().filter(|_| lasts) {
        Some(sealed) => Some(open(services, sealed, &webhook.id)?),
        None => None,
    };
    Ok(Secrets { current, previous })
}

/// The secrets of an organization's webhook that sign at `now`, for whatever else is signed with them; 404 where there
/// is no such webhook. Whether it is switched on is of no concern.
pub fn signing_secret(
    services: &Services,
    organization: i64,
    webhook: &str,
    now: UnixMillis,
) -> Result<Secrets, ServiceError> {
    let found = services.store.read(|reader| webhooks::by_id(reader, organization, webhook))?;
    let found = found.ok_or_else(|| ServiceError::new(ErrorCode::NotFound, "There is no such webhook"))?;
    secrets_of(services, &found, now)
}

/// The secret itself; that it was shown is in the audit log.
pub fn secret(services: &Services, context: &Context, id: &str) -> Result<Secret, ServiceError> {
    let webhook = find(services, context, id)?;
    let secret = open(services, &webhook.secret, &webhook.id)?;
    let change = by_one_who_still_may(Change::new(), context, webhook.organization)
        .exactly_one(webhooks::still_there(webhook.organization, id), Refusal::NotFound)
        .audited(services.audit(context, event("webhook.secret_shown", &webhook, None))?);
    services.store.commit(change)?;
    Ok(secret)
}

/// Gives it another secret. The one it has signs too until the grace ends; one before that does not any more.
/// Sessions of widgets that use it end. `grace_seconds` is read once it is known that the webhook is there.
pub fn rotate(
    services: &Services,
    context: &Context,
    id: &str,
    grace_seconds: impl FnOnce() -> Result<Option<i64>, ServiceError>,
) -> Result<WebhookView, ServiceError> {
    let webhook = find(services, context, id)?;
    let grace = match grace_seconds()? {
        None => GRACE,
        Some(seconds) if (0..=MAX_GRACE_SECONDS).contains(&seconds) => seconds * SECOND,
        Some(_) => return Err(ServiceError::field("graceSeconds", "must be a whole number from 0 to 2592000")),
    };
    let until = context.now + grace;
    let changes = serde_json::json!({ "previousSecretUntil": { "after": to_rfc3339(until) } });
    let change = by_one_who_still_may(Change::new(), context, webhook.organization)
        .exactly_one(webhooks::rotate(&webhook, &mint(services, id)?, (grace > 0).then_some(until)), Refusal::Outdated)
        .then(widgets::note_secret_of_webhook(id))
        .then(widget_sessions::delete_of_webhook(id))
        .audited(services.audit(context, event("webhook.secret_rotated", &webhook, Some(changes)))?);
    let result = services.store.commit(change);
    services.gate.evict_widgets(|record| record.organization.number == webhook.organization);
    result?;
    get(services, context, id)
}
