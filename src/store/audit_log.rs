//! `audit_log`: who changed what, chained.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use super::chain::{ChainEnd, Content, Link};
use super::{ReadResult, Reader, Statement};
use crate::clock::UnixMillis;
use crate::crypto::signature::SigningKey;

/// Who or what an entry speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// `user`, `api_key`, `operator`, `organization`, `session`, ….
    pub kind: String,
    /// The id, where it has one.
    pub id: Option<String>,
    /// The name at that time.
    pub name: String,
}

/// One entry, before the writer gives it its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// `aud_…`
    pub id: String,
    /// When.
    pub at: UnixMillis,
    /// The number of the organization it belongs to, if any.
    pub organization: Option<i64>,
    /// `noun.verb_past`
    pub action: String,
    /// Who did it.
    pub actor: Party,
    /// To what it was done.
    pub target: Party,
    /// From where.
    pub ip: Option<String>,
    /// With what.
    pub user_agent: Option<String>,
    /// In which request.
    pub request_id: Option<String>,
    /// `{"field": {"before": …, "after": …}}` as JSON.
    pub changes: Option<String>,
}

impl AuditEntry {
    /// The digest of the entry at this place of the chain.
    pub(super) fn digest(&self, seq: i64) -> [u8; 32] {
        let mut content = Content::default();
        content
            .number(seq)
            .text(&self.id)
            .number(self.at)
            .number(self.organization.unwrap_or(0))
            .text(&self.action)
            .text(&self.actor.kind)
            .optional(self.actor.id.as_deref())
            .text(&self.actor.name)
            .text(&self.target.kind)
            .optional(self.target.id.as_deref())
            .text(&self.target.name)
            .optional(self.ip.as_deref())
            .optional(self.user_agent.as_deref())
            .optional(self.request_id.as_deref())
            .optional(self.changes.as_deref());
        content.digest()
    }

    fn from_row(row: &Row<'_>) -> rusqlite::Result<(i64, Self)> {
        let target_id: String = row.get("target_id")?;
        let entry = AuditEntry {
            id: row.get("id")?,
            at: row.get("at")?,
            organization: row.get("organization")?,
            action: row.get("action")?,
            actor: Party { kind: row.get("actor_kind")?, id: row.get("actor_id")?, name: row.get("actor_name")? },
            target: Party { kind: row.get("target_kind")?, id: Some(target_id), name: row.get("target_name")? },
            ip: row.get("ip")?,
            user_agent: row.get("user_agent")?,
            request_id: row.get("request_id")?,
            changes: row.get("changes")?,
        };
        Ok((row.get("seq")?, entry))
    }
}

/// Writes an entry at the place that `end` names. Only the writer's thread calls this.
pub(super) fn insert(
    connection: &Connection,
    entry: &AuditEntry,
    end: &ChainEnd,
    digest: &[u8; 32],
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO audit_log (seq, id, at, organization, action, actor_kind, actor_id, actor_name, target_kind,
                 target_id, target_name, ip, user_agent, request_id, changes, digest, link)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
        )?
        .execute(params![
            end.seq,
            entry.id,
            entry.at,
            entry.organization,
            entry.action,
            entry.actor.kind,
            entry.actor.id,
            entry.actor.name,
            entry.target.kind,
            entry.target.id.as_deref().unwrap_or(""),
            entry.target.name,
            entry.ip,
            entry.user_agent,
            entry.request_id,
            entry.changes,
            &digest[..],
            &end.link[..],
        ])?;
    Ok(())
}

/// The newest link. Where rows were pruned up to the end, the checkpoint's.
pub(super) fn chain_end(reader: &Reader, _key: &SigningKey) -> ReadResult<ChainEnd> {
    let newest = reader
        .prepare_cached("SELECT seq, link FROM audit_log ORDER BY seq DESC LIMIT 1")?
        .query_row([], |row| end_from(row.get(0)?, row.get(1)?))
        .optional()?;
    match newest {
        Some(end) => Ok(end),
        None => Ok(checkpoint(reader)?.map_or(ChainEnd::START, |(end, _)| end)),
    }
}

