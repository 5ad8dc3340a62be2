//! What a widget may be given, parsed.

use serde::{Deserialize, Serialize};

use super::error::{Faults, ServiceError};
use super::key_settings::{Wish, required, wish};
use super::{origins, people};
use crate::store::widgets::Settings;

/// The most origins of one widget.
const MOST_ORIGINS: usize = 50;
/// Requests a minute where nothing is said.
pub const DEFAULT_LIMIT: u32 = 120;

/// Origins as a list, or as one text with spaces between them.
#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(untagged, expecting = "a list of origins, or one text with spaces between them")]
pub enum OriginsWish {
    /// One an entry.
    List(Vec<String>),
    /// `https://a.example https://*.b.example`
    Text(String),
}

/// The settings of a new widget, or those that change.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct WidgetWishes {
    /// 1–100 characters, no control characters. Needed to make a widget.
    #[serde(deserialize_with = "wish")]
    #[schema(value_type = Option<String>)]
    pub name: Wish<String>,
    /// At most 50: scheme, host and port, or `https://*.example.com` for everything below a domain. null or [] = any.
    #[serde(deserialize_with = "wish")]
    #[schema(value_type = Option<OriginsWish>)]
    pub allowed_origins: Wish<OriginsWish>,
    /// Whether a session needs a user id and its hash.
    #[serde(deserialize_with = "wish")]
    #[schema(value_type = Option<bool>)]
    pub require_identity: Wish<bool>,
    /// The id of one of the organization's webhooks, whose secret is used in place of the widget's own; null = its own.
    #[serde(deserialize_with = "wish")]
    #[schema(value_type = Option<String>)]
    pub webhook_id: Wish<String>,
    /// What all of the widget's sessions may ask in a minute together: 1–10,000 and within the plan. null = 120.
    #[serde(deserialize_with = "wish")]
    #[schema(value_type = Option<i64>)]
    pub requests_per_minute: Wish<i64>,
}

/// The settings of a new widget. `most` is the highest limit that the plan gives.
pub fn for_a_new_widget(wishes: WidgetWishes, most: u32) -> Result<Settings, ServiceError> {
    let mut faults = Faults::default();
    if wishes.name.is_none() {
        faults.add("name", "is needed");
    }
    let blank = Settings {
        name: String::new(),
        allowed_origins: Vec::new(),
        require_identity: false,
        webhook: None,
        requests_per_minute: DEFAULT_LIMIT.min(most),
    };
    let settings = apply(wishes, blank, most, &mut faults);
    faults.check()?;
    Ok(settings)
}

/// The settings after a change.
pub fn changed(wishes: WidgetWishes, before: &Settings, most: u32) -> Result<Settings, ServiceError> {
    let mut faults = Faults::default();
    let settings = apply(wishes, before.clone(), most, &mut faults);
    faults.check()?;
    Ok(settings)
}

fn apply(wishes: WidgetWishes, mut settings: Settings, most: u32, faults: &mut Faults) -> Settings {
    if let Some(name) = required(wishes.name, "name", faults)
        && let Some(name) = faults.take("name", people::parse_name(&name))
    {
        settings.name = name;
    }
    if let Some(origins) = wishes.allowed_origins {
        let parsed = faults.take("allowedOrigins", origins.map_or(Ok(Vec::new()), parse_origins));
        settings.allowed_origins = parsed.unwrap_or_default();
    }
    if let Some(require_identity) = required(wishes.require_identity, "requireIdentity", faults) {
        settings.require_identity = require_identity;
    }
    if let Some(webhook) = wishes.webhook_id {
        settings.webhook = webhook;
    }
    if let Some(limit) = wishes.requests_per_minute {
        let limit = limit.map_or(Ok(DEFAULT_LIMIT.min(most)), |limit| parse_limit(limit, most));
        settings.requests_per_minute = faults.take("requestsPerMinute", limit).unwrap_or(DEFAULT_LIMIT);
    }
    settings
}

