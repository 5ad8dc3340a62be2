//! Sends webhooks as soon as something is queued, and again when it is time: a thread and a runtime of its own, so that
//! neither slow receivers nor many of them take anything from those who answer requests.
//!
//! Everything that comes to pass is a `Message` in one inbox; whoever reads it (`Sender`) waits for nothing else.
//! Reads, changes and attempts are tasks of their own that report back.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::clock::{Clock, SECOND, UnixMillis};
use crate::services::Services;
use crate::services::error::ServiceError;
use crate::services::webhook_lanes::{Lanes, Slice, Start, Want};
use crate::services::webhook_sending::{self, HORIZON, Outcome, Receiver, Written};

/// How often it is looked whether it is time for something.
const TICK: Duration = Duration::from_millis(200);
/// What failed within Claviger is tried again after this time.
const PAUSE: UnixMillis = SECOND;
/// How long attempts that are under way get when Claviger stops; what they came to is told by sending again.
const LAST_ORDERS: Duration = Duration::from_secs(2);
/// So many ticks it takes until what could not be written down is tried again.
const PAUSE_TICKS: u32 = 5;
/// The most outcomes that are written down in one change.
const BATCH: usize = 256;
/// A receiver that takes longer is not sent much at a time.
const QUICK: Duration = Duration::from_secs(1);

/// What comes to pass.
enum Message {
    /// Queues or webhooks have changed.
    Rung,
    /// Some time has gone by.
    Tick,
    /// Which webhooks there are, or that it could not be read.
    Known(Result<Vec<String>, ServiceError>),
    /// What had ended before the clock was set back is taken away, or could not be.
    ClockSettled(Result<(), ServiceError>),
    /// What was asked for was read, or could not be.
    Read(Vec<Want>, Result<Vec<Slice<Receiver>>, ServiceError>),
    /// An attempt is over; whether it was a quick one.
    Done(Box<Outcome>, bool),
    /// Outcomes are written down, or could not be.
    Settled(Vec<Outcome>, Result<Vec<Written>, ServiceError>),
    /// Claviger stops.
    Stop,
    /// … and waits no longer.
    StopNow,
}

/// A handle to the thread.
pub struct WebhookDelivery {
    inbox: UnboundedSender<Message>,
    thread: Option<JoinHandle<()>>,
}

impl WebhookDelivery {
    /// Starts the thread.
    pub fn start(services: &Arc<Services>, clock: &Arc<dyn Clock>) -> std::io::Result<Self> {
        let (inbox, messages) = unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let sender = Sender {
            services: Arc::clone(services),
            clock: Arc::clone(clock),
            inbox: inbox.clone(),
            lanes: Lanes::default(),
            outcomes: Vec::new(),
            settling: false,
            known: false,
            asking: false,
            pause: 0,
            stopping: false,
        };
        let thread = std::thread::Builder::new().name(String::from("webhooks")).spawn(move || {
            runtime.block_on(sender.run(messages));
            runtime.shutdown_background();
        })?;
        Ok(WebhookDelivery { inbox, thread: Some(thread) })
    }

