//! What happened to a project, in words: read from the audit log, where every event of a project has it for its target.

use serde::Serialize;

use super::audit::PartyView;
use super::error::ServiceError;
use super::pages::{Listed, Page};
use super::projects::{self, Access};
use super::{Context, Services};
use crate::clock::to_rfc3339;
use crate::store::audit_log::{self, AuditEntry, Filter};

/// One event.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ActivityView {
    /// `aud_…`
    pub id: String,
    /// When.
    pub at: String,
    /// Who did it.
    pub actor: PartyView,
    /// `project.verb_past`
    pub action: String,
    /// In a sentence: `Ada changed the status from draft to active`.
    pub summary: String,
    /// `{"field": {"before": …, "after": …}}`; null for who has a share's token, and about shares for who only reads.
    #[schema(value_type = Option<Object>)]
    pub changes: Option<serde_json::Value>,
}

impl ActivityView {
    /// As whoever asks may see it: shares are told of by name to those alone who can see their list, and a stranger with a
    /// share's token reads the sentences and no more.
    fn of(context: &Context, access: Access, entry: AuditEntry) -> Self {
        let changes: Option<serde_json::Value> =
            entry.changes.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let of_shares = entry.action.starts_with("project.share_");
        let changes = changes.filter(|_| access >= Access::Write || !of_shares);
        let actor = PartyView::shown_to(context, entry.actor);
        let name = match (actor.kind.as_str(), context.is_by_share()) {
            ("api_key", false) => format!("The key {}", actor.name),
            _ => actor.name.clone(),
        };
        ActivityView {
            summary: format!("{name} {}", Told(changes.as_ref()).of(&entry.action)),
            id: entry.id,
            at: to_rfc3339(entry.at),
            actor,
            action: entry.action,
            changes: changes.filter(|_| !context.is_by_share()),
        }
    }
}

/// A page of what happened, the newest first. As far back as the audit log is kept.
pub fn list(
    services: &Services,
    context: &Context,
    id: &str,
    page: impl FnOnce() -> Result<Page, ServiceError>,
) -> Result<Listed<ActivityView>, ServiceError> {
    let (project, access) = projects::find(services, context, id)?;
    let page = page()?;
    let filter = Filter {
        organization: project.organization,
        target: Some(project.id),
        before: page.before,
        ..Filter::default()
    };
    let rows = services.store.read(|reader| audit_log::list(reader, &filter, page.limit + 1))?;
    let cut = page.cut(rows);
    Ok(Listed {
        items: cut.items.into_iter().map(|entry| ActivityView::of(context, access, entry)).collect(),
        next: cut.next,
    })
}

/// The changes of an entry.
struct Told<'a>(Option<&'a serde_json::Value>);

impl Told<'_> {
    fn value(&self, place: &str) -> Option<&serde_json::Value> {
        self.0.and_then(|changes| changes.pointer(place))
    }

    fn text(&self, place: &str) -> &str {
        self.value(place).and_then(serde_json::Value::as_str).unwrap_or("?")
    }

    /// What was done, as a sentence goes on after who did it.
    fn of(&self, action: &str) -> String {
        match action {
            "project.created" => String::from(match self.value("/templateId") {
                Some(_) => "made the project from a template",
                None => "made the project",
            }),
            "project.updated" => self.updated(),
            "project.status_changed" => {
                let (before, after) = (self.text("/status/before"), self.text("/status/after"));
                let note = self.value("/note/after").and_then(serde_json::Value::as_str);
                let note = note.map(|note| format!(": {note}")).unwrap_or_default();
                format!("changed the status from {before} to {after}{note}")
            }
            "project.prd_updated" => {
                let version = self.value("/version/after").and_then(serde_json::Value::as_i64).unwrap_or_default();
                format!("wrote version {version} of the PRD")
            }
            "project.member_added" => {
                let can = if self.text("/access/after") == "write" { "read and write" } else { "read" };
                format!("shared the project with {}, who can {can}", self.text("/member/after/name"))
            }
            "project.member_changed" => {
                let (before, after) = (self.text("/access/before"), self.text("/access/after"));
                format!("changed the access of {} from {before} to {after}", self.text("/member/after/name"))
            }
            "project.member_removed" => format!("ended the access of {}", self.text("/member/before/name")),
            "project.share_created" => format!("made a share link{}", self.named("after")),
            "project.share_revoked" => format!("revoked a share link{}", self.named("before")),
            other => other.rsplit('.').next().unwrap_or(other).replace('_', " "),
        }
    }

    fn updated(&self) -> String {
        let mut parts = Vec::new();
        if self.value("/name").is_some() {
            parts.push(format!(
                "changed the name from “{}” to “{}”",
                self.text("/name/before"),
                self.text("/name/after")
            ));
        }
        if self.value("/description").is_some() {
            parts.push(String::from("changed the description"));
        }
        parts.join(" and ")
    }

    fn named(&self, when: &str) -> String {
        let name = self.value(&format!("/name/{when}")).and_then(serde_json::Value::as_str);
        name.map(|name| format!(" “{name}”")).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Told;

    #[test]
    fn every_event_has_its_sentence() {
        let member = json!({ "id": "usr_1", "name": "Max" });
        for (action, changes, expected) in [
            ("project.created", json!({ "name": { "after": "X" } }), "made the project"),
            ("project.created", json!({ "templateId": { "after": "tpl_1" } }), "made the project from a template"),
            (
                "project.updated",
                json!({ "name": { "before": "X", "after": "Y" }, "description": { "before": "", "after": "Z" } }),
                "changed the name from “X” to “Y” and changed the description",
            ),
            (
                "project.status_changed",
                json!({ "status": { "before": "draft", "after": "active" } }),
                "changed the status from draft to active",
            ),
            (
                "project.status_changed",
                json!({ "status": { "before": "draft", "after": "active" }, "note": { "after": "At last" } }),
                "changed the status from draft to active: At last",
            ),
            ("project.prd_updated", json!({ "version": { "before": 2, "after": 3 } }), "wrote version 3 of the PRD"),
            (
                "project.member_added",
                json!({ "member": { "after": member }, "access": { "after": "read" } }),
                "shared the project with Max, who can read",
            ),
            (
                "project.member_changed",
                json!({ "member": { "after": member }, "access": { "before": "read", "after": "write" } }),
                "changed the access of Max from read to write",
            ),
            (
                "project.member_removed",
                json!({ "member": { "before": member }, "access": { "before": "read" } }),
                "ended the access of Max",
            ),
            ("project.share_created", json!({ "name": { "after": "Board" } }), "made a share link “Board”"),
            ("project.share_created", json!({}), "made a share link"),
            ("project.share_revoked", json!({ "name": { "before": "Board" } }), "revoked a share link “Board”"),
            ("project.something_new", json!({}), "something new"),
        ] {
            assert_eq!(Told(Some(&changes)).of(action), expected);
        }
    }
}
