//! Passwords, tried: five wrong ones lock an address for a while, wherever a password is asked for.
//!
//! Whoever checks a password does it in three steps. [`reserve`] (in HTTP: `Call::run_at_place`) waits, without a thread, for one of the places that are
//! left before the lock ([`places`]), and answers `ACCOUNT_LOCKED` where there is none; [`check_password`] hashes, and
//! commits a failure; after a success the caller commits [`Passed::statements`] together with what the password was
//! asked for, and only then lets go of [`Passed`]. The rules are in [`machine`].
//!
//! The networks that a user signed in from lately are counted apart from all others, so that a stranger cannot keep the
//! owner out. For an address that nobody has, all of it is the same: the same reads, the same hash, the same commit.

mod entries;
mod floods;
pub mod machine;
pub mod places;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

pub use self::entries::note_refusal;
use self::entries::{audited, entries, refused};
use self::floods::Floods;
use self::machine::{Rules, Standing};
use self::places::{Asked, Of, Place, Places};
use super::account_links::reader;
use super::error::ServiceError;
use super::outbox::{self, Letter};
use super::{Actor, Context, Services, people};
use crate::clock::{DAY, SECOND, UnixMillis, to_rfc3339};
use crate::config::Config;
use crate::crypto::password::Password;
use crate::crypto::signature::SigningKey;
use crate::error_code::ErrorCode;
use crate::gate::decide::Credential;
use crate::mail;
use crate::store::memberships::Membership;
use crate::store::sign_in_failures::{self, Failures, NOBODY, OTHERS};
use crate::store::users::User;
use crate::store::{
    Change, ReadResult, Reader, Refusal, Statement, StoreError, known_networks, lockout_notices, memberships, users,
};

/// How long a network stays known after the last sign-in from it.
const KNOWN_FOR: i64 = 30 * DAY;
/// The most counts that are kept for addresses that nobody has.
const STRANGERS: u32 = 10_000;

/// What stays in memory: the places, and the refusals that no audit entry tells of yet.
pub struct Lockout {
    subjects: SigningKey,
    rules: Rules,
    places: Arc<Places>,
    floods: Floods,
}

impl Lockout {
    /// `subjects` makes the digests that addresses are counted under.
    pub fn new(subjects: SigningKey, config: &Config) -> Self {
        Lockout {
            subjects,
            rules: Rules::of(&config.lockout),
            places: Arc::new(Places::default()),
            floods: Floods::default(),
        }
    }

    /// What an address is counted under. What is no address is counted as it was typed.
    fn subject(&self, email: &str) -> [u8; 32] {
        self.subjects.sign(&[spelling(email).as_bytes()])
    }
}

fn spelling(email: &str) -> String {
    people::parse_email(email).unwrap_or_else(|_| email.to_owned())
}

/// Whose password is tried.
#[derive(Clone, Debug)]
pub enum Whose {
    /// That of whoever has this address, if anybody has; as it was typed.
    Address(String),
    /// That of the user with this id, who is signed in.
    User(String),
}

/// An attempt that has its place. It is given up by dropping it.
pub struct Attempt {
    user: Option<User>,
    of: Of,
    place: Place,
}

/// A right password. It holds its place until it is dropped: after the commit of what it was asked for.
pub struct Passed {
    /// Whose password it is.
    pub user: User,
    of: Of,
    _place: Place,
}

impl Passed {
    /// What belongs into the change that follows: the earlier failures are forgotten.
    pub fn statements(&self) -> Vec<Statement> {
        let (subject, network) = &self.of;
        vec![sign_in_failures::forget(subject, network)]
    }
}

/// Waits for a place of this address, up to `password.queue_seconds`, then 503; 423 while it is locked.
pub async fn reserve(services: &Arc<Services>, context: &Context, whose: Whose) -> Result<Attempt, ServiceError> {
    let (user, of) = {
        let context = context.clone();
        blocking(services, move |services| who(services, &context, whose)).await?
    };
    let now = context.now;
    let standing = || {
        let of = of.clone();
        blocking(services, move |services| standing(services, &of, now))
    };
    let patience = Duration::from_secs(services.config.password.queue_seconds);
    match tokio::time::timeout(patience, services.lockout.places.take(of.clone(), standing)).await {
        Ok(asked) => match asked? {
            Asked::Place(place) => Ok(Attempt { user, of, place }),
            Asked::Locked(until) => {
                let context = context.clone();
                blocking(services, move |services| note_locked(services, &context, user.as_ref(), &of)).await?;
                let retry_after = Some(((until - now).max(0) as u64).div_ceil(SECOND as u64));
                Err(ServiceError { retry_after, ..ErrorCode::AccountLocked.into() })
            }
            Asked::Busy => Err(busy()),
        },
        Err(_) => Err(busy()),
    }
}

