//! `widget_sessions`: what pages were given, known by the digest of the token.

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row};

use super::widgets::Widget;
use super::{ReadResult, Reader, Statement};
use crate::clock::UnixMillis;
use crate::crypto::secret_token::Digest;

/// What a page says of its user without proof.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Claims {
    /// Only where it came without its hash.
    pub user_id: Option<String>,
    pub name: Option<String>,
    pub email: Option<String>,
}

/// One session, without its token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct WidgetSession {
    /// A widget's number.
    pub widget: i64,
    /// The user id that its hash has proved; `None` = anonymous.
    pub user: Option<String>,
    pub claims: Claims,
    pub created_at: UnixMillis,
    pub expires_at: UnixMillis,
}

impl WidgetSession {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(WidgetSession {
            widget: row.get("widget")?,
            user: row.get("user")?,
            claims: Claims {
                user_id: row.get("claimed_user")?,
                name: row.get("claimed_name")?,
                email: row.get("claimed_email")?,
            },
            created_at: row.get("created_at")?,
            expires_at: row.get("expires_at")?,
        })
    }
}

/// The most living sessions that one widget has of strangers, who make as many as they like and fill no disk; and as many
/// again of users who are proved, so that no stranger keeps them out.
pub const MOST: i64 = 100_000;
/// The most that one user has of these, so that no user keeps the others out.
pub const MOST_OF_USER: i64 = 1_000;

/// Adds one for the widget as it was read, while there is room for one of its kind. Changes one row, or none.
pub fn insert(widget: &Widget, session: &WidgetSession, digest: &Digest) -> Statement {
    let claims = &session.claims;
    let mut values = vec![
        Value::from(digest.0.to_vec()),
        Value::from(session.widget),
        Value::from(widget.version),
        Value::from(session.user.clone()),
        Value::from(claims.user_id.clone()),
        Value::from(claims.name.clone()),
        Value::from(claims.email.clone()),
        Value::from(session.created_at),
        Value::from(session.expires_at),
        Value::from(MOST - 1),
    ];
    if session.user.is_none() {
        return Statement::new(
            "INSERT INTO widget_sessions (digest, widget, user, claimed_user, claimed_name, claimed_email, created_at,
                 expires_at)
             SELECT ?1, ?2, ?4, ?5, ?6, ?7, ?8, ?9
             WHERE EXISTS (SELECT 1 FROM widgets WHERE number = ?2 AND version = ?3)
                 AND NOT EXISTS (SELECT 1 FROM widget_sessions WHERE widget = ?2 AND user IS NULL LIMIT 1 OFFSET ?10)",
            values,
        );
    }
    values.push(Value::from(MOST_OF_USER - 1));
    Statement::new(
        "INSERT INTO widget_sessions (digest, widget, user, claimed_user, claimed_name, claimed_email, created_at,
             expires_at)
         SELECT ?1, ?2, ?4, ?5, ?6, ?7, ?8, ?9
         WHERE EXISTS (SELECT 1 FROM widgets WHERE number = ?2 AND version = ?3)
             AND NOT EXISTS (SELECT 1 FROM widget_sessions WHERE widget = ?2 AND user IS NOT NULL LIMIT 1 OFFSET ?10)
             AND NOT EXISTS (SELECT 1 FROM widget_sessions WHERE widget = ?2 AND user = ?4 LIMIT 1 OFFSET ?11)",
        values,
    )
}

/// The one with this digest, dead or alive.
pub fn by_digest(reader: &Reader, digest: &Digest) -> ReadResult<Option<WidgetSession>> {
    reader
        .prepare_cached("SELECT * FROM widget_sessions WHERE digest = ?1")?
        .query_row([&digest.0[..]], WidgetSession::from_row)
        .optional()
}

/// Ends all of a widget's.
pub fn delete_of_widget(widget: i64) -> Statement {
    Statement::new("DELETE FROM widget_sessions WHERE widget = ?1", vec![Value::from(widget)])
}

/// Ends all of the widgets that use the secret of a webhook.
pub fn delete_of_webhook(webhook: &str) -> Statement {
    Statement::new(
        "DELETE FROM widget_sessions WHERE widget IN (SELECT number FROM widgets WHERE webhook = ?1)",
        vec![Value::from(webhook.to_owned())],
    )
}

/// Removes those that have run out.
pub fn delete_dead(now: UnixMillis) -> Statement {
    Statement::new("DELETE FROM widget_sessions WHERE expires_at <= ?1", vec![Value::from(now)])
}
