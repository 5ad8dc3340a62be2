//! A key as everyone sees it: in the API, on the page, on the command line.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::error::ServiceError;
use super::{Context, Services};
use crate::clock::{UnixMillis, to_rfc3339};
use crate::store::api_keys::ApiKey;
use crate::store::usage::{self, KeyUsage, LastUse};
use crate::store::{organizations, users};

/// Somebody with a name.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Named {
    /// `usr_…`; null for the command line's operator.
    pub id: Option<String>,
    /// Their name.
    pub name: String,
}

/// Who owns a key.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Owner {
    /// `user` or `organization`.
    pub kind: &'static str,
    /// `usr_…` or `org_…`.
    pub id: String,
    /// The name.
    pub name: String,
}

/// The key that a successor replaces, while it still works.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Predecessor {
    /// `key_…`
    pub id: String,
    /// What may be shown of it.
    pub prefix: String,
    /// Until when it works.
    pub grace_ends_at: Option<String>,
    /// When it was used last.
    pub last_used_at: Option<String>,
    /// From where.
    pub last_used_ip: Option<String>,
    /// With what.
    pub last_user_agent: Option<String>,
}

/// The object of the API.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyView {
    /// `key_…`
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The configured prefix and the next six digits.
    pub prefix: String,
    /// `live` or `test`.
    pub environment: String,
    /// `viewer`, `member` or `admin`.
    pub role: &'static str,
    /// null = unrestricted, [] = none.
    pub scopes: Option<Vec<String>>,
    /// null = any address.
    pub ip_allow_list: Option<Vec<String>>,
    /// null = the default.
    pub rate_limit: Option<u32>,
    /// The limit in force.
    pub requests_per_minute: u32,
    /// Whether it is switched on.
    pub active: bool,
    /// `active`, `deactivated`, `expired` or `superseded`.
    pub status: &'static str,
    /// null = never.
    pub expires_at: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// By whom.
    pub created_by: Named,
    /// Whose it is.
    pub owner: Owner,
    /// When it was used last.
    pub last_used_at: Option<String>,
    /// From where.
    pub last_used_ip: Option<String>,
    /// With what.
    pub last_user_agent: Option<String>,
    /// All requests made with it and with the keys it was rotated from and to, allowed and refused.
    pub request_count: u64,
    /// The key it replaces.
    pub rotated_from: Option<String>,
    /// Until when a superseded key works.
    pub grace_ends_at: Option<String>,
    /// The key it replaces, while that one still works: when and from where it was last used.
    pub predecessor: Option<Predecessor>,
    /// The caller's own id for it.
    pub external_id: Option<String>,
    /// The caller's own notes.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<serde_json::Value>,
    /// Grows with each change of the settings; use does not change it. As the ETag, for If-Match.
    pub version: i64,
}

/// What is known of the people and organizations that keys name.
struct Names {
    users: HashMap<String, String>,
    organization: (String, String),
    plan_rate_limit: u32,
}

/// The views of keys of one organization.
pub fn of(services: &Services, context: &Context, keys: Vec<ApiKey>) -> Result<Vec<KeyView>, ServiceError> {
    let Some(first) = keys.first() else { return Ok(Vec::new()) };
    let names = names(services, first.organization, &keys)?;
    let mut families: Vec<i64> = keys.iter().map(|key| key.family).collect();
    families.sort_unstable();
    families.dedup();
    let usage = services.store.read_ledger(|reader| usage::of_families(reader, &families))?;
    let mut predecessors = HashMap::new();
    for key in keys.iter().filter(|key| key.rotated_from.is_some()) {
        if let Some(before) = predecessor(services, key, context.now)? {
            predecessors.insert(key.number, before);
        }
    }
    Ok(keys.into_iter().map(|key| view(services, key, &names, &usage, &predecessors, context.now)).collect())
}

/// The view of one key.
pub fn of_one(services: &Services, context: &Context, key: ApiKey) -> Result<KeyView, ServiceError> {
    of(services, context, vec![key])?.pop().ok_or_else(ServiceError::internal)
}

