//! The rules: one file a concern. Plain functions that take who asks and when, and know no HTTP.

pub mod account;
pub mod account_links;
pub mod api_keys;
pub mod audit;
pub mod device;
pub mod error;
pub mod events;
pub mod expiry_warnings;
pub mod explain;
pub mod invitations;
pub mod jobs;
pub mod key_requests;
pub mod key_settings;
pub mod key_usage;
pub mod key_view;
pub mod lockout;
pub mod markdown;
pub mod member_lockout;
pub mod members;
pub mod operator;
pub mod organization;
pub mod organizations;
pub mod origins;
pub mod outbox;
pub mod outbox_delivery;
pub mod own_organization;
pub mod own_sessions;
pub mod pages;
pub mod password_rules;
pub mod passwords;
pub mod people;
pub mod prd_trees;
pub mod project_activity;
pub mod project_members;
pub mod project_prd;
pub mod project_shares;
pub mod project_status;
pub mod project_view;
pub mod projects;
pub mod registration;
pub mod sessions;
pub mod setup;
pub mod share_passwords;
pub mod share_settings;
pub mod shares;
pub mod sign_in_links;
pub mod templates;
pub mod text_pages;
pub mod texts;
pub mod upkeep;
pub mod users;
pub mod verification;
pub mod versions;
pub mod webhook_deliveries;
pub mod webhook_lanes;
pub mod webhook_sending;
pub mod webhook_settings;
mod webhook_switching;
pub mod webhooks;
pub mod widget_sessions;
pub mod widget_settings;
pub mod widgets;

use std::sync::Arc;

use parking_lot::Mutex;

use crate::clock::UnixMillis;
use crate::config::Config;
use crate::crypto::hashing_queue::HashingQueue;
use crate::crypto::seal::Sealer;
use crate::crypto::secret_token::Digest;
use crate::error_code::ErrorCode;
use crate::gate::Gate;
use crate::gate::decide::Credential;
use crate::gate::lookup::{KeyRecord, SessionRecord};
use crate::random::{Random, new_id};
use crate::role::Role;
use crate::store::Store;
use crate::store::audit_log::{AuditEntry, Party};
use error::ServiceError;
use lockout::Lockout;

/// What every service works with.
pub struct Services {
    /// Both databases.
    pub store: Arc<Store>,
    /// The gate, whose cache is evicted after changes.
    pub gate: Arc<Gate>,
    /// Seals keys' digests.
    pub sealer: Arc<Sealer>,
    /// For ids and tokens.
    pub random: Arc<dyn Random>,
    /// Hashes passwords.
    pub hashing: HashingQueue,
    /// Wrong passwords, and who waits for a place.
    pub lockout: Lockout,
    /// Passwords of shares, and who waits for a turn.
    pub share_passwords: share_passwords::SharePasswords,
    /// PRDs as trees, the last few of them.
    pub prd_trees: prd_trees::PrdTrees,
    /// All settings.
    pub config: Arc<Config>,
    /// The digest of the setup link's token, until it is used.
    pub setup_token: Mutex<Option<Digest>>,
    /// Takes mail out of the outbox.
    pub delivery: outbox_delivery::Delivery,
    /// What runs by the clock.
    pub jobs: jobs::Jobs,
    /// The way out of webhooks.
    pub webhook_client: crate::webhook::client::Client,
}

/// Who asks.
#[derive(Clone, Debug)]
pub enum Actor {
    /// A key or a session, as the gate admitted it.
    Credential(Credential),
    /// The command line.
    Operator,
}

/// Who asks, when, from where, in which request.
#[derive(Clone, Debug)]
pub struct Context {
    /// Who.
    pub actor: Actor,
    /// When.
    pub now: UnixMillis,
    /// The client's address.
    pub ip: Option<String>,
    /// What the client calls itself.
    pub user_agent: Option<String>,
    /// The request's id.
    pub request_id: Option<String>,
}

