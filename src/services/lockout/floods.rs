//! Refusals while an account is locked: counted, and told of once a minute, so that a flood does not fill the audit log.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::places::Of;
use crate::clock::{MINUTE, UnixMillis};

/// The most locked accounts whose refusals are counted at a time.
const MOST: usize = 10_000;

/// The counts that are under way.
#[derive(Default)]
pub struct Floods(Mutex<HashMap<Of, Flood>>);

/// Refusals that no entry tells of yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flood {
    /// Whose account it is; `None` where nobody has the address.
    pub user: Option<String>,
    /// How many there were.
    pub count: u64,
    /// Where the last one came from.
    pub ip: Option<String>,
    /// What the last one called itself.
    pub user_agent: Option<String>,
    told_at: UnixMillis,
}

impl Floods {
    /// Counts a refusal. The count since the last entry, where another entry is due: at once, then once a minute.
    pub fn count(
        &self,
        of: &Of,
        user: Option<&str>,
        ip: Option<&str>,
        user_agent: Option<&str>,
        now: UnixMillis,
    ) -> Option<u64> {
        let mut floods = self.0.lock();
        if floods.len() >= MOST && !floods.contains_key(of) {
            return None;
        }
        let flood = floods.entry(of.clone()).or_insert_with(|| Flood {
            user: user.map(str::to_owned),
            count: 0,
            ip: None,
            user_agent: None,
            told_at: now - MINUTE,
        });
        flood.count += 1;
        (flood.ip, flood.user_agent) = (ip.map(str::to_owned), user_agent.map(str::to_owned));
        if (flood.told_at - MINUTE + 1..=flood.told_at + MINUTE - 1).contains(&now) {
            return None;
        }
        flood.told_at = now;
        Some(std::mem::take(&mut flood.count))
    }

    /// Ends the counts that were not told of for a minute; those that have something left to tell.
    pub fn end(&self, now: UnixMillis) -> Vec<Flood> {
        let mut ended = Vec::new();
        self.0.lock().retain(|_, flood| {
            let goes_on = (now - flood.told_at).abs() < MINUTE;
            if !goes_on && flood.count > 0 && flood.user.is_some() {
                ended.push(flood.clone());
            }
            goes_on
        });
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_refusal_is_told_at_once_and_the_others_once_a_minute() {
        let floods = Floods::default();
        let of = ([0; 32], String::new());
        let count = |now| floods.count(&of, Some("usr_1"), None, None, now);
        assert_eq!(count(0), Some(1));
        assert_eq!([count(1), count(30_000), count(59_999)], [None; 3]);
        assert_eq!(count(60_000), Some(4));
        assert_eq!(count(60_001), None);
        assert_eq!(floods.end(60_002), []);
        let ended = floods.end(120_000);
        assert_eq!(ended.iter().map(|flood| flood.count).collect::<Vec<_>>(), [1]);
        assert_eq!(floods.end(120_000), []);
    }

    #[test]
    fn of_addresses_that_nobody_has_nothing_is_told_later() {
        let floods = Floods::default();
        let of = ([1; 32], String::from("?"));
        for now in [0, 1] {
            floods.count(&of, None, None, None, now);
        }
        assert_eq!(floods.end(60_000), []);
    }
}
