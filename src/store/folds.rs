//! `folds`, `requests_by_family`, `requests_by_organization`: how far the summaries follow the ledger, and its indexes.
//!
//! A key's row in four tables at every request would mean four pages written at every request. So the ledger's rows
//! are folded into those tables a thousand at a time and in the keys' order, a second or so behind; until then whoever
//! reads adds the rows that are not folded yet. A family's part of a fold is applied in one transaction and notes the
//! row up to which it counts (`key_usage.upto`), so that a fold that was interrupted is never counted twice.

use rusqlite::Connection;

use super::{ReadResult, Reader};

/// The row up to which everything is folded.
pub fn upto(reader: &Reader) -> ReadResult<i64> {
    reader.prepare_cached("SELECT upto FROM folds")?.query_row([], |row| row.get(0))
}

pub(super) fn set_upto(connection: &Connection, seq: i64) -> rusqlite::Result<()> {
    connection.prepare_cached("UPDATE folds SET upto = ?1")?.execute([seq])?;
    Ok(())
}

pub(super) fn index_family(connection: &Connection, family: i64, seqs: &[i64]) -> rusqlite::Result<()> {
    let mut statement = connection
        .prepare_cached("INSERT INTO requests_by_family (family, seq) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?;
    for seq in seqs {
        statement.execute((family, seq))?;
    }
    Ok(())
}

pub(super) fn index_organization(connection: &Connection, organization: i64, seqs: &[i64]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO requests_by_organization (organization, seq) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
    )?;
    for seq in seqs {
        statement.execute((organization, seq))?;
    }
    Ok(())
}
