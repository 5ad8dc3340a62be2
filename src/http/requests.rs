//! What was asked of the gate: `…/{id}/requests`, `…/{id}/usage`, `/api/admin/requests`, `/api/admin/usage`.

use actix_web::web;
use serde::Serialize;

use super::answer::{Answer, ok};
use super::call::{Call, Query};
use super::openapi::ErrorBody;
use crate::services::error::{Faults, ServiceError};
use crate::services::key_requests::{self, RequestView};
use crate::services::key_usage::{self, UsageOfKey, UsagePoint, UsageQuery};
use crate::services::pages::{self, Listed};
use crate::store::requests::Filter;

/// A page of requests.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestPage {
    /// The newest first.
    items: Vec<RequestView>,
    /// null on the last page.
    next_cursor: Option<String>,
}

/// A key's usage over time.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Usage {
    /// The oldest first.
    points: Vec<UsagePoint>,
}

/// The usage of several keys over time.
#[derive(Serialize, utoipa::ToSchema)]
pub struct UsageOfKeys {
    /// In the order that they were asked for.
    items: Vec<UsageOfKey>,
}

fn page(listed: Listed<RequestView>) -> Answer {
    ok(&RequestPage { items: listed.items, next_cursor: listed.next.map(pages::encode) })
}

/// One key's requests
///
/// Answers for a deleted key too.
#[utoipa::path(get, path = "/api/admin/rest-api-keys/{id}/requests", operation_id = "list_requests_of_api_key",
    tag = "API keys",
    params(("id" = String, Path, description = "key_…"),
        ("limit" = Option<i64>, Query, description = "1–200, 50 by default"),
        ("cursor" = Option<String>, Query, description = "The nextCursor of the page before")),
    responses((status = 200, body = RequestPage), (status = 404, body = ErrorBody)))]
pub async fn of_key(call: Call, id: web::Path<String>, query: Query) -> Answer {
    let listed = call
        .run(move |services, context| {
            crate::services::api_keys::find_ever(services, context, &id)?;
            query.only(&["limit", "cursor"])?;
            key_requests::of_key(services, context, &id, query.page()?)
        })
        .await?;
    page(listed)
}

/// One key's usage over time
///
/// The last 24 hours by hour where nothing is said; its rotated predecessors and successors are counted in.
#[utoipa::path(get, path = "/api/admin/rest-api-keys/{id}/usage", operation_id = "usage_of_api_key",
    tag = "API keys",
    params(("id" = String, Path, description = "key_…"),
        ("from" = Option<String>, Query, description = "RFC 3339 or a date"),
        ("to" = Option<String>, Query, description = "RFC 3339 or a date"),
        ("step" = Option<String>, Query, description = "minute, hour or day")),
    responses((status = 200, body = Usage), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub async fn usage(call: Call, id: web::Path<String>, query: Query) -> Answer {
    let points = call
        .run(move |services, context| {
            crate::services::api_keys::find_ever(services, context, &id)?;
            query.only(&["from", "to", "step"])?;
            key_usage::of_key(services, context, &id, span(&query))
        })
        .await?;
    ok(&Usage { points })
}

fn span(query: &Query) -> UsageQuery<'_> {
    UsageQuery { from: query.get("from"), to: query.get("to"), step: query.get("step") }
}

/// The usage of several keys over time
///
/// As of one key, for up to 200 at once; ids that the organization has not are left out, and an empty `keys` is none.
/// Without `keys`: one item of all keys together, deleted ones too, with null for its id.
#[utoipa::path(get, path = "/api/admin/usage", operation_id = "usage_of_api_keys",
    tag = "API keys",
    params(("keys" = Option<String>, Query, description = "key_…,key_…"),
        ("from" = Option<String>, Query, description = "RFC 3339 or a date"),
        ("to" = Option<String>, Query, description = "RFC 3339 or a date"),
        ("step" = Option<String>, Query, description = "minute, hour or day")),
    responses((status = 200, body = UsageOfKeys), (status = 400, body = ErrorBody)))]
pub async fn usage_of_keys(call: Call, query: Query) -> Answer {
    query.only(&["keys", "from", "to", "step"])?;
    let items = call
        .run(move |services, context| match query.even_empty("keys") {
            Some(keys) => {
                let ids: Vec<String> = keys.split(',').map(|id| id.trim().to_owned()).collect();
                key_usage::of_keys(services, context, &ids, span(&query))
            }
            None => Ok(vec![key_usage::of_organization(services, context, span(&query))?]),
        })
        .await?;
    ok(&UsageOfKeys { items })
}

/// The organization's requests
///
/// Deleted keys' included. A `path` that ends with `*` is the beginning of one.
#[utoipa::path(get, path = "/api/admin/requests", operation_id = "list_requests",
    tag = "Audit",
    params(("key" = Option<String>, Query, description = "key_…"),
        ("status" = Option<i64>, Query, description = "The gate's answer"),
        ("method" = Option<String>, Query, description = "The method"),
        ("path" = Option<String>, Query, description = "The path, or its beginning with a * at the end"),
        ("ip" = Option<String>, Query, description = "The client's address"),
        ("from" = Option<String>, Query, description = "RFC 3339 or a date"),
        ("to" = Option<String>, Query, description = "RFC 3339 or a date"),
        ("limit" = Option<i64>, Query, description = "1–200, 50 by default"),
        ("cursor" = Option<String>, Query, description = "The nextCursor of the page before")),
    responses((status = 200, body = RequestPage), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub async fn of_organization(call: Call, query: Query) -> Answer {
    query.only(&["key", "status", "method", "path", "ip", "from", "to", "limit", "cursor"])?;
    let (filter, paging, key) = (filter(&query)?, query.page()?, query.text("key"));
    let listed = call
        .run(move |services, context| key_requests::of_organization(services, context, key.as_deref(), filter, paging))
        .await?;
    page(listed)
}

fn filter(query: &Query) -> Result<Filter, ServiceError> {
    let mut faults = Faults::default();
    let status = query
        .get("status")
        .and_then(|text| faults.take("status", text.parse().map_err(|_| String::from("must be a status such as 403"))));
    let (from, to) = key_requests::parse_range(query.get("from"), query.get("to"), &mut faults);
    faults.check()?;
    Ok(Filter {
        status,
        method: query.text("method"),
        path: query.text("path"),
        ip: query.text("ip"),
        from,
        to,
        ..Filter::default()
    })
}
