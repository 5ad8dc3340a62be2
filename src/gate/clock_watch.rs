//! When the wall clock is set back, what was dead stays dead: it is taken away before anything is judged by the new time.

use std::sync::Arc;

use crate::clock::{HighWater, MINUTE, UnixMillis};
use crate::config::Config;
use crate::store::sessions::{self, Life};
use crate::store::{Change, Store, StoreError, account_tokens, invitations, sign_in_failures};

/// Notices that the clock was set back.
pub struct ClockWatch {
    store: Arc<Store>,
    config: Arc<Config>,
    high_water: HighWater,
}

impl ClockWatch {
    /// `latest` is when the database was last changed, as far as it is known.
    pub fn new(store: Arc<Store>, config: Arc<Config>, latest: UnixMillis) -> Self {
        ClockWatch { store, config, high_water: HighWater::new(latest) }
    }

    /// Removes what had ended before the clock was set back, if it was; the time to judge by. It blocks.
    pub fn settle(&self, now: UnixMillis) -> Result<UnixMillis, StoreError> {
        if let Some(before) = self.high_water.observe(now) {
            let reset = i64::from(self.config.lockout.reset_minutes) * MINUTE;
            let change = Change::new()
                .then(sessions::delete_dead(&Life::of(&self.config, before)))
                .then(account_tokens::delete_dead(before))
                .then(invitations::end_dead(before))
                .then(sign_in_failures::delete_dead(before, reset));
            self.store.commit(change)?;
            self.high_water.settle(now);
            tracing::warn!(seconds = (before - now) / 1_000, "The clock was set back; what had ended stays ended");
        }
        Ok(self.high_water.at_least(now))
    }
}
