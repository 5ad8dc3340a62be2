//! Who a credential belongs to: read from the store once, then held as one record with all that decisions need.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use super::clock_watch::ClockWatch;
use super::identity::Identity;
use super::reach::Reach;
use super::share::{self, Covers, ShareRecord};
use super::widget::WidgetRecord;
use crate::clock::{HOUR, MINUTE, UnixMillis};
use crate::config::{Config, KeyAllowance, Network};
use crate::crypto::seal::Sealer;
use crate::crypto::secret_token::Digest;
use crate::crypto::signature::{self, SigningKey};
use crate::role::Role;
use crate::store::api_keys::{self, ApiKey};
use crate::store::shares::{self, Share, Shared};
use crate::store::{
    ReadResult, Reader, Store, StoreError, memberships, organizations, sessions, users, widget_sessions, widgets,
};

/// The organization of a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct OrganizationFacts {
    pub number: i64,
    pub id: String,
    pub home: bool,
    /// Whether its plan lets keys be used.
    pub api_access: bool,
    /// The highest limit that its plan gives a key.
    pub max_rate_limit: u32,
}

/// Everything about a key that a decision needs.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct KeyRecord {
    pub number: i64,
    pub id: String,
    pub family: i64,
    pub name: String,
    pub organization: OrganizationFacts,
    /// A user's id; `None` = the organization owns it.
    pub owner: Option<String>,
    pub owner_email: String,
    /// The lesser of the key's role and its owner's now; `None` where the owner is gone.
    pub role: Option<Role>,
    pub environment: Environment,
    pub scopes: Option<Vec<String>>,
    pub ip_allow_list: Option<Vec<Network>>,
    pub active: bool,
    pub expires_at: Option<UnixMillis>,
    /// Set on a rotated key: until then it still works.
    pub grace_ends_at: Option<UnixMillis>,
    /// Requests a minute, in force.
    pub limit: u32,
    pub external_id: Option<String>,
    pub metadata: Option<String>,
    /// Made at first use.
    made: OnceLock<Made>,
}

/// What is made of a key's record once, instead of at each request.
#[derive(Clone, Debug, PartialEq)]
struct Made {
    subject: Arc<str>,
    identity: Identity,
}

/// Which of the two kinds a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Environment {
    Live,
    Test,
}

impl KeyRecord {
    /// Who its requests are recorded as: its owner, or itself where the organization owns it.
    pub fn subject(&self) -> Arc<str> {
        Arc::clone(&self.made().subject)
    }

    /// What the gate says of it.
    pub fn identity(&self) -> &Identity {
        &self.made().identity
    }

    fn made(&self) -> &Made {
        self.made.get_or_init(|| Made {
            subject: self.owner.as_deref().unwrap_or(&self.id).into(),
            identity: Identity::of_key(self),
        })
    }
}

impl Environment {
    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Environment::Live => "live",
            Environment::Test => "test",
        }
    }

    /// Reads a name.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "live" => Some(Environment::Live),
            "test" => Some(Environment::Test),
            _ => None,
        }
    }
}

/// Everything about a session that a decision needs.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct SessionRecord {
    pub id: String,
    pub user: String,
    pub email: String,
    pub name: String,
    pub organization: OrganizationFacts,
    pub role: Role,
    pub last_seen_at: UnixMillis,
    pub expires_at: UnixMillis,
}

/// Reads credentials' records.
pub struct Lookup {
    store: Arc<Store>,
    sealer: Arc<Sealer>,
    lookup_key: SigningKey,
    config: Arc<Config>,
    clock_watch: ClockWatch,
}

impl Lookup {
    /// `lookup_key` makes the column that keys are found by.
    pub fn new(
        store: Arc<Store>,
        sealer: Arc<Sealer>,
        lookup_key: SigningKey,
        config: Arc<Config>,
        clock_watch: ClockWatch,
    ) -> Self {
        Lookup { store, sealer, lookup_key, config, clock_watch }
    }

    /// Takes away what had ended before the clock was set back, if it was; the time to judge by.
    pub fn settle_clock(&self, now: UnixMillis) -> Result<UnixMillis, StoreError> {
        self.clock_watch.settle(now)
    }

