//! `webhooks`: who is told of what, and where.

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row};

use super::webhook_bell::Touch;
use super::{ReadResult, Reader, Statement};
use crate::clock::UnixMillis;

/// Why a webhook is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisabledReason {
    /// Somebody switched it off.
    User,
    /// Its receiver answered 410.
    Gone,
    /// Its receiver took nothing for five days.
    Failing,
}

impl DisabledReason {
    const ALL: [DisabledReason; 3] = [DisabledReason::User, DisabledReason::Gone, DisabledReason::Failing];

    /// The name in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            DisabledReason::User => "user",
            DisabledReason::Gone => "gone",
            DisabledReason::Failing => "failing",
        }
    }
}

/// What can be set of a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Settings {
    pub url: String,
    /// Patterns: `*`, `noun.*`, `noun.verb`.
    pub events: Vec<String>,
    pub description: String,
    pub active: bool,
}

/// One webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Webhook {
    pub id: String,
    /// An organization's number.
    pub organization: i64,
    pub settings: Settings,
    /// `None` while it is active.
    pub disabled_reason: Option<DisabledReason>,
    /// The first attempt that failed since the last that did not.
    pub failing_since: Option<UnixMillis>,
    /// Under the master key.
    pub secret: Vec<u8>,
    pub previous_secret: Option<Vec<u8>>,
    pub previous_secret_until: Option<UnixMillis>,
    pub created_at: UnixMillis,
    /// A user's id; `None` = a key of the organization's own.
    pub created_by: Option<String>,
    pub created_by_name: String,
    pub version: i64,
}

impl Webhook {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let events: String = row.get("events")?;
        let reason: Option<String> = row.get("disabled_reason")?;
        Ok(Webhook {
            id: row.get("id")?,
            organization: row.get("organization")?,
            settings: Settings {
                url: row.get("url")?,
                events: patterns(&events),
                description: row.get("description")?,
                active: row.get("active")?,
            },
            disabled_reason: reason
                .and_then(|reason| DisabledReason::ALL.into_iter().find(|known| known.as_str() == reason)),
            failing_since: row.get("failing_since")?,
            secret: row.get("secret")?,
            previous_secret: row.get("previous_secret")?,
            previous_secret_until: row.get("previous_secret_until")?,
            created_at: row.get("created_at")?,
            created_by: row.get("created_by")?,
            created_by_name: row.get("created_by_name")?,
            version: row.get("version")?,
        })
    }
}

/// Patterns as the column has them.
pub(super) fn patterns(json: &str) -> Vec<String> {
    serde_json::from_str(json).unwrap_or_default()
}

fn json(patterns: &[String]) -> Value {
    Value::from(serde_json::Value::from(patterns).to_string())
}

/// Adds one, unless its organization has `most` of them: then no row is added.
pub fn insert(webhook: &Webhook, most: i64) -> Statement {
    Statement::new(
        "INSERT INTO webhooks (id, organization, url, events, description, active, secret, created_at, created_by,
             created_by_name, version)
         SELECT ?1, ?2, ?3, ?4, ?5, 1, ?6, ?7, ?8, ?9, 1
         WHERE (SELECT count(*) FROM webhooks WHERE organization = ?2 AND deleted_at IS NULL) < ?10
             AND EXISTS (SELECT 1 FROM organizations WHERE number = ?2)",
        vec![
            Value::from(webhook.id.clone()),
            Value::from(webhook.organization),
            Value::from(webhook.settings.url.clone()),
            json(&webhook.settings.events),
            Value::from(webhook.settings.description.clone()),
            Value::from(webhook.secret.clone()),
            Value::from(webhook.created_at),
            Value::from(webhook.created_by.clone()),
            Value::from(webhook.created_by_name.clone()),
            Value::from(most),
        ],
    )
    .that_touches(Touch::Settings(webhook.id.clone()))
}

