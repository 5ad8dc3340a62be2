//! `claviger audit`

use clap::Subcommand;

use super::Failure;
use super::ask::ask;
use crate::config::Config;
use crate::services::operator;

#[derive(Subcommand)]
pub enum Command {
    /// Prove that no row of the audit log and the ledger was changed or removed
    Verify {
        /// What `claviger audit head` printed earlier: shows whether the newest rows were cut off
        #[arg(long)]
        head: Option<String>,
    },
    /// Print the newest links, to be kept elsewhere
    Head,
}

pub fn run(config: Config, command: Command) -> Result<(), Failure> {
    match command {
        Command::Verify { head } => {
            let done = ask(config, operator::Command::AuditVerify { head })?;
            println!(
                "Both chains hold: the audit log up to row {}, the ledger up to row {}",
                done["auditRows"], done["ledgerRows"]
            );
        }
        Command::Head => {
            let done = ask(config, operator::Command::AuditHead)?;
            println!("{}", done["head"].as_str().unwrap_or(""));
        }
    }
    Ok(())
}
