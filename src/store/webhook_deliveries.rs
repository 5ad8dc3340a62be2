//! `webhook_deliveries`: the queue of webhooks, and what became of each delivery.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::webhook_bell::Touch;
use super::{ReadResult, Reader, Statement};
use crate::clock::UnixMillis;

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is to be sent.
    Waiting,
    /// Its receiver has taken it.
    Delivered,
    /// It will not be sent any more, unless somebody asks for it.
    Failed,
}

impl State {
    /// All of them.
    pub const ALL: [State; 3] = [State::Waiting, State::Delivered, State::Failed];

    /// The name in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Delivered => "delivered",
            State::Failed => "failed",
        }
    }

    /// Reads a name.
    pub fn parse(text: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// One event on its way to one webhook, as it is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Delivery {
    pub webhook: String,
    pub event: String,
    /// The event's type.
    pub kind: String,
    pub body: String,
    pub state: State,
    pub attempts: u32,
    pub next_attempt_at: UnixMillis,
    /// Of the last answer.
    pub status: Option<u16>,
    pub duration_ms: Option<i64>,
    pub response_body: Option<String>,
    pub last_error: Option<String>,
    pub created_at: UnixMillis,
    pub finished_at: Option<UnixMillis>,
}

impl Delivery {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let state: String = row.get("state")?;
        Ok(Delivery {
            webhook: row.get("webhook")?,
            event: row.get("event")?,
            kind: row.get("type")?,
            body: row.get("body")?,
            state: State::parse(&state).unwrap_or(State::Failed),
            attempts: row.get("attempts")?,
            next_attempt_at: row.get("next_attempt_at")?,
            status: row.get("status")?,
            duration_ms: row.get("duration_ms")?,
            response_body: row.get("response_body")?,
            last_error: row.get("last_error")?,
            created_at: row.get("created_at")?,
            finished_at: row.get("finished_at")?,
        })
    }
}

/// Adds one, due at once. Only the writer's thread calls this, beside the event itself.
pub(super) fn insert(connection: &Connection, webhook: &str, event: &str, now: UnixMillis) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO webhook_deliveries (webhook, event, state, attempts, next_attempt_at)
             VALUES (?1, ?2, 'waiting', 0, ?3)",
        )?
        .execute(params![webhook, event, now])?;
    Ok(())
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Mark {
    pub webhook: String,
    pub event: String,
    /// How many attempts there had been when it was read.
    pub attempts: u32,
    pub state: State,
    /// Where it is to be tried again.
    pub next_attempt_at: UnixMillis,
    pub status: Option<u16>,
    pub duration_ms: i64,
    pub response_body: Option<String>,
    pub last_error: Option<String>,
    /// When the attempt was over.
    pub at: UnixMillis,
    /// Where it was made.
    pub url: String,
}

/// Counts an attempt and notes what came of it; changes nothing where the delivery is no longer as it was read. What has
/// failed for good at an address that its webhook has left is tried once more, at the one that it has now.
pub fn mark(mark: &Mark) -> Statement {
    let finished_at = (mark.state != State::Waiting).then_some(mark.at);
    Statement::new(
        "UPDATE webhook_deliveries SET attempts = attempts + 1, next_attempt_at = ?5, status = ?6,
             duration_ms = ?7, response_body = ?8, last_error = ?9,
             state = CASE WHEN ?4 = 'failed' AND EXISTS (SELECT 1 FROM webhooks WHERE id = ?1 AND url <> ?11)
                 THEN 'waiting' ELSE ?4 END,
             finished_at = CASE WHEN ?4 = 'failed' AND EXISTS (SELECT 1 FROM webhooks WHERE id = ?1 AND url <> ?11)
                 THEN NULL ELSE ?10 END
         WHERE webhook = ?1 AND event = ?2 AND attempts = ?3 AND state = 'waiting'",
        vec![
            Value::from(mark.webhook.clone()),
            Value::from(mark.event.clone()),
            Value::from(i64::from(mark.attempts)),
            Value::from(mark.state.as_str().to_owned()),
            Value::from(mark.next_attempt_at),
            Value::from(mark.status.map(i64::from)),
            Value::from(mark.duration_ms),
            Value::from(mark.response_body.clone()),
            Value::from(mark.last_error.clone()),
            Value::from(finished_at),
            Value::from(mark.url.clone()),
        ],
    )
}

