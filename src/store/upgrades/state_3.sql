-- claviger.db from version 2 to 3: what the keys guard.

-- Projects and templates

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

-- Widgets
CREATE TABLE widgets (
    number              INTEGER PRIMARY KEY,       -- what its limit and its requests in the ledger are kept under
    id                  TEXT    NOT NULL UNIQUE,   -- public: it stands in the customer's page
    organization        INTEGER NOT NULL REFERENCES organizations (number) ON DELETE CASCADE,
    name                TEXT    NOT NULL,
    allowed_origins     TEXT    NOT NULL,          -- a JSON array; [] = any origin
    require_identity    INTEGER NOT NULL CHECK (require_identity IN (0, 1)),
    webhook             TEXT,                      -- whose secret is used in place of its own
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
CREATE INDEX widget_sessions_by_widget ON widget_sessions (widget);
CREATE INDEX widget_sessions_by_expiry ON widget_sessions (expires_at);
