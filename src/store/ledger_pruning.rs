//! Pruning of the ledger: the oldest rows in small batches, with a signed checkpoint where the chain begins from then on.

use rusqlite::{Connection, OptionalExtension};

use super::{chain, folds, free_pages};
use crate::clock::{MINUTE, UnixMillis};
use crate::crypto::signature::SigningKey;

/// Rows pruned in one transaction.
const ROWS: i64 = 500;
/// Families whose usage by minute is pruned in one call.
const FAMILIES: usize = 100;

/// Free pages that are kept (16 MB).
const SPARE_PAGES: i64 = 4_096;

/// Removes a batch of what is older than `before`, or of the oldest while there is too much. Where the size drives it,
/// usage by minute goes as far back as the requests do. Says whether there may be more.
pub(super) fn batch(
    connection: &mut Connection,
    key: &SigningKey,
    before: UnixMillis,
    max_megabytes: u64,
    family: &mut i64,
) -> rusqlite::Result<bool> {
    let too_large = live_bytes(connection)? > max_megabytes.saturating_mul(1 << 20);
    let more_rows = rows(connection, key, before, too_large)?;
    if more_rows && !too_large {
        return Ok(true);
    }
    let oldest: Option<UnixMillis> =
        connection.query_row("SELECT at FROM requests ORDER BY seq LIMIT 1", [], |row| row.get(0)).optional()?;
    let usage_before = if too_large { oldest.map_or(before, |oldest| before.max(oldest)) } else { before };
    let more_usage = usage(connection, family, usage_before.div_euclid(MINUTE))?;
    Ok(more_rows || more_usage)
}

fn rows(connection: &mut Connection, key: &SigningKey, before: UnixMillis, too_large: bool) -> rusqlite::Result<bool> {
    let folded = folds::upto(connection)?;
    let batch: Option<(i64, i64)> = connection
        .query_row(
            "SELECT min(seq), max(seq) FROM (
                 SELECT seq, at FROM requests WHERE seq <= ?1 ORDER BY seq LIMIT ?2) WHERE ?3 OR at < ?4",
            (folded, ROWS, too_large, before),
            |row| Ok(row.get::<_, Option<i64>>(0)?.zip(row.get(1)?)),
        )
        .optional()?
        .flatten();
    let Some((first, last)) = batch else {
        return free_pages::give_back(connection, SPARE_PAGES);
    };
    let transaction = connection.transaction()?;
    folds::forget_blocks(&transaction, last)?;
    let link: Vec<u8> = transaction.query_row("SELECT link FROM requests WHERE seq = ?1", [last], |row| row.get(0))?;
    let end = super::audit_log::end_from(last, link)?;
    let signature = chain::sign_checkpoint(key, &end);
    transaction.execute(
        "INSERT INTO ledger_checkpoint (only, seq, link, signature) VALUES (1, ?1, ?2, ?3)
         ON CONFLICT (only) DO UPDATE SET seq = excluded.seq, link = excluded.link, signature = excluded.signature",
        (end.seq, &end.link[..], &signature[..]),
    )?;
    transaction.execute("DELETE FROM requests WHERE seq <= ?1", [last])?;
    transaction.commit()?;
    Ok(last - first + 1 >= ROWS || too_large)
}

/// What the database really holds, free pages left out.
pub(super) fn live_bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let pragma = |name: &str| -> rusqlite::Result<i64> { connection.pragma_query_value(None, name, |row| row.get(0)) };
    let pages = pragma("page_count")? - pragma("freelist_count")?;
    Ok((pages * pragma("page_size")?).max(0) as u64)
}

/// Removes a batch of usage by minute before `minute`, beginning after `family`. Says whether there may be more.
fn usage(connection: &Connection, family: &mut i64, minute: i64) -> rusqlite::Result<bool> {
    for _ in 0..FAMILIES {
        match super::usage::prune(connection, *family, minute)? {
            Some(next) => *family = next,
            None => {
                *family = 0;
                return Ok(false);
            }
        }
    }
    Ok(true)
}
