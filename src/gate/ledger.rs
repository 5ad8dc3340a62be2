//! The request log's thread: rows that wait at the same moment share one commit.
//!
//! [`Ledger::record`] hands a row over and waits until it is committed. While the thread commits one group, the next
//! one gathers; so the price of a commit is shared by as many requests as are under way. Folding, pruning and closing
//! of counts (see [`crate::store::folds`]) happen in between, a slice at a time; checkpoints on a thread beside it.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};
use tokio::sync::oneshot;

use crate::clock::{Clock, UnixMillis};
use crate::store::StoreError;
use crate::store::ledger_writer::{Checkpointer, LedgerWriter};
use crate::store::requests::RequestRow;

/// The most rows that wait. More can be under way only if the disk hangs.
const QUEUE: usize = 65_536;
/// How long the thread waits for rows before it does its chores.
const IDLE: Duration = Duration::from_millis(500);
/// The same between two slices of a fold.
const FOLDING: Duration = Duration::from_millis(1);
/// Pages in the write-ahead log at which it is checkpointed (64 MB). While a checkpoint flushes to the disk, commits are
/// slow; so under load there are few of them.
const CHECKPOINT_AT: i64 = 16_384;
/// The same while nothing else is to be done.
const CHECKPOINT_IDLE_AT: i64 = 256;

/// The row could not be recorded; the cause was logged.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("the request could not be recorded")]
pub struct Unrecorded;

/// What is asked of the thread beside rows.
enum Command {
    Prune { now: UnixMillis, retention_days: u32, max_megabytes: u64, answer: SyncSender<Result<bool, String>> },
}

#[derive(Default)]
struct Queue {
    rows: Vec<RequestRow>,
    waiting: Vec<oneshot::Sender<Result<(), Unrecorded>>>,
    commands: Vec<Command>,
    closed: bool,
    /// The thread sleeps and wants to be woken.
    asleep: bool,
}

struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    checkpoint: Mutex<CheckpointState>,
    checkpoint_wake: Condvar,
    /// The thread beside has checkpointed what it could; the writer may begin the log anew.
    checkpointed: AtomicBool,
}

#[derive(Default)]
struct CheckpointState {
    wanted: bool,
    closed: bool,
}

/// A handle to the ledger's thread.
pub struct Ledger {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    newest_at_start: i64,
}

impl Ledger {
    /// Starts the thread. `clock` tells it when a minute is over.
    pub fn start(writer: LedgerWriter, clock: Arc<dyn Clock>) -> Result<Self, crate::store::OpenError> {
        let checkpointer = writer.checkpointer()?;
        let newest_at_start = writer.newest();
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            wake: Condvar::new(),
            checkpoint: Mutex::default(),
            checkpoint_wake: Condvar::new(),
            checkpointed: AtomicBool::new(false),
        });
        let spawn = |name: &str, run: Box<dyn FnOnce() + Send>| {
            std::thread::Builder::new()
                .name(name.to_owned())
                .spawn(run)
                .map_err(|cause| crate::store::OpenError::Pool(cause.to_string()))
        };
        let for_rows = Arc::clone(&shared);
        let rows = spawn("ledger", Box::new(move || run(writer, clock.as_ref(), &for_rows)))?;
        let for_checkpoints = Arc::clone(&shared);
        let checkpoints = spawn("checkpoint", Box::new(move || run_checkpoints(&checkpointer, &for_checkpoints)))?;
        Ok(Ledger { shared, threads: Mutex::new(vec![rows, checkpoints]), newest_at_start })
    }

    /// Records a request; when this is done, the row is committed.
    pub async fn record(&self, row: RequestRow) -> Result<(), Unrecorded> {
        let done = {
            let mut queue = self.shared.queue.lock();
            if queue.closed || queue.rows.len() >= QUEUE {
                return Err(Unrecorded);
            }
            let (sender, done) = oneshot::channel();
            queue.rows.push(row);
            queue.waiting.push(sender);
            done
        };
        if let Some(turn) = Turn::begin(&self.shared) {
            // Back at the end of the line of what is ready.
            tokio::task::yield_now().await;
            drop(turn);
        }
        done.await.unwrap_or(Err(Unrecorded))
    }

    /// The newest row that an earlier process wrote.
    pub fn newest_at_start(&self) -> i64 {
        self.newest_at_start
    }

    /// Removes a small batch of what is older than `retention_days` or too much for `max_megabytes`, so that no request
    /// waits long for it. Says whether there may be more.
    pub fn prune(&self, now: UnixMillis, retention_days: u32, max_megabytes: u64) -> Result<bool, String> {
        let (answer, result) = sync_channel(1);
        {
            let mut queue = self.shared.queue.lock();
            if queue.closed {
                return Err(String::from("the ledger is closed"));
            }
            queue.commands.push(Command::Prune { now, retention_days, max_megabytes, answer });
            queue.asleep = false;
            self.shared.wake.notify_one();
        }
        result.recv().map_err(|_| String::from("the ledger is closed"))?
    }

    /// Writes what waits and ends the threads. Rows that come later are refused.
    pub fn close(&self) {
        {
            let mut queue = self.shared.queue.lock();
            queue.closed = true;
            queue.asleep = false;
            self.shared.wake.notify_one();
        }
        for thread in self.threads.lock().drain(..) {
            let _ = thread.join();
        }
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.close();
    }
}

