//! The sessions that a user has: seen, ended, and switched to another organization.

use serde::Serialize;

use super::error::ServiceError;
use super::sessions::{self, Identity};
use super::{Context, Event, Services, device};
use crate::clock::to_rfc3339;
use crate::error_code::ErrorCode;
use crate::gate::lookup::SessionRecord;
use crate::store::audit_log::Party;
use crate::store::sessions::{Life, Session};
use crate::store::{Change, Refusal, memberships, sessions as table};

/// One session, as its owner sees it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OwnSession {
    /// `ses_…`
    pub id: String,
    /// Which browser on which system, as far as it told.
    pub device: String,
    /// Where it was opened from.
    pub ip: String,
    /// When it was opened.
    pub created_at: String,
    /// When it was last used, to the minute.
    pub last_seen_at: String,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// Greater than every session's id.
const AFTER_ALL: &str = "ses`";

/// The caller's living sessions, the newest first, from after the one of this id; and where the next page begins.
pub fn list(
    services: &Services,
    context: &Context,
    own: &SessionRecord,
    limit: usize,
    cursor: Option<&str>,
) -> Result<(Vec<OwnSession>, Option<String>), ServiceError> {
    let before = cursor.unwrap_or(AFTER_ALL);
    if !before.starts_with("ses") {
        return Err(ServiceError::field("cursor", "must be the nextCursor of an earlier answer"));
    }
    let life = Life::of(&services.config, context.now);
    let mut found = services.store.read(|reader| table::of_user(reader, &own.user, before, &life, limit + 1))?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = if more { found.last().map(|session| session.id.clone()) } else { None };
    Ok((found.into_iter().map(|session| shown(session, own)).collect(), next))
}

fn shown(session: Session, own: &SessionRecord) -> OwnSession {
    OwnSession {
        current: session.id == own.id,
        device: device::describe(&session.user_agent),
        id: session.id,
        ip: session.ip,
        created_at: to_rfc3339(session.created_at),
        last_seen_at: to_rfc3339(session.last_seen_at),
    }
}

/// Ends one of the caller's sessions; 404 for anybody else's.
pub fn end(services: &Services, context: &Context, own: &SessionRecord, id: &str) -> Result<(), ServiceError> {
    let target = Party { kind: String::from("session"), id: Some(id.to_owned()), name: own.name.clone() };
    let event = Event { action: "session.ended", organization: Some(own.organization.number), target, changes: None };
    let change = Change::new()
        .exactly_one(table::delete_own(&own.user, id), Refusal::NotFound)
        .audited(services.audit(context, event)?);
    Ok(services.store.commit(change)?)
}

/// Ends all of the caller's sessions but the one that asks.
pub fn end_others(services: &Services, context: &Context, own: &SessionRecord) -> Result<(), ServiceError> {
    let event = Event {
        action: "session.others_ended",
        organization: Some(own.organization.number),
        target: Party { kind: String::from("user"), id: Some(own.user.clone()), name: own.name.clone() },
        changes: None,
    };
    let change = Change::new().then(table::delete_others(&own.user, &own.id)).audited(services.audit(context, event)?);
    Ok(services.store.commit(change)?)
}

/// Makes another of the user's organizations the session's active one; 404 for one that they are no member of.
pub fn switch(
    services: &Services,
    context: &Context,
    own: &SessionRecord,
    organization: &str,
) -> Result<Identity, ServiceError> {
    let all = services.store.read(|reader| memberships::of_user(reader, &own.user))?;
    let wanted = all.into_iter().find(|membership| membership.organization_id == organization);
    let wanted = wanted.ok_or(ErrorCode::NotFound)?;
    let event = Event {
        action: "session.switched",
        organization: Some(wanted.organization_number),
        target: Party { kind: String::from("session"), id: Some(own.id.clone()), name: own.name.clone() },
        changes: Some(serde_json::json!({
            "organization": { "before": own.organization.id, "after": wanted.organization_id }
        })),
    };
    let change = Change::new()
        .exactly_one(table::switch(&own.id, wanted.organization_number), Refusal::NotFound)
        .audited(services.audit(context, event)?);
    services.store.commit(change)?;
    sessions::of_session(services, &own.user, wanted.organization_number, own.expires_at)
}
