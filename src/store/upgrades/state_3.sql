-- claviger.db from version 2 to 3: what the keys guard.

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
