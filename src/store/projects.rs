//! `projects`: what an organization works on, and whose each is.

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row};

use super::{ReadResult, Reader, Statement};
use crate::clock::UnixMillis;

/// Where a project stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ProjectStatus {
    Draft,
    Active,
    Paused,
    Done,
    Archived,
}

impl ProjectStatus {
    /// All of them.
    pub const ALL: [ProjectStatus; 5] = [
        ProjectStatus::Draft,
        ProjectStatus::Active,
        ProjectStatus::Paused,
        ProjectStatus::Done,
        ProjectStatus::Archived,
    ];

    /// The name in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            ProjectStatus::Draft => "draft",
            ProjectStatus::Active => "active",
            ProjectStatus::Paused => "paused",
            ProjectStatus::Done => "done",
            ProjectStatus::Archived => "archived",
        }
    }

    /// Reads a name.
    pub fn parse(text: &str) -> Option<ProjectStatus> {
        ProjectStatus::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// One project.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Project {
    pub id: String,
    /// An organization's number.
    pub organization: i64,
    pub name: String,
    pub description: String,
    pub status: ProjectStatus,
    /// A user's id; `None` = the organization.
    pub owner: Option<String>,
    /// What the owner was called when the project was made.
    pub owner_name: String,
    /// Counts the changes of name, description, status and members.
    pub version: i64,
    pub created_at: UnixMillis,
    /// The last change of any kind, the PRD's too.
    pub updated_at: UnixMillis,
}

impl Project {
    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let status: String = row.get("status")?;
        Ok(Project {
            id: row.get("id")?,
            organization: row.get("organization")?,
            name: row.get("name")?,
            description: row.get("description")?,
            status: ProjectStatus::parse(&status).unwrap_or(ProjectStatus::Archived),
            owner: row.get("owner")?,
            owner_name: row.get("owner_name")?,
            version: row.get("version")?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }
}

/// Adds one.
pub fn insert(project: &Project) -> Statement {
    Statement::new(
        "INSERT INTO projects (id, organization, name, description, status, owner, owner_name, version, created_at,
             updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        vec![
            Value::from(project.id.clone()),
            Value::from(project.organization),
            Value::from(project.name.clone()),
            Value::from(project.description.clone()),
            Value::from(project.status.as_str().to_owned()),
            Value::from(project.owner.clone()),
            Value::from(project.owner_name.clone()),
            Value::from(project.version),
            Value::from(project.created_at),
            Value::from(project.updated_at),
        ],
    )
}

/// That whoever changes a project (`?3`) still owns it or may write to it; NULL stands on neither.
macro_rules! writer_still_may {
    () => {
        " AND (?3 IS NULL OR owner = ?3 OR EXISTS (
             SELECT 1 FROM project_members WHERE project = projects.id AND user = ?3 AND access = 'write'))"
    };
}

fn by(project: &Project, writer: Option<&str>) -> Vec<Value> {
    vec![Value::from(project.id.clone()), Value::from(project.organization), Value::from(writer.map(str::to_owned))]
}

/// Gives one another name and description, if it still is of the version that was read. Changes one row, or none.
pub fn update(before: &Project, after: &Project) -> Statement {
    Statement::new(
        "UPDATE projects SET name = ?4, description = ?5, version = version + 1, updated_at = ?6
         WHERE id = ?1 AND organization = ?2 AND version = ?3",
        vec![
            Value::from(before.id.clone()),
            Value::from(before.organization),
            Value::from(before.version),
            Value::from(after.name.clone()),
            Value::from(after.description.clone()),
            Value::from(after.updated_at),
        ],
    )
}

/// Gives one another status, if it still has the one that was read, and is of this version (`None` = whichever). Changes
/// one row, or none.
pub fn set_status(project: &Project, version: Option<i64>, status: ProjectStatus, now: UnixMillis) -> Statement {
    Statement::new(
        "UPDATE projects SET status = ?4, version = version + 1, updated_at = ?5
         WHERE id = ?1 AND organization = ?2 AND status = ?3 AND (?6 IS NULL OR version = ?6)",
        vec![
            Value::from(project.id.clone()),
            Value::from(project.organization),
            Value::from(project.status.as_str().to_owned()),
            Value::from(status.as_str().to_owned()),
            Value::from(now),
            Value::from(version),
        ],
    )
}

