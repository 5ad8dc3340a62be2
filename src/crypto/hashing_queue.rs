//! Hashing on a thread of its own, behind a bounded queue, so that a flood of sign-ins cannot slow the gate.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::password::{self, Password};

/// How many may wait. At cost 12 one takes about a fifth of a second, so that more could not be served in time.
const QUEUE: usize = 64;

enum Work {
    Hash {
        password: Password,
        answer: SyncSender<Option<String>>,
    },
    /// Without a hash, that of nobody's password: an unknown address costs as much as a known one.
    Verify {
        password: Password,
        hash: Option<String>,
        answer: SyncSender<bool>,
    },
}

struct Ticket {
    work: Work,
    give_up_at: Instant,
}

/// The queue and its thread. When it goes, the thread ends after the work at hand.
pub struct HashingQueue {
    queue: SyncSender<Ticket>,
    patience: Duration,
}

/// More wait than can be served within the time that `password.queue_seconds` gives.
#[derive(Debug, thiserror::Error)]
#[error("too many passwords wait to be hashed")]
pub struct Busy;

impl HashingQueue {
    /// Starts the thread. `nobody` should be random; the thread hashes it first of all, and no start waits for that.
    pub fn start(cost: u32, patience: Duration, nobody: Password) -> std::io::Result<Self> {
        let (queue, work) = sync_channel(QUEUE);
        thread::Builder::new().name(String::from("hashing")).spawn(move || serve(&work, cost, &nobody))?;
        Ok(HashingQueue { queue, patience })
    }

    /// Hashes a new password.
    pub fn hash(&self, password: Password) -> Result<String, Busy> {
        let (answer, result) = sync_channel(1);
        self.enqueue(Work::Hash { password, answer })?;
        result.recv().ok().flatten().ok_or(Busy)
    }

    /// Compares with a stored hash; without one, does the same work and says no.
    pub fn verify(&self, password: Password, hash: Option<&str>) -> Result<bool, Busy> {
        let (answer, result) = sync_channel(1);
        self.enqueue(Work::Verify { password, hash: hash.map(str::to_owned), answer })?;
        result.recv().map_err(|_| Busy)
    }

    fn enqueue(&self, work: Work) -> Result<(), Busy> {
        let ticket = Ticket { work, give_up_at: Instant::now() + self.patience };
        self.queue.try_send(ticket).map_err(|error| match error {
            TrySendError::Full(_) | TrySendError::Disconnected(_) => Busy,
        })
    }
}

/// Who waited too long is dropped unanswered, which the waiting side reads as [`Busy`].
fn serve(work: &Receiver<Ticket>, cost: u32, nobody: &Password) {
    // Lower than all else on this machine; where the system refuses, hashing is merely less polite.
    let _ = rustix::process::setpriority_process(None, 10);
    let hash_of_nobody = password::hash(nobody, cost).unwrap_or_default();
    while let Ok(ticket) = work.recv() {
        if Instant::now() > ticket.give_up_at {
            continue;
        }
        match ticket.work {
            Work::Hash { password, answer } => drop(answer.send(password::hash(&password, cost))),
            Work::Verify { password, hash, answer } => {
                let matches = password::verify(&password, hash.as_deref().unwrap_or(&hash_of_nobody));
                let _ = answer.send(matches && hash.is_some());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::parse(text.into()).unwrap()
    }

    #[test]
    fn a_hash_verifies_and_nobody_verifies_without_one() {
        let queue = HashingQueue::start(4, Duration::from_secs(10), password("nobody")).unwrap();
        let hash = queue.hash(password("SecurePass1")).unwrap();
        assert!(queue.verify(password("SecurePass1"), Some(&hash)).unwrap());
        assert!(!queue.verify(password("SecurePass2"), Some(&hash)).unwrap());
        assert!(!queue.verify(password("nobody"), None).unwrap());
    }

    #[test]
    fn who_waits_too_long_is_told_that_the_server_is_busy() {
        let queue = HashingQueue::start(4, Duration::ZERO, password("nobody")).unwrap();
        std::thread::sleep(Duration::from_millis(1));
        assert!(queue.verify(password("x"), None).is_err());
    }
}