/// Gives the webhook as it was read other settings. One that is switched on, or goes elsewhere, begins anew: whatever
/// failed before is forgotten.
pub fn update(before: &Webhook, after: &Settings) -> Statement {
    Statement::new(
        "UPDATE webhooks SET url = ?3, events = ?4, description = ?5,
             disabled_reason = CASE WHEN ?6 = 1 THEN NULL WHEN active = 1 THEN 'user' ELSE disabled_reason END,
             failing_since = CASE WHEN (?6 = 1 AND active = 0) OR url <> ?3 THEN NULL ELSE failing_since END,
             active = ?6, version = version + 1
         WHERE id = ?1 AND version = ?2",
        vec![
            Value::from(before.id.clone()),
            Value::from(before.version),
            Value::from(after.url.clone()),
            json(&after.events),
            Value::from(after.description.clone()),
            Value::from(after.active),
        ],
    )
    .that_touches(Touch::Settings(before.id.clone()))
}

/// Gives the webhook as it was read another secret; the one it has signs too, until then, or is gone at once.
pub fn rotate(before: &Webhook, secret: &[u8], previous_until: Option<UnixMillis>) -> Statement {
    Statement::new(
        "UPDATE webhooks SET previous_secret = CASE WHEN ?4 IS NOT NULL THEN secret END, previous_secret_until = ?4,
             secret = ?3, version = version + 1
         WHERE id = ?1 AND version = ?2",
        vec![
            Value::from(before.id.clone()),
            Value::from(before.version),
            Value::from(secret.to_vec()),
            Value::from(previous_until),
        ],
    )
    .that_touches(Touch::Settings(before.id.clone()))
}

/// Wipes the secrets of before whose time was over by then.
pub fn wipe_previous_secrets(now: UnixMillis) -> Statement {
    Statement::new(
        "UPDATE webhooks SET previous_secret = NULL, previous_secret_until = NULL WHERE previous_secret_until <= ?1",
        vec![Value::from(now)],
    )
    .that_touches(Touch::All)
}

/// Whether there is such a secret.
pub fn any_previous_secret(reader: &Reader, now: UnixMillis) -> ReadResult<bool> {
    reader
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM webhooks WHERE previous_secret_until <= ?1)")?
        .query_row([now], |row| row.get(0))
}

/// What is left of a webhook that is removed, until its deliveries are gone too: they may be many, and go in batches.
macro_rules! remove {
    ($which:literal) => {
        concat!(
            "UPDATE webhooks SET deleted_at = ?1, active = 0, url = '', events = '[]', description = '', secret = x'',
                 previous_secret = NULL, previous_secret_until = NULL, created_by = NULL, created_by_name = '',
                 version = version + 1
             WHERE deleted_at IS NULL AND ",
            $which
        )
    };
}

/// Removes one: from now on nobody sees it, and nothing of it is sent. Its deliveries go later.
pub fn delete(organization: i64, id: &str, now: UnixMillis) -> Statement {
    Statement::new(
        remove!("organization = ?2 AND id = ?3"),
        vec![Value::from(now), Value::from(organization), Value::from(id.to_owned())],
    )
    .that_touches(Touch::Settings(id.to_owned()))
}

/// The same for all of an organization's.
pub(super) fn delete_of_organization(organization: i64, now: UnixMillis) -> Statement {
    Statement::new(remove!("organization = ?2"), vec![Value::from(now), Value::from(organization)])
        .that_touches(Touch::All)
}

