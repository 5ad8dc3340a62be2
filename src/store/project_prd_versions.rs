//! `project_prd_versions`: every version of every PRD.

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row};

use super::audit_log::Party;
use super::projects::Project;
use super::{ReadResult, Reader, Statement};
use crate::clock::UnixMillis;

/// One version, without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct PrdVersion {
    pub version: i64,
    /// The length of the content.
    pub bytes: i64,
    pub written_at: UnixMillis,
    pub written_by: Party,
}

impl PrdVersion {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(PrdVersion {
            version: row.get("version")?,
            bytes: row.get("bytes")?,
            written_at: row.get("written_at")?,
            written_by: Party {
                kind: row.get("written_kind")?,
                id: row.get("written_by")?,
                name: row.get("written_name")?,
            },
        })
    }

    fn with_content(row: &Row<'_>) -> rusqlite::Result<(Self, String)> {
        Ok((PrdVersion::from_row(row)?, row.get("content")?))
    }
}

/// Adds the version that follows `version.version - 1`; it adds none where that is not the newest any more.
pub fn insert_next(project: &Project, version: &PrdVersion, content: &str) -> Statement {
    Statement::new(
        "INSERT INTO project_prd_versions (project, version, bytes, written_at, written_kind, written_by, written_name,
             content)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8
         WHERE ?2 = 1 + (SELECT coalesce(max(version), 0) FROM project_prd_versions WHERE project = ?1)",
        vec![
            Value::from(project.id.clone()),
            Value::from(version.version),
            Value::from(version.bytes),
            Value::from(version.written_at),
            Value::from(version.written_by.kind.clone()),
            Value::from(version.written_by.id.clone()),
            Value::from(version.written_by.name.clone()),
            Value::from(content.to_owned()),
        ],
    )
}

/// Makes a template of the project's organization its first version. Changes one row, or none where there is no such
/// template.
pub fn insert_from_template(project: &Project, template: &str, by: &Party) -> Statement {
    Statement::new(
        "INSERT INTO project_prd_versions (project, version, bytes, written_at, written_kind, written_by, written_name,
             content)
         SELECT ?1, 1, bytes, ?4, ?5, ?6, ?7, prd FROM templates WHERE id = ?3 AND organization = ?2",
        vec![
            Value::from(project.id.clone()),
            Value::from(project.organization),
            Value::from(template.to_owned()),
            Value::from(project.created_at),
            Value::from(by.kind.clone()),
            Value::from(by.id.clone()),
            Value::from(by.name.clone()),
        ],
    )
}

/// One version without its content, the newest where none is named.
pub fn head(reader: &Reader, project: &str, version: Option<i64>) -> ReadResult<Option<PrdVersion>> {
    let found = list(reader, project, version.map(|version| version.saturating_add(1)), 1)?.pop();
    Ok(found.map(|(_, found)| found).filter(|found| version.is_none_or(|version| version == found.version)))
}

/// The newest version and its content; `None` where nothing was written yet.
pub fn newest(reader: &Reader, project: &str) -> ReadResult<Option<(PrdVersion, String)>> {
    reader
        .prepare_cached("SELECT * FROM project_prd_versions WHERE project = ?1 ORDER BY version DESC LIMIT 1")?
        .query_row([project], PrdVersion::with_content)
        .optional()
}

/// One version and its content.
pub fn by_version(reader: &Reader, project: &str, version: i64) -> ReadResult<Option<(PrdVersion, String)>> {
    reader
        .prepare_cached("SELECT * FROM project_prd_versions WHERE project = ?1 AND version = ?2")?
        .query_row((project, version), PrdVersion::with_content)
        .optional()
}

/// The versions of a PRD, the newest first; only those before this one (exclusive).
pub fn list(reader: &Reader, project: &str, before: Option<i64>, limit: usize) -> ReadResult<Vec<(i64, PrdVersion)>> {
    let mut statement = reader.prepare_cached(
        "SELECT version, bytes, written_at, written_kind, written_by, written_name FROM project_prd_versions
         WHERE project = ?1 AND version < ?2 ORDER BY version DESC LIMIT ?3",
    )?;
    let rows = statement.query_map((project, before.unwrap_or(i64::MAX), limit as i64), |row| {
        let version = PrdVersion::from_row(row)?;
        Ok((version.version, version))
    })?;
    rows.collect()
}
