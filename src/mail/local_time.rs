//! Times, as the reader of a message reads a clock.

use crate::clock::{UnixMillis, to_rfc3339};

/// `Monday, 7 January 2030, 09:30 (Europe/Berlin)`; in UTC where the zone is unknown.
pub fn local_time(at: UnixMillis, timezone: &str) -> String {
    let Ok(timestamp) = jiff::Timestamp::from_millisecond(at) else { return to_rfc3339(at) };
    let (zone, name) = match jiff::tz::TimeZone::get(timezone) {
        Ok(zone) => (zone, timezone),
        Err(_) => (jiff::tz::TimeZone::UTC, "UTC"),
    };
    format!("{} ({name})", timestamp.to_zoned(zone).strftime("%A, %-d %B %Y, %H:%M"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_in_the_reader_s_zone_and_in_utc_where_that_is_unknown() {
        let noon = 1_893_499_200_000;
        assert_eq!(local_time(noon, "UTC"), "Tuesday, 1 January 2030, 12:00 (UTC)");
        assert_eq!(local_time(noon, "Asia/Kathmandu"), "Tuesday, 1 January 2030, 17:45 (Asia/Kathmandu)");
        assert_eq!(local_time(noon, "Middle/Earth"), "Tuesday, 1 January 2030, 12:00 (UTC)");
    }
}