    /// What a key of this digest is found by.
    pub fn column(&self, digest: &Digest) -> [u8; 32] {
        self.lookup_key.sign(&[&digest.0])
    }

    /// The key of this digest. `None` where nobody has it.
    pub fn key(&self, digest: &Digest) -> Result<Option<KeyRecord>, StoreError> {
        let column = self.column(digest);
        let found = self.store.read(|reader| match api_keys::by_lookup(reader, &column)? {
            Some((key, sealed)) => Ok(self.record(reader, key)?.map(|record| (record, sealed))),
            None => Ok(None),
        })?;
        let Some((record, sealed)) = found else { return Ok(None) };
        match self.sealer.open(&sealed, &record.id) {
            Ok(opened) if signature::equal(&opened, &digest.0) => Ok(Some(record)),
            Ok(_) => Ok(None),
            Err(cause) => Err(StoreError::Failed(format!("key {}: {cause}", record.id))),
        }
    }

    /// The record of a key that was read, `None` if its organization is gone.
    pub fn record(&self, reader: &Reader, key: ApiKey) -> ReadResult<Option<KeyRecord>> {
        let Some(organization) = self.organization(reader, key.organization)? else { return Ok(None) };
        let settings = key.settings;
        let (role, owner_email) = match &settings.owner {
            None => (Some(settings.role), String::new()),
            Some(owner) => {
                let role = memberships::role_of(reader, key.organization, owner)?;
                let email = users::by_id(reader, owner)?.map(|user| user.email).unwrap_or_default();
                (role.map(|role| role.min(settings.role)), email)
            }
        };
        let limit = settings.rate_limit.unwrap_or(self.config.api_keys.default_rate_limit);
        Ok(Some(KeyRecord {
            number: key.number,
            id: key.id,
            family: key.family,
            name: settings.name,
            owner: settings.owner,
            owner_email,
            role,
            environment: Environment::parse(&key.environment).unwrap_or(Environment::Test),
            scopes: settings.scopes,
            ip_allow_list: settings.ip_allow_list.map(|list| {
                // Every entry was checked when it was stored; one that no longer reads allows nobody.
                list.into_iter().filter_map(|entry| Network::try_from(entry).ok()).collect()
            }),
            active: settings.active,
            expires_at: settings.expires_at,
            grace_ends_at: key.superseded_at.map(|at| key.grace_ends_at.unwrap_or(at)),
            limit: limit.min(organization.max_rate_limit),
            external_id: settings.external_id,
            metadata: settings.metadata,
            organization,
            made: OnceLock::new(),
        }))
    }

    /// The organization of this number, with what its plan gives.
    pub fn organization(&self, reader: &Reader, number: i64) -> ReadResult<Option<OrganizationFacts>> {
        Ok(organizations::by_number(reader, number)?.map(|organization| {
            let plan = self.config.plans.named.get(&organization.plan);
            OrganizationFacts {
                number: organization.number,
                id: organization.id,
                home: organization.home,
                // A plan that the configuration no longer has gives nothing.
                api_access: plan.is_some_and(|plan| plan.api_keys != KeyAllowance::Number(0)),
                max_rate_limit: plan.map_or(1, |plan| plan.max_rate_limit),
            }
        }))
    }

    /// The share of this token's digest. `None` where nobody was given it, or it was revoked.
    pub fn share(&self, digest: &Digest) -> Result<Option<ShareRecord>, StoreError> {
        self.store.read(|reader| match shares::by_digest(reader, digest)? {
            Some(share) => self.share_record(reader, share),
            None => Ok(None),
        })
    }

    fn share_record(&self, reader: &Reader, share: Share) -> ReadResult<Option<ShareRecord>> {
        let Some(organization) = self.organization(reader, share.organization)? else { return Ok(None) };
        let stands = share::stands(reader, &share)?;
        let key_end = share::key_end(reader, &share)?;
        Ok(Some(ShareRecord {
            number: share.number,
            subject: share.id.as_str().into(),
            identity: Identity::of_share(&share.id, &organization.id),
            id: share.id,
            covers: match share.shared {
                Shared::Project(project) => Covers::Project(project),
                Shared::Requests { paths, host, methods } => Covers::Requests(Reach::new(&paths, host, methods)),
            },
            maker: share.created_by,
            key_family: share.key_family,
            stands: stands && key_end.is_some(),
            has_password: share.has_password,
            expires_at: share.expires_at.into_iter().chain(key_end).min().filter(|end| *end < UnixMillis::MAX),
            limit: self.config.shares.requests_per_minute,
            organization,
        }))
    }

