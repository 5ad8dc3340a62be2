//! `requests`: the ledger's rows.

use std::borrow::Cow;
use std::sync::Arc;

use compact_str::CompactString;
use rusqlite::types::Value;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params, params_from_iter};

use super::audit_log::end_from;
use super::chain::{ChainEnd, Content, Link};
use super::{ReadResult, Reader, folds};
use crate::clock::{MINUTE, UnixMillis};

/// One request, as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct RequestRow {
    pub at: UnixMillis,
    pub organization: i64,
    /// 0 for a session. A share's or a widget's number stands both here and in `key`: keys, shares and widgets have
    /// their numbers from one row, so that their windows and their usage are found alike.
    pub family: i64,
    pub key: i64,
    /// `api_key`, `session`, `share` or `widget`.
    pub credential: Cow<'static, str>,
    /// Who: a user's id, or the key's where it has no owner; a share's id.
    pub subject: Arc<str>,
    pub method: Cow<'static, str>,
    pub host: CompactString,
    pub path: CompactString,
    pub status: u16,
    /// `None` = allowed.
    pub code: Option<Cow<'static, str>>,
    pub ip: CompactString,
    pub user_agent: CompactString,
    pub class: Option<Arc<str>>,
    pub cost: u32,
    /// How many requests this row stands for.
    pub count: u32,
}

impl RequestRow {
    /// The digest of the row at this place of the chain.
    pub(super) fn digest(&self, seq: i64, content: &mut Content) -> [u8; 32] {
        content.clear();
        content
            .number(seq)
            .number(self.at)
            .number(self.organization)
            .number(self.family)
            .number(self.key)
            .text(&self.credential)
            .text(&self.subject)
            .text(&self.method)
            .text(&self.host)
            .text(&self.path)
            .number(i64::from(self.status))
            .optional(self.code.as_deref())
            .text(&self.ip)
            .text(&self.user_agent)
            .optional(self.class.as_deref())
            .number(i64::from(self.cost))
            .number(i64::from(self.count));
        content.digest()
    }

    /// Whether the gate let it pass.
    pub fn allowed(&self) -> bool {
        self.code.is_none()
    }

    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<(i64, Self)> {
        let request = RequestRow {
            at: row.get(1)?,
            organization: row.get(2)?,
            family: row.get(3)?,
            key: row.get(4)?,
            credential: row.get::<_, String>(5)?.into(),
            subject: row.get(6)?,
            method: row.get::<_, String>(7)?.into(),
            host: text(row, 8)?,
            path: text(row, 9)?,
            status: row.get(10)?,
            code: row.get::<_, Option<String>>(11)?.map(Cow::from),
            ip: text(row, 12)?,
            user_agent: text(row, 13)?,
            class: row.get(14)?,
            cost: row.get(15)?,
            count: row.get(16)?,
        };
        Ok((row.get(0)?, request))
    }
}

/// A text of a row.
pub(super) fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<CompactString> {
    Ok(CompactString::from(row.get_ref(column)?.as_str()?))
}

/// The columns in the order that [`RequestRow::from_row`] reads them.
macro_rules! columns {
    () => {
        "seq, at, organization, family, key, credential, subject, method, host, path, status, code, ip, user_agent,
         class, cost, count"
    };
}
pub(super) use columns;

/// Writes rows; one statement for a whole group.
pub(super) struct Inserter<'a>(CachedStatement<'a>);

impl<'a> Inserter<'a> {
    pub(super) fn new(connection: &'a Connection) -> rusqlite::Result<Self> {
        let sql = concat!(
            "INSERT INTO requests (",
            columns!(),
            ", digest, link)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)"
        );
        Ok(Inserter(connection.prepare_cached(sql)?))
    }

    /// Writes a row at the place that `end` names.
    pub(super) fn insert(&mut self, row: &RequestRow, end: &ChainEnd, digest: &[u8; 32]) -> rusqlite::Result<()> {
        self.0.execute(params![
            end.seq,
            row.at,
            row.organization,
            row.family,
            row.key,
            row.credential,
            row.subject,
            row.method,
            row.host.as_str(),
            row.path.as_str(),
            row.status,
            row.code,
            row.ip.as_str(),
            row.user_agent.as_str(),
            row.class,
            row.cost,
            row.count,
            &digest[..],
            &end.link[..],
        ])?;
        Ok(())
    }
}

