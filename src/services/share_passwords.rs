//! Passwords of shares, tried: as many wrong ones as lock an account lock a share, for as long (`[lockout]`).
//!
//! Attempts at one share take turns: each is looked at, hashed and committed before the next, so that many at once try
//! no more passwords than one after the other could. Whoever waits for a turn holds no thread. A right password is
//! remembered for fifteen minutes, as a keyed digest in memory, until the share is revoked or locked; so the sixty-four
//! that come at once with it cost one hash. While a share is locked, right passwords are refused too.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedMutexGuard, Semaphore};

use super::error::ServiceError;
use super::{Context, Event, Services, shares};
use crate::clock::{MINUTE, Moment, UnixMillis, to_rfc3339};
use crate::config::Lockout;
use crate::crypto::password::Password;
use crate::crypto::signature::{self, SigningKey};
use crate::error_code::ErrorCode;
use crate::gate::share::{Door, PresentedShare, ShareRecord};
use crate::store::shares::Failures;
use crate::store::{Change, Refusal, StoreError, shares as table};

/// How long a right password is remembered.
const REMEMBERED_US: u64 = 15 * 60 * 1_000_000;
/// The most shares whose passwords are remembered.
const MOST_REMEMBERED: usize = 10_000;
/// The most attempts that are under way or wait, of all shares together.
const MOST_WAITING: usize = 1_024;
/// By how much the time of one request may lie behind that of another that was done before it. What lies further ahead
/// was written before the clock was set back, and is cut ([`Rules::mended`]).
const TOLERANCE: i64 = MINUTE;

/// What stays in memory: right passwords, and whose turn it is at which share.
pub struct SharePasswords {
    key: SigningKey,
    rules: Rules,
    remembered: Mutex<HashMap<i64, Remembered>>,
    turns: Mutex<HashMap<i64, Arc<tokio::sync::Mutex<()>>>>,
    waiting: Semaphore,
}

/// A right password, and until when it is remembered, on the monotonic clock.
struct Remembered {
    digest: [u8; 32],
    until: u64,
}

impl SharePasswords {
    /// `key` makes the digests that passwords are remembered by.
    pub fn new(key: SigningKey, lockout: &Lockout) -> Self {
        SharePasswords {
            key,
            rules: Rules::of(lockout),
            remembered: Mutex::new(HashMap::new()),
            turns: Mutex::new(HashMap::new()),
            waiting: Semaphore::new(MOST_WAITING),
        }
    }

    fn digest(&self, share: &ShareRecord, password: &[u8]) -> [u8; 32] {
        self.key.sign(&[&share.number.to_be_bytes(), password])
    }

    fn knows(&self, share: &ShareRecord, digest: &[u8; 32], now: u64) -> bool {
        let remembered = self.remembered.lock();
        remembered.get(&share.number).is_some_and(|known| now < known.until && signature::equal(&known.digest, digest))
    }

    fn remember(&self, share: &ShareRecord, digest: [u8; 32], now: u64) {
        let mut remembered = self.remembered.lock();
        if remembered.len() >= MOST_REMEMBERED {
            remembered.retain(|_, known| now < known.until);
        }
        if remembered.len() < MOST_REMEMBERED {
            remembered.insert(share.number, Remembered { digest, until: now + REMEMBERED_US });
        }
    }

    /// Forgets a share's password: it was revoked, or is locked.
    pub fn forget(&self, share: i64) {
        self.remembered.lock().remove(&share);
    }

    /// The turns at a share. Those of shares that nobody waits at go when there are many.
    fn turns(&self, share: i64) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock();
        if turns.len() >= MOST_WAITING {
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        }
        Arc::clone(turns.entry(share).or_default())
    }
}

/// How many wrong ones, how long it is locked, and when they are forgotten.
#[derive(Clone, Copy, Debug)]
struct Rules {
    attempts: u32,
    lock_ms: i64,
    reset_ms: i64,
}

impl Rules {
    fn of(settings: &Lockout) -> Self {
        Rules {
            attempts: settings.attempts,
            lock_ms: i64::from(settings.minutes) * MINUTE,
            reset_ms: i64::from(settings.reset_minutes) * MINUTE,
        }
    }

    /// How many of the wrong ones still count.
    fn counted(&self, failures: &Failures, now: UnixMillis) -> u32 {
        let holds = if failures.count >= self.attempts { self.lock_ms } else { self.reset_ms };
        if now < failures.last_at + holds { failures.count } else { 0 }
    }

    /// Until when it is locked, if it is.
    fn locked_until(&self, failures: &Failures, now: UnixMillis) -> Option<UnixMillis> {
        (self.counted(failures, now) >= self.attempts).then(|| failures.last_at.min(now) + self.lock_ms)
    }

