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
