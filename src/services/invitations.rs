//! Invitations: for one address, into one organization, with one role, for seven days.
//!
//! An invitation is worth no more than whoever made it is at the moment it is used: once they have left, or may no
//! longer give that role, it leads nowhere (and is taken back in the same change).

use serde::Serialize;

use super::error::{Faults, ServiceError};
use super::members::{by_one_who_still_may, require_power_over};
use super::outbox::{self, Letter};
use super::text_pages::{TextListed, TextPage};
use super::{Context, Event, Services, people};
use crate::clock::{DAY, UnixMillis, to_rfc3339};
use crate::crypto::secret_token::{Digest, SecretToken, link_shape};
use crate::error_code::ErrorCode;
use crate::mail::team;
use crate::role::Role;
use crate::store::audit_log::Party;
use crate::store::invitations::{self, Invitation};
use crate::store::{Change, Refusal, Statement, StoreError, memberships, organizations, users};

/// How long an invitation is good.
pub const LIFETIME: UnixMillis = 7 * DAY;

/// How long an invitation that is accepted, revoked or over stays in the list.
const KEPT: UnixMillis = 90 * DAY;

/// An invitation, as administrators see it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InvitationView {
    /// `inv_…`
    pub id: String,
    /// Whom it is for.
    pub email: String,
    /// What it makes of them.
    pub role: &'static str,
    /// `open`, `accepted`, `expired` or `revoked`.
    pub state: &'static str,
    /// Who made it.
    pub invited_by: InviterView,
    /// When it was made.
    pub created_at: String,
    /// When it runs out, or did.
    pub expires_at: String,
    /// When it was accepted.
    pub accepted_at: Option<String>,
    /// When it was taken back.
    pub revoked_at: Option<String>,
}

/// Who made an invitation.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct InviterView {
    /// `usr_…`; null for the command line's operator, and for a key that its organization owns.
    pub id: Option<String>,
    /// Their name at that time.
    pub name: String,
}

/// A new invitation, or one with new links.
#[derive(Debug)]
pub struct Invited {
    /// The object.
    pub view: InvitationView,
    /// The link that is shown: it lets the invited in, and proves no address.
    pub url: String,
}

/// What the holder of a link is told before they sign in.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InvitationInfo {
    /// The name of the organization that invites.
    pub organization: String,
    /// Who invites.
    pub invited_by: String,
    /// The only address that may accept it.
    pub email: String,
    /// What it makes of them.
    pub role: &'static str,
    /// When it runs out.
    pub expires_at: String,
}

/// What somebody joined.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Joined {
    /// `org_…`
    pub organization_id: String,
    /// Its name.
    pub organization_name: String,
    /// The role that one has in it now.
    pub role: &'static str,
}

/// What administrators ask for.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Wish {
    pub email: String,
    pub role: String,
}

fn view(invitation: Invitation, now: UnixMillis) -> InvitationView {
    InvitationView {
        state: match &invitation {
            Invitation { accepted_at: Some(_), .. } => "accepted",
            Invitation { revoked_at: Some(_), .. } => "revoked",
            Invitation { expires_at, .. } if *expires_at <= now => "expired",
            _ => "open",
        },
        id: invitation.id,
        email: invitation.email,
        role: invitation.role.as_str(),
        invited_by: InviterView { id: invitation.invited_by, name: invitation.invited_by_name },
        created_at: to_rfc3339(invitation.created_at),
        expires_at: to_rfc3339(invitation.expires_at),
        accepted_at: invitation.accepted_at.map(to_rfc3339),
        revoked_at: invitation.revoked_at.map(to_rfc3339),
    }
}

fn party(invitation: &Invitation) -> Party {
    Party { kind: String::from("invitation"), id: Some(invitation.id.clone()), name: invitation.email.clone() }
}

/// Reads a role that a body names.
pub fn parse_role(text: &str) -> Result<Role, String> {
    Role::parse(text).ok_or_else(|| String::from("must be viewer, member, admin or owner"))
}

fn parse(wish: Wish) -> Result<(String, Role), ServiceError> {
    let mut faults = Faults::default();
    let email = faults.take("email", people::parse_email(&wish.email));
    let role = faults.take("role", parse_role(&wish.role));
    faults.check()?;
    email.zip(role).ok_or_else(ServiceError::internal)
}

/// The two tokens of an invitation: one is shown, the other is mailed.
struct Links {
    shown: SecretToken,
    mailed: SecretToken,
}

impl Links {
    fn mint(services: &Services) -> Result<Links, ServiceError> {
        let mint = || SecretToken::mint(&link_shape(), services.random.as_ref());
        Ok(Links { shown: mint()?, mailed: mint()? })
    }
}

