//! `api_keys`: everything about a key but its plaintext.

use std::collections::HashMap;

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row, params_from_iter};

use super::{ReadResult, Reader, Statement};
use crate::clock::UnixMillis;
use crate::role::Role;

/// What a key may be changed in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Settings {
    pub name: String,
    /// A user's id; `None` = the organization.
    pub owner: Option<String>,
    pub role: Role,
    /// `None` = unrestricted.
    pub scopes: Option<Vec<String>>,
    /// Addresses and ranges; `None` = any address.
    pub ip_allow_list: Option<Vec<String>>,
    /// Requests a minute; `None` = the default.
    pub rate_limit: Option<u32>,
    pub external_id: Option<String>,
    /// A JSON object.
    pub metadata: Option<String>,
    pub active: bool,
    pub expires_at: Option<UnixMillis>,
}

/// One key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ApiKey {
    pub number: i64,
    pub id: String,
    /// The number of the first key of its chain of rotations; all of a family share one window and one count.
    pub family: i64,
    pub organization: i64,
    /// A user's id; `None` = the operator.
    pub created_by: Option<String>,
    pub created_by_name: String,
    /// What may be shown of the key.
    pub prefix: String,
    /// `live` or `test`
    pub environment: String,
    pub settings: Settings,
    pub created_at: UnixMillis,
    pub rotated_from: Option<String>,
    pub superseded_at: Option<UnixMillis>,
    pub grace_ends_at: Option<UnixMillis>,
    pub deleted_at: Option<UnixMillis>,
    pub version: i64,
}

/// What a key is looked up and checked by.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// The keyed digest of the token's digest.
    pub lookup: [u8; 32],
    /// The token's digest, sealed.
    pub sealed: Vec<u8>,
}

fn list_of(text: Option<String>) -> Option<Vec<String>> {
    text.and_then(|text| serde_json::from_str(&text).ok())
}

fn text_of(list: Option<&Vec<String>>) -> Value {
    list.map(|list| serde_json::Value::from(list.clone()).to_string()).into()
}

impl ApiKey {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let role: String = row.get("role")?;
        Ok(ApiKey {
            number: row.get("number")?,
            id: row.get("id")?,
            family: row.get("family")?,
            organization: row.get("organization")?,
            created_by: row.get("created_by")?,
            created_by_name: row.get("created_by_name")?,
            prefix: row.get("prefix")?,
            environment: row.get("environment")?,
            settings: Settings {
                name: row.get("name")?,
                owner: row.get("owner")?,
                role: Role::parse(&role).unwrap_or(Role::Viewer),
                scopes: list_of(row.get("scopes")?),
                ip_allow_list: list_of(row.get("ip_allow_list")?),
                rate_limit: row.get("rate_limit")?,
                external_id: row.get("external_id")?,
                metadata: row.get("metadata")?,
                active: row.get("active")?,
                expires_at: row.get("expires_at")?,
            },
            created_at: row.get("created_at")?,
            rotated_from: row.get("rotated_from")?,
            superseded_at: row.get("superseded_at")?,
            grace_ends_at: row.get("grace_ends_at")?,
            deleted_at: row.get("deleted_at")?,
            version: row.get("version")?,
        })
    }
}

/// The plan that a new key must find, and the room it must find in it.
pub struct Room<'a> {
    /// The organization's plan as it was read.
    pub plan: &'a str,
    /// How many keys the plan gives; `None` = any number.
    pub allowance: Option<u32>,
}

/// Adds a key if the plan still is `room.plan` and has room for one more. Changes one row, or none.
pub fn insert(key: &ApiKey, secret: &Secret, room: &Room<'_>) -> Statement {
    let mut values = values_of(key, secret);
    values.push(Value::from(room.plan.to_owned()));
    values.push(room.allowance.map(i64::from).into());
    Statement::new(
        "INSERT INTO api_keys (number, id, family, organization, owner, created_by, created_by_name, name, prefix,
             environment, role, scopes, ip_allow_list, rate_limit, external_id, metadata, active, created_at,
             expires_at, rotated_from, lookup, sealed, version)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, 1
         WHERE (SELECT plan FROM organizations WHERE number = ?4) = ?23
           AND (?24 IS NULL OR ?24 > (SELECT count(*) FROM (
                    SELECT 1 FROM api_keys
                    WHERE organization = ?4 AND deleted_at IS NULL AND superseded_at IS NULL LIMIT ?24)))",
        values,
    )
}

