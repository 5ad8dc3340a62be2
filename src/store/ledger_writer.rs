//! The one connection that writes `ledger.db`: rows in groups, folds in slices, pruning in batches.

use std::cell::Cell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::chain::{self, ChainEnd, Content};
use super::folding::Folding;
use super::requests::{self, Inserter, RequestRow};
use super::{OpenError, StoreError, ledger_pruning, open_counts, schema};
use crate::clock::{DAY, MINUTE, UnixMillis};
use crate::config::Durability;
use crate::crypto::signature::SigningKey;

/// Refused requests of one credential that get a row of their own in one minute.
const OWN_ROWS: u32 = 60;
/// Rows that wait for a fold before one begins.
const FOLD_AT: i64 = 32_768;

thread_local! {
    /// What SQLite told after the last commit of this thread: the pages in the write-ahead log.
    static LOG_PAGES: Cell<i64> = const { Cell::new(0) };
}

/// Writes the ledger. It lives on the gate's ledger thread.
pub struct LedgerWriter {
    connection: Connection,
    path: PathBuf,
    chain: Chain,
    refused: RefusedInMinute,
    any_open: bool,
    folding: Folding,
    /// How far the usage by minute is pruned, in this round.
    pruned_family: i64,
    /// A transaction failed: what waits for folding is to be read anew from what is really there.
    stale: bool,
}

/// The chain that every row is a link of.
struct Chain {
    key: SigningKey,
    end: ChainEnd,
    content: Content,
}

impl Chain {
    /// The next row's place and its digest; the caller notes the place as the new end once the row is written.
    fn next(&mut self, row: &RequestRow) -> (ChainEnd, [u8; 32]) {
        let digest = row.digest(self.end.seq + 1, &mut self.content);
        (chain::extend(&self.key, &self.end, &digest), digest)
    }
}

/// Refused requests of each credential in one minute.
#[derive(Default)]
struct RefusedInMinute {
    minute: i64,
    counts: HashMap<(i64, String), u32>,
}

impl RefusedInMinute {
    fn has_own_row(&mut self, row: &RequestRow) -> bool {
        if row.allowed() {
            return true;
        }
        let subject = if row.key == 0 { row.subject.to_string() } else { String::new() };
        let refused = self.counts.entry((row.key, subject)).or_default();
        *refused += 1;
        *refused <= OWN_ROWS
    }
}

impl LedgerWriter {
    /// Opens the connection, folds what an earlier process left unfolded, and closes its open counts.
    pub(super) fn open(path: &Path, durability: Durability, key: SigningKey) -> Result<Self, OpenError> {
        let unusable = |cause| OpenError::from_sqlite(path, cause);
        let connection = schema::open_for_writing(path, &schema::LEDGER)?;
        let synchronous = match durability {
            Durability::Process => "NORMAL",
            Durability::Power => "FULL",
        };
        let configure = || {
            connection.pragma_update(None, "synchronous", synchronous)?;
            // Checkpoints run beside the writer (see the gate's ledger), so that no request waits for one.
            connection.pragma_update(None, "wal_autocheckpoint", 0)?;
            connection.pragma_update(None, "cache_size", -16_000)?;
            // A log that keeps its length is overwritten in place, which is faster than to let it grow again.
            connection.pragma_update(None, "journal_size_limit", 96 << 20)?;
            connection.wal_hook(Some(|_, pages| {
                LOG_PAGES.set(i64::from(pages));
                Ok(())
            }));
            requests::chain_end(&connection)
        };
        let end = configure().map_err(unusable)?;
        let mut writer = LedgerWriter {
            connection,
            path: path.to_owned(),
            chain: Chain { key, end, content: Content::default() },
            refused: RefusedInMinute::default(),
            any_open: false,
            folding: Folding::default(),
            pruned_family: 0,
            stale: false,
        };
        writer.recover().map_err(unusable)?;
        Ok(writer)
    }

    fn recover(&mut self) -> rusqlite::Result<()> {
        self.any_open = open_counts::any(&self.connection)?;
        self.folding = Folding::recover(&self.connection)?;
        self.folding.begin(self.chain.end.seq);
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        while self.folding.under_way() {
            self.folding.apply_slice(&self.connection, 0)?;
        }
        self.connection.execute_batch("COMMIT")
    }

    /// Writes these rows in one transaction, together with a slice of the fold that is under way. When this returns
    /// without an error they are there; with one, none of them is.
    pub fn append(&mut self, rows: &[RequestRow], now: UnixMillis) -> Result<(), StoreError> {
        let end = self.chain.end;
        self.catch_up().and_then(|()| self.try_append(rows, now)).map_err(|error| {
            self.roll_back();
            self.chain.end = end;
            self.folding = Folding::default();
            self.stale = true;
            error.into()
        })
    }

    /// Here and not right after the failure, so that nobody's answer waits for it.
    fn catch_up(&mut self) -> rusqlite::Result<()> {
        if self.stale {
            self.recover()?;
            self.stale = false;
        }
        Ok(())
    }

    fn roll_back(&self) {
        if !self.connection.is_autocommit() {
            let _ = self.connection.execute_batch("ROLLBACK");
        }
    }

