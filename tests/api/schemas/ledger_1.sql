-- ledger.db as version 1 made it.

CREATE TABLE requests (
    seq          INTEGER PRIMARY KEY,
    at           INTEGER NOT NULL,
    organization INTEGER NOT NULL,
    family       INTEGER NOT NULL,                 -- 0 where no key was presented
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
    seq    INTEGER NOT NULL,
    PRIMARY KEY (family, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE requests_by_organization (
    organization INTEGER NOT NULL,
    seq          INTEGER NOT NULL,
    PRIMARY KEY (organization, seq)
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
