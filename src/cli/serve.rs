//! `claviger serve`

use std::sync::Arc;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::Failure;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::random::SystemRandomness;
use crate::store::data_dir;
use crate::{startup, telemetry};

/// Serves until a signal stops it.
pub fn run(config: Config) -> Result<(), Failure> {
    data_dir::step_down_to_owner(&config.data_dir).map_err(startup::StartError::from)?;
    let files = raise_open_files();
    telemetry::start(&config.log).map_err(|text| startup::StartError::Config(vec![text]))?;
    tracing::debug!(files, "So many files and connections may be open");
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

/// Takes as many file descriptors as the system gives: its soft limit is often 1,024, and clients, their proxies and
/// receivers of webhooks take one each. How many there are; `None` = as many as one likes.
fn raise_open_files() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    match setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    }
}
