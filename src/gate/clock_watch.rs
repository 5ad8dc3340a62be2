//! When the wall clock is set back, what was dead stays dead: it is taken away before anything is judged by the new time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::pace::Pace;
use crate::clock::{HighWater, MINUTE, Moment, UnixMillis};
use crate::config::Config;
use crate::store::sessions::{self, Life};
use crate::store::{Change, Store, StoreError, account_tokens, api_keys, facts, invitations, shares};
use crate::store::{sign_in_failures, webhook_deliveries, webhooks, widget_sessions};

/// Notices that the clock was set back.
pub struct ClockWatch {
    store: Arc<Store>,
    config: Arc<Config>,
    high_water: HighWater,
    pace: Pace,
    set_backs: AtomicU64,
    /// Held while a set-back is settled: what is moved with the clock is moved once.
    turn: Mutex<()>,
}

impl ClockWatch {
    /// `latest` is when the database was last changed, as far as it is known.
    pub fn new(store: Arc<Store>, config: Arc<Config>, latest: UnixMillis, started: Moment) -> Self {
        ClockWatch {
            store,
            config,
            high_water: HighWater::new(latest),
            pace: Pace::new(started),
            set_backs: AtomicU64::new(0),
            turn: Mutex::default(),
        }
    }

    /// Whether the clock was set back and nobody has settled it yet. It does not block.
    pub fn is_unsettled(&self, now: Moment) -> bool {
        let unsettled = self.high_water.observe(now.unix_ms).is_some();
        if !unsettled {
            self.pace.note(now);
        }
        unsettled
    }

    /// The time to judge ends by: the latest that was seen, so that what has ended stays ended.
    pub fn at_least(&self, now: UnixMillis) -> UnixMillis {
        self.high_water.at_least(now)
    }

    /// Whether `now` is before what the clock has said; what is asked about here is not taken for said.
    pub fn is_behind(&self, now: UnixMillis) -> bool {
        self.high_water.is_ahead_of(now)
    }

    /// How often the clock was set back: what was read before the last time may have ended since.
    pub fn set_backs(&self) -> u64 {
        self.set_backs.load(Ordering::SeqCst)
    }

    /// Removes what had ended before the clock was set back, if it was; the time to judge by. It blocks.
    pub fn settle(&self, now: UnixMillis) -> Result<UnixMillis, StoreError> {
        if self.high_water.observe(now).is_none() {
            return Ok(self.high_water.at_least(now));
        }
        let _turn = self.turn.lock();
        if let Some(before) = self.high_water.observe(now) {
            let reset = i64::from(self.config.lockout.reset_minutes) * MINUTE;
            let lock = i64::from(self.config.lockout.minutes) * MINUTE;
            let change = Change::new()
                .then(sessions::delete_dead(&Life::of(&self.config, before)))
                .then(account_tokens::delete_dead(before))
                .then(invitations::end_dead(before))
                .then_all(api_keys::end_dead(self.pace.believed(before), before, now))
                .then(shares::end_dead(before))
                .then(widget_sessions::delete_dead(before))
                .then(webhooks::wipe_previous_secrets(before))
                .then(webhook_deliveries::follow_clock(before, now))
                .then(shares::forget_failures(before - lock))
                .then(shares::cut_failures(now))
                .then(sign_in_failures::delete_dead(before, reset))
                .then(facts::settle_clock(now));
            self.store.commit(change)?;
            self.set_backs.fetch_add(1, Ordering::SeqCst);
            self.high_water.settle(now);
            tracing::warn!(seconds = (before - now) / 1_000, "The clock was set back; what had ended stays ended");
        }
        Ok(self.high_water.at_least(now))
    }
}