    fn try_append(&mut self, rows: &[RequestRow], now: UnixMillis) -> rusqlite::Result<()> {
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        self.close_minute(now)?;
        let mut inserter = Inserter::new(&self.connection)?;
        for row in rows {
            if self.refused.has_own_row(row) {
                insert(&mut inserter, &mut self.chain, &mut self.folding, row)?;
            } else {
                open_counts::count(&self.connection, row)?;
                self.any_open = true;
            }
        }
        drop(inserter);
        if !self.folding.under_way() && self.folding.waiting() >= FOLD_AT {
            self.folding.begin(self.chain.end.seq);
        }
        self.folding.apply_slice(&self.connection, rows.len())?;
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }

    /// When the minute is over, its shared rows take their places in the ledger.
    fn close_minute(&mut self, now: UnixMillis) -> rusqlite::Result<()> {
        let minute = now.div_euclid(MINUTE);
        if minute == self.refused.minute {
            return Ok(());
        }
        self.refused.minute = minute;
        self.refused.counts.clear();
        if self.any_open {
            let mut inserter = Inserter::new(&self.connection)?;
            for row in open_counts::take_closed(&self.connection, minute)? {
                insert(&mut inserter, &mut self.chain, &mut self.folding, &row)?;
            }
            self.any_open = open_counts::any(&self.connection)?;
        }
        Ok(())
    }

    /// Whether a fold is under way, so that its next slice need not wait.
    pub fn is_folding(&self) -> bool {
        self.folding.under_way() && !self.stale
    }

    /// Whether there is anything to do without new rows: rows to fold, or counts to close.
    pub fn has_chores(&self) -> bool {
        self.stale || self.folding.under_way() || self.folding.waiting() > 0 || self.any_open
    }

    /// Folds what waits and closes what is over, a slice at a time; to be called while no rows come. Rows that come
    /// meanwhile wait for it, so it does not wait for another process's lock.
    pub fn do_chores(&mut self, now: UnixMillis) -> Result<(), StoreError> {
        if !self.folding.under_way() && self.folding.waiting() > 0 {
            self.folding.begin(self.chain.end.seq);
        }
        let minute_over = now.div_euclid(MINUTE) != self.refused.minute;
        if self.stale || self.folding.under_way() || (self.any_open && minute_over) {
            self.without_waiting(|writer| writer.append(&[], now))?;
        }
        Ok(())
    }

    fn without_waiting<T>(&mut self, act: impl FnOnce(&mut Self) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.connection.busy_timeout(std::time::Duration::ZERO)?;
        let result = act(self);
        self.connection.busy_timeout(super::BUSY_TIMEOUT)?;
        result
    }

    /// The number of the newest row.
    pub fn newest(&self) -> i64 {
        self.chain.end.seq
    }

    /// A connection that only checkpoints, for a thread beside this one.
    pub fn checkpointer(&self) -> Result<Checkpointer, OpenError> {
        let unusable = |cause| OpenError::from_sqlite(&self.path, cause);
        let connection = Connection::open(&self.path).map_err(unusable)?;
        connection.busy_timeout(super::BUSY_TIMEOUT).map_err(unusable)?;
        Ok(Checkpointer(connection))
    }

    /// Pages in the write-ahead log that are not known to be in the database.
    pub fn log_pages(&self) -> i64 {
        LOG_PAGES.get()
    }

    /// Moves the last pages of the write-ahead log after a checkpoint beside it has moved most. If none is left, the
    /// next commit begins the log anew.
    pub fn restart_log(&mut self) {
        if checkpoint(&self.connection).is_ok() {
            LOG_PAGES.set(0);
        }
    }

    /// Removes a batch of the oldest rows that are older than `retention_days`, or too many for `max_megabytes`; where
    /// there are none left, a batch of the usage by minute. Says whether there may be more.
    pub fn prune(&mut self, now: UnixMillis, retention_days: u32, max_megabytes: u64) -> Result<bool, StoreError> {
        let before = now - i64::from(retention_days) * DAY;
        self.without_waiting(|writer| {
            let (connection, key) = (&mut writer.connection, &writer.chain.key);
            let result = ledger_pruning::batch(connection, key, before, max_megabytes, &mut writer.pruned_family);
            if result.is_err() {
                writer.roll_back();
            }
            Ok(result?)
        })
    }
}

fn insert(
    inserter: &mut Inserter<'_>,
    chain: &mut Chain,
    folding: &mut Folding,
    row: &RequestRow,
) -> rusqlite::Result<()> {
    let (end, digest) = chain.next(row);
    inserter.insert(row, &end, &digest)?;
    chain.end = end;
    folding.add(end.seq, row, false);
    Ok(())
}

/// Moves what the WAL holds into the database, beside the writer and without holding it up.
pub struct Checkpointer(Connection);

impl Checkpointer {
    /// Checkpoints what can be.
    pub fn run(&self) -> Result<(), StoreError> {
        Ok(checkpoint(&self.0)?)
    }
}

fn checkpoint(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
}

#[cfg(test)]
#[path = "ledger_writer_tests.rs"]
mod tests;
