//! Sends what waits in webhooks' queues: reads it, makes one attempt, writes down what came of it.
//!
//! Nothing is written down before an attempt: whoever drives this holds what was sent until it is, and sends no more
//! while it cannot be. A process that is killed between the two sends once more: an event may come twice, and is never
//! lost.

use std::collections::HashMap;
use std::sync::Arc;

use super::error::ServiceError;
use super::webhook_lanes::{Slice, Want};
use super::webhooks::secrets_of;
use super::{Services, webhook_switching};
use crate::clock::{DAY, HOUR, MINUTE, SECOND, UnixMillis};
use crate::random::Random;
use crate::store::Change;
use crate::store::webhook_deliveries::{self, Due, Mark, State};
use crate::store::webhooks::{self, Webhook};
use crate::webhook::client::Answer;
use crate::webhook::signature::Secrets;
use crate::webhook::target::Target;

/// How long after each failed attempt the next one is made; after the last of these, none.
const BACKOFF: [UnixMillis; 9] =
    [5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR];
/// A receiver's `Retry-After` counts up to here.
const LONGEST_RETRY_AFTER: UnixMillis = DAY;
/// No attempt is ever put off further than this.
pub const HORIZON: UnixMillis = 27 * HOUR;

/// How a webhook is reached.
#[derive(Debug)]
pub struct Receiver {
    /// `whk_…`
    pub webhook: String,
    target: Target,
    secrets: Secrets,
    /// Until when the secret before signs too.
    previous_until: UnixMillis,
}

impl Receiver {
    /// Where it is.
    pub fn url(&self) -> &str {
        self.target.as_str()
    }
}

/// What came of an attempt.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// `whk_…`
    pub webhook: String,
    /// Where it was sent to: by now the webhook may go elsewhere, and what came of this is not its concern.
    pub url: String,
    /// What was sent.
    pub due: Due,
    /// The answer, or why there was none.
    pub result: Result<Answer, String>,
    /// What it took.
    pub duration_ms: i64,
    /// When it was over.
    pub at: UnixMillis,
}

/// A delivery whose outcome is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// `whk_…`
    pub webhook: String,
    /// `evt_…`
    pub event: String,
    /// When it will be tried again, if it will.
    pub next_attempt_at: Option<UnixMillis>,
}

/// Every webhook that may have something to send: for a start.
pub fn all(services: &Services) -> Result<Vec<String>, ServiceError> {
    Ok(services.store.read(webhooks::all_active)?)
}

/// Takes away what had ended before the clock was set back, and brings forward what waits, if it was. It may block.
pub fn settle_clock(services: &Services, now: UnixMillis) -> Result<(), ServiceError> {
    Ok(services.gate.settle_clock(now)?)
}

/// Reads what is due, for each lane that wants it.
pub fn read(services: &Services, wants: &[Want], now: UnixMillis) -> Result<Vec<Slice<Receiver>>, ServiceError> {
    settle_clock(services, now)?;
    let rows = services.store.read(|reader| {
        let one = |want: &Want| {
            let Some(webhook) = webhooks::active(reader, &want.webhook)? else { return Ok((None, Vec::new(), None)) };
            let due = webhook_deliveries::due(reader, &webhook.id, now, now + HORIZON, want.limit)?;
            let next_due = webhook_deliveries::next_due(reader, &webhook.id, now, now + HORIZON)?;
            Ok((Some(webhook), due, next_due))
        };
        wants.iter().map(one).collect::<Result<Vec<_>, _>>()
    })?;
    let slices = wants.iter().zip(rows).map(|(want, (webhook, due, next_due))| {
        let organization = webhook.as_ref().map_or(0, |webhook| webhook.organization);
        let receiver = webhook.and_then(|webhook| receiver(services, &webhook, now)).map(Arc::new);
        Slice { want: want.clone(), organization, receiver, due, next_due }
    });
    Ok(slices.collect())
}

/// `None` where its secret cannot be opened; that is told, and its queue is held.
fn receiver(services: &Services, webhook: &Webhook, now: UnixMillis) -> Option<Receiver> {
    let secrets = secrets_of(services, webhook, now);
    match (secrets, Target::parse(&webhook.settings.url)) {
        (Ok(secrets), Ok(target)) => Some(Receiver {
            webhook: webhook.id.clone(),
            target,
            secrets,
            previous_until: webhook.previous_secret_until.unwrap_or(0),
        }),
        (Err(error), _) => {
            tracing::error!(webhook.id = webhook.id, cause = error.reason(), "A webhook's secret cannot be opened");
            None
        }
        (_, Err(cause)) => {
            tracing::error!(webhook.id = webhook.id, cause, "A webhook's address cannot be read");
            None
        }
    }
}

