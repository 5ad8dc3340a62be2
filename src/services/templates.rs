//! Templates: PRDs to begin with. Everyone in the organization reads them; its admins write them.

use serde::{Deserialize, Serialize};

use super::error::{Faults, ServiceError};
use super::members::by_one_who_still_may;
use super::people::parse_name;
use super::text_pages::{TextListed, TextPage};
use super::texts::{MAX_DESCRIPTION, parse_text, require_markdown};
use super::versions::Expected;
use super::{Context, Event, Services};
use crate::clock::to_rfc3339;
use crate::error_code::ErrorCode;
use crate::store::audit_log::Party;
use crate::store::templates::{self, Template};
use crate::store::{Change, Refusal, organization_texts};

/// A template in the list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TemplateView {
    /// `tpl_…`
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Up to 2,000 characters.
    pub description: String,
    /// The length of its PRD.
    pub bytes: i64,
    /// Counts its changes.
    pub version: i64,
    /// When it was made.
    pub created_at: String,
    /// When it was changed last.
    pub updated_at: String,
}

/// A template with its PRD.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct TemplateDetail {
    /// The template.
    #[serde(flatten)]
    pub template: TemplateView,
    /// Markdown, up to 1 MB.
    pub prd: String,
}

/// What to make.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTemplate {
    /// 1–100 characters.
    name: String,
    /// Up to 2,000 characters.
    description: Option<String>,
    /// Markdown, up to 1 MB.
    prd: String,
}

/// What to change.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateWishes {
    /// 1–100 characters.
    name: Option<String>,
    /// Up to 2,000 characters.
    description: Option<String>,
    /// Markdown, up to 1 MB.
    prd: Option<String>,
}

impl From<Template> for TemplateView {
    fn from(template: Template) -> Self {
        TemplateView {
            id: template.id,
            name: template.name,
            description: template.description,
            bytes: template.bytes,
            version: template.version,
            created_at: to_rfc3339(template.created_at),
            updated_at: to_rfc3339(template.updated_at),
        }
    }
}

fn party(template: &Template) -> Party {
    Party { kind: String::from("template"), id: Some(template.id.clone()), name: template.name.clone() }
}

fn event<'a>(template: &Template, action: &'a str, changes: serde_json::Value) -> Event<'a> {
    Event { action, organization: Some(template.organization), target: party(template), changes: Some(changes) }
}

fn find(services: &Services, context: &Context, id: &str) -> Result<(Template, String), ServiceError> {
    let organization = context.organization()?;
    let found = services.store.read(|reader| templates::by_id(reader, organization, id))?;
    found.ok_or_else(|| ServiceError::new(ErrorCode::NotFound, "There is no such template"))
}

/// A page of them, the newest first, without their PRDs.
pub fn list(services: &Services, context: &Context, page: &TextPage) -> Result<TextListed<TemplateView>, ServiceError> {
    let organization = context.organization()?;
    let after = page.after_id("tpl")?;
    let rows = services.store.read(|reader| templates::list(reader, organization, after, page.limit + 1))?;
    let cut = page.cut(rows, |template| template.id.clone());
    Ok(TextListed { items: cut.items.into_iter().map(TemplateView::from).collect(), next: cut.next })
}

/// One template.
pub fn get(services: &Services, context: &Context, id: &str) -> Result<TemplateDetail, ServiceError> {
    let (template, prd) = find(services, context, id)?;
    Ok(TemplateDetail { template: template.into(), prd })
}

/// Makes one.
pub fn create(services: &Services, context: &Context, wishes: NewTemplate) -> Result<TemplateDetail, ServiceError> {
    let organization = context.organization()?;
    let mut faults = Faults::default();
    let name = faults.take("name", parse_name(&wishes.name));
    let description = wishes.description.as_deref().unwrap_or("");
    let description = faults.take("description", parse_text(description, MAX_DESCRIPTION));
    faults.check()?;
    require_markdown("prd", &wishes.prd)?;
    let (name, description) = name.zip(description).ok_or_else(ServiceError::internal)?;
    let template = Template {
        id: services.id("tpl", context.now)?,
        organization,
        name,
        description,
        version: 1,
        created_at: context.now,
        updated_at: context.now,
        bytes: wishes.prd.len() as i64,
    };
    let changes = serde_json::json!({ "name": { "after": template.name }, "bytes": { "after": template.bytes } });
    let change = by_one_who_still_may(Change::new(), context, organization)
        .exactly_one(organization_texts::take(organization, template.bytes), Refusal::NoRoomForText)
        .then(templates::insert(&template, &wishes.prd))
        .audited(services.audit(context, event(&template, "template.created", changes))?);
    services.store.commit(change)?;
    Ok(TemplateDetail { template: template.into(), prd: wishes.prd })
}

/// Changes one. Projects that were made from it keep what they have.
pub fn change(
    services: &Services,
    context: &Context,
    id: &str,
    expected: &Expected,
    wishes: impl FnOnce() -> Result<TemplateWishes, ServiceError>,
) -> Result<TemplateDetail, ServiceError> {
    let (before, old_prd) = find(services, context, id)?;
    expected.check(before.version)?;
    let wishes = wishes()?;
    let mut faults = Faults::default();
    let name = wishes.name.as_deref().and_then(|name| faults.take("name", parse_name(name)));
    let description = wishes.description.as_deref();
    let description = description.and_then(|text| faults.take("description", parse_text(text, MAX_DESCRIPTION)));
    faults.check()?;
    let prd = wishes.prd.unwrap_or_else(|| old_prd.clone());
    require_markdown("prd", &prd)?;
    let after = Template {
        name: name.unwrap_or_else(|| before.name.clone()),
        description: description.unwrap_or_else(|| before.description.clone()),
        version: before.version + 1,
        updated_at: context.now,
        bytes: prd.len() as i64,
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
    if prd != old_prd {
        changes.insert("bytes".to_owned(), serde_json::json!({ "before": before.bytes, "after": after.bytes }));
    }
    if changes.is_empty() {
        return Ok(TemplateDetail { template: before.into(), prd });
    }
    let change = by_one_who_still_may(Change::new(), context, after.organization)
        .exactly_one(templates::update(&after, &prd), Refusal::Outdated)
        .exactly_one(organization_texts::grow(after.organization, after.bytes - before.bytes), Refusal::NoRoomForText)
        .audited(services.audit(context, event(&after, "template.updated", changes.into()))?);
    services.store.commit(change).map_err(|error| expected.of_refusal(error))?;
    Ok(TemplateDetail { template: after.into(), prd })
}

/// Deletes one. Projects that were made from it keep what they have.
pub fn delete(services: &Services, context: &Context, id: &str, expected: &Expected) -> Result<(), ServiceError> {
    let (template, _) = find(services, context, id)?;
    expected.check(template.version)?;
    let changes = serde_json::json!({ "name": { "before": template.name } });
    let change = by_one_who_still_may(Change::new(), context, template.organization)
        .then(organization_texts::give_back_template(template.organization, id))
        .exactly_one(templates::delete(&template, expected.held_to(template.version)), expected.refusal())
        .audited(services.audit(context, event(&template, "template.deleted", changes))?);
    services.store.commit(change).map_err(|error| expected.of_refusal(error))
}
