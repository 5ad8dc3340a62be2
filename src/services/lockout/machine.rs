//! The lockout, as a state machine with time as an argument: one for each address and network.
//!
//! ```text
//!                    a failure, of which there were fewer than `attempts`
//!                                  ┌─────┐
//!                                  │     ▼
//!  ┌──────┐   a failure         ┌──┴───────┐   the failure that makes it `attempts`   ┌────────┐
//!  │ Open ├────────────────────►│ Counting ├─────────────────────────────────────────►│ Locked │
//!  └──────┘                     └────┬─────┘                                          └───┬────┘
//!     ▲    a success, a reset,       │           `minutes` are over, a reset,             │
//!     └────or `reset_minutes`────────┴───────────or an administrator unlocks──────────────┘
//!          without a failure
//! ```
//!
//! While it is locked, nothing is counted: whoever keeps trying does not prolong the lock. The states are not stored as
//! such; they are read from a row's three numbers, and no row is `Open`.

use crate::clock::{MINUTE, UnixMillis};
use crate::config::Lockout;
use crate::store::sign_in_failures::Failures;

/// By how much the time of one request may lie behind that of another that was done before it: one may wait for its
/// place. What lies further ahead was written before the clock was set back.
const TOLERANCE: i64 = MINUTE;

/// How many, how long, and when they are forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    attempts: u32,
    lock_ms: i64,
    /// How long without a failure until the earlier ones are forgotten.
    pub reset_ms: i64,
}

/// What an attempt meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// So many more may fail before the lock; at least one.
    Open {
        /// How many.
        left: u32,
    },
    /// Nobody gets in.
    Locked {
        /// Until then.
        until: UnixMillis,
    },
}

impl Rules {
    /// By the settings.
    pub fn of(settings: &Lockout) -> Self {
        Rules {
            attempts: settings.attempts,
            lock_ms: i64::from(settings.minutes) * MINUTE,
            reset_ms: i64::from(settings.reset_minutes) * MINUTE,
        }
    }

    /// What an attempt at this time meets.
    pub fn standing(&self, row: Option<&Failures>, now: UnixMillis) -> Standing {
        match row {
            Some(Failures { locked_until: Some(until), .. }) if now < *until => {
                Standing::Locked { until: (*until).min(now + self.lock_ms) }
            }
            row => Standing::Open { left: self.attempts.saturating_sub(self.counted(row, now)).max(1) },
        }
    }

    /// The row after a failure at this time; and whether it is this one that locks.
    pub fn after_failure(&self, row: Option<&Failures>, now: UnixMillis) -> (Failures, bool) {
        if let (Some(row), Standing::Locked { .. }) = (row, self.standing(row, now)) {
            return (*row, false);
        }
        let failures = self.counted(row, now) + 1;
        let locks = failures >= self.attempts;
        let last_at = match row {
            Some(row) if row.last_at <= now + TOLERANCE => row.last_at.max(now),
            _ => now,
        };
        (Failures { failures, last_at, locked_until: locks.then_some(now + self.lock_ms) }, locks)
    }

    /// The row that is to stand in place of one that was written before the clock was set back: its times are cut to
    /// what they can be, so that no lock holds longer than its length. `None` where nothing is wrong.
    pub fn mended(&self, row: &Failures, now: UnixMillis) -> Option<Failures> {
        let longest = now + self.lock_ms;
        let cut = Failures {
            failures: row.failures,
            last_at: if row.last_at > now + TOLERANCE { now } else { row.last_at },
            locked_until: row.locked_until.map(|until| if until > longest + TOLERANCE { longest } else { until }),
        };
        (cut != *row).then_some(cut)
    }