/// Makes one attempt.
pub async fn attempt(services: &Services, receiver: &Receiver, due: &Due, now: UnixMillis) -> Result<Answer, String> {
    let header = &services.config.webhooks.signature_header;
    let timestamp = now.div_euclid(SECOND);
    let body = due.body.as_bytes();
    let headers = if receiver.secrets.previous.is_some() && receiver.previous_until <= now {
        let alone = Secrets { current: receiver.secrets.current.clone(), previous: None };
        alone.headers(header, &due.event, timestamp, body)
    } else {
        receiver.secrets.headers(header, &due.event, timestamp, body)
    };
    services.webhook_client.post(&receiver.target, &headers, due.body.clone()).await
}

/// Writes down what came of these attempts, in one change; then switches off the webhooks that have had enough.
pub fn settle(services: &Services, outcomes: &[Outcome]) -> Result<Vec<Written>, ServiceError> {
    let mut change = Change::new();
    let mut written = Vec::with_capacity(outcomes.len());
    let mut health: HashMap<(&str, &str), Health> = HashMap::new();
    for outcome in outcomes {
        let mark = judge(outcome, services.random.as_ref())?;
        let health = health.entry((&outcome.webhook, &outcome.url)).or_default();
        match mark.state {
            State::Delivered => (health.succeeded, health.failed_at) = (true, None),
            State::Waiting | State::Failed => {
                health.failed_at.get_or_insert(outcome.at);
            }
        }
        health.gone |= is_gone(outcome);
        let next_attempt_at = (mark.state == State::Waiting).then_some(mark.next_attempt_at);
        written.push(Written { webhook: mark.webhook.clone(), event: mark.event.clone(), next_attempt_at });
        change = change.then(webhook_deliveries::mark(&mark));
    }
    for ((webhook, url), health) in &health {
        if health.succeeded {
            change = change.then(webhooks::succeeded(webhook, url));
        }
        if let Some(at) = health.failed_at {
            change = change.then(webhooks::failed(webhook, url, at));
        }
    }
    services.store.commit(change)?;
    for ((webhook, url), health) in health {
        if let Some(at) = health.failed_at {
            // It comes up again with the next failed attempt.
            if let Err(error) = webhook_switching::after_failure(services, webhook, url, health.gone, at) {
                tracing::error!(webhook.id = webhook, cause = error.reason(), "A webhook could not be switched off");
            }
        }
    }
    Ok(written)
}

/// What a few attempts tell of a receiver.
#[derive(Debug, Default)]
struct Health {
    succeeded: bool,
    /// The first that failed since the last that did not.
    failed_at: Option<UnixMillis>,
    gone: bool,
}

fn is_gone(outcome: &Outcome) -> bool {
    matches!(&outcome.result, Ok(Answer { status: 410, .. }))
}

/// What becomes of a delivery after this attempt.
fn judge(outcome: &Outcome, random: &dyn Random) -> Result<Mark, ServiceError> {
    let attempt = outcome.due.attempts + 1;
    let (status, response_body, last_error, retry_after) = match &outcome.result {
        Ok(answer) => {
            let retry_after = answer.retry_after.as_deref().and_then(|text| retry_after(text, outcome.at));
            (Some(answer.status), Some(harmless(&answer.body)), complaint(answer.status), retry_after)
        }
        Err(reason) => (None, None, Some(reason.clone()), None),
    };
    let wait = match BACKOFF.get(attempt.saturating_sub(1) as usize) {
        Some(wait) if !is_gone(outcome) => Some(jittered(*wait, random)?.max(retry_after.unwrap_or(0))),
        _ => None,
    };
    let state = match (&last_error, wait) {
        (None, _) => State::Delivered,
        (Some(_), Some(_)) => State::Waiting,
        (Some(_), None) => State::Failed,
    };
    if let Some(cause) = &last_error {
        tracing::debug!(
            webhook.id = outcome.webhook,
            event.id = outcome.due.event,
            attempt,
            cause,
            "A delivery failed"
        );
    }
    Ok(Mark {
        webhook: outcome.webhook.clone(),
        event: outcome.due.event.clone(),
        attempts: outcome.due.attempts,
        state,
        next_attempt_at: outcome.at + wait.unwrap_or(0),
        status,
        duration_ms: outcome.duration_ms,
        response_body,
        last_error,
        at: outcome.at,
        url: outcome.url.clone(),
    })
}

