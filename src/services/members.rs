//! Members: who they are, which role they have, and that they go.
//!
//! Nobody gives a role above their own, admins do not touch owners, and whatever concerns an owner is for a session
//! alone. An organization keeps its last owner who can sign in: the statements themselves see to that.

use serde::Serialize;

use super::error::ServiceError;
use super::text_pages::{TextListed, TextPage};
use super::{Actor, Context, Event, Services, lockout, member_lockout, project_members};
use crate::clock::to_rfc3339;
use crate::error_code::ErrorCode;
use crate::gate::decide::Credential;
use crate::role::Role;
use crate::store::audit_log::Party;
use crate::store::memberships::{self, Member};
use crate::store::{Change, Refusal, api_keys, invitations, sessions};

/// A member, as colleagues see one.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ColleagueView {
    /// `usr_…`
    pub id: String,
    /// Their name.
    pub name: String,
}

/// A member, as administrators see one.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberView {
    /// `usr_…`
    pub user_id: String,
    /// Their name.
    pub name: String,
    /// Their address.
    pub email: String,
    /// `owner`, `admin`, `member` or `viewer`.
    pub role: &'static str,
    /// When they joined this organization.
    pub joined_at: String,
    /// When they last used a session in it; null = never.
    pub last_seen_at: Option<String>,
    /// Whether too many failed sign-ins keep them out at the moment.
    pub locked: bool,
    /// Whether the operator has disabled the account.
    pub disabled: bool,
}

/// One member, with what their removal would stop.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberDetail {
    /// The member.
    #[serde(flatten)]
    pub member: MemberView,
    /// How many working keys are their own, and would stop if they were removed.
    pub own_keys: i64,
}

/// A page of the caller's colleagues.
pub fn colleagues(
    services: &Services,
    context: &Context,
    page: &TextPage,
) -> Result<TextListed<ColleagueView>, ServiceError> {
    let listed = read_page(services, context, page)?;
    let items = listed.items.into_iter().map(|member| ColleagueView { id: member.user, name: member.name });
    Ok(TextListed { items: items.collect(), next: listed.next })
}

/// A page of the members, who joined last first.
pub fn list(services: &Services, context: &Context, page: &TextPage) -> Result<TextListed<MemberView>, ServiceError> {
    let listed = read_page(services, context, page)?;
    Ok(TextListed { items: views(services, context, listed.items)?, next: listed.next })
}

fn read_page(services: &Services, context: &Context, page: &TextPage) -> Result<TextListed<Member>, ServiceError> {
    let organization = context.organization()?;
    let after = page.after_time()?;
    let rows = services.store.read(|reader| memberships::list(reader, organization, after, page.limit + 1))?;
    Ok(page.cut(rows, |member| format!("{} {}", member.joined_at, member.user)))
}

fn views(services: &Services, context: &Context, members: Vec<Member>) -> Result<Vec<MemberView>, ServiceError> {
    let emails: Vec<&str> = members.iter().map(|member| member.email.as_str()).collect();
    let locked = member_lockout::locked(services, &emails, context.now)?;
    Ok(members
        .into_iter()
        .map(|member| MemberView {
            locked: locked.contains(&member.email),
            user_id: member.user,
            name: member.name,
            email: member.email,
            role: member.role.as_str(),
            joined_at: to_rfc3339(member.joined_at),
            last_seen_at: member.last_seen_at.map(to_rfc3339),
            disabled: member.disabled,
        })
        .collect())
}

/// The member of this id in the caller's organization.
fn find(services: &Services, context: &Context, user: &str) -> Result<(i64, Member), ServiceError> {
    let organization = context.organization()?;
    let member = services.store.read(|reader| memberships::member(reader, organization, user))?;
    let member = member.ok_or_else(|| ServiceError::new(ErrorCode::NotFound, "There is no such member"))?;
    Ok((organization, member))
}

/// One member.
pub fn get(services: &Services, context: &Context, user: &str) -> Result<MemberDetail, ServiceError> {
    let (organization, member) = find(services, context, user)?;
    let own_keys = services.store.read(|reader| api_keys::working_of(reader, organization, user, context.now))?;
    let member = views(services, context, vec![member])?.pop().ok_or_else(ServiceError::internal)?;
    Ok(MemberDetail { member, own_keys })
}

