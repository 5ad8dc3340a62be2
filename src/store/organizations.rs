//! `organizations`

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row};

use super::webhook_bell::Touch;
use super::{ReadResult, Reader, Statement, facts, webhooks};
use crate::clock::UnixMillis;

/// One organization.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Organization {
    pub number: i64,
    pub id: String,
    pub name: String,
    pub plan: String,
    pub home: bool,
    pub created_at: UnixMillis,
}

impl Organization {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Organization {
            number: row.get("number")?,
            id: row.get("id")?,
            name: row.get("name")?,
            plan: row.get("plan")?,
            home: row.get("home")?,
            created_at: row.get("created_at")?,
        })
    }
}

/// Adds one.
pub fn insert(organization: &Organization) -> Statement {
    Statement::new(
        "INSERT INTO organizations (number, id, name, plan, home, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        vec![
            Value::from(organization.number),
            Value::from(organization.id.clone()),
            Value::from(organization.name.clone()),
            Value::from(organization.plan.clone()),
            Value::from(organization.home),
            Value::from(organization.created_at),
        ],
    )
}

/// Adds the home organization, unless there is one.
pub fn insert_home(organization: &Organization) -> Statement {
    Statement::new(
        "INSERT INTO organizations (number, id, name, plan, home, created_at)
         SELECT ?1, ?2, ?3, ?4, 1, ?5 WHERE NOT EXISTS (SELECT 1 FROM organizations WHERE home = 1)",
        vec![
            Value::from(organization.number),
            Value::from(organization.id.clone()),
            Value::from(organization.name.clone()),
            Value::from(organization.plan.clone()),
            Value::from(organization.created_at),
        ],
    )
}

/// Puts one on another plan.
pub fn set_plan(number: i64, before: &str, plan: &str) -> Statement {
    Statement::new(
        "UPDATE organizations SET plan = ?3 WHERE number = ?1 AND plan = ?2",
        vec![Value::from(number), Value::from(before.to_owned()), Value::from(plan.to_owned())],
    )
}

/// Changes nothing, and one row of it, where nobody but this user belongs to an organization that is not home.
pub fn require_no_other_member(number: i64, user: &str) -> Statement {
    Statement::new(
        "UPDATE organizations SET name = name
         WHERE number = ?1 AND home = 0
           AND NOT EXISTS (SELECT 1 FROM memberships WHERE organization = ?1 AND user <> ?2)",
        vec![Value::from(number), Value::from(user.to_owned())],
    )
}

/// Gives one another name.
pub fn rename(number: i64, before: &str, name: &str) -> Statement {
    Statement::new(
        "UPDATE organizations SET name = ?3 WHERE number = ?1 AND name = ?2",
        vec![Value::from(number), Value::from(before.to_owned()), Value::from(name.to_owned())],
    )
}

/// Adds one of a user's own, unless the user belongs to one already. Changes one row, or none.
pub fn insert_for_the_homeless(organization: &Organization, user: &str) -> Statement {
    Statement::new(
        "INSERT INTO organizations (number, id, name, plan, home, created_at)
         SELECT ?1, ?2, ?3, ?4, 0, ?5 WHERE NOT EXISTS (SELECT 1 FROM memberships WHERE user = ?6)",
        vec![
            Value::from(organization.number),
            Value::from(organization.id.clone()),
            Value::from(organization.name.clone()),
            Value::from(organization.plan.clone()),
            Value::from(organization.created_at),
            Value::from(user.to_owned()),
        ],
    )
}

/// Removes one with everything of it; never the home organization. Its number, and those of its keys, are never given
/// out again. What waits for its webhooks may be much: it goes later, in batches. The last statement changes one row, or
/// none.
pub fn delete(number: i64, now: UnixMillis) -> Vec<Statement> {
    vec![
        facts::keep_greatest_number(),
        webhooks::delete_of_organization(number, now),
        Statement::new("DELETE FROM organizations WHERE number = ?1 AND home = 0", vec![Value::from(number)])
            .that_touches(Touch::All),
    ]
}

/// One of all organizations, with how many belong to it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Counted {
    pub organization: Organization,
    pub members: i64,
    /// Deleted and superseded ones are not among them.
    pub keys: i64,
}

/// All of them, the oldest first, with their members and keys.
pub fn all_counted(reader: &Reader) -> ReadResult<Vec<Counted>> {
    let mut statement = reader.prepare_cached(
        "SELECT *, (SELECT count(*) FROM memberships WHERE organization = number) AS members,
             (SELECT count(*) FROM api_keys WHERE api_keys.organization = organizations.number
                 AND deleted_at IS NULL AND superseded_at IS NULL) AS keys
         FROM organizations ORDER BY number",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(Counted { organization: Organization::from_row(row)?, members: row.get("members")?, keys: row.get("keys")? })
    })?;
    rows.collect()
}

/// The one with this number.
pub fn by_number(reader: &Reader, number: i64) -> ReadResult<Option<Organization>> {
    reader
        .prepare_cached("SELECT * FROM organizations WHERE number = ?1")?
        .query_row([number], Organization::from_row)
        .optional()
}

/// The one with this id.
pub fn by_id(reader: &Reader, id: &str) -> ReadResult<Option<Organization>> {
    reader
        .prepare_cached("SELECT * FROM organizations WHERE id = ?1")?
        .query_row([id], Organization::from_row)
        .optional()
}

/// The home organization; `None` before setup.
pub fn home(reader: &Reader) -> ReadResult<Option<Organization>> {
    reader
        .prepare_cached("SELECT * FROM organizations WHERE home = 1")?
        .query_row([], Organization::from_row)
        .optional()
}

/// All of them, the oldest first.
pub fn all(reader: &Reader) -> ReadResult<Vec<Organization>> {
    let mut statement = reader.prepare_cached("SELECT * FROM organizations ORDER BY number")?;
    let rows = statement.query_map([], Organization::from_row)?;
    rows.collect()
}
