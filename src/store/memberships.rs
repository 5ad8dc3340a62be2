//! `memberships`: who belongs to which organization, in which role.

use rusqlite::OptionalExtension;
use rusqlite::types::Value;

use super::{ReadResult, Reader, Statement};
use crate::clock::UnixMillis;
use crate::role::Role;

/// One of a user's organizations.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Membership {
    pub organization_number: i64,
    pub organization_id: String,
    pub organization_name: String,
    pub role: Role,
}

/// Adds one.
pub fn insert(organization: i64, user: &str, role: Role, now: UnixMillis) -> Statement {
    Statement::new(
        "INSERT INTO memberships (organization, user, role, joined_at) VALUES (?1, ?2, ?3, ?4)",
        vec![
            Value::from(organization),
            Value::from(user.to_owned()),
            Value::from(role.as_str().to_owned()),
            Value::from(now),
        ],
    )
}

/// Lets a user go, unless they are the organization's last owner.
pub fn leave(organization: i64, user: &str) -> Statement {
    Statement::new(
        "DELETE FROM memberships
         WHERE organization = ?1 AND user = ?2
           AND (role <> 'owner' OR EXISTS (
                    SELECT 1 FROM memberships WHERE organization = ?1 AND user <> ?2 AND role = 'owner'))",
        vec![Value::from(organization), Value::from(user.to_owned())],
    )
}

/// Whether a user is an organization's only member.
pub fn is_only_member(reader: &Reader, organization: i64, user: &str) -> ReadResult<bool> {
    reader
        .prepare_cached("SELECT NOT EXISTS (SELECT 1 FROM memberships WHERE organization = ?1 AND user <> ?2)")?
        .query_row((organization, user), |row| row.get(0))
}

/// A user's role in an organization now; `None` where they are no member, or are disabled.
pub fn role_of(reader: &Reader, organization: i64, user: &str) -> ReadResult<Option<Role>> {
    let role: Option<String> = reader
        .prepare_cached(
            "SELECT role FROM memberships JOIN users ON users.id = memberships.user
             WHERE organization = ?1 AND user = ?2 AND users.disabled_at IS NULL",
        )?
        .query_row((organization, user), |row| row.get(0))
        .optional()?;
    Ok(role.as_deref().and_then(Role::parse))
}

/// The organizations of a user, the first joined first.
pub fn of_user(reader: &Reader, user: &str) -> ReadResult<Vec<Membership>> {
    let mut statement = reader.prepare_cached(
        "SELECT organizations.number, organizations.id, organizations.name, role
         FROM memberships JOIN organizations ON organizations.number = memberships.organization
         WHERE user = ?1 ORDER BY joined_at, organizations.number",
    )?;
    let rows = statement.query_map([user], |row| {
        let role: String = row.get(3)?;
        Ok(Membership {
            organization_number: row.get(0)?,
            organization_id: row.get(1)?,
            organization_name: row.get(2)?,
            role: Role::parse(&role).unwrap_or(Role::Viewer),
        })
    })?;
    rows.collect()
}

/// Whether anybody owns any organization, that is, whether setup is done.
pub fn any_owner(reader: &Reader) -> ReadResult<bool> {
    reader.query_row("SELECT EXISTS (SELECT 1 FROM memberships WHERE role = 'owner')", [], |row| row.get(0))
}
