//! Exact limits: in no sixty seconds do more than N pass.
//!
//! A window is the list of what was let through during the last minute, on the monotonic clock, in microseconds. A
//! request passes if the costs of all that is younger than sixty seconds, and its own, stay within the limit; what is
//! refused takes nothing; and the time it is told to wait is exactly the time until enough has grown old. A key's
//! window and its class's are taken together or not at all. A share and a widget have windows like a key's.
//!
//! After a restart the windows are empty, but the ledger knows the last minute: for the first minute of a process's
//! life a window that is not there yet is asked for ([`Verdict::Unknown`]) and restored before its first use.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use parking_lot::Mutex;

/// The length of every window.
pub const WINDOW_US: u64 = 60_000_000;
const SHARDS: usize = 64;

/// A limit and where it stands, after a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Requests in sixty seconds.
    pub limit: u32,
    /// How many more would pass now.
    pub remaining: u32,
    /// Microseconds until the oldest request leaves the window and makes room.
    pub reset_us: u64,
}

/// What was let through, oldest first.
#[derive(Debug, Default)]
struct Window {
    taken: VecDeque<(u64, u32)>,
    used: u64,
}

impl Window {
    fn forget_old(&mut self, now: u64) {
        while let Some((at, cost)) = self.taken.front().copied()
            && at + WINDOW_US <= now
        {
            self.used -= u64::from(cost);
            self.taken.pop_front();
        }
    }

    /// Microseconds until `cost` would pass; 0 = now.
    fn wait(&self, now: u64, cost: u32, limit: u32) -> u64 {
        let mut over = (self.used + u64::from(cost)).saturating_sub(u64::from(limit));
        if over == 0 {
            return 0;
        }
        for (at, cost) in &self.taken {
            over = over.saturating_sub(u64::from(*cost));
            if over == 0 {
                return at + WINDOW_US - now;
            }
        }
        // More than the limit at once: it never passes.
        WINDOW_US
    }

    fn take(&mut self, now: u64, cost: u32) {
        self.taken.push_back((now, cost));
        self.used += u64::from(cost);
    }

    fn newest(&self) -> Option<u64> {
        self.taken.back().map(|(at, _)| *at)
    }

    /// What was taken by a caller that came at `at` stands there, or later where others came before it. Of several that
    /// would do, the oldest goes: so that none passes too soon.
    fn give_back(&mut self, at: u64, cost: u32) {
        if let Some(index) = self.taken.iter().position(|(taken, its)| *taken >= at && *its == cost) {
            self.taken.remove(index);
            self.used -= u64::from(cost);
        }
    }

    fn standing(&self, now: u64, limit: u32) -> Standing {
        Standing {
            limit,
            remaining: u64::from(limit).saturating_sub(self.used) as u32,
            reset_us: self.taken.front().map_or(0, |(at, _)| at + WINDOW_US - now),
        }
    }
}

/// Whose requests of a class share a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sharer {
    /// An organization's, by its number.
    Organization(i64),
    /// A client address's: an IPv4 address, or an IPv6 /64.
    Network(u128),
}

/// A class's window: the class's number in the policy, and whose it is.
pub type ClassWindow = (u32, Sharer);

struct Windows<K>(Box<[Mutex<HashMap<K, Window>>]>);

impl<K: Hash + Eq + Copy> Windows<K> {
    fn new() -> Self {
        Windows((0..SHARDS).map(|_| Mutex::new(HashMap::new())).collect())
    }

    fn shard(&self, hash: usize) -> &Mutex<HashMap<K, Window>> {
        &self.0[hash % SHARDS]
    }

    fn sweep(&self, now: u64, started: u64) {
        for shard in &self.0 {
            let mut windows = shard.lock();
            windows.retain(|_, window| {
                window.forget_old(now);
                window.taken.shrink_to(window.taken.len() * 2);
                !window.taken.is_empty() || now < started + WINDOW_US
            });
            let len = windows.len();
            windows.shrink_to(len * 2);
        }
    }
}

/// What one request draws on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// The number of a key's family, a share or a widget (no two of them have the same), and its limit.
    pub key: Option<(i64, u32)>,
    /// The class's window, and its limit.
    pub class: Option<(ClassWindow, u32)>,
    /// How much.
    pub cost: u32,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was taken from both, or there was nothing to take from.
    Passed(Standings),
    /// Nothing was taken; in so many microseconds it would pass.
    Refused(Standings, u64),
    /// A window is to be restored from the ledger first.
    Unknown,
}

/// Where both limits stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Standings {
    pub key: Option<Standing>,
    pub class: Option<Standing>,
}

/// All windows.
pub struct RateLimiter {
    keys: Windows<i64>,
    classes: Windows<ClassWindow>,
    started: u64,
}

fn hash_of_class((class, sharer): &ClassWindow) -> usize {
    let sharer = match sharer {
        Sharer::Organization(number) => *number as usize,
        Sharer::Network(bits) => (bits ^ (bits >> 64)).wrapping_mul(0x9e37_79b9_7f4a_7c15) as usize >> 7,
    };
    sharer.wrapping_mul(31).wrapping_add(*class as usize)
}