/// Why a status is no success; `None` = it is one.
fn complaint(status: u16) -> Option<String> {
    match status {
        200..=299 => None,
        300..=399 => Some(format!("The receiver answered {status}; redirects are not followed")),
        410 => Some(String::from("The receiver answered 410: it is gone, and the webhook was switched off")),
        _ => Some(format!("The receiver answered {status}")),
    }
}

/// Up to a tenth longer, so that what failed at one moment does not come again at one moment.
fn jittered(wait: UnixMillis, random: &dyn Random) -> Result<UnixMillis, ServiceError> {
    let mut bytes = [0u8; 4];
    random.fill(&mut bytes)?;
    let share = i64::from(u32::from_le_bytes(bytes));
    Ok(wait + (wait / 10) * share / i64::from(u32::MAX))
}

/// Reads `Retry-After`, in seconds or as a date (RFC 9110, section 10.2.3): how long to wait, a day at most.
fn retry_after(text: &str, now: UnixMillis) -> Option<UnixMillis> {
    let text = text.trim();
    let wait = match text.parse::<u32>() {
        Ok(seconds) => i64::from(seconds) * SECOND,
        Err(_) => jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_millisecond() - now,
    };
    Some(wait.clamp(0, LONGEST_RETRY_AFTER))
}

/// An answer's beginning as text that can be shown: without control characters but line breaks and tabs.
fn harmless(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let kept = text.chars().filter(|char| *char != '\r');
    kept.map(|char| if char.is_control() && !['\n', '\t'].contains(&char) { '\u{fffd}' } else { char }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::RandomFailed;

    struct Fixed(u8);

    impl Random for Fixed {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomFailed> {
            bytes.fill(self.0);
            Ok(())
        }
    }

    const AT: UnixMillis = 1_893_456_000_000;

    fn outcome(attempts: u32, result: Result<Answer, String>) -> Outcome {
        let due = Due { event: String::from("evt_1"), body: String::new(), attempts };
        let (webhook, url) = (String::from("whk_1"), String::from("https://example.com/"));
        Outcome { webhook, url, due, result, duration_ms: 7, at: AT }
    }

    fn answer(status: u16, retry_after: Option<&str>) -> Result<Answer, String> {
        Ok(Answer { status, body: b"a\0b\r\n".to_vec(), retry_after: retry_after.map(str::to_owned) })
    }

    #[test]
    fn nine_waits_follow_ten_attempts_each_up_to_a_tenth_longer_and_none_is_longer_than_the_horizon() {
        let wait = |attempts, random| judge(&outcome(attempts, Err("no".into())), &Fixed(random)).unwrap();
        let seconds = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
        for (attempts, seconds) in (0..).zip(seconds) {
            let (least, most) = (wait(attempts, 0), wait(attempts, 255));
            assert_eq!((least.state, least.next_attempt_at), (State::Waiting, AT + seconds * 1_000));
            assert_eq!(most.next_attempt_at, AT + seconds * 1_100);
            assert!(most.next_attempt_at - AT < HORIZON);
        }
        assert_eq!(wait(9, 0).state, State::Failed);
    }

    #[test]
    fn every_2xx_is_a_success_and_nothing_else_is() {
        for (status, state) in [
            (200, State::Delivered),
            (204, State::Delivered),
            (299, State::Delivered),
            (301, State::Waiting),
            (400, State::Waiting),
            (404, State::Waiting),
            (410, State::Failed),
            (500, State::Waiting),
        ] {
            let mark = judge(&outcome(0, answer(status, None)), &Fixed(0)).unwrap();
            assert_eq!((mark.state, mark.status), (state, Some(status)));
            assert_eq!(mark.last_error.is_none(), state == State::Delivered);
            assert_eq!(mark.response_body.as_deref(), Some("a\u{fffd}b\n"));
        }
    }

    #[test]
    fn a_receiver_s_own_wait_is_honoured_up_to_a_day_and_never_shortens_ours() {
        let wait = |text: &str| judge(&outcome(0, answer(503, Some(text))), &Fixed(0)).unwrap().next_attempt_at - AT;
        assert_eq!(wait("120"), 120_000);
        assert_eq!(wait("1"), 5_000);
        assert_eq!(wait("4000000000"), DAY);
        assert_eq!(wait("Tue, 01 Jan 2030 00:10:00 GMT"), 600_000);
        assert_eq!(wait("Tue, 01 Jan 2020 00:10:00 GMT"), 5_000);
        for nonsense in ["", "soon", "-5", "1e9"] {
            assert_eq!(wait(nonsense), 5_000, "{nonsense}");
        }
    }
}