fn values_of(key: &ApiKey, secret: &Secret) -> Vec<Value> {
    let settings = &key.settings;
    vec![
        Value::from(key.number),
        Value::from(key.id.clone()),
        Value::from(key.family),
        Value::from(key.organization),
        Value::from(settings.owner.clone()),
        Value::from(key.created_by.clone()),
        Value::from(key.created_by_name.clone()),
        Value::from(settings.name.clone()),
        Value::from(key.prefix.clone()),
        Value::from(key.environment.clone()),
        Value::from(settings.role.as_str().to_owned()),
        text_of(settings.scopes.as_ref()),
        text_of(settings.ip_allow_list.as_ref()),
        settings.rate_limit.map(i64::from).into(),
        Value::from(settings.external_id.clone()),
        Value::from(settings.metadata.clone()),
        Value::from(settings.active),
        Value::from(key.created_at),
        Value::from(settings.expires_at),
        Value::from(key.rotated_from.clone()),
        Value::from(secret.lookup.to_vec()),
        Value::from(secret.sealed.clone()),
    ]
}

/// Changes the settings of the key as it was read (`key.version`).
pub fn update(key: &ApiKey, settings: &Settings) -> Statement {
    Statement::new(
        "UPDATE api_keys SET name = ?3, owner = ?4, role = ?5, scopes = ?6, ip_allow_list = ?7, rate_limit = ?8,
             external_id = ?9, metadata = ?10, active = ?11, expires_at = ?12, version = version + 1
         WHERE id = ?1 AND version = ?2 AND deleted_at IS NULL",
        vec![
            Value::from(key.id.clone()),
            Value::from(key.version),
            Value::from(settings.name.clone()),
            Value::from(settings.owner.clone()),
            Value::from(settings.role.as_str().to_owned()),
            text_of(settings.scopes.as_ref()),
            text_of(settings.ip_allow_list.as_ref()),
            settings.rate_limit.map(i64::from).into(),
            Value::from(settings.external_id.clone()),
            Value::from(settings.metadata.clone()),
            Value::from(settings.active),
            Value::from(settings.expires_at),
        ],
    )
}

/// Marks the key as it was read as superseded by a successor; it works until `grace_ends_at`.
pub fn supersede(key: &ApiKey, now: UnixMillis, grace_ends_at: UnixMillis) -> Statement {
    Statement::new(
        "UPDATE api_keys SET superseded_at = ?3, grace_ends_at = ?4, version = version + 1
         WHERE id = ?1 AND version = ?2 AND deleted_at IS NULL AND superseded_at IS NULL",
        vec![Value::from(key.id.clone()), Value::from(key.version), Value::from(now), Value::from(grace_ends_at)],
    )
}

/// Deletes the key as it was read: the row stays for its requests and its audit, its secret goes.
pub fn delete(key: &ApiKey, now: UnixMillis) -> Statement {
    Statement::new(
        "UPDATE api_keys SET deleted_at = ?3, lookup = NULL, sealed = NULL, version = version + 1
         WHERE id = ?1 AND version = ?2 AND deleted_at IS NULL",
        vec![Value::from(key.id.clone()), Value::from(key.version), Value::from(now)],
    )
}

/// The one with this id in this organization, deleted ones too.
pub fn by_id(reader: &Reader, organization: i64, id: &str) -> ReadResult<Option<ApiKey>> {
    reader
        .prepare_cached("SELECT * FROM api_keys WHERE id = ?1 AND organization = ?2")?
        .query_row((id, organization), ApiKey::from_row)
        .optional()
}

