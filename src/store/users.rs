//! `users`

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row};

use super::{ReadResult, Reader, Statement};
use crate::clock::UnixMillis;

/// One person.
#[derive(Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct User {
    pub id: String,
    pub email: String,
    pub name: String,
    pub password_hash: String,
    pub timezone: String,
    pub email_verified_at: Option<UnixMillis>,
    pub disabled_at: Option<UnixMillis>,
    pub created_at: UnixMillis,
}

impl std::fmt::Debug for User {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("User").field("id", &self.id).finish_non_exhaustive()
    }
}

impl User {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(User {
            id: row.get("id")?,
            email: row.get("email")?,
            name: row.get("name")?,
            password_hash: row.get("password_hash")?,
            timezone: row.get("timezone")?,
            email_verified_at: row.get("email_verified_at")?,
            disabled_at: row.get("disabled_at")?,
            created_at: row.get("created_at")?,
        })
    }
}

/// Adds one.
pub fn insert(user: &User) -> Statement {
    Statement::new(
        "INSERT INTO users (id, email, name, password_hash, timezone, email_verified_at, disabled_at, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        vec![
            Value::from(user.id.clone()),
            Value::from(user.email.clone()),
            Value::from(user.name.clone()),
            Value::from(user.password_hash.clone()),
            Value::from(user.timezone.clone()),
            Value::from(user.email_verified_at),
            Value::from(user.disabled_at),
            Value::from(user.created_at),
        ],
    )
}

/// Adds one; it adds none where somebody has the address already.
pub fn insert_new(user: &User) -> Statement {
    let Statement { values, .. } = insert(user);
    Statement::new(
        "INSERT INTO users (id, email, name, password_hash, timezone, email_verified_at, disabled_at, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (email) DO NOTHING",
        values,
    )
}

/// Gives a user another name and time zone, if both are as they were read.
pub fn update_profile(user: &User, name: &str, timezone: &str) -> Statement {
    Statement::new(
        "UPDATE users SET name = ?4, timezone = ?5 WHERE id = ?1 AND name = ?2 AND timezone = ?3",
        vec![
            Value::from(user.id.clone()),
            Value::from(user.name.clone()),
            Value::from(user.timezone.clone()),
            Value::from(name.to_owned()),
            Value::from(timezone.to_owned()),
        ],
    )
}

/// Gives a user another password, if the one that was confirmed is still theirs.
pub fn change_password(user: &User, hash: &str) -> Statement {
    Statement::new(
        "UPDATE users SET password_hash = ?3 WHERE id = ?1 AND password_hash = ?2",
        vec![Value::from(user.id.clone()), Value::from(user.password_hash.clone()), Value::from(hash.to_owned())],
    )
}

/// Gives a user another password by a link that was sent to `email`: only while that is their address, which it proves.
pub fn reset_password(id: &str, email: &str, hash: &str, now: UnixMillis) -> Statement {
    Statement::new(
        "UPDATE users SET password_hash = ?3, email_verified_at = coalesce(email_verified_at, ?4)
         WHERE id = ?1 AND email = ?2 AND disabled_at IS NULL",
        vec![Value::from(id.to_owned()), Value::from(email.to_owned()), Value::from(hash.to_owned()), Value::from(now)],
    )
}

/// Notes that a user has read mail at `email`, if that is still their address.
pub fn verify_email(id: &str, email: &str, now: UnixMillis) -> Statement {
    Statement::new(
        "UPDATE users SET email_verified_at = coalesce(email_verified_at, ?3) WHERE id = ?1 AND email = ?2",
        vec![Value::from(id.to_owned()), Value::from(email.to_owned()), Value::from(now)],
    )
}

/// Gives a user another address, which they have proved, unless somebody has it by now.
pub fn change_email(id: &str, email: &str, now: UnixMillis) -> Statement {
    Statement::new(
        "UPDATE users SET email = ?2, email_verified_at = ?3
         WHERE id = ?1 AND disabled_at IS NULL AND NOT EXISTS (SELECT 1 FROM users WHERE email = ?2)",
        vec![Value::from(id.to_owned()), Value::from(email.to_owned()), Value::from(now)],
    )
}

/// Changes nothing, and one row of it, where the password that was confirmed is still this user's.
pub fn require_same_password(user: &User) -> Statement {
    Statement::new(
        "UPDATE users SET name = name WHERE id = ?1 AND password_hash = ?2 AND disabled_at IS NULL",
        vec![Value::from(user.id.clone()), Value::from(user.password_hash.clone())],
    )
}

/// Removes a user who belongs to no organization any more, if the password that was confirmed is still theirs.
pub fn delete(user: &User) -> Statement {
    Statement::new(
        "DELETE FROM users
         WHERE id = ?1 AND password_hash = ?2 AND NOT EXISTS (SELECT 1 FROM memberships WHERE user = ?1)",
        vec![Value::from(user.id.clone()), Value::from(user.password_hash.clone())],
    )
}

/// Gives one another password.
pub fn replace_password(id: &str, hash: &str) -> Statement {
    Statement::new(
        "UPDATE users SET password_hash = ?2 WHERE id = ?1",
        vec![Value::from(id.to_owned()), Value::from(hash.to_owned())],
    )
}

/// Disables one who is not; the home organization's last owner stays: then no row is changed.
pub fn disable(id: &str, now: UnixMillis) -> Statement {
    Statement::new(
        "UPDATE users SET disabled_at = ?2
         WHERE id = ?1 AND disabled_at IS NULL AND NOT EXISTS (
             SELECT 1 FROM organizations JOIN memberships ON memberships.organization = organizations.number
             WHERE home = 1 AND user = ?1 AND role = 'owner' AND NOT EXISTS (
                 SELECT 1 FROM memberships AS other JOIN users AS person ON person.id = other.user
                 WHERE other.organization = organizations.number AND other.role = 'owner' AND other.user <> ?1
                     AND person.disabled_at IS NULL))",
        vec![Value::from(id.to_owned()), Value::from(now)],
    )
}

/// Lets one who was disabled in again.
pub fn enable(id: &str) -> Statement {
    Statement::new("UPDATE users SET disabled_at = NULL WHERE id = ?1", vec![Value::from(id.to_owned())])
}

/// All of them, the first made first.
pub fn all(reader: &Reader) -> ReadResult<Vec<User>> {
    let mut statement = reader.prepare_cached("SELECT * FROM users ORDER BY id")?;
    let rows = statement.query_map([], User::from_row)?;
    rows.collect()
}

/// The one with this id.
pub fn by_id(reader: &Reader, id: &str) -> ReadResult<Option<User>> {
    reader.prepare_cached("SELECT * FROM users WHERE id = ?1")?.query_row([id], User::from_row).optional()
}

/// The one with this address, which is to be lower-case.
pub fn by_email(reader: &Reader, email: &str) -> ReadResult<Option<User>> {
    reader.prepare_cached("SELECT * FROM users WHERE email = ?1")?.query_row([email], User::from_row).optional()
}

/// The name of the one with this id.
pub fn name_of(reader: &Reader, id: &str) -> ReadResult<Option<String>> {
    reader.prepare_cached("SELECT name FROM users WHERE id = ?1")?.query_row([id], |row| row.get(0)).optional()
}