    fn after_failure(&self, failures: &Failures, now: UnixMillis) -> Failures {
        let last_at = if failures.last_at <= now + TOLERANCE { failures.last_at.max(now) } else { now };
        Failures { count: self.counted(failures, now) + 1, last_at }
    }

    /// What is to stand in place of wrong ones that were counted before the clock was set back: so that no lock ends by
    /// it, nor holds longer than its length. `None` where nothing is wrong.
    fn mended(&self, failures: &Failures, now: UnixMillis) -> Option<Failures> {
        let ahead = failures.count > 0 && failures.last_at > now + TOLERANCE;
        ahead.then_some(Failures { count: failures.count, last_at: now })
    }
}

/// Until when a share is locked, if it is now.
pub fn locked_until(services: &Services, failures: &Failures, now: UnixMillis) -> Option<UnixMillis> {
    services.share_passwords.rules.locked_until(failures, now)
}

/// Shows the password that came with a share's token. Where the share has none, or does not work anyway, it is not
/// looked at. Waits for a turn up to `password.queue_seconds`, then 503.
pub async fn show(
    services: &Arc<Services>,
    context: Context,
    now: Moment,
    share: PresentedShare,
    password: &[u8],
) -> Result<PresentedShare, ServiceError> {
    let (record, passwords) = (Arc::clone(&share.record), &services.share_passwords);
    if !record.has_password || !record.works(now.unix_ms) {
        return Ok(share);
    }
    let digest = passwords.digest(&record, password);
    if passwords.knows(&record, &digest, now.mono_us) {
        return Ok(PresentedShare { record, door: Door::Open });
    }
    let _waits = passwords.waiting.try_acquire().map_err(|_| busy())?;
    let patience = Duration::from_secs(services.config.password.queue_seconds);
    let turn = tokio::time::timeout(patience, passwords.turns(record.number).lock_owned()).await.map_err(|_| busy())?;
    let attempt = Attempt { record, digest, password: parse(password), _turn: turn };
    let services = Arc::clone(services);
    let work = move || try_password(&services, &context, now, attempt);
    let (record, door) = tokio::task::spawn_blocking(work).await.map_err(ServiceError::failed)??;
    Ok(PresentedShare { record, door })
}

fn parse(password: &[u8]) -> Option<Password> {
    Password::parse(std::str::from_utf8(password).ok()?.to_owned()).ok()
}

fn busy() -> ServiceError {
    ServiceError {
        retry_after: Some(2),
        cause: Some(String::from("too many passwords of shares wait for their turn")),
        ..ErrorCode::Busy.into()
    }
}

/// One that has its turn. It keeps it until what came of it is committed, even where nobody waits for the answer.
struct Attempt {
    record: Arc<ShareRecord>,
    digest: [u8; 32],
    /// `None` is one that no share has.
    password: Option<Password>,
    _turn: OwnedMutexGuard<()>,
}

fn try_password(
    services: &Services,
    context: &Context,
    now: Moment,
    attempt: Attempt,
) -> Result<(Arc<ShareRecord>, Door), ServiceError> {
    let Attempt { record, digest, password, _turn } = attempt;
    let passwords = &services.share_passwords;
    // Whoever had the turn before may have shown the same one.
    if passwords.knows(&record, &digest, now.mono_us) {
        return Ok((record, Door::Open));
    }
    let (hash, failures) = lock_of(services, &record, now.unix_ms)?;
    if let Some(until) = passwords.rules.locked_until(&failures, now.unix_ms) {
        return Ok((record, Door::Locked((until - now.unix_ms).max(0) as u64 * 1_000)));
    }
    let matches = match password {
        Some(password) => services.hashing.verify(password, Some(&hash))?,
        None => false,
    };
    if matches {
        if failures != Failures::default() {
            commit_failures(services, context, &record, now.unix_ms, |_| Failures::default())?;
        }
        passwords.remember(&record, digest, now.mono_us);
        return Ok((record, Door::Open));
    }
    let rules = passwords.rules;
    commit_failures(services, context, &record, now.unix_ms, |before| rules.after_failure(before, now.unix_ms))?;
    Ok((record, Door::Refused))
}

