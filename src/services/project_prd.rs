//! A project's PRD: Markdown, every version of which is kept, and none of which overwrites another unseen.

use bytes::Bytes;
use serde::Serialize;

use super::audit::PartyView;
use super::error::ServiceError;
use super::markdown::Node;
use super::pages::{Listed, Page};
use super::prd_trees::{Place, Tree};
use super::texts::require_markdown;
use super::versions::Expected;
use super::{Context, Services, projects as rules};
use crate::clock::to_rfc3339;
use crate::error_code::ErrorCode;
use crate::store::project_prd_versions::{self, PrdVersion};
use crate::store::{Refusal, StoreError, organization_texts, projects};

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

/// The same as it is answered: what stands before the nodes, the nodes, and what stands behind them. The nodes are shared
/// with everyone who is answered the same.
#[derive(Debug)]
pub struct PrdTree(pub [Bytes; 3]);

impl PrdTree {
    fn of(context: &Context, version: Option<PrdVersion>, tree: &Tree) -> Result<Self, ServiceError> {
        const NO_NODES: &str = "\"nodes\":[]";
        let PrdView { version, updated_at, updated_by, .. } = view(context, version.map(|head| (head, String::new())));
        let around = PrdNodes { version, updated_at, updated_by, nodes: Vec::new(), truncated: tree.truncated };
        let around = serde_json::to_string(&around).map_err(ServiceError::failed)?;
        let (before, after) = around.rsplit_once(NO_NODES).ok_or_else(ServiceError::internal)?;
        let before = format!("{before}\"nodes\":");
        Ok(PrdTree([before.into(), tree.nodes.clone(), after.to_owned().into()]))
    }
}

/// Which version is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The newest.
    Newest,
    /// This one.
    Version(String),
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

fn view(context: &Context, found: Option<(PrdVersion, String)>) -> PrdView {
    match found {
        None => PrdView { content: String::new(), version: 0, updated_at: None, updated_by: None },
        Some((version, content)) => PrdView {
            content,
            version: version.version,
            updated_at: Some(to_rfc3339(version.written_at)),
            updated_by: Some(PartyView::shown_to(context, version.written_by)),
        },
    }
}

fn no_such_version() -> ServiceError {
    ServiceError::new(ErrorCode::NotFound, "The PRD has no such version")
}

impl Wanted {
    /// Its number, `None` for the newest; 404 for what is no number.
    fn number(&self) -> Result<Option<i64>, ServiceError> {
        match self {
            Wanted::Newest => Ok(None),
            Wanted::Version(text) => text.parse().map(Some).map_err(|_| no_such_version()),
        }
    }
}

/// One version.
pub fn get(services: &Services, context: &Context, id: &str, wanted: &Wanted) -> Result<PrdView, ServiceError> {
    let project = rules::readable(services, context, id)?;
    let found = match wanted.number()? {
        None => services.store.read(|reader| project_prd_versions::newest(reader, &project.id))?,
        Some(number) => {
            let found = services.store.read(|reader| project_prd_versions::by_version(reader, &project.id, number))?;
            Some(found.ok_or_else(no_such_version)?)
        }
    };
    Ok(view(context, found))
}

/// The same as a tree, if it is kept: one of these that were made already.
pub fn kept_tree(
    services: &Services,
    context: &Context,
    id: &str,
    wanted: &Wanted,
) -> Result<Option<PrdTree>, ServiceError> {
    let (project, head) = head(services, context, id, wanted)?;
    let version = head.as_ref().map_or(0, |head| head.version);
    let kept = services.prd_trees.kept(&project, version);
    kept.map(|tree| PrdTree::of(context, head, &tree)).transpose()
}

/// The same as a tree, made at this place if it is not kept.
pub fn tree(
    services: &Services,
    context: &Context,
    id: &str,
    wanted: &Wanted,
    place: Place,
) -> Result<PrdTree, ServiceError> {
    let (project, head) = head(services, context, id, wanted)?;
    let version = head.as_ref().map_or(0, |head| head.version);
    let tree = services.prd_trees.tree(place, &project, version, || {
        let found = services.store.read(|reader| project_prd_versions::by_version(reader, &project, version))?;
        Tree::of(found.as_ref().map_or("", |(_, content)| content))
    })?;
    PrdTree::of(context, head, &tree)
}

/// The project's id, and the version without its content; none where nothing was written yet.
fn head(
    services: &Services,
    context: &Context,
    id: &str,
    wanted: &Wanted,
) -> Result<(String, Option<PrdVersion>), ServiceError> {
    let project = rules::readable(services, context, id)?;
    let number = wanted.number()?;
    let head = services.store.read(|reader| project_prd_versions::head(reader, &project.id, number))?;
    if number.is_some() && head.is_none() {
        return Err(no_such_version());
    }
    Ok((project.id, head))
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
        updated_by: PartyView::shown_to(context, version.written_by),
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
        return Ok(view(context, newest));
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
        .exactly_one(organization_texts::take(project.organization, next.bytes), Refusal::NoRoomForText)
        .exactly_one(projects::touch(&project, context.now), Refusal::NotFound)
        .audited(services.audit(context, rules::event(&project, "project.prd_updated", changes))?);
    services.store.commit(change).map_err(|error| match error {
        StoreError::Refused(Refusal::Outdated) => ErrorCode::VersionMismatch.into(),
        other => ServiceError::from(other),
    })?;
    Ok(view(context, Some((next, content))))
}
