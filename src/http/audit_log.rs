//! `/api/admin/audit-log`: who changed what.

use actix_web::{HttpResponse, web};
use futures_util::stream;
use serde::Serialize;

use super::answer::{Answer, HttpError, ok};
use super::call::{Call, Query};
use super::openapi::ErrorBody;
use crate::services::audit::{self, EntryView, ExportFormat};
use crate::services::error::{Faults, ServiceError};
use crate::services::{key_requests, pages};
use crate::store::audit_log::Filter;

/// Entries read at a time for an export.
const EXPORT_PART: usize = 500;

/// A page of entries.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EntryPage {
    /// The newest first.
    items: Vec<EntryView>,
    /// null on the last page.
    next_cursor: Option<String>,
}

fn filter(query: &Query) -> Result<Filter, ServiceError> {
    let mut faults = Faults::default();
    let (from, to) = key_requests::parse_range(query.get("from"), query.get("to"), &mut faults);
    faults.check()?;
    Ok(Filter {
        action: query.text("action"),
        actor: query.text("actor"),
        target: query.text("target"),
        from,
        to,
        ..Filter::default()
    })
}

/// The audit log
///
/// The newest entries first. An `action` that ends with `*` is a family of them, such as `api_key.*`.
#[utoipa::path(get, path = "/api/admin/audit-log", operation_id = "list_audit_log",
    tag = "Audit",
    params(("action" = Option<String>, Query, description = "noun.verb_past, or noun.*"),
        ("actor" = Option<String>, Query, description = "The id of who did it"),
        ("target" = Option<String>, Query, description = "The id of what it was done to"),
        ("from" = Option<String>, Query, description = "RFC 3339 or a date"),
        ("to" = Option<String>, Query, description = "RFC 3339 or a date"),
        ("limit" = Option<i64>, Query, description = "1–200, 50 by default"),
        ("cursor" = Option<String>, Query, description = "The nextCursor of the page before")),
    responses((status = 200, body = EntryPage), (status = 400, body = ErrorBody)))]
pub async fn list(call: Call, query: Query) -> Answer {
    query.only(&["action", "actor", "target", "from", "to", "limit", "cursor"])?;
    let (filter, page) = (filter(&query)?, query.page()?);
    let listed = call.run(move |services, context| audit::list(services, context, filter, page)).await?;
    ok(&EntryPage { items: listed.items, next_cursor: listed.next.map(pages::encode) })
}

/// The audit log as a file
///
/// All entries that the filters leave, as JSON lines or CSV, streamed.
#[utoipa::path(get, path = "/api/admin/audit-log/export", operation_id = "export_audit_log",
    tag = "Audit",
    params(("format" = Option<String>, Query, description = "jsonl or csv"),
        ("action" = Option<String>, Query, description = "noun.verb_past, or noun.*"),
        ("actor" = Option<String>, Query, description = "The id of who did it"),
        ("target" = Option<String>, Query, description = "The id of what it was done to"),
        ("from" = Option<String>, Query, description = "RFC 3339 or a date"),
        ("to" = Option<String>, Query, description = "RFC 3339 or a date")),
    responses((status = 200, description = "One entry a line"), (status = 400, body = ErrorBody)))]
pub async fn export(call: Call, query: Query) -> Answer {
    query.only(&["format", "action", "actor", "target", "from", "to"])?;
    let format = ExportFormat::parse(query.get("format"))?;
    let filter = Filter { organization: call.context.organization()?, ..filter(&query)? };
    let (media_type, file) = match format {
        ExportFormat::Jsonl => ("application/jsonl", "audit-log.jsonl"),
        ExportFormat::Csv => ("text/csv; charset=utf-8", "audit-log.csv"),
    };
    let app = call.app.clone();
    let parts = stream::try_unfold(Some((filter, true)), move |state| {
        let app = app.clone();
        async move {
            let Some((filter, first)) = state else { return Ok::<_, actix_web::Error>(None) };
            let services = app.services.clone();
            let wanted = filter.clone();
            let read = web::block(move || audit::export(&services, &wanted, format, EXPORT_PART)).await?;
            let (part, next) = read.map_err(HttpError)?;
            let mut bytes = if first { format.header().as_bytes().to_vec() } else { Vec::new() };
            bytes.extend(part);
            let state = next.map(|before| (Filter { before: Some(before), ..filter }, false));
            Ok(Some((web::Bytes::from(bytes), state)))
        }
    });
    Ok(HttpResponse::Ok()
        .content_type(media_type)
        .insert_header(("Content-Disposition", format!("attachment; filename=\"{file}\"")))
        .streaming(parts))
}
