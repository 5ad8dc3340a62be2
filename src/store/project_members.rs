//! `project_members`: with whom a project is shared.

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row};

use super::projects::Project;
use super::{ReadResult, Reader, Statement};
use crate::clock::UnixMillis;
use crate::role::Role;

/// What a project's member may do with it, as far as their role lets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum MemberAccess {
    Read,
    Write,
}

impl MemberAccess {
    /// The name in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            MemberAccess::Read => "read",
            MemberAccess::Write => "write",
        }
    }

    /// Reads a name.
    pub fn parse(text: &str) -> Option<MemberAccess> {
        [MemberAccess::Read, MemberAccess::Write].into_iter().find(|access| access.as_str() == text)
    }
}

/// Somebody with whom a project is shared.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ProjectMember {
    pub user: String,
    pub name: String,
    /// Their role in the organization now.
    pub role: Role,
    pub access: MemberAccess,
}

impl ProjectMember {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let (role, access): (String, String) = (row.get("role")?, row.get("access")?);
        Ok(ProjectMember {
            user: row.get("user")?,
            name: row.get("name")?,
            role: Role::parse(&role).unwrap_or(Role::Viewer),
            access: MemberAccess::parse(&access).unwrap_or(MemberAccess::Read),
        })
    }
}

/// Shares a project with a member of its organization who does not own it; a viewer gets no more than to read. Changes one
/// row; none where that does not hold, or where it is shared with them already.
pub fn insert(project: &Project, user: &str, access: MemberAccess, now: UnixMillis) -> Statement {
    Statement::new(
        "INSERT INTO project_members (project, user, organization, access, added_at)
         SELECT projects.id, memberships.user, memberships.organization, ?4, ?5
         FROM projects JOIN memberships ON memberships.organization = projects.organization
         WHERE projects.id = ?1 AND projects.organization = ?2 AND memberships.user = ?3
             AND projects.owner IS NOT memberships.user AND (memberships.role <> 'viewer' OR ?4 = 'read')
         ON CONFLICT DO NOTHING",
        vec![
            Value::from(project.id.clone()),
            Value::from(project.organization),
            Value::from(user.to_owned()),
            Value::from(access.as_str().to_owned()),
            Value::from(now),
        ],
    )
}

/// Changes what a member may do, if it still is what was read; a viewer gets no more than to read. Changes one row, or
/// none.
pub fn set_access(project: &Project, user: &str, before: MemberAccess, after: MemberAccess) -> Statement {
    Statement::new(
        "UPDATE project_members SET access = ?4
         WHERE project = ?1 AND user = ?2 AND access = ?3 AND (?4 = 'read' OR EXISTS (
             SELECT 1 FROM memberships WHERE memberships.organization = project_members.organization
                 AND memberships.user = project_members.user AND role <> 'viewer'))",
        vec![
            Value::from(project.id.clone()),
            Value::from(user.to_owned()),
            Value::from(before.as_str().to_owned()),
            Value::from(after.as_str().to_owned()),
        ],
    )
}

/// Ends one, if it still is what was read. Changes one row, or none.
pub fn delete(project: &Project, user: &str, before: MemberAccess) -> Statement {
    Statement::new(
        "DELETE FROM project_members WHERE project = ?1 AND user = ?2 AND access = ?3",
        vec![Value::from(project.id.clone()), Value::from(user.to_owned()), Value::from(before.as_str().to_owned())],
    )
}

/// What is shared of a project with a user, if anything is.
pub fn access_of(reader: &Reader, project: &str, user: &str) -> ReadResult<Option<MemberAccess>> {
    let access: Option<String> = reader
        .prepare_cached("SELECT access FROM project_members WHERE project = ?1 AND user = ?2")?
        .query_row((project, user), |row| row.get(0))
        .optional()?;
    Ok(access.as_deref().and_then(MemberAccess::parse))
}

/// Changes nothing, and one row of who belongs to the organization, where nothing of it is shared with this user.
pub fn require_none(organization: i64, user: &str) -> Statement {
    Statement::new(
        "UPDATE memberships SET role = role
         WHERE organization = ?1 AND user = ?2
             AND NOT EXISTS (SELECT 1 FROM project_members WHERE organization = ?1 AND user = ?2)",
        vec![Value::from(organization), Value::from(user.to_owned())],
    )
}

/// What of an organization is shared with a user.
pub fn of_user(reader: &Reader, organization: i64, user: &str) -> ReadResult<Vec<(Project, MemberAccess)>> {
    let mut statement = reader.prepare_cached(
        "SELECT projects.*, access FROM project_members JOIN projects ON projects.id = project_members.project
         WHERE project_members.organization = ?1 AND user = ?2 ORDER BY project",
    )?;
    let rows = statement.query_map((organization, user), |row| {
        let access: String = row.get("access")?;
        Ok((Project::from_row(row)?, MemberAccess::parse(&access).unwrap_or(MemberAccess::Read)))
    })?;
    rows.collect()
}

/// The members of a project, the first added first.
pub fn of_project(reader: &Reader, project: &str) -> ReadResult<Vec<ProjectMember>> {
    let mut statement = reader.prepare_cached(
        "SELECT project_members.user, users.name, memberships.role, access
         FROM project_members JOIN users ON users.id = project_members.user
             JOIN memberships ON memberships.organization = project_members.organization
                 AND memberships.user = project_members.user
         WHERE project = ?1 ORDER BY added_at, project_members.user",
    )?;
    let rows = statement.query_map([project], ProjectMember::from_row)?;
    rows.collect()
}
