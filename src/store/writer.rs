//! The one thread that changes `claviger.db`.
//!
//! Changes that wait at the same moment share one commit: each runs in a savepoint of its own, so that one that is
//! refused takes nothing of the others with it. After any error SQLite may have rolled back all of it (a full disk, an
//! I/O error); then every change of that commit fails.
//!
//! What the audit log is told, webhooks are told too: their queue is written here, in the same transaction.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use rusqlite::{Connection, params_from_iter};

use super::chain::{self, ChainEnd};
use super::change::{Change, Expect, SPARE_PAGES};
use super::webhook_bell::{Touched, WebhookBell};
use super::{StoreError, audit_log, free_pages, webhook_events};
use crate::crypto::signature::SigningKey;

struct Job {
    change: Change,
    answer: SyncSender<Result<(), StoreError>>,
}

/// A handle to the thread; when it goes, the thread finishes what waits and ends.
pub(super) struct Writer {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

/// The most changes that share one commit.
const GROUP: usize = 64;

impl Writer {
    pub(super) fn start(
        connection: Connection,
        chain_key: SigningKey,
        bell: Arc<WebhookBell>,
    ) -> std::io::Result<Self> {
        let (jobs, receiver) = channel();
        let thread = std::thread::Builder::new()
            .name(String::from("store"))
            .spawn(move || run(connection, &chain_key, &bell, &receiver))?;
        Ok(Writer { jobs: Some(jobs), thread: Some(thread) })
    }

    pub(super) fn commit(&self, change: Change) -> Result<(), StoreError> {
        let gone = || StoreError::Failed(String::from("the store is closing"));
        let (answer, result) = sync_channel(1);
        self.jobs.as_ref().ok_or_else(gone)?.send(Job { change, answer }).map_err(|_| gone())?;
        result.recv().map_err(|_| gone())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(mut connection: Connection, chain_key: &SigningKey, bell: &WebhookBell, jobs: &Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let mut group = vec![first];
        while group.len() < GROUP
            && let Ok(next) = jobs.try_recv()
        {
            group.push(next);
        }
        let (changes, answers): (Vec<_>, Vec<_>) = group.into_iter().map(|job| (job.change, job.answer)).unzip();
        let results = commit_together(&mut connection, chain_key, bell, &changes);
        if results.iter().all(|result| matches!(result, Err(StoreError::Busy(_)))) {
            // Those that came meanwhile have waited for the same lock; they do not wait for it once more.
            for job in jobs.try_iter() {
                let _ = job.answer.send(Err(StoreError::Busy(String::from("another process holds the database"))));
            }
        }
        for (answer, result) in answers.into_iter().zip(results) {
            let _ = answer.send(result);
        }
    }
}

fn commit_together(
    connection: &mut Connection,
    chain_key: &SigningKey,
    bell: &WebhookBell,
    changes: &[Change],
) -> Vec<Result<(), StoreError>> {
    match try_together(connection, chain_key, changes) {
        Ok((results, touched)) => {
            bell.ring(touched);
            results
        }
        Err(error) => {
            if !connection.is_autocommit() {
                let _ = connection.execute_batch("ROLLBACK");
            }
            changes.iter().map(|_| Err(StoreError::from_shared(&error))).collect()
        }
    }
}

/// The outer error fails all of them; the inner ones are each change's own.
fn try_together(
    connection: &mut Connection,
    chain_key: &SigningKey,
    changes: &[Change],
) -> Result<(Vec<Result<(), StoreError>>, Touched), StoreError> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let mut end = audit_log::chain_end(connection, chain_key)?;
    let mut results = Vec::with_capacity(changes.len());
    let mut touched = Touched::default();
    for change in changes {
        connection.execute_batch("SAVEPOINT one")?;
        let mut tentative = end;
        let mut touches = Touched::default();
        let result = run_one(connection, chain_key, change, &mut tentative, &mut touches);
        if connection.is_autocommit() {
            // The whole transaction is gone, and what ran before with it.
            return Err(result.err().unwrap_or_else(|| StoreError::Failed(String::from("rolled back"))));
        }
        if result.is_ok() {
            end = tentative;
            touched.merge(touches);
        } else {
            connection.execute_batch("ROLLBACK TO one")?;
        }
        connection.execute_batch("RELEASE one")?;
        results.push(result);
    }
    connection.execute_batch("COMMIT")?;
    Ok((results, touched))
}

fn run_one(
    connection: &Connection,
    chain_key: &SigningKey,
    change: &Change,
    end: &mut ChainEnd,
    touched: &mut Touched,
) -> Result<(), StoreError> {
    for (statement, expect) in &change.steps {
        let mut prepared = connection.prepare_cached(statement.sql)?;
        let changed = prepared.execute(params_from_iter(statement.values.iter()))?;
        if let Expect::ExactlyOne(refusal) = expect
            && changed != 1
        {
            return Err(StoreError::Refused(*refusal));
        }
        if let Some(touch) = &statement.touch {
            touched.add(touch.clone());
        }
    }
    for entry in &change.entries {
        let digest = entry.digest(end.seq + 1);
        *end = chain::extend(chain_key, end, &digest);
        audit_log::insert(connection, entry, end, &digest)?;
        webhook_events::queue_entry(connection, entry, touched)?;
    }
    for event in &change.events {
        webhook_events::queue(connection, event, touched)?;
    }
    if change.gives_back_room {
        free_pages::give_back(connection, SPARE_PAGES)?;
    }
    Ok(())
}

impl StoreError {
    /// The same failure, told to everyone whose change was in the commit.
    fn from_shared(error: &StoreError) -> StoreError {
        match error {
            StoreError::Refused(refusal) => StoreError::Refused(*refusal),
            StoreError::Busy(cause) => StoreError::Busy(cause.clone()),
            StoreError::Full(cause) => StoreError::Full(cause.clone()),
            StoreError::Failed(cause) => StoreError::Failed(cause.clone()),
        }
    }
}
