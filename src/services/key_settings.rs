//! What a key may be given, parsed: bounds of every setting, and who may give what.

use serde::{Deserialize, Deserializer};

use super::error::{Faults, ServiceError};
use super::{Context, Services, people};
use crate::clock::{DayEdge, UnixMillis, parse_time};
use crate::config::Network;
use crate::error_code::ErrorCode;
use crate::gate::lookup::Environment;
use crate::role::Role;
use crate::store::api_keys::Settings;

const MAX_LIST: usize = 50;
const MAX_METADATA_BYTES: usize = 4_096;

/// A setting in a request: left out, null, or a value.
pub type Wish<T> = Option<Option<T>>;

pub(super) fn wish<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Wish<T>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// The settings of a new key, or those that change.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct KeyWishes {
    /// 1–100 characters, no control characters. Needed to make a key.
    #[serde(deserialize_with = "wish")]
    #[schema(value_type = Option<String>)]
    pub name: Wish<String>,
    /// RFC 3339, in the future; a bare date is the end of that day (UTC). null = never.
    #[serde(deserialize_with = "wish")]
    #[schema(value_type = Option<String>)]
    pub expires_at: Wish<String>,
    /// Requests a minute, 1–10,000 and within the plan. null = the default.
    #[serde(deserialize_with = "wish")]
    #[schema(value_type = Option<i64>)]
    pub rate_limit: Wish<i64>,
    /// `live` (default) or `test`; only when a key is made.
    #[serde(deserialize_with = "wish")]
    #[schema(value_type = Option<String>)]
    pub environment: Wish<String>,
    /// `viewer`, `member` or `admin`; the maker's own by default, and never above it.
    #[serde(deserialize_with = "wish")]
    #[schema(value_type = Option<String>)]
    pub role: Wish<String>,
    /// At most 50 of `[a-z0-9:._-]{1,64}`. null = unrestricted, [] = none.
    #[serde(deserialize_with = "wish")]
    #[schema(value_type = Option<Vec<String>>)]
    pub scopes: Wish<Vec<String>>,
    /// At most 50 addresses or ranges. null = any address.
    #[serde(deserialize_with = "wish")]
    #[schema(value_type = Option<Vec<String>>)]
    pub ip_allow_list: Wish<Vec<String>>,
    /// `me` (default) or `organization`.
    #[serde(deserialize_with = "wish")]
    #[schema(value_type = Option<String>)]
    pub owner: Wish<String>,
    /// 1–128 visible ASCII characters.
    #[serde(deserialize_with = "wish")]
    #[schema(value_type = Option<String>)]
    pub external_id: Wish<String>,
    /// An object of up to 4 KB.
    #[serde(deserialize_with = "wish")]
    #[schema(value_type = Option<Object>)]
    pub metadata: Wish<serde_json::Value>,
    /// `false` switches the key off, `true` on; only when a key is changed.
    #[serde(deserialize_with = "wish")]
    #[schema(value_type = Option<bool>)]
    pub active: Wish<bool>,
}

/// What applies to whoever asks.
pub struct Bounds {
    /// The highest limit: the configuration's and the plan's.
    pub max_rate_limit: u32,
    /// Nobody makes a key of a role above their own.
    pub max_role: Role,
    /// Whom `owner: "me"` means; `None` = the organization.
    pub me: Option<String>,
    /// The present time.
    pub now: UnixMillis,
}

impl Bounds {
    /// The bounds of this caller, in an organization whose plan gives keys at most this limit.
    pub fn of(services: &Services, context: &Context, plan_rate_limit: u32) -> Self {
        Bounds {
            max_rate_limit: services.config.api_keys.max_rate_limit.min(plan_rate_limit),
            max_role: context.role().min(Role::Admin),
            me: context.user().map(str::to_owned),
            now: context.now,
        }
    }
}

/// The environment and the settings of a new key.
pub fn for_a_new_key(wishes: KeyWishes, bounds: &Bounds) -> Result<(Environment, Settings), ServiceError> {
    let mut faults = Faults::default();
    if wishes.active.is_some() {
        faults.add("active", "can be set once the key is there");
    }
    let environment = match &wishes.environment {
        None => Some(Environment::Live),
        Some(Some(text)) => {
            faults.take("environment", Environment::parse(text).ok_or_else(|| String::from("must be live or test")))
        }
        Some(None) => faults.take("environment", Err(String::from("must be live or test"))),
    };
    if wishes.name.is_none() {
        faults.add("name", "is needed");
    }
    let blank = Settings {
        name: String::new(),
        owner: bounds.me.clone(),
        role: bounds.max_role,
        scopes: None,
        ip_allow_list: None,
        rate_limit: None,
        external_id: None,
        metadata: None,
        active: true,
        expires_at: None,
    };
    let settings = apply(wishes, blank, bounds, &mut faults);
    faults.check()?;
    let settings = settings?;
    Ok((environment.unwrap_or(Environment::Live), settings))
}

