//! `facts`: single values that belong to the database as a whole.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension};

use super::{ReadResult, Reader, Statement, audit_log};
use crate::clock::UnixMillis;

/// The digest by which a wrong master key is told; `None` in a database that has none yet.
pub fn master_key_check(reader: &Reader) -> ReadResult<Option<Vec<u8>>> {
    reader.query_row("SELECT value FROM facts WHERE name = 'master_key_check'", [], |row| row.get(0)).optional()
}

/// Keeps the digest at the first start. Runs before the writer has its connection, so that nothing can come before it.
pub(super) fn remember_master_key(connection: &mut Connection, check: &[u8; 32]) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT INTO facts (name, value) VALUES ('master_key_check', ?1) ON CONFLICT DO NOTHING",
        [&check[..]],
    )?;
    Ok(())
}

/// The greatest number that an organization, a key, a share or a widget ever had, whether it is still there or not.
pub(super) fn greatest_number(reader: &Reader) -> ReadResult<i64> {
    reader.query_row(
        "SELECT max((SELECT coalesce(max(number), 0) FROM organizations),
                    (SELECT coalesce(max(number), 0) FROM api_keys),
                    (SELECT coalesce(max(number), 0) FROM shares),
                    (SELECT coalesce(max(number), 0) FROM widgets),
                    (SELECT coalesce(max(organization), 0) FROM audit_log),
                    coalesce((SELECT CAST(CAST(value AS TEXT) AS INTEGER) FROM facts WHERE name = 'greatest_number'), 0))",
        [],
        |row| row.get(0),
    )
}

/// Keeps the greatest number that there is before rows with numbers go: no number is given out again, for the ledger
/// goes on to speak of it.
pub(super) fn keep_greatest_number() -> Statement {
    Statement::new(
        "INSERT INTO facts (name, value) VALUES ('greatest_number', CAST(CAST(max(
             (SELECT coalesce(max(number), 0) FROM organizations),
             (SELECT coalesce(max(number), 0) FROM api_keys),
             (SELECT coalesce(max(number), 0) FROM shares),
             (SELECT coalesce(max(number), 0) FROM widgets),
             coalesce((SELECT CAST(CAST(value AS TEXT) AS INTEGER) FROM facts WHERE name = 'greatest_number'), 0)
         ) AS TEXT) AS BLOB))
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        Vec::new(),
    )
}

/// The latest time that the database knows of: the newest entry's of the audit log, or that from which the clock began
/// anew when it was set back after it. 0 where there is none.
pub fn latest_time(reader: &Reader) -> ReadResult<UnixMillis> {
    let (seq, at) = audit_log::newest(reader)?;
    let settled: Option<String> = reader
        .query_row("SELECT CAST(value AS TEXT) FROM facts WHERE name = 'clock_settled'", [], |row| row.get(0))
        .optional()?;
    let settled = settled.as_deref().and_then(|text| text.split_once(' '));
    let settled = settled.filter(|(after, _)| after.parse() == Ok(seq)).and_then(|(_, time)| time.parse().ok());
    Ok(settled.unwrap_or(at))
}

/// Keeps the time from which the clock begins anew, beside the newest entry of the audit log, which is of the time before.
pub fn settle_clock(now: UnixMillis) -> Statement {
    Statement::new(
        "INSERT INTO facts (name, value)
         VALUES ('clock_settled', CAST((SELECT coalesce(max(seq), 0) FROM audit_log) || ' ' || ?1 AS BLOB))
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        vec![Value::from(now)],
    )
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::super::{organizations, schema};
    use super::*;

    fn run(connection: &Connection, statement: Statement) {
        connection.execute(statement.sql, rusqlite::params_from_iter(statement.values)).unwrap();
    }

    #[test]
    fn a_number_is_never_given_out_again_after_its_row_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let connection = schema::open_for_writing(&directory.path().join(schema::STATE.file), &schema::STATE).unwrap();
        let add = |number: i64| {
            let values = (number, format!("org_{number}"));
            connection.execute("INSERT INTO organizations VALUES (?1, ?2, 'Name', 'free', 0, 0)", values).unwrap();
        };
        let add_key = |number: i64, organization: i64| {
            connection
                .execute(
                    "INSERT INTO api_keys (number, id, family, organization, created_by_name, name, prefix, environment,
                         role, active, created_at, version)
                     VALUES (?1, ?1, ?1, ?2, '', '', '', 'live', 'viewer', 1, 0, 1)",
                    (number, organization),
                )
                .unwrap();
        };
        let delete = |number: i64| {
            for statement in organizations::delete(number, 0) {
                run(&connection, statement);
            }
        };
        add(1);
        add(8);
        add_key(99, 8);
        delete(8);
        assert_eq!(connection.query_row("SELECT count(*) FROM api_keys", [], |row| row.get::<_, i64>(0)), Ok(0));
        assert_eq!(greatest_number(&connection).unwrap(), 99);
        add(7);
        delete(7);
        assert_eq!(greatest_number(&connection).unwrap(), 99, "it never becomes less");
        add(1_000);
        delete(1_000);
        assert_eq!(greatest_number(&connection).unwrap(), 1_000);
    }
}
