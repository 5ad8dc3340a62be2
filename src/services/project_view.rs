//! A project as everyone sees it who may.

use serde::Serialize;

use super::error::ServiceError;
use super::key_view::Owner;
use super::projects::{self, Access};
use super::{Context, Services};
use crate::clock::to_rfc3339;
use crate::role::Role;
use crate::store::project_members::{self, ProjectMember};
use crate::store::projects::Project;
use crate::store::{organizations, users};

/// Somebody with whom a project is shared.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ProjectMemberView {
    /// `usr_…`
    pub id: String,
    /// Their name.
    pub name: String,
    /// `read` or `write`; a viewer reads, whatever was given to them before.
    pub access: &'static str,
}

impl From<ProjectMember> for ProjectMemberView {
    fn from(member: ProjectMember) -> Self {
        let access = if member.role == Role::Viewer { "read" } else { member.access.as_str() };
        ProjectMemberView { id: member.user, name: member.name, access }
    }
}

/// The object of the API.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProjectView {
    /// `prj_…`
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Up to 2,000 characters.
    pub description: String,
    /// `draft`, `active`, `paused`, `done` or `archived`.
    pub status: &'static str,
    /// Who made it. What a key of the organization's own made belongs to the organization.
    pub owner: Owner,
    /// With whom it is shared, the first first.
    pub members: Vec<ProjectMemberView>,
    /// What the caller may do with it: `read`, `write` (change and share it), or `full` (delete it too).
    pub access: &'static str,
    /// Counts the changes of name, description, status and members; the PRD has a version of its own.
    pub version: i64,
    /// When it was made.
    pub created_at: String,
    /// The last change of any kind, the PRD's too.
    pub updated_at: String,
}

/// The views of projects of one organization, for whoever asks.
pub fn of(services: &Services, context: &Context, projects: Vec<Project>) -> Result<Vec<ProjectView>, ServiceError> {
    services
        .store
        .read(|reader| {
            let mut views = Vec::with_capacity(projects.len());
            for project in projects {
                let members = project_members::of_project(reader, &project.id)?;
                let owner = match &project.owner {
                    Some(id) => {
                        let name = users::name_of(reader, id)?.unwrap_or_else(|| project.owner_name.clone());
                        Owner { kind: "user", id: id.clone(), name }
                    }
                    None => {
                        let organization = organizations::by_number(reader, project.organization)?;
                        let (id, name) = organization.map(|found| (found.id, found.name)).unwrap_or_default();
                        Owner { kind: "organization", id, name }
                    }
                };
                let shared = context.user().and_then(|user| members.iter().find(|member| member.user == user));
                let access = projects::access(context, &project, shared.map(|member| member.access));
                views.push(view(project, owner, members, access));
            }
            Ok(views)
        })
        .map_err(ServiceError::from)
}

/// The view of one project.
pub fn of_one(services: &Services, context: &Context, project: Project) -> Result<ProjectView, ServiceError> {
    of(services, context, vec![project])?.pop().ok_or_else(ServiceError::internal)
}

fn view(project: Project, owner: Owner, members: Vec<ProjectMember>, access: Option<Access>) -> ProjectView {
    ProjectView {
        id: project.id,
        name: project.name,
        description: project.description,
        status: project.status.as_str(),
        owner,
        members: members.into_iter().map(ProjectMemberView::from).collect(),
        access: access.unwrap_or(Access::Read).as_str(),
        version: project.version,
        created_at: to_rfc3339(project.created_at),
        updated_at: to_rfc3339(project.updated_at),
    }
}