thread_local! {
    /// Whether a request of this thread is about to wake the ledger.
    static IN_TURN: Cell<bool> = const { Cell::new(false) };
}

/// One turn of a worker's loop. The first request that records something wakes the ledger, but only when all others that
/// were ready have recorded theirs: so a turn costs one waking, and its rows share a commit. It wakes when it is
/// dropped, however that comes about.
///
/// The mark is the thread's own, so a turn stays on its thread: it cannot be sent to another.
struct Turn<'a>(&'a Shared, PhantomData<*const ()>);

impl<'a> Turn<'a> {
    /// `None` where another request of this turn will wake the ledger.
    fn begin(shared: &'a Shared) -> Option<Self> {
        (!IN_TURN.replace(true)).then_some(Turn(shared, PhantomData))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        IN_TURN.set(false);
        let mut queue = self.0.queue.lock();
        if queue.asleep {
            queue.asleep = false;
            self.0.wake.notify_one();
        }
    }
}

struct Batch {
    rows: Vec<RequestRow>,
    waiting: Vec<oneshot::Sender<Result<(), Unrecorded>>>,
    commands: Vec<Command>,
    closed: bool,
}

/// However the thread ends, nobody waits for it any more.
struct Closing<'a>(&'a Shared);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        let mut queue = self.0.queue.lock();
        queue.closed = true;
        queue.rows.clear();
        queue.waiting.clear();
        queue.commands.clear();
        self.0.checkpoint.lock().closed = true;
        self.0.checkpoint_wake.notify_one();
    }
}

fn run(mut writer: LedgerWriter, clock: &dyn Clock, shared: &Shared) {
    let _closing = Closing(shared);
    do_not_preempt();
    let mut rows = Vec::new();
    loop {
        let patience = match (writer.is_folding(), writer.has_chores()) {
            (true, _) => Some(FOLDING),
            (false, true) => Some(IDLE),
            (false, false) => None,
        };
        let batch = next_batch(shared, std::mem::take(&mut rows), patience);
        let idle = batch.rows.is_empty() && batch.commands.is_empty();
        if !batch.rows.is_empty() {
            commit(&mut writer, clock, &batch.rows, batch.waiting, shared);
        } else if idle
            && writer.has_chores()
            && let Err(cause) = writer.do_chores(clock.now().unix_ms)
        {
            tracing::error!(%cause, "The ledger could not be folded; it will be tried again");
            std::thread::sleep(IDLE);
        }
        for command in batch.commands {
            obey(&mut writer, command);
        }
        if batch.closed && batch.rows.is_empty() {
            break;
        }
        rows = batch.rows;
        rows.clear();
        look_after_log(shared, &mut writer, idle);
    }
}