/// The settings after a change.
pub fn changed(wishes: KeyWishes, before: &Settings, bounds: &Bounds) -> Result<Settings, ServiceError> {
    let mut faults = Faults::default();
    if wishes.environment.is_some() {
        faults.add("environment", "cannot be changed; make another key");
    }
    let settings = apply(wishes, before.clone(), bounds, &mut faults);
    faults.check()?;
    settings
}

/// Puts what is wished for in its place. The inner error is a role above the caller's own, which is 403 and not 400.
fn apply(
    wishes: KeyWishes,
    mut settings: Settings,
    bounds: &Bounds,
    faults: &mut Faults,
) -> Result<Settings, ServiceError> {
    if let Some(name) = required(wishes.name, "name", faults)
        && let Some(name) = faults.take("name", people::parse_name(&name))
    {
        settings.name = name;
    }
    if let Some(expires_at) = wishes.expires_at {
        settings.expires_at = expires_at.and_then(|text| faults.take("expiresAt", parse_expiry(&text, bounds.now)));
    }
    if let Some(rate_limit) = wishes.rate_limit {
        settings.rate_limit =
            rate_limit.and_then(|limit| faults.take("rateLimit", parse_rate_limit(limit, bounds.max_rate_limit)));
    }
    if let Some(scopes) = wishes.scopes {
        settings.scopes = scopes.and_then(|scopes| faults.take("scopes", parse_scopes(scopes)));
    }
    if let Some(list) = wishes.ip_allow_list {
        settings.ip_allow_list = list.and_then(|list| faults.take("ipAllowList", parse_networks(list)));
    }
    if let Some(external_id) = wishes.external_id {
        settings.external_id = external_id.and_then(|id| faults.take("externalId", parse_external_id(id)));
    }
    if let Some(metadata) = wishes.metadata {
        settings.metadata = metadata.and_then(|value| faults.take("metadata", parse_metadata(&value)));
    }
    if let Some(active) = required(wishes.active, "active", faults) {
        settings.active = active;
    }
    match required(wishes.owner, "owner", faults).as_deref() {
        None => {}
        Some("me") if bounds.me.is_none() => faults.add("owner", "must be organization: nobody in person asks"),
        Some("me") => settings.owner = bounds.me.clone(),
        Some("organization") => settings.owner = None,
        Some(_) => faults.add("owner", "must be me or organization"),
    }
    if let Some(text) = required(wishes.role, "role", faults) {
        match Role::parse(&text) {
            Some(role) if role > bounds.max_role && role != Role::Owner => {
                return Err(ServiceError::new(
                    ErrorCode::InsufficientRole,
                    "Nobody makes a key of a role above their own",
                ));
            }
            Some(role) if role != Role::Owner => settings.role = role,
            _ => faults.add("role", "must be viewer, member or admin"),
        }
    }
    Ok(settings)
}

/// A value where null makes no sense.
pub(super) fn required<T>(wish: Wish<T>, field: &str, faults: &mut Faults) -> Option<T> {
    if matches!(wish, Some(None)) {
        faults.add(field, "must not be null");
    }
    wish.flatten()
}

/// An expiry: in the future; a bare date is the end of its day.
pub fn parse_expiry(text: &str, now: UnixMillis) -> Result<UnixMillis, String> {
    let at = parse_time(text, DayEdge::End)?;
    if at > now { Ok(at) } else { Err(String::from("must be in the future")) }
}

fn parse_rate_limit(limit: i64, most: u32) -> Result<u32, String> {
    match u32::try_from(limit) {
        Ok(limit) if (1..=most).contains(&limit) => Ok(limit),
        _ => Err(format!("must be a whole number from 1 to {most}")),
    }
}

fn parse_scopes(mut scopes: Vec<String>) -> Result<Vec<String>, String> {
    let fits = |scope: &String| {
        (1..=64).contains(&scope.len())
            && scope.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b":._-".contains(&byte))
    };
    if scopes.len() > MAX_LIST || !scopes.iter().all(fits) {
        return Err(String::from("must be at most 50 of 1 to 64 characters out of a-z, 0-9 and : . _ -"));
    }
    scopes.sort();
    scopes.dedup();
    Ok(scopes)
}

fn parse_networks(list: Vec<String>) -> Result<Vec<String>, String> {
    if list.len() > MAX_LIST {
        return Err(String::from("must be at most 50 addresses or ranges"));
    }
    list.into_iter().map(|entry| Network::try_from(entry).map(String::from)).collect()
}

fn parse_external_id(id: String) -> Result<String, String> {
    if (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(id)
    } else {
        Err(String::from("must be 1 to 128 visible ASCII characters"))
    }
}

fn parse_metadata(value: &serde_json::Value) -> Result<String, String> {
    let text = value.to_string();
    if value.is_object() && text.len() <= MAX_METADATA_BYTES {
        Ok(text)
    } else {
        Err(String::from("must be a JSON object of at most 4096 bytes"))
    }
}

