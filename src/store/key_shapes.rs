//! `key_shapes`: every shape that a key was ever made in.

use rusqlite::types::Value;

use super::{ReadResult, Reader, Statement};
use crate::crypto::secret_token::Shape;

/// All of them.
pub fn all(reader: &Reader) -> ReadResult<Vec<Shape>> {
    let mut statement = reader.prepare_cached("SELECT prefix, hex_digits, checksum FROM key_shapes")?;
    let rows = statement.query_map([], |row| {
        Ok(Shape { prefix: row.get(0)?, hex_digits: row.get::<_, u32>(1)? as usize, checksum: row.get(2)? })
    })?;
    rows.collect()
}

/// Remembers a shape.
pub fn remember(shape: &Shape) -> Statement {
    Statement::new(
        "INSERT INTO key_shapes (prefix, hex_digits, checksum) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
        vec![Value::from(shape.prefix.clone()), Value::from(shape.hex_digits as i64), Value::from(shape.checksum)],
    )
}
