//! A project's PRD: Markdown, every version of which is kept, and none of which overwrites another unseen.

use serde::Serialize;

use super::audit::PartyView;
use super::error::ServiceError;
use super::markdown::{self, Node};
use super::pages::{Listed, Page};
use super::texts::require_markdown;
use super::versions::Expected;
use super::{Context, Services, projects as rules};
use crate::clock::to_rfc3339;
use crate::error_code::ErrorCode;
use crate::store::project_prd_versions::{self, PrdVersion};
use crate::store::{Refusal, StoreError, projects};

/// A PRD, or one version of it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrdView {
    /// Markdown, up to 1 MB; empty where nothing was written yet.
    pub content: String,
    /// 0 where nothing was written yet.
    pub version: i64,
    /// When this version was written.
    pub updated_at: Option<String>,
    /// By whom.
    pub updated_by: Option<PartyView>,
}

/// A PRD, or one version of it, as a tree (`application/vnd.claviger.nodes+json`).
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrdNodes {
    /// 0 where nothing was written yet.
    pub version: i64,
    /// When this version was written.
    pub updated_at: Option<String>,
    /// By whom.
    pub updated_by: Option<PartyView>,
    /// The blocks.
    pub nodes: Vec<Node>,
    /// Whether the last of them is the rest of a text with too many nodes, as it was written.
    pub truncated: bool,
}

impl From<PrdView> for PrdNodes {
    fn from(view: PrdView) -> Self {
        let tree = markdown::parse(&view.content);
        PrdNodes {
            version: view.version,
            updated_at: view.updated_at,
            updated_by: view.updated_by,
            nodes: tree.nodes,
            truncated: tree.truncated,
        }
    }
}

/// A version in the list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrdVersionView {
    /// From 1 on.
    pub version: i64,
    /// The length of the content.
    pub bytes: i64,
    /// When it was written.
    pub updated_at: String,
    /// By whom.
    pub updated_by: PartyView,
}

fn view(found: Option<(PrdVersion, String)>) -> PrdView {
    match found {
        None => PrdView { content: String::new(), version: 0, updated_at: None, updated_by: None },
        Some((version, content)) => PrdView {
            content,
            version: version.version,
            updated_at: Some(to_rfc3339(version.written_at)),
            updated_by: Some(version.written_by.into()),
        },
    }
}

/// The newest version.
pub fn get(services: &Services, context: &Context, id: &str) -> Result<PrdView, ServiceError> {
    let project = rules::readable(services, context, id)?;
    Ok(view(services.store.read(|reader| project_prd_versions::newest(reader, &project.id))?))
}

/// One version.
pub fn get_version(services: &Services, context: &Context, id: &str, version: &str) -> Result<PrdView, ServiceError> {
    let project = rules::readable(services, context, id)?;
    let number = version.parse::<i64>().ok();
    let found = match number {
        Some(number) => services.store.read(|reader| project_prd_versions::by_version(reader, &project.id, number))?,
        None => None,
    };
    match found {
        Some(found) => Ok(view(Some(found))),
        None => Err(ServiceError::new(ErrorCode::NotFound, "The PRD has no such version")),
    }
}

/// A page of the versions, the newest first.
pub fn versions(
    services: &Services,
    context: &Context,
    id: &str,
    page: impl FnOnce() -> Result<Page, ServiceError>,
) -> Result<Listed<PrdVersionView>, ServiceError> {
    let project = rules::readable(services, context, id)?;
    let page = page()?;
    let rows =
        services.store.read(|reader| project_prd_versions::list(reader, &project.id, page.before, page.limit + 1))?;
    let cut = page.cut(rows);
    let view = |version: PrdVersion| PrdVersionView {
        version: version.version,
        bytes: version.bytes,
        updated_at: to_rfc3339(version.written_at),
        updated_by: version.written_by.into(),
    };
    Ok(Listed { items: cut.items.into_iter().map(view).collect(), next: cut.next })
}

/// Writes the next version, if the newest is one that the caller names. `content` is read once it is known that it is
/// theirs to change. The same text again is no version.
pub fn put(
    services: &Services,
    context: &Context,
    id: &str,
    expected: &Expected,
    content: impl FnOnce() -> Result<String, ServiceError>,
) -> Result<PrdView, ServiceError> {
    let project = rules::writable(services, context, id)?;
    let newest = services.store.read(|reader| project_prd_versions::newest(reader, &project.id))?;
    let (before, bytes) = newest.as_ref().map_or((0, 0), |(version, _)| (version.version, version.bytes));
    expected.demand(before)?;
    let content = content()?;
    require_markdown("content", &content)?;
    if newest.as_ref().map_or("", |(_, content)| content.as_str()) == content {
        return Ok(view(newest));
    }
    let next = PrdVersion {
        version: before + 1,
        bytes: content.len() as i64,
        written_at: context.now,
        written_by: context.party(),
    };
    let changes = serde_json::json!({
        "version": { "before": before, "after": next.version },
        "bytes": { "before": bytes, "after": next.bytes },
    });
    let change = rules::by_one_who_still_writes(context, &project)
        .exactly_one(project_prd_versions::insert_next(&project, &next, &content), Refusal::Outdated)
        .exactly_one(projects::touch(&project, context.now), Refusal::NotFound)
        .audited(services.audit(context, rules::event(&project, "project.prd_updated", changes))?);
    services.store.commit(change).map_err(|error| match error {
        StoreError::Refused(Refusal::Outdated) => ErrorCode::VersionMismatch.into(),
        other => ServiceError::from(other),
    })?;
    Ok(view(Some((next, content))))
}
