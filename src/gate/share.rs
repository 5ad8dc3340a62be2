//! A share token's record, and what it may be used for: a project of Claviger's own, or paths of the API behind the gate.

use std::sync::Arc;

use super::decide::Facts;
use super::demand::{Allow, Demand};
use super::identity::Identity;
use super::lookup::OrganizationFacts;
use super::reach::Reach;
use crate::clock::UnixMillis;
use crate::error_code::ErrorCode;
use crate::role::Role;
use crate::store::project_members::{self, MemberAccess};
use crate::store::shares::{Share, Shared};
use crate::store::{ReadResult, Reader, api_keys, memberships, projects};

/// Everything about a share that a decision needs.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct ShareRecord {
    /// From the same row of numbers as keys'.
    pub number: i64,
    /// `sha_…`
    pub id: String,
    pub organization: OrganizationFacts,
    pub covers: Covers,
    /// Who made it, a user's id; `None` = a key that its organization owns.
    pub maker: Option<String>,
    /// The family of the key that it was made with; `None` = a session.
    pub key_family: Option<i64>,
    /// Whether whoever made it could still make it ([`stands`]), and there still is the key, if it was one.
    pub stands: bool,
    pub has_password: bool,
    /// When it ends: by itself, or with the key that it was made with.
    pub expires_at: Option<UnixMillis>,
    /// Requests a minute.
    pub limit: u32,
    /// Its id, as the ledger has it.
    pub subject: Arc<str>,
    /// What the gate says of it.
    pub identity: Identity,
}

/// What is shared.
#[derive(Clone, Debug)]
pub enum Covers {
    /// A project, by its id.
    Project(String),
    /// Requests to the API behind the gate.
    Requests(Reach),
}

/// Whether the share's password was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// It has none, or the right one was presented.
    Open,
    /// It has one, and none was looked at.
    Closed,
    /// A wrong one was presented.
    Refused,
    /// Too many wrong ones were: in so many microseconds it is tried again.
    Locked(u64),
}

/// A share in the hands of whoever presented its token.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct PresentedShare {
    pub record: Arc<ShareRecord>,
    pub door: Door,
}

/// When the key ends that a share was made with: never where it was a session, and `None` where that key is no more.
pub fn key_end(reader: &Reader, share: &Share) -> ReadResult<Option<UnixMillis>> {
    match share.key_family {
        None => Ok(Some(UnixMillis::MAX)),
        Some(family) => api_keys::end_of_sharing(reader, family),
    }
}

/// Whether whoever made a share could still make it: they are a member, or more, of the organization; and a project's
/// share stands on somebody who owns the project, may write to it, or looks after the organization. What a key of the
/// organization's own has shared stands on nobody.
pub fn stands(reader: &Reader, share: &Share) -> ReadResult<bool> {
    let Some(maker) = &share.created_by else { return Ok(true) };
    let role = memberships::role_of(reader, share.organization, maker)?;
    match &share.shared {
        Shared::Project(project) if role == Some(Role::Member) => {
            let Some(project) = projects::by_id(reader, share.organization, project)? else { return Ok(false) };
            Ok(project.owner.as_ref() == Some(maker)
                || project_members::access_of(reader, &project.id, maker)? == Some(MemberAccess::Write))
        }
        _ => Ok(role >= Some(Role::Member)),
    }
}

impl ShareRecord {
    /// A share of these paths for tests.
    #[cfg(test)]
    pub fn example(paths: &[&str]) -> Self {
        let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        let methods = vec![String::from("GET"), String::from("HEAD")];
        ShareRecord {
            number: 9,
            id: String::from("sha_9"),
            organization: super::lookup::KeyRecord::example(1).organization,
            covers: Covers::Requests(Reach::new(&paths, None, methods)),
            maker: Some(String::from("usr_1")),
            key_family: None,
            stands: true,
            has_password: false,
            expires_at: None,
            limit: 60,
            subject: "sha_9".into(),
            identity: Identity::of_share("sha_9", "org_1"),
        }
    }

    /// Whether it works at `now`, its password aside.
    pub fn works(&self, now: UnixMillis) -> bool {
        self.stands && self.expires_at.is_none_or(|end| end > now)
    }

    /// The id of the project that it shares, if it shares one.
    pub fn project(&self) -> Option<&str> {
        match &self.covers {
            Covers::Project(project) => Some(project),
            Covers::Requests(_) => None,
        }
    }

    /// Whether shares of this kind are asked for.
    pub fn is_wanted(&self, allow: &Allow) -> bool {
        match self.covers {
            Covers::Project(_) => allow.project_share,
            Covers::Requests(_) => allow.share,
        }
    }
}

impl PresentedShare {
    /// As it stands before a password is looked at.
    pub fn new(record: Arc<ShareRecord>) -> Self {
        let door = if record.has_password { Door::Closed } else { Door::Open };
        PresentedShare { record, door }
    }

    /// Whether its token is good (401).
    pub(super) fn is_good(&self, now: UnixMillis) -> Result<(), ErrorCode> {
        if self.record.works(now) { Ok(()) } else { Err(ErrorCode::ShareTokenInvalid) }
    }

    /// Whether its password was shown (401, 423).
    pub(super) fn is_open(&self) -> Result<(), ErrorCode> {
        match self.door {
            Door::Open => Ok(()),
            Door::Closed => Err(ErrorCode::SharePasswordRequired),
            Door::Refused => Err(ErrorCode::SharePasswordInvalid),
            Door::Locked(_) => Err(ErrorCode::ShareLocked),
        }
    }

    /// Whether it covers the request. Which project is asked for, only the project's own service knows.
    pub(super) fn covers(&self, demand: &Demand, facts: &Facts<'_>) -> Result<(), ErrorCode> {
        let covers = match &self.record.covers {
            Covers::Project(_) => demand.allow.project_share,
            Covers::Requests(reach) => reach.covers(facts.method, facts.host, facts.path),
        };
        if covers { Ok(()) } else { Err(ErrorCode::CredentialNotAllowed) }
    }
}