/// `{"field": {"before": …, "after": …}}` of all that differs, for the audit log.
pub fn differences(before: &Settings, after: &Settings) -> serde_json::Map<String, serde_json::Value> {
    let (old, new) = (as_json(before), as_json(after));
    let mut changes = serde_json::Map::new();
    for (field, value) in new {
        let earlier = old.get(&field).cloned().unwrap_or_default();
        if earlier != value {
            changes.insert(field, serde_json::json!({ "before": earlier, "after": value }));
        }
    }
    changes
}

/// The settings as the API names them.
pub fn as_json(settings: &Settings) -> serde_json::Map<String, serde_json::Value> {
    let metadata: Option<serde_json::Value> =
        settings.metadata.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let value = serde_json::json!({
        "name": settings.name,
        "owner": settings.owner,
        "role": settings.role.as_str(),
        "scopes": settings.scopes,
        "ipAllowList": settings.ip_allow_list,
        "rateLimit": settings.rate_limit,
        "externalId": settings.external_id,
        "metadata": metadata,
        "active": settings.active,
        "expiresAt": settings.expires_at.map(crate::clock::to_rfc3339),
    });
    match value {
        serde_json::Value::Object(map) => map,
        _ => serde_json::Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds() -> Bounds {
        Bounds { max_rate_limit: 10_000, max_role: Role::Admin, me: Some("usr_1".into()), now: 1_000 }
    }

    fn make(json: serde_json::Value) -> Result<(Environment, Settings), ServiceError> {
        for_a_new_key(serde_json::from_value(json).unwrap(), &bounds())
    }

    #[test]
    fn every_value_out_of_bounds_is_named_by_its_field() {
        let long = "a".repeat(101);
        let cases = [
            ("name", serde_json::json!({"name": long})),
            ("name", serde_json::json!({"name": "a\nb"})),
            ("name", serde_json::json!({})),
            ("rateLimit", serde_json::json!({"name": "k", "rateLimit": 0})),
            ("rateLimit", serde_json::json!({"name": "k", "rateLimit": 10_001})),
            ("rateLimit", serde_json::json!({"name": "k", "rateLimit": -1})),
            ("expiresAt", serde_json::json!({"name": "k", "expiresAt": "1970-01-01T00:00:00Z"})),
            ("expiresAt", serde_json::json!({"name": "k", "expiresAt": "soon"})),
            ("scopes", serde_json::json!({"name": "k", "scopes": ["A"]})),
            ("scopes", serde_json::json!({"name": "k", "scopes": vec!["a"; 51]})),
            ("ipAllowList", serde_json::json!({"name": "k", "ipAllowList": ["nowhere"]})),
            ("externalId", serde_json::json!({"name": "k", "externalId": "a b"})),
            ("metadata", serde_json::json!({"name": "k", "metadata": []})),
            ("metadata", serde_json::json!({"name": "k", "metadata": {"a": "x".repeat(5_000)}})),
            ("role", serde_json::json!({"name": "k", "role": "owner"})),
            ("owner", serde_json::json!({"name": "k", "owner": "usr_2"})),
            ("environment", serde_json::json!({"name": "k", "environment": "prod"})),
        ];
        for (field, json) in cases {
            let error = make(json.clone()).unwrap_err();
            assert!(error.fields.contains_key(field), "{json}: {error:?}");
        }
    }

    #[test]
    fn what_is_left_out_has_its_default_and_lists_are_canonical() {
        let (environment, settings) =
            make(serde_json::json!({"name": " k ", "scopes": ["b", "a", "b"], "ipAllowList": ["10.1.2.3/8"]})).unwrap();
        assert_eq!((environment, settings.role, settings.active), (Environment::Live, Role::Admin, true));
        assert_eq!(settings.name, "k");
        assert_eq!(settings.scopes.unwrap(), ["a", "b"]);
        assert_eq!(settings.ip_allow_list.unwrap(), ["10.0.0.0/8"]);
        assert_eq!(settings.owner.as_deref(), Some("usr_1"));
    }

    #[test]
    fn a_role_above_one_s_own_is_forbidden_and_not_merely_wrong() {
        let wishes: KeyWishes = serde_json::from_value(serde_json::json!({"name": "k", "role": "admin"})).unwrap();
        let member = Bounds { max_role: Role::Member, ..bounds() };
        assert_eq!(for_a_new_key(wishes, &member).unwrap_err().code, ErrorCode::InsufficientRole);
    }

    #[test]
    fn a_change_touches_what_is_named_and_null_clears() {
        let (_, before) = make(serde_json::json!({"name": "k", "rateLimit": 5, "expiresAt": "2030-01-01"})).unwrap();
        let wishes = serde_json::from_value(serde_json::json!({"expiresAt": null, "active": false})).unwrap();
        let after = changed(wishes, &before, &bounds()).unwrap();
        assert_eq!((after.rate_limit, after.expires_at, after.active), (Some(5), None, false));
        let changes = differences(&before, &after);
        assert_eq!(changes.keys().collect::<Vec<_>>(), ["active", "expiresAt"]);
        let wishes = serde_json::from_value(serde_json::json!({"name": null})).unwrap();
        assert!(changed(wishes, &before, &bounds()).unwrap_err().fields.contains_key("name"));
    }
}