    /// How many failures still count.
    fn counted(&self, row: Option<&Failures>, now: UnixMillis) -> u32 {
        match row {
            // That lock is over; it begins anew.
            Some(row) if row.locked_until.is_some() => 0,
            Some(row) if now - row.last_at >= self.reset_ms => 0,
            Some(row) => row.failures,
            None => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: UnixMillis = 1_893_456_000_000;

    fn rules() -> Rules {
        Rules::of(&Lockout::default())
    }

    /// The row after so many failures in one moment.
    fn failed(times: u32, now: UnixMillis) -> Option<Failures> {
        (0..times).fold(None, |row, _| Some(rules().after_failure(row.as_ref(), now).0))
    }

    fn standing(row: Option<Failures>, now: UnixMillis) -> Standing {
        rules().standing(row.as_ref(), now)
    }

    #[test]
    fn five_failures_lock_for_fifteen_minutes_and_then_it_begins_anew() {
        for (failures, left) in [(0, 5), (1, 4), (4, 1)] {
            assert_eq!(standing(failed(failures, NOW), NOW), Standing::Open { left });
        }
        let until = NOW + 15 * MINUTE;
        let locked = failed(5, NOW);
        assert_eq!(standing(locked, NOW), Standing::Locked { until });
        assert_eq!(standing(locked, until - 1), Standing::Locked { until });
        assert_eq!(standing(locked, until), Standing::Open { left: 5 });
    }

    #[test]
    fn thirty_minutes_without_a_failure_forget_the_earlier_ones_and_less_does_not() {
        let four = failed(4, NOW);
        assert_eq!(standing(four, NOW + 30 * MINUTE - 1), Standing::Open { left: 1 });
        assert_eq!(standing(four, NOW + 30 * MINUTE), Standing::Open { left: 5 });
        let spread = (0..5).fold(None, |row: Option<Failures>, step| {
            Some(rules().after_failure(row.as_ref(), NOW + step * 29 * MINUTE).0)
        });
        assert!(spread.unwrap().locked_until.is_some(), "each within thirty minutes of the other");
    }

    #[test]
    fn a_lock_of_the_future_is_cut_to_its_length_and_ends() {
        const YEAR: i64 = 365 * 24 * 60 * MINUTE;
        let ahead = failed(5, NOW + YEAR).unwrap();
        let mended = rules().mended(&ahead, NOW).unwrap();
        assert_eq!(mended.locked_until, Some(NOW + 15 * MINUTE));
        assert_eq!(rules().mended(&mended, NOW), None);
        assert_eq!(standing(Some(mended), NOW + 15 * MINUTE), Standing::Open { left: 5 });
        let counting = rules().mended(&failed(4, NOW + YEAR).unwrap(), NOW);
        assert_eq!(standing(counting, NOW + 30 * MINUTE), Standing::Open { left: 5 });
    }

    proptest! {
        /// Against the rule as it is told: a failure counts while no lock holds; five, each within thirty minutes of the
        /// one before, lock.
        #[test]
        fn any_series_of_failures_and_pauses_locks_where_the_rule_says(
            steps in prop::collection::vec((0i64..40 * MINUTE, any::<bool>()), 1..60),
        ) {
            let (mut row, mut now) = (None, NOW);
            let (mut count, mut last, mut lock) = (0, NOW, None);
            for (pause, fails) in steps {
                now += pause;
                if now - last >= 30 * MINUTE || lock.is_some_and(|until| now >= until) {
                    (count, lock) = (0, None);
                }
                match (standing(row, now), lock) {
                    (Standing::Locked { until }, Some(expected)) => prop_assert_eq!(until, expected),
                    (Standing::Open { left }, None) => prop_assert_eq!(left, 5 - count),
                    (found, expected) => prop_assert!(false, "{:?} where {:?}", found, expected),
                }
                if fails && lock.is_none() {
                    count += 1;
                    last = now;
                    lock = (count == 5).then_some(now + 15 * MINUTE);
                    let (after, locks) = rules().after_failure(row.as_ref(), now);
                    prop_assert_eq!(locks, count == 5);
                    row = Some(after);
                }
            }
        }

        /// Wherever the clock jumps: no lock holds longer than its length from when it is looked at, and after it there
        /// are places again.
        #[test]
        fn no_jump_of_the_clock_makes_a_lock_hold_longer_than_its_length(
            steps in prop::collection::vec((-1_000_000_000_000i64..1_000_000_000_000, any::<bool>()), 1..40),
        ) {
            let (mut row, mut now): (Option<Failures>, _) = (None, NOW);
            for (jump, fails) in steps {
                now += jump;
                if let Some(mended) = row.and_then(|row| rules().mended(&row, now)) {
                    row = Some(mended);
                }
                if fails {
                    row = Some(rules().after_failure(row.as_ref(), now).0);
                }
                if let Standing::Locked { until } = standing(row, now) {
                    prop_assert!(until - now <= 15 * MINUTE);
                }
                let later = now + 15 * MINUTE + TOLERANCE;
                let again = matches!(standing(row, later), Standing::Open { left: 1..=5 });
                prop_assert!(again, "no place after the longest lock");
            }
        }
    }
}
