//! The application's own events, told to webhooks.
//!
//! They are queued in one change, and are no part of the audit log, which an application could fill with them. What
//! Claviger itself tells begins with a noun of its own; an event of an application never does, so that nobody takes the
//! one for the other.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::error::{Faults, ServiceError};
use super::members::by_one_who_still_may;
use super::webhook_settings::is_type;
use super::{Context, Services};
use crate::clock::to_rfc3339;
use crate::store::Change;
use crate::store::webhook_events::NewEvent;

const MAX_TYPE: usize = 64;

/// What the types of Claviger's own events begin with.
const OWN_NOUNS: [&str; 20] = [
    "account",
    "api_key",
    "audit_log",
    "claviger",
    "invitation",
    "mail",
    "member",
    "organization",
    "password",
    "project",
    "session",
    "setup",
    "share",
    "share_token",
    "sign_in_link",
    "template",
    "user",
    "webhook",
    "widget",
    "widget_session",
];

/// An event of the application's own.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventWish {
    /// Words of `[a-z0-9_]` with dots between them, such as `order.paid`; at most 64 bytes. Not beginning with a noun of
    /// Claviger's own events, such as `api_key`.
    pub r#type: String,
    /// What is told: any object.
    #[schema(value_type = Object)]
    pub data: Box<RawValue>,
}

/// An event that is on its way.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventView {
    /// `evt_…`
    pub id: String,
    /// As it was given.
    pub r#type: String,
    /// When it was taken.
    pub created_at: String,
}

fn parse_type(text: &str) -> Result<(), String> {
    if text.len() > MAX_TYPE || !is_type(text) {
        return Err(format!("must be words of a-z, 0-9 and _ with dots between them, at most {MAX_TYPE} bytes"));
    }
    let noun = text.split('.').next().unwrap_or(text);
    if OWN_NOUNS.contains(&noun) {
        return Err(format!("must not begin with {noun}, as Claviger's own events do; try shop.{text}"));
    }
    Ok(())
}

/// It is passed on as it was written, so that a receiver reads the very numbers that were sent. Read as a whole here, for
/// what nobody could read there: an object, not too deep, of texts that are whole.
fn check_data(data: &RawValue) -> Result<(), String> {
    match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(data.get()) {
        Ok(_) => Ok(()),
        Err(error) if error.is_data() => Err(String::from("must be an object")),
        Err(error) => Err(format!("cannot be used: {error}")),
    }
}

/// Queues an event for every webhook of the organization that wants it.
pub fn publish(services: &Services, context: &Context, wish: EventWish) -> Result<EventView, ServiceError> {
    let mut faults = Faults::default();
    faults.take("type", parse_type(&wish.r#type));
    faults.take("data", check_data(&wish.data));
    faults.check()?;
    let organization = context.organization()?;
    let event = NewEvent {
        id: services.id("evt", context.now)?,
        organization,
        kind: wish.r#type,
        at: context.now,
        data: wish.data.get().to_owned(),
        only: None,
    };
    let view = EventView { id: event.id.clone(), r#type: event.kind.clone(), created_at: to_rfc3339(event.at) };
    services.store.commit(by_one_who_still_may(Change::new(), context, organization).telling(event))?;
    Ok(view)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_type_is_words_with_dots_and_never_claviger_s_own() {
        for good in ["order.paid", "ping", "a1_b.c.d", "shop.user.created", &"a".repeat(64)] {
            assert_eq!(parse_type(good), Ok(()), "{good}");
        }
        for wrong in ["", ".", "a.", "Order.paid", "order paid", "a-b", "api_key.created", "user.created", "webhook"] {
            assert!(parse_type(wrong).is_err(), "{wrong}");
        }
        assert!(parse_type(&"a".repeat(65)).is_err());
    }

    #[test]
    fn data_is_an_object_that_anybody_can_read() {
        let check = |text: &str| check_data(&RawValue::from_string(text.to_owned()).unwrap());
        for good in ["{}", r#"{"a":18446744073709551617}"#, r#"{"a":1,"a":2}"#, &nested(100)] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for wrong in ["[]", "7", "null", "\"{}\"", r#"{"a":"\ud800"}"#, &nested(100_000)] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
    }

    fn nested(depth: usize) -> String {
        format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth))
    }

    /// Every `"noun.verb"` of the services is an action of the audit log, or the name of a file.
    #[test]
    fn every_noun_of_the_audit_log_is_claviger_s_own() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/services");
        let mut seen = 0;
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.to_string_lossy().ends_with("_tests.rs") {
                continue;
            }
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
            let code = code.lines().filter(|line| !line.trim_start().starts_with("//"));
            for literal in code.flat_map(|line| line.split('"').skip(1).step_by(2)) {
                let Some((noun, verb)) = literal.split_once('.') else { continue };
                let is_action =
                    is_type(literal) && !verb.contains('.') && !["html", "txt", "json", "rs"].contains(&verb);
                if is_action {
                    seen += 1;
                    assert!(OWN_NOUNS.contains(&noun), "{literal} in {}: {noun} is not among them", path.display());
                }
            }
        }
        assert!(seen > 30, "only {seen} actions were found");
    }
}
