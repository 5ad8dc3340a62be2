//! `claviger jobs`

use clap::Subcommand;

use super::Failure;
use super::ask::ask;
use crate::config::Config;
use crate::services::operator;

#[derive(Subcommand)]
pub enum Command {
    /// List all jobs, when they run, and what came of their last run in the running server
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Run a job now
    Run {
        /// Its name, as in `[jobs]`
        name: String,
    },
}

pub fn run(config: Config, command: Command) -> Result<(), Failure> {
    match command {
        Command::List { json } => {
            let list = ask(config, operator::Command::JobList)?;
            if json {
                println!("{list:#}");
                return Ok(());
            }
            for job in list.as_array().into_iter().flatten() {
                let text = |field: &str| job[field].as_str().unwrap_or("");
                let last = match job["lastRunAt"].as_str() {
                    None => String::from("has not run"),
                    Some(at) => format!("{at}  {}", text("lastOutcome")),
                };
                let fault = job["lastError"].as_str().map(|cause| format!(": {cause}")).unwrap_or_default();
                println!("{:<18}{:<18}{last}{fault}", text("name"), text("cron"));
            }
        }
        Command::Run { name } => {
            let done = ask(config, operator::Command::JobRun { name })?;
            println!("{} is done", done["name"].as_str().unwrap_or(""));
        }
    }
    Ok(())
}
