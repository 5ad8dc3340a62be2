//! Times as their reader's own clock shows them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::clock::UnixMillis;

/// `1 January 2030, 01:15 (Europe/Berlin)`. A zone that is not known is UTC.
pub fn local(at: UnixMillis, timezone: &str) -> String {
    let (zone, name) = match TimeZone::get(timezone) {
        Ok(zone) => (zone, timezone),
        Err(_) => (TimeZone::UTC, "UTC"),
    };
    let Ok(timestamp) = Timestamp::from_millisecond(at) else { return crate::clock::to_rfc3339(at) };
    format!("{} ({name})", timestamp.to_zoned(zone).strftime("%-d %B %Y, %H:%M"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_in_the_readers_zone_and_names_it() {
        let at = 1_893_456_000_000;
        assert_eq!(local(at, "Europe/Berlin"), "1 January 2030, 01:00 (Europe/Berlin)");
        assert_eq!(local(at, "America/New_York"), "31 December 2029, 19:00 (America/New_York)");
        assert_eq!(local(at, "Nowhere/Else"), "1 January 2030, 00:00 (UTC)");
    }
}
