//! `folds`, `requests_by_family`, `requests_by_organization`: how far the summaries follow the ledger, and its indexes.
//!
//! A key's row in four tables at every request would mean four pages written at every request. So the ledger's rows
//! are folded into those tables thousands at a time and in the keys' order, a second or so behind; until then whoever
//! reads adds the rows that are not folded yet. A family's part of a fold is applied in one transaction and notes the
//! row up to which it counts (`key_usage.upto`), so that a fold that was interrupted is never counted twice.
//!
//! The indexes name blocks of 64 rows in which an owner has at least one, not the rows themselves: one entry for
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

// SQLite looks an index up by a plain subquery only, and would scan it for a compound one.
const FORGET_FAMILIES: &str = "DELETE FROM requests_by_family WHERE (family, block) IN (
    SELECT family, block FROM (
        SELECT family, seq / ?2 AS block FROM requests WHERE seq <= ?1
        EXCEPT SELECT family, seq / ?2 FROM requests WHERE seq > ?1 AND seq < ?1 + ?2))";
const FORGET_ORGANIZATIONS: &str = "DELETE FROM requests_by_organization WHERE (organization, block) IN (
    SELECT organization, block FROM (
        SELECT organization, seq / ?2 AS block FROM requests WHERE seq <= ?1
        EXCEPT SELECT organization, seq / ?2 FROM requests WHERE seq > ?1 AND seq < ?1 + ?2))";

/// Forgets the rows up to `last`, which are about to go: the blocks in which their owners have no later row.
pub(super) fn forget_blocks(connection: &Connection, last: i64) -> rusqlite::Result<()> {
    for sql in [FORGET_FAMILIES, FORGET_ORGANIZATIONS] {
        connection.prepare_cached(sql)?.execute((last, BLOCK))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::schema;

    #[test]
    fn pruning_looks_its_blocks_up_and_never_scans_an_index() {
        let directory = tempfile::tempdir().unwrap();
        let connection = schema::open_for_writing(&directory.path().join("ledger.db"), &schema::LEDGER).unwrap();
        for sql in [FORGET_FAMILIES, FORGET_ORGANIZATIONS] {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let plan = statement.query_map((1, BLOCK), |row| row.get::<_, String>(3)).unwrap();
            let plan: Vec<String> = plan.collect::<Result<_, _>>().unwrap();
            assert!(!plan.iter().any(|step| step.starts_with("SCAN requests_by")), "{plan:?}");
        }
    }
}