/// One that is removed and still there, if there is any.
pub fn any_deleted(reader: &Reader) -> ReadResult<Option<String>> {
    reader
        .prepare_cached("SELECT id FROM webhooks WHERE deleted_at IS NOT NULL LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()
}

/// Forgets one that is removed, and all of whose deliveries are gone.
pub fn forget(id: &str) -> Statement {
    Statement::new(
        "DELETE FROM webhooks WHERE id = ?1 AND deleted_at IS NOT NULL
             AND NOT EXISTS (SELECT 1 FROM webhook_deliveries WHERE webhook = ?1)",
        vec![Value::from(id.to_owned())],
    )
}

/// Changes nothing, and one row of it, where the webhook is there.
pub fn still_there(organization: i64, id: &str) -> Statement {
    Statement::new(
        "UPDATE webhooks SET version = version WHERE organization = ?1 AND id = ?2 AND deleted_at IS NULL",
        vec![Value::from(organization), Value::from(id.to_owned())],
    )
}

/// Changes nothing, and one row of it, where the webhook is switched on.
pub fn still_active(organization: i64, id: &str) -> Statement {
    Statement::new(
        "UPDATE webhooks SET version = version WHERE organization = ?1 AND id = ?2 AND active = 1",
        vec![Value::from(organization), Value::from(id.to_owned())],
    )
}

/// Switches one off whose receiver is gone, while it still goes to this URL.
pub fn switch_off_gone(id: &str, url: &str) -> Statement {
    Statement::new(
        "UPDATE webhooks SET active = 0, disabled_reason = 'gone', version = version + 1
         WHERE id = ?1 AND url = ?2 AND active = 1",
        vec![Value::from(id.to_owned()), Value::from(url.to_owned())],
    )
    .that_touches(Touch::Settings(id.to_owned()))
}

/// Switches one off that has failed ever since `before` or longer, while it still goes to this URL.
pub fn switch_off_failing(id: &str, url: &str, before: UnixMillis) -> Statement {
    Statement::new(
        "UPDATE webhooks SET active = 0, disabled_reason = 'failing', version = version + 1
         WHERE id = ?1 AND url = ?2 AND active = 1 AND failing_since <= ?3",
        vec![Value::from(id.to_owned()), Value::from(url.to_owned()), Value::from(before)],
    )
    .that_touches(Touch::Settings(id.to_owned()))
}

/// Notes that an attempt at this URL has failed, unless one before it had, or it goes elsewhere by now.
pub fn failed(id: &str, url: &str, now: UnixMillis) -> Statement {
    Statement::new(
        "UPDATE webhooks SET failing_since = ?3
         WHERE id = ?1 AND url = ?2 AND active = 1 AND failing_since IS NULL",
        vec![Value::from(id.to_owned()), Value::from(url.to_owned()), Value::from(now)],
    )
}

/// Notes that an attempt at this URL has not failed.
pub fn succeeded(id: &str, url: &str) -> Statement {
    Statement::new(
        "UPDATE webhooks SET failing_since = NULL WHERE id = ?1 AND url = ?2 AND failing_since IS NOT NULL",
        vec![Value::from(id.to_owned()), Value::from(url.to_owned())],
    )
}

/// The one with this id in an organization.
pub fn by_id(reader: &Reader, organization: i64, id: &str) -> ReadResult<Option<Webhook>> {
    reader
        .prepare_cached("SELECT * FROM webhooks WHERE organization = ?1 AND id = ?2 AND deleted_at IS NULL")?
        .query_row((organization, id), Webhook::from_row)
        .optional()
}

/// The same, whosever it is, if it is switched on.
pub fn active(reader: &Reader, id: &str) -> ReadResult<Option<Webhook>> {
    reader
        .prepare_cached("SELECT * FROM webhooks WHERE id = ?1 AND active = 1")?
        .query_row([id], Webhook::from_row)
        .optional()
}

/// An organization's, the newest first; only those before this id (exclusive).
pub fn list(reader: &Reader, organization: i64, before: Option<&str>, limit: usize) -> ReadResult<Vec<Webhook>> {
    reader
        .prepare_cached(
            "SELECT * FROM webhooks WHERE organization = ?1 AND deleted_at IS NULL AND (?2 IS NULL OR id < ?2)
             ORDER BY id DESC LIMIT ?3",
        )?
        .query_map((organization, before, limit as i64), Webhook::from_row)?
        .collect()
}

/// The ids of all that are switched on, whosever they are.
pub fn all_active(reader: &Reader) -> ReadResult<Vec<String>> {
    reader.prepare_cached("SELECT id FROM webhooks WHERE active = 1")?.query_map([], |row| row.get(0))?.collect()
}