/// A thread that wakes often and briefly is let in at once by the kernel, in the midst of a worker's turn. This one has
/// more to do at a time, and all of them less, if it waits until the worker has nothing else (sched(7), SCHED_BATCH).
/// Where the system refuses, nothing but speed is lost.
fn do_not_preempt() {
    /// In the crate's scale from 0 to 99, what a nice value of 0 is.
    const USUAL: u8 = 47;
    #[cfg(target_os = "linux")]
    if let (Ok(0), Ok(usual)) = (rustix::process::getpriority_process(None), USUAL.try_into()) {
        let batch = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Batch);
        let _ = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Crossplatform(usual), batch);
    }
}

/// Has a long log checkpointed by the thread beside. That one cannot end it while rows keep coming; so when it is
/// done, the writer moves the few pages that came meanwhile, and the next commit begins the log anew.
fn look_after_log(shared: &Shared, writer: &mut LedgerWriter, idle: bool) {
    if shared.checkpointed.swap(false, Ordering::Relaxed) {
        writer.restart_log();
    } else if writer.log_pages() >= if idle { CHECKPOINT_IDLE_AT } else { CHECKPOINT_AT } {
        let mut state = shared.checkpoint.lock();
        if !state.wanted {
            state.wanted = true;
            shared.checkpoint_wake.notify_one();
        }
    }
}

/// Waits for rows; while chores wait, not for longer than `patience`.
fn next_batch(shared: &Shared, spare: Vec<RequestRow>, patience: Option<Duration>) -> Batch {
    let mut queue = shared.queue.lock();
    if queue.rows.is_empty() && queue.commands.is_empty() && !queue.closed {
        queue.asleep = true;
        match patience {
            Some(patience) => drop(shared.wake.wait_for(&mut queue, patience)),
            None => shared.wake.wait(&mut queue),
        }
        queue.asleep = false;
    }
    Batch {
        rows: std::mem::replace(&mut queue.rows, spare),
        waiting: std::mem::take(&mut queue.waiting),
        commands: std::mem::take(&mut queue.commands),
        closed: queue.closed,
    }
}

fn commit(
    writer: &mut LedgerWriter,
    clock: &dyn Clock,
    rows: &[RequestRow],
    waiting: Vec<oneshot::Sender<Result<(), Unrecorded>>>,
    shared: &Shared,
) {
    let result = writer.append(rows, clock.now().unix_ms);
    let outcome = result.as_ref().map_or(Err(Unrecorded), |()| Ok(()));
    for sender in waiting {
        let _ = sender.send(outcome.clone());
    }
    let Err(cause) = result else { return };
    tracing::error!(%cause, requests = rows.len(), "Requests could not be recorded in the ledger");
    if matches!(cause, StoreError::Busy(_)) {
        // Those that came meanwhile have waited for the same lock; they do not wait for it once more.
        let mut queue = shared.queue.lock();
        queue.rows.clear();
        for sender in queue.waiting.drain(..) {
            let _ = sender.send(Err(Unrecorded));
        }
    }
}

fn obey(writer: &mut LedgerWriter, command: Command) {
    match command {
        Command::Prune { now, retention_days, max_megabytes, answer } => {
            let result = writer.prune(now, retention_days, max_megabytes);
            let _ = answer.send(result.map_err(|cause| cause.to_string()));
        }
    }
}

fn run_checkpoints(checkpointer: &Checkpointer, shared: &Shared) {
    // Nobody waits for it; where the system refuses, it is merely less polite.
    let _ = rustix::process::setpriority_process(None, 19);
    loop {
        {
            let mut state = shared.checkpoint.lock();
            while !state.wanted && !state.closed {
                shared.checkpoint_wake.wait(&mut state);
            }
            if state.closed {
                return;
            }
        }
        if let Err(cause) = checkpointer.run() {
            tracing::warn!(%cause, "The ledger could not be checkpointed; it will be tried again");
        }
        shared.checkpoint.lock().wanted = false;
        shared.checkpointed.store(true, Ordering::Relaxed);
    }
}