/// The newest link; where everything was pruned, the checkpoint's.
pub fn chain_end(reader: &Reader) -> ReadResult<ChainEnd> {
    let newest = reader
        .query_row("SELECT seq, link FROM requests ORDER BY seq DESC LIMIT 1", [], |row| {
            end_from(row.get(0)?, row.get(1)?)
        })
        .optional()?;
    match newest {
        Some(end) => Ok(end),
        None => Ok(checkpoint(reader)?.map_or(ChainEnd::START, |(end, _)| end)),
    }
}

/// Where the chain begins, and its signature; `None` while nothing was pruned.
pub fn checkpoint(reader: &Reader) -> ReadResult<Option<(ChainEnd, Vec<u8>)>> {
    reader
        .query_row("SELECT seq, link, signature FROM ledger_checkpoint", [], |row| {
            Ok((end_from(row.get(0)?, row.get(1)?)?, row.get(2)?))
        })
        .optional()
}

/// Calls `visit` with every row in order, as a verifier sees it, until it says stop.
pub fn walk(reader: &Reader, visit: &mut dyn FnMut(Link) -> bool) -> ReadResult<()> {
    let mut statement = reader.prepare(concat!("SELECT ", columns!(), ", digest, link FROM requests ORDER BY seq"))?;
    let mut rows = statement.query([])?;
    let mut content = Content::default();
    while let Some(row) = rows.next()? {
        let (seq, request) = RequestRow::from_row(row)?;
        let content_digest = request.digest(seq, &mut content);
        if !visit(Link { seq, digest: row.get(17)?, content_digest, link: row.get(18)? }) {
            break;
        }
    }
    Ok(())
}

/// What took from a window: when, and how much.
pub type Taken = (UnixMillis, u32);

/// What the keys of a family were let pass since `from`; rows behind `upto` are not asked for. Read from the newest
/// back, so that it costs what the last minute holds.
pub fn taken_by_family(reader: &Reader, family: i64, from: UnixMillis, upto: i64) -> ReadResult<Vec<Taken>> {
    let mut statement = reader.prepare_cached(
        "SELECT at, cost, code IS NULL FROM
             (SELECT block FROM requests_by_family WHERE family = ?1 AND block <= ?2 / ?3) AS mine CROSS JOIN requests
         WHERE seq BETWEEN mine.block * ?3 AND mine.block * ?3 + ?3 - 1 AND seq <= ?2 AND family = ?1
         ORDER BY mine.block DESC, seq DESC",
    )?;
    let mut rows = statement.query((family, upto, folds::BLOCK))?;
    let mut taken = Vec::new();
    while let Some(row) = rows.next()? {
        let at: UnixMillis = row.get(0)?;
        // A row that many refused requests share takes its place at the end of their minute, behind later ones.
        if at < from - 2 * MINUTE {
            break;
        }
        let cost: u32 = row.get(1)?;
        if at >= from && cost > 0 && row.get(2)? {
            taken.push((at, cost));
        }
    }
    Ok(taken)
}