fn names(services: &Services, organization: i64, keys: &[ApiKey]) -> Result<Names, ServiceError> {
    let names = services.store.read(|reader| {
        let mut users = HashMap::new();
        for id in keys.iter().filter_map(|key| key.settings.owner.as_ref()) {
            if !users.contains_key(id)
                && let Some(name) = users::name_of(reader, id)?
            {
                users.insert(id.clone(), name);
            }
        }
        let organization = organizations::by_number(reader, organization)?;
        Ok(organization.map(|organization| {
            let plan = services.config.plans.named.get(&organization.plan);
            let plan_rate_limit = plan.map_or(1, |plan| plan.max_rate_limit);
            Names { users, organization: (organization.id, organization.name), plan_rate_limit }
        }))
    })?;
    names.ok_or_else(ServiceError::internal)
}

/// The key before, as long as its grace runs.
fn predecessor(services: &Services, key: &ApiKey, now: UnixMillis) -> Result<Option<ApiKey>, ServiceError> {
    let Some(id) = &key.rotated_from else { return Ok(None) };
    let before = services.store.read(|reader| crate::store::api_keys::by_id(reader, key.organization, id))?;
    Ok(before.filter(|before| before.deleted_at.is_none() && before.grace_ends_at.is_some_and(|end| end > now)))
}

fn view(
    services: &Services,
    key: ApiKey,
    names: &Names,
    usage: &HashMap<i64, BTreeMap<i64, KeyUsage>>,
    predecessors: &HashMap<i64, ApiKey>,
    now: UnixMillis,
) -> KeyView {
    let family = usage.get(&key.family);
    let last_of = |number: i64| family.and_then(|keys| keys.get(&number)).and_then(|usage| usage.last.as_ref());
    let last = last_of(key.number);
    let predecessor = predecessors.get(&key.number).map(|before| {
        let last = last_of(before.number);
        Predecessor {
            id: before.id.clone(),
            prefix: before.prefix.clone(),
            grace_ends_at: before.grace_ends_at.map(to_rfc3339),
            last_used_at: last.map(|last| to_rfc3339(last.at)),
            last_used_ip: last.and_then(|last| said(&last.ip)),
            last_user_agent: last.and_then(|last| said(&last.user_agent)),
        }
    });
    let status = key.status(now).as_str();
    let limit = key.settings.rate_limit.unwrap_or(services.config.api_keys.default_rate_limit);
    KeyView {
        prefix: key.prefix,
        environment: key.environment,
        role: key.settings.role.as_str(),
        requests_per_minute: limit.min(names.plan_rate_limit),
        status,
        expires_at: key.settings.expires_at.map(to_rfc3339),
        created_at: to_rfc3339(key.created_at),
        created_by: Named { id: key.created_by, name: key.created_by_name },
        owner: owner(key.settings.owner, names),
        last_used_at: last.map(|LastUse { at, .. }| to_rfc3339(*at)),
        last_used_ip: last.and_then(|last| said(&last.ip)),
        last_user_agent: last.and_then(|last| said(&last.user_agent)),
        request_count: family.map_or(0, |keys| keys.values().map(|usage| usage.requests).sum()),
        rotated_from: key.rotated_from,
        grace_ends_at: key.grace_ends_at.map(to_rfc3339),
        predecessor,
        external_id: key.settings.external_id,
        metadata: key.settings.metadata.as_deref().and_then(|text| serde_json::from_str(text).ok()),
        id: key.id,
        name: key.settings.name,
        scopes: key.settings.scopes,
        ip_allow_list: key.settings.ip_allow_list,
        rate_limit: key.settings.rate_limit,
        active: key.settings.active,
        version: key.version,
    }
}

/// Empty where the use was a check that named none.
fn said(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn owner(user: Option<String>, names: &Names) -> Owner {
    match user {
        Some(id) => {
            let name = names.users.get(&id).cloned().unwrap_or_else(|| String::from("A deleted account"));
            Owner { kind: "user", id, name }
        }
        None => {
            let (id, name) = names.organization.clone();
            Owner { kind: "organization", id, name }
        }
    }
}
