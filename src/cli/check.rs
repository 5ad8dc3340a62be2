//! `claviger check`

use super::Failure;
use crate::config::Config;
use crate::{startup, telemetry};

/// Judges the configuration as a start would, and touches nothing. (The file itself was read before.)
pub fn run(config: &Config) -> Result<(), Failure> {
    startup::check(config)?;
    telemetry::filter(&config.log.level).map_err(|text| startup::StartError::Config(vec![text]))?;
    println!("The configuration is good: {} rules, listening on {}", config.rules.len(), config.server.listen);
    Ok(())
}
