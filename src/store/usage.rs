//! `usage_minutes`, `key_usage`: how much a key is used, and when and from where it was used last.

use std::collections::{BTreeMap, HashMap, HashSet};

use compact_str::CompactString;
use rusqlite::{Connection, OptionalExtension};

use super::requests::{RequestRow, columns, text};
use super::{ReadResult, Reader, folds, open_counts};
use crate::clock::{MINUTE, UnixMillis};

/// The last time a key was used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct LastUse {
    pub at: UnixMillis,
    pub ip: CompactString,
    pub user_agent: CompactString,
}

/// What is known of one key's use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyUsage {
    /// All requests, allowed and refused.
    pub requests: u64,
    /// `None` if it was never used.
    pub last: Option<LastUse>,
}

/// Allowed and refused requests in one minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Counts {
    pub allowed: u64,
    pub denied: u64,
}

impl Counts {
    /// Adds others.
    pub fn add(&mut self, other: Counts) {
        self.allowed += other.allowed;
        self.denied += other.denied;
    }

    fn of(row: &RequestRow) -> Counts {
        let count = u64::from(row.count);
        if row.allowed() { Counts { allowed: count, denied: 0 } } else { Counts { allowed: 0, denied: count } }
    }
}

/// What rows of one family add up to.
#[derive(Clone, Debug, Default)]
pub struct FamilyUsage {
    /// By minute (unix time / 60,000).
    pub minutes: BTreeMap<i64, Counts>,
    /// By the key's number.
    pub keys: BTreeMap<i64, KeyUsage>,
}

impl FamilyUsage {
    /// Adds one row.
    pub fn add(&mut self, row: &RequestRow) {
        self.minutes.entry(row.at.div_euclid(MINUTE)).or_default().add(Counts::of(row));
        let key = self.keys.entry(row.key).or_default();
        key.requests += u64::from(row.count);
        let last = key.last.get_or_insert_default();
        if last.at <= row.at {
            last.at = row.at;
            last.ip.clone_from(&row.ip);
            last.user_agent.clone_from(&row.user_agent);
        }
    }
}

/// Writes what rows up to `upto` added up to, unless it is counted already.
pub(super) fn apply(connection: &Connection, family: i64, usage: &FamilyUsage, upto: i64) -> rusqlite::Result<()> {
    let mut minutes = connection.prepare_cached(
        "INSERT INTO usage_minutes (family, minute, allowed, denied) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (family, minute) DO UPDATE SET allowed = allowed + excluded.allowed,
             denied = denied + excluded.denied",
    )?;
    for (minute, counts) in &usage.minutes {
        minutes.execute((family, minute, counts.allowed as i64, counts.denied as i64))?;
    }
    let mut keys = connection.prepare_cached(
        "INSERT INTO key_usage (family, key, requests, last_at, last_ip, last_user_agent, upto)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (family, key) DO UPDATE SET requests = requests + excluded.requests,
             last_at = max(last_at, excluded.last_at),
             last_ip = CASE WHEN excluded.last_at >= last_at THEN excluded.last_ip ELSE last_ip END,
             last_user_agent =
                 CASE WHEN excluded.last_at >= last_at THEN excluded.last_user_agent ELSE last_user_agent END,
             upto = excluded.upto",
    )?;
    for (key, usage) in &usage.keys {
        let last = usage.last.clone().unwrap_or_default();
        keys.execute((family, key, usage.requests as i64, last.at, last.ip.as_str(), last.user_agent.as_str(), upto))?;
    }
    Ok(())
}

/// The newest row of a family that is counted.
pub(super) fn counted_upto(reader: &Reader, family: i64) -> ReadResult<i64> {
    reader
        .prepare_cached("SELECT coalesce(max(upto), 0) FROM key_usage WHERE family = ?1")?
        .query_row([family], |row| row.get(0))
}

/// Calls `visit` with every row behind the last whole fold, and with the counts that are still open (number 0).
pub(super) fn visit_unfolded(reader: &Reader, mut visit: impl FnMut(i64, RequestRow)) -> ReadResult<()> {
    let from = folds::upto(reader)?;
    let mut statement = reader.prepare_cached(concat!(
        "SELECT ",
        columns!(),
        " FROM requests WHERE seq > ?1 AND family <> 0 ORDER BY seq"
    ))?;
    let mut rows = statement.query([from])?;
    while let Some(row) = rows.next()? {
        let (seq, request) = RequestRow::from_row(row)?;
        visit(seq, request);
    }
    Ok(())
}