impl RateLimiter {
    /// No windows; `started` is the monotonic time of the process's start.
    pub fn new(started: u64) -> Self {
        RateLimiter { keys: Windows::new(), classes: Windows::new(), started }
    }

    /// Takes from both windows, or from neither.
    pub fn take(&self, draw: &Draw, now: u64) -> Verdict {
        let fresh = now < self.started + WINDOW_US;
        // Always the key's lock before the class's, so that no two requests wait for each other.
        let mut keys = draw.key.map(|(family, _)| self.keys.shard(family as usize).lock());
        let mut classes = draw.class.map(|(window, _)| self.classes.shard(hash_of_class(&window)).lock());
        let key = match (&mut keys, draw.key) {
            (Some(windows), Some((family, limit))) => {
                if fresh && !windows.contains_key(&family) {
                    return Verdict::Unknown;
                }
                Some((windows.entry(family).or_default(), limit))
            }
            _ => None,
        };
        let class = match (&mut classes, draw.class) {
            (Some(windows), Some((window, limit))) => {
                let restorable = matches!(window.1, Sharer::Organization(_));
                if fresh && restorable && !windows.contains_key(&window) {
                    return Verdict::Unknown;
                }
                Some((windows.entry(window).or_default(), limit))
            }
            _ => None,
        };
        decide(key, class, draw.cost, now)
    }

    /// Gives back what was taken at `at`, as if the request had not been.
    pub fn give_back(&self, draw: &Draw, at: u64) {
        if let Some((family, _)) = draw.key
            && let Some(window) = self.keys.shard(family as usize).lock().get_mut(&family)
        {
            window.give_back(at, draw.cost);
        }
        if let Some((class, _)) = draw.class
            && let Some(window) = self.classes.shard(hash_of_class(&class)).lock().get_mut(&class)
        {
            window.give_back(at, draw.cost);
        }
    }

    /// Whether a family's window would have to be restored.
    pub fn lacks_key(&self, family: i64) -> bool {
        !self.keys.shard(family as usize).lock().contains_key(&family)
    }

    /// Whether a class's window would have to be restored.
    pub fn lacks_class(&self, window: &ClassWindow) -> bool {
        !self.classes.shard(hash_of_class(window)).lock().contains_key(window)
    }

    /// Restores a family's window, unless another request did so meanwhile. `taken`: monotonic time and cost.
    pub fn restore_key(&self, family: i64, taken: Vec<(u64, u32)>) {
        self.keys.shard(family as usize).lock().entry(family).or_insert_with(|| restored(taken));
    }

    /// Restores a class's window, unless another request did so meanwhile.
    pub fn restore_class(&self, window: ClassWindow, taken: Vec<(u64, u32)>) {
        self.classes.shard(hash_of_class(&window)).lock().entry(window).or_insert_with(|| restored(taken));
    }

    /// Lets go of windows that are empty, so that memory follows the last minute's traffic.
    pub fn sweep(&self, now: u64) {
        self.keys.sweep(now, self.started);
        self.classes.sweep(now, self.started);
    }
}

fn restored(taken: Vec<(u64, u32)>) -> Window {
    let used = taken.iter().map(|(_, cost)| u64::from(*cost)).sum();
    Window { taken: taken.into(), used }
}

