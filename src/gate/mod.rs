//! The gate: the hot path, and the heart of the product.
//!
//! One request: what was presented ([`credential`]) is looked up ([`lookup`], through [`record_cache`]), a rule is found
//! ([`policy`]), the two are held against each other ([`decide`]), the limits are taken ([`rate_limit`]), and the row
//! is committed ([`ledger`]) before the answer goes out.

pub mod clock_watch;
pub mod credential;
pub mod decide;
pub mod demand;
mod draw;
pub mod identity;
pub mod ledger;
pub mod lookup;
mod pace;
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

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::{Moment, UnixMillis};
use crate::config::{Config, OnFailure};
use crate::crypto::secret_token::{Digest, Shape};
use crate::error_code::ErrorCode;
use crate::store::{Store, StoreError};
use credential::{Presented, Shapes, ShareToken};
use decide::{Credential, Facts, judge};
use demand::Demand;
use draw::draw_of;
use ledger::Ledger;
use lookup::{KeyRecord, Lookup};
use policy::Policy;
use rate_limit::{RateLimiter, Standings};
use record::row_of;
use record_cache::RecordCache;
use share::{Door, PresentedShare, ShareRecord};
use tally::Tally;
use widget::WidgetRecord;

pub use record::clean;

/// The most records that are kept of each kind of credential.
const CACHED_KEYS: usize = 131_072;
const CACHED_SHARES: usize = 16_384;
const CACHED_WIDGET_SESSIONS: usize = 16_384;

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
    shapes: Shapes,
    policy: Policy,
    limiter: RateLimiter,
    ledger: Ledger,
    on_failure: OnFailure,
    started: Moment,
    /// How many of the clock's set-backs the caches know of.
    settled: AtomicU64,
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
            shapes: Shapes::new(shapes),
            policy,
            limiter: RateLimiter::new(started.mono_us),
            ledger,
            on_failure: config.ledger.on_failure,
            started,
            settled: AtomicU64::new(0),
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
        self.lookup.settle_clock(now)?;
        let set_backs = self.lookup.clock_watch().set_backs();
        if self.settled.load(Ordering::SeqCst) != set_backs {
            self.keys.evict(|record| record.expires_at.is_some() || record.grace_ends_at.is_some());
            self.shares.evict(|record| record.expires_at.is_some());
            self.widgets.evict(|_| true);
            self.settled.store(set_backs, Ordering::SeqCst);
        }
        Ok(())
    }

    /// Whether the clock was set back and nobody has settled it yet, for who only looks.
    pub fn clock_is_behind(&self, now: UnixMillis) -> bool {
        self.lookup.clock_watch().is_behind(now)
    }

    /// Whether what is kept can be judged by the present time. It takes no lock, and writes at most once a millisecond.
    fn is_settled(&self, now: Moment) -> bool {
        let watch = self.lookup.clock_watch();
        !watch.is_unsettled(now) && self.settled.load(Ordering::SeqCst) == watch.set_backs()
    }

    /// The request log.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Forgets the keys of a family, and the shares that were made with them. To be called as [`Gate::evict`] is.
    pub fn evict_family(&self, family: i64) {
        self.keys.evict(|record| record.family == family);
        self.shares.evict(|record| record.key_family == Some(family));
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

    /// Lets go of windows that are empty, and of records of shares and of widgets' sessions that have ended.
    pub fn sweep(&self, now: Moment) {
        self.limiter.sweep(now.mono_us);
        let now = self.lookup.clock_watch().at_least(now.unix_ms);
        self.shares.sweep(|record| record.expires_at.is_some_and(|end| end <= now));
        self.widgets.sweep(|record| record.expires_at <= now);
    }

    /// How many records of shares and of widgets' sessions are kept.
    pub fn kept(&self) -> (usize, usize) {
        (self.shares.len(), self.widgets.len())
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

    fn key_blocking(&self, digest: &Digest, now: UnixMillis) -> Result<Option<Arc<KeyRecord>>, StoreError> {
        self.settle_clock(now)?;
        self.look_up(&self.keys, digest, Lookup::key)
    }

    fn share_blocking(&self, digest: &Digest, now: UnixMillis) -> Result<Option<Arc<ShareRecord>>, StoreError> {
        self.settle_clock(now)?;
        self.look_up(&self.shares, digest, Lookup::share)
    }

    fn widget_blocking(&self, digest: &Digest, now: UnixMillis) -> Result<Option<Arc<WidgetRecord>>, StoreError> {
        self.settle_clock(now)?;
        self.look_up(&self.widgets, digest, |lookup, digest| lookup.widget(digest, now))
    }

    /// Finds whose credential was presented. `gate_cookie` says that the session token came with the gate's cookie. A
    /// share's password is not looked at: that is a service's work, for it takes hashing.
    pub async fn resolve(
        self: &Arc<Self>,
        presented: Presented<'_>,
        gate_cookie: bool,
        at: Moment,
    ) -> Result<Credential, ErrorCode> {
        match presented {
            Presented::Nothing => Ok(Credential::Anonymous),
            Presented::Junk(code) => Ok(Credential::Refused(code)),
            Presented::Key(token) => {
                let digest = Digest::of(token);
                let kept = if self.is_settled(at) { self.keys.get(&digest).ok() } else { None };
                let found = match kept {
                    Some(record) => Some(record),
                    None => self.blocking(move |gate| gate.key_blocking(&digest, at.unix_ms)).await?,
                };
                Ok(found.map_or(Credential::Refused(ErrorCode::ApiKeyInvalid), Credential::Key))
            }
            Presented::Share(share) => self.resolve_share(share, at).await,
            Presented::Widget(token) => {
                let digest = Digest::of(token);
                let kept = if self.is_settled(at) { self.widgets.get(&digest).ok() } else { None };
                let found = match kept {
                    Some(record) => Some(record),
                    None => self.blocking(move |gate| gate.widget_blocking(&digest, at.unix_ms)).await?,
                };
                Ok(found.map_or(Credential::Refused(ErrorCode::WidgetTokenInvalid), Credential::Widget))
            }
            Presented::Session(token, beside) => {
                let digest = Digest::of(token);
                let found = self.blocking(move |gate| gate.lookup.session(&digest, gate_cookie, at.unix_ms)).await?;
                match (found, beside) {
                    (Some(session), _) => Ok(Credential::Session(Arc::new(session))),
                    (None, Some(share)) => self.resolve_share(share, at).await,
                    (None, None) => Ok(Credential::Refused(ErrorCode::SessionInvalid)),
                }
            }
        }
    }

    async fn resolve_share(self: &Arc<Self>, share: ShareToken<'_>, at: Moment) -> Result<Credential, ErrorCode> {
        let digest = Digest::of(share.token);
        let kept = if self.is_settled(at) { self.shares.get(&digest).ok() } else { None };
        let found = match kept {
            Some(record) => Some(record),
            None => self.blocking(move |gate| gate.share_blocking(&digest, at.unix_ms)).await?,
        };
        Ok(found.map_or(Credential::Refused(ErrorCode::ShareTokenInvalid), |record| {
            Credential::Share(PresentedShare::new(record))
        }))
    }

    /// Judges a request, takes from its limits, and records it. When this is done, the row is committed.
    pub async fn admit(self: &Arc<Self>, demand: &Demand, credential: Credential, facts: &Facts<'_>) -> Decision {
        let credential = credential.as_far_as_it_counts(demand);
        let now = self.lookup.clock_watch().at_least(facts.at.unix_ms);
        let mut decision = Decision {
            outcome: judge(demand, &credential, facts, now),
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
