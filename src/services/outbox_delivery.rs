//! Delivers what waits in the outbox.
//!
//! An attempt is written down before it is made, so that a message is never sent again and again because its success
//! cannot be written down. A process that is killed between the two sends once more, after the next wait: a message
//! may come twice, and is never lost.

use std::sync::atomic::{AtomicI64, Ordering};

use parking_lot::Mutex;

use super::error::ServiceError;
use super::outbox::{open, party};
use super::{Actor, Context, Event, Services};
use crate::clock::{DAY, HOUR, MINUTE, UnixMillis};
use crate::mail::Letter;
use crate::mail::failure::{Failure, Kind};
use crate::mail::sender::{Conversation, Sender};
use crate::random::id_floor;
use crate::store::audit_log::Party;
use crate::store::outbox::{self, Mail};
use crate::store::{Change, Refusal, StoreError};

/// How long after each failed attempt the next one is made; after the last of these, none.
const BACKOFF: [UnixMillis; 5] = [MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 12 * HOUR];
/// No attempt is ever put off further than this.
const HORIZON: UnixMillis = 13 * HOUR;
/// Messages read at a time.
const BATCH: usize = 50;
/// After so many conversations in a row that broke off, the rest waits for the next run.
const PATIENCE: u32 = 3;
/// How long a message that is delivered or dead can be looked at.
const KEPT: UnixMillis = 90 * DAY;
/// Why a message is not sent any more whose token has run out.
const RUN_OUT: &str = "The link in it ran out before it could be delivered";

/// The way out, and whose turn it is.
pub struct Delivery {
    /// `None` without `[smtp]`.
    sender: Option<Sender>,
    /// One run at a time.
    turn: Mutex<()>,
    /// The time of the newest call that no run has taken up yet; 0 = none.
    asked: AtomicI64,
}

impl Delivery {
    /// A way out through this sender, if there is one.
    pub fn new(sender: Option<Sender>) -> Self {
        Delivery { sender, turn: Mutex::new(()), asked: AtomicI64::new(0) }
    }

    /// Whether the SMTP password is where it should be. The error says what to do.
    pub fn check(&self) -> Result<(), String> {
        self.sender.as_ref().map_or(Ok(()), Sender::check)
    }

    /// Ends a run that is under way, however the mail server behaves.
    pub fn stop(&self) {
        if let Some(sender) = &self.sender {
            sender.stop();
        }
    }
}

/// Delivers what is due. Where a run is under way, that one takes this call over, and nobody waits.
pub fn run(services: &Services, now: UnixMillis) -> Result<(), ServiceError> {
    let delivery = &services.delivery;
    delivery.asked.fetch_max(now, Ordering::SeqCst);
    while delivery.asked.load(Ordering::SeqCst) != 0 {
        let Some(_turn) = delivery.turn.try_lock() else { break };
        match delivery.asked.swap(0, Ordering::SeqCst) {
            0 => {}
            asked => deliver(services, asked)?,
        }
    }
    Ok(())
}

fn deliver(services: &Services, now: UnixMillis) -> Result<(), ServiceError> {
    tidy(services, now)?;
    let Some(sender) = &services.delivery.sender else { return Ok(()) };
    let mut run = Run { services, sender, now, conversation: None, broken: 0, delivered: 0, failed: 0 };
    let result = run.deliver_all();
    if run.delivered + run.failed > 0 {
        tracing::info!(mail.delivered = run.delivered, mail.failed = run.failed, "The outbox has been gone through");
    }
    result
}

/// Wipes what has run out and removes what is old.
fn tidy(services: &Services, now: UnixMillis) -> Result<(), ServiceError> {
    let oldest = id_floor("mail", now - KEPT);
    let (run_out, old) =
        services.store.read(|reader| Ok((outbox::any_run_out(reader, now)?, outbox::any_before(reader, &oldest)?)))?;
    let mut change = Change::new();
    if run_out {
        change = change.then(outbox::wipe_run_out(now, RUN_OUT));
    }
    if old {
        change = change.then(outbox::delete_before(&oldest));
    }
    if run_out || old { Ok(services.store.commit(change)?) } else { Ok(()) }
}

/// One run.
struct Run<'a> {
    services: &'a Services,
    sender: &'a Sender,
    now: UnixMillis,
    conversation: Option<Conversation<'a>>,
    /// Conversations that broke off, one after the other.
    broken: u32,
    delivered: u32,
    failed: u32,
}

impl<'a> Run<'a> {
    fn deliver_all(&mut self) -> Result<(), ServiceError> {
        loop {
            let (now, horizon) = (self.now, self.now + HORIZON);
            let batch = self.services.store.read(|reader| outbox::due(reader, now, horizon, BATCH))?;
            if batch.is_empty() {
                return Ok(());
            }
            for (place, mail) in batch.iter().enumerate() {
                if let Err(failure) = self.connect() {
                    return self.give_up(&batch[place..], &failure);
                }
                if !self.attempt(mail)? {
                    return Ok(());
                }
            }
        }
    }

