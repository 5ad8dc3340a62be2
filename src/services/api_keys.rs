//! API keys: made, listed, changed, rotated, deleted.

use super::error::ServiceError;
use super::key_settings::{self, Bounds, KeyWishes};
use super::key_view::{self, KeyView};
use super::members::by_one_who_still_may;
use super::pages::{Listed, Page};
use super::versions::Expected;
use super::{Context, Event, Services};
use crate::clock::{SECOND, to_rfc3339};
use crate::config::KeyAllowance;
use crate::crypto::secret_token::{SecretToken, Shape};
use crate::error_code::ErrorCode;
use crate::gate::lookup::Environment;
use crate::store::api_keys::{self, ApiKey, Filter, Room, Secret, Settings};
use crate::store::audit_log::Party;
use crate::store::organizations::{self, Organization};
use crate::store::{Change, Refusal, StoreError, key_shapes, users};

/// The longest grace of a rotation, in seconds.
pub const MAX_GRACE_SECONDS: i64 = 2_592_000;

/// How often a change is tried anew when the key was changed by somebody else meanwhile.
const ATTEMPTS: usize = 5;

/// A new key, and its token for the one answer that shows it.
#[derive(Debug)]
pub struct Made {
    /// The object.
    pub view: KeyView,
    /// The key itself.
    pub token: SecretToken,
}

/// The organization that is acted in.
fn organization(services: &Services, context: &Context) -> Result<Organization, ServiceError> {
    let number = context.organization()?;
    services.store.read(|reader| organizations::by_number(reader, number))?.ok_or_else(ServiceError::internal)
}

/// How many keys the organization's plan gives; `None` = any number.
pub fn allowance(services: &Services, organization: &Organization) -> Option<u32> {
    match services.config.plans.named.get(&organization.plan).map(|plan| plan.api_keys) {
        Some(KeyAllowance::Unlimited) => None,
        Some(KeyAllowance::Number(number)) => Some(number),
        None => Some(0),
    }
}

/// 403 where the plan has no keys at all. (Whether there is room for one more, the making itself decides.)
pub fn require_plan(services: &Services, context: &Context) -> Result<(), ServiceError> {
    match allowance(services, &organization(services, context)?) {
        Some(0) => Err(ErrorCode::PlanNoApiAccess.into()),
        _ => Ok(()),
    }
}

fn bounds(services: &Services, context: &Context, organization: &Organization) -> Bounds {
    let plan = services.config.plans.named.get(&organization.plan);
    Bounds::of(services, context, plan.map_or(1, |plan| plan.max_rate_limit))
}

/// The shape of new keys of an environment.
pub fn shape(services: &Services, environment: Environment) -> Shape {
    let settings = &services.config.api_keys;
    let prefix = match environment {
        Environment::Live => &settings.live_prefix,
        Environment::Test => &settings.test_prefix,
    };
    Shape { prefix: prefix.clone(), hex_digits: settings.hex_digits as usize, checksum: settings.checksum }
}

fn party(key: &ApiKey) -> Party {
    Party { kind: String::from("api_key"), id: Some(key.id.clone()), name: key.settings.name.clone() }
}

/// Mints a token and what is stored of it.
fn mint(services: &Services, shape: &Shape, id: &str) -> Result<(SecretToken, Secret), ServiceError> {
    let token = SecretToken::mint(shape, services.random.as_ref())?;
    let digest = token.digest();
    let sealed = services.sealer.seal(&digest.0, id, services.random.as_ref())?;
    Ok((token, Secret { lookup: services.gate.lookup().column(&digest), sealed }))
}

fn creator(services: &Services, context: &Context) -> Result<(Option<String>, String), ServiceError> {
    match context.user() {
        Some(id) => {
            let name = services.store.read(|reader| users::name_of(reader, id))?;
            Ok((Some(id.to_owned()), name.unwrap_or_else(|| context.party().name)))
        }
        None => Ok((None, context.party().name)),
    }
}

/// Makes a key in the caller's organization.
pub fn create(services: &Services, context: &Context, wishes: KeyWishes) -> Result<Made, ServiceError> {
    create_in(services, context, wishes, &organization(services, context)?)
}

/// Makes a key in this organization.
pub fn create_in(
    services: &Services,
    context: &Context,
    wishes: KeyWishes,
    organization: &Organization,
) -> Result<Made, ServiceError> {
    let (environment, settings) = key_settings::for_a_new_key(wishes, &bounds(services, context, organization))?;
    let shape = shape(services, environment);
    let id = services.id("key", context.now)?;
    let (token, secret) = mint(services, &shape, &id)?;
    let number = services.store.next_number();
    let (created_by, created_by_name) = creator(services, context)?;
    let key = ApiKey {
        number,
        id,
        family: number,
        organization: organization.number,
        created_by,
        created_by_name,
        prefix: shape.shown(&token),
        environment: environment.as_str().to_owned(),
        settings,
        created_at: context.now,
        rotated_from: None,
        superseded_at: None,
        grace_ends_at: None,
        deleted_at: None,
        version: 1,
    };
    let event = Event {
        action: "api_key.created",
        organization: Some(organization.number),
        target: party(&key),
        changes: Some(created(&key)),
    };
    let change = by_one_who_still_may(Change::new(), context, organization.number)
        .then(key_shapes::remember(&shape))
        .audited(services.audit(context, event)?);
    insert(services, change, &key, &secret, organization)?;
    services.gate.shapes().learn(&shape);
    Ok(Made { view: key_view::of_one(services, context, key)?, token })
}

