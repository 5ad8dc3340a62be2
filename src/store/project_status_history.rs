//! `project_status_history`: which status a project had when, and who gave it.

use rusqlite::Row;
use rusqlite::types::Value;

use super::audit_log::Party;
use super::projects::{Project, ProjectStatus};
use super::{ReadResult, Reader, Statement};
use crate::clock::UnixMillis;

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct StatusChange {
    pub at: UnixMillis,
    /// `None` = the project was made with this status.
    pub before: Option<ProjectStatus>,
    pub status: ProjectStatus,
    pub note: Option<String>,
    pub changed_by: Party,
}

impl StatusChange {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<(i64, Self)> {
        let (before, status): (Option<String>, String) = (row.get("before")?, row.get("status")?);
        let change = StatusChange {
            at: row.get("at")?,
            before: before.as_deref().and_then(ProjectStatus::parse),
            status: ProjectStatus::parse(&status).unwrap_or(ProjectStatus::Archived),
            note: row.get("note")?,
            changed_by: Party {
                kind: row.get("changed_kind")?,
                id: row.get("changed_by")?,
                name: row.get("changed_name")?,
            },
        };
        Ok((row.get("number")?, change))
    }
}

/// Notes a change. Its place is the version that the project has by then; so it comes after what made the change.
pub fn insert(project: &Project, change: &StatusChange) -> Statement {
    Statement::new(
        "INSERT INTO project_status_history (project, number, at, before, status, note, changed_kind, changed_by,
             changed_name)
         SELECT id, version, ?2, ?3, ?4, ?5, ?6, ?7, ?8 FROM projects WHERE id = ?1",
        vec![
            Value::from(project.id.clone()),
            Value::from(change.at),
            Value::from(change.before.map(|status| status.as_str().to_owned())),
            Value::from(change.status.as_str().to_owned()),
            Value::from(change.note.clone()),
            Value::from(change.changed_by.kind.clone()),
            Value::from(change.changed_by.id.clone()),
            Value::from(change.changed_by.name.clone()),
        ],
    )
}

/// The changes of a project's status, the newest first, with their places; only those before this place (exclusive).
pub fn list(reader: &Reader, project: &str, before: Option<i64>, limit: usize) -> ReadResult<Vec<(i64, StatusChange)>> {
    let mut statement = reader.prepare_cached(
        "SELECT * FROM project_status_history WHERE project = ?1 AND number < ?2 ORDER BY number DESC LIMIT ?3",
    )?;
    let rows = statement.query_map((project, before.unwrap_or(i64::MAX), limit as i64), StatusChange::from_row)?;
    rows.collect()
}