/// What an organization's requests of a class were let pass since `from`, the oldest first, up to row `upto`.
pub fn taken_by_class(
    reader: &Reader,
    organization: i64,
    class: &str,
    from: UnixMillis,
    upto: i64,
) -> ReadResult<Vec<Taken>> {
    let mut statement = reader.prepare_cached(
        "SELECT at, cost FROM requests
         WHERE organization = ?1 AND class = ?2 AND at >= ?3 AND code IS NULL AND seq <= ?4 ORDER BY at",
    )?;
    let rows = statement.query_map((organization, class, from, upto), |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

/// Which requests of one organization are wanted.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct Filter {
    pub organization: i64,
    /// Only those of this key (its family and its number).
    pub key: Option<(i64, i64)>,
    pub status: Option<u16>,
    pub method: Option<String>,
    /// An exact path, or the beginning of one where it ends with `*`.
    pub path: Option<String>,
    pub ip: Option<String>,
    pub from: Option<UnixMillis>,
    pub to: Option<UnixMillis>,
    /// Only rows before this number (exclusive).
    pub before: Option<i64>,
}

impl Filter {
    /// Whether a row is wanted: the same in Rust as `conditions` is in SQL, for rows that are in no table yet.
    pub fn matches(&self, row: &RequestRow) -> bool {
        let is = |wanted: &Option<String>, value: &str| wanted.as_ref().is_none_or(|wanted| wanted == value);
        row.organization == self.organization
            && self.key.is_none_or(|(_, key)| row.key == key)
            && self.status.is_none_or(|status| row.status == status)
            && self.method.as_ref().is_none_or(|method| row.method.eq_ignore_ascii_case(method))
            && self.path.as_ref().is_none_or(|path| match path.strip_suffix('*') {
                Some(start) => row.path.starts_with(start),
                None => row.path == *path,
            })
            && is(&self.ip, &row.ip)
            && self.from.is_none_or(|from| row.at >= from)
            && self.to.is_none_or(|to| row.at <= to)
    }
}

/// Conditions on a row, with `#` where the value goes.
pub(super) fn conditions(filter: &Filter) -> Vec<(&'static str, Value)> {
    let mut list = vec![("organization = #", Value::from(filter.organization))];
    if let Some((_, key)) = filter.key {
        list.push(("key = #", Value::from(key)));
    }
    if let Some(status) = filter.status {
        list.push(("status = #", Value::from(i64::from(status))));
    }
    if let Some(method) = &filter.method {
        list.push(("method = #", Value::from(method.to_ascii_uppercase())));
    }
    if let Some(path) = &filter.path {
        match path.strip_suffix('*') {
            Some(start) => list.push(("substr(path, 1, length(#)) = #", Value::from(start.to_owned()))),
            None => list.push(("path = #", Value::from(path.clone()))),
        }
    }
    if let Some(ip) = &filter.ip {
        list.push(("ip = #", Value::from(ip.clone())));
    }
    if let Some(from) = filter.from {
        list.push(("at >= #", Value::from(from)));
    }
    if let Some(to) = filter.to {
        list.push(("at <= #", Value::from(to)));
    }
    list
}

/// A number before all rows that are not older than `from`. Rows stand nearly in the order of their times.
fn not_before(reader: &Reader, from: UnixMillis) -> ReadResult<i64> {
    let mut at = reader.prepare_cached("SELECT seq, at FROM requests WHERE seq >= ?1 ORDER BY seq LIMIT 1")?;
    let ends = "SELECT coalesce(min(seq), 0), coalesce(max(seq), 0) FROM requests";
    let (mut low, mut high): (i64, i64) = reader.query_row(ends, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    while low < high {
        let middle = low + (high - low) / 2;
        let found: Option<(i64, UnixMillis)> =
            at.query_row([middle], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        match found {
            Some((_, its)) if its < from - 2 * MINUTE => low = middle + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}

/// The newest requests first, with their numbers: first the rows that are not folded yet, then those that the index of
/// the key's family, or of the organization, names.
pub fn list(reader: &Reader, filter: &Filter, limit: usize) -> ReadResult<Vec<(i64, RequestRow)>> {
    let folded = folds::upto(reader)?;
    let (index, owner) = match filter.key {
        Some((family, _)) => ("requests_by_family WHERE family = ?1", family),
        None => ("requests_by_organization WHERE organization = ?1", filter.organization),
    };
    let below = filter.before.unwrap_or(i64::MAX);
    let last = folded.min(below.saturating_sub(1));
    let first = filter.from.map_or(Ok(0), |from| not_before(reader, from))?;
    let mut values: Vec<Value> =
        [owner, folded, below, limit as i64, last, folds::BLOCK, first].map(Value::from).into();
    let mut condition = String::new();
    for (text, value) in conditions(filter) {
        values.push(value);
        condition.push_str(" AND ");
        condition.push_str(&text.replace('#', &format!("?{}", values.len())));
    }
    let columns = columns!();
    // CROSS JOIN keeps SQLite walking the index from its end, so that a page costs what it shows.
    let sql = format!(
        "SELECT * FROM (SELECT {columns} FROM requests
             WHERE seq > ?2 AND seq < ?3 AND seq >= ?7{condition} ORDER BY seq DESC LIMIT ?4)
         UNION ALL
         SELECT * FROM (SELECT {columns} FROM (SELECT block FROM {index} AND block <= ?5 / ?6 AND block >= ?7 / ?6) AS mine
             CROSS JOIN requests
             WHERE seq BETWEEN mine.block * ?6 AND mine.block * ?6 + ?6 - 1 AND seq <= ?5 AND seq >= ?7{condition}
             ORDER BY mine.block DESC, seq DESC LIMIT ?4)"
    );
    let mut statement = reader.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), RequestRow::from_row)?;
    let mut rows: Vec<_> = rows.collect::<Result<_, _>>()?;
    rows.sort_by_key(|(seq, _)| std::cmp::Reverse(*seq));
    rows.truncate(limit);
    Ok(rows)
}
