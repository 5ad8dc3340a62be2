-- Claviger's two databases. The code reads this file: each part runs as it stands, in one transaction, on a new database.
-- Times are unix milliseconds UTC. Ids are text with a type prefix over a UUIDv7; `number` columns are short names for
-- the same things, used where millions of rows refer to them. An upgrade of either part is a new entry in
-- src/store/schema.rs, and this file always shows the newest shape.

-- part: state (claviger.db)

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
    last_seen_at INTEGER,
    PRIMARY KEY (organization, user)
) STRICT, WITHOUT ROWID;
CREATE INDEX memberships_by_user ON memberships (user);
CREATE INDEX memberships_by_joining ON memberships (organization, joined_at, user);
CREATE INDEX memberships_by_role ON memberships (organization, role, user);

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
CREATE INDEX audit_log_by_time ON audit_log (organization, at, seq);
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

-- Projects and templates

CREATE TABLE projects (
    id           TEXT PRIMARY KEY,
    organization INTEGER NOT NULL REFERENCES organizations (number) ON DELETE CASCADE,
    name         TEXT    NOT NULL,
    description  TEXT    NOT NULL,
    status       TEXT    NOT NULL CHECK (status IN ('draft', 'active', 'paused', 'done', 'archived')),
    owner        TEXT,                             -- a user's id; NULL = the organization
    owner_name   TEXT    NOT NULL,                 -- the name at that time, for when the account is gone
    version      INTEGER NOT NULL,                 -- of name, description, status and members; the PRD has its own
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX projects_by_organization ON projects (organization, id);
CREATE INDEX projects_by_owner ON projects (organization, owner, id);
CREATE INDEX projects_by_status ON projects (organization, status, id);

-- Who leaves the organization leaves its projects.
CREATE TABLE project_members (
    project      TEXT    NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user         TEXT    NOT NULL,
    organization INTEGER NOT NULL,
    access       TEXT    NOT NULL CHECK (access IN ('read', 'write')),
    added_at     INTEGER NOT NULL,
    PRIMARY KEY (project, user),
    FOREIGN KEY (organization, user) REFERENCES memberships (organization, user) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX project_members_by_user ON project_members (organization, user, project);

-- Every version of every PRD; the newest is the one in force. The content stands last, so that lists need not read it.
CREATE TABLE project_prd_versions (
    project      TEXT    NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    version      INTEGER NOT NULL,
    bytes        INTEGER NOT NULL,
    written_at   INTEGER NOT NULL,
    written_kind TEXT    NOT NULL,
    written_by   TEXT,
    written_name TEXT    NOT NULL,
    content      TEXT    NOT NULL,
    PRIMARY KEY (project, version)
) STRICT;

CREATE TABLE project_status_history (
    project      TEXT    NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    number       INTEGER NOT NULL,                 -- the project's version that the change made
    at           INTEGER NOT NULL,
    before       TEXT,                             -- NULL = it was made with this status
    status       TEXT    NOT NULL,
    note         TEXT,
    changed_kind TEXT    NOT NULL,
    changed_by   TEXT,
    changed_name TEXT    NOT NULL,
    PRIMARY KEY (project, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE templates (
    id           TEXT    PRIMARY KEY,
    organization INTEGER NOT NULL REFERENCES organizations (number) ON DELETE CASCADE,
    name         TEXT    NOT NULL,
    description  TEXT    NOT NULL,
    version      INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    bytes        INTEGER NOT NULL,
    prd          TEXT    NOT NULL
) STRICT;
CREATE INDEX templates_by_organization ON templates (organization, id);

-- How many bytes of PRDs (every version) and templates each organization keeps.
CREATE TABLE organization_texts (
    organization INTEGER PRIMARY KEY REFERENCES organizations (number) ON DELETE CASCADE,
    bytes        INTEGER NOT NULL
) STRICT;

-- Share tokens

-- Known by the digests of their tokens. One that was revoked stays, for its requests and its audit.
CREATE TABLE shares (
    number          INTEGER PRIMARY KEY,           -- in the ledger it stands where a key's number and family stand
    id              TEXT    NOT NULL UNIQUE,
    organization    INTEGER NOT NULL REFERENCES organizations (number) ON DELETE CASCADE,
    project         TEXT,                          -- a project's id; NULL = paths of the API behind the gate
    paths           TEXT,                          -- a JSON array, as rules have them
    host            TEXT,                          -- NULL = any host
    methods         TEXT,                          -- a JSON array
    name            TEXT,
    created_by      TEXT,                          -- a user's id; NULL = a key that its organization owns
    created_by_name TEXT    NOT NULL,
    key_family      INTEGER,                       -- of the key that it was made with, whose end is its own; NULL = a session
    created_at      INTEGER NOT NULL,
    expires_at      INTEGER,
    revoked_at      INTEGER,
    digest          BLOB    UNIQUE,                -- of the token; NULL once revoked
    password_hash   TEXT,
    failures        INTEGER NOT NULL DEFAULT 0,    -- wrong passwords, one soon after the other
    last_failed_at  INTEGER NOT NULL DEFAULT 0,
    CHECK ((project IS NULL) = (paths IS NOT NULL) AND (paths IS NULL) = (methods IS NULL))
) STRICT;
CREATE INDEX shares_by_project ON shares (project, number) WHERE project IS NOT NULL AND revoked_at IS NULL;
CREATE INDEX shares_by_organization ON shares (organization, number) WHERE project IS NULL AND revoked_at IS NULL;
CREATE INDEX shares_by_maker ON shares (organization, created_by, number) WHERE project IS NULL AND revoked_at IS NULL;

-- Webhooks

-- A webhook's secret, and for a while the one before it, are under the master key.
CREATE TABLE webhooks (
    id                    TEXT PRIMARY KEY,
    organization          INTEGER NOT NULL,        -- no reference: what is queued goes in batches, not with a cascade
    url                   TEXT    NOT NULL,
    events                TEXT    NOT NULL,        -- a JSON array of patterns
    description           TEXT    NOT NULL,
    active                INTEGER NOT NULL CHECK (active IN (0, 1)),
    disabled_reason       TEXT    CHECK (disabled_reason IN ('user', 'gone', 'failing')), -- NULL while it is active
    failing_since         INTEGER,                 -- the first attempt that failed since the last that did not
    secret                BLOB    NOT NULL,
    previous_secret       BLOB,
    previous_secret_until INTEGER,
    created_at            INTEGER NOT NULL,
    created_by            TEXT,                    -- a user's id; NULL = a key of the organization's own
    created_by_name       TEXT    NOT NULL,
    version               INTEGER NOT NULL,
    deleted_at            INTEGER                  -- nobody sees it any more; it stays until its deliveries are gone
) STRICT, WITHOUT ROWID;
CREATE INDEX webhooks_by_organization ON webhooks (organization, id) WHERE deleted_at IS NULL;
CREATE INDEX webhooks_deleted ON webhooks (id) WHERE deleted_at IS NOT NULL;
CREATE INDEX webhooks_by_previous_secret ON webhooks (previous_secret_until) WHERE previous_secret_until IS NOT NULL;
CREATE INDEX webhooks_active ON webhooks (organization, id) WHERE active = 1;

-- What is told: made once, however many webhooks it goes to.
CREATE TABLE webhook_events (
    id           TEXT PRIMARY KEY,
    organization INTEGER NOT NULL,                 -- no reference, as above
    type         TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    body         TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_events_by_organization ON webhook_events (organization);

-- The queue, and what became of each delivery.
CREATE TABLE webhook_deliveries (
    webhook         TEXT    NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    event           TEXT    NOT NULL REFERENCES webhook_events (id) ON DELETE CASCADE,
    state           TEXT    NOT NULL CHECK (state IN ('waiting', 'delivered', 'failed')),
    attempts        INTEGER NOT NULL,
    next_attempt_at INTEGER NOT NULL,
    status          INTEGER,                       -- of the last answer; NULL where there was none
    duration_ms     INTEGER,
    response_body   TEXT,
    last_error      TEXT,
    finished_at     INTEGER,
    PRIMARY KEY (webhook, event)
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_deliveries_by_event ON webhook_deliveries (event);
CREATE INDEX webhook_deliveries_by_state ON webhook_deliveries (webhook, state, event);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook, next_attempt_at) WHERE state = 'waiting';

-- Widgets

CREATE TABLE widgets (
    number              INTEGER PRIMARY KEY,       -- what its limit and its requests in the ledger are kept under
    id                  TEXT    NOT NULL UNIQUE,   -- public: it stands in the customer's page
    organization        INTEGER NOT NULL REFERENCES organizations (number) ON DELETE CASCADE,
    name                TEXT    NOT NULL,
    allowed_origins     TEXT    NOT NULL,          -- a JSON array; [] = any origin
    require_identity    INTEGER NOT NULL CHECK (require_identity IN (0, 1)),
    webhook             TEXT    REFERENCES webhooks (id), -- whose secret is used in place of its own
    requests_per_minute INTEGER NOT NULL,
    sealed              BLOB    NOT NULL,          -- its own secret under the master key
    created_at          INTEGER NOT NULL,
    updated_at          INTEGER NOT NULL,
    version             INTEGER NOT NULL
) STRICT;
CREATE INDEX widgets_by_organization ON widgets (organization, number);
CREATE INDEX widgets_by_webhook ON widgets (webhook) WHERE webhook IS NOT NULL;

CREATE TABLE widget_sessions (
    digest        BLOB    PRIMARY KEY,
    widget        INTEGER NOT NULL REFERENCES widgets (number) ON DELETE CASCADE,
    user          TEXT,                            -- proved by its hash; NULL = anonymous
    claimed_user  TEXT,                            -- what the page says without proof
    claimed_name  TEXT,
    claimed_email TEXT,
    created_at    INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX widget_sessions_by_widget ON widget_sessions (widget, user);
CREATE INDEX widget_sessions_by_expiry ON widget_sessions (expires_at);

-- part: ledger (ledger.db)

CREATE TABLE requests (
    seq          INTEGER PRIMARY KEY,
    at           INTEGER NOT NULL,
    organization INTEGER NOT NULL,
    family       INTEGER NOT NULL,                 -- 0 for a session; a share's or a widget's number, both here and in `key`
    key          INTEGER NOT NULL,
    credential   TEXT    NOT NULL,
    subject      TEXT    NOT NULL,
    method       TEXT    NOT NULL,
    host         TEXT    NOT NULL,
    path         TEXT    NOT NULL,
    status       INTEGER NOT NULL,
    code         TEXT,                             -- NULL = allowed
    ip           TEXT    NOT NULL,
    user_agent   TEXT    NOT NULL,
    class        TEXT,
    cost         INTEGER NOT NULL,
    count        INTEGER NOT NULL,
    digest       BLOB    NOT NULL,
    link         BLOB    NOT NULL
) STRICT;
-- For a class window's return after a restart; only what took from a class's limit is in it.
CREATE INDEX requests_by_class ON requests (organization, class, at) WHERE class IS NOT NULL AND code IS NULL;

-- The four tables below say again what `requests` says, so that nobody has to read millions of rows. They follow the
-- newest rows by a second or so (up to `folds.upto`); whoever reads them adds the rows behind that, in one snapshot.
CREATE TABLE folds (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    upto INTEGER NOT NULL
) STRICT;
INSERT INTO folds (only, upto) VALUES (1, 0);

CREATE TABLE requests_by_family (
    family INTEGER NOT NULL,
    block  INTEGER NOT NULL,                       -- seq / 64 of at least one row of the family
    PRIMARY KEY (family, block)
) STRICT, WITHOUT ROWID;

CREATE TABLE requests_by_organization (
    organization INTEGER NOT NULL,
    block        INTEGER NOT NULL,
    PRIMARY KEY (organization, block)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_minutes (
    family  INTEGER NOT NULL,
    minute  INTEGER NOT NULL,                      -- unix time / 60,000
    allowed INTEGER NOT NULL,
    denied  INTEGER NOT NULL,
    PRIMARY KEY (family, minute)
) STRICT, WITHOUT ROWID;

CREATE TABLE key_usage (
    family          INTEGER NOT NULL,
    key             INTEGER NOT NULL,
    requests        INTEGER NOT NULL,
    last_at         INTEGER NOT NULL,
    last_ip         TEXT    NOT NULL,
    last_user_agent TEXT    NOT NULL,
    upto            INTEGER NOT NULL,              -- the newest row that is counted here
    PRIMARY KEY (family, key)
) STRICT, WITHOUT ROWID;

-- Refused requests past the sixtieth of one credential in a minute share one row here, until the minute is over and
-- the row takes its place in `requests`.
CREATE TABLE open_counts (
    key          INTEGER NOT NULL,
    subject      TEXT    NOT NULL,
    minute       INTEGER NOT NULL,
    at           INTEGER NOT NULL,
    organization INTEGER NOT NULL,
    family       INTEGER NOT NULL,
    credential   TEXT    NOT NULL,
    method       TEXT    NOT NULL,
    host         TEXT    NOT NULL,
    path         TEXT    NOT NULL,
    status       INTEGER NOT NULL,
    code         TEXT    NOT NULL,
    ip           TEXT    NOT NULL,
    user_agent   TEXT    NOT NULL,
    count        INTEGER NOT NULL,
    PRIMARY KEY (key, subject, minute)
) STRICT, WITHOUT ROWID;

CREATE TABLE ledger_checkpoint (
    only      INTEGER PRIMARY KEY CHECK (only = 1),
    seq       INTEGER NOT NULL,
    link      BLOB    NOT NULL,
    signature BLOB    NOT NULL
) STRICT;