/// Changes nothing, and one row of it, where this writer may still change the project. `None` is somebody who needs no
/// more than their role.
pub fn require_writer(project: &Project, writer: Option<&str>) -> Statement {
    Statement::new(
        concat!("UPDATE projects SET name = name WHERE id = ?1 AND organization = ?2", writer_still_may!()),
        by(project, writer),
    )
}

/// Notes that something of it was changed that its version counts, if it still is of this version (`None` = whichever).
/// Changes one row, or none.
pub fn count_change(project: &Project, version: Option<i64>, now: UnixMillis) -> Statement {
    Statement::new(
        "UPDATE projects SET version = version + 1, updated_at = ?3
         WHERE id = ?1 AND organization = ?2 AND (?4 IS NULL OR version = ?4)",
        vec![
            Value::from(project.id.clone()),
            Value::from(project.organization),
            Value::from(now),
            Value::from(version),
        ],
    )
}

/// Notes that something of it was changed that has a version of its own.
pub fn touch(project: &Project, now: UnixMillis) -> Statement {
    Statement::new(
        "UPDATE projects SET updated_at = ?3 WHERE id = ?1 AND organization = ?2",
        vec![Value::from(project.id.clone()), Value::from(project.organization), Value::from(now)],
    )
}

/// Removes one with all that is of it, if it still is of this version (`None` = whichever). Changes one row, or none.
pub fn delete(project: &Project, version: Option<i64>) -> Statement {
    Statement::new(
        "DELETE FROM projects WHERE id = ?1 AND organization = ?2 AND (?3 IS NULL OR version = ?3)",
        vec![Value::from(project.id.clone()), Value::from(project.organization), Value::from(version)],
    )
}

/// The one with this id.
pub fn by_id(reader: &Reader, organization: i64, id: &str) -> ReadResult<Option<Project>> {
    reader
        .prepare_cached("SELECT * FROM projects WHERE organization = ?1 AND id = ?2")?
        .query_row((organization, id), Project::from_row)
        .optional()
}

/// Whose projects are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Whose {
    /// Everybody's.
    #[default]
    All,
    /// A user's own, and those that are shared with them.
    User(String),
    /// Those that the organization itself owns.
    Organization,
    /// None.
    Nobody,
}

/// Which projects of one organization are wanted.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// The organization's number.
    pub organization: i64,
    /// By whom they may be seen.
    pub whose: Whose,
    /// Those of one status.
    pub status: Option<ProjectStatus>,
    /// In the name or the description.
    pub text: Option<String>,
    /// Only those before this id (exclusive).
    pub before: Option<String>,
}

/// The newest projects first.
pub fn list(reader: &Reader, filter: &Filter, limit: usize) -> ReadResult<Vec<Project>> {
    let mut sql = String::from("SELECT * FROM projects WHERE organization = ?1");
    let mut values = vec![Value::from(filter.organization)];
    let mut and = |condition: &str, value: Value| {
        values.push(value);
        sql.push_str(&condition.replace('#', &format!("?{}", values.len())));
    };
    match &filter.whose {
        Whose::All => {}
        // Not as an OR of both: for that, all projects of the organization would be read.
        Whose::User(user) => and(
            " AND id IN (SELECT id FROM projects WHERE organization = ?1 AND owner = #
                 UNION ALL SELECT project FROM project_members WHERE organization = ?1 AND user = #)",
            Value::from(user.clone()),
        ),
        Whose::Organization => and(" AND owner IS #", Value::Null),
        Whose::Nobody => return Ok(Vec::new()),
    }
    if let Some(status) = filter.status {
        and(" AND status = #", Value::from(status.as_str().to_owned()));
    }
    if let Some(text) = &filter.text {
        and(" AND (instr(lower(name), #) OR instr(lower(description), #))", Value::from(text.to_ascii_lowercase()));
    }
    if let Some(before) = &filter.before {
        and(" AND id < #", Value::from(before.clone()));
    }
    and(" ORDER BY id DESC LIMIT #", Value::from(limit as i64));
    let mut statement = reader.prepare_cached(&sql)?;
    let rows = statement.query_map(rusqlite::params_from_iter(values), Project::from_row)?;
    rows.collect()
}
