//! The two databases, and every SQL statement there is.
//!
//! Table files offer two things: reads, which are functions on a [`Reader`], and statements, which are functions that
//! return a [`Statement`] with its values bound and touch nothing. Services put statements together into a
//! [`Change`] and hand it to [`Store::commit`], which runs it whole or not at all on the one writing connection.
//! The ledger's rows go through [`ledger_writer::LedgerWriter`], on a thread of the gate's.

pub mod account_tokens;
pub mod api_keys;
pub mod audit_log;
pub mod chain;
pub mod change;
pub mod data_dir;
pub mod expiry_warnings;
pub mod facts;
mod folding;
pub mod folds;
mod free_pages;
pub mod invitations;
pub mod key_shapes;
pub mod known_networks;
mod ledger_pruning;
pub mod ledger_writer;
pub mod lockout_notices;
pub mod memberships;
pub mod open_counts;
pub mod organization_texts;
pub mod organizations;
pub mod outbox;
pub mod project_members;
pub mod project_prd_versions;
pub mod project_status_history;
pub mod projects;
pub mod requests;
pub mod schema;
pub mod sessions;
pub mod shares;
pub mod sign_in_failures;
pub mod templates;
pub mod usage;
pub mod users;
pub mod webhook_bell;
pub mod webhook_deliveries;
pub mod webhook_events;
pub mod webhooks;
pub mod widget_sessions;
pub mod widgets;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use r2d2::Pool;
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::OpenFlags;
use tokio::sync::Notify;

pub use change::{Change, Expect, Refusal, Statement};
pub use schema::OpenError;

use crate::config::Durability;
use crate::crypto::signature::SigningKey;

/// What a read function works on. It cannot write: the connection is opened read-only.
pub type Reader = rusqlite::Connection;

/// What every read returns.
pub type ReadResult<T> = Result<T, rusqlite::Error>;

/// How long a read waits for a connection, and any of them for a lock that another process holds.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a read or a change did not happen.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The change's own condition did not hold; nothing was changed.
    #[error("refused: {0:?}")]
    Refused(Refusal),
    /// A lock, or a connection, was not to be had in time.
    #[error("the database is busy: {0}")]
    Busy(String),
    /// No room on the disk.
    #[error("the disk is full: {0}")]
    Full(String),
    /// Anything else.
    #[error("the database failed: {0}")]
    Failed(String),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy(error.to_string()),
            Some(ErrorCode::DiskFull) => StoreError::Full(error.to_string()),
            _ => StoreError::Failed(error.to_string()),
        }
    }
}

impl From<r2d2::Error> for StoreError {
    fn from(error: r2d2::Error) -> Self {
        StoreError::Busy(error.to_string())
    }
}

/// Where a store is and how it is kept.
#[derive(Clone)]
pub struct Options {
    /// The directory of both databases.
    pub data_dir: PathBuf,
    /// How the ledger is flushed.
    pub durability: Durability,
    /// Signs the links of both chains.
    pub chain_key: SigningKey,
    /// A derived key, by which a wrong master key is told.
    pub master_key_check: [u8; 32],
}

/// Both databases, open.
pub struct Store {
    state: Pool<SqliteConnectionManager>,
    ledger: Pool<SqliteConnectionManager>,
    writer: writer::Writer,
    next_number: AtomicI64,
    mail_bell: Notify,
    webhook_bell: Arc<webhook_bell::WebhookBell>,
    options: Options,
}

