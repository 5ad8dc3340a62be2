//! What wakes whoever sends webhooks: which of them have something new to send, and which are no longer as they were.

use std::collections::BTreeSet;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// What a statement does to webhooks, once it is committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Touch {
    /// This one has something to send.
    Queue(String),
    /// This one is new, changed or gone.
    Settings(String),
    /// Any of them may be changed or gone.
    All,
}

/// What commits have done to webhooks since somebody looked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// Those with something to send.
    pub queues: BTreeSet<String>,
    /// Those that are no longer as they were.
    pub settings: BTreeSet<String>,
    /// Whether that may be so of all of them.
    pub all: bool,
}

impl Touched {
    pub(super) fn add(&mut self, touch: Touch) {
        match touch {
            Touch::Queue(id) => drop(self.queues.insert(id)),
            Touch::Settings(id) => drop(self.settings.insert(id)),
            Touch::All => self.all = true,
        }
    }

    pub(super) fn merge(&mut self, other: Touched) {
        self.queues.extend(other.queues);
        self.settings.extend(other.settings);
        self.all |= other.all;
    }

    fn is_empty(&self) -> bool {
        !self.all && self.queues.is_empty() && self.settings.is_empty()
    }
}

/// The bell. It is rung after a commit and before its answer.
#[derive(Debug, Default)]
pub struct WebhookBell {
    touched: Mutex<Touched>,
    notify: Notify,
}

impl WebhookBell {
    pub(super) fn ring(&self, touched: Touched) {
        if !touched.is_empty() {
            self.touched.lock().merge(touched);
            self.notify.notify_one();
        }
    }

    /// Waits until it rings, or has rung since the last wait.
    pub async fn rung(&self) {
        self.notify.notified().await;
    }

    /// Everything since the last call.
    pub fn take(&self) -> Touched {
        std::mem::take(&mut *self.touched.lock())
    }

    /// Whether a webhook is no longer as it was, and nobody has taken that up yet.
    pub fn is_stale(&self, webhook: &str) -> bool {
        let touched = self.touched.lock();
        touched.all || touched.settings.contains(webhook)
    }
}
