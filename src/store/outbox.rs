//! `outbox`: mail that waits, was delivered, or could not be.

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row, params_from_iter};

use super::{ReadResult, Reader, Statement};
use crate::clock::UnixMillis;

/// One message on its way in. Its body is sealed already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMail {
    /// `mail_…`
    pub id: String,
    /// An organization's number; `None` = about an account, shown on the command line alone.
    pub organization: Option<i64>,
    /// What kind of message it is.
    pub kind: &'static str,
    /// To whom.
    pub recipient: String,
    /// Its subject.
    pub subject: String,
    /// Its body under the master key.
    pub sealed: Vec<u8>,
    /// When the token in it has run out, so that its body is to be wiped.
    pub wipe_at: Option<UnixMillis>,
    /// When it was written.
    pub created_at: UnixMillis,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is to be sent.
    Waiting,
    /// A mail server has taken it.
    Delivered,
    /// It will not be sent any more, unless somebody asks for it.
    Dead,
}

impl State {
    /// All of them.
    pub const ALL: [State; 3] = [State::Waiting, State::Delivered, State::Dead];

    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Delivered => "delivered",
            State::Dead => "dead",
        }
    }

    /// Reads a name.
    pub fn parse(text: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Mail {
    pub id: String,
    /// An organization's number; `None` = about an account.
    pub organization: Option<i64>,
    pub kind: String,
    pub recipient: String,
    pub subject: String,
    /// Text and HTML under the master key; `None` once wiped.
    pub sealed: Option<Vec<u8>>,
    pub wipe_at: Option<UnixMillis>,
    pub state: State,
    pub attempts: u32,
    pub next_attempt_at: UnixMillis,
    pub last_error: Option<String>,
    pub created_at: UnixMillis,
}

impl Mail {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let state: String = row.get("state")?;
        Ok(Mail {
            id: row.get("id")?,
            organization: row.get("organization")?,
            kind: row.get("kind")?,
            recipient: row.get("recipient")?,
            subject: row.get("subject")?,
            sealed: row.get("sealed")?,
            wipe_at: row.get("wipe_at")?,
            state: State::parse(&state).unwrap_or(State::Dead),
            attempts: row.get("attempts")?,
            next_attempt_at: row.get("next_attempt_at")?,
            last_error: row.get("last_error")?,
            created_at: row.get("created_at")?,
        })
    }
}

/// Adds one, to be sent at once.
pub fn insert(mail: &NewMail) -> Statement {
    Statement::new(
        "INSERT INTO outbox (id, organization, kind, recipient, subject, sealed, wipe_at, state, attempts,
             next_attempt_at, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'waiting', 0, ?8, ?8)",
        vec![
            Value::from(mail.id.clone()),
            Value::from(mail.organization),
            Value::from(mail.kind.to_owned()),
            Value::from(mail.recipient.clone()),
            Value::from(mail.subject.clone()),
            Value::from(mail.sealed.clone()),
            Value::from(mail.wipe_at),
            Value::from(mail.created_at),
        ],
    )
    .that_rings()
}

/// What waits for its turn at `now`, the longest first. What is put off beyond `horizon`, further than any attempt ever
/// is, was written while the clock was wrong, and is due too.
pub fn due(reader: &Reader, now: UnixMillis, horizon: UnixMillis, limit: usize) -> ReadResult<Vec<Mail>> {
    reader
        .prepare_cached(
            "SELECT * FROM outbox
             WHERE state = 'waiting' AND (next_attempt_at <= ?1 OR next_attempt_at > ?2) AND sealed IS NOT NULL
                 AND (wipe_at IS NULL OR wipe_at > ?1)
             ORDER BY next_attempt_at, id LIMIT ?3",
        )?
        .query_map((now, horizon, limit as i64), Mail::from_row)?
        .collect()
}

/// Counts an attempt of the message as it was read, before it is made, and says when the next one would be.
pub fn begin_attempt(mail: &Mail, now: UnixMillis, next_attempt_at: UnixMillis) -> Statement {
    Statement::new(
        "UPDATE outbox SET attempts = attempts + 1, next_attempt_at = ?3
         WHERE id = ?1 AND attempts = ?2 AND state = 'waiting' AND sealed IS NOT NULL
           AND (wipe_at IS NULL OR wipe_at > ?4)",
        vec![
            Value::from(mail.id.clone()),
            Value::from(i64::from(mail.attempts)),
            Value::from(next_attempt_at),
            Value::from(now),
        ],
    )
}

/// A mail server has taken it: its body goes.
pub fn delivered(id: &str, now: UnixMillis) -> Statement {
    Statement::new(
        "UPDATE outbox SET state = 'delivered', sealed = NULL, last_error = NULL, finished_at = ?2
         WHERE id = ?1 AND state = 'waiting'",
        vec![Value::from(id.to_owned()), Value::from(now)],
    )
}

