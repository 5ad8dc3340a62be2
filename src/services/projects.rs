//! Projects: who sees and changes which, and what is made, changed and deleted of them.
//!
//! Owners and admins of the organization see and change all. Whoever else: what they made, and what is shared with them;
//! a viewer reads it and no more, even where they once could write. A key does what its owner may, as far as its own role
//! goes; a key that the organization owns has for its own what such keys made, which belongs to the organization. What
//! was made by somebody who left stays, for the admins; should they come back, it is theirs again. A share token reads the
//! one project that it is of.

use serde::Deserialize;

use super::error::{Faults, ServiceError};
use super::members::by_one_who_still_may;
use super::people::parse_name;
use super::project_view::{self, ProjectView};
use super::text_pages::{TextListed, TextPage};
use super::texts::{MAX_DESCRIPTION, parse_text};
use super::versions::Expected;
use super::{Actor, Context, Event, Services};
use crate::error_code::ErrorCode;
use crate::gate::decide::Credential;
use crate::role::Role;
use crate::store::audit_log::Party;
use crate::store::project_members::{self, MemberAccess};
use crate::store::project_status_history::{self, StatusChange};
use crate::store::projects::{self, Filter, Project, ProjectStatus, Whose};
use crate::store::{Change, Refusal, StoreError, organization_texts, project_prd_versions, shares, users};

/// What somebody may do with a project. The order of the variants is that of the powers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// See it and all of it.
    Read,
    /// Change it, and share it.
    Write,
    /// Delete it too.
    Full,
}

impl Access {
    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Access::Read => "read",
            Access::Write => "write",
            Access::Full => "full",
        }
    }
}

/// What to make.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewProject {
    /// 1–100 characters.
    name: String,
    /// Up to 2,000 characters.
    description: Option<String>,
    /// `tpl_…`: its text becomes the first version of the PRD.
    template_id: Option<String>,
}

/// What to change.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectWishes {
    /// 1–100 characters.
    name: Option<String>,
    /// Up to 2,000 characters.
    description: Option<String>,
}

/// What the caller may do with a project of their organization; `None` = it is not there for them. `shared` is what was
/// shared with the user behind the call.
pub fn access(context: &Context, project: &Project, shared: Option<MemberAccess>) -> Option<Access> {
    let role = context.role();
    if role >= Role::Admin {
        return Some(Access::Full);
    }
    let own = match &context.actor {
        Actor::Credential(Credential::Session(session)) => project.owner.as_ref() == Some(&session.user),
        Actor::Credential(Credential::Key(key)) => project.owner == key.owner,
        Actor::Credential(Credential::Share(share)) => {
            return (share.record.project() == Some(project.id.as_str())).then_some(Access::Read);
        }
        _ => return None,
    };
    let granted = match (own, shared) {
        (true, _) => Access::Full,
        (false, Some(MemberAccess::Write)) => Access::Write,
        (false, Some(MemberAccess::Read)) => Access::Read,
        (false, None) => return None,
    };
    Some(if role >= Role::Member { granted } else { Access::Read })
}

/// The project of this id and what the caller may do with it, if they may read it; 404 otherwise.
pub fn find(services: &Services, context: &Context, id: &str) -> Result<(Project, Access), ServiceError> {
    let organization = context.organization()?;
    let found = services.store.read(|reader| {
        let Some(project) = projects::by_id(reader, organization, id)? else { return Ok(None) };
        let shared = match context.user() {
            Some(user) => project_members::access_of(reader, id, user)?,
            None => None,
        };
        Ok(Some((project, shared)))
    })?;
    found
        .and_then(|(project, shared)| access(context, &project, shared).map(|access| (project, access)))
        .ok_or_else(|| ServiceError::new(ErrorCode::NotFound, "There is no such project"))
}

/// The project of this id, if the caller may read it; 404 otherwise.
pub fn readable(services: &Services, context: &Context, id: &str) -> Result<Project, ServiceError> {
    Ok(find(services, context, id)?.0)
}

/// The same, if they may change and share it; 403 where they may only read it.
pub fn writable(services: &Services, context: &Context, id: &str) -> Result<Project, ServiceError> {
    match find(services, context, id)? {
        (_, Access::Read) => {
            Err(ServiceError::new(ErrorCode::InsufficientRole, "You may read this project, but not change it"))
        }
        (project, _) => Ok(project),
    }
}

/// Begins a change of a project: it stands only if the caller may still write to it when it is done.
pub fn by_one_who_still_writes(context: &Context, project: &Project) -> Change {
    let writer = context.user().filter(|_| context.role() < Role::Admin);
    by_one_who_still_may(Change::new(), context, project.organization)
        .exactly_one(projects::require_writer(project, writer), Refusal::NotAllowed)
}

/// Who may do what with a project has changed, and so, what its shares stand on: every cache forgets them.
pub fn forget_shares_of(services: &Services, project: &str) {
    services.gate.evict_shares(|record| record.project() == Some(project));
}

/// A project, as the audit log names it. All that happens to it has it for its target; so its activity is found.
pub fn party(project: &Project) -> Party {
    Party { kind: String::from("project"), id: Some(project.id.clone()), name: project.name.clone() }
}

/// An event of a project.
pub fn event<'a>(project: &Project, action: &'a str, changes: serde_json::Value) -> Event<'a> {
    Event {
        action,
        organization: Some(project.organization),
        target: party(project),
        changes: (!changes.is_null()).then_some(changes),
    }
}