fn url(services: &Services, token: &SecretToken) -> String {
    format!("{}/invite?token={}", services.config.public_url(), token.reveal())
}

/// The letter with the mailed link. Those who invite may read it, so it knows of the invited what they know: the address,
/// and not whether there is an account, or of whom.
fn letter(
    services: &Services,
    context: &Context,
    invitation: &Invitation,
    links: &Links,
) -> Result<Statement, ServiceError> {
    let organization = services.store.read(|reader| organizations::by_number(reader, invitation.organization))?;
    let organization = organization.ok_or_else(ServiceError::internal)?;
    let message = team::invitation(&team::Invitation {
        name: &invitation.email,
        timezone: "UTC",
        organization: &organization.name,
        invited_by: &invitation.invited_by_name,
        role: invitation.role.as_str(),
        expires_at: invitation.expires_at,
        url: &url(services, &links.mailed),
        from: &services.config.public_url(),
    });
    let letter = Letter {
        organization: Some(invitation.organization),
        to: &invitation.email,
        message,
        wipe_at: Some(invitation.expires_at),
    };
    outbox::post(services, context.now, letter)
}

/// Invites an address. An invitation that was open for it is replaced.
pub fn create(services: &Services, context: &Context, wish: Wish) -> Result<Invited, ServiceError> {
    let organization = context.organization()?;
    let (email, role) = parse(wish)?;
    require_power_over(context, role)?;
    let links = Links::mint(services)?;
    let (invited_by, invited_by_name) = inviter(services, context)?;
    let invitation = Invitation {
        id: services.id("inv", context.now)?,
        organization,
        email,
        role,
        invited_by,
        invited_by_name,
        created_at: context.now,
        expires_at: context.now + LIFETIME,
        accepted_at: None,
        revoked_at: None,
    };
    let event = Event {
        action: "invitation.created",
        organization: Some(organization),
        target: party(&invitation),
        changes: Some(serde_json::json!({ "role": { "after": role } })),
    };
    let insert = invitations::insert(&invitation, &links.shown.digest(), &links.mailed.digest());
    let change = by_one_who_still_may(Change::new(), context, organization)
        .then(invitations::revoke_for(organization, &invitation.email, context.now))
        .exactly_one(insert, Refusal::Outdated)
        .then(letter(services, context, &invitation, &links)?)
        .audited(services.audit(context, event)?);
    services.store.commit(change).map_err(|error| match error {
        StoreError::Refused(Refusal::Outdated) => {
            ServiceError::new(ErrorCode::Conflict, format!("{} is a member already", invitation.email))
        }
        other => other.into(),
    })?;
    Ok(Invited { url: url(services, &links.shown), view: view(invitation, context.now) })
}

fn inviter(services: &Services, context: &Context) -> Result<(Option<String>, String), ServiceError> {
    let Some(id) = context.user() else { return Ok((None, context.party().name)) };
    let name = services.store.read(|reader| users::name_of(reader, id))?;
    Ok((Some(id.to_owned()), name.unwrap_or_else(|| context.party().name)))
}

/// A page of the organization's invitations, the newest first.
pub fn list(
    services: &Services,
    context: &Context,
    page: &TextPage,
) -> Result<TextListed<InvitationView>, ServiceError> {
    let organization = context.organization()?;
    let after = page.after.as_deref();
    let rows = services.store.read(|reader| invitations::list(reader, organization, after, page.limit + 1))?;
    let cut = page.cut(rows, |invitation| invitation.id.clone());
    let items = cut.items.into_iter().map(|invitation| view(invitation, context.now)).collect();
    Ok(TextListed { items, next: cut.next })
}

fn find(services: &Services, context: &Context, id: &str) -> Result<Invitation, ServiceError> {
    let organization = context.organization()?;
    let invitation = services.store.read(|reader| invitations::by_id(reader, organization, id))?;
    invitation.ok_or_else(|| ServiceError::new(ErrorCode::NotFound, "There is no such invitation"))
}

fn settled(error: StoreError) -> ServiceError {
    match error {
        StoreError::Refused(Refusal::Gone) => ServiceError::new(
            ErrorCode::Conflict,
            "This invitation was accepted or taken back already; invite the address anew",
        ),
        other => other.into(),
    }
}

/// Takes an invitation back; both its links die.
pub fn revoke(services: &Services, context: &Context, id: &str) -> Result<(), ServiceError> {
    let invitation = find(services, context, id)?;
    require_power_over(context, invitation.role)?;
    let event = Event {
        action: "invitation.revoked",
        organization: Some(invitation.organization),
        target: party(&invitation),
        changes: None,
    };
    let change = by_one_who_still_may(Change::new(), context, invitation.organization)
        .exactly_one(invitations::revoke(invitation.organization, id, context.now), Refusal::Gone)
        .audited(services.audit(context, event)?);
    services.store.commit(change).map_err(settled)
}

