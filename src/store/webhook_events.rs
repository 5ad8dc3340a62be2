//! `webhook_events`: what webhooks are told, queued in the transaction of the change that causes it.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use serde_json::value::RawValue;

use super::audit_log::{AuditEntry, Party};
use super::webhook_bell::{Touch, Touched};
use super::{ReadResult, Reader, Statement, webhook_deliveries, webhooks};
use crate::clock::{UnixMillis, to_rfc3339};

/// An event that is no entry of the audit log: an application's own, or a test.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEvent {
    /// `evt_…`
    pub id: String,
    /// The number of the organization whose it is.
    pub organization: i64,
    /// `noun.verb`
    pub kind: String,
    /// When.
    pub at: UnixMillis,
    /// What is told: JSON, written through as it stands.
    pub data: String,
    /// The one webhook that it is for, whatever its patterns; `None` = all whose patterns cover it.
    pub only: Option<String>,
}

/// The body of a delivery: what is signed and sent.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    id: &'a str,
    r#type: &'a str,
    created_at: String,
    organization_id: &'a str,
    data: &'a RawValue,
}

/// Whether a pattern (`*`, `noun.*`, `noun.verb`) covers an event of this type.
pub fn covers(pattern: &str, kind: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some("") => true,
        Some(start) => kind.starts_with(start),
        None => kind == pattern,
    }
}

/// The id of the event that tells of an audit entry: the same but for its prefix.
fn event_id(entry: &AuditEntry) -> String {
    format!("evt_{}", entry.id.strip_prefix("aud_").unwrap_or(&entry.id))
}

fn party(party: &Party) -> serde_json::Value {
    serde_json::json!({ "kind": party.kind, "id": party.id, "name": party.name })
}

/// Queues what an audit entry tells, for every webhook that wants it. Addresses and programs of people stay here: they
/// are for the organization's own eyes. Only the writer's thread calls this.
pub(super) fn queue_entry(connection: &Connection, entry: &AuditEntry, touched: &mut Touched) -> rusqlite::Result<()> {
    let Some(organization) = entry.organization else { return Ok(()) };
    let told = |organization_id: &str, ids: Vec<String>, touched: &mut Touched| {
        let changes: Option<serde_json::Value> =
            entry.changes.as_deref().and_then(|changes| serde_json::from_str(changes).ok());
        let data = serde_json::json!({
            "actor": party(&entry.actor), "target": party(&entry.target), "changes": changes,
        });
        let data = data.to_string();
        let event =
            NewEvent { id: event_id(entry), organization, kind: entry.action.clone(), at: entry.at, data, only: None };
        insert(connection, &event, organization_id, ids, touched)
    };
    match wanting(connection, organization, &entry.action, None)? {
        Some((organization_id, ids)) => told(&organization_id, ids, touched),
        None => Ok(()),
    }
}

/// Queues an event for every webhook that wants it. Only the writer's thread calls this.
pub(super) fn queue(connection: &Connection, event: &NewEvent, touched: &mut Touched) -> rusqlite::Result<()> {
    match wanting(connection, event.organization, &event.kind, event.only.as_deref())? {
        Some((organization_id, ids)) => insert(connection, event, &organization_id, ids, touched),
        None => Ok(()),
    }
}

/// The organization's id and those of its webhooks that want an event of this type; `None` where there is none, which
/// costs one step in an index.
fn wanting(
    connection: &Connection,
    organization: i64,
    kind: &str,
    only: Option<&str>,
) -> rusqlite::Result<Option<(String, Vec<String>)>> {
    let mut statement = connection.prepare_cached(
        "SELECT organizations.id, webhooks.id, events FROM webhooks
         JOIN organizations ON organizations.number = webhooks.organization
         WHERE webhooks.organization = ?1 AND active = 1",
    )?;
    let mut rows = statement.query([organization])?;
    let (mut organization_id, mut ids) = (None, Vec::new());
    while let Some(row) = rows.next()? {
        let (id, events): (String, String) = (row.get(1)?, row.get(2)?);
        let wants = match only {
            Some(only) => only == id,
            None => webhooks::patterns(&events).iter().any(|pattern| covers(pattern, kind)),
        };
        if wants {
            organization_id = Some(row.get(0)?);
            ids.push(id);
        }
    }
    Ok(organization_id.map(|organization_id| (organization_id, ids)))
}

