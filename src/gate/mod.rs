//! The gate: the hot path, and the heart of the product.
//!
//! One request: what was presented ([`credential`]) is looked up ([`lookup`], through [`record_cache`]), a rule is found
//! ([`policy`]), the two are held against each other ([`decide`]), the limits are taken ([`rate_limit`]), and the row
//! is committed ([`ledger`]) before the answer goes out.

pub mod clock_watch;
pub mod credential;
pub mod decide;
pub mod demand;
pub mod identity;
pub mod ledger;
pub mod lookup;
pub mod path;
pub mod policy;
pub mod rate_limit;
pub mod reach;
mod record;
pub mod record_cache;
mod rules;
pub mod share;
pub mod tally;
pub mod widget;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::{Moment, UnixMillis};
use crate::config::{Config, OnFailure};
use crate::crypto::secret_token::{Digest, Shape};
use crate::error_code::ErrorCode;
use crate::store::requests;
use crate::store::{Store, StoreError};
use credential::{Presented, Shapes};
use decide::{Credential, Facts, judge};
use demand::Demand;
use ledger::Ledger;
use lookup::{KeyRecord, Lookup};
use policy::Policy;
use rate_limit::{Draw, RateLimiter, Sharer, Standings, Verdict, WINDOW_US};
use record::row_of;
use record_cache::RecordCache;
use share::{Door, PresentedShare, ShareRecord};
use tally::Tally;
use widget::WidgetRecord;

pub use record::clean;

/// The most records that are kept of each kind of credential.
const CACHED_KEYS: usize = 131_072;
const CACHED_SHARES: usize = 16_384;
const CACHED_WIDGET_SESSIONS: usize = 131_072;

/// What came of a request.
#[derive(Debug)]
pub struct Decision {
    /// Pass, or why not.
    pub outcome: Result<(), ErrorCode>,
    /// Whose request it was.
    pub credential: Credential,
    /// Where the limits stand, if any applied.
    pub standings: Standings,
    /// The class's name, if its limit applied.
    pub class: Option<Arc<str>>,
    /// Microseconds until it would pass, where it was limited or its share is locked.
    pub wait_us: u64,
}

/// All parts of the gate.
pub struct Gate {
    store: Arc<Store>,
    lookup: Lookup,
    keys: RecordCache<KeyRecord>,
    shares: RecordCache<ShareRecord>,
    widgets: RecordCache<WidgetRecord>,
    /// The stretch of time in which the shares and widgets' sessions in the caches were looked up.
    era: AtomicU64,
    shapes: Shapes,
    policy: Policy,
    limiter: RateLimiter,
    ledger: Ledger,
    on_failure: OnFailure,
    started: Moment,
    /// What was decided, in numbers.
    pub tally: Tally,
}

impl Gate {
    /// Puts the parts together. `shapes` are those of all keys there are, and of those that will be made.
    pub fn new(
        store: Arc<Store>,
        lookup: Lookup,
        policy: Policy,
        ledger: Ledger,
        shapes: Vec<Shape>,
        config: &Config,
        started: Moment,
    ) -> Self {
        Gate {
            store,
            lookup,
            keys: RecordCache::with_capacity(CACHED_KEYS),
            shares: RecordCache::with_capacity(CACHED_SHARES),
            widgets: RecordCache::with_capacity(CACHED_WIDGET_SESSIONS),
            era: AtomicU64::new(0),
            shapes: Shapes::new(shapes),
            policy,
            limiter: RateLimiter::new(started.mono_us),
            ledger,
            on_failure: config.ledger.on_failure,
            started,
            tally: Tally::default(),
        }
    }

    /// The shapes of credentials.
    pub fn shapes(&self) -> &Shapes {
        &self.shapes
    }

    /// The rules.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Reading credentials' records.
    pub fn lookup(&self) -> &Lookup {
        &self.lookup
    }

