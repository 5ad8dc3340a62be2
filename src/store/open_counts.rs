//! `open_counts`: refused requests past the sixtieth of one credential in one minute, sharing a row.

use rusqlite::{Connection, Row, params};

use super::requests::{RequestRow, text};
use super::{ReadResult, Reader};
use crate::clock::MINUTE;

const COLUMNS: &str = "at, organization, family, key, credential, subject, method, host, path, status, code, ip,
    user_agent, count";

fn from_row(row: &Row<'_>) -> rusqlite::Result<RequestRow> {
    Ok(RequestRow {
        at: row.get(0)?,
        organization: row.get(1)?,
        family: row.get(2)?,
        key: row.get(3)?,
        credential: row.get::<_, String>(4)?.into(),
        subject: row.get(5)?,
        method: row.get::<_, String>(6)?.into(),
        host: text(row, 7)?,
        path: text(row, 8)?,
        status: row.get(9)?,
        code: row.get::<_, Option<String>>(10)?.map(Into::into),
        ip: text(row, 11)?,
        user_agent: text(row, 12)?,
        class: None,
        cost: 1,
        count: row.get(13)?,
    })
}

/// Counts one more; the row tells of the latest.
pub(super) fn count(connection: &Connection, row: &RequestRow) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO open_counts (key, subject, minute, at, organization, family, credential, method, host, path,
                 status, code, ip, user_agent, count)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
             ON CONFLICT (key, subject, minute) DO UPDATE SET at = max(at, excluded.at), method = excluded.method,
                 host = excluded.host, path = excluded.path, status = excluded.status, code = excluded.code,
                 ip = excluded.ip, user_agent = excluded.user_agent, count = count + excluded.count",
        )?
        .execute(params![
            row.key,
            row.subject,
            row.at.div_euclid(MINUTE),
            row.at,
            row.organization,
            row.family,
            row.credential,
            row.method,
            row.host.as_str(),
            row.path.as_str(),
            row.status,
            row.code.as_deref().unwrap_or(""),
            row.ip.as_str(),
            row.user_agent.as_str(),
            row.count,
        ])?;
    Ok(())
}

/// Takes out the rows of every other minute than this one: they take their places in `requests`.
pub(super) fn take_closed(connection: &Connection, minute: i64) -> rusqlite::Result<Vec<RequestRow>> {
    let rows: Vec<RequestRow> = connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM open_counts WHERE minute <> ?1"))?
        .query_map([minute], from_row)?
        .collect::<Result<_, _>>()?;
    if !rows.is_empty() {
        connection.prepare_cached("DELETE FROM open_counts WHERE minute <> ?1")?.execute([minute])?;
    }
    Ok(rows)
}

/// Whether any row is open.
pub(super) fn any(reader: &Reader) -> ReadResult<bool> {
    reader.query_row("SELECT EXISTS (SELECT 1 FROM open_counts)", [], |row| row.get(0))
}

/// The open rows of these families.
pub(super) fn of_families(reader: &Reader, families: &[i64]) -> ReadResult<Vec<RequestRow>> {
    let mut statement = reader.prepare_cached(&format!("SELECT {COLUMNS} FROM open_counts"))?;
    let rows = statement.query_map([], from_row)?;
    let mut wanted = Vec::new();
    for row in rows {
        let row = row?;
        if families.contains(&row.family) {
            wanted.push(row);
        }
    }
    Ok(wanted)
}

/// The open rows of an organization, the newest first.
pub fn of_organization(reader: &Reader, organization: i64) -> ReadResult<Vec<RequestRow>> {
    let mut statement = reader
        .prepare_cached(&format!("SELECT {COLUMNS} FROM open_counts WHERE organization = ?1 ORDER BY at DESC"))?;
    let rows = statement.query_map([organization], from_row)?;
    rows.collect()
}