impl Store {
    /// Opens both databases, making or upgrading them first. Touches nothing where it refuses.
    pub fn open(options: Options) -> Result<Arc<Self>, OpenError> {
        schema::assert_library_version()?;
        let state_path = options.data_dir.join(schema::STATE.file);
        let ledger_path = options.data_dir.join(schema::LEDGER.file);
        schema::examine(&state_path, &schema::STATE, Some(&options.master_key_check))?;
        schema::examine(&ledger_path, &schema::LEDGER, None)?;
        let mut connection = schema::open_for_writing(&state_path, &schema::STATE)?;
        facts::remember_master_key(&mut connection, &options.master_key_check)
            .map_err(|cause| OpenError::from_sqlite(&state_path, cause))?;
        drop(schema::open_for_writing(&ledger_path, &schema::LEDGER)?);

        let state = read_pool(&state_path).map_err(|cause| OpenError::Pool(cause.to_string()))?;
        let ledger = read_pool(&ledger_path).map_err(|cause| OpenError::Pool(cause.to_string()))?;
        let greatest =
            facts::greatest_number(&connection).map_err(|cause| OpenError::from_sqlite(&state_path, cause))?;
        let webhook_bell = Arc::<webhook_bell::WebhookBell>::default();
        let writer = writer::Writer::start(connection, options.chain_key.clone(), Arc::clone(&webhook_bell))
            .map_err(|cause| OpenError::Pool(cause.to_string()))?;
        let next_number = AtomicI64::new(greatest + 1);
        Ok(Arc::new(Store { state, ledger, writer, next_number, mail_bell: Notify::new(), webhook_bell, options }))
    }

    /// Reads from `claviger.db`, in one snapshot.
    pub fn read<T>(&self, read: impl FnOnce(&Reader) -> ReadResult<T>) -> Result<T, StoreError> {
        in_one_snapshot(&self.state, read)
    }

    /// Reads from `ledger.db`, in one snapshot.
    pub fn read_ledger<T>(&self, read: impl FnOnce(&Reader) -> ReadResult<T>) -> Result<T, StoreError> {
        in_one_snapshot(&self.ledger, read)
    }

    /// Runs a change whole or not at all; it is on disk when this returns.
    pub fn commit(&self, change: Change) -> Result<(), StoreError> {
        let rings = change.steps.iter().any(|(statement, _)| statement.rings);
        self.writer.commit(change)?;
        if rings {
            self.mail_bell.notify_one();
        }
        Ok(())
    }

    /// How many pages of `claviger.db` could be given back to the system, beyond a few that are kept for what comes next
    /// ([`Change::giving_back_room`]).
    pub fn free_pages(&self) -> Result<i64, StoreError> {
        Ok((self.read(free_pages::count)? - change::SPARE_PAGES).max(0))
    }

    /// Rung when a change has put mail into the outbox, after its commit.
    pub fn mail_bell(&self) -> &Notify {
        &self.mail_bell
    }

    /// Rung when a change has put something into webhooks' queues, or has changed a webhook, after its commit.
    pub fn webhook_bell(&self) -> &Arc<webhook_bell::WebhookBell> {
        &self.webhook_bell
    }

    /// A number that no organization, no key, no share and no widget has, nor will have.
    pub fn next_number(&self) -> i64 {
        self.next_number.fetch_add(1, Ordering::Relaxed)
    }

    /// The connection that writes the ledger; there is to be one at a time.
    pub fn ledger_writer(&self) -> Result<ledger_writer::LedgerWriter, OpenError> {
        let path = self.options.data_dir.join(schema::LEDGER.file);
        ledger_writer::LedgerWriter::open(&path, self.options.durability, self.options.chain_key.clone())
    }

    /// Signs and checks the links of both chains.
    pub fn chain_key(&self) -> &SigningKey {
        &self.options.chain_key
    }
}

fn in_one_snapshot<T>(
    pool: &Pool<SqliteConnectionManager>,
    read: impl FnOnce(&Reader) -> ReadResult<T>,
) -> Result<T, StoreError> {
    let mut connection = pool.get()?;
    let transaction = connection.transaction()?;
    let result = read(&transaction)?;
    transaction.finish()?;
    Ok(result)
}

fn read_pool(path: &Path) -> Result<Pool<SqliteConnectionManager>, r2d2::Error> {
    let manager = SqliteConnectionManager::file(path)
        .with_flags(OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .with_init(|connection| {
            connection.busy_timeout(BUSY_TIMEOUT)?;
            connection.pragma_update(None, "query_only", true)?;
            connection.pragma_update(None, "cache_size", -2_000)
        });
    Pool::builder()
        .max_size(4)
        .min_idle(Some(1))
        .max_lifetime(None)
        .idle_timeout(None)
        .test_on_check_out(false)
        .connection_timeout(BUSY_TIMEOUT)
        .build(manager)
}
