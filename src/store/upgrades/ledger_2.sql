-- ledger.db from version 1 to 2: its indexes name blocks of rows instead of rows.

DROP TABLE requests_by_family;
CREATE TABLE requests_by_family (
    family INTEGER NOT NULL,
    block  INTEGER NOT NULL,
    PRIMARY KEY (family, block)
) STRICT, WITHOUT ROWID;
INSERT INTO requests_by_family SELECT DISTINCT family, seq / 64 FROM requests WHERE family <> 0;
DROP TABLE requests_by_organization;
CREATE TABLE requests_by_organization (
    organization INTEGER NOT NULL,
    block        INTEGER NOT NULL,
    PRIMARY KEY (organization, block)
) STRICT, WITHOUT ROWID;
INSERT INTO requests_by_organization SELECT DISTINCT organization, seq / 64 FROM requests;