    /// Takes away what had ended before the clock was set back, if it was; to be called, where it may block, before
    /// anything is judged by the time.
    pub fn settle_clock(&self, now: UnixMillis) -> Result<(), StoreError> {
        self.lookup.settle_clock(now).map(drop)
    }

    /// The request log.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Forgets cached keys; to be called after a change's commit and before its answer.
    pub fn evict(&self, concerns: impl Fn(&KeyRecord) -> bool) {
        self.keys.evict(concerns);
    }

    /// Forgets whatever stands on a user, in any organization: their own keys, and the shares that they made. To be called
    /// as [`Gate::evict`] is.
    pub fn evict_user(&self, user: &str) {
        self.keys.evict(|record| record.owner.as_deref() == Some(user));
        self.shares.evict(|record| record.maker.as_deref() == Some(user));
    }

    /// Forgets whatever belongs to an organization. To be called as [`Gate::evict`] is.
    pub fn evict_organization(&self, number: i64) {
        self.keys.evict(|record| record.organization.number == number);
        self.shares.evict(|record| record.organization.number == number);
        self.widgets.evict(|record| record.organization.number == number);
    }

    /// Forgets cached shares. To be called as [`Gate::evict`] is.
    pub fn evict_shares(&self, concerns: impl Fn(&ShareRecord) -> bool) {
        self.shares.evict(concerns);
    }

    /// Forgets cached sessions of widgets. To be called as [`Gate::evict`] is.
    pub fn evict_widgets(&self, concerns: impl Fn(&WidgetRecord) -> bool) {
        self.widgets.evict(concerns);
    }

    /// Lets go of windows that are empty.
    pub fn sweep(&self, now: Moment) {
        self.limiter.sweep(now.mono_us);
    }

    /// The record of this digest: from the cache, or by one read. It blocks; see [`Gate::resolve`].
    fn look_up<R>(
        &self,
        cache: &RecordCache<R>,
        digest: &Digest,
        read: impl FnOnce(&Lookup, &Digest) -> Result<Option<R>, StoreError>,
    ) -> Result<Option<Arc<R>>, StoreError> {
        let began = match cache.get(digest) {
            Ok(record) => return Ok(Some(record)),
            Err(began) => began,
        };
        let Some(record) = read(&self.lookup, digest)?.map(Arc::new) else { return Ok(None) };
        cache.put(*digest, Arc::clone(&record), began);
        Ok(Some(record))
    }

    /// Finds whose credential was presented. `gate_cookie` says that the session token came with the gate's cookie. A
    /// share's password is not looked at: that is a service's work, for it takes hashing.
    pub async fn resolve(
        self: &Arc<Self>,
        presented: Presented<'_>,
        gate_cookie: bool,
        now: UnixMillis,
    ) -> Result<Credential, ErrorCode> {
        match presented {
            Presented::Nothing => Ok(Credential::Anonymous),
            Presented::Junk(code) => Ok(Credential::Refused(code)),
            Presented::Key(token) => {
                let digest = Digest::of(token);
                let found = match self.keys.get(&digest) {
                    Ok(record) => Some(record),
                    Err(_) => self.blocking(move |gate| gate.look_up(&gate.keys, &digest, Lookup::key)).await?,
                };
                Ok(found.map_or(Credential::Refused(ErrorCode::ApiKeyInvalid), Credential::Key))
            }
            Presented::Share(token, _) => {
                self.keep_to_the_era(now).await?;
                let digest = Digest::of(token);
                let found = match self.shares.get(&digest) {
                    Ok(record) => Some(record),
                    Err(_) => self.blocking(move |gate| gate.look_up(&gate.shares, &digest, Lookup::share)).await?,
                };
                Ok(found.map_or(Credential::Refused(ErrorCode::ShareTokenInvalid), |record| {
                    Credential::Share(PresentedShare::new(record))
                }))
            }
            Presented::Widget(token) => {
                self.keep_to_the_era(now).await?;
                let digest = Digest::of(token);
                let found = match self.widgets.get(&digest) {
                    Ok(record) => Some(record),
                    Err(_) => {
                        let look_up = move |gate: &Gate| {
                            gate.look_up(&gate.widgets, &digest, |lookup, digest| lookup.widget(digest, now))
                        };
                        self.blocking(look_up).await?
                    }
                };
                Ok(found.map_or(Credential::Refused(ErrorCode::WidgetTokenInvalid), Credential::Widget))
            }
            Presented::Session(token) => {
                let digest = Digest::of(token);
                let found = self.blocking(move |gate| gate.lookup.session(&digest, gate_cookie, now)).await?;
                Ok(found.map_or(Credential::Refused(ErrorCode::SessionInvalid), |session| {
                    Credential::Session(Arc::new(session))
                }))
            }
        }
    }

