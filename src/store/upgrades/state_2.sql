-- claviger.db from version 1 to 2: accounts, teams and mail.

ALTER TABLE memberships ADD COLUMN last_seen_at INTEGER;
CREATE INDEX memberships_by_joining ON memberships (organization, joined_at, user);
CREATE INDEX memberships_by_role ON memberships (organization, role, user);
CREATE INDEX audit_log_by_time ON audit_log (organization, at, seq);

-- Tokens in mails and links to sign in: known by their digests, used once.
CREATE TABLE account_tokens (
    digest     BLOB    PRIMARY KEY,
    kind       TEXT    NOT NULL CHECK (kind IN ('reset_password', 'verify_email', 'change_email', 'sign_in')),
    user       TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    email      TEXT    NOT NULL,                   -- the address that it was sent to, which its use proves
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX account_tokens_by_user ON account_tokens (user, kind);
CREATE INDEX account_tokens_by_expiry ON account_tokens (expires_at);

-- Two tokens lead to an invitation: `digest` is of the link that is shown, `mail_digest` of the one that is mailed,
-- whose use proves the address too.
CREATE TABLE invitations (
    id              TEXT PRIMARY KEY,
    organization    INTEGER NOT NULL REFERENCES organizations (number) ON DELETE CASCADE,
    email           TEXT    NOT NULL,
    role            TEXT    NOT NULL CHECK (role IN ('viewer', 'member', 'admin', 'owner')),
    invited_by      TEXT,                          -- a user's id; NULL = the operator
    invited_by_name TEXT    NOT NULL,
    created_at      INTEGER NOT NULL,
    expires_at      INTEGER NOT NULL,
    digest          BLOB    NOT NULL UNIQUE,
    mail_digest     BLOB    NOT NULL UNIQUE,
    accepted_at     INTEGER,
    revoked_at      INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX invitations_by_organization ON invitations (organization, id);
CREATE INDEX invitations_by_email ON invitations (email);

-- Failed sign-ins, for addresses that somebody has and for those that nobody has alike.
CREATE TABLE sign_in_failures (
    subject      BLOB    NOT NULL,                 -- a keyed digest of the address
    network      TEXT    NOT NULL,                 -- a network that the user is known from; '' = all others; '?' = nobody has the address
    failures     INTEGER NOT NULL,
    last_at      INTEGER NOT NULL,
    locked_until INTEGER,
    PRIMARY KEY (subject, network)
) STRICT, WITHOUT ROWID;
CREATE INDEX sign_in_failures_by_time ON sign_in_failures (last_at);

CREATE TABLE known_networks (
    user    TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    network TEXT    NOT NULL,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (user, network)
) STRICT, WITHOUT ROWID;

CREATE TABLE lockout_notices (
    user      TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    mailed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Which keys' ends were told of, so that each is told once for each date.
CREATE TABLE expiry_warnings (
    key        INTEGER NOT NULL REFERENCES api_keys (number) ON DELETE CASCADE,
    expires_at INTEGER NOT NULL,
    warned_at  INTEGER NOT NULL,
    PRIMARY KEY (key, expires_at)
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
    id              TEXT PRIMARY KEY,
    organization    INTEGER REFERENCES organizations (number) ON DELETE CASCADE, -- NULL = about an account: shown on the command line alone
    kind            TEXT    NOT NULL,
    recipient       TEXT    NOT NULL,
    subject         TEXT    NOT NULL,
    sealed          BLOB,                          -- text and HTML under the master key; NULL once wiped
    wipe_at         INTEGER,                       -- when the token in it has run out
    state           TEXT    NOT NULL CHECK (state IN ('waiting', 'delivered', 'dead')),
    attempts        INTEGER NOT NULL,
    next_attempt_at INTEGER NOT NULL,
    last_error      TEXT,
    created_at      INTEGER NOT NULL,
    finished_at     INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX outbox_due ON outbox (next_attempt_at) WHERE state = 'waiting';
CREATE INDEX outbox_by_organization ON outbox (organization, id);
CREATE INDEX outbox_to_wipe ON outbox (wipe_at) WHERE wipe_at IS NOT NULL AND sealed IS NOT NULL;
