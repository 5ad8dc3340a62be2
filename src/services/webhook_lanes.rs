//! Whose turn it is: one lane for each webhook, so that nobody waits behind another's receiver.
//!
//! A lane holds no more than a slice of its queue, however long that is. A receiver that answers quickly gets many attempts
//! at a time, one that does not, or that nobody knows yet, gets few, so that those who are slow take no room from those
//! who are not. An organization has a part of the room, and whoever has no attempt under way finds some beside it.
//! Nothing here reads a clock, a database or the net: whoever drives it tells what has come to pass, and is told what to
//! read and to send.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use crate::clock::UnixMillis;
use crate::store::webhook_deliveries::Due;

/// Deliveries of a webhook that are read at a time.
const SLICE: usize = 32;
/// Where so few are left of them, the next are read.
const LOW: usize = 16;
/// Attempts of a webhook at a time, while its receiver answers quickly.
const WIDE: usize = 16;
/// The same, while it does not, and until it is known.
const NARROW: usize = 2;
/// Attempts of all at a time.
const MOST: usize = 512;
/// Attempts of one organization's webhooks at a time.
const MOST_OF_ONE: usize = 128;
/// Beside them there is room for so many that are their webhook's only one.
const RESERVE: usize = 1_024;
/// So many that are not written down yet let nobody send more: what cannot be written down would be sent again.
const MOST_UNWRITTEN: usize = 1_024;

/// What to read for a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// Of which webhook.
    pub webhook: String,
    /// What is known of it was known then.
    pub generation: u64,
    /// How many: those that are known already are among them.
    pub limit: usize,
}

/// What was read for a lane. `R` is what deliveries are sent with.
#[derive(Debug)]
pub struct Slice<R> {
    /// For what it was read.
    pub want: Want,
    /// The number of the webhook's organization.
    pub organization: i64,
    /// How the webhook is reached; `None` = it is off or gone.
    pub receiver: Option<Arc<R>>,
    /// What is due.
    pub due: Vec<Due>,
    /// When the next one after them is.
    pub next_due: Option<UnixMillis>,
}

/// One attempt that is to be made.
#[derive(Debug)]
pub struct Start<R> {
    /// How the webhook is reached.
    pub receiver: Arc<R>,
    /// What is sent.
    pub due: Due,
}

#[derive(Debug)]
struct Lane<R> {
    receiver: Option<Arc<R>>,
    ready: VecDeque<Due>,
    /// Events that are being sent, or were and are not written down.
    busy: HashSet<String>,
    /// Events that were written down while the lane was being read: what is read may still call them due.
    written: HashSet<String>,
    /// Something was due that is busy: it may be so again, and is looked for once it is written down.
    skipped: bool,
    sending: usize,
    /// When there may be something to read; `None` = not before it is told so.
    look_at: Option<UnixMillis>,
    reading: bool,
    /// Told of something new while it was being read.
    look_again: bool,
    generation: u64,
    organization: i64,
    /// Its receiver has answered quickly the last time.
    quick: bool,
    /// Which of all attempts its latest was: who has waited longest comes first.
    latest: u64,
}

impl<R> Lane<R> {
    fn width(&self) -> usize {
        if self.quick { WIDE } else { NARROW }
    }
}

impl<R> Default for Lane<R> {
    fn default() -> Self {
        Lane {
            receiver: None,
            ready: VecDeque::new(),
            busy: HashSet::new(),
            written: HashSet::new(),
            skipped: false,
            sending: 0,
            look_at: None,
            reading: false,
            look_again: false,
            generation: 0,
            organization: 0,
            quick: false,
            latest: 0,
        }
    }
}

/// All lanes.
#[derive(Debug)]
pub struct Lanes<R> {
    lanes: HashMap<String, Lane<R>>,
    sending: usize,
    /// The same, by organization.
    sending_of: HashMap<i64, usize>,
    /// Attempts that were ever begun.
    begun: u64,
    unwritten: usize,
    generation: u64,
}

