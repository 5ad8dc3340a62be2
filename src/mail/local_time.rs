//! Times in a message, as its reader's clock shows them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::clock::UnixMillis;

/// `Tuesday, 1 January 2030 at 01:00 (Europe/Berlin)`; in UTC where the time zone is unknown.
pub fn local_time(at: UnixMillis, timezone: &str) -> String {
    let zone = jiff::tz::db().get(timezone).unwrap_or(TimeZone::UTC);
    let name = zone.iana_name().unwrap_or("UTC").to_owned();
    let zoned = Timestamp::from_millisecond(at).unwrap_or(Timestamp::MAX).to_zoned(zone);
    format!("{} ({name})", zoned.strftime("%A, %-d %B %Y at %H:%M"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_in_the_readers_own_zone_summer_and_winter() {
        let new_year = 1_893_456_000_000;
        let july = 1_909_094_400_000;
        for (at, zone, told) in [
            (new_year, "UTC", "Tuesday, 1 January 2030 at 00:00 (UTC)"),
            (new_year, "Europe/Berlin", "Tuesday, 1 January 2030 at 01:00 (Europe/Berlin)"),
            (new_year, "America/New_York", "Monday, 31 December 2029 at 19:00 (America/New_York)"),
            (july, "Europe/Berlin", "Monday, 1 July 2030 at 02:00 (Europe/Berlin)"),
            (new_year, "Mars/Olympus", "Tuesday, 1 January 2030 at 00:00 (UTC)"),
        ] {
            assert_eq!(local_time(at, zone), told);
        }
    }
}
