//! `facts`: single values that belong to the database as a whole.

use rusqlite::{Connection, OptionalExtension};

use super::{ReadResult, Reader, Statement};

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

/// The greatest number that an organization or a key ever had, whether it is still there or not.
pub(super) fn greatest_number(reader: &Reader) -> ReadResult<i64> {
    reader.query_row(
        "SELECT max((SELECT coalesce(max(number), 0) FROM organizations),
                    (SELECT coalesce(max(number), 0) FROM api_keys),
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
             coalesce((SELECT CAST(CAST(value AS TEXT) AS INTEGER) FROM facts WHERE name = 'greatest_number'), 0)
         ) AS TEXT) AS BLOB))
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        Vec::new(),
    )
}