/// What of these families is not in the tables yet.
fn unfolded_of(reader: &Reader, families: &[i64]) -> ReadResult<HashMap<i64, FamilyUsage>> {
    let wanted: HashSet<i64> = families.iter().copied().collect();
    // Few families have rows that are not folded yet; only theirs is looked up.
    let mut counted: HashMap<i64, ReadResult<i64>> = HashMap::new();
    let mut pending: HashMap<i64, FamilyUsage> = HashMap::new();
    visit_unfolded(reader, |seq, row| {
        if !wanted.contains(&row.family) {
            return;
        }
        let upto = counted.entry(row.family).or_insert_with(|| counted_upto(reader, row.family));
        if upto.as_ref().is_ok_and(|upto| seq > *upto) {
            pending.entry(row.family).or_default().add(&row);
        }
    })?;
    counted.into_values().collect::<ReadResult<Vec<i64>>>()?;
    for row in open_counts::of_families(reader, families)? {
        pending.entry(row.family).or_default().add(&row);
    }
    Ok(pending)
}

/// The use of every key of these families, by the key's number.
pub fn of_families(reader: &Reader, families: &[i64]) -> ReadResult<HashMap<i64, BTreeMap<i64, KeyUsage>>> {
    let pending = unfolded_of(reader, families)?;
    let mut all = HashMap::new();
    for family in families {
        let mut keys = folded_keys(reader, *family)?;
        for (key, more) in pending.get(family).map(|usage| usage.keys.clone()).unwrap_or_default() {
            let usage = keys.entry(key).or_default();
            usage.requests += more.requests;
            let newer = |last: &LastUse| more.last.as_ref().is_some_and(|other| other.at >= last.at);
            if usage.last.as_ref().is_none_or(newer) {
                usage.last = more.last;
            }
        }
        all.insert(*family, keys);
    }
    Ok(all)
}

fn folded_keys(reader: &Reader, family: i64) -> ReadResult<BTreeMap<i64, KeyUsage>> {
    let mut statement = reader
        .prepare_cached("SELECT key, requests, last_at, last_ip, last_user_agent FROM key_usage WHERE family = ?1")?;
    let rows = statement.query_map([family], |row| {
        let last = LastUse { at: row.get(2)?, ip: text(row, 3)?, user_agent: text(row, 4)? };
        Ok((row.get(0)?, KeyUsage { requests: row.get::<_, i64>(1)?.max(0) as u64, last: Some(last) }))
    })?;
    rows.collect()
}

/// These families' requests in steps of so many minutes, from one minute to another (both included). A step goes by its
/// first minute; steps without requests are not there.
pub fn by_step(
    reader: &Reader,
    families: &[i64],
    from: i64,
    to: i64,
    step: i64,
) -> ReadResult<HashMap<i64, BTreeMap<i64, Counts>>> {
    let mut statement = reader.prepare_cached(
        "SELECT family, minute / ?4 * ?4 AS step, sum(allowed), sum(denied) FROM usage_minutes
         WHERE family IN (SELECT value FROM json_each(?1)) AND minute BETWEEN ?2 AND ?3
         GROUP BY family, step",
    )?;
    let rows = statement.query_map((serde_json::Value::from(families).to_string(), from, to, step), |row| {
        let counts =
            Counts { allowed: row.get::<_, i64>(2)?.max(0) as u64, denied: row.get::<_, i64>(3)?.max(0) as u64 };
        Ok((row.get(0)?, row.get(1)?, counts))
    })?;
    let mut all: HashMap<i64, BTreeMap<i64, Counts>> = HashMap::new();
    for row in rows {
        let (family, at, counts) = row?;
        all.entry(family).or_default().insert(at, counts);
    }
    for (family, pending) in unfolded_of(reader, families)? {
        for (minute, counts) in pending.minutes.range(from..=to) {
            all.entry(family).or_default().entry(minute.div_euclid(step) * step).or_default().add(*counts);
        }
    }
    Ok(all)
}

/// Removes a family's minutes before `minute`; says which family comes next, so that the caller can take its time.
pub(super) fn prune(connection: &Connection, after_family: i64, minute: i64) -> rusqlite::Result<Option<i64>> {
    let family: Option<i64> = connection
        .prepare_cached("SELECT family FROM usage_minutes WHERE family > ?1 ORDER BY family LIMIT 1")?
        .query_row([after_family], |row| row.get(0))
        .optional()?;
    if let Some(family) = family {
        connection
            .prepare_cached("DELETE FROM usage_minutes WHERE family = ?1 AND minute < ?2")?
            .execute((family, minute))?;
    }
    Ok(family)
}
