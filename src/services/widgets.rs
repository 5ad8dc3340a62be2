//! Widgets: made, listed, changed, given other secrets, deleted.
//!
//! A widget's sessions stand on what it was when they were opened: they end, in the same change, where it gets other
//! origins, another demand for identity or another secret. A name and a limit leave them alone.

use serde::Serialize;
use zeroize::Zeroizing;

use super::error::ServiceError;
use super::members::by_one_who_still_may;
use super::pages::{Listed, Page};
use super::widget_settings::{self, WidgetWishes};
use super::{Actor, Context, Event, Services, webhooks};
use crate::clock::{UnixMillis, to_rfc3339};
use crate::crypto::secret_token::{SecretToken, widget_secret_shape};
use crate::error_code::ErrorCode;
use crate::store::audit_log::Party;
use crate::store::widgets::{self, Settings, Widget};
use crate::store::{Change, Refusal, StoreError, widget_sessions};

/// A widget, as administrators see it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WidgetView {
    /// `wgt_…`: public, it stands in the page.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The pages that it works on; [] = any.
    pub allowed_origins: Vec<String>,
    /// Whether a session needs a user id and its hash.
    pub require_identity: bool,
    /// The webhook whose secret is used in place of the widget's own; null = its own.
    pub webhook_id: Option<String>,
    /// What all of the widget's sessions may ask in a minute together.
    pub requests_per_minute: u32,
    /// When it was made.
    pub created_at: String,
    /// When it, or its secret, was last changed.
    pub updated_at: String,
}

fn view(widget: Widget) -> WidgetView {
    WidgetView {
        id: widget.id,
        name: widget.settings.name,
        allowed_origins: widget.settings.allowed_origins,
        require_identity: widget.settings.require_identity,
        webhook_id: widget.settings.webhook,
        requests_per_minute: widget.settings.requests_per_minute,
        created_at: to_rfc3339(widget.created_at),
        updated_at: to_rfc3339(widget.updated_at),
    }
}

fn party(widget: &Widget) -> Party {
    Party { kind: String::from("widget"), id: Some(widget.id.clone()), name: widget.settings.name.clone() }
}

/// The highest limit that the configuration and the organization's plan give.
fn highest_limit(services: &Services, context: &Context) -> u32 {
    let plan = match &context.actor {
        Actor::Credential(credential) => {
            credential.organization().map_or(1, |organization| organization.max_rate_limit)
        }
        Actor::Operator => u32::MAX,
    };
    plan.min(services.config.api_keys.max_rate_limit)
}

/// 400 where the webhook is not the organization's. (That it still is, the statement itself sees to.)
fn require_webhook(services: &Services, organization: i64, settings: &Settings) -> Result<(), ServiceError> {
    let Some(id) = &settings.webhook else { return Ok(()) };
    let found = services.store.read(|reader| crate::store::webhooks::by_id(reader, organization, id))?;
    found.map(drop).ok_or_else(no_such_webhook)
}

fn no_such_webhook() -> ServiceError {
    ServiceError::field("webhookId", "must be the id of one of the organization's webhooks")
}

/// A new secret, as it is stored.
fn mint(services: &Services, id: &str) -> Result<Vec<u8>, ServiceError> {
    let secret = SecretToken::mint(&widget_secret_shape(), services.random.as_ref())?;
    Ok(services.sealer.seal(secret.reveal().as_bytes(), id, services.random.as_ref())?)
}

/// Makes one in the caller's organization, with a secret of its own.
pub fn create(services: &Services, context: &Context, wishes: WidgetWishes) -> Result<WidgetView, ServiceError> {
    let organization = context.organization()?;
    let settings = widget_settings::for_a_new_widget(wishes, highest_limit(services, context))?;
    require_webhook(services, organization, &settings)?;
    let widget = Widget {
        number: services.store.next_number(),
        id: services.id("wgt", context.now)?,
        organization,
        settings,
        created_at: context.now,
        updated_at: context.now,
        version: 1,
    };
    let sealed = mint(services, &widget.id)?;
    let event = Event {
        action: "widget.created",
        organization: Some(organization),
        target: party(&widget),
        changes: Some(widget_settings::differences(None, &widget.settings).into()),
    };
    let change = by_one_who_still_may(Change::new(), context, organization)
        .exactly_one(widgets::insert(&widget, sealed), Refusal::Outdated)
        .audited(services.audit(context, event)?);
    services.store.commit(change).map_err(|error| match error {
        StoreError::Refused(Refusal::Outdated) => no_such_webhook(),
        other => other.into(),
    })?;
    Ok(view(widget))
}

/// A page of the organization's widgets, the newest first.
pub fn list(services: &Services, context: &Context, page: Page) -> Result<Listed<WidgetView>, ServiceError> {
    let organization = context.organization()?;
    let rows = services.store.read(|reader| widgets::list(reader, organization, page.before, page.limit + 1))?;
    let cut = page.cut(rows.into_iter().map(|widget| (widget.number, widget)).collect());
    Ok(Listed { items: cut.items.into_iter().map(view).collect(), next: cut.next })
}

fn find(services: &Services, context: &Context, id: &str) -> Result<Widget, ServiceError> {
    let organization = context.organization()?;
    let widget = services.store.read(|reader| widgets::by_id(reader, organization, id))?;
    widget.ok_or_else(|| ServiceError::new(ErrorCode::NotFound, "There is no such widget"))
}

