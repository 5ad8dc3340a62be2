-- claviger.db as version 1 made it.

CREATE TABLE facts (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE organizations (
    number     INTEGER PRIMARY KEY,
    id         TEXT    NOT NULL UNIQUE,
    name       TEXT    NOT NULL,
    plan       TEXT    NOT NULL,
    home       INTEGER NOT NULL CHECK (home IN (0, 1)),
    created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX organizations_one_home ON organizations (home) WHERE home = 1;

CREATE TABLE users (
    id                TEXT PRIMARY KEY,
    email             TEXT    NOT NULL UNIQUE,
    name              TEXT    NOT NULL,
    password_hash     TEXT    NOT NULL,
    timezone          TEXT    NOT NULL,
    email_verified_at INTEGER,
    disabled_at       INTEGER,
    created_at        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE memberships (
    organization INTEGER NOT NULL REFERENCES organizations (number) ON DELETE CASCADE,
    user         TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role         TEXT    NOT NULL CHECK (role IN ('viewer', 'member', 'admin', 'owner')),
    joined_at    INTEGER NOT NULL,
    PRIMARY KEY (organization, user)
) STRICT, WITHOUT ROWID;
CREATE INDEX memberships_by_user ON memberships (user);

CREATE TABLE sessions (
    id           TEXT PRIMARY KEY,
    digest       BLOB    NOT NULL UNIQUE,
    gate_digest  BLOB    UNIQUE,                   -- of the cookie that is good at /verify alone
    user         TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    organization INTEGER NOT NULL REFERENCES organizations (number) ON DELETE CASCADE,
    created_at   INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    ip           TEXT    NOT NULL,
    user_agent   TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_user ON sessions (user);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- A key's plaintext is never here: `lookup` is a keyed digest of its digest, `sealed` the digest under the master key.
CREATE TABLE api_keys (
    number          INTEGER PRIMARY KEY,
    id              TEXT    NOT NULL UNIQUE,
    family          INTEGER NOT NULL,              -- the number of the first key of a chain of rotations
    organization    INTEGER NOT NULL REFERENCES organizations (number) ON DELETE CASCADE,
    owner           TEXT,                          -- a user's id; NULL = the organization
    created_by      TEXT,                          -- a user's id; NULL = the operator
    created_by_name TEXT    NOT NULL,
    name            TEXT    NOT NULL,
    prefix          TEXT    NOT NULL,
    environment     TEXT    NOT NULL CHECK (environment IN ('live', 'test')),
    role            TEXT    NOT NULL CHECK (role IN ('viewer', 'member', 'admin')),
    scopes          TEXT,                          -- a JSON array; NULL = unrestricted
    ip_allow_list   TEXT,                          -- a JSON array; NULL = any address
    rate_limit      INTEGER,
    external_id     TEXT,
    metadata        TEXT,
    active          INTEGER NOT NULL CHECK (active IN (0, 1)),
    created_at      INTEGER NOT NULL,
    expires_at      INTEGER,
    rotated_from    TEXT,
    superseded_at   INTEGER,
    grace_ends_at   INTEGER,
    deleted_at      INTEGER,
    lookup          BLOB UNIQUE,                   -- NULL once deleted
    sealed          BLOB,
    version         INTEGER NOT NULL
) STRICT;
CREATE INDEX api_keys_by_organization ON api_keys (organization, number) WHERE deleted_at IS NULL;
CREATE INDEX api_keys_by_family ON api_keys (family);
CREATE INDEX api_keys_by_owner ON api_keys (owner) WHERE deleted_at IS NULL;
CREATE INDEX api_keys_by_expiry ON api_keys (expires_at) WHERE expires_at IS NOT NULL AND deleted_at IS NULL;

-- Every shape that a key was ever made in, so that older keys are still known as such when the settings change.
CREATE TABLE key_shapes (
    prefix     TEXT    NOT NULL,
    hex_digits INTEGER NOT NULL,
    checksum   INTEGER NOT NULL CHECK (checksum IN (0, 1)),
    PRIMARY KEY (prefix, hex_digits, checksum)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit_log (
    seq          INTEGER PRIMARY KEY,
    id           TEXT    NOT NULL UNIQUE,
    at           INTEGER NOT NULL,
    organization INTEGER,
    action       TEXT    NOT NULL,
    actor_kind   TEXT    NOT NULL,
    actor_id     TEXT,
    actor_name   TEXT    NOT NULL,
    target_kind  TEXT    NOT NULL,
    target_id    TEXT    NOT NULL,
    target_name  TEXT    NOT NULL,
    ip           TEXT,
    user_agent   TEXT,
    request_id   TEXT,
    changes      TEXT,
    digest       BLOB    NOT NULL,
    link         BLOB    NOT NULL
) STRICT;
CREATE INDEX audit_log_by_organization ON audit_log (organization, seq);
CREATE INDEX audit_log_by_action ON audit_log (organization, action, seq);
CREATE INDEX audit_log_by_actor ON audit_log (organization, actor_id, seq);
CREATE INDEX audit_log_by_target ON audit_log (organization, target_id, seq);

-- Where the chain begins after its older part was pruned: the last link that went, signed.
CREATE TABLE audit_checkpoint (
    only      INTEGER PRIMARY KEY CHECK (only = 1),
    seq       INTEGER NOT NULL,
    link      BLOB    NOT NULL,
    signature BLOB    NOT NULL
) STRICT;