fn parse_origins(wish: OriginsWish) -> Result<Vec<String>, String> {
    let origins = match wish {
        OriginsWish::List(origins) => origins,
        OriginsWish::Text(text) => text.split_whitespace().map(str::to_owned).collect(),
    };
    if origins.len() > MOST_ORIGINS {
        return Err(format!("must be at most {MOST_ORIGINS} origins"));
    }
    let mut parsed: Vec<String> = Vec::new();
    for origin in &origins {
        let origin = origins::parse_allowed(origin)?;
        if !parsed.contains(&origin) {
            parsed.push(origin);
        }
    }
    Ok(parsed)
}

fn parse_limit(limit: i64, most: u32) -> Result<u32, String> {
    match u32::try_from(limit) {
        Ok(limit) if (1..=most).contains(&limit) => Ok(limit),
        _ => Err(format!("must be a whole number from 1 to {most}")),
    }
}

/// `{"field": {"before": …, "after": …}}` of all that differs, for the audit log; of all there is, for a new widget.
pub fn differences(before: Option<&Settings>, after: &Settings) -> serde_json::Map<String, serde_json::Value> {
    let old = before.map(as_json).unwrap_or_default();
    let mut changes = serde_json::Map::new();
    for (field, value) in as_json(after) {
        match (before, old.get(&field)) {
            (Some(_), Some(earlier)) if *earlier != value => {
                changes.insert(field, serde_json::json!({ "before": earlier, "after": value }));
            }
            (None, _) if !value.is_null() => drop(changes.insert(field, serde_json::json!({ "after": value }))),
            _ => {}
        }
    }
    changes
}

fn as_json(settings: &Settings) -> serde_json::Map<String, serde_json::Value> {
    let fields = [
        ("name", settings.name.as_str().into()),
        ("allowedOrigins", settings.allowed_origins.clone().into()),
        ("requireIdentity", settings.require_identity.into()),
        ("webhookId", settings.webhook.clone().into()),
        ("requestsPerMinute", settings.requests_per_minute.into()),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(json: serde_json::Value) -> Result<Settings, ServiceError> {
        for_a_new_widget(serde_json::from_value(json).unwrap(), 10_000)
    }

    #[test]
    fn what_is_left_out_has_its_default_and_origins_are_read_from_a_list_or_a_text() {
        let settings = make(serde_json::json!({ "name": " Chat " })).unwrap();
        assert_eq!((settings.name.as_str(), settings.require_identity), ("Chat", false));
        assert_eq!((settings.allowed_origins.len(), settings.requests_per_minute), (0, DEFAULT_LIMIT));
        let text = serde_json::json!("https://A.example:443  http://localhost:3000 https://a.example");
        let list = serde_json::json!(["https://a.example", "http://localhost:3000"]);
        for origins in [text, list] {
            let settings = make(serde_json::json!({ "name": "w", "allowedOrigins": origins })).unwrap();
            assert_eq!(settings.allowed_origins, ["https://a.example", "http://localhost:3000"]);
        }
        for any in [serde_json::json!(null), serde_json::json!([]), serde_json::json!("")] {
            assert!(
                make(serde_json::json!({ "name": "w", "allowedOrigins": any })).unwrap().allowed_origins.is_empty()
            );
        }
    }

    #[test]
    fn every_value_out_of_bounds_is_named_by_its_field() {
        let many: Vec<String> = (0..51).map(|number| format!("https://a{number}.example")).collect();
        for (field, json) in [
            ("name", serde_json::json!({})),
            ("name", serde_json::json!({ "name": "a\nb" })),
            ("name", serde_json::json!({ "name": null })),
            ("allowedOrigins", serde_json::json!({ "name": "w", "allowedOrigins": ["https://a.example", "null"] })),
            ("allowedOrigins", serde_json::json!({ "name": "w", "allowedOrigins": "https://a.example/x" })),
            ("allowedOrigins", serde_json::json!({ "name": "w", "allowedOrigins": many })),
            ("requireIdentity", serde_json::json!({ "name": "w", "requireIdentity": null })),
            ("requestsPerMinute", serde_json::json!({ "name": "w", "requestsPerMinute": 0 })),
            ("requestsPerMinute", serde_json::json!({ "name": "w", "requestsPerMinute": 10_001 })),
            ("requestsPerMinute", serde_json::json!({ "name": "w", "requestsPerMinute": -1 })),
        ] {
            let error = make(json.clone()).unwrap_err();
            assert!(error.fields.contains_key(field), "{json}: {error:?}");
        }
    }
}