/// Brings what waits forward by as much as the clock was set back from `before` to `now`, so that nothing waits longer.
pub fn follow_clock(before: UnixMillis, now: UnixMillis) -> Statement {
    Statement::new(
        "UPDATE webhook_deliveries SET next_attempt_at = max(?2, next_attempt_at - (?1 - ?2))
         WHERE state = 'waiting' AND next_attempt_at > ?2",
        vec![Value::from(before), Value::from(now)],
    )
    .that_touches(Touch::All)
}

/// Removes so many of a webhook's.
pub fn delete_of_webhook(webhook: &str, limit: usize) -> Statement {
    Statement::new(
        "DELETE FROM webhook_deliveries WHERE webhook = ?1 AND event IN (
             SELECT event FROM webhook_deliveries WHERE webhook = ?1 LIMIT ?2)",
        vec![Value::from(webhook.to_owned()), Value::from(limit as i64)],
    )
}

/// Whether a webhook has any.
pub fn any_of_webhook(reader: &Reader, webhook: &str) -> ReadResult<bool> {
    reader
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM webhook_deliveries WHERE webhook = ?1)")?
        .query_row([webhook], |row| row.get(0))
}

/// Sends one again, whatever became of it, its attempts counted anew.
pub fn retry(webhook: &str, event: &str, now: UnixMillis) -> Statement {
    Statement::new(
        "UPDATE webhook_deliveries SET state = 'waiting', attempts = 0, next_attempt_at = ?3, finished_at = NULL
         WHERE webhook = ?1 AND event = ?2",
        vec![Value::from(webhook.to_owned()), Value::from(event.to_owned()), Value::from(now)],
    )
    .that_touches(Touch::Queue(webhook.to_owned()))
}

/// One that is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Due {
    pub event: String,
    pub body: String,
    /// How many attempts there were.
    pub attempts: u32,
}

fn due_from_row(row: &Row<'_>) -> rusqlite::Result<Due> {
    Ok(Due { event: row.get(0)?, attempts: row.get(1)?, body: row.get(2)? })
}

/// What waits for its turn at `now`, the longest first. What is put off beyond `horizon`, further than any attempt ever
/// is, was written while the clock was wrong, and is due too.
pub fn due(reader: &Reader, webhook: &str, now: UnixMillis, horizon: UnixMillis, limit: usize) -> ReadResult<Vec<Due>> {
    let mut due: Vec<Due> = reader
        .prepare_cached(
            "SELECT event, attempts, body FROM webhook_deliveries JOIN webhook_events ON webhook_events.id = event
             WHERE webhook = ?1 AND state = 'waiting' AND next_attempt_at <= ?2
             ORDER BY next_attempt_at, event LIMIT ?3",
        )?
        .query_map((webhook, now, limit as i64), due_from_row)?
        .collect::<Result<_, _>>()?;
    if due.len() < limit {
        let beyond = reader
            .prepare_cached(
                "SELECT event, attempts, body FROM webhook_deliveries JOIN webhook_events ON webhook_events.id = event
                 WHERE webhook = ?1 AND state = 'waiting' AND next_attempt_at > ?2
                 ORDER BY next_attempt_at, event LIMIT ?3",
            )?
            .query_map((webhook, horizon, (limit - due.len()) as i64), due_from_row)?
            .collect::<Result<Vec<_>, _>>()?;
        due.extend(beyond);
    }
    Ok(due)
}