impl Context {
    /// The number of the organization that is acted in.
    pub fn organization(&self) -> Result<i64, ServiceError> {
        match &self.actor {
            Actor::Credential(credential) => {
                credential.organization().map(|organization| organization.number).ok_or_else(ServiceError::internal)
            }
            Actor::Operator => Err(ServiceError::internal()),
        }
    }

    /// What the actor may do.
    pub fn role(&self) -> Role {
        match &self.actor {
            Actor::Credential(credential) => credential.role().unwrap_or(Role::Viewer),
            Actor::Operator => Role::Owner,
        }
    }

    /// Whether a stranger asks, who has a share's token and is nobody here.
    pub fn is_by_share(&self) -> bool {
        matches!(self.actor, Actor::Credential(Credential::Share(_)))
    }

    /// The user behind the actor, if there is one.
    pub fn user(&self) -> Option<&str> {
        match &self.actor {
            Actor::Credential(Credential::Session(session)) => Some(&session.user),
            Actor::Credential(Credential::Key(key)) => key.owner.as_deref(),
            _ => None,
        }
    }

    /// The key that acts, if it is one.
    pub fn key(&self) -> Option<&KeyRecord> {
        match &self.actor {
            Actor::Credential(Credential::Key(key)) => Some(key),
            _ => None,
        }
    }

    /// The session behind a call that sessions alone may make.
    pub fn session(&self) -> Result<&SessionRecord, ServiceError> {
        match &self.actor {
            Actor::Credential(Credential::Session(session)) => Ok(session),
            _ => Err(ErrorCode::SessionRequired.into()),
        }
    }

    /// The actor, as the audit log names it.
    pub fn party(&self) -> Party {
        match &self.actor {
            Actor::Credential(Credential::Session(session)) => {
                Party { kind: String::from("user"), id: Some(session.user.clone()), name: session.name.clone() }
            }
            Actor::Credential(Credential::Key(key)) => {
                Party { kind: String::from("api_key"), id: Some(key.id.clone()), name: key.name.clone() }
            }
            Actor::Credential(Credential::Share(share)) => {
                let id = Some(share.record.id.clone());
                Party { kind: String::from("share"), id, name: String::from("Somebody with a share") }
            }
            Actor::Credential(_) => {
                Party { kind: String::from("anonymous"), id: None, name: String::from("Anonymous") }
            }
            Actor::Operator => Party { kind: String::from("operator"), id: None, name: String::from("Operator") },
        }
    }
}

/// What an audit entry tells beside who asked.
pub struct Event<'a> {
    /// `noun.verb_past`
    pub action: &'a str,
    /// In which organization.
    pub organization: Option<i64>,
    /// To what.
    pub target: Party,
    /// `{"field": {"before": …, "after": …}}`
    pub changes: Option<serde_json::Value>,
}

impl Services {
    /// A new id of this kind.
    pub fn id(&self, prefix: &str, now: UnixMillis) -> Result<String, ServiceError> {
        Ok(new_id(prefix, now, self.random.as_ref())?)
    }

    /// The audit entry of an event, by the context's actor.
    pub fn audit(&self, context: &Context, event: Event<'_>) -> Result<AuditEntry, ServiceError> {
        self.audit_by(context, context.party(), event)
    }

    /// The audit entry of an event, by somebody else than the context's actor (who signs in, say).
    pub fn audit_by(&self, context: &Context, actor: Party, event: Event<'_>) -> Result<AuditEntry, ServiceError> {
        Ok(AuditEntry {
            id: self.id("aud", context.now)?,
            at: context.now,
            organization: event.organization,
            action: event.action.to_owned(),
            actor,
            target: event.target,
            ip: context.ip.clone(),
            user_agent: context.user_agent.clone(),
            request_id: context.request_id.clone(),
            changes: event.changes.map(|changes| changes.to_string()),
        })
    }
}