/// The attempt of this number has failed; there will be another.
pub fn failed(id: &str, attempt: u32, error: &str) -> Statement {
    Statement::new(
        "UPDATE outbox SET last_error = ?3 WHERE id = ?1 AND attempts = ?2 AND state = 'waiting'",
        vec![Value::from(id.to_owned()), Value::from(i64::from(attempt)), Value::from(error.to_owned())],
    )
}

/// The attempt of this number has failed, and was the last. Its body stays, for who wants it sent after all.
pub fn died(id: &str, attempt: u32, error: &str, now: UnixMillis) -> Statement {
    Statement::new(
        "UPDATE outbox SET state = 'dead', last_error = ?3, finished_at = ?4
         WHERE id = ?1 AND attempts = ?2 AND state = 'waiting'",
        vec![
            Value::from(id.to_owned()),
            Value::from(i64::from(attempt)),
            Value::from(error.to_owned()),
            Value::from(now),
        ],
    )
}

/// Whether a body is there whose token has run out.
pub fn any_run_out(reader: &Reader, now: UnixMillis) -> ReadResult<bool> {
    reader
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM outbox WHERE wipe_at IS NOT NULL AND wipe_at <= ?1 AND sealed IS NOT NULL)",
        )?
        .query_row([now], |row| row.get(0))
}

/// Wipes every body whose token has run out; what waited is not sent any more, for this reason.
pub fn wipe_run_out(now: UnixMillis, reason: &str) -> Statement {
    Statement::new(
        "UPDATE outbox SET sealed = NULL,
             last_error = CASE state WHEN 'waiting' THEN ?2 ELSE last_error END,
             finished_at = CASE state WHEN 'waiting' THEN ?1 ELSE finished_at END,
             state = CASE state WHEN 'waiting' THEN 'dead' ELSE state END
         WHERE wipe_at IS NOT NULL AND wipe_at <= ?1 AND sealed IS NOT NULL",
        vec![Value::from(now), Value::from(reason.to_owned())],
    )
}

/// Whether there is a message before this id (ids sort by the time they were made).
pub fn any_before(reader: &Reader, id: &str) -> ReadResult<bool> {
    reader.prepare_cached("SELECT EXISTS (SELECT 1 FROM outbox WHERE id < ?1)")?.query_row([id], |row| row.get(0))
}

/// Removes messages before this id, whatever became of them.
pub fn delete_before(id: &str) -> Statement {
    Statement::new("DELETE FROM outbox WHERE id < ?1", vec![Value::from(id.to_owned())])
}

/// Sends a message again, or at once, its attempts counted anew: one that is not delivered, whose body is still there.
/// `organization` is whose it must be; `None` = anybody's.
pub fn retry(id: &str, organization: Option<i64>, now: UnixMillis) -> Statement {
    Statement::new(
        "UPDATE outbox SET state = 'waiting', attempts = 0, next_attempt_at = ?3, finished_at = NULL
         WHERE id = ?1 AND (?2 IS NULL OR organization = ?2) AND state IN ('waiting', 'dead') AND sealed IS NOT NULL
           AND (wipe_at IS NULL OR wipe_at > ?3)",
        vec![Value::from(id.to_owned()), Value::from(organization), Value::from(now)],
    )
    .that_rings()
}

/// The one with this id, whoever's it is.
pub fn by_id(reader: &Reader, id: &str) -> ReadResult<Option<Mail>> {
    reader.prepare_cached("SELECT * FROM outbox WHERE id = ?1")?.query_row([id], Mail::from_row).optional()
}

/// Which messages are wanted.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// An organization's number; `None` = all there are, those about accounts too.
    pub organization: Option<i64>,
    /// Only what is in this state.
    pub state: Option<State>,
    /// Only messages before this id (exclusive).
    pub before: Option<String>,
}

/// The newest first.
pub fn list(reader: &Reader, filter: &Filter, limit: usize) -> ReadResult<Vec<Mail>> {
    let mut sql = String::from("SELECT * FROM outbox WHERE 1");
    let mut values = Vec::new();
    let mut and = |condition: &str, value: Value| {
        values.push(value);
        sql.push_str(&condition.replace('#', &format!("?{}", values.len())));
    };
    if let Some(organization) = filter.organization {
        and(" AND organization = #", Value::from(organization));
    }
    if let Some(state) = filter.state {
        and(" AND state = #", Value::from(state.as_str().to_owned()));
    }
    if let Some(before) = &filter.before {
        and(" AND id < #", Value::from(before.clone()));
    }
    and(" ORDER BY id DESC LIMIT #", Value::from(limit as i64));
    reader.prepare_cached(&sql)?.query_map(params_from_iter(values), Mail::from_row)?.collect()
}

/// Takes one away again. In the change that adds it, this costs as much as a mail that stays.
pub fn discard(id: &str) -> Statement {
    Statement::new("DELETE FROM outbox WHERE id = ?1", vec![Value::from(id.to_owned())])
}
