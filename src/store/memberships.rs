//! `memberships`: who belongs to which organization, in which role.

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row};

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

impl Membership {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let role: String = row.get(3)?;
        Ok(Membership {
            organization_number: row.get(0)?,
            organization_id: row.get(1)?,
            organization_name: row.get(2)?,
            role: Role::parse(&role).unwrap_or(Role::Viewer),
        })
    }
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

/// Adds one, unless it is there. Changes one row, or none.
pub fn join(organization: i64, user: &str, role: Role, now: UnixMillis) -> Statement {
    Statement::new(
        "INSERT INTO memberships (organization, user, role, joined_at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
        vec![
            Value::from(organization),
            Value::from(user.to_owned()),
            Value::from(role.as_str().to_owned()),
            Value::from(now),
        ],
    )
}

/// The order of the roles' powers, in SQL.
macro_rules! rank {
    ($role:literal) => {
        concat!("CASE ", $role, " WHEN 'owner' THEN 3 WHEN 'admin' THEN 2 WHEN 'member' THEN 1 ELSE 0 END")
    };
}
pub(super) use rank;

/// A role's place in that order.
pub(super) fn rank_of(role: Role) -> i64 {
    role as i64
}

/// Changes nothing, but one row if the user still has at least this role and is not disabled, and none otherwise: what
/// somebody was allowed when they asked, they must still be allowed when it is done.
pub fn still_at_least(organization: i64, user: &str, role: Role) -> Statement {
    Statement::new(
        concat!(
            "UPDATE memberships SET role = role WHERE organization = ?1 AND user = ?2 AND ",
            rank!("role"),
            " >= ?3 AND EXISTS (SELECT 1 FROM users WHERE id = ?2 AND disabled_at IS NULL)"
        ),
        vec![Value::from(organization), Value::from(user.to_owned()), Value::from(rank_of(role))],
    )
}

/// The same for exactly this role, disabled or not: that a row is as it was read.
pub fn still(organization: i64, user: &str, role: Role) -> Statement {
    Statement::new(
        "UPDATE memberships SET role = role WHERE organization = ?1 AND user = ?2 AND role = ?3",
        vec![Value::from(organization), Value::from(user.to_owned()), Value::from(role.as_str().to_owned())],
    )
}

/// That somebody other than `?2` owns organization `?1`, and can still sign in.
macro_rules! another_owner {
    () => {
        "EXISTS (SELECT 1 FROM memberships AS other JOIN users ON users.id = other.user
             WHERE other.organization = ?1 AND other.role = 'owner' AND other.user <> ?2 AND users.disabled_at IS NULL)"
    };
}

/// Changes a role. The last owner's stays: then no row is changed.
pub fn set_role(organization: i64, user: &str, role: Role) -> Statement {
    Statement::new(
        concat!(
            "UPDATE memberships SET role = ?3
             WHERE organization = ?1 AND user = ?2 AND (role <> 'owner' OR ?3 = 'owner' OR ",
            another_owner!(),
            ")"
        ),
        vec![Value::from(organization), Value::from(user.to_owned()), Value::from(role.as_str().to_owned())],
    )
}

/// Removes one. The last owner stays: then no row is removed.
pub fn delete(organization: i64, user: &str) -> Statement {
    Statement::new(
        concat!(
            "DELETE FROM memberships WHERE organization = ?1 AND user = ?2 AND (role <> 'owner' OR ",
            another_owner!(),
            ")"
        ),
        vec![Value::from(organization), Value::from(user.to_owned())],
    )
}

/// How many members an organization has.
pub fn count(reader: &Reader, organization: i64) -> ReadResult<i64> {
    reader
        .prepare_cached("SELECT count(*) FROM memberships WHERE organization = ?1")?
        .query_row([organization], |row| row.get(0))
}

/// Whether a user is an organization's only member.
pub fn is_only_member(reader: &Reader, organization: i64, user: &str) -> ReadResult<bool> {
    reader
        .prepare_cached("SELECT NOT EXISTS (SELECT 1 FROM memberships WHERE organization = ?1 AND user <> ?2)")?
        .query_row((organization, user), |row| row.get(0))
}

/// Notes that a member was there.
pub fn seen(organization: i64, user: &str, now: UnixMillis) -> Statement {
    Statement::new(
        "UPDATE memberships SET last_seen_at = ?3
         WHERE organization = ?1 AND user = ?2 AND coalesce(last_seen_at, 0) < ?3",
        vec![Value::from(organization), Value::from(user.to_owned()), Value::from(now)],
    )
}

/// One member of an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Member {
    pub user: String,
    pub name: String,
    pub email: String,
    pub timezone: String,
    pub role: Role,
    pub joined_at: UnixMillis,
    pub last_seen_at: Option<UnixMillis>,
    pub disabled: bool,
}

