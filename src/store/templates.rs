//! `templates`: PRDs to begin with.

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row};

use super::{ReadResult, Reader, Statement};
use crate::clock::UnixMillis;

/// One template, without its PRD.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Template {
    pub id: String,
    /// An organization's number.
    pub organization: i64,
    pub name: String,
    pub description: String,
    /// Counts its changes.
    pub version: i64,
    pub created_at: UnixMillis,
    pub updated_at: UnixMillis,
    /// The length of the PRD.
    pub bytes: i64,
}

impl Template {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Template {
            id: row.get("id")?,
            organization: row.get("organization")?,
            name: row.get("name")?,
            description: row.get("description")?,
            version: row.get("version")?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
            bytes: row.get("bytes")?,
        })
    }
}

/// Adds one.
pub fn insert(template: &Template, prd: &str) -> Statement {
    Statement::new(
        "INSERT INTO templates (id, organization, name, description, version, created_at, updated_at, bytes, prd)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        vec![
            Value::from(template.id.clone()),
            Value::from(template.organization),
            Value::from(template.name.clone()),
            Value::from(template.description.clone()),
            Value::from(template.version),
            Value::from(template.created_at),
            Value::from(template.updated_at),
            Value::from(template.bytes),
            Value::from(prd.to_owned()),
        ],
    )
}

/// Writes what one is now, if it still is of the version before. Changes one row, or none.
pub fn update(after: &Template, prd: &str) -> Statement {
    Statement::new(
        "UPDATE templates SET name = ?3, description = ?4, version = ?5, updated_at = ?6, bytes = ?7, prd = ?8
         WHERE id = ?1 AND organization = ?2 AND version = ?5 - 1",
        vec![
            Value::from(after.id.clone()),
            Value::from(after.organization),
            Value::from(after.name.clone()),
            Value::from(after.description.clone()),
            Value::from(after.version),
            Value::from(after.updated_at),
            Value::from(after.bytes),
            Value::from(prd.to_owned()),
        ],
    )
}

/// Removes one, if it still is of this version; `None` = whichever. Changes one row, or none.
pub fn delete(template: &Template, version: Option<i64>) -> Statement {
    Statement::new(
        "DELETE FROM templates WHERE id = ?1 AND organization = ?2 AND (?3 IS NULL OR version = ?3)",
        vec![Value::from(template.id.clone()), Value::from(template.organization), Value::from(version)],
    )
}

/// The one with this id, and its PRD.
pub fn by_id(reader: &Reader, organization: i64, id: &str) -> ReadResult<Option<(Template, String)>> {
    reader
        .prepare_cached("SELECT * FROM templates WHERE organization = ?1 AND id = ?2")?
        .query_row((organization, id), |row| Ok((Template::from_row(row)?, row.get("prd")?)))
        .optional()
}

/// The newest templates first; only those before this id (exclusive).
pub fn list(reader: &Reader, organization: i64, before: Option<&str>, limit: usize) -> ReadResult<Vec<Template>> {
    let mut statement = reader.prepare_cached(
        "SELECT id, organization, name, description, version, created_at, updated_at, bytes FROM templates
         WHERE organization = ?1 AND (?2 IS NULL OR id < ?2) ORDER BY id DESC LIMIT ?3",
    )?;
    let rows = statement.query_map((organization, before, limit as i64), Template::from_row)?;
    rows.collect()
}