fn busy() -> ServiceError {
    ServiceError {
        retry_after: Some(2),
        cause: Some(String::from("too many sign-ins wait for their turn")),
        ..ErrorCode::Busy.into()
    }
}

async fn blocking<T: Send + 'static>(
    services: &Arc<Services>,
    work: impl FnOnce(&Services) -> Result<T, ServiceError> + Send + 'static,
) -> Result<T, ServiceError> {
    let services = Arc::clone(services);
    tokio::task::spawn_blocking(move || work(&services)).await.map_err(ServiceError::failed)?
}

/// Who it is, and where an attempt from this client counts. An address that nobody has costs the same reads.
fn who(services: &Services, context: &Context, whose: Whose) -> Result<(Option<User>, Of), ServiceError> {
    services.gate.settle_clock(context.now)?;
    let client = network(context).unwrap_or_default();
    let since = context.now - KNOWN_FOR;
    let (user, known) = services.store.read(|reader| {
        let user = match &whose {
            Whose::Address(email) => users::by_email(reader, &spelling(email))?,
            Whose::User(id) => users::by_id(reader, id)?,
        };
        let id = user.as_ref().map_or("", |user| user.id.as_str());
        let known = known_networks::is_known(reader, id, &client, since)?;
        Ok((user, known))
    })?;
    let (email, network) = match (&user, whose, known) {
        (Some(user), _, true) => (user.email.clone(), client),
        (Some(user), _, false) => (user.email.clone(), String::from(OTHERS)),
        (None, Whose::Address(email), _) => (email, String::from(NOBODY)),
        (None, Whose::User(_), _) => return Err(ErrorCode::SessionInvalid.into()),
    };
    Ok((user, (services.lockout.subject(&email), network)))
}

/// The client's network: an IPv4 address, or the /64 of an IPv6 one.
fn network(context: &Context) -> Option<String> {
    Some(match context.ip.as_deref()?.parse().ok()? {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    })
}

/// Part of every change that opens a session: the client's network is one that the user is known from.
pub fn remember_network(context: &Context, user: &User) -> Option<Statement> {
    network(context).map(|network| known_networks::remember(&user.id, &network, context.now))
}

