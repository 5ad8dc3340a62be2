//! How much keys are used over time.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;

use super::api_keys::find_ever;
use super::error::{Faults, ServiceError};
use super::key_requests::parse_range;
use super::{Context, Services};
use crate::clock::{DAY, HOUR, MINUTE, UnixMillis, to_rfc3339};
use crate::store::api_keys;
use crate::store::usage::{self, Counts};

/// The most points of one key.
const MAX_POINTS: i64 = 10_000;
/// The most keys that can be asked about at once.
const MAX_KEYS: usize = 200;
/// The most points of all keys of one answer.
const MAX_POINTS_OF_ALL: i64 = 200_000;

/// Allowed and refused requests from a point in time until the next one.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct UsagePoint {
    /// The start.
    pub at: String,
    /// How many passed.
    pub allowed: u64,
    /// How many did not.
    pub denied: u64,
}

/// One key's usage over time, or that of all keys together.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsageOfKey {
    /// `key_…`; null for all keys together.
    pub key_id: Option<String>,
    /// The oldest first.
    pub points: Vec<UsagePoint>,
}

/// What usage is asked by.
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs)]
pub struct UsageQuery<'a> {
    pub from: Option<&'a str>,
    pub to: Option<&'a str>,
    pub step: Option<&'a str>,
}

/// From when to when, and in which steps.
#[derive(Clone, Copy)]
struct Span {
    from: UnixMillis,
    to: UnixMillis,
    step: UnixMillis,
}

/// A key's requests over time, its rotated predecessors' included; the last 24 hours by hour where nothing is said.
pub fn of_key(
    services: &Services,
    context: &Context,
    id: &str,
    query: UsageQuery<'_>,
) -> Result<Vec<UsagePoint>, ServiceError> {
    let key = find_ever(services, context, id)?;
    let span = Span::parse(query, context.now)?;
    Ok(span.points(read(services, &[key.family], span)?.get(&key.family)))
}

/// The same for several keys at once, in the order that they are asked for; what the organization has not, is left out.
pub fn of_keys(
    services: &Services,
    context: &Context,
    ids: &[String],
    query: UsageQuery<'_>,
) -> Result<Vec<UsageOfKey>, ServiceError> {
    let organization = context.organization()?;
    let span = Span::parse(query, context.now)?;
    let mut seen = HashSet::new();
    let ids: Vec<String> = ids.iter().filter(|id| seen.insert(id.as_str())).cloned().collect();
    if ids.len() > MAX_KEYS {
        return Err(ServiceError::field("keys", format!("are at most {MAX_KEYS} in one call")));
    }
    if span.length() * ids.len() as i64 > MAX_POINTS_OF_ALL {
        let message = format!("gives more than {MAX_POINTS_OF_ALL} points for so many keys; take a longer step");
        return Err(ServiceError::field("step", message));
    }
    let families = services.store.read(|reader| api_keys::families_of(reader, organization, &ids))?;
    let mut distinct: Vec<i64> = families.values().copied().collect();
    distinct.sort_unstable();
    distinct.dedup();
    let counts = read(services, &distinct, span)?;
    let known = ids.into_iter().filter_map(|id| families.get(&id).map(|family| (id, *family)));
    Ok(known.map(|(id, family)| UsageOfKey { key_id: Some(id), points: span.points(counts.get(&family)) }).collect())
}

/// The requests of all keys of the organization together, deleted ones too.
pub fn of_organization(
    services: &Services,
    context: &Context,
    query: UsageQuery<'_>,
) -> Result<UsageOfKey, ServiceError> {
    let organization = context.organization()?;
    let span = Span::parse(query, context.now)?;
    let families = services.store.read(|reader| api_keys::all_families(reader, organization))?;
    let mut total: BTreeMap<i64, Counts> = BTreeMap::new();
    for steps in read(services, &families, span)?.into_values() {
        for (at, counts) in steps {
            total.entry(at).or_default().add(counts);
        }
    }
    Ok(UsageOfKey { key_id: None, points: span.points(Some(&total)) })
}

/// By family and by the first minute of each step, in one read.
fn read(
    services: &Services,
    families: &[i64],
    span: Span,
) -> Result<HashMap<i64, BTreeMap<i64, Counts>>, ServiceError> {
    let (from, to) = (span.from.div_euclid(MINUTE), span.to.div_euclid(MINUTE));
    let step = span.step / MINUTE;
    Ok(services.store.read_ledger(|reader| usage::by_step(reader, families, from, to, step))?)
}

impl Span {
    fn parse(query: UsageQuery<'_>, now: UnixMillis) -> Result<Span, ServiceError> {
        let mut faults = Faults::default();
        let step = match query.step {
            None | Some("hour") => HOUR,
            Some("minute") => MINUTE,
            Some("day") => DAY,
            Some(_) => {
                faults.add("step", "must be minute, hour or day");
                HOUR
            }
        };
        let (from, to) = parse_range(query.from, query.to, &mut faults);
        let to = to.unwrap_or(now);
        // The default ends with the present step, so that there are 24 hours and not parts of 25.
        let from = from.unwrap_or(to.div_euclid(step) * step - (DAY - step).max(0));
        if from > to {
            faults.add("from", "must not be after to");
        } else if (to - from) / step > MAX_POINTS {
            faults.add("step", "gives more than 10000 points; take a longer step or a shorter time");
        }
        faults.check()?;
        Ok(Span { from, to, step })
    }

    /// How many points there are.
    fn length(self) -> i64 {
        self.to.div_euclid(self.step) - self.from.div_euclid(self.step) + 1
    }

    /// A point for every step, those without requests too.
    fn points(self, counts: Option<&BTreeMap<i64, Counts>>) -> Vec<UsagePoint> {
        let first = self.from.div_euclid(self.step);
        let steps = (first..first + self.length()).map(|step| step * self.step);
        let counts_at =
            |at: UnixMillis| counts.and_then(|counts| counts.get(&at.div_euclid(MINUTE))).copied().unwrap_or_default();
        let point = |at| {
            let Counts { allowed, denied } = counts_at(at);
            UsagePoint { at: to_rfc3339(at), allowed, denied }
        };
        steps.map(point).collect()
    }
}