/// Mails an invitation anew, with new links and seven days from now; the old links die.
pub fn resend(services: &Services, context: &Context, id: &str) -> Result<Invited, ServiceError> {
    let invitation = find(services, context, id)?;
    require_power_over(context, invitation.role)?;
    let (invited_by, invited_by_name) = inviter(services, context)?;
    let links = Links::mint(services)?;
    let renewed = Invitation { expires_at: context.now + LIFETIME, invited_by, invited_by_name, ..invitation };
    let event = Event {
        action: "invitation.resent",
        organization: Some(renewed.organization),
        target: party(&renewed),
        changes: Some(serde_json::json!({
            "expiresAt": { "before": to_rfc3339(invitation.expires_at), "after": to_rfc3339(renewed.expires_at) },
        })),
    };
    let statement = invitations::renew(&renewed, &links.shown.digest(), &links.mailed.digest());
    let change = by_one_who_still_may(Change::new(), context, renewed.organization)
        .exactly_one(statement, Refusal::Gone)
        .then(letter(services, context, &renewed, &links)?)
        .audited(services.audit(context, event)?);
    services.store.commit(change).map_err(settled)?;
    Ok(Invited { url: url(services, &links.shown), view: view(renewed, context.now) })
}

/// The invitation that a token opens, and whether it came by mail.
fn open(services: &Services, token: &str, now: UnixMillis) -> Result<(Invitation, bool), ServiceError> {
    let digest = Digest::of(token);
    services.store.read(|reader| invitations::open(reader, &digest, now))?.ok_or_else(|| {
        ServiceError::new(
            ErrorCode::TokenInvalid,
            "This invitation is invalid, used, expired or was taken back; ask for a new one",
        )
    })
}

/// What the holder of a link may know of its invitation.
pub fn info(services: &Services, context: &Context, token: &str) -> Result<InvitationInfo, ServiceError> {
    let (invitation, _) = open(services, token, context.now)?;
    let organization = services.store.read(|reader| organizations::by_number(reader, invitation.organization))?;
    Ok(InvitationInfo {
        organization: organization.ok_or_else(ServiceError::internal)?.name,
        invited_by: invitation.invited_by_name,
        email: invitation.email,
        role: invitation.role.as_str(),
        expires_at: to_rfc3339(invitation.expires_at),
    })
}

/// Lets the signed-in user into the organization that invited them.
pub fn accept(services: &Services, context: &Context, token: &str) -> Result<Joined, ServiceError> {
    let (invitation, mailed) = open(services, token, context.now)?;
    let user = context.user().ok_or_else(ServiceError::internal)?;
    let (user, organization) = services
        .store
        .read(|reader| Ok((users::by_id(reader, user)?, organizations::by_number(reader, invitation.organization)?)))?;
    let (user, organization) = user.zip(organization).ok_or_else(ServiceError::internal)?;
    if user.email != invitation.email {
        return Err(ErrorCode::InviteEmailMismatch.into());
    }
    let target = people::party(&user);
    let accepted = Event {
        action: "invitation.accepted",
        organization: Some(organization.number),
        target: party(&invitation),
        changes: None,
    };
    let joined = Event {
        action: "member.joined",
        organization: Some(organization.number),
        target,
        changes: Some(serde_json::json!({ "role": { "after": invitation.role } })),
    };
    let mut change = Change::new()
        .exactly_one(invitations::accept(&invitation.id, context.now), Refusal::TokenInvalid)
        .exactly_one(memberships::join(organization.number, &user.id, invitation.role, context.now), Refusal::Outdated);
    if mailed {
        change = change.then(users::verify_email(&user.id, &user.email, context.now));
    }
    let change = change.audited(services.audit(context, accepted)?).audited(services.audit(context, joined)?);
    services.store.commit(change).map_err(|error| match error {
        StoreError::Refused(Refusal::Outdated) => {
            ServiceError::new(ErrorCode::Conflict, format!("You are a member of {} already", organization.name))
        }
        other => other.into(),
    })?;
    // Keys that were their own in it when they left work again, as far as the new role lets them.
    super::members::forget_keys_of(services, &user.id);
    Ok(Joined {
        organization_id: organization.id,
        organization_name: organization.name,
        role: invitation.role.as_str(),
    })
}

/// Removes invitations that were settled long ago. Safe to run twice.
pub fn sweep(services: &Services, now: UnixMillis) -> Result<(), ServiceError> {
    Ok(services.store.commit(Change::new().then(invitations::delete_old(now - KEPT)))?)
}
