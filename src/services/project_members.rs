//! With whom a project is shared. Whoever may change it may share it; one may leave what others shared.

use super::error::ServiceError;
use super::project_view::ProjectView;
use super::versions::Expected;
use super::{Context, Services, projects as rules};
use crate::error_code::ErrorCode;
use crate::role::Role;
use crate::store::memberships::{self, Member};
use crate::store::project_members::{self, MemberAccess};
use crate::store::projects::{self, Project};
use crate::store::{Change, Refusal};

fn no_such_member() -> ServiceError {
    ServiceError::new(ErrorCode::NotFound, "There is no such member")
}

fn find(services: &Services, project: &Project, user: &str) -> Result<(Member, Option<MemberAccess>), ServiceError> {
    let found = services.store.read(|reader| {
        let member = memberships::member(reader, project.organization, user)?;
        Ok(member.zip(Some(project_members::access_of(reader, &project.id, user)?)))
    })?;
    found.ok_or_else(no_such_member)
}

/// Who it is, and what became of what they may do.
fn changes((id, name): (&str, &str), before: Option<MemberAccess>, after: Option<MemberAccess>) -> serde_json::Value {
    let mut access = serde_json::Map::new();
    for (when, access_then) in [("before", before), ("after", after)] {
        if let Some(then) = access_then {
            access.insert(when.to_owned(), then.as_str().into());
        }
    }
    let who = if after.is_some() { "after" } else { "before" };
    serde_json::json!({ "member": { who: { "id": id, "name": name } }, "access": access })
}

/// Shares a project with a member of the organization, or changes what they may do. `access` is read once it is known that
/// it can be shared.
pub fn put(
    services: &Services,
    context: &Context,
    id: &str,
    user: &str,
    expected: &Expected,
    access: impl FnOnce() -> Result<String, ServiceError>,
) -> Result<ProjectView, ServiceError> {
    let project = rules::writable(services, context, id)?;
    let (member, before) = find(services, &project, user)?;
    expected.check(project.version)?;
    if project.owner.as_deref() == Some(user) {
        return Err(ServiceError::new(ErrorCode::Conflict, format!("{} owns the project", member.name)));
    }
    let access = MemberAccess::parse(&access()?);
    let access = access.ok_or_else(|| ServiceError::field("access", "must be read or write"))?;
    if member.role == Role::Viewer && access != MemberAccess::Read {
        return Err(ServiceError::field("access", format!("can be read only: {} is a viewer", member.name)));
    }
    if before != Some(access) {
        let (action, statement) = match before {
            None => ("project.member_added", project_members::insert(&project, user, access, context.now)),
            Some(before) => ("project.member_changed", project_members::set_access(&project, user, before, access)),
        };
        let event = rules::event(&project, action, changes((user, &member.name), before, Some(access)));
        let counted = projects::count_change(&project, expected.held_to(project.version), context.now);
        let change = rules::by_one_who_still_writes(context, &project)
            .exactly_one(statement, Refusal::Outdated)
            .exactly_one(counted, expected.refusal())
            .audited(services.audit(context, event)?);
        let result = services.store.commit(change);
        rules::forget_shares_of(services, &project.id);
        result.map_err(|error| expected.of_refusal(error))?;
    }
    rules::get(services, context, id)
}

/// Ends what was shared with somebody. One may end one's own.
pub fn delete(
    services: &Services,
    context: &Context,
    id: &str,
    user: &str,
    expected: &Expected,
) -> Result<(), ServiceError> {
    let own = context.user() == Some(user);
    let project = match own {
        true => rules::readable(services, context, id)?,
        false => rules::writable(services, context, id)?,
    };
    let (member, before) = find(services, &project, user)?;
    let before = before.ok_or_else(no_such_member)?;
    expected.check(project.version)?;
    let event = rules::event(&project, "project.member_removed", changes((user, &member.name), Some(before), None));
    let begun = match own {
        true => super::members::by_one_who_still_may(Change::new(), context, project.organization),
        false => rules::by_one_who_still_writes(context, &project),
    };
    let counted = projects::count_change(&project, expected.held_to(project.version), context.now);
    let change = begun
        .exactly_one(project_members::delete(&project, user, before), Refusal::Outdated)
        .exactly_one(counted, expected.refusal())
        .audited(services.audit(context, event)?);
    let result = services.store.commit(change);
    rules::forget_shares_of(services, &project.id);
    result.map_err(|error| expected.of_refusal(error))
}

/// Adds that somebody who leaves the organization leaves each project of it that was shared with them. To come before their
/// membership goes.
pub fn leave_all(
    services: &Services,
    context: &Context,
    mut change: Change,
    organization: i64,
    (user, name): (&str, &str),
) -> Result<Change, ServiceError> {
    let shared = services.store.read(|reader| project_members::of_user(reader, organization, user))?;
    for (project, access) in shared {
        let event = rules::event(&project, "project.member_removed", changes((user, name), Some(access), None));
        change = change
            .exactly_one(project_members::delete(&project, user, access), Refusal::Outdated)
            .exactly_one(projects::count_change(&project, None, context.now), Refusal::Outdated)
            .audited(services.audit(context, event)?);
    }
    Ok(change.exactly_one(project_members::require_none(organization, user), Refusal::Outdated))
}
