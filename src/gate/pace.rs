//! Whether the wall clock keeps pace with the monotonic one, so that a clock that was wrong for a moment, a year ahead say,
//! and then put right, does not end keys for good.
//!
//! A leap ahead is believed once it has lasted an hour. Until then keys end by it too, for it may be right; but should the
//! clock be set back, only what had ended by its former pace stays ended.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::clock::{MINUTE, Moment, UnixMillis};

/// By how much the two may drift apart before it counts as a leap.
const TOLERANCE: i64 = MINUTE;
/// How long a leap has to last, in microseconds.
const BELIEVED_AFTER_US: u64 = 3_600_000_000;

/// How the two clocks stand to each other.
pub(super) struct Pace {
    /// The wall clock's lead over the monotonic one, in milliseconds, as it is believed.
    offset: AtomicI64,
    /// When the last leap was seen, on the monotonic clock; 0 once it is believed or long past.
    leaped_at: AtomicU64,
    /// The latest time by the believed pace since that leap.
    reached: AtomicI64,
}

fn offset_of(now: Moment) -> i64 {
    now.unix_ms - (now.mono_us / 1_000) as i64
}

impl Pace {
    pub(super) fn new(now: Moment) -> Self {
        Pace { offset: AtomicI64::new(offset_of(now)), leaped_at: AtomicU64::new(0), reached: AtomicI64::new(0) }
    }

    /// Notes how the clocks stand. Where they keep pace, as they always should, this reads two numbers.
    pub(super) fn note(&self, now: Moment) {
        let lead = offset_of(now) - self.offset.load(Ordering::SeqCst);
        if lead.abs() > TOLERANCE || self.leaped_at.load(Ordering::SeqCst) != 0 {
            self.note_leap(now, lead);
        }
    }

    #[cold]
    fn note_leap(&self, now: Moment, lead: i64) {
        if lead < -TOLERANCE {
            // It was set back, which is settled already.
            self.offset.store(offset_of(now), Ordering::SeqCst);
        }
        let by_pace = now.unix_ms - lead.max(0);
        match self.leaped_at.load(Ordering::SeqCst) {
            0 if lead > TOLERANCE => {
                self.reached.store(by_pace, Ordering::SeqCst);
                self.leaped_at.store(now.mono_us.max(1), Ordering::SeqCst);
            }
            0 => {}
            since if now.mono_us.saturating_sub(since) < BELIEVED_AFTER_US => {
                self.reached.fetch_max(by_pace, Ordering::SeqCst);
            }
            _ => {
                self.offset.store(offset_of(now), Ordering::SeqCst);
                self.leaped_at.store(0, Ordering::SeqCst);
            }
        }
    }

    /// Of the time that the clock had said before it was set back: as much as can be believed.
    pub(super) fn believed(&self, before: UnixMillis) -> UnixMillis {
        match self.leaped_at.load(Ordering::SeqCst) {
            0 => before,
            _ => before.min(self.reached.load(Ordering::SeqCst)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::HOUR;

    const NOW: UnixMillis = 1_893_456_000_000;
    const YEAR: i64 = 365 * 24 * HOUR;

    /// So long after the start, with the wall clock so far from where it should be.
    fn at(passed: i64, off: i64) -> Moment {
        Moment { unix_ms: NOW + passed + off, mono_us: 86_400_000_000 + passed as u64 * 1_000 }
    }

    #[test]
    fn time_that_passes_is_believed_however_long_nobody_asked() {
        let pace = Pace::new(at(0, 0));
        pace.note(at(30 * 24 * HOUR, 0));
        assert_eq!(pace.believed(NOW + 30 * 24 * HOUR), NOW + 30 * 24 * HOUR);
    }

    #[test]
    fn a_leap_is_believed_once_it_has_lasted_an_hour() {
        let pace = Pace::new(at(0, 0));
        pace.note(at(MINUTE, YEAR));
        assert_eq!(pace.believed(NOW + YEAR), NOW + MINUTE);
        pace.note(at(HOUR, YEAR));
        assert_eq!(pace.believed(NOW + YEAR), NOW + HOUR);
        pace.note(at(HOUR + MINUTE, YEAR));
        assert_eq!(pace.believed(NOW + YEAR), NOW + YEAR);
    }

    #[test]
    fn one_who_still_has_the_wrong_time_when_it_was_put_right_changes_nothing() {
        let pace = Pace::new(at(0, 0));
        pace.note(at(MINUTE, YEAR));
        pace.note(at(2 * MINUTE, 0));
        pace.note(at(2 * MINUTE, YEAR));
        assert_eq!(pace.believed(NOW + YEAR), NOW + 2 * MINUTE);
    }

    #[test]
    fn after_it_was_set_back_it_is_the_new_pace_that_counts() {
        let pace = Pace::new(at(0, YEAR));
        pace.note(at(MINUTE, 0));
        pace.note(at(2 * MINUTE, YEAR / 2));
        assert_eq!(pace.believed(NOW + YEAR / 2), NOW + 2 * MINUTE);
    }
}
