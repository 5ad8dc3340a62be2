//! Records that were looked up (of keys, shares, widgets' sessions), so that a request needs no database to know its
//! credential.
//!
//! The cache is exact: a change evicts after its commit and before its answer, and a look-up that began before puts
//! nothing back. Each shard has a generation that an eviction moves; a look-up notes it before it reads, and
//! [`RecordCache::put`] checks it under the shard's lock.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::crypto::secret_token::Digest;

const SHARDS: usize = 64;

/// The digests are uniform already: their first bytes are hash enough.
#[derive(Default)]
struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk::<8>() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

struct Slot<R> {
    record: Arc<R>,
    used: bool,
}

struct Shard<R> {
    generation: u64,
    slots: HashMap<Digest, Slot<R>, BuildHasherDefault<FirstBytes>>,
    /// The order in which slots are looked at when one must go (the clock algorithm).
    order: VecDeque<Digest>,
}

/// Where a look-up stood when it began.
#[derive(Clone, Copy, Debug)]
pub struct Generation(u64);

/// The cache.
pub struct RecordCache<R> {
    shards: Box<[Mutex<Shard<R>>]>,
    capacity_of_shard: usize,
}

impl<R> RecordCache<R> {
    /// A cache for about so many records; past that, those not used for longest go.
    pub fn with_capacity(capacity: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::new(Shard::new())).collect();
        RecordCache { shards, capacity_of_shard: (capacity / SHARDS).max(1) }
    }

    fn shard(&self, digest: &Digest) -> &Mutex<Shard<R>> {
        &self.shards[usize::from(digest.0[31]) % SHARDS]
    }

    /// The record of this digest; or where a look-up of it begins.
    pub fn get(&self, digest: &Digest) -> Result<Arc<R>, Generation> {
        let mut shard = self.shard(digest).lock();
        match shard.slots.get_mut(digest) {
            Some(slot) => {
                slot.used = true;
                Ok(Arc::clone(&slot.record))
            }
            None => Err(Generation(shard.generation)),
        }
    }

    /// Keeps what a look-up found, unless something was evicted since it began.
    pub fn put(&self, digest: Digest, record: Arc<R>, began: Generation) {
        let mut shard = self.shard(&digest).lock();
        if shard.generation != began.0 {
            return;
        }
        while shard.slots.len() >= self.capacity_of_shard {
            shard.make_room();
        }
        if shard.slots.insert(digest, Slot { record, used: false }).is_none() {
            shard.order.push_back(digest);
        }
    }

    /// Forgets every record that `concerns` is true of. To be called after the commit and before the answer.
    pub fn evict(&self, concerns: impl Fn(&R) -> bool) {
        for shard in &self.shards {
            let mut guard = shard.lock();
            let shard = &mut *guard;
            shard.generation += 1;
            shard.slots.retain(|_, slot| !concerns(&slot.record));
            let slots = &shard.slots;
            shard.order.retain(|digest| slots.contains_key(digest));
        }
    }
}

impl<R> RecordCache<R> {
    /// Lets go of records that are of no use any more: what is looked up again is found as it is.
    pub fn sweep(&self, is_over: impl Fn(&R) -> bool) {
        for shard in &self.shards {
            let mut guard = shard.lock();
            let Shard { slots, order, .. } = &mut *guard;
            slots.retain(|_, slot| !is_over(&slot.record));
            order.retain(|digest| slots.contains_key(digest));
        }
    }

    /// How many records are kept.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().slots.len()).sum()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<R> Shard<R> {
    fn new() -> Self {
        Shard { generation: 0, slots: HashMap::default(), order: VecDeque::new() }
    }

    /// Takes out the first slot that was not used since it was last passed over.
    fn make_room(&mut self) {
        while let Some(digest) = self.order.pop_front() {
            match self.slots.get_mut(&digest) {
                Some(slot) if slot.used => {
                    slot.used = false;
                    self.order.push_back(digest);
                }
                Some(_) => {
                    self.slots.remove(&digest);
                    return;
                }
                None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::lookup::KeyRecord;

    fn digest(number: u32) -> Digest {
        Digest::of(&number.to_string())
    }

    fn put(cache: &RecordCache<KeyRecord>, number: u32) {
        if let Err(began) = cache.get(&digest(number)) {
            cache.put(digest(number), Arc::new(KeyRecord::example(i64::from(number))), began);
        }
    }

    #[test]
    fn what_was_looked_up_is_there_until_it_is_evicted() {
        let cache = RecordCache::with_capacity(1_000);
        put(&cache, 1);
        put(&cache, 2);
        assert_eq!(cache.get(&digest(1)).unwrap().number, 1);
        cache.evict(|record| record.number == 1);
        assert!(cache.get(&digest(1)).is_err());
        assert!(cache.get(&digest(2)).is_ok());
    }

    #[test]
    fn a_look_up_that_began_before_an_eviction_puts_nothing_back() {
        let cache = RecordCache::with_capacity(1_000);
        let Err(began) = cache.get(&digest(1)) else { panic!("it is empty") };
        cache.evict(|_| false);
        cache.put(digest(1), Arc::new(KeyRecord::example(1)), began);
        assert!(cache.get(&digest(1)).is_err());
    }

    #[test]
    fn it_stays_within_its_bound_and_keeps_what_is_used() {
        let cache = RecordCache::with_capacity(SHARDS * 4);
        put(&cache, 0);
        for number in 1..10_000 {
            put(&cache, number);
            assert!(cache.get(&digest(0)).is_ok(), "used all along, gone at {number}");
        }
        assert!(cache.len() <= SHARDS * 4);
    }

    #[test]
    fn what_is_over_is_swept_out_and_a_look_up_under_way_is_kept_all_the_same() {
        let cache = RecordCache::with_capacity(1_000);
        (1..=10).for_each(|number| put(&cache, number));
        let Err(began) = cache.get(&digest(11)) else { panic!("it is not there yet") };
        cache.sweep(|record| record.number <= 9);
        cache.put(digest(11), Arc::new(KeyRecord::example(11)), began);
        assert_eq!((cache.len(), cache.get(&digest(9)).is_err(), cache.get(&digest(10)).is_ok()), (2, true, true));
        assert!(!cache.is_empty());
        let orders: usize = cache.shards.iter().map(|shard| shard.lock().order.len()).sum();
        assert_eq!(orders, 2, "nothing is left behind");
    }
}