fn decide<'a>(
    mut key: Option<(&'a mut Window, u32)>,
    mut class: Option<(&'a mut Window, u32)>,
    cost: u32,
    now: u64,
) -> Verdict {
    // Threads read the clock before they come here, not always in their order: no window's time goes back.
    let newest = key.iter().chain(class.iter()).filter_map(|(window, _)| window.newest()).max().unwrap_or(0);
    let now = now.max(newest);
    let mut wait = 0;
    for (window, limit) in key.iter_mut().chain(class.iter_mut()) {
        window.forget_old(now);
        wait = wait.max(window.wait(now, cost, *limit));
    }
    if wait == 0 {
        for (window, _) in key.iter_mut().chain(class.iter_mut()) {
            window.take(now, cost);
        }
    }
    let standings = Standings {
        key: key.map(|(window, limit)| window.standing(now, limit)),
        class: class.map(|(window, limit)| window.standing(now, limit)),
    };
    if wait == 0 { Verdict::Passed(standings) } else { Verdict::Refused(standings, wait) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: u64 = 1_000_000_000;

    fn limiter() -> RateLimiter {
        RateLimiter::new(START - 2 * WINDOW_US)
    }

    fn key(limit: u32) -> Draw {
        Draw { key: Some((7, limit)), class: None, cost: 1 }
    }

    fn passes(limiter: &RateLimiter, draw: &Draw, now: u64) -> bool {
        matches!(limiter.take(draw, now), Verdict::Passed(_))
    }

    #[test]
    fn a_caller_with_an_old_time_counts_from_the_newest_and_the_wait_is_never_more_than_a_window() {
        let limiter = limiter();
        let draw = |cost| Draw { key: Some((7, 10)), class: None, cost };
        for at in [START + 6_000_000, START, START + 3_000_000] {
            assert!(matches!(limiter.take(&draw(1), at), Verdict::Passed(_)));
        }
        let Verdict::Refused(standings, wait) = limiter.take(&draw(10), START + 7_000_000) else { panic!("too many") };
        assert_eq!(wait, WINDOW_US - 1_000_000);
        assert_eq!(standings.key.unwrap().reset_us, WINDOW_US - 1_000_000);
        limiter.give_back(&draw(1), START);
        let Verdict::Passed(standings) = limiter.take(&draw(8), START + 7_000_000) else { panic!("there is room") };
        assert_eq!(standings.key.unwrap().remaining, 0);
    }

    #[test]
    fn n_pass_and_the_next_one_waits_exactly_until_the_first_has_grown_old() {
        let limiter = limiter();
        for index in 0..3 {
            assert!(passes(&limiter, &key(3), START + index));
        }
        let Verdict::Refused(standings, wait) = limiter.take(&key(3), START + 10) else { panic!("one too many") };
        assert_eq!(standings.key.unwrap().remaining, 0);
        assert!(!passes(&limiter, &key(3), START + 10 + wait - 1));
        assert!(passes(&limiter, &key(3), START + 10 + wait));
    }

    #[test]
    fn both_windows_are_taken_or_neither() {
        let limiter = limiter();
        let class = (1, Sharer::Organization(1));
        let both = |family, class_limit| Draw { key: Some((family, 10)), class: Some((class, class_limit)), cost: 1 };
        assert!(passes(&limiter, &both(1, 2), START));
        assert!(passes(&limiter, &both(2, 2), START));
        assert!(!passes(&limiter, &both(1, 2), START));
        let Verdict::Passed(standings) = limiter.take(&Draw { class: None, ..both(1, 2) }, START) else { panic!() };
        assert_eq!(standings.key.unwrap().remaining, 8, "the refused one took nothing from the key");
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let limiter = limiter();
        assert!(passes(&limiter, &key(1), START));
        limiter.give_back(&key(1), START);
        assert!(passes(&limiter, &key(1), START));
        assert!(!passes(&limiter, &key(1), START));
    }

    #[test]
    fn more_than_the_limit_at_once_never_passes_and_costs_add_up() {
        let limiter = limiter();
        assert!(!passes(&limiter, &Draw { cost: 11, ..key(10) }, START));
        assert!(passes(&limiter, &Draw { cost: 9, ..key(10) }, START));
        assert!(!passes(&limiter, &Draw { cost: 2, ..key(10) }, START));
        assert!(passes(&limiter, &Draw { cost: 1, ..key(10) }, START));
    }

    #[test]
    fn in_a_process_s_first_minute_an_absent_window_is_unknown_until_it_is_restored() {
        let limiter = RateLimiter::new(START);
        assert_eq!(limiter.take(&key(2), START + 1), Verdict::Unknown);
        limiter.restore_key(7, vec![(START - 10, 1)]);
        limiter.restore_key(7, vec![]);
        assert!(passes(&limiter, &key(2), START + 2));
        assert!(!passes(&limiter, &key(2), START + 3));
        assert!(passes(&RateLimiter::new(START), &key(2), START + WINDOW_US));
    }

    #[test]
    fn empty_windows_go() {
        let limiter = limiter();
        for family in 0..1_000 {
            assert!(passes(&limiter, &Draw { key: Some((family, 5)), class: None, cost: 1 }, START));
        }
        limiter.sweep(START + WINDOW_US);
        assert!((0..1_000).all(|family| limiter.lacks_key(family)));
    }

    proptest! {
        #[test]
        fn in_no_sixty_seconds_do_more_than_n_pass_and_every_wait_is_exact(
            limit in 1u32..8,
            steps in proptest::collection::vec((0u64..30_000_000, 1u32..4), 1..60),
        ) {
            let limiter = limiter();
            let mut now = START;
            let mut passed: Vec<(u64, u32)> = Vec::new();
            for (step, cost) in steps {
                now += step;
                let draw = Draw { cost, ..key(limit) };
                match limiter.take(&draw, now) {
                    Verdict::Passed(_) => passed.push((now, cost)),
                    Verdict::Refused(_, wait) if cost <= limit => {
                        prop_assert!(wait > 0 && wait <= WINDOW_US);
                        let used = |at: u64| -> u32 {
                            passed.iter().filter(|(then, _)| then + WINDOW_US > at).map(|(_, cost)| cost).sum()
                        };
                        prop_assert!(used(now + wait) + cost <= limit);
                        prop_assert!(used(now + wait - 1) + cost > limit);
                    }
                    Verdict::Refused(..) => {}
                    Verdict::Unknown => prop_assert!(false),
                }
                let within: u32 =
                    passed.iter().filter(|(at, _)| at + WINDOW_US > now).map(|(_, cost)| cost).sum();
                prop_assert!(within <= limit);
            }
        }
    }
}
