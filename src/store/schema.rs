//! Making, upgrading, and refusing databases; the pragmas of the writing connections.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::{BUSY_TIMEOUT, facts};
use crate::crypto::signature;

/// The least SQLite that is trusted: older ones have a fault in how WAL is reset.
pub const LEAST_SQLITE: i32 = 3_051_003;

/// One of the two databases.
pub struct Part {
    /// Its file in the data directory.
    pub file: &'static str,
    /// Its marker in `schema.sql`.
    marker: &'static str,
    /// `PRAGMA application_id`, by which another program's file is told.
    application_id: i32,
    /// What leads from version n + 1 to n + 2, in order.
    upgrades: &'static [&'static str],
}

/// `claviger.db`
pub const STATE: Part = Part {
    file: "claviger.db",
    marker: "-- part: state",
    application_id: 0x434c_4156,
    upgrades: &[include_str!("upgrades/state_2.sql"), include_str!("upgrades/state_3.sql")],
};

/// `ledger.db`
pub const LEDGER: Part = Part {
    file: "ledger.db",
    marker: "-- part: ledger",
    application_id: 0x434c_4c47,
    upgrades: &[include_str!("upgrades/ledger_2.sql")],
};

const SCHEMA: &str = include_str!("../../schema.sql");

/// Why a database is not opened. Nothing in it was touched.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The SQLite in this binary is too old.
    #[error("this binary was built with SQLite {0}; 3.51.3 or newer is needed")]
    OldSqlite(&'static str),
    /// A newer Claviger has been here.
    #[error(
        "{} has schema version {found}, and this Claviger knows {known}: it was written by a newer Claviger; \
         run that one, or restore a backup made before the upgrade", path.display()
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// This binary's version.
        known: i64,
    },
    /// The file is another program's.
    #[error("{} is not a database of Claviger", .0.display())]
    Foreign(PathBuf),
    /// Sealed under another master key.
    #[error(
        "the master key does not fit {}: the database was made under another one; put that key back. \
         Nothing has been changed", .0.display()
    )]
    WrongMasterKey(PathBuf),
    /// Cut, damaged, unreadable, on a read-only mount.
    #[error("{} cannot be used: {cause}. Check the disk, its mount and the file's owner, or restore a backup", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        cause: String,
    },
    /// Connections or threads could not be had.
    #[error("the store cannot be opened: {0}")]
    Pool(String),
}

impl OpenError {
    /// What SQLite said of this file.
    pub fn from_sqlite(path: &Path, cause: rusqlite::Error) -> Self {
        OpenError::Unusable { path: path.to_owned(), cause: cause.to_string() }
    }
}

impl Part {
    /// The version of the shape in `schema.sql`.
    fn version(&self) -> i64 {
        self.upgrades.len() as i64 + 1
    }

    /// The statements that make it.
    fn statements(&self) -> &'static str {
        let start = SCHEMA.find(self.marker).unwrap_or(0);
        let rest = &SCHEMA[start..];
        let end = rest[self.marker.len()..].find("\n-- part:").map_or(rest.len(), |at| at + self.marker.len());
        &rest[..end]
    }
}

/// Refuses to run on a SQLite older than [`LEAST_SQLITE`].
pub fn assert_library_version() -> Result<(), OpenError> {
    if rusqlite::version_number() < LEAST_SQLITE { Err(OpenError::OldSqlite(rusqlite::version())) } else { Ok(()) }
}