/// The newest link, to be kept elsewhere.
pub fn head(reader: &Reader, key: &SigningKey) -> ReadResult<ChainEnd> {
    chain_end(reader, key)
}

/// Which entry is the newest, and when it was made; zeros where there is none.
pub fn newest(reader: &Reader) -> ReadResult<(i64, UnixMillis)> {
    let newest = reader
        .query_row("SELECT seq, at FROM audit_log ORDER BY seq DESC LIMIT 1", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(newest.unwrap_or_default())
}

/// Where the chain begins, and its signature; `None` while nothing was pruned.
pub fn checkpoint(reader: &Reader) -> ReadResult<Option<(ChainEnd, Vec<u8>)>> {
    reader
        .query_row("SELECT seq, link, signature FROM audit_checkpoint", [], |row| {
            Ok((end_from(row.get(0)?, row.get(1)?)?, row.get(2)?))
        })
        .optional()
}

/// A number and a link's bytes; a link of another length is one that no chain has.
pub(super) fn end_from(seq: i64, link: Vec<u8>) -> rusqlite::Result<ChainEnd> {
    let mut end = ChainEnd { seq, link: [0; 32] };
    if link.len() == end.link.len() {
        end.link.copy_from_slice(&link);
    }
    Ok(end)
}

/// Calls `visit` with every row in order, as a verifier sees it, until it says stop.
pub fn walk(reader: &Reader, visit: &mut dyn FnMut(Link) -> bool) -> ReadResult<()> {
    let mut statement = reader.prepare("SELECT * FROM audit_log ORDER BY seq")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (seq, entry) = AuditEntry::from_row(row)?;
        let link = Link { seq, digest: row.get("digest")?, content_digest: entry.digest(seq), link: row.get("link")? };
        if !visit(link) {
            break;
        }
    }
    Ok(())
}

/// Which entries of one organization are wanted.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// The organization's number.
    pub organization: i64,
    /// An action, or a family of them (`api_key.*`).
    pub action: Option<String>,
    /// The id of who did it.
    pub actor: Option<String>,
    /// The id of what it was done to.
    pub target: Option<String>,
    /// Not before.
    pub from: Option<UnixMillis>,
    /// Not after.
    pub to: Option<UnixMillis>,
    /// Only entries before this number (exclusive).
    pub before: Option<i64>,
}

impl Filter {
    /// Then the index of times is the way. (The clock may have been set back: times and numbers need not have the same
    /// order.)
    fn is_of_times_alone(&self) -> bool {
        (self.from.is_some() || self.to.is_some())
            && self.action.is_none()
            && self.actor.is_none()
            && self.target.is_none()
    }
}

/// The newest entries first, with their numbers. Where times alone are asked for, the order is that of the entries' own.
pub fn list(reader: &Reader, filter: &Filter, limit: usize) -> ReadResult<Vec<(i64, AuditEntry)>> {
    let Some(start) = filter.action.as_deref().and_then(|action| action.strip_suffix('*')) else {
        return list_one(reader, filter, limit);
    };
    // Each action of the family has its own place in the index, in order; all of them together have none.
    let mut rows = Vec::new();
    for action in actions(reader, filter.organization, start)? {
        rows.extend(list_one(reader, &Filter { action: Some(action), ..filter.clone() }, limit)?);
    }
    rows.sort_by_key(|(seq, _)| std::cmp::Reverse(*seq));
    rows.truncate(limit);
    Ok(rows)
}

/// The actions that begin so and are in an organization's log. Each is one step in the index.
fn actions(reader: &Reader, organization: i64, start: &str) -> ReadResult<Vec<String>> {
    let mut next = reader
        .prepare_cached("SELECT min(action) FROM audit_log WHERE organization = ?1 AND action >= ?2 AND action < ?3")?;
    let end = format!("{start}\u{10ffff}");
    let mut actions: Vec<String> = Vec::new();
    let mut from = start.to_owned();
    while let Some(action) = next.query_row((organization, &from, &end), |row| row.get::<_, Option<String>>(0))? {
        from = format!("{action}\0");
        actions.push(action);
    }
    Ok(actions)
}

