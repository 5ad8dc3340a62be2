-- claviger.db from version 2 to 3: what the keys guard.

-- Projects and templates

-- Share tokens

-- Webhooks

-- A webhook's secret, and for a while the one before it, are under the master key.
CREATE TABLE webhooks (
    id                    TEXT PRIMARY KEY,
    organization          INTEGER NOT NULL REFERENCES organizations (number) ON DELETE CASCADE,
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
    version               INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX webhooks_by_organization ON webhooks (organization, id);
CREATE INDEX webhooks_active ON webhooks (organization, id) WHERE active = 1;

-- What is told: made once, however many webhooks it goes to.
CREATE TABLE webhook_events (
    id           TEXT PRIMARY KEY,
    organization INTEGER NOT NULL REFERENCES organizations (number) ON DELETE CASCADE,
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