fn insert(
    connection: &Connection,
    event: &NewEvent,
    organization_id: &str,
    webhooks: Vec<String>,
    touched: &mut Touched,
) -> rusqlite::Result<()> {
    let unusable = |error: serde_json::Error| rusqlite::Error::ToSqlConversionFailure(error.into());
    let body = Body {
        id: &event.id,
        r#type: &event.kind,
        created_at: to_rfc3339(event.at),
        organization_id,
        data: serde_json::from_str(&event.data).map_err(unusable)?,
    };
    let body = serde_json::to_string(&body).map_err(unusable)?;
    connection
        .prepare_cached(
            "INSERT INTO webhook_events (id, organization, type, created_at, body) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![event.id, event.organization, event.kind, event.at, body])?;
    for webhook in webhooks {
        webhook_deliveries::insert(connection, &webhook, &event.id, event.at)?;
        touched.add(Touch::Queue(webhook));
    }
    Ok(())
}

/// Whether there is an event before this id that nobody waits for and nobody can look at.
pub fn any_forgotten(reader: &Reader, before: &str) -> ReadResult<bool> {
    reader
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM webhook_events WHERE id < ?1
                 AND NOT EXISTS (SELECT 1 FROM webhook_deliveries WHERE event = id))",
        )?
        .query_row([before], |row| row.get(0))
}

/// Removes so many of them.
pub fn delete_forgotten(before: &str, limit: usize) -> Statement {
    Statement::new(
        "DELETE FROM webhook_events WHERE id IN (
             SELECT id FROM webhook_events WHERE id < ?1
                 AND NOT EXISTS (SELECT 1 FROM webhook_deliveries WHERE event = webhook_events.id) LIMIT ?2)",
        vec![Value::from(before.to_owned()), Value::from(limit as i64)],
    )
}

/// An organization that is gone and has events left, if there is any. One step in an index for each organization.
pub fn any_orphaned(reader: &Reader) -> ReadResult<Option<i64>> {
    reader
        .prepare_cached(
            "WITH RECURSIVE named (number) AS (
                 SELECT min(organization) FROM webhook_events
                 UNION ALL
                 SELECT (SELECT min(organization) FROM webhook_events WHERE organization > number)
                 FROM named WHERE number IS NOT NULL)
             SELECT number FROM named WHERE number IS NOT NULL
                 AND NOT EXISTS (SELECT 1 FROM organizations WHERE organizations.number = named.number) LIMIT 1",
        )?
        .query_row([], |row| row.get(0))
        .optional()
}

/// Removes so many events of an organization that is gone.
pub fn delete_orphaned(organization: i64, limit: usize) -> Statement {
    Statement::new(
        "DELETE FROM webhook_events WHERE id IN (
             SELECT id FROM webhook_events WHERE organization = ?1
                 AND NOT EXISTS (SELECT 1 FROM organizations WHERE number = ?1) LIMIT ?2)",
        vec![Value::from(organization), Value::from(limit as i64)],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_one_type_a_family_or_everything() {
        for (pattern, kind, covered) in [
            ("*", "api_key.created", true),
            ("api_key.*", "api_key.created", true),
            ("api_key.*", "api_keys.created", false),
            ("api_key.*", "api_key", false),
            ("order.*", "order.paid.late", true),
            ("api_key.created", "api_key.created", true),
            ("api_key.created", "api_key.created_again", false),
        ] {
            assert_eq!(covers(pattern, kind), covered, "{pattern} {kind}");
        }
    }
}
