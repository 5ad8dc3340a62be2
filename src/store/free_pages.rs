//! Pages of a database that hold nothing, given back to the system a few at a time.

use rusqlite::Connection;

/// Pages given back in one call.
const PAGES: i64 = 256;

/// Gives back some of what the next rows will not need: all but `spare` pages. Says whether there was any.
pub(super) fn give_back(connection: &Connection, spare: i64) -> rusqlite::Result<bool> {
    let free = count(connection)?;
    if free <= spare {
        return Ok(false);
    }
    let pages = PAGES.min(free - spare);
    let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
    // The pragma frees a page a step.
    let mut pages = statement.query([])?;
    while pages.next()?.is_some() {}
    Ok(true)
}

/// How many there are.
pub(super) fn count(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "freelist_count", |row| row.get(0))
}