    /// Begins no more attempts, gives those that are under way a moment, and writes down what they came to.
    pub fn stop(&mut self) {
        let _ = self.inbox.send(Message::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for WebhookDelivery {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Sender {
    services: Arc<Services>,
    clock: Arc<dyn Clock>,
    inbox: UnboundedSender<Message>,
    lanes: Lanes<Receiver>,
    /// Not written down yet.
    outcomes: Vec<Outcome>,
    settling: bool,
    /// Whether the webhooks that there were at the start are known.
    known: bool,
    /// Whether they, or the clock, are being asked about.
    asking: bool,
    /// Ticks to go until what has failed is tried again.
    pause: u32,
    stopping: bool,
}

impl Sender {
    async fn run(mut self, mut messages: UnboundedReceiver<Message>) {
        self.ring_and_tick();
        self.step();
        while let Some(message) = messages.recv().await {
            let mut over = self.take(message);
            while let Ok(message) = messages.try_recv() {
                over |= self.take(message);
            }
            self.step();
            let idle = self.lanes.sending() == 0 && self.outcomes.is_empty() && !self.settling;
            if over || (self.stopping && idle) {
                return;
            }
        }
    }

    fn now(&self) -> UnixMillis {
        self.clock.now().unix_ms
    }

    /// Puts the bell and the passing of time into the inbox.
    fn ring_and_tick(&self) {
        let (bell, inbox) = (Arc::clone(self.services.store.webhook_bell()), self.inbox.clone());
        tokio::spawn(async move {
            while inbox.send(Message::Rung).is_ok() {
                bell.rung().await;
            }
        });
        let inbox = self.inbox.clone();
        tokio::spawn(async move {
            while inbox.send(Message::Tick).is_ok() {
                tokio::time::sleep(TICK).await;
            }
        });
    }

    /// Takes a message up. `true` = it is over.
    fn take(&mut self, message: Message) -> bool {
        let now = self.now();
        match message {
            Message::Rung => {
                let touched = self.services.store.webhook_bell().take();
                if touched.all {
                    self.lanes.all_changed(now);
                }
                touched.settings.iter().for_each(|webhook| self.lanes.changed(webhook, now));
                touched.queues.iter().for_each(|webhook| self.lanes.fed(webhook, now));
            }
            Message::Known(Ok(webhooks)) => {
                (self.asking, self.known) = (false, true);
                webhooks.iter().for_each(|webhook| self.lanes.changed(webhook, now));
            }
            Message::Known(Err(error)) => {
                tracing::error!(cause = error.reason(), "The webhooks cannot be read; it is tried again");
                (self.asking, self.pause) = (false, PAUSE_TICKS);
            }
            Message::ClockSettled(Ok(())) => self.asking = false,
            Message::ClockSettled(Err(error)) => {
                tracing::error!(
                    cause = error.reason(),
                    "The clock was set back, which cannot be settled; it is tried again"
                );
                (self.asking, self.pause) = (false, PAUSE_TICKS);
            }
            Message::Tick => self.pause = self.pause.saturating_sub(1),
            Message::Read(_, Ok(slices)) => slices.into_iter().for_each(|slice| self.lanes.read(slice, now)),
            Message::Read(wants, Err(error)) => {
                tracing::error!(cause = error.reason(), "The queues of webhooks cannot be read; it is tried again");
                wants.iter().for_each(|want| self.lanes.not_read(want, now + PAUSE));
            }
            Message::Done(outcome, quick) => {
                self.lanes.finished(&outcome.webhook, quick && outcome.result.is_ok());
                self.outcomes.push(*outcome);
            }
            Message::Settled(_, Ok(written)) => {
                self.settling = false;
                for Written { webhook, event, next_attempt_at } in written {
                    self.lanes.written(&webhook, &event, next_attempt_at);
                }
            }
            Message::Settled(outcomes, Err(error)) => {
                tracing::error!(
                    cause = error.reason(),
                    "What webhooks came to cannot be written down; it is tried again"
                );
                self.settling = false;
                self.pause = PAUSE_TICKS;
                self.outcomes.splice(0..0, outcomes);
                return self.stopping;
            }
            Message::Stop => {
                self.stopping = true;
                let inbox = self.inbox.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(LAST_ORDERS).await;
                    let _ = inbox.send(Message::StopNow);
                });
            }
            Message::StopNow => return true,
        }
        false
    }

    /// Reads, sends and writes down whatever it is time for.
    fn step(&mut self) {
        let now = self.now();
        // Nothing is signed, and nothing waits, by a time that was set back and is not settled.
        let behind = self.services.gate.clock_is_behind(now);
        if (behind || !self.known) && !self.asking && self.pause == 0 && !self.stopping {
            self.ask(behind, now);
        }
        if !self.stopping && !behind {
            let wants = self.lanes.wants(now, now + HORIZON);
            if !wants.is_empty() {
                self.read(wants, now);
            }
            let services = Arc::clone(&self.services);
            for start in self.lanes.start(|webhook| services.store.webhook_bell().is_stale(webhook)) {
                self.attempt(start);
            }
        }
        if !self.settling && self.pause == 0 && !self.outcomes.is_empty() {
            self.settle();
        }
    }

    /// Settles the clock that was set back, or learns which webhooks there are.
    fn ask(&mut self, behind: bool, now: UnixMillis) {
        self.asking = true;
        let (services, inbox) = (Arc::clone(&self.services), self.inbox.clone());
        tokio::task::spawn_blocking(move || {
            let told = match behind {
                true => Message::ClockSettled(webhook_sending::settle_clock(&services, now)),
                false => Message::Known(webhook_sending::all(&services)),
            };
            let _ = inbox.send(told);
        });
    }

    fn read(&self, wants: Vec<Want>, now: UnixMillis) {
        let (services, inbox) = (Arc::clone(&self.services), self.inbox.clone());
        tokio::task::spawn_blocking(move || {
            let read = webhook_sending::read(&services, &wants, now);
            let _ = inbox.send(Message::Read(wants, read));
        });
    }

    fn attempt(&self, Start { receiver, due }: Start<Receiver>) {
        let (services, inbox, clock) = (Arc::clone(&self.services), self.inbox.clone(), Arc::clone(&self.clock));
        tokio::spawn(async move {
            let (begun, since) = (clock.now(), tokio::time::Instant::now());
            let result = webhook_sending::attempt(&services, &receiver, &due, begun.unix_ms).await;
            let (ended, quick) = (clock.now(), since.elapsed() < QUICK);
            let outcome = Outcome {
                webhook: receiver.webhook.clone(),
                url: receiver.url().to_owned(),
                due,
                result,
                duration_ms: (ended.mono_us.saturating_sub(begun.mono_us) / 1_000) as i64,
                at: ended.unix_ms,
            };
            let _ = inbox.send(Message::Done(Box::new(outcome), quick));
        });
    }

    fn settle(&mut self) {
        self.settling = true;
        let batch: Vec<Outcome> = self.outcomes.drain(..self.outcomes.len().min(BATCH)).collect();
        let (services, inbox) = (Arc::clone(&self.services), self.inbox.clone());
        tokio::task::spawn_blocking(move || {
            let settled = webhook_sending::settle(&services, &batch);
            let _ = inbox.send(Message::Settled(batch, settled));
        });
    }
}
