//! Organizations, as the operator sees them.

use serde::Serialize;

use super::error::ServiceError;
use super::{Context, Event, Services, organization};
use crate::clock::to_rfc3339;
use crate::error_code::ErrorCode;
use crate::store::organizations::{self, Counted, Organization};
use crate::store::{Change, Refusal};

/// An organization on the command line.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct OrganizationView {
    pub id: String,
    pub name: String,
    pub plan: String,
    pub home: bool,
    pub created_at: String,
}

impl From<Organization> for OrganizationView {
    fn from(organization: Organization) -> Self {
        OrganizationView {
            id: organization.id,
            name: organization.name,
            plan: organization.plan,
            home: organization.home,
            created_at: to_rfc3339(organization.created_at),
        }
    }
}

/// One of the list, with how much there is of it.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct OrganizationLine {
    #[serde(flatten)]
    pub organization: OrganizationView,
    pub members: i64,
    /// Deleted and superseded ones are not among them.
    pub keys: i64,
}

/// All of them, the oldest first.
pub fn list(services: &Services) -> Result<Vec<OrganizationLine>, ServiceError> {
    let line =
        |Counted { organization, members, keys }| OrganizationLine { organization: organization.into(), members, keys };
    Ok(services.store.read(organizations::all_counted)?.into_iter().map(line).collect())
}

/// The home organization.
pub fn home(services: &Services) -> Result<Organization, ServiceError> {
    services
        .store
        .read(organizations::home)?
        .ok_or_else(|| ServiceError::new(ErrorCode::Conflict, "Claviger is not set up yet; run `claviger setup` first"))
}

/// The organization of this id, or of this name where only one has it; `home` is the home organization.
pub fn find(services: &Services, text: &str) -> Result<Organization, ServiceError> {
    if text == "home" {
        return home(services);
    }
    let all = services.store.read(organizations::all)?;
    let mut named = all.into_iter().filter(|organization| organization.id == text || organization.name == text);
    match (named.next(), named.next()) {
        (Some(organization), None) => Ok(organization),
        (Some(_), Some(_)) => {
            Err(ServiceError::new(ErrorCode::Conflict, format!("Several organizations are called {text}; give the id")))
        }
        (None, _) => Err(ServiceError::new(ErrorCode::NotFound, format!("There is no organization {text}"))),
    }
}

/// Puts an organization on another plan; it holds from the very next request.
pub fn set_plan(
    services: &Services,
    context: &Context,
    text: &str,
    plan: &str,
) -> Result<OrganizationView, ServiceError> {
    let organization = find(services, text)?;
    if !services.config.plans.named.contains_key(plan) {
        let names: Vec<&str> = services.config.plans.named.keys().map(String::as_str).collect();
        let message = format!("There is no plan {plan}; there are {}", names.join(", "));
        return Err(ServiceError::new(ErrorCode::ValidationFailed, message));
    }
    if organization.plan != plan {
        let event = Event {
            action: "organization.plan_changed",
            organization: Some(organization.number),
            target: organization::party(&organization),
            changes: Some(serde_json::json!({ "plan": { "before": organization.plan, "after": plan } })),
        };
        let statement = organizations::set_plan(organization.number, &organization.plan, plan);
        let change = Change::new().exactly_one(statement, Refusal::Outdated).audited(services.audit(context, event)?);
        services.store.commit(change)?;
        services.gate.evict_organization(organization.number);
    }
    Ok(Organization { plan: plan.to_owned(), ..organization }.into())
}
