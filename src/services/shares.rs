//! Shares: made, listed, revoked. Those of the API behind the gate are here whole; those of projects are made through
//! [`super::project_shares`], which knows who may.

use serde::Serialize;

use super::error::ServiceError;
use super::key_view::Named;
use super::members::by_one_who_still_may;
use super::pages::{Listed, Page};
use super::share_settings::{self, Settings, ShareWishes};
use super::{Context, Event, Services, share_passwords};
use crate::clock::{UnixMillis, to_rfc3339};
use crate::crypto::secret_token::{SecretToken, share_shape};
use crate::error_code::ErrorCode;
use crate::gate::lookup::Environment;
use crate::gate::share::{key_end, stands};
use crate::role::Role;
use crate::store::audit_log::Party;
use crate::store::shares::{self, Share, Shared};
use crate::store::usage::{self, KeyUsage};
use crate::store::{Change, Refusal, Statement, users};

/// A share, as the API shows it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShareView {
    /// `sha_…`
    pub id: String,
    /// null where it was given none.
    pub name: Option<String>,
    /// Whether the token alone is not enough.
    pub has_password: bool,
    /// `active`, `locked` (too many wrong passwords), `expired`, or `stopped` (whoever made it could make it no
    /// more: they left, or may not change the project any longer, or the key that it was made with is no more).
    pub status: &'static str,
    /// When it ends; null = never.
    pub expires_at: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// By whom.
    pub created_by: Named,
    /// When it was last presented; null = never.
    pub last_used_at: Option<String>,
    /// All requests made with it, allowed and refused.
    pub request_count: u64,
}

/// A share of the API behind the gate.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestShareView {
    /// What every share has.
    #[serde(flatten)]
    pub share: ShareView,
    /// The paths that it covers, as rules have them.
    pub paths: Vec<String>,
    /// The host; null = any.
    pub host: Option<String>,
    /// The methods; `*` is every one.
    pub methods: Vec<String>,
}

/// A new share, and its token for the one answer that shows it.
#[derive(Debug)]
pub struct Made<V> {
    /// The object.
    pub view: V,
    /// The token itself.
    pub token: SecretToken,
}

/// A share that is about to be made: its row, its token, and the statement that adds it.
pub struct Prepared {
    /// The row.
    pub share: Share,
    /// The token.
    pub token: SecretToken,
    /// It adds one row.
    pub insert: Statement,
}

/// A share, as the audit log names it.
pub fn party(share: &Share) -> Party {
    let name = share.name.clone().unwrap_or_else(|| String::from("A share"));
    Party { kind: String::from("share"), id: Some(share.id.clone()), name }
}

/// 403 for a key with bounds that a share could not carry: what it makes would let others past them.
pub fn require_unbound(context: &Context) -> Result<(), ServiceError> {
    let Some(key) = context.key() else { return Ok(()) };
    if key.scopes.is_none() && key.ip_allow_list.is_none() && key.environment == Environment::Live {
        return Ok(());
    }
    Err(ServiceError::new(
        ErrorCode::CredentialNotAllowed,
        "A key with scopes, with an IP allow-list or of the test environment makes no shares, for they could not be held \
         to its bounds; use a session, or a live key without them",
    ))
}

/// Mints the token and hashes the password of a share that the caller makes in their organization.
pub fn prepare(
    services: &Services,
    context: &Context,
    settings: Settings,
    shared: Shared,
) -> Result<Prepared, ServiceError> {
    let token = SecretToken::mint(&share_shape(), services.random.as_ref())?;
    let password_hash = settings.password.map(|password| services.hashing.hash(password)).transpose()?;
    let created_by = context.user().map(str::to_owned);
    let created_by_name = match &created_by {
        Some(id) => services.store.read(|reader| users::name_of(reader, id))?,
        None => None,
    };
    let share = Share {
        number: services.store.next_number(),
        id: services.id("sha", context.now)?,
        organization: context.organization()?,
        shared,
        name: settings.name,
        created_by,
        created_by_name: created_by_name.unwrap_or_else(|| context.party().name),
        key_family: context.key().map(|key| key.family),
        created_at: context.now,
        expires_at: settings.expires_at,
        has_password: password_hash.is_some(),
        failures: Default::default(),
    };
    let insert = shares::insert(&share, &token.digest(), password_hash);
    Ok(Prepared { share, token, insert })
}

/// What an entry of the audit log tells of a new share.
pub fn created(share: &Share) -> serde_json::Map<String, serde_json::Value> {
    let mut fields = vec![
        ("name", share.name.as_deref().into()),
        ("hasPassword", share.has_password.into()),
        ("expiresAt", share.expires_at.map(to_rfc3339).into()),
    ];
    if let Shared::Requests { paths, host, methods } = &share.shared {
        fields.extend([
            ("paths", paths.as_slice().into()),
            ("host", host.as_deref().into()),
            ("methods", methods.as_slice().into()),
        ]);
    }
    let fields = fields.into_iter().filter(|(_, value): &(_, serde_json::Value)| !value.is_null());
    fields.map(|(field, value)| (field.to_owned(), serde_json::json!({ "after": value }))).collect()
}