/// Adds the key to the change and commits it, if the plan has room.
fn insert(
    services: &Services,
    change: Change,
    key: &ApiKey,
    secret: &Secret,
    organization: &Organization,
) -> Result<(), ServiceError> {
    let room = Room { plan: &organization.plan, allowance: allowance(services, organization) };
    if room.allowance == Some(0) {
        return Err(ErrorCode::PlanNoApiAccess.into());
    }
    let change = change.exactly_one(api_keys::insert(key, secret, &room), Refusal::PlanKeyLimit);
    Ok(services.store.commit(change)?)
}

fn created(key: &ApiKey) -> serde_json::Value {
    let fields = key_settings::as_json(&key.settings).into_iter();
    let mut changes: serde_json::Map<_, _> = fields
        .filter(|(_, value)| !value.is_null())
        .map(|(field, value)| (field, serde_json::json!({ "after": value })))
        .collect();
    changes.insert(String::from("environment"), serde_json::json!({ "after": key.environment }));
    changes.insert(String::from("prefix"), serde_json::json!({ "after": key.prefix }));
    changes.into()
}

/// A page of the caller's organization's keys, the newest first.
pub fn list(
    services: &Services,
    context: &Context,
    filter: Filter,
    page: Page,
) -> Result<Listed<KeyView>, ServiceError> {
    let filter = Filter { organization: context.organization()?, before: page.before, now: context.now, ..filter };
    let keys = services.store.read(|reader| api_keys::list(reader, &filter, page.limit + 1))?;
    let cut = page.cut(keys.into_iter().map(|key| (key.number, key)).collect());
    Ok(Listed { items: key_view::of(services, context, cut.items)?, next: cut.next })
}

/// The key of this id in the caller's organization, deleted ones too.
pub fn find_ever(services: &Services, context: &Context, id: &str) -> Result<ApiKey, ServiceError> {
    let organization = context.organization()?;
    let key = services.store.read(|reader| api_keys::by_id(reader, organization, id))?;
    key.ok_or_else(|| ServiceError::new(ErrorCode::NotFound, "There is no such API key"))
}

/// The key of this id in the caller's organization; 404 for one that was deleted.
pub fn find(services: &Services, context: &Context, id: &str) -> Result<ApiKey, ServiceError> {
    let key = find_ever(services, context, id)?;
    match key.deleted_at {
        None => Ok(key),
        Some(_) => Err(ServiceError::new(ErrorCode::NotFound, "There is no such API key")),
    }
}

/// One key.
pub fn get(services: &Services, context: &Context, id: &str) -> Result<KeyView, ServiceError> {
    key_view::of_one(services, context, find(services, context, id)?)
}

/// Tries a change of a key anew while somebody else changes it.
fn with_latest<T>(
    services: &Services,
    context: &Context,
    id: &str,
    mut attempt: impl FnMut(ApiKey) -> Result<T, ServiceError>,
) -> Result<T, ServiceError> {
    for _ in 1..ATTEMPTS {
        match attempt(find(services, context, id)?) {
            Err(error) if error.code == ErrorCode::Conflict && error.cause.as_deref() == Some(OUTDATED) => {}
            other => return other,
        }
    }
    attempt(find(services, context, id)?)
}

const OUTDATED: &str = "outdated";

/// Commits a change of a key as it was read, and makes every cache forget it.
fn commit(services: &Services, key: &ApiKey, change: Change) -> Result<(), ServiceError> {
    let result = services.store.commit(change);
    services.gate.evict_family(key.family);
    result.map_err(|error| match error {
        StoreError::Refused(Refusal::Outdated) => {
            ServiceError { cause: Some(OUTDATED.to_owned()), ..StoreError::Refused(Refusal::Outdated).into() }
        }
        other => other.into(),
    })
}

/// Changes settings; a superseded key can only be switched off. Where it is said which version is changed, another one
/// that somebody else has made meanwhile is not overwritten.
pub fn change(
    services: &Services,
    context: &Context,
    id: &str,
    expected: &Expected,
    wishes: impl Fn() -> Result<KeyWishes, ServiceError>,
) -> Result<KeyView, ServiceError> {
    with_latest(services, context, id, |key| {
        expected.check(key.version)?;
        let organization = organization(services, context)?;
        let after = key_settings::changed(wishes()?, &key.settings, &bounds(services, context, &organization))?;
        let changes = key_settings::differences(&key.settings, &after);
        if changes.is_empty() {
            return key_view::of_one(services, context, key);
        }
        if key.superseded_at.is_some() && !only_switched_off(&changes, &after) {
            return Err(ServiceError::new(
                ErrorCode::Conflict,
                "This key was rotated: change its successor; the old one can only be deactivated or deleted",
            ));
        }
        let mut change = by_one_who_still_may(Change::new(), context, key.organization)
            .exactly_one(api_keys::update(&key, &after), Refusal::Outdated);
        let target = party(&ApiKey { settings: after.clone(), ..key.clone() });
        for (action, changes) in actions(changes, &after) {
            let event = Event { action, organization: Some(key.organization), target: target.clone(), changes };
            change = change.audited(services.audit(context, event)?);
        }
        commit(services, &key, change)?;
        get(services, context, id)
    })
}

