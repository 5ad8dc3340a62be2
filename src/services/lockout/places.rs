//! Places before the lock: an attempt takes one of those that are left before its password is hashed, so that many at
//! once cannot try more passwords than one after the other could.
//!
//! One attempt at a time asks for a place of an address and network; the others stand in line behind it, and all of them
//! wait without a thread. It is given one where fewer are busy than may still fail. How many are busy is looked at
//! *before* the failures are read: what fails in between counts twice for that moment, never not at all.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::machine::Standing;
use crate::services::error::ServiceError;

/// The most attempts that are under way or wait, of all addresses together.
const MOST: usize = 1_024;

/// Whose places: a subject and a network.
pub type Of = ([u8; 32], String);

/// All addresses at which somebody is signing in.
#[derive(Default)]
pub struct Places {
    slots: Mutex<HashMap<Of, (Arc<Slot>, usize)>>,
}

#[derive(Default)]
struct Slot {
    /// Whose turn it is to ask.
    turn: tokio::sync::Mutex<()>,
    busy: AtomicU32,
    freed: Notify,
}

/// That somebody waits or is busy at a slot; with the last one the slot goes.
struct Presence {
    places: Arc<Places>,
    of: Of,
    slot: Arc<Slot>,
}

/// A place, until it is dropped: that is to happen after what came of the attempt is committed.
pub struct Place {
    presence: Presence,
}

/// What came of asking.
pub enum Asked {
    /// The attempt may be hashed.
    Place(Place),
    /// Nobody gets in, until then.
    Locked(i64),
    /// Too many wait already.
    Busy,
}

impl Places {
    /// Waits for a place. `standing` reads how many may still fail, each time anew.
    pub async fn take<F>(self: &Arc<Self>, of: Of, standing: impl Fn() -> F) -> Result<Asked, ServiceError>
    where
        F: Future<Output = Result<Standing, ServiceError>>,
    {
        let Some(presence) = self.enter(of) else { return Ok(Asked::Busy) };
        let slot = Arc::clone(&presence.slot);
        let _turn = slot.turn.lock().await;
        loop {
            let freed = slot.freed.notified();
            let busy = slot.busy.load(Ordering::SeqCst);
            match standing().await? {
                Standing::Locked { until } => return Ok(Asked::Locked(until)),
                Standing::Open { left } if busy < left => {
                    slot.busy.fetch_add(1, Ordering::SeqCst);
                    return Ok(Asked::Place(Place { presence }));
                }
                Standing::Open { .. } => freed.await,
            }
        }
    }

    fn enter(self: &Arc<Self>, of: Of) -> Option<Presence> {
        let mut slots = self.slots.lock();
        if slots.values().map(|(_, present)| present).sum::<usize>() >= MOST {
            return None;
        }
        let (slot, present) = slots.entry(of.clone()).or_default();
        *present += 1;
        Some(Presence { places: Arc::clone(self), of, slot: Arc::clone(slot) })
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let mut slots = self.places.slots.lock();
        if let Some((_, present)) = slots.get_mut(&self.of) {
            *present -= 1;
            if *present == 0 {
                slots.remove(&self.of);
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.presence.slot.busy.fetch_sub(1, Ordering::SeqCst);
        self.presence.slot.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    fn of(name: &str) -> Of {
        ([0; 32], name.to_owned())
    }

    async fn open(places: &Arc<Places>, name: &str, left: u32) -> Place {
        match places.take(of(name), || async { Ok(Standing::Open { left }) }).await.unwrap() {
            Asked::Place(place) => place,
            _ => panic!("no place"),
        }
    }

    #[tokio::test]
    async fn no_more_are_busy_than_may_fail_and_each_network_has_its_own_places() {
        let places = Arc::new(Places::default());
        let held = [open(&places, "a", 2).await, open(&places, "a", 2).await];
        let _elsewhere = open(&places, "b", 2).await;
        let waiting = tokio::spawn({
            let places = Arc::clone(&places);
            async move { open(&places, "a", 2).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(held);
        drop(waiting.await.unwrap());
        assert_eq!(places.slots.lock().len(), 1, "an address that nobody waits at is forgotten");
    }

    #[tokio::test]
    async fn whoever_waits_learns_of_a_lock() {
        let places = Arc::new(Places::default());
        let failed = Arc::new(AtomicUsize::new(0));
        let held = open(&places, "a", 1).await;
        let waiting = tokio::spawn({
            let (places, failed) = (Arc::clone(&places), Arc::clone(&failed));
            async move {
                let standing = || async {
                    Ok(match failed.load(Ordering::SeqCst) {
                        0 => Standing::Open { left: 1 },
                        _ => Standing::Locked { until: 7 },
                    })
                };
                matches!(places.take(of("a"), standing).await, Ok(Asked::Locked(7)))
            }
        });
        tokio::task::yield_now().await;
        failed.store(1, Ordering::SeqCst);
        drop(held);
        assert!(waiting.await.unwrap());
        assert!(places.slots.lock().is_empty());
    }

    #[tokio::test]
    async fn those_who_give_up_leave_nothing_and_stop_nobody() {
        let places = Arc::new(Places::default());
        let held = open(&places, "a", 1).await;
        for _ in 0..3 {
            let patience = std::time::Duration::from_millis(1);
            assert!(tokio::time::timeout(patience, open(&places, "a", 1)).await.is_err());
        }
        drop(held);
        drop(open(&places, "a", 1).await);
        assert!(places.slots.lock().is_empty());
    }

    #[tokio::test]
    async fn only_so_many_wait_at_all() {
        let places = Arc::new(Places::default());
        let mut held = Vec::new();
        for number in 0..MOST {
            held.push(open(&places, &number.to_string(), 1).await);
        }
        let standing = || async { Ok(Standing::Open { left: 1 }) };
        assert!(matches!(places.take(of("one more"), standing).await, Ok(Asked::Busy)));
        held.pop();
        assert!(matches!(places.take(of("one more"), standing).await, Ok(Asked::Place(_))));
    }
}
