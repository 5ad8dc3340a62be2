//! The organization that one is in: seen, renamed, deleted.

use serde::Serialize;

use super::api_keys::allowance;
use super::error::ServiceError;
use super::lockout::Attempt;
use super::members::by_one_who_still_may;
use super::{Context, Event, Services, passwords, people};
use crate::clock::to_rfc3339;
use crate::error_code::ErrorCode;
use crate::store::audit_log::Party;
use crate::store::organizations::{self, Organization};
use crate::store::{Change, Refusal, api_keys, memberships, users};

/// An organization, as its administrators see it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OwnOrganizationView {
    /// `org_…`
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its plan.
    pub plan: String,
    /// Whether it is the one whose API stands behind the gate.
    pub home: bool,
    /// When it was made.
    pub created_at: String,
    /// How many people belong to it.
    pub members: i64,
    /// What the plan gives of keys, and what of it is used.
    pub api_keys: KeyAllowanceView,
}

/// What the plan gives of keys, and what of it is used.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyAllowanceView {
    /// How many there may be; null = any number.
    pub limit: Option<u32>,
    /// How many count: every one but deleted and superseded ones.
    pub used: i64,
    /// The highest limit of one key, requests a minute.
    pub max_rate_limit: u32,
    /// The limit of a key that has none of its own.
    pub default_rate_limit: u32,
}

fn view(services: &Services, organization: Organization) -> Result<OwnOrganizationView, ServiceError> {
    let number = organization.number;
    let (used, members) =
        services.store.read(|reader| Ok((api_keys::counting(reader, number)?, memberships::count(reader, number)?)))?;
    let plan_limit = services.config.plans.named.get(&organization.plan).map_or(1, |plan| plan.max_rate_limit);
    let settings = &services.config.api_keys;
    let api_keys = KeyAllowanceView {
        limit: allowance(services, &organization),
        used,
        max_rate_limit: plan_limit.min(settings.max_rate_limit),
        default_rate_limit: settings.default_rate_limit.min(plan_limit),
    };
    Ok(OwnOrganizationView {
        id: organization.id,
        name: organization.name,
        plan: organization.plan,
        home: organization.home,
        created_at: to_rfc3339(organization.created_at),
        members,
        api_keys,
    })
}

fn own(services: &Services, context: &Context) -> Result<Organization, ServiceError> {
    let number = context.organization()?;
    services.store.read(|reader| organizations::by_number(reader, number))?.ok_or_else(ServiceError::internal)
}

/// An organization, as the audit log names it.
pub fn party(organization: &Organization) -> Party {
    Party { kind: String::from("organization"), id: Some(organization.id.clone()), name: organization.name.clone() }
}

/// The caller's organization.
pub fn get(services: &Services, context: &Context) -> Result<OwnOrganizationView, ServiceError> {
    view(services, own(services, context)?)
}

/// Gives it another name; without one, nothing changes.
pub fn change(
    services: &Services,
    context: &Context,
    name: Option<String>,
) -> Result<OwnOrganizationView, ServiceError> {
    let organization = own(services, context)?;
    let Some(name) = name else { return view(services, organization) };
    let name = people::parse_name(&name).map_err(|fault| ServiceError::field("name", fault))?;
    if name == organization.name {
        return view(services, organization);
    }
    let renamed = Organization { name, ..organization.clone() };
    let event = Event {
        action: "organization.updated",
        organization: Some(renamed.number),
        target: party(&renamed),
        changes: Some(serde_json::json!({ "name": { "before": organization.name, "after": renamed.name } })),
    };
    let statement = organizations::rename(renamed.number, &organization.name, &renamed.name);
    let change = by_one_who_still_may(Change::new(), context, renamed.number)
        .exactly_one(statement, Refusal::Outdated)
        .audited(services.audit(context, event)?);
    services.store.commit(change)?;
    view(services, renamed)
}

/// The home organization stays, whoever asks.
pub fn require_deletable(services: &Services, context: &Context) -> Result<Organization, ServiceError> {
    let organization = own(services, context)?;
    if organization.home {
        return Err(ServiceError::new(
            ErrorCode::Conflict,
            "The home organization cannot be deleted: its API stands behind the gate",
        ));
    }
    Ok(organization)
}

/// Deletes it with everything of it: members, sessions, keys, invitations, mail. The audit log and the ledger keep what
/// they have, and no organization will ever be shown it: numbers are not given out again.
pub fn delete(services: &Services, context: &Context, attempt: Attempt, password: String) -> Result<(), ServiceError> {
    let organization = require_deletable(services, context)?;
    let passed = passwords::confirm_current("password", services, context, attempt, password)?;
    let event = Event {
        action: "organization.deleted",
        organization: Some(organization.number),
        target: party(&organization),
        changes: None,
    };
    let mut change = by_one_who_still_may(Change::new(), context, organization.number);
    let mut statements = organizations::delete(organization.number, context.now);
    let last = statements.pop().ok_or_else(ServiceError::internal)?;
    change = change
        .exactly_one(users::require_same_password(&passed.user), Refusal::Outdated)
        .then_all(passed.statements())
        .then_all(statements)
        .exactly_one(last, Refusal::NotFound)
        .audited(services.audit(context, event)?);
    let result = services.store.commit(change);
    services.gate.evict_organization(organization.number);
    Ok(result?)
}