/// Looks at an existing database without writing: is it ours, whole, of a known version, under this master key?
pub(super) fn examine(path: &Path, part: &Part, master_key_check: Option<&[u8; 32]>) -> Result<(), OpenError> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.len() == 0 => return Ok(()),
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(OpenError::Unusable { path: path.to_owned(), cause: error.to_string() }),
    }
    let unusable = |cause| OpenError::from_sqlite(path, cause);
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(unusable)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(unusable)?;
    let number =
        |pragma: &str| -> rusqlite::Result<i64> { connection.pragma_query_value(None, pragma, |row| row.get(0)) };
    let application_id = number("application_id").map_err(unusable)?;
    let version = number("user_version").map_err(unusable)?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(unusable)?;
    if tables == 0 {
        return Ok(());
    }
    if application_id != i64::from(part.application_id) {
        return Err(OpenError::Foreign(path.to_owned()));
    }
    if version < 0 {
        let cause = format!("its schema version is {version}");
        return Err(OpenError::Unusable { path: path.to_owned(), cause });
    }
    if version > part.version() {
        return Err(OpenError::NewerSchema { path: path.to_owned(), found: version, known: part.version() });
    }
    if is_cut(&connection, path).map_err(unusable)? {
        return Err(OpenError::Unusable { path: path.to_owned(), cause: String::from("a part of it is missing") });
    }
    if let Some(check) = master_key_check {
        match facts::master_key_check(&connection).map_err(unusable)? {
            Some(stored) if !signature::equal(&stored, check) => {
                return Err(OpenError::WrongMasterKey(path.to_owned()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether pages are missing at the end: more than a write-ahead log of this length can hold. (SQLite itself does not
/// look where there is such a log, and a checkpoint would fill the gap with zeros.)
fn is_cut(connection: &Connection, path: &Path) -> rusqlite::Result<bool> {
    /// What stands before each page in the log.
    const FRAME_HEADER: u64 = 24;
    let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, u32>(0)).map(u64::from);
    let (pages, page_size) = (number("page_count")?, number("page_size")?.max(512));
    let length = |path: &Path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let logged = length(Path::new(&log)) / (page_size + FRAME_HEADER);
    Ok(pages > length(path) / page_size + logged)
}

/// Opens the writing connection, with its pragmas; makes or upgrades the database first, in one transaction.
pub(super) fn open_for_writing(path: &Path, part: &Part) -> Result<Connection, OpenError> {
    let attempt = || -> rusqlite::Result<Connection> {
        let mut connection = Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        prepare(&connection)?;
        upgrade(&mut connection, part)?;
        Ok(connection)
    };
    attempt().map_err(|cause| OpenError::from_sqlite(path, cause))
}

/// `busy_timeout` comes before WAL, `auto_vacuum` before the first table; both have no effect later.
fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "journal_size_limit", 8 << 20)?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(())
}

fn upgrade(connection: &mut Connection, part: &Part) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version == part.version() {
        return Ok(());
    }
    if version == 0 {
        transaction.execute_batch(part.statements())?;
        transaction.pragma_update(None, "application_id", part.application_id)?;
    } else {
        for step in part.upgrades.iter().skip((version - 1).max(0) as usize) {
            transaction.execute_batch(step)?;
        }
    }
    transaction.pragma_update(None, "user_version", part.version())?;
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pragma(connection: &Connection, name: &str) -> String {
        connection
            .pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0))
            .map(|value| match value {
                rusqlite::types::Value::Integer(number) => number.to_string(),
                rusqlite::types::Value::Text(text) => text,
                other => format!("{other:?}"),
            })
            .unwrap()
    }

    #[test]
    fn a_writing_connection_has_the_pragmas_of_the_design() {
        let directory = tempfile::tempdir().unwrap();
        for part in [&STATE, &LEDGER] {
            let connection = open_for_writing(&directory.path().join(part.file), part).unwrap();
            for (name, value) in [
                ("journal_mode", "wal"),
                ("synchronous", "2"),
                ("foreign_keys", "1"),
                ("auto_vacuum", "2"),
                ("busy_timeout", "5000"),
            ] {
                assert_eq!(pragma(&connection, name), value, "{name} of {}", part.file);
            }
            assert_eq!(pragma(&connection, "user_version"), part.version().to_string());
        }
    }

    #[test]
    fn every_table_is_strict() {
        let directory = tempfile::tempdir().unwrap();
        for part in [&STATE, &LEDGER] {
            let connection = open_for_writing(&directory.path().join(part.file), part).unwrap();
            let loose: i64 = connection
                .query_row("SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND strict = 0 AND name NOT LIKE 'sqlite_%'", [], |row| row.get(0))
                .unwrap();
            let strict: i64 = connection
                .query_row("SELECT count(*) FROM pragma_table_list WHERE strict = 1", [], |row| row.get(0))
                .unwrap();
            assert_eq!(loose, 0);
            assert!(strict >= 5);
        }
    }

    #[test]
    fn the_sqlite_inside_is_new_enough() {
        assert!(assert_library_version().is_ok());
    }

    /// The shape of today, taken for a first version.
    const V1: Part = Part { upgrades: &[], ..STATE };
    const V3: Part = Part {
        upgrades: &[
            "CREATE TABLE second (a INTEGER) STRICT;",
            "INSERT INTO second VALUES (7); CREATE TABLE third (b INTEGER) STRICT;",
        ],
        ..STATE
    };
    const BROKEN_V3: Part =
        Part { upgrades: &["CREATE TABLE second (a INTEGER) STRICT;", "INSERT INTO nowhere VALUES (7);"], ..STATE };

    #[test]
    fn an_older_database_is_upgraded_step_by_step() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("claviger.db");
        drop(open_for_writing(&path, &V1).unwrap());
        let connection = open_for_writing(&path, &V3).unwrap();
        assert_eq!(pragma(&connection, "user_version"), "3");
        let seven: i64 = connection.query_row("SELECT a FROM second", [], |row| row.get(0)).unwrap();
        assert_eq!(seven, 7);
    }

    #[test]
    fn a_ledger_of_the_first_version_gets_its_indexes_made_anew() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.db");
        let connection = open_for_writing(&path, &LEDGER).unwrap();
        connection
            .execute_batch(
                "DROP TABLE requests_by_family; DROP TABLE requests_by_organization;
                 CREATE TABLE requests_by_family (family INTEGER, seq INTEGER, PRIMARY KEY (family, seq)) STRICT;
                 CREATE TABLE requests_by_organization (organization INTEGER, seq INTEGER) STRICT;
                 INSERT INTO requests
                     WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 130)
                     SELECT value, 0, 1, value % 2 * 7, 0, '', '', '', '', '', 200, NULL, '', '', NULL, 1, 1, x'', x''
                     FROM n;
                 PRAGMA user_version = 1;",
            )
            .unwrap();
        drop(connection);
        let connection = open_for_writing(&path, &LEDGER).unwrap();
        let blocks = |sql: &str| -> Vec<(i64, i64)> {
            let mut statement = connection.prepare(sql).unwrap();
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
            rows.collect::<Result<_, _>>().unwrap()
        };
        assert_eq!(blocks("SELECT family, block FROM requests_by_family"), [(7, 0), (7, 1), (7, 2)]);
        assert_eq!(blocks("SELECT organization, block FROM requests_by_organization"), [(1, 0), (1, 1), (1, 2)]);
    }

    #[test]
    fn an_upgraded_database_has_the_shape_of_a_new_one() {
        let shape = |connection: &Connection| -> Vec<String> {
            let mut statement =
                connection.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").unwrap();
            let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
            let words = |sql: String| {
                let bare: Vec<&str> = sql.lines().map(|line| line.split("--").next().unwrap_or("")).collect();
                bare.join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
            };
            rows.map(|sql| words(sql.unwrap())).collect()
        };
        let directory = tempfile::tempdir().unwrap();
        for (part, first) in [
            (&STATE, include_str!("../../tests/api/schemas/state_1.sql")),
            (&LEDGER, include_str!("../../tests/api/schemas/ledger_1.sql")),
        ] {
            let (old, new) = (directory.path().join(format!("old-{}", part.file)), directory.path().join(part.file));
            let connection = Connection::open(&old).unwrap();
            connection.execute_batch(first).unwrap();
            connection.pragma_update(None, "application_id", part.application_id).unwrap();
            connection.pragma_update(None, "user_version", 1).unwrap();
            drop(connection);
            let upgraded = open_for_writing(&old, part).unwrap();
            assert_eq!(shape(&upgraded), shape(&open_for_writing(&new, part).unwrap()), "{}", part.file);
        }
    }

    #[test]
    fn an_upgrade_that_fails_half_way_leaves_the_database_as_it_was_and_the_next_one_succeeds() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("claviger.db");
        drop(open_for_writing(&path, &V1).unwrap());
        assert!(open_for_writing(&path, &BROKEN_V3).is_err());
        let connection = open_for_writing(&path, &V1).unwrap();
        assert_eq!(pragma(&connection, "user_version"), "1");
        assert!(connection.prepare("SELECT * FROM second").is_err());
        drop(connection);
        assert!(open_for_writing(&path, &V3).is_ok());
    }

    #[test]
    fn a_newer_a_foreign_and_a_damaged_database_are_refused_and_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("claviger.db");
        drop(open_for_writing(&path, &V3).unwrap());
        let before = std::fs::read(&path).unwrap();
        assert!(matches!(examine(&path, &V1, None), Err(OpenError::NewerSchema { found: 3, known: 1, .. })));
        assert!(matches!(examine(&path, &LEDGER, None), Err(OpenError::Foreign(_))));
        assert_eq!(std::fs::read(&path).unwrap(), before);
        std::fs::write(&path, &before[..before.len() / 2]).unwrap();
        assert!(matches!(examine(&path, &V3, None), Err(OpenError::Unusable { .. })));
        std::fs::write(&path, b"something that is no database at all, and long enough to be looked at").unwrap();
        assert!(matches!(examine(&path, &V3, None), Err(OpenError::Unusable { .. })));
    }
}