impl<R> Default for Lanes<R> {
    fn default() -> Self {
        Lanes { lanes: HashMap::new(), sending: 0, sending_of: HashMap::new(), begun: 0, unwritten: 0, generation: 0 }
    }
}

impl<R> Lanes<R> {
    /// Something was put into this webhook's queue.
    pub fn fed(&mut self, webhook: &str, now: UnixMillis) {
        if !self.lanes.contains_key(webhook) {
            self.changed(webhook, now);
        }
        if let Some(lane) = self.lanes.get_mut(webhook) {
            lane.look_again |= lane.reading;
            lane.look_at = Some(lane.look_at.map_or(now, |at| at.min(now)));
        }
    }

    /// This webhook is new, changed or gone: what was read of it is read anew.
    pub fn changed(&mut self, webhook: &str, now: UnixMillis) {
        self.generation += 1;
        let lane = self.lanes.entry(webhook.to_owned()).or_default();
        lane.receiver = None;
        lane.ready.clear();
        lane.written.clear();
        lane.reading = false;
        lane.look_again = false;
        lane.generation = self.generation;
        lane.quick = false;
        lane.look_at = Some(now);
    }

    /// Any of them may be changed or gone.
    pub fn all_changed(&mut self, now: UnixMillis) {
        let known: Vec<String> = self.lanes.keys().cloned().collect();
        for webhook in known {
            self.changed(&webhook, now);
        }
    }

    /// What is to be read now. `horizon` is further than anything is ever put off: a lane that would be looked at later
    /// was told so while the clock was wrong.
    pub fn wants(&mut self, now: UnixMillis, horizon: UnixMillis) -> Vec<Want> {
        let mut wants = Vec::new();
        for (webhook, lane) in &mut self.lanes {
            let is_time = lane.look_at.is_some_and(|at| at <= now || at > horizon);
            if is_time && !lane.reading && lane.ready.len() < LOW {
                lane.reading = true;
                let limit = lane.busy.len() + lane.ready.len() + SLICE;
                wants.push(Want { webhook: webhook.clone(), generation: lane.generation, limit });
            }
        }
        wants
    }

    /// This could not be read: it is tried again at `at`.
    pub fn not_read(&mut self, want: &Want, at: UnixMillis) {
        if let Some(lane) = self.lanes.get_mut(&want.webhook)
            && lane.generation == want.generation
        {
            lane.reading = false;
            lane.written.clear();
            lane.look_at = Some(at);
        }
    }

    /// This was read.
    pub fn read(&mut self, slice: Slice<R>, now: UnixMillis) {
        let Slice { want, organization, receiver, due, next_due } = slice;
        let Some(lane) = self.lanes.get_mut(&want.webhook) else { return };
        if lane.generation != want.generation {
            return;
        }
        lane.reading = false;
        lane.receiver = receiver;
        if lane.receiver.is_none() {
            lane.ready.clear();
            lane.look_at = None;
            self.forget_idle(&want.webhook);
            return;
        }
        lane.organization = organization;
        let there_may_be_more = due.len() >= want.limit || std::mem::take(&mut lane.look_again);
        lane.look_at = if there_may_be_more { Some(now) } else { next_due };
        let written = std::mem::take(&mut lane.written);
        for due in due {
            let busy = lane.busy.contains(&due.event);
            lane.skipped |= busy;
            let known = busy || written.contains(&due.event) || lane.ready.iter().any(|ready| ready.event == due.event);
            if !known {
                lane.ready.push_back(due);
            }
        }
        self.forget_idle(&want.webhook);
    }