/// 403 unless the caller may make, invite, change or remove somebody of this role.
pub fn require_power_over(context: &Context, role: Role) -> Result<(), ServiceError> {
    if role == Role::Owner && matches!(context.actor, Actor::Credential(Credential::Key(_))) {
        return Err(ErrorCode::SessionRequired.into());
    }
    if role > context.role() {
        let message = match role {
            Role::Owner => "Only an owner may make, invite, change or remove an owner",
            _ => "Nobody may grant a role above their own",
        };
        return Err(ServiceError::new(ErrorCode::InsufficientRole, message));
    }
    Ok(())
}

/// Adds that the caller still is what the gate admitted them as. (A key that its organization owns stands on nobody.)
pub fn by_one_who_still_may(change: Change, context: &Context, organization: i64) -> Change {
    match context.user() {
        Some(user) => {
            change.exactly_one(memberships::still_at_least(organization, user, context.role()), Refusal::NotAllowed)
        }
        None => change,
    }
}

fn party(member: &Member) -> Party {
    Party { kind: String::from("user"), id: Some(member.user.clone()), name: member.name.clone() }
}

/// What somebody's keys and shares may do has changed: every cache forgets them.
pub fn forget_keys_of(services: &Services, user: &str) {
    services.gate.evict_user(user);
}

/// Gives a member another role. `role` is read once it is known that the member is theirs to change.
pub fn change_role(
    services: &Services,
    context: &Context,
    user: &str,
    role: impl FnOnce() -> Result<Role, ServiceError>,
) -> Result<MemberDetail, ServiceError> {
    let (organization, member) = find(services, context, user)?;
    require_power_over(context, member.role)?;
    let role = role()?;
    require_power_over(context, role)?;
    if role == member.role {
        return get(services, context, user);
    }
    let event = Event {
        action: "member.role_changed",
        organization: Some(organization),
        target: party(&member),
        changes: Some(serde_json::json!({ "role": { "before": member.role, "after": role } })),
    };
    let change = by_one_who_still_may(Change::new(), context, organization)
        .exactly_one(memberships::still(organization, user, member.role), Refusal::Outdated)
        .exactly_one(memberships::set_role(organization, user, role), Refusal::LastOwner)
        .then(invitations::revoke_of_inviter(organization, user, Some(role), context.now))
        .audited(services.audit(context, event)?);
    let result = services.store.commit(change);
    forget_keys_of(services, user);
    result?;
    get(services, context, user)
}

/// Removes a member: their sessions here end, and their own keys stop.
pub fn remove(services: &Services, context: &Context, user: &str) -> Result<(), ServiceError> {
    let (organization, member) = find(services, context, user)?;
    require_power_over(context, member.role)?;
    let own_keys = services.store.read(|reader| api_keys::working_of(reader, organization, user, context.now))?;
    let event = Event {
        action: "member.removed",
        organization: Some(organization),
        target: party(&member),
        changes: Some(serde_json::json!({ "role": { "before": member.role }, "ownKeys": { "before": own_keys } })),
    };
    let change = by_one_who_still_may(Change::new(), context, organization)
        .exactly_one(memberships::still(organization, user, member.role), Refusal::Outdated);
    let change = project_members::leave_all(services, context, change, organization, (user, &member.name))?
        .exactly_one(memberships::delete(organization, user), Refusal::LastOwner)
        .then(sessions::delete_of_member(organization, user))
        .then(invitations::revoke_of_inviter(organization, user, None, context.now))
        .audited(services.audit(context, event)?);
    let result = services.store.commit(change);
    forget_keys_of(services, user);
    Ok(result?)
}

/// Ends a member's lockout.
pub fn unlock(services: &Services, context: &Context, user: &str) -> Result<(), ServiceError> {
    let (organization, member) = find(services, context, user)?;
    require_power_over(context, member.role)?;
    let event =
        Event { action: "account.unlocked", organization: Some(organization), target: party(&member), changes: None };
    let change = by_one_who_still_may(Change::new(), context, organization)
        .then_all(lockout::clear(services, &member.email))
        .audited(services.audit(context, event)?);
    Ok(services.store.commit(change)?)
}