/// The hash of the share's password, and the wrong ones so far, mended where the clock was set back since.
fn lock_of(services: &Services, record: &ShareRecord, now: UnixMillis) -> Result<(String, Failures), ServiceError> {
    loop {
        let found = services.store.read(|reader| table::lock_of(reader, record.number))?;
        let Some((Some(hash), failures)) = found else {
            // It was revoked meanwhile.
            return Err(ErrorCode::ShareTokenInvalid.into());
        };
        let Some(mended) = services.share_passwords.rules.mended(&failures, now) else { return Ok((hash, failures)) };
        let mend = table::set_failures(record.number, &failures, &mended);
        match services.store.commit(Change::new().exactly_one(mend, Refusal::Outdated)) {
            Ok(()) | Err(StoreError::Refused(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Commits what an attempt makes of the wrong passwords before it; the one that locks is in the audit log.
fn commit_failures(
    services: &Services,
    context: &Context,
    record: &ShareRecord,
    now: UnixMillis,
    after: impl Fn(&Failures) -> Failures,
) -> Result<(), ServiceError> {
    let passwords = &services.share_passwords;
    loop {
        let (found, share) = services.store.read(|reader| {
            let share = table::by_id(reader, record.organization.number, &record.id)?;
            Ok((table::lock_of(reader, record.number)?, share))
        })?;
        let (Some((_, before)), Some(share)) = (found, share) else { return Ok(()) };
        let after = after(&before);
        let mut change =
            Change::new().exactly_one(table::set_failures(record.number, &before, &after), Refusal::Outdated);
        let locked_until = passwords.rules.locked_until(&after, now);
        if let Some(until) = locked_until {
            let event = Event {
                action: "share.locked",
                organization: Some(record.organization.number),
                target: shares::party(&share),
                changes: Some(serde_json::json!({ "lockedUntil": { "after": to_rfc3339(until) } })),
            };
            change = change.audited(services.audit(context, event)?);
        }
        match services.store.commit(change) {
            Err(StoreError::Refused(Refusal::Outdated)) => {}
            result => {
                if locked_until.is_some() {
                    passwords.forget(record.number);
                }
                return Ok(result?);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = 1_893_456_000_000;

    fn rules() -> Rules {
        Rules::of(&Lockout::default())
    }

    fn failed(times: u32, now: UnixMillis) -> Failures {
        (0..times).fold(Failures::default(), |failures, _| rules().after_failure(&failures, now))
    }

    #[test]
    fn five_wrong_ones_lock_for_fifteen_minutes_and_then_it_begins_anew() {
        assert_eq!(rules().locked_until(&failed(4, NOW), NOW), None);
        let until = NOW + 15 * MINUTE;
        let locked = failed(5, NOW);
        assert_eq!(rules().locked_until(&locked, NOW), Some(until));
        assert_eq!(rules().locked_until(&locked, until - 1), Some(until));
        assert_eq!(rules().locked_until(&locked, until), None);
        assert_eq!(rules().after_failure(&locked, until).count, 1);
    }

    #[test]
    fn half_an_hour_without_a_wrong_one_forgets_the_earlier_ones() {
        let four = failed(4, NOW);
        assert_eq!(rules().after_failure(&four, NOW + 30 * MINUTE - 1).count, 5);
        assert_eq!(rules().after_failure(&four, NOW + 30 * MINUTE).count, 1);
    }

    #[test]
    fn a_lock_of_the_future_is_cut_to_its_length_and_ends() {
        let (ahead, until) = (failed(5, NOW + 365 * 24 * 60 * MINUTE), NOW + 15 * MINUTE);
        assert_eq!(rules().locked_until(&ahead, NOW), Some(until), "as a list shows it before it is mended");
        let mended = rules().mended(&ahead, NOW).unwrap();
        assert_eq!((rules().locked_until(&mended, NOW), rules().mended(&mended, NOW)), (Some(until), None));
        assert_eq!(rules().locked_until(&mended, until), None);
        assert_eq!(rules().mended(&Failures::default(), NOW), None);
    }

    #[test]
    fn a_right_password_is_remembered_for_a_while_and_only_for_its_share() {
        let passwords = SharePasswords::new(SigningKey::new(b"k"), &Lockout::default());
        let share = ShareRecord::example(&["/a"]);
        let other = ShareRecord { number: 10, ..ShareRecord::example(&["/a"]) };
        let digest = passwords.digest(&share, b"right");
        passwords.remember(&share, digest, 0);
        assert!(passwords.knows(&share, &digest, REMEMBERED_US - 1));
        assert!(!passwords.knows(&share, &digest, REMEMBERED_US));
        assert!(!passwords.knows(&share, &passwords.digest(&share, b"wrong"), 0));
        assert!(!passwords.knows(&other, &digest, 0));
        assert_ne!(passwords.digest(&other, b"right"), digest);
        passwords.forget(share.number);
        assert!(!passwords.knows(&share, &digest, 0));
    }
}
