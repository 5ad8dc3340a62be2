//! `folds`, `requests_by_family`, `requests_by_organization`: how far the summaries follow the ledger, and its indexes.
//!
//! A key's row in four tables at every request would mean four pages written at every request. So the ledger's rows
//! are folded into those tables thousands at a time and in the keys' order, a second or so behind; until then whoever
//! reads adds the rows that are not folded yet. A family's part of a fold is applied in one transaction and notes the
//! row up to which it counts (`key_usage.upto`), so that a fold that was interrupted is never counted twice.
//!
//! The indexes name blocks of [`BLOCK`] rows in which an owner has at least one, not the rows themselves: one entry for
//! an organization that all requests are for, or for a busy key, instead of sixty-four.

use rusqlite::Connection;

use super::{ReadResult, Reader};

/// Rows in a block: those from `block * BLOCK` up to and without `(block + 1) * BLOCK`.
pub(super) const BLOCK: i64 = 64;

/// Whose blocks an index names.
#[derive(Clone, Copy, Debug)]
pub(super) enum Index {
    Family,
    Organization,
}

/// The block of a row.
pub(super) fn block_of(seq: i64) -> i64 {
    seq / BLOCK
}

/// The row up to which everything is folded.
pub fn upto(reader: &Reader) -> ReadResult<i64> {
    reader.prepare_cached("SELECT upto FROM folds")?.query_row([], |row| row.get(0))
}

pub(super) fn set_upto(connection: &Connection, seq: i64) -> rusqlite::Result<()> {
    connection.prepare_cached("UPDATE folds SET upto = ?1")?.execute([seq])?;
    Ok(())
}

/// Notes that this owner has rows in these blocks.
pub(super) fn index_blocks(connection: &Connection, index: Index, owner: i64, blocks: &[i64]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(match index {
        Index::Family => "INSERT INTO requests_by_family (family, block) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        Index::Organization => {
            "INSERT INTO requests_by_organization (organization, block) VALUES (?1, ?2) ON CONFLICT DO NOTHING"
        }
    })?;
    for block in blocks {
        statement.execute((owner, block))?;
    }
    Ok(())
}

/// Forgets the rows up to `last`, which are about to go: the blocks in which their owners have no later row.
pub(super) fn forget_blocks(connection: &Connection, last: i64) -> rusqlite::Result<()> {
    for sql in [
        "DELETE FROM requests_by_family WHERE (family, block) IN (
             SELECT family, seq / ?2 FROM requests WHERE seq <= ?1
             EXCEPT SELECT family, seq / ?2 FROM requests WHERE seq > ?1 AND seq < ?1 + ?2)",
        "DELETE FROM requests_by_organization WHERE (organization, block) IN (
             SELECT organization, seq / ?2 FROM requests WHERE seq <= ?1
             EXCEPT SELECT organization, seq / ?2 FROM requests WHERE seq > ?1 AND seq < ?1 + ?2)",
    ] {
        connection.prepare_cached(sql)?.execute((last, BLOCK))?;
    }
    Ok(())
}
