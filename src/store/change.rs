//! A change is a value: statements with what they expect, and the audit entries that tell of them.

use rusqlite::types::Value;

use super::audit_log::AuditEntry;
use super::webhook_bell::Touch;
use super::webhook_events::NewEvent;

/// SQL with its values bound. It has touched nothing yet.
#[derive(Clone, Debug)]
pub struct Statement {
    pub(super) sql: &'static str,
    pub(super) values: Vec<Value>,
    pub(super) rings: bool,
    pub(super) touch: Option<Touch>,
}

impl Statement {
    /// `sql` with `values` for its `?1`, `?2`, ….
    pub(super) fn new(sql: &'static str, values: Vec<Value>) -> Self {
        Statement { sql, values, rings: false, touch: None }
    }

    /// After the commit, whoever delivers mail is woken ([`super::Store::mail_bell`]).
    pub(super) fn that_rings(self) -> Self {
        Statement { rings: true, ..self }
    }

    /// After the commit, whoever sends webhooks is told of this ([`super::Store::webhook_bell`]).
    pub(super) fn that_touches(self, touch: Touch) -> Self {
        Statement { touch: Some(touch), ..self }
    }
}

/// What a statement must do for its change to stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Whatever it does is right.
    Any,
    /// It changes exactly one row; otherwise the whole change is refused, for this reason.
    ExactlyOne(Refusal),
}

/// Why a change was refused by its own condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The row is not there.
    NotFound,
    /// The row is no longer as it was read.
    Outdated,
    /// The plan has no room for another key.
    PlanKeyLimit,
    /// It was done already, and is done once.
    Gone,
    /// The token is unknown, used, or has run out.
    TokenInvalid,
    /// The organization would be left without an owner.
    LastOwner,
    /// Another account has the address.
    AddressTaken,
    /// Whoever asks is no longer who they were when they asked.
    NotAllowed,
    /// The organization keeps as much text as it may.
    NoRoomForText,
}

/// Free pages that are kept (4 MB).
pub(super) const SPARE_PAGES: i64 = 1_024;

/// What [`super::Store::commit`] runs whole or not at all.
#[derive(Debug, Default)]
pub struct Change {
    pub(super) steps: Vec<(Statement, Expect)>,
    pub(super) entries: Vec<AuditEntry>,
    pub(super) events: Vec<NewEvent>,
    pub(super) gives_back_room: bool,
}

impl Change {
    /// An empty change.
    pub fn new() -> Self {
        Change::default()
    }

    /// Adds a statement that may do anything.
    pub fn then(mut self, statement: Statement) -> Self {
        self.steps.push((statement, Expect::Any));
        self
    }

    /// Adds a statement that must change exactly one row.
    pub fn exactly_one(mut self, statement: Statement, or_else: Refusal) -> Self {
        self.steps.push((statement, Expect::ExactlyOne(or_else)));
        self
    }

    /// Adds statements that may do anything.
    pub fn then_all(mut self, statements: impl IntoIterator<Item = Statement>) -> Self {
        self.steps.extend(statements.into_iter().map(|statement| (statement, Expect::Any)));
        self
    }

    /// Tells webhooks of something that is not in the audit log.
    pub fn telling(mut self, event: NewEvent) -> Self {
        self.events.push(event);
        self
    }

    /// Gives a batch of free pages back to the system too.
    pub fn giving_back_room(self) -> Self {
        Change { gives_back_room: true, ..self }
    }

    /// Adds an entry to the audit log; webhooks are told of it.
    pub fn audited(mut self, entry: AuditEntry) -> Self {
        self.entries.push(entry);
        self
    }
}