    /// The session of a widget of this token's digest, running or over. `None` where no page was given it.
    pub fn widget(&self, digest: &Digest, now: UnixMillis) -> Result<Option<WidgetRecord>, StoreError> {
        self.store.read(|reader| {
            let Some(session) = widget_sessions::by_digest(reader, digest)? else { return Ok(None) };
            // A clock that was set back must not lengthen anything: a session of the future is dead.
            if now + HOUR <= session.created_at {
                return Ok(None);
            }
            let Some(widget) = widgets::by_number(reader, session.widget)? else { return Ok(None) };
            let Some(organization) = self.organization(reader, widget.organization)? else { return Ok(None) };
            Ok(Some(WidgetRecord {
                number: widget.number,
                widget: widget.id,
                name: widget.settings.name,
                expires_at: session.expires_at,
                limit: widget.settings.requests_per_minute.min(organization.max_rate_limit),
                claims: session.claims,
                subject: session.user.as_deref().unwrap_or("").into(),
                identity: Identity::of_widget(session.user.as_deref(), &organization.id),
                organization,
            }))
        })
    }

    /// What notices that the clock was set back.
    pub fn clock_watch(&self) -> &ClockWatch {
        &self.clock_watch
    }

    /// The living session of this token's digest. `gate` says that it came with the gate's own cookie.
    pub fn session(&self, digest: &Digest, gate: bool, now: UnixMillis) -> Result<Option<SessionRecord>, StoreError> {
        let now = self.settle_clock(now)?;
        let idle = self.config.session.idle_minutes * MINUTE;
        self.store.read(|reader| {
            let found =
                if gate { sessions::by_gate_digest(reader, digest)? } else { sessions::by_digest(reader, digest)? };
            let Some(session) = found else { return Ok(None) };
            let absolute = session.created_at + self.config.session.absolute_hours * HOUR;
            // A clock that was set back must not revive anything: a session of the future is dead too.
            let alive = now < session.expires_at.min(absolute)
                && now < session.last_seen_at + idle
                && now + HOUR > session.created_at;
            if !alive {
                return Ok(None);
            }
            let Some(organization) = self.organization(reader, session.organization)? else { return Ok(None) };
            let Some(role) = memberships::role_of(reader, session.organization, &session.user)? else {
                return Ok(None);
            };
            let Some(user) = users::by_id(reader, &session.user)? else { return Ok(None) };
            Ok(Some(SessionRecord {
                id: session.id,
                user: user.id,
                email: user.email,
                name: user.name,
                organization,
                role,
                last_seen_at: session.last_seen_at,
                expires_at: session.expires_at,
            }))
        })
    }
}

impl KeyRecord {
    /// Whether the key may be used from this address.
    pub fn allows_address(&self, address: IpAddr) -> bool {
        self.ip_allow_list.as_ref().is_none_or(|list| list.iter().any(|network| network.contains(address)))
    }

    /// A key for tests.
    #[cfg(test)]
    pub fn example(number: i64) -> Self {
        KeyRecord {
            number,
            id: format!("key_{number}"),
            family: number,
            name: "Example".into(),
            organization: OrganizationFacts {
                number: 1,
                id: "org_1".into(),
                home: true,
                api_access: true,
                max_rate_limit: 10_000,
            },
            owner: Some("usr_1".into()),
            owner_email: "ada@example.com".into(),
            role: Some(Role::Admin),
            environment: Environment::Live,
            scopes: None,
            ip_allow_list: None,
            active: true,
            expires_at: None,
            grace_ends_at: None,
            limit: 60,
            external_id: None,
            metadata: None,
            made: OnceLock::new(),
        }
    }
}
