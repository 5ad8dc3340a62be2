//! Keys that are about to end are announced, each once for each date: to whoever made or owns them, and to the owners
//! and admins of their organization.

use super::error::ServiceError;
use super::outbox::{self, Letter};
use super::{Actor, Context, Event, Services};
use crate::clock::{DAY, UnixMillis, to_rfc3339};
use crate::mail::expiry::{self, Warning};
use crate::store::api_keys::{self, ApiKey};
use crate::store::audit_log::Party;
use crate::store::memberships::{self, Member};
use crate::store::organizations::{self, Organization};
use crate::store::{Change, Refusal, StoreError, expiry_warnings, usage};

/// Keys read at a time.
const BATCH: usize = 100;

/// Announces every key that ends within `api_keys.warn_days`. What fails for one key does not keep the others back; it
/// comes again with the next run. Safe to run twice, and two at once.
pub fn run(services: &Services, now: UnixMillis) -> Result<(), ServiceError> {
    let until = now + i64::from(services.config.api_keys.warn_days) * DAY;
    let (mut after, mut announced, mut failure) = (0, 0, None);
    loop {
        let keys = services.store.read(|reader| api_keys::ending(reader, now, until, after, BATCH))?;
        let Some(last) = keys.last() else { break };
        after = last.number;
        for key in keys {
            match announce(services, &key, now) {
                Ok(true) => announced += 1,
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(key.id = key.id, cause = error.reason(), "The end of a key could not be announced");
                    failure = Some(error);
                }
            }
        }
    }
    if announced > 0 {
        tracing::info!(keys = announced, "Keys that end soon were announced");
    }
    failure.map_or(Ok(()), Err)
}

/// Whether it was this run that announced it.
fn announce(services: &Services, key: &ApiKey, now: UnixMillis) -> Result<bool, ServiceError> {
    let Some(expires_at) = key.settings.expires_at else { return Ok(false) };
    let (organization, readers) = readers(services, key)?;
    let Some(organization) = organization else { return Ok(false) };
    let used = services.store.read_ledger(|reader| usage::of_families(reader, &[key.family]))?;
    let last_use = used.get(&key.family).and_then(|keys| keys.get(&key.number)).and_then(|usage| usage.last.as_ref());
    let context = Context { actor: Actor::Operator, now, ip: None, user_agent: None, request_id: None };
    let event = Event {
        action: "api_key.expiry_announced",
        organization: Some(organization.number),
        target: Party { kind: String::from("api_key"), id: Some(key.id.clone()), name: key.settings.name.clone() },
        changes: Some(serde_json::json!({ "expiresAt": { "after": to_rfc3339(expires_at) } })),
    };
    let job = Party { kind: String::from("job"), id: None, name: String::from("expiry_warnings") };
    let mut change = Change::new()
        .exactly_one(expiry_warnings::insert(key.number, expires_at, now), Refusal::Gone)
        .audited(services.audit_by(&context, job, event)?);
    for reader in &readers {
        let message = expiry::warning(&Warning {
            name: &reader.name,
            timezone: &reader.timezone,
            organization: &organization.name,
            key_name: &key.settings.name,
            prefix: &key.prefix,
            expires_at,
            last_used_at: last_use.map(|last| last.at),
            url: &format!("{}/admin/settings/developer?key={}", services.config.public_url(), key.id),
            from: &services.config.public_url(),
        });
        let letter = Letter { organization: Some(organization.number), to: &reader.email, message, wipe_at: None };
        change = change.then(outbox::post(services, now, letter)?);
    }
    match services.store.commit(change) {
        Ok(()) => Ok(true),
        // Another run came first, or the key was changed meanwhile.
        Err(StoreError::Refused(Refusal::Gone)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Who is told, each once. Whoever made the key and has left is told nothing more.
fn readers(services: &Services, key: &ApiKey) -> Result<(Option<Organization>, Vec<Member>), ServiceError> {
    Ok(services.store.read(|reader| {
        let mut readers = memberships::administrators(reader, key.organization)?;
        for user in [key.created_by.as_deref(), key.settings.owner.as_deref()].into_iter().flatten() {
            if !readers.iter().any(|member| member.user == user)
                && let Some(member) = memberships::member(reader, key.organization, user)?
                && !member.disabled
            {
                readers.push(member);
            }
        }
        Ok((organizations::by_number(reader, key.organization)?, readers))
    })?)
}
