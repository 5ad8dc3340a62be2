//! Time, as an argument.
//!
//! Only the edges (the binary, the HTTP handlers, the jobs' loop) ask a [`Clock`]; everything below them takes a
//! [`Moment`] or a plain [`UnixMillis`], so that a test can say what time it is.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type UnixMillis = i64;

/// One second, in [`UnixMillis`].
pub const SECOND: UnixMillis = 1_000;
/// One minute, in [`UnixMillis`].
pub const MINUTE: UnixMillis = 60 * SECOND;
/// One hour, in [`UnixMillis`].
pub const HOUR: UnixMillis = 60 * MINUTE;
/// One day, in [`UnixMillis`].
pub const DAY: UnixMillis = 24 * HOUR;

/// The same instant on two clocks: the wall's, for what is written down, and a monotonic one, for what is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The wall clock, UTC. It may jump.
    pub unix_ms: UnixMillis,
    /// Microseconds on a clock that never goes back; its zero means nothing.
    pub mono_us: u64,
}

/// Where the edges learn the time.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Moment;
}

/// The monotonic clock starts a day in, so that "a minute before the start" is a number too.
const MONOTONIC_START_US: u64 = 86_400_000_000;

/// The machine's own clocks.
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// A clock whose monotonic part starts now.
    pub fn new() -> Self {
        SystemClock { origin: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Moment {
            unix_ms: wall.as_millis() as UnixMillis,
            mono_us: MONOTONIC_START_US + self.origin.elapsed().as_micros() as u64,
        }
    }
}

/// A clock that stands still until it is told otherwise: for tests.
pub struct ManualClock {
    unix_ms: AtomicI64,
    mono_us: AtomicU64,
}

impl ManualClock {
    /// A clock that says `unix_ms`.
    pub fn at(unix_ms: UnixMillis) -> Self {
        ManualClock { unix_ms: AtomicI64::new(unix_ms), mono_us: AtomicU64::new(MONOTONIC_START_US) }
    }

    /// Time passes: both clocks go forward.
    pub fn advance_ms(&self, ms: u64) {
        self.mono_us.fetch_add(ms * 1_000, Ordering::SeqCst);
        self.unix_ms.fetch_add(ms as i64, Ordering::SeqCst);
    }

    /// Somebody sets the wall clock; the monotonic one takes no notice.
    pub fn jump_wall_ms(&self, ms: i64) {
        self.unix_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Moment {
        Moment { unix_ms: self.unix_ms.load(Ordering::SeqCst), mono_us: self.mono_us.load(Ordering::SeqCst) }
    }
}

/// The latest that the wall clock was ever seen to say, so that it shows when somebody sets it back.
#[derive(Debug)]
pub struct HighWater(AtomicI64);

impl HighWater {
    /// By how much two requests at the same time may disagree.
    const TOLERANCE: UnixMillis = MINUTE;

    /// `at` is the latest that is known from before.
    pub fn new(at: UnixMillis) -> Self {
        HighWater(AtomicI64::new(at))
    }

    /// What the clock had said before it was set back, if it was. Whoever is told this settles what had happened by
    /// then, and afterwards calls [`HighWater::settle`].
    pub fn observe(&self, now: UnixMillis) -> Option<UnixMillis> {
        // Every request asks: where nothing is to be written, nothing is.
        let seen = self.0.load(Ordering::SeqCst);
        let before = if now > seen { self.0.fetch_max(now, Ordering::SeqCst) } else { seen };
        (now < before - Self::TOLERANCE).then_some(before)
    }

    /// Whether the clock was set back, as [`HighWater::observe`] would find, for who only looks.
    pub fn is_ahead_of(&self, now: UnixMillis) -> bool {
        now < self.0.load(Ordering::SeqCst) - Self::TOLERANCE
    }

    /// Begins anew from `now`.
    pub fn settle(&self, now: UnixMillis) {
        self.0.store(now, Ordering::SeqCst);
    }

    /// The later of `now` and what was seen; to be asked once [`HighWater::observe`] has found nothing.
    pub fn at_least(&self, now: UnixMillis) -> UnixMillis {
        now.max(self.0.load(Ordering::SeqCst))
    }
}

/// `2030-01-01T00:00:00.000Z`: how the API writes a time (RFC 3339, UTC, milliseconds).
pub fn to_rfc3339(at: UnixMillis) -> String {
    match jiff::Timestamp::from_millisecond(at) {
        Ok(timestamp) => format!("{timestamp:.3}"),
        Err(_) => String::from("9999-12-31T23:59:59.999Z"),
    }
}

/// Which end of a day a bare date means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DayEdge {
    /// `2030-01-01` is its first millisecond.
    Start,
    /// `2030-01-01` is its last millisecond.
    End,
}

/// Reads an RFC 3339 time with any offset, or a bare date (UTC). The error says what was expected.
pub fn parse_time(text: &str, edge: DayEdge) -> Result<UnixMillis, String> {
    if let Ok(date) = text.parse::<jiff::civil::Date>()
        && text.len() == 10
    {
        let start = date
            .to_zoned(jiff::tz::TimeZone::UTC)
            .map_err(|_| String::from("is not a date that can be used"))?
            .timestamp()
            .as_millisecond();
        return Ok(match edge {
            DayEdge::Start => start,
            DayEdge::End => start + DAY - 1,
        });
    }
    text.parse::<jiff::Timestamp>()
        .map(|timestamp| timestamp.as_millisecond())
        .map_err(|_| String::from("must be a time such as 2030-01-01T00:00:00Z, or a date such as 2030-01-01"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_back_shows_once_and_small_differences_do_not() {
        let high = HighWater::new(0);
        assert_eq!([high.observe(10 * HOUR), high.observe(10 * HOUR - MINUTE)], [None; 2]);
        assert_eq!(high.at_least(10 * HOUR - MINUTE), 10 * HOUR);
        assert!(high.is_ahead_of(9 * HOUR) && !high.is_ahead_of(10 * HOUR - MINUTE));
        assert_eq!(high.observe(9 * HOUR), Some(10 * HOUR));
        high.settle(9 * HOUR);
        assert_eq!(high.observe(9 * HOUR), None);
    }

    #[test]
    fn a_time_is_written_in_utc_with_milliseconds() {
        assert_eq!(to_rfc3339(1_893_456_000_000), "2030-01-01T00:00:00.000Z");
    }

    #[test]
    fn any_offset_is_read() {
        assert_eq!(parse_time("2030-01-01T02:00:00+02:00", DayEdge::End), Ok(1_893_456_000_000));
    }

    #[test]
    fn a_bare_date_is_the_edge_of_that_day() {
        assert_eq!(parse_time("2030-01-01", DayEdge::Start), Ok(1_893_456_000_000));
        assert_eq!(parse_time("2030-01-01", DayEdge::End), Ok(1_893_456_000_000 + DAY - 1));
    }

    #[test]
    fn what_is_no_time_is_refused_with_an_example() {
        assert!(parse_time("tomorrow", DayEdge::End).is_err_and(|text| text.contains("2030-01-01")));
        assert!(parse_time("2030-01-01T00:00:00", DayEdge::End).is_err());
    }
}