/// A page of the projects that the caller may see, the newest first.
pub fn list(
    services: &Services,
    context: &Context,
    filter: Filter,
    page: &TextPage,
) -> Result<TextListed<ProjectView>, ServiceError> {
    let whose = match (&context.actor, context.user()) {
        _ if context.role() >= Role::Admin => Whose::All,
        (Actor::Credential(Credential::Session(_) | Credential::Key(_)), Some(user)) => Whose::User(user.to_owned()),
        (Actor::Credential(Credential::Key(_)), None) => Whose::Organization,
        _ => Whose::Nobody,
    };
    let filter = Filter {
        organization: context.organization()?,
        whose,
        before: page.after_id("prj")?.map(str::to_owned),
        ..filter
    };
    let rows = services.store.read(|reader| projects::list(reader, &filter, page.limit + 1))?;
    let cut = page.cut(rows, |project| project.id.clone());
    Ok(TextListed { items: project_view::of(services, context, cut.items)?, next: cut.next })
}

/// One project.
pub fn get(services: &Services, context: &Context, id: &str) -> Result<ProjectView, ServiceError> {
    let project = readable(services, context, id)?;
    project_view::of_one(services, context, project)
}

/// Makes one, a draft, of the caller's own.
pub fn create(services: &Services, context: &Context, wishes: NewProject) -> Result<ProjectView, ServiceError> {
    let organization = context.organization()?;
    let mut faults = Faults::default();
    let name = faults.take("name", parse_name(&wishes.name));
    let description = wishes.description.as_deref().unwrap_or("");
    let description = faults.take("description", parse_text(description, MAX_DESCRIPTION));
    faults.check()?;
    let (name, description) = name.zip(description).ok_or_else(ServiceError::internal)?;
    let owner = context.user().map(str::to_owned);
    let owner_name = match &owner {
        Some(id) => services.store.read(|reader| users::name_of(reader, id))?.unwrap_or_default(),
        None => String::new(),
    };
    let project = Project {
        id: services.id("prj", context.now)?,
        organization,
        name,
        description,
        status: ProjectStatus::Draft,
        owner,
        owner_name,
        version: 1,
        created_at: context.now,
        updated_at: context.now,
    };
    let begun =
        StatusChange { at: context.now, before: None, status: project.status, note: None, changed_by: context.party() };
    let mut change = by_one_who_still_may(Change::new(), context, organization)
        .then(projects::insert(&project))
        .then(project_status_history::insert(&project, &begun));
    let mut changes = serde_json::json!({ "name": { "after": project.name } });
    if let Some(template) = &wishes.template_id {
        let copy = project_prd_versions::insert_from_template(&project, template, &context.party());
        change = change
            .exactly_one(copy, Refusal::NotFound)
            .exactly_one(organization_texts::take_for_template(organization, template), Refusal::NoRoomForText);
        changes["templateId"] = serde_json::json!({ "after": template });
    }
    let change = change.audited(services.audit(context, event(&project, "project.created", changes))?);
    services.store.commit(change).map_err(|error| match error {
        StoreError::Refused(Refusal::NotFound) => ServiceError::field("templateId", "is no template's id"),
        other => other.into(),
    })?;
    project_view::of_one(services, context, project)
}

/// Gives one another name or description. `wishes` are read once it is known that it is theirs to change.
pub fn change(
    services: &Services,
    context: &Context,
    id: &str,
    expected: &Expected,
    wishes: impl FnOnce() -> Result<ProjectWishes, ServiceError>,
) -> Result<ProjectView, ServiceError> {
    let before = writable(services, context, id)?;
    expected.check(before.version)?;
    let wishes = wishes()?;
    let mut faults = Faults::default();
    let name = wishes.name.as_deref().and_then(|name| faults.take("name", parse_name(name)));
    let description = wishes.description.as_deref();
    let description = description.and_then(|text| faults.take("description", parse_text(text, MAX_DESCRIPTION)));
    faults.check()?;
    let after = Project {
        name: name.unwrap_or_else(|| before.name.clone()),
        description: description.unwrap_or_else(|| before.description.clone()),
        updated_at: context.now,
        ..before.clone()
    };
    let mut changes = serde_json::Map::new();
    for (field, before, after) in
        [("name", &before.name, &after.name), ("description", &before.description, &after.description)]
    {
        if before != after {
            changes.insert(field.to_owned(), serde_json::json!({ "before": before, "after": after }));
        }
    }
    if !changes.is_empty() {
        let event = event(&after, "project.updated", changes.into());
        let change = by_one_who_still_writes(context, &before)
            .exactly_one(projects::update(&before, &after), Refusal::Outdated)
            .audited(services.audit(context, event)?);
        services.store.commit(change).map_err(|error| expected.of_refusal(error))?;
    }
    get(services, context, id)
}

/// Deletes one with its PRD, its history and whatever lets others read it. The audit log keeps what it has.
pub fn delete(services: &Services, context: &Context, id: &str, expected: &Expected) -> Result<(), ServiceError> {
    let (project, access) = find(services, context, id)?;
    if access < Access::Full {
        return Err(ServiceError::new(
            ErrorCode::InsufficientRole,
            "Only its owner and the organization's admins may delete a project",
        ));
    }
    expected.check(project.version)?;
    let changes = serde_json::json!({ "name": { "before": project.name } });
    let change = by_one_who_still_may(Change::new(), context, project.organization)
        .then(organization_texts::give_back_project(project.organization, &project.id))
        .exactly_one(projects::delete(&project, expected.held_to(project.version)), expected.refusal())
        .then(shares::revoke_of_project(&project.id, context.now))
        .audited(services.audit(context, event(&project, "project.deleted", changes))?);
    let result = services.store.commit(change);
    forget_shares_of(services, &project.id);
    services.prd_trees.forget(&project.id);
    result.map_err(|error| expected.of_refusal(error))
}