/// Which family each of these keys of one organization is of, deleted ones too; ids that it has not are left out.
pub fn families_of(reader: &Reader, organization: i64, ids: &[String]) -> ReadResult<HashMap<String, i64>> {
    reader
        .prepare_cached(
            "SELECT id, family FROM api_keys
             WHERE id IN (SELECT value FROM json_each(?2)) AND organization = ?1",
        )?
        .query_map((organization, serde_json::Value::from(ids).to_string()), |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// Every family of an organization, those of deleted keys too.
pub fn all_families(reader: &Reader, organization: i64) -> ReadResult<Vec<i64>> {
    reader
        .prepare_cached("SELECT DISTINCT family FROM api_keys WHERE organization = ?1")?
        .query_map([organization], |row| row.get(0))?
        .collect()
}

/// How many keys of an organization count towards its plan: every one but deleted and superseded ones.
pub fn counting(reader: &Reader, organization: i64) -> ReadResult<i64> {
    reader
        .prepare_cached(
            "SELECT count(*) FROM api_keys
             WHERE organization = ?1 AND deleted_at IS NULL AND superseded_at IS NULL",
        )?
        .query_row([organization], |row| row.get(0))
}

/// The one with this id, whichever organization's.
pub fn by_id_anywhere(reader: &Reader, id: &str) -> ReadResult<Option<ApiKey>> {
    reader.prepare_cached("SELECT * FROM api_keys WHERE id = ?1")?.query_row([id], ApiKey::from_row).optional()
}

/// The one that `lookup` finds, with its sealed digest.
pub fn by_lookup(reader: &Reader, lookup: &[u8; 32]) -> ReadResult<Option<(ApiKey, Vec<u8>)>> {
    reader
        .prepare_cached("SELECT * FROM api_keys WHERE lookup = ?1")?
        .query_row([&lookup[..]], |row| Ok((ApiKey::from_row(row)?, row.get("sealed")?)))
        .optional()
}

/// The keys of one organization that work at `now` and are somebody's own.
pub fn working_of(reader: &Reader, organization: i64, owner: &str, now: UnixMillis) -> ReadResult<i64> {
    reader
        .prepare_cached(
            "SELECT count(*) FROM api_keys INDEXED BY api_keys_by_owner
             WHERE owner = ?2 AND deleted_at IS NULL AND organization = ?1 AND active = 1
                 AND (expires_at IS NULL OR expires_at > ?3) AND (superseded_at IS NULL OR grace_ends_at > ?3)",
        )?
        .query_row((organization, owner, now), |row| row.get(0))
}

/// Keeps what had ended before the clock was set back to `now` ended: keys that had expired by `believed`, and superseded
/// ones whose grace was over by then. What is left of a grace that began at a time that is ahead now is left to it, and no
/// more; `before` is what the clock had said.
pub fn end_dead(believed: UnixMillis, before: UnixMillis, now: UnixMillis) -> [Statement; 2] {
    [
        Statement::new(
            "UPDATE api_keys SET expires_at = ?2, version = version + 1
             WHERE expires_at > ?2 AND expires_at <= ?1 AND expires_at IS NOT NULL AND deleted_at IS NULL",
            vec![Value::from(believed), Value::from(now)],
        ),
        Statement::new(
            "UPDATE api_keys
             SET superseded_at = min(superseded_at, ?2), version = version + 1,
                 grace_ends_at = iif(superseded_at > ?2, max(grace_ends_at - ?3, ?2), ?2)
             WHERE superseded_at IS NOT NULL AND deleted_at IS NULL AND grace_ends_at > ?2
                 AND (superseded_at > ?2 OR grace_ends_at <= ?1)",
            vec![Value::from(believed), Value::from(now), Value::from(before - now)],
        ),
    ]
}

/// When the last key of a family ends that may make shares: one that is on, of a member's role at least, live, and
/// without bounds that a share could not carry (scopes, addresses). `None` where there is no such key;
/// [`UnixMillis::MAX`] where it has no end.
pub fn end_of_sharing(reader: &Reader, family: i64) -> ReadResult<Option<UnixMillis>> {
    reader
        .prepare_cached(
            "SELECT max(min(coalesce(expires_at, 9223372036854775807),
                            iif(superseded_at IS NULL, 9223372036854775807, coalesce(grace_ends_at, superseded_at))))
             FROM api_keys
             WHERE family = ?1 AND deleted_at IS NULL AND active = 1 AND role <> 'viewer'
                 AND scopes IS NULL AND ip_allow_list IS NULL AND environment = 'live'",
        )?
        .query_row([family], |row| row.get(0))
}