impl Member {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let role: String = row.get("role")?;
        Ok(Member {
            user: row.get("user")?,
            name: row.get("name")?,
            email: row.get("email")?,
            timezone: row.get("timezone")?,
            role: Role::parse(&role).unwrap_or(Role::Viewer),
            joined_at: row.get("joined_at")?,
            last_seen_at: row.get("last_seen_at")?,
            disabled: row.get("disabled")?,
        })
    }
}

/// The columns of a [`Member`], and where they stand.
macro_rules! members {
    ($rest:literal) => {
        concat!(
            "SELECT user, name, email, timezone, role, joined_at, last_seen_at, disabled_at IS NOT NULL AS disabled
             FROM memberships JOIN users ON users.id = memberships.user ",
            $rest
        )
    };
}

/// The member of this id.
pub fn member(reader: &Reader, organization: i64, user: &str) -> ReadResult<Option<Member>> {
    reader
        .prepare_cached(members!("WHERE organization = ?1 AND user = ?2"))?
        .query_row((organization, user), Member::from_row)
        .optional()
}

/// Members, who joined last first; only those before this time and id (exclusive).
pub fn list(
    reader: &Reader,
    organization: i64,
    before: Option<(UnixMillis, &str)>,
    limit: usize,
) -> ReadResult<Vec<Member>> {
    let (at, user) = before.unwrap_or((UnixMillis::MAX, ""));
    let mut statement = reader.prepare_cached(members!(
        "WHERE organization = ?1 AND (joined_at, user) < (?2, ?3) ORDER BY joined_at DESC, user DESC LIMIT ?4"
    ))?;
    let rows = statement.query_map((organization, at, user, limit as i64), Member::from_row)?;
    rows.collect()
}

/// Those who look after an organization, and can sign in: its owners and admins.
pub fn administrators(reader: &Reader, organization: i64) -> ReadResult<Vec<Member>> {
    let mut statement = reader
        .prepare_cached(members!("WHERE organization = ?1 AND role IN ('owner', 'admin') AND disabled_at IS NULL"))?;
    let rows = statement.query_map([organization], Member::from_row)?;
    rows.collect()
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
    let rows = statement.query_map([user], Membership::from_row)?;
    rows.collect()
}

/// Every membership there is, as `(user, organization)`, by user and then by when they joined.
pub fn all(reader: &Reader) -> ReadResult<Vec<(String, Membership)>> {
    let mut statement = reader.prepare_cached(
        "SELECT organizations.number, organizations.id, organizations.name, role, user
         FROM memberships JOIN organizations ON organizations.number = memberships.organization
         ORDER BY user, joined_at, organizations.number",
    )?;
    let rows = statement.query_map([], |row| Ok((row.get(4)?, Membership::from_row(row)?)))?;
    rows.collect()
}

/// Whether anybody owns any organization, that is, whether setup is done.
pub fn any_owner(reader: &Reader) -> ReadResult<bool> {
    reader.query_row("SELECT EXISTS (SELECT 1 FROM memberships WHERE role = 'owner')", [], |row| row.get(0))
}
