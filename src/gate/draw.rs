//! What requests draw from their limits, and how windows come back after a restart.

use std::net::IpAddr;
use std::sync::Arc;

use super::decide::{Credential, Facts};
use super::demand::Demand;
use super::rate_limit::{Draw, Sharer, Verdict, WINDOW_US};
use super::{Decision, Gate};
use crate::clock::Moment;
use crate::error_code::ErrorCode;
use crate::store::{StoreError, requests};

impl Gate {
    /// Takes from the limits, and notes in the decision what came of it.
    pub(super) async fn take(self: &Arc<Self>, draw: &Draw, facts: &Facts<'_>, decision: &mut Decision) {
        // Twice at most: a window that was restored is there.
        for _ in 0..3 {
            match self.limiter.take(draw, facts.at.mono_us) {
                Verdict::Passed(standings) => {
                    decision.standings = standings;
                    return;
                }
                Verdict::Refused(standings, wait_us) => {
                    decision.standings = standings;
                    decision.wait_us = wait_us;
                    decision.outcome = Err(ErrorCode::RateLimited);
                    return;
                }
                Verdict::Unknown => {
                    let (wanted, at) = (*draw, facts.at);
                    let class = decision.class.clone();
                    if let Err(code) = self.blocking(move |gate| gate.restore(&wanted, class.as_deref(), at)).await {
                        decision.outcome = Err(code);
                        return;
                    }
                }
            }
        }
        decision.outcome = Err(ErrorCode::LedgerUnavailable);
    }

    /// Fills windows with what the ledger knows of the minute before this process's start.
    fn restore(&self, draw: &Draw, class: Option<&str>, now: Moment) -> Result<(), StoreError> {
        let upto = self.ledger.newest_at_start();
        let window_ms = (WINDOW_US / 1_000) as i64;
        // One second of slack for rows whose time was cut to milliseconds; what is too old is dropped below.
        let from = now.unix_ms - window_ms - 1_000;
        if let Some((family, _)) = draw.key
            && self.limiter.lacks_key(family)
        {
            let rows = self.store.read_ledger(|reader| requests::taken_by_family(reader, family, from, upto))?;
            self.limiter.restore_key(family, on_monotonic_clock(&rows, now, self.started));
        }
        if let (Some((window, _)), Some(class)) = (draw.class, class)
            && let (_, Sharer::Organization(organization)) = window
            && self.limiter.lacks_class(&window)
        {
            let rows =
                self.store.read_ledger(|reader| requests::taken_by_class(reader, organization, class, from, upto))?;
            self.limiter.restore_class(window, on_monotonic_clock(&rows, now, self.started));
        }
        Ok(())
    }
}

/// Wall-clock times as times on this process's monotonic clock. Rows of the future are left out.
fn on_monotonic_clock(rows: &[requests::Taken], now: Moment, started: Moment) -> Vec<(u64, u32)> {
    let mut taken: Vec<(u64, u32)> = rows
        .iter()
        .filter(|(at, _)| *at <= now.unix_ms)
        .filter_map(|(at, cost)| {
            // The row's time was cut to a millisecond: count it as late as it can have been, but before the start.
            let age_us = ((now.unix_ms - at) as u64 * 1_000).saturating_sub(1_000);
            (age_us <= WINDOW_US).then(|| ((now.mono_us - age_us).min(started.mono_us), *cost))
        })
        .collect();
    taken.sort_unstable();
    taken
}

/// What a request draws on: its credential's own limit, and its class's.
pub(super) fn draw_of(demand: &Demand, credential: &Credential, facts: &Facts<'_>) -> Draw {
    let key = match credential {
        _ if !demand.key_limit => None,
        Credential::Key(key) => Some((key.family, key.limit)),
        Credential::Share(share) => Some((share.record.number, share.record.limit)),
        Credential::Widget(widget) => Some((widget.number, widget.limit)),
        Credential::Session(_) | Credential::Anonymous | Credential::Refused(_) => None,
    };
    let class = demand.class.as_ref().map(|class| {
        let sharer = match credential.organization() {
            Some(organization) if !class.per_network => Sharer::Organization(organization.number),
            _ => Sharer::Network(network_of(facts.ip)),
        };
        ((class.number, sharer), class.limit)
    });
    Draw { key, class, cost: facts.cost }
}

/// An IPv4 address, or the /64 of an IPv6 one.
pub fn network_of(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address) >> 64 << 64 | 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv6_clients_of_one_network_share_a_window() {
        let network = |text: &str| network_of(text.parse().unwrap());
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:2"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }

    #[test]
    fn times_of_the_future_are_left_out_and_none_is_later_than_the_start() {
        let started = Moment { unix_ms: 1_000_000, mono_us: 500_000_000 };
        let now = Moment { unix_ms: 1_010_000, mono_us: 510_000_000 };
        let rows = [(1_020_000, 1), (999_000, 2), (900_000, 4), (1_005_000, 8)];
        assert_eq!(on_monotonic_clock(&rows, now, started), vec![(499_001_000, 2), (500_000_000, 8)]);
    }
}
