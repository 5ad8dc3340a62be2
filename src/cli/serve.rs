//! `claviger serve`

use std::sync::Arc;

use super::Failure;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::random::SystemRandomness;
use crate::store::data_dir;
use crate::{startup, telemetry};

/// Serves until a signal stops it.
pub fn run(config: Config) -> Result<(), Failure> {
    data_dir::step_down_to_owner(&config.data_dir).map_err(startup::StartError::from)?;
    telemetry::start(&config.log).map_err(|text| startup::StartError::Config(vec![text]))?;
    actix_web::rt::System::new().block_on(async move {
        let running = startup::serve(config, Arc::new(SystemClock::new()), Arc::new(SystemRandomness::new())).await?;
        tracing::info!(address = %running.address, version = env!("CARGO_PKG_VERSION"), "Claviger is listening");
        if let Some(link) = &running.setup_link {
            eprintln!("setup: open {link}");
        }
        running.until_stopped().await?;
        tracing::info!("Claviger has stopped; everything it answered is recorded");
        Ok(())
    })
}