fn only_switched_off(changes: &serde_json::Map<String, serde_json::Value>, after: &Settings) -> bool {
    changes.len() == 1 && changes.contains_key("active") && !after.active
}

/// Switching on or off is an action of its own; all else is one more.
fn actions(
    mut changes: serde_json::Map<String, serde_json::Value>,
    after: &Settings,
) -> Vec<(&'static str, Option<serde_json::Value>)> {
    let mut actions = Vec::new();
    if changes.remove("active").is_some() {
        actions.push((if after.active { "api_key.activated" } else { "api_key.deactivated" }, None));
    }
    if !changes.is_empty() {
        actions.push(("api_key.updated", Some(changes.into())));
    }
    actions
}

/// Makes a successor with the same settings; the old key works until the grace ends. `grace_seconds` are read once it is
/// known that it is the version that is meant.
pub fn rotate(
    services: &Services,
    context: &Context,
    id: &str,
    expected: &Expected,
    grace_seconds: impl FnOnce() -> Result<i64, ServiceError>,
) -> Result<Made, ServiceError> {
    expected.check(find(services, context, id)?.version)?;
    let grace_seconds = grace_seconds()?;
    if !(0..=MAX_GRACE_SECONDS).contains(&grace_seconds) {
        return Err(ServiceError::field(
            "graceSeconds",
            format!("must be a whole number from 0 to {MAX_GRACE_SECONDS}"),
        ));
    }
    with_latest(services, context, id, |old| {
        expected.check(old.version)?;
        if old.superseded_at.is_some() {
            return Err(ServiceError::new(ErrorCode::Conflict, "This key was rotated already; rotate its successor"));
        }
        if old.settings.expires_at.is_some_and(|end| end <= context.now) {
            return Err(ServiceError::new(
                ErrorCode::Conflict,
                "This key has expired, and so would its successor: give it another expiry first",
            ));
        }
        rotate_once(services, context, old, grace_seconds)
    })
}

fn rotate_once(services: &Services, context: &Context, old: ApiKey, grace_seconds: i64) -> Result<Made, ServiceError> {
    require_plan(services, context)?;
    let organization = organization(services, context)?;
    let environment = Environment::parse(&old.environment).ok_or_else(ServiceError::internal)?;
    let shape = shape(services, environment);
    let id = services.id("key", context.now)?;
    let (token, secret) = mint(services, &shape, &id)?;
    let (created_by, created_by_name) = creator(services, context)?;
    let successor = ApiKey {
        number: services.store.next_number(),
        id,
        created_by,
        created_by_name,
        prefix: shape.shown(&token),
        created_at: context.now,
        rotated_from: Some(old.id.clone()),
        version: 1,
        ..old.clone()
    };
    let grace_ends_at = context.now + grace_seconds * SECOND;
    let event = Event {
        action: "api_key.rotated",
        organization: Some(old.organization),
        target: party(&old),
        changes: Some(serde_json::json!({
            "successor": { "after": successor.id },
            "graceEndsAt": { "after": to_rfc3339(grace_ends_at) },
        })),
    };
    // The successor takes the place of the one that is superseded, so that even the plan's last key can be rotated.
    let change = by_one_who_still_may(Change::new(), context, old.organization)
        .exactly_one(api_keys::supersede(&old, context.now, grace_ends_at), Refusal::Outdated)
        .then(key_shapes::remember(&shape))
        .audited(services.audit(context, event)?);
    let room = Room { plan: &organization.plan, allowance: None };
    let change = change.exactly_one(api_keys::insert(&successor, &secret, &room), Refusal::Outdated);
    commit(services, &old, change)?;
    services.gate.shapes().learn(&shape);
    Ok(Made { view: key_view::of_one(services, context, successor)?, token })
}

/// Deletes a key for good; its audit and its requests stay.
pub fn delete(services: &Services, context: &Context, id: &str, expected: &Expected) -> Result<(), ServiceError> {
    with_latest(services, context, id, |key| {
        expected.check(key.version)?;
        let event = Event {
            action: "api_key.deleted",
            organization: Some(key.organization),
            target: party(&key),
            changes: None,
        };
        let change = by_one_who_still_may(Change::new(), context, key.organization)
            .exactly_one(api_keys::delete(&key, context.now), Refusal::Outdated)
            .audited(services.audit(context, event)?);
        commit(services, &key, change)
    })
}
