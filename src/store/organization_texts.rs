//! `organization_texts`: how many bytes of PRDs and templates an organization keeps, all versions together.

use rusqlite::types::Value;

use super::Statement;

/// The most that an organization may keep: 512 MB.
pub const MAX_BYTES: i64 = 512 << 20;

/// What each text counts beside its own length, so that very short ones are bounded too.
macro_rules! row {
    () => {
        "1024"
    };
}

/// Takes room for a text of this length. Changes one row; none where there is not so much room.
pub fn take(organization: i64, bytes: i64) -> Statement {
    Statement::new(
        concat!(
            "INSERT INTO organization_texts (organization, bytes) SELECT ?1, ?2 + ",
            row!(),
            " WHERE ?2 <= ?3
             ON CONFLICT (organization) DO UPDATE SET bytes = bytes + excluded.bytes
                 WHERE bytes + excluded.bytes <= ?3"
        ),
        vec![Value::from(organization), Value::from(bytes), Value::from(MAX_BYTES)],
    )
}

/// The same for a copy of a template, which must be there.
pub fn take_for_template(organization: i64, template: &str) -> Statement {
    Statement::new(
        concat!(
            "INSERT INTO organization_texts (organization, bytes)
             SELECT ?1, bytes + ",
            row!(),
            " FROM templates WHERE id = ?2 AND organization = ?1
             ON CONFLICT (organization) DO UPDATE SET bytes = bytes + excluded.bytes
                 WHERE bytes + excluded.bytes <= ?3"
        ),
        vec![Value::from(organization), Value::from(template.to_owned()), Value::from(MAX_BYTES)],
    )
}

/// Takes room for what a text grows by, or gives back what it shrinks by. Changes one row; none where it grows and there is
/// not so much room.
pub fn grow(organization: i64, by: i64) -> Statement {
    Statement::new(
        "UPDATE organization_texts SET bytes = bytes + ?2
         WHERE organization = ?1 AND (?2 <= 0 OR bytes + ?2 <= ?3)",
        vec![Value::from(organization), Value::from(by), Value::from(MAX_BYTES)],
    )
}

/// Gives back what all versions of a project's PRD take; to come before they go.
pub fn give_back_project(organization: i64, project: &str) -> Statement {
    Statement::new(
        concat!(
            "UPDATE organization_texts SET bytes = bytes - (
                 SELECT coalesce(sum(bytes + ",
            row!(),
            "), 0) FROM project_prd_versions WHERE project = ?2)
             WHERE organization = ?1"
        ),
        vec![Value::from(organization), Value::from(project.to_owned())],
    )
}

/// Gives back what a template takes; to come before it goes.
pub fn give_back_template(organization: i64, template: &str) -> Statement {
    Statement::new(
        concat!(
            "UPDATE organization_texts SET bytes = bytes - (
                 SELECT coalesce(sum(bytes + ",
            row!(),
            "), 0) FROM templates WHERE id = ?2 AND organization = ?1)
             WHERE organization = ?1"
        ),
        vec![Value::from(organization), Value::from(template.to_owned())],
    )
}
