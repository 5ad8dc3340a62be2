//! Where a project stands: changed with a note, and every change kept.

use serde::{Deserialize, Serialize};

use super::audit::PartyView;
use super::error::{Faults, ServiceError};
use super::pages::{Listed, Page};
use super::project_view::ProjectView;
use super::texts::parse_text;
use super::versions::Expected;
use super::{Context, Services, projects as rules};
use crate::clock::to_rfc3339;
use crate::error_code::ErrorCode;
use crate::store::Refusal;
use crate::store::project_status_history::{self, StatusChange};
use crate::store::projects::{self, ProjectStatus};

/// The most characters of a note.
const MAX_NOTE: usize = 500;

/// Another status.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusWish {
    /// `draft`, `active`, `paused`, `done` or `archived`.
    status: String,
    /// Up to 500 characters.
    note: Option<String>,
}

/// One change of a project's status.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct StatusChangeView {
    /// When.
    pub at: String,
    /// The status before; null where the project was made.
    pub from: Option<&'static str>,
    /// The status from then on.
    pub status: &'static str,
    /// What was said to it.
    pub note: Option<String>,
    /// Who did it.
    pub by: PartyView,
}

impl StatusChangeView {
    fn of(context: &Context, change: StatusChange) -> Self {
        StatusChangeView {
            at: to_rfc3339(change.at),
            from: change.before.map(ProjectStatus::as_str),
            status: change.status.as_str(),
            note: change.note,
            by: PartyView::shown_to(context, change.changed_by),
        }
    }
}

/// Reads a status that a body or a query names.
pub fn parse_status(text: &str) -> Result<ProjectStatus, String> {
    ProjectStatus::parse(text).ok_or_else(|| String::from("must be draft, active, paused, done or archived"))
}

/// Gives a project another status. `wish` is read once it is known that it is theirs to change. The status that it has is
/// no change; a note to none is refused, so that it is not lost.
pub fn change(
    services: &Services,
    context: &Context,
    id: &str,
    expected: &Expected,
    wish: impl FnOnce() -> Result<StatusWish, ServiceError>,
) -> Result<ProjectView, ServiceError> {
    let project = rules::writable(services, context, id)?;
    expected.check(project.version)?;
    let wish = wish()?;
    let mut faults = Faults::default();
    let status = faults.take("status", parse_status(&wish.status));
    let note = wish.note.as_deref().and_then(|note| faults.take("note", parse_text(note, MAX_NOTE)));
    let note = note.filter(|note| !note.trim().is_empty());
    faults.check()?;
    let status = status.ok_or_else(ServiceError::internal)?;
    if status == project.status {
        return match note {
            None => rules::get(services, context, id),
            Some(_) => Err(ServiceError::new(
                ErrorCode::Conflict,
                format!("The project is {} already; a note goes with a change of the status", status.as_str()),
            )),
        };
    }
    let mut changes = serde_json::json!({
        "status": { "before": project.status.as_str(), "after": status.as_str() },
    });
    if let Some(note) = &note {
        changes["note"] = serde_json::json!({ "after": note });
    }
    let before = Some(project.status);
    let entry = StatusChange { at: context.now, before, status, note, changed_by: context.party() };
    let event = rules::event(&project, "project.status_changed", changes);
    let held_to = expected.held_to(project.version);
    let change = rules::by_one_who_still_writes(context, &project)
        .exactly_one(projects::set_status(&project, held_to, status, context.now), Refusal::Outdated)
        .exactly_one(project_status_history::insert(&project, &entry), Refusal::NotFound)
        .audited(services.audit(context, event)?);
    services.store.commit(change).map_err(|error| expected.of_refusal(error))?;
    rules::get(services, context, id)
}

/// A page of the changes, the newest first; the last one says with which status the project was made.
pub fn history(
    services: &Services,
    context: &Context,
    id: &str,
    page: impl FnOnce() -> Result<Page, ServiceError>,
) -> Result<Listed<StatusChangeView>, ServiceError> {
    let project = rules::readable(services, context, id)?;
    let page = page()?;
    let rows =
        services.store.read(|reader| project_status_history::list(reader, &project.id, page.before, page.limit + 1))?;
    let cut = page.cut(rows);
    Ok(Listed {
        items: cut.items.into_iter().map(|change| StatusChangeView::of(context, change)).collect(),
        next: cut.next,
    })
}