    /// A lane with nothing to do is known no more; something that is put into its queue brings it back.
    fn forget_idle(&mut self, webhook: &str) {
        let idle = self.lanes.get(webhook).is_some_and(|lane| {
            lane.look_at.is_none() && !lane.reading && lane.ready.is_empty() && lane.busy.is_empty()
        });
        // One whose receiver was read stays: it would be read again for the very next event.
        if idle && self.lanes.get(webhook).is_some_and(|lane| lane.receiver.is_none()) {
            self.lanes.remove(webhook);
        }
    }

    /// The attempts that are to be made now: first one for each webhook that has none under way, then as many as there is
    /// room for. `is_stale` says that a webhook has changed and this is about to be told.
    pub fn start(&mut self, is_stale: impl Fn(&str) -> bool) -> Vec<Start<R>> {
        let could = |(webhook, lane): &(&String, &Lane<R>)| {
            let has_work = lane.receiver.is_some() && !lane.ready.is_empty() && lane.sending < lane.width();
            has_work && !is_stale(webhook)
        };
        let mut waiting: Vec<(u64, String)> =
            self.lanes.iter().filter(could).map(|(webhook, lane)| (lane.latest, webhook.clone())).collect();
        waiting.sort_unstable();
        let mut starts = Vec::new();
        for (_, webhook) in &waiting {
            if self.lanes.get(webhook).is_some_and(|lane| lane.sending == 0) && self.sending < MOST + RESERVE {
                starts.extend(self.start_one(webhook));
            }
        }
        for (_, webhook) in &waiting {
            while let Some(lane) = self.lanes.get(webhook)
                && lane.sending < lane.width()
                && self.sending < MOST
                && self.sending_of.get(&lane.organization).is_none_or(|sending| *sending < MOST_OF_ONE)
                && let Some(start) = self.start_one(webhook)
            {
                starts.push(start);
            }
        }
        starts
    }

    /// Begins the next attempt of a webhook, if there is one and not too much is unwritten.
    fn start_one(&mut self, webhook: &str) -> Option<Start<R>> {
        let lane = self.lanes.get_mut(webhook).filter(|_| self.unwritten < MOST_UNWRITTEN)?;
        let receiver = Arc::clone(lane.receiver.as_ref()?);
        let due = lane.ready.pop_front()?;
        self.begun += 1;
        lane.latest = self.begun;
        lane.busy.insert(due.event.clone());
        lane.sending += 1;
        self.sending += 1;
        *self.sending_of.entry(lane.organization).or_default() += 1;
        Some(Start { receiver, due })
    }

    /// An attempt is over; `quick` = there was an answer, whatever it was, and it did not take long.
    pub fn finished(&mut self, webhook: &str, quick: bool) {
        self.sending = self.sending.saturating_sub(1);
        self.unwritten += 1;
        let Some(lane) = self.lanes.get_mut(webhook) else { return };
        lane.sending = lane.sending.saturating_sub(1);
        lane.quick = quick;
        if let Entry::Occupied(mut sending) = self.sending_of.entry(lane.organization) {
            *sending.get_mut() -= 1;
            if *sending.get() == 0 {
                sending.remove();
            }
        }
    }

    /// What came of it is written down; where there is to be another attempt, it is then.
    pub fn written(&mut self, webhook: &str, event: &str, next_attempt_at: Option<UnixMillis>) {
        self.unwritten = self.unwritten.saturating_sub(1);
        if let Some(lane) = self.lanes.get_mut(webhook) {
            lane.busy.remove(event);
            if lane.reading {
                lane.written.insert(event.to_owned());
            }
            let again = std::mem::take(&mut lane.skipped).then_some(UnixMillis::MIN);
            if let Some(next) = again.or(next_attempt_at) {
                lane.look_at = Some(lane.look_at.map_or(next, |at| at.min(next)));
                lane.look_again |= lane.reading;
            }
        }
        self.forget_idle(webhook);
    }

    /// How many attempts are being made.
    pub fn sending(&self) -> usize {
        self.sending
    }
}

#[cfg(test)]
#[path = "webhook_lanes_tests.rs"]
mod tests;
