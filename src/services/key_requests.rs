//! What was asked of the gate: the requests of keys.

use std::collections::BTreeMap;

use serde::Serialize;

use super::api_keys::find_ever;
use super::error::{Faults, ServiceError};
use super::pages::{Listed, Page};
use super::{Context, Services};
use crate::clock::{DayEdge, UnixMillis, parse_time, to_rfc3339};
use crate::store::requests::{self, Filter, RequestRow};
use crate::store::{api_keys, open_counts};

/// One request, or several refused ones that share a row.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestView {
    /// When.
    pub at: String,
    /// The key's id; null where it was no key.
    pub key_id: Option<String>,
    /// The key's name.
    pub key_name: Option<String>,
    /// `api_key`, `session`, `share` or `widget`.
    pub credential: String,
    /// The method, host and path that were asked for.
    pub method: String,
    /// See `method`.
    pub host: String,
    /// See `method`.
    pub path: String,
    /// The gate's answer: 200 where it let the request pass.
    pub status: u16,
    /// Why it was refused.
    pub code: Option<String>,
    /// From where.
    pub ip: String,
    /// With what.
    pub user_agent: String,
    /// How many requests share this row.
    pub count: u32,
}

/// A page of one key's requests.
pub fn of_key(
    services: &Services,
    context: &Context,
    id: &str,
    page: Page,
) -> Result<Listed<RequestView>, ServiceError> {
    let key = find_ever(services, context, id)?;
    let filter = Filter { key: Some((key.family, key.number)), ..Filter::default() };
    list(services, context, filter, page)
}

/// A page of the organization's requests. `key` is a key's id.
pub fn of_organization(
    services: &Services,
    context: &Context,
    key: Option<&str>,
    filter: Filter,
    page: Page,
) -> Result<Listed<RequestView>, ServiceError> {
    let key = match key {
        Some(id) => {
            let key = find_ever(services, context, id)?;
            Some((key.family, key.number))
        }
        None => None,
    };
    list(services, context, Filter { key, ..filter }, page)
}

fn list(
    services: &Services,
    context: &Context,
    filter: Filter,
    page: Page,
) -> Result<Listed<RequestView>, ServiceError> {
    let filter = Filter { organization: context.organization()?, before: page.before, ..filter };
    let (open, numbered) = services.store.read_ledger(|reader| {
        // Counts that are still open stand before all rows, so they are on the first page only.
        let open =
            if page.before.is_none() { open_counts::of_organization(reader, filter.organization)? } else { Vec::new() };
        Ok((open, requests::list(reader, &filter, page.limit + 1)?))
    })?;
    // They have no number yet, so that no cursor can begin behind one: all of them are shown, and fewer of the others.
    let mut rows: Vec<RequestRow> = open.into_iter().filter(|row| filter.matches(row)).collect();
    let limit = page.limit.saturating_sub(rows.len()).max(1);
    let cut = Page { limit, ..page }.cut(numbered);
    rows.truncate(page.limit - 1);
    rows.extend(cut.items);
    rows.sort_by_key(|row| std::cmp::Reverse(row.at));
    let labels = labels(services, &rows)?;
    let items = rows.into_iter().map(|row| view(row, &labels)).collect();
    Ok(Listed { items, next: cut.next })
}

fn labels(services: &Services, rows: &[RequestRow]) -> Result<BTreeMap<i64, (String, String)>, ServiceError> {
    let mut labels = BTreeMap::new();
    services.store.read(|reader| {
        for row in rows.iter().filter(|row| row.key != 0) {
            if !labels.contains_key(&row.key)
                && let Some(label) = api_keys::label(reader, row.key)?
            {
                labels.insert(row.key, label);
            }
        }
        Ok(())
    })?;
    Ok(labels)
}

fn view(row: RequestRow, labels: &BTreeMap<i64, (String, String)>) -> RequestView {
    let (key_id, key_name) = labels.get(&row.key).cloned().unzip();
    RequestView {
        at: to_rfc3339(row.at),
        key_id,
        key_name,
        credential: row.credential.into(),
        method: row.method.into(),
        host: row.host.into(),
        path: row.path.into(),
        status: row.status,
        code: row.code.map(Into::into),
        ip: row.ip.into(),
        user_agent: row.user_agent.into(),
        count: row.count,
    }
}

/// Reads `from=` and `to=`; a bare date is a day's start in the one and its end in the other.
pub fn parse_range(
    from: Option<&str>,
    to: Option<&str>,
    faults: &mut Faults,
) -> (Option<UnixMillis>, Option<UnixMillis>) {
    let from = from.and_then(|text| faults.take("from", parse_time(text, DayEdge::Start)));
    let to = to.and_then(|text| faults.take("to", parse_time(text, DayEdge::End)));
    (from, to)
}