    /// Where the clock was set back, what had ended is taken away first, and what ends by the clock is looked up anew.
    async fn keep_to_the_era(self: &Arc<Self>, now: UnixMillis) -> Result<(), ErrorCode> {
        if self.lookup.era(now) == self.era.load(Ordering::SeqCst) {
            return Ok(());
        }
        let begin = move |gate: &Gate| {
            gate.settle_clock(now)?;
            let era = gate.lookup.era(now);
            gate.shares.evict(|record| record.expires_at.is_some());
            gate.widgets.evict(|_| true);
            gate.era.store(era, Ordering::SeqCst);
            Ok(())
        };
        self.blocking(begin).await
    }

    /// Judges a request, takes from its limits, and records it. When this is done, the row is committed.
    pub async fn admit(self: &Arc<Self>, demand: &Demand, credential: Credential, facts: &Facts<'_>) -> Decision {
        let credential = credential.as_far_as_it_counts(demand);
        let mut decision = Decision {
            outcome: judge(demand, &credential, facts),
            credential,
            standings: Standings::default(),
            class: None,
            wait_us: 0,
        };
        if let Credential::Share(PresentedShare { door: Door::Locked(wait_us), .. }) = &decision.credential
            && decision.outcome == Err(ErrorCode::ShareLocked)
        {
            decision.wait_us = *wait_us;
        }
        let draw = draw_of(demand, &decision.credential, facts);
        let drawn = decision.outcome.is_ok() && (draw.key.is_some() || draw.class.is_some());
        if drawn {
            decision.class = demand.class.as_ref().map(|class| class.name.clone());
            self.take(&draw, facts, &mut decision).await;
        }
        if let Some(row) = row_of(demand, &decision, facts)
            && self.ledger.record(row).await.is_err()
        {
            self.tally.unrecorded();
            if self.on_failure == OnFailure::Deny {
                if drawn && decision.outcome.is_ok() {
                    self.limiter.give_back(&draw, facts.at.mono_us);
                }
                decision.outcome = Err(ErrorCode::LedgerUnavailable);
            }
        }
        self.tally.count(decision.outcome);
        decision
    }

    async fn take(self: &Arc<Self>, draw: &Draw, facts: &Facts<'_>, decision: &mut Decision) {
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

    /// Runs what blocks away from the threads that answer requests.
    pub async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Gate) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, ErrorCode> {
        let gate = Arc::clone(self);
        match tokio::task::spawn_blocking(move || work(&gate)).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(cause)) => {
                tracing::error!(%cause, "A credential could not be looked up");
                Err(match cause {
                    StoreError::Busy(_) => ErrorCode::Busy,
                    StoreError::Full(_) => ErrorCode::StorageFull,
                    StoreError::Refused(_) | StoreError::Failed(_) => ErrorCode::Internal,
                })
            }
            Err(cause) => {
                tracing::error!(%cause, "A look-up did not come to its end");
                Err(ErrorCode::Internal)
            }
        }
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

fn draw_of(demand: &Demand, credential: &Credential, facts: &Facts<'_>) -> Draw {
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
