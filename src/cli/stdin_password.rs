//! A password from standard input: so that it is in no process list and no history.

use std::io::Read;

use super::Failure;

/// Reads it; a newline at its end is cut.
pub fn read() -> Result<String, Failure> {
    let mut password = String::new();
    std::io::stdin().lock().take(10_000).read_to_string(&mut password)?;
    let line = password.strip_suffix('\n').map_or(password.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    Ok(line.to_owned())
}