/// The same for one action, or for whatever action.
fn list_one(reader: &Reader, filter: &Filter, limit: usize) -> ReadResult<Vec<(i64, AuditEntry)>> {
    let by_time = filter.is_of_times_alone();
    // Where the list goes on, in its own order.
    let place = match filter.before {
        Some(before) if by_time => match at_of(reader, before)? {
            Some(at) => Some(at),
            // It was pruned meanwhile, and whatever is older with it.
            None => return Ok(Vec::new()),
        },
        _ => None,
    };
    let mut sql = String::from("SELECT * FROM audit_log WHERE organization = ?1");
    let mut values = vec![Value::from(filter.organization)];
    let mut and = |condition: &str, value: Value| {
        values.push(value);
        sql.push_str(&condition.replace('#', &format!("?{}", values.len())));
    };
    if let Some(action) = &filter.action {
        and(" AND action = #", Value::from(action.clone()));
    }
    if let Some(actor) = &filter.actor {
        and(" AND actor_id = #", Value::from(actor.clone()));
    }
    if let Some(target) = &filter.target {
        and(" AND target_id = #", Value::from(target.clone()));
    }
    if let Some(from) = filter.from {
        and(" AND at >= #", Value::from(from));
    }
    if let Some(to) = place.map_or(filter.to, |at| Some(filter.to.map_or(at, |to| to.min(at)))) {
        and(" AND at <= #", Value::from(to));
    }
    match (place, filter.before) {
        (Some(at), Some(before)) => {
            and(" AND (at < #", Value::from(at));
            and(" OR seq < #)", Value::from(before));
        }
        (None, Some(before)) => and(" AND seq < #", Value::from(before)),
        _ => {}
    }
    let order = if by_time { " ORDER BY at DESC, seq DESC LIMIT #" } else { " ORDER BY seq DESC LIMIT #" };
    and(order, Value::from(limit as i64));
    let mut statement = reader.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), AuditEntry::from_row)?;
    rows.collect()
}

/// When the entry of this number was written.
fn at_of(reader: &Reader, seq: i64) -> ReadResult<Option<UnixMillis>> {
    reader.prepare_cached("SELECT at FROM audit_log WHERE seq = ?1")?.query_row([seq], |row| row.get(0)).optional()
}

/// The number of the last entry before `before`, if there is one that may go.
pub fn last_before(reader: &Reader, before: UnixMillis) -> ReadResult<Option<(ChainEnd, UnixMillis)>> {
    reader
        .query_row(
            "SELECT seq, link, at FROM audit_log WHERE at < ?1 AND seq <= (
                 SELECT coalesce(min(seq) - 1, (SELECT max(seq) FROM audit_log)) FROM audit_log WHERE at >= ?1)
             ORDER BY seq DESC LIMIT 1",
            [before],
            |row| Ok((end_from(row.get(0)?, row.get(1)?)?, row.get(2)?)),
        )
        .optional()
}

/// Keeps the place where the chain will begin.
pub fn keep_checkpoint(end: &ChainEnd, signature: &[u8; 32]) -> Statement {
    Statement::new(
        "INSERT INTO audit_checkpoint (only, seq, link, signature) VALUES (1, ?1, ?2, ?3)
         ON CONFLICT (only) DO UPDATE SET seq = excluded.seq, link = excluded.link, signature = excluded.signature",
        vec![Value::from(end.seq), Value::from(end.link.to_vec()), Value::from(signature.to_vec())],
    )
}

/// Removes every entry up to this number.
pub fn delete_up_to(seq: i64) -> Statement {
    Statement::new("DELETE FROM audit_log WHERE seq <= ?1", vec![Value::from(seq)])
}
