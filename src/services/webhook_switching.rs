//! Switches webhooks off whose receivers are gone, or have taken nothing for five days.

use super::error::ServiceError;
use super::outbox::{self, Letter};
use super::webhooks::event;
use super::{Actor, Context, Services};
use crate::clock::{DAY, UnixMillis};
use crate::mail::webhooks as letters;
use crate::store::audit_log::Party;
use crate::store::webhooks::{self, DisabledReason, Webhook};
use crate::store::{Change, Refusal, StoreError, memberships, organizations};
use crate::webhook::target::Target;

/// How long every attempt may fail.
const PATIENCE: UnixMillis = 5 * DAY;

/// Looks at a webhook after an attempt at this URL that failed; `gone` = its receiver answered 410. One that goes elsewhere
/// by now is left alone.
pub(super) fn after_failure(
    services: &Services,
    id: &str,
    url: &str,
    gone: bool,
    now: UnixMillis,
) -> Result<(), ServiceError> {
    let webhook = services.store.read(|reader| webhooks::active(reader, id))?;
    let Some(webhook) = webhook.filter(|webhook| webhook.settings.url == url) else { return Ok(()) };
    if gone {
        switch_off(services, &webhook, DisabledReason::Gone, now)
    } else if webhook.failing_since.is_some_and(|since| since <= now - PATIENCE) {
        switch_off(services, &webhook, DisabledReason::Failing, now)
    } else {
        Ok(())
    }
}

fn switch_off(
    services: &Services,
    webhook: &Webhook,
    reason: DisabledReason,
    now: UnixMillis,
) -> Result<(), ServiceError> {
    let nobody = Context { actor: Actor::Operator, now, ip: None, user_agent: None, request_id: None };
    let claviger = Party { kind: String::from("system"), id: None, name: String::from("Claviger") };
    let changes = serde_json::json!({ "reason": { "after": reason.as_str() } });
    let statement = match reason {
        DisabledReason::Failing => webhooks::switch_off_failing(&webhook.id, &webhook.settings.url, now - PATIENCE),
        DisabledReason::Gone | DisabledReason::User => webhooks::switch_off_gone(&webhook.id, &webhook.settings.url),
    };
    let mut change = Change::new().exactly_one(statement, Refusal::Outdated).audited(services.audit_by(
        &nobody,
        claviger,
        event("webhook.disabled", webhook, Some(changes)),
    )?);
    if reason == DisabledReason::Failing {
        change = tell_administrators(services, change, webhook, now)?;
    }
    match services.store.commit(change) {
        // Somebody came first, or it has succeeded meanwhile.
        Err(StoreError::Refused(Refusal::Outdated)) => Ok(()),
        result => {
            result?;
            tracing::warn!(webhook.id = webhook.id, reason = reason.as_str(), "A webhook was switched off");
            Ok(())
        }
    }
}

fn tell_administrators(
    services: &Services,
    mut change: Change,
    webhook: &Webhook,
    now: UnixMillis,
) -> Result<Change, ServiceError> {
    let (organization, readers) = services.store.read(|reader| {
        let organization = organizations::by_number(reader, webhook.organization)?;
        Ok((organization, memberships::administrators(reader, webhook.organization)?))
    })?;
    let Some(organization) = organization else { return Ok(change) };
    let site = services.config.public_url();
    let receiver = Target::parse(&webhook.settings.url).map_or_else(|_| String::from("…"), |target| target.shown());
    for reader in readers {
        let message = letters::switched_off(&letters::SwitchedOff {
            name: &reader.name,
            timezone: &reader.timezone,
            organization: &organization.name,
            description: &webhook.settings.description,
            receiver: &receiver,
            since: webhook.failing_since.unwrap_or(now),
            url: &format!("{site}/admin/settings/webhooks?webhook={}", webhook.id),
            from: &site,
        });
        let letter = Letter { organization: Some(webhook.organization), to: &reader.email, message, wipe_at: None };
        change = change.then(outbox::post(services, now, letter)?);
    }
    Ok(change)
}
