//! What a webhook may be given, parsed.

use serde::Deserialize;

use super::Services;
use super::error::{Faults, ServiceError};
use crate::error_code::ErrorCode;
use crate::store::webhooks::Settings;
use crate::webhook::client::Unfit;
use crate::webhook::target::Target;

const MAX_PATTERNS: usize = 50;
/// A type of 64 bytes, and `.*`.
const MAX_PATTERN: usize = 66;
const MAX_DESCRIPTION: usize = 200;

/// The settings of a new webhook, or those that change.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookWishes {
    /// `https://…`, or `http://…` to private addresses; at most 2,048 bytes. Needed to make a webhook.
    pub url: Option<String>,
    /// 1–50 patterns: `*`, `noun.*`, `noun.verb`. Needed to make a webhook.
    pub events: Option<Vec<String>>,
    /// At most 200 characters; empty by default.
    pub description: Option<String>,
    /// `false` switches the webhook off, `true` on; only when it is changed.
    pub active: Option<bool>,
}

/// Settings that are good but for their address, which nobody has looked up yet.
#[derive(Debug)]
pub struct Draft {
    settings: Settings,
    /// The URL, where it is another.
    unchecked: Option<Target>,
}

/// Looks up where a webhook is to go, and judges it. It may take some seconds, and holds no thread meanwhile.
pub async fn checked(services: &Services, draft: Draft) -> Result<Settings, ServiceError> {
    if let Some(target) = &draft.unchecked {
        services.webhook_client.check(target).await.map_err(|unfit| match unfit {
            Unfit::Forbidden(fault) => ServiceError::field("url", fault),
            Unfit::Busy => ServiceError { retry_after: Some(2), ..ErrorCode::Busy.into() },
        })?;
    }
    Ok(draft.settings)
}

/// The settings of a new webhook.
pub fn for_a_new_webhook(wishes: WebhookWishes) -> Result<Draft, ServiceError> {
    let mut faults = Faults::default();
    if wishes.active.is_some() {
        faults.add("active", "can be set once the webhook is there");
    }
    if wishes.url.is_none() {
        faults.add("url", "is needed");
    }
    if wishes.events.is_none() {
        faults.add("events", "is needed");
    }
    let blank = Settings { url: String::new(), events: Vec::new(), description: String::new(), active: true };
    apply(wishes, blank, faults)
}

/// The settings after a change.
pub fn changed(wishes: WebhookWishes, before: &Settings) -> Result<Draft, ServiceError> {
    apply(wishes, before.clone(), Faults::default())
}

fn apply(wishes: WebhookWishes, mut settings: Settings, mut faults: Faults) -> Result<Draft, ServiceError> {
    let mut unchecked = None;
    if let Some(events) = wishes.events
        && let Some(events) = faults.take("events", parse_events(events))
    {
        settings.events = events;
    }
    if let Some(description) = wishes.description
        && let Some(description) = faults.take("description", parse_description(&description))
    {
        settings.description = description;
    }
    if let Some(active) = wishes.active {
        settings.active = active;
    }
    if let Some(url) = wishes.url
        && let Some(target) = faults.take("url", Target::parse(&url))
        && target.as_str() != settings.url
    {
        settings.url = target.as_str().to_owned();
        unchecked = Some(target);
    }
    faults.check()?;
    Ok(Draft { settings, unchecked })
}

/// Patterns, each once.
fn parse_events(patterns: Vec<String>) -> Result<Vec<String>, String> {
    if patterns.is_empty() || patterns.len() > MAX_PATTERNS {
        return Err(format!("must have 1 to {MAX_PATTERNS} patterns"));
    }
    let mut parsed: Vec<String> = Vec::new();
    for pattern in patterns {
        let fits = pattern == "*" || is_type(pattern.strip_suffix(".*").unwrap_or(&pattern));
        if !fits || pattern.len() > MAX_PATTERN {
            return Err(String::from("must be patterns such as api_key.*, project.created or *"));
        }
        if !parsed.contains(&pattern) {
            parsed.push(pattern);
        }
    }
    Ok(parsed)
}

/// Whether a text is a type of events: words of `[a-z0-9_]`, with dots between them.
pub(super) fn is_type(text: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    text.split('.').all(is_word)
}

fn parse_description(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.chars().count() > MAX_DESCRIPTION {
        return Err(format!("must have at most {MAX_DESCRIPTION} characters"));
    }
    if text.chars().any(char::is_control) {
        return Err(String::from("must not contain control characters"));
    }
    Ok(text.to_owned())
}

/// What the audit log tells of a new webhook.
pub(super) fn created(settings: &Settings) -> serde_json::Value {
    serde_json::json!({
        "url": { "after": shown(&settings.url) },
        "events": { "after": settings.events },
        "description": { "after": settings.description },
    })
}

/// What the audit log tells of a change; empty where there is none. Switching on and off is told apart.
pub(super) fn differences(before: &Settings, after: &Settings) -> serde_json::Map<String, serde_json::Value> {
    let mut changes = serde_json::Map::new();
    let mut compare = |field: &str, before: serde_json::Value, after: serde_json::Value| {
        changes.insert(field.to_owned(), serde_json::json!({ "before": before, "after": after }));
    };
    if before.url != after.url {
        compare("url", shown(&before.url).into(), shown(&after.url).into());
    }
    if before.events != after.events {
        compare("events", before.events.clone().into(), after.events.clone().into());
    }
    if before.description != after.description {
        compare("description", before.description.clone().into(), after.description.clone().into());
    }
    changes
}

/// A URL for the audit log: its query may be a secret.
fn shown(url: &str) -> String {
    Target::parse(url).map_or_else(|_| String::from("…"), |target| target.shown())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_everything_a_family_or_one_type_and_each_stands_once() {
        let parse = |patterns: &[&str]| parse_events(patterns.iter().map(|text| (*text).to_owned()).collect());
        assert_eq!(parse(&["*", "a.*", "a.b", "a.*", "ping"]).unwrap(), ["*", "a.*", "a.b", "ping"]);
        let many: Vec<String> = (0..51).map(|number| format!("a{number}.*")).collect();
        assert!(parse_events(many).is_err());
        for wrong in ["", "a*", "a.", ".a", "*.a", "a.*.b", "A.b", "a b", "a..b", "**", &"a".repeat(67)] {
            assert!(parse(&[wrong]).is_err(), "{wrong}");
        }
        assert!(parse(&[]).is_err());
    }
}
