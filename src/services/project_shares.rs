//! Shares of projects: links by which somebody without an account reads one project. Whoever may change the project
//! makes, sees and revokes them.

use super::error::ServiceError;
use super::pages::{Listed, Page};
use super::share_settings::{self, ProjectShareWishes};
use super::shares::{self, Made, Prepared, ShareView};
use super::{Context, Services, projects};
use crate::store::Refusal;
use crate::store::shares::{self as table, Shared};

/// Makes one. `wishes` are read once it is known that the project is the caller's to share.
pub fn create(
    services: &Services,
    context: &Context,
    project: &str,
    wishes: impl FnOnce() -> Result<ProjectShareWishes, ServiceError>,
) -> Result<Made<ShareView>, ServiceError> {
    let project = projects::writable(services, context, project)?;
    shares::require_unbound(context)?;
    let settings = share_settings::for_a_project(wishes()?, context.now)?;
    let shared = Shared::Project(project.id.clone());
    let Prepared { share, token, insert } = shares::prepare(services, context, settings, shared)?;
    let mut changes = shares::created(&share);
    changes.insert(String::from("share"), serde_json::json!({ "after": share.id }));
    let event = projects::event(&project, "project.share_created", changes.into());
    let change = projects::by_one_who_still_writes(context, &project)
        .exactly_one(insert, Refusal::NotAllowed)
        .audited(services.audit(context, event)?);
    services.store.commit(change)?;
    let view = shares::views(services, context, vec![share])?.pop().ok_or_else(ServiceError::internal)?;
    Ok(Made { view, token })
}

/// A page of a project's shares, the newest first. `page` is read once it is known that they are the caller's to see.
pub fn list(
    services: &Services,
    context: &Context,
    project: &str,
    page: impl FnOnce() -> Result<Page, ServiceError>,
) -> Result<Listed<ShareView>, ServiceError> {
    let project = projects::writable(services, context, project)?;
    let page = page()?;
    let rows = services.store.read(|reader| table::of_project(reader, &project.id, page.before, page.limit + 1))?;
    let cut = page.cut(rows.into_iter().map(|share| (share.number, share)).collect());
    Ok(Listed { items: shares::views(services, context, cut.items)?, next: cut.next })
}

/// Revokes one.
pub fn revoke(services: &Services, context: &Context, project: &str, id: &str) -> Result<(), ServiceError> {
    let project = projects::writable(services, context, project)?;
    let share = services.store.read(|reader| table::by_id(reader, project.organization, id))?;
    let of_it = share.filter(|share| share.shared == Shared::Project(project.id.clone()));
    let share = of_it.ok_or_else(shares::not_found)?;
    let mut changes = serde_json::json!({ "share": { "before": share.id } });
    if let Some(name) = &share.name {
        changes["name"] = serde_json::json!({ "before": name });
    }
    let event = projects::event(&project, "project.share_revoked", changes);
    let change = projects::by_one_who_still_writes(context, &project)
        .exactly_one(table::revoke(&share, context.now), Refusal::NotFound)
        .audited(services.audit(context, event)?);
    shares::commit_revocation(services, &share, change)
}