fn standing(services: &Services, (subject, network): &Of, now: UnixMillis) -> Result<Standing, ServiceError> {
    let rules = &services.lockout.rules;
    loop {
        let row = services.store.read(|reader| sign_in_failures::get(reader, subject, network))?;
        let Some((row, mended)) = row.and_then(|row| Some((row, rules.mended(&row, now)?))) else {
            return Ok(rules.standing(row.as_ref(), now));
        };
        let mend = sign_in_failures::carry_on(subject, network, &row, &mended);
        match services.store.commit(Change::new().exactly_one(mend, Refusal::Outdated)) {
            Ok(()) | Err(StoreError::Refused(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Hashes and compares. `None` for a wrong password: that failure is committed before this returns, with its audit
/// entries and, where it is the one that locks, with the mail that says so.
pub fn check_password(
    services: &Services,
    context: &Context,
    attempt: Attempt,
    password: String,
) -> Result<Option<Passed>, ServiceError> {
    let mut attempt = attempt;
    // The password may have been changed while this one waited for its place. Nobody's address costs the same read.
    let id = attempt.user.as_ref().map_or("", |user| user.id.as_str());
    let now = services.store.read(|reader| users::by_id(reader, id))?;
    attempt.user = attempt.user.and(now);
    let hash = attempt.user.as_ref().map(|user| user.password_hash.as_str());
    let matches = match Password::parse(password) {
        Ok(password) => services.hashing.verify(password, hash)?,
        // Nobody has such a password. It costs what any other does.
        Err(_) => services.hashing.verify(Password::parse(String::new()).map_err(ServiceError::failed)?, None)?,
    };
    let Attempt { user, of, place } = attempt;
    match user {
        Some(user) if matches => Ok(Some(Passed { user, of, _place: place })),
        user => {
            note_failure(services, context, user.as_ref(), &of)?;
            Ok(None)
        }
    }
}

/// Commits a failure. Where the count has changed since it was read, it is read again.
fn note_failure(services: &Services, context: &Context, user: Option<&User>, of: &Of) -> Result<(), ServiceError> {
    let (subject, network) = of;
    loop {
        let id = user.map_or("", |user| user.id.as_str());
        let (before, organizations, tell) = services.store.read(|reader| {
            let before = sign_in_failures::get(reader, subject, network)?;
            let organizations = memberships::of_user(reader, id)?;
            Ok((before, organizations, lockout_notices::is_due(reader, id, context.now)?))
        })?;
        let (after, locks) = services.lockout.rules.after_failure(before.as_ref(), context.now);
        let count = match &before {
            None => sign_in_failures::begin(subject, network, &after),
            Some(before) => sign_in_failures::carry_on(subject, network, before, &after),
        };
        let mut change =
            Change::new().exactly_one(count, Refusal::Outdated).then(sign_in_failures::bound_strangers(STRANGERS));
        if let Some(user) = user {
            change = audited(change, refused(services, context, user, &organizations, None)?);
            if locks {
                change = locked(services, context, change, (user, &organizations), &after, tell)?;
            }
        }
        match services.store.commit(change) {
            Err(StoreError::Refused(Refusal::Outdated)) => {}
            result => return Ok(result?),
        }
    }
}

/// Adds what a lock causes: its audit entries, and a mail to the user, one a day.
fn locked(
    services: &Services,
    context: &Context,
    change: Change,
    (user, organizations): (&User, &[Membership]),
    after: &Failures,
    tell: bool,
) -> Result<Change, ServiceError> {
    let until = after.locked_until.unwrap_or(context.now);
    let changes = serde_json::json!({ "lockedUntil": { "after": to_rfc3339(until) } });
    let change = audited(change, entries(services, context, "account.locked", user, organizations, Some(&changes))?);
    if !tell {
        return Ok(change);
    }
    let facts = mail::sign_in::Locked {
        name: reader(user, "").name,
        timezone: &user.timezone,
        failures: after.failures,
        at: context.now,
        until,
        ip: context.ip.as_deref(),
    };
    let message = mail::sign_in::account_locked(&facts, &services.config.public_url());
    let letter = Letter { organization: None, to: &user.email, message, wipe_at: None };
    Ok(change.exactly_one(lockout_notices::note(&user.id, context.now), Refusal::Outdated).then(outbox::post(
        services,
        context.now,
        letter,
    )?))
}

/// A refusal while the account is locked. One a minute is written, and tells how many there were.
fn note_locked(services: &Services, context: &Context, user: Option<&User>, of: &Of) -> Result<(), ServiceError> {
    let id = user.map(|user| user.id.as_str());
    let (ip, user_agent) = (context.ip.as_deref(), context.user_agent.as_deref());
    let Some(count) = services.lockout.floods.count(of, id, ip, user_agent, context.now) else { return Ok(()) };
    let (subject, network) = of;
    let (row, organizations) = services.store.read(|reader| {
        Ok((sign_in_failures::get(reader, subject, network)?, memberships::of_user(reader, id.unwrap_or(""))?))
    })?;
    // The row is written as it is, so that there is as much to commit for an address that nobody has.
    let mut change = Change::new();
    if let Some(row) = row {
        change = change.then(sign_in_failures::carry_on(subject, network, &row, &row));
    }
    if let Some(user) = user {
        change = audited(change, refused(services, context, user, &organizations, Some(("locked", count)))?);
    }
    Ok(services.store.commit(change)?)
}

/// Ends every lock of an address and forgets its failures: to be part of the change that a reset, an administrator or
/// the command line makes.
pub fn clear(services: &Services, email: &str) -> Vec<Statement> {
    vec![sign_in_failures::forget_all(&services.lockout.subject(email))]
}

/// Until when an address is locked, from wherever, if it is now.
pub fn locked_until(
    services: &Services,
    reader: &Reader,
    email: &str,
    now: UnixMillis,
) -> ReadResult<Option<UnixMillis>> {
    sign_in_failures::locked_until(reader, &services.lockout.subject(email), now)
}

/// Forgets what is over, and tells of the refusals that were only counted. Safe to run twice.
pub fn sweep(services: &Services, now: UnixMillis) -> Result<(), ServiceError> {
    services.gate.settle_clock(now)?;
    let mut change = Change::new()
        .then(sign_in_failures::delete_dead(now, services.lockout.rules.reset_ms))
        .then(known_networks::delete_unused(now - KNOWN_FOR));
    for flood in services.lockout.floods.end(now) {
        let id = flood.user.as_deref().unwrap_or("");
        let (user, organizations) =
            services.store.read(|reader| Ok((users::by_id(reader, id)?, memberships::of_user(reader, id)?)))?;
        let actor = Actor::Credential(Credential::Anonymous);
        let context = Context { actor, now, ip: flood.ip, user_agent: flood.user_agent, request_id: None };
        if let Some(user) = user {
            let reason = Some(("locked", flood.count));
            change = audited(change, refused(services, &context, &user, &organizations, reason)?);
        }
    }
    Ok(services.store.commit(change)?)
}