/// Makes a share of the API behind the gate. `wishes` are read once it is known that the caller makes shares.
pub fn create(
    services: &Services,
    context: &Context,
    wishes: impl FnOnce() -> Result<ShareWishes, ServiceError>,
) -> Result<Made<RequestShareView>, ServiceError> {
    require_unbound(context)?;
    let (settings, shared) = share_settings::for_requests(wishes()?, context.now)?;
    let Prepared { share, token, insert } = prepare(services, context, settings, shared)?;
    let event = Event {
        action: "share.created",
        organization: Some(share.organization),
        target: party(&share),
        changes: Some(created(&share).into()),
    };
    let change = by_one_who_still_may(Change::new(), context, share.organization)
        .exactly_one(insert, Refusal::NotAllowed)
        .audited(services.audit(context, event)?);
    services.store.commit(change)?;
    let view = request_views(services, context, vec![share])?.pop().ok_or_else(ServiceError::internal)?;
    Ok(Made { view, token })
}

/// A page of the caller's own shares of the API behind the gate; owners and admins see all of the organization.
pub fn list(services: &Services, context: &Context, page: Page) -> Result<Listed<RequestShareView>, ServiceError> {
    let organization = context.organization()?;
    let rows = services.store.read(|reader| {
        if context.role() >= Role::Admin {
            shares::of_organization(reader, organization, page.before, page.limit + 1)
        } else {
            shares::of_maker(reader, organization, context.user(), page.before, page.limit + 1)
        }
    })?;
    let cut = page.cut(rows.into_iter().map(|share| (share.number, share)).collect());
    Ok(Listed { items: request_views(services, context, cut.items)?, next: cut.next })
}

/// Revokes one of the shares that [`list`] shows.
pub fn revoke(services: &Services, context: &Context, id: &str) -> Result<(), ServiceError> {
    let organization = context.organization()?;
    let share = services.store.read(|reader| shares::by_id(reader, organization, id))?;
    let mine = |share: &Share| {
        matches!(share.shared, Shared::Requests { .. })
            && (context.role() >= Role::Admin || share.created_by.as_deref() == context.user())
    };
    let share = share.filter(mine).ok_or_else(not_found)?;
    let event =
        Event { action: "share.revoked", organization: Some(organization), target: party(&share), changes: None };
    let change = by_one_who_still_may(Change::new(), context, organization)
        .exactly_one(shares::revoke(&share, context.now), Refusal::NotFound)
        .audited(services.audit(context, event)?);
    commit_revocation(services, &share, change)
}

/// 404 for a share.
pub fn not_found() -> ServiceError {
    ServiceError::new(ErrorCode::NotFound, "There is no such share")
}

/// Commits a change that revokes a share, and makes every cache forget it before anybody is answered.
pub fn commit_revocation(services: &Services, share: &Share, change: Change) -> Result<(), ServiceError> {
    let result = services.store.commit(change);
    services.gate.evict_shares(|record| record.number == share.number);
    services.share_passwords.forget(share.number);
    Ok(result?)
}

fn request_views(
    services: &Services,
    context: &Context,
    rows: Vec<Share>,
) -> Result<Vec<RequestShareView>, ServiceError> {
    let reaches: Vec<_> = rows
        .iter()
        .map(|share| match &share.shared {
            Shared::Requests { paths, host, methods } => (paths.clone(), host.clone(), methods.clone()),
            Shared::Project(_) => Default::default(),
        })
        .collect();
    let views = views(services, context, rows)?;
    let with = |(share, (paths, host, methods))| RequestShareView { share, paths, host, methods };
    Ok(views.into_iter().zip(reaches).map(with).collect())
}

/// The views of shares of one organization.
pub fn views(services: &Services, context: &Context, rows: Vec<Share>) -> Result<Vec<ShareView>, ServiceError> {
    let numbers: Vec<i64> = rows.iter().map(|share| share.number).collect();
    let usage = services.store.read_ledger(|reader| usage::of_families(reader, &numbers))?;
    let standing: Vec<bool> = services.store.read(|reader| {
        let standing = |share| Ok(stands(reader, share)? && key_end(reader, share)? > Some(context.now));
        rows.iter().map(standing).collect()
    })?;
    Ok(rows
        .into_iter()
        .zip(standing)
        .map(|(share, stands)| {
            let used = usage.get(&share.number).and_then(|keys| keys.get(&share.number));
            view(services, share, used, stands, context.now)
        })
        .collect())
}

fn view(services: &Services, share: Share, used: Option<&KeyUsage>, stands: bool, now: UnixMillis) -> ShareView {
    let status = if !stands {
        "stopped"
    } else if share.expires_at.is_some_and(|end| end <= now) {
        "expired"
    } else if share_passwords::locked_until(services, &share.failures, now).is_some() {
        "locked"
    } else {
        "active"
    };
    ShareView {
        id: share.id,
        name: share.name,
        has_password: share.has_password,
        status,
        expires_at: share.expires_at.map(to_rfc3339),
        created_at: to_rfc3339(share.created_at),
        created_by: Named { id: share.created_by, name: share.created_by_name },
        last_used_at: used.and_then(|used| used.last.as_ref()).map(|last| to_rfc3339(last.at)),
        request_count: used.map_or(0, |used| used.requests),
    }
}