/// Keys that work and end after `now` and not after `until`, and whose end was not told of; by number, from `after`
/// (exclusive). Keys whose owner is gone or disabled work no more.
pub fn ending(
    reader: &Reader,
    now: UnixMillis,
    until: UnixMillis,
    after: i64,
    limit: usize,
) -> ReadResult<Vec<ApiKey>> {
    let mut statement = reader.prepare_cached(
        "SELECT * FROM api_keys
         WHERE expires_at > ?1 AND expires_at <= ?2 AND expires_at IS NOT NULL AND deleted_at IS NULL
             AND superseded_at IS NULL AND active = 1 AND number > ?3
             AND (owner IS NULL OR EXISTS (
                 SELECT 1 FROM memberships JOIN users ON users.id = memberships.user
                 WHERE memberships.organization = api_keys.organization AND memberships.user = api_keys.owner
                     AND users.disabled_at IS NULL))
             AND NOT EXISTS (SELECT 1 FROM expiry_warnings
                             WHERE expiry_warnings.key = number AND expiry_warnings.expires_at = api_keys.expires_at)
         ORDER BY number LIMIT ?4",
    )?;
    let rows = statement.query_map((now, until, after, limit as i64), ApiKey::from_row)?;
    rows.collect()
}

/// Whether a key's id and name are known, whatever became of it: for what its requests are shown under.
pub fn label(reader: &Reader, number: i64) -> ReadResult<Option<(String, String)>> {
    reader
        .prepare_cached("SELECT id, name FROM api_keys WHERE number = ?1")?
        .query_row([number], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
}

/// What a key is at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It works.
    Active,
    /// It was switched off.
    Deactivated,
    /// Its time is over.
    Expired,
    /// It was rotated; it may work until its grace ends.
    Superseded,
}

impl Status {
    /// All of them.
    pub const ALL: [Status; 4] = [Status::Active, Status::Deactivated, Status::Expired, Status::Superseded];

    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Active => "active",
            Status::Deactivated => "deactivated",
            Status::Expired => "expired",
            Status::Superseded => "superseded",
        }
    }

    /// Reads a name.
    pub fn parse(text: &str) -> Option<Status> {
        Status::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// The condition that [`ApiKey::status`] says in Rust; `#` is the present time.
    fn condition(self) -> &'static str {
        match self {
            Status::Superseded => "superseded_at IS NOT NULL",
            Status::Deactivated => "superseded_at IS NULL AND active = 0",
            Status::Expired => "superseded_at IS NULL AND active = 1 AND expires_at <= #",
            Status::Active => "superseded_at IS NULL AND active = 1 AND (expires_at IS NULL OR expires_at > #)",
        }
    }
}

impl ApiKey {
    /// What the key is at `now`.
    pub fn status(&self, now: UnixMillis) -> Status {
        if self.superseded_at.is_some() {
            Status::Superseded
        } else if !self.settings.active {
            Status::Deactivated
        } else if self.settings.expires_at.is_some_and(|expires_at| expires_at <= now) {
            Status::Expired
        } else {
            Status::Active
        }
    }
}

/// Which keys of one organization are wanted.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct Filter {
    pub organization: i64,
    pub status: Option<Status>,
    pub environment: Option<String>,
    /// In the name, the shown prefix or the external id, whatever the case.
    pub text: Option<String>,
    /// Only keys before this number (exclusive).
    pub before: Option<i64>,
    pub now: UnixMillis,
}

/// The newest keys first; deleted ones are not among them.
pub fn list(reader: &Reader, filter: &Filter, limit: usize) -> ReadResult<Vec<ApiKey>> {
    let mut sql = String::from("SELECT * FROM api_keys WHERE organization = ?1 AND deleted_at IS NULL");
    let mut values = vec![Value::from(filter.organization)];
    let mut and = |condition: &str, value: Value| {
        values.push(value);
        sql.push_str(&condition.replace('#', &format!("?{}", values.len())));
    };
    if let Some(status) = filter.status {
        and(&format!(" AND {} AND # IS NOT NULL", status.condition()), Value::from(filter.now));
    }
    if let Some(environment) = &filter.environment {
        and(" AND environment = #", Value::from(environment.clone()));
    }
    if let Some(text) = &filter.text {
        and(
            " AND (instr(lower(name), #) OR instr(prefix, #) OR instr(lower(coalesce(external_id, '')), #))",
            Value::from(text.to_lowercase()),
        );
    }
    if let Some(before) = filter.before {
        and(" AND number < #", Value::from(before));
    }
    and(" ORDER BY number DESC LIMIT #", Value::from(limit as i64));
    let mut statement = reader.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), ApiKey::from_row)?;
    rows.collect()
}
