//! `widgets`: what lets a customer's page call the API behind the gate.

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row};

use super::{ReadResult, Reader, Statement, facts};
use crate::clock::UnixMillis;

/// What a widget may be changed in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Settings {
    pub name: String,
    /// Each in its one spelling; none = any origin.
    pub allowed_origins: Vec<String>,
    pub require_identity: bool,
    /// The id of a webhook, whose secret is used in place of the widget's own.
    pub webhook: Option<String>,
    pub requests_per_minute: u32,
}

/// One widget, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Widget {
    pub number: i64,
    pub id: String,
    /// An organization's number.
    pub organization: i64,
    pub settings: Settings,
    pub created_at: UnixMillis,
    pub updated_at: UnixMillis,
    pub version: i64,
}

impl Widget {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let origins: String = row.get("allowed_origins")?;
        // A list that does not read must not become "any origin".
        let allowed_origins = serde_json::from_str(&origins)
            .map_err(|cause| rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, cause.into()))?;
        Ok(Widget {
            number: row.get("number")?,
            id: row.get("id")?,
            organization: row.get("organization")?,
            settings: Settings {
                name: row.get("name")?,
                allowed_origins,
                require_identity: row.get("require_identity")?,
                webhook: row.get("webhook")?,
                requests_per_minute: row.get("requests_per_minute")?,
            },
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
            version: row.get("version")?,
        })
    }
}

fn text_of(origins: &[String]) -> Value {
    Value::from(serde_json::Value::from(origins).to_string())
}

/// Adds one, with its own secret, sealed. Changes one row; none where its webhook is not its organization's.
pub fn insert(widget: &Widget, sealed: Vec<u8>) -> Statement {
    let settings = &widget.settings;
    Statement::new(
        "INSERT INTO widgets (number, id, organization, name, allowed_origins, require_identity, webhook,
             requests_per_minute, sealed, created_at, updated_at, version)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, 1
         WHERE ?7 IS NULL OR EXISTS (
             SELECT 1 FROM webhooks WHERE id = ?7 AND organization = ?3 AND deleted_at IS NULL)",
        vec![
            Value::from(widget.number),
            Value::from(widget.id.clone()),
            Value::from(widget.organization),
            Value::from(settings.name.clone()),
            text_of(&settings.allowed_origins),
            Value::from(settings.require_identity),
            Value::from(settings.webhook.clone()),
            Value::from(i64::from(settings.requests_per_minute)),
            Value::from(sealed),
            Value::from(widget.created_at),
        ],
    )
}

/// Changes the settings of the widget as it was read (`widget.version`), while its webhook is its organization's.
pub fn update(widget: &Widget, settings: &Settings, now: UnixMillis) -> Statement {
    Statement::new(
        "UPDATE widgets SET name = ?3, allowed_origins = ?4, require_identity = ?5, webhook = ?6,
             requests_per_minute = ?7, updated_at = ?8, version = version + 1
         WHERE number = ?1 AND version = ?2 AND (?6 IS NULL OR EXISTS (
             SELECT 1 FROM webhooks
             WHERE id = ?6 AND webhooks.organization = widgets.organization AND deleted_at IS NULL))",
        vec![
            Value::from(widget.number),
            Value::from(widget.version),
            Value::from(settings.name.clone()),
            text_of(&settings.allowed_origins),
            Value::from(settings.require_identity),
            Value::from(settings.webhook.clone()),
            Value::from(i64::from(settings.requests_per_minute)),
            Value::from(now),
        ],
    )
}

/// Gives the widget as it was read another secret of its own.
pub fn rotate(widget: &Widget, sealed: Vec<u8>, now: UnixMillis) -> Statement {
    Statement::new(
        "UPDATE widgets SET sealed = ?3, updated_at = ?4, version = version + 1 WHERE number = ?1 AND version = ?2",
        vec![Value::from(widget.number), Value::from(widget.version), Value::from(sealed), Value::from(now)],
    )
}

/// Notes that the secret of a webhook has changed under the widgets that use it.
pub fn note_secret_of_webhook(webhook: &str) -> Statement {
    Statement::new("UPDATE widgets SET version = version + 1 WHERE webhook = ?1", vec![Value::from(webhook.to_owned())])
}

/// Changes nothing, and one row of it, where no widget uses the secret of an organization's webhook.
pub fn none_uses_webhook(organization: i64, webhook: &str) -> Statement {
    Statement::new(
        "UPDATE organizations SET name = name
         WHERE number = ?1 AND NOT EXISTS (SELECT 1 FROM widgets WHERE webhook = ?2)",
        vec![Value::from(organization), Value::from(webhook.to_owned())],
    )
}

/// Removes one with its sessions. Its number is never given out again: the ledger goes on to speak of it. The last
/// statement changes one row, or none.
pub fn delete(number: i64) -> [Statement; 2] {
    [facts::keep_greatest_number(), Statement::new("DELETE FROM widgets WHERE number = ?1", vec![Value::from(number)])]
}

/// The one with this id in this organization.
pub fn by_id(reader: &Reader, organization: i64, id: &str) -> ReadResult<Option<Widget>> {
    reader
        .prepare_cached("SELECT * FROM widgets WHERE id = ?1 AND organization = ?2")?
        .query_row((id, organization), Widget::from_row)
        .optional()
}

/// The one with this id, whichever organization's: a page knows nothing else of it.
pub fn by_id_anywhere(reader: &Reader, id: &str) -> ReadResult<Option<Widget>> {
    reader.prepare_cached("SELECT * FROM widgets WHERE id = ?1")?.query_row([id], Widget::from_row).optional()
}

/// The one with this number.
pub fn by_number(reader: &Reader, number: i64) -> ReadResult<Option<Widget>> {
    reader.prepare_cached("SELECT * FROM widgets WHERE number = ?1")?.query_row([number], Widget::from_row).optional()
}

/// The secret of its own, sealed; `None` where there is no such widget.
pub fn sealed(reader: &Reader, number: i64) -> ReadResult<Option<Vec<u8>>> {
    reader
        .prepare_cached("SELECT sealed FROM widgets WHERE number = ?1")?
        .query_row([number], |row| row.get(0))
        .optional()
}

/// The newest first; only those before this number (exclusive).
pub fn list(reader: &Reader, organization: i64, before: Option<i64>, limit: usize) -> ReadResult<Vec<Widget>> {
    let mut statement = reader.prepare_cached(
        "SELECT * FROM widgets WHERE organization = ?1 AND number < ?2 ORDER BY number DESC LIMIT ?3",
    )?;
    let rows = statement.query_map((organization, before.unwrap_or(i64::MAX), limit as i64), Widget::from_row)?;
    rows.collect()
}