/// When the next one after `now` is due. What is put off beyond `horizon` is due already (see [`due`]).
pub fn next_due(
    reader: &Reader,
    webhook: &str,
    now: UnixMillis,
    horizon: UnixMillis,
) -> ReadResult<Option<UnixMillis>> {
    reader
        .prepare_cached(
            "SELECT min(next_attempt_at) FROM webhook_deliveries
             WHERE webhook = ?1 AND state = 'waiting' AND next_attempt_at > ?2 AND next_attempt_at <= ?3",
        )?
        .query_row((webhook, now, horizon), |row| row.get(0))
}

/// A webhook's, the newest first: only those in this state, only those before this event (exclusive).
pub fn list(
    reader: &Reader,
    webhook: &str,
    state: Option<State>,
    before: Option<&str>,
    limit: usize,
) -> ReadResult<Vec<Delivery>> {
    let sql = match state {
        None => {
            "SELECT webhook_deliveries.*, type, body, created_at
             FROM webhook_deliveries JOIN webhook_events ON webhook_events.id = event
             WHERE webhook = ?1 AND ?2 IS NULL AND (?3 IS NULL OR event < ?3) ORDER BY event DESC LIMIT ?4"
        }
        Some(_) => {
            "SELECT webhook_deliveries.*, type, body, created_at
             FROM webhook_deliveries JOIN webhook_events ON webhook_events.id = event
             WHERE webhook = ?1 AND state = ?2 AND (?3 IS NULL OR event < ?3) ORDER BY event DESC LIMIT ?4"
        }
    };
    reader
        .prepare_cached(sql)?
        .query_map((webhook, state.map(State::as_str), before, limit as i64), Delivery::from_row)?
        .collect()
}

/// The one of this event.
pub fn by_event(reader: &Reader, webhook: &str, event: &str) -> ReadResult<Option<Delivery>> {
    reader
        .prepare_cached(
            "SELECT webhook_deliveries.*, type, body, created_at
             FROM webhook_deliveries JOIN webhook_events ON webhook_events.id = event
             WHERE webhook = ?1 AND event = ?2",
        )?
        .query_row((webhook, event), Delivery::from_row)
        .optional()
}

/// What is old enough to go: of an event before `?1`, finished before `?2` or waiting in vain for a webhook that is off.
macro_rules! old {
    () => {
        "event < ?1 AND (finished_at < ?2
             OR (state = 'waiting' AND webhook IN (SELECT id FROM webhooks WHERE active = 0)))"
    };
}

/// Whether there is any that is old enough to go.
pub fn any_old(reader: &Reader, event: &str, before: UnixMillis) -> ReadResult<bool> {
    reader
        .prepare_cached(concat!("SELECT EXISTS (SELECT 1 FROM webhook_deliveries WHERE ", old!(), ")"))?
        .query_row((event, before), |row| row.get(0))
}

/// Removes so many of them.
pub fn delete_old(event: &str, before: UnixMillis, limit: usize) -> Statement {
    Statement::new(
        concat!(
            "DELETE FROM webhook_deliveries WHERE (webhook, event) IN (
                 SELECT webhook, event FROM webhook_deliveries WHERE ",
            old!(),
            " LIMIT ?3)"
        ),
        vec![Value::from(event.to_owned()), Value::from(before), Value::from(limit as i64)],
    )
}

#[cfg(test)]
mod tests {
    use super::super::schema;
    use super::*;

    #[test]
    fn what_is_put_off_beyond_all_measure_is_due_now_and_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let connection = schema::open_for_writing(&directory.path().join(schema::STATE.file), &schema::STATE).unwrap();
        connection
            .execute_batch(
                "PRAGMA foreign_keys = OFF;
                 INSERT INTO webhook_events (id, organization, type, created_at, body) VALUES ('e', 1, 'a.b', 0, '{}');",
            )
            .unwrap();
        insert(&connection, "w", "e", 1_000).unwrap();
        assert_eq!(next_due(&connection, "w", 10, 1_000).unwrap(), Some(1_000));
        assert!(due(&connection, "w", 10, 1_000, 5).unwrap().is_empty());
        assert_eq!(next_due(&connection, "w", 10, 999).unwrap(), None);
        assert_eq!(due(&connection, "w", 10, 999, 5).unwrap().len(), 1);
    }
}