    /// Makes sure that there is a conversation.
    fn connect(&mut self) -> Result<(), Failure> {
        let is_open = self.conversation.as_ref().is_some_and(Conversation::is_open);
        if !is_open {
            self.conversation = None;
            self.conversation = Some(self.sender.connect()?);
        }
        Ok(())
    }

    /// Tries one message. `false` = the run is over.
    fn attempt(&mut self, mail: &Mail) -> Result<bool, ServiceError> {
        let attempt = mail.attempts + 1;
        let begun = outbox::begin_attempt(mail, self.now, self.now + wait_after(attempt).unwrap_or(HORIZON));
        if !self.commit(Change::new().exactly_one(begun, Refusal::Outdated))? {
            return Ok(true);
        }
        match self.send(mail) {
            Ok(()) => {
                let delivered = outbox::delivered(&mail.id, self.now);
                self.commit(Change::new().exactly_one(delivered, Refusal::Outdated))?;
                (self.broken, self.delivered) = (0, self.delivered + 1);
            }
            Err(failure) if failure.kind == Kind::Stopping => return Ok(false),
            Err(failure) => {
                let change = self.after_failure(Change::new(), mail, &failure)?;
                self.commit(change)?;
                self.broken = if failure.kind == Kind::Unreachable { self.broken + 1 } else { 0 };
            }
        }
        Ok(self.broken < PATIENCE)
    }

    fn send(&mut self, mail: &Mail) -> Result<(), Failure> {
        let unreadable = || Failure { kind: Kind::Rejected, text: String::from("Its sealed text cannot be opened") };
        let body = open(self.services, mail).ok().flatten().ok_or_else(unreadable)?;
        let letter = Letter {
            id: &mail.id,
            to: &mail.recipient,
            subject: &mail.subject,
            body: &body,
            created_at: mail.created_at,
        };
        let gone = || Failure { kind: Kind::Unreachable, text: String::from("There is no connection") };
        self.conversation.as_mut().ok_or_else(gone)?.send(&letter)
    }

    /// There is no talking to the mail server: an attempt of all of these has failed.
    fn give_up(&mut self, batch: &[Mail], failure: &Failure) -> Result<(), ServiceError> {
        if failure.kind == Kind::Stopping {
            return Ok(());
        }
        for mail in batch {
            let next = self.now + wait_after(mail.attempts + 1).unwrap_or(HORIZON);
            let begun = outbox::begin_attempt(mail, self.now, next);
            let change = Change::new().exactly_one(begun, Refusal::Outdated);
            let change = self.after_failure(change, mail, failure)?;
            self.commit(change)?;
        }
        Ok(())
    }

    /// `false` = the message is no longer as it was read: somebody has asked for it to be sent again, or its organization
    /// is gone. Then there is nothing to write down.
    fn commit(&self, change: Change) -> Result<bool, ServiceError> {
        match self.services.store.commit(change) {
            Err(StoreError::Refused(Refusal::Outdated)) => Ok(false),
            result => Ok(result.map(|()| true)?),
        }
    }

    /// Adds to the change what follows from a failed attempt: another one later, or none.
    fn after_failure(&mut self, change: Change, mail: &Mail, failure: &Failure) -> Result<Change, ServiceError> {
        self.failed += 1;
        let attempt = mail.attempts + 1;
        let is_last = failure.kind == Kind::Rejected || wait_after(attempt).is_none();
        tracing::warn!(
            mail.id = mail.id,
            mail.kind = mail.kind,
            mail.attempt = attempt,
            cause = failure.for_log(),
            "{}",
            if is_last {
                "A message could not be delivered and will not be tried again"
            } else {
                "A message could not be delivered yet"
            }
        );
        if !is_last {
            let failed = outbox::failed(&mail.id, attempt, &failure.text);
            return Ok(change.exactly_one(failed, Refusal::Outdated));
        }
        let event = Event {
            action: "mail.given_up",
            organization: mail.organization,
            target: party(mail),
            changes: Some(serde_json::json!({ "lastError": { "before": mail.last_error, "after": failure.text } })),
        };
        let nobody = Context { actor: Actor::Operator, now: self.now, ip: None, user_agent: None, request_id: None };
        let claviger = Party { kind: String::from("system"), id: None, name: String::from("Claviger") };
        Ok(change
            .exactly_one(outbox::died(&mail.id, attempt, &failure.text, self.now), Refusal::Outdated)
            .audited(self.services.audit_by(&nobody, claviger, event)?))
    }
}

/// How long to wait after this attempt (the first is 1); `None` = it was the last.
fn wait_after(attempt: u32) -> Option<UnixMillis> {
    BACKOFF.get(attempt.saturating_sub(1) as usize).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_waits_follow_six_attempts_and_none_is_longer_than_the_horizon() {
        let waits: Vec<_> = (1..=6).map(wait_after).collect();
        let minutes = |minutes| Some(minutes * MINUTE);
        assert_eq!(waits, [minutes(1), minutes(5), minutes(30), minutes(120), minutes(720), None]);
        assert!(BACKOFF.iter().all(|wait| *wait < HORIZON));
    }
}