/// One widget.
pub fn get(services: &Services, context: &Context, id: &str) -> Result<WidgetView, ServiceError> {
    Ok(view(find(services, context, id)?))
}

/// Commits a change of a widget, and makes every cache forget its sessions.
fn commit(services: &Services, widget: &Widget, change: Change) -> Result<(), ServiceError> {
    let result = services.store.commit(change);
    services.gate.evict_widgets(|record| record.number == widget.number);
    Ok(result?)
}

/// Changes settings. `wishes` are read once it is known that the widget is theirs to change.
pub fn change(
    services: &Services,
    context: &Context,
    id: &str,
    wishes: impl FnOnce() -> Result<WidgetWishes, ServiceError>,
) -> Result<WidgetView, ServiceError> {
    let widget = find(services, context, id)?;
    let after = widget_settings::changed(wishes()?, &widget.settings, highest_limit(services, context))?;
    let changes = widget_settings::differences(Some(&widget.settings), &after);
    if changes.is_empty() {
        return Ok(view(widget));
    }
    require_webhook(services, widget.organization, &after)?;
    let ends_sessions =
        ["allowedOrigins", "requireIdentity", "webhookId"].iter().any(|field| changes.contains_key(*field));
    let changed = Widget { settings: after, updated_at: context.now, ..widget.clone() };
    let event = Event {
        action: "widget.updated",
        organization: Some(widget.organization),
        target: party(&changed),
        changes: Some(changes.into()),
    };
    let update = widgets::update(&widget, &changed.settings, context.now);
    let change = by_one_who_still_may(Change::new(), context, widget.organization)
        .exactly_one(update, Refusal::Outdated)
        .then_all(ends_sessions.then(|| widget_sessions::delete_of_widget(widget.number)))
        .audited(services.audit(context, event)?);
    commit(services, &widget, change)?;
    Ok(view(changed))
}

/// Deletes one; its sessions end.
pub fn delete(services: &Services, context: &Context, id: &str) -> Result<(), ServiceError> {
    let widget = find(services, context, id)?;
    let event = Event {
        action: "widget.deleted",
        organization: Some(widget.organization),
        target: party(&widget),
        changes: None,
    };
    let [keep_number, delete] = widgets::delete(widget.number);
    let change = by_one_who_still_may(Change::new(), context, widget.organization)
        .then(keep_number)
        .exactly_one(delete, Refusal::NotFound)
        .audited(services.audit(context, event)?);
    commit(services, &widget, change)
}

/// The secret of its own.
fn own_secret(services: &Services, widget: &Widget) -> Result<Zeroizing<String>, ServiceError> {
    let sealed = services.store.read(|reader| widgets::sealed(reader, widget.number))?;
    let sealed = sealed.ok_or_else(|| ServiceError::new(ErrorCode::NotFound, "There is no such widget"))?;
    let opened = services.sealer.open(&sealed, &widget.id)?;
    let text = std::str::from_utf8(&opened).map_err(ServiceError::failed)?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// The secrets under which a user id may be hashed for this widget at `now`: its own; or its webhook's, and the one
/// before that while the grace of a rotation lasts. The first is the one to use.
pub(super) fn secrets_in_use(
    services: &Services,
    widget: &Widget,
    now: UnixMillis,
) -> Result<Vec<Zeroizing<String>>, ServiceError> {
    let Some(webhook) = &widget.settings.webhook else { return Ok(vec![own_secret(services, widget)?]) };
    let secrets = webhooks::signing_secret(services, widget.organization, webhook, now)?;
    let secrets = std::iter::once(secrets.current).chain(secrets.previous);
    Ok(secrets.map(|secret| Zeroizing::new(secret.reveal().to_owned())).collect())
}

/// Shows the secret in use; that it was seen is in the audit log.
pub fn secret(services: &Services, context: &Context, id: &str) -> Result<Zeroizing<String>, ServiceError> {
    let widget = find(services, context, id)?;
    let secret =
        secrets_in_use(services, &widget, context.now)?.into_iter().next().ok_or_else(ServiceError::internal)?;
    let event = Event {
        action: "widget.secret_shown",
        organization: Some(widget.organization),
        target: party(&widget),
        changes: None,
    };
    let change =
        by_one_who_still_may(Change::new(), context, widget.organization).audited(services.audit(context, event)?);
    services.store.commit(change)?;
    Ok(secret)
}

/// Gives it another secret of its own: hashes under the old one are worth nothing from now on, and its sessions end.
pub fn rotate_secret(services: &Services, context: &Context, id: &str) -> Result<WidgetView, ServiceError> {
    let widget = find(services, context, id)?;
    if let Some(webhook) = &widget.settings.webhook {
        return Err(ServiceError::new(
            ErrorCode::Conflict,
            format!("This widget uses the secret of {webhook}: rotate that one, or take webhookId away first"),
        ));
    }
    let sealed = mint(services, &widget.id)?;
    let event = Event {
        action: "widget.secret_rotated",
        organization: Some(widget.organization),
        target: party(&widget),
        changes: None,
    };
    let change = by_one_who_still_may(Change::new(), context, widget.organization)
        .exactly_one(widgets::rotate(&widget, sealed, context.now), Refusal::Outdated)
        .then(widget_sessions::delete_of_widget(widget.number))
        .audited(services.audit(context, event)?);
    commit(services, &widget, change)?;
    Ok(view(Widget { updated_at: context.now, ..widget }))
}
