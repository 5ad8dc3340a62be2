//! `claviger org`

use clap::Subcommand;

use super::Failure;
use super::ask::ask;
use crate::config::Config;
use crate::services::operator;

#[derive(Subcommand)]
pub enum Command {
    /// List all organizations
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Put an organization on another plan
    Plan {
        /// Its id or its name; `home` is the home organization
        organization: String,
        /// The plan's name
        plan: String,
        /// Print the whole object as JSON
        #[arg(long)]
        json: bool,
    },
}

pub fn run(config: Config, command: Command) -> Result<(), Failure> {
    match command {
        Command::List { json } => {
            let list = ask(config, operator::Command::OrganizationList)?;
            if json {
                println!("{list:#}");
                return Ok(());
            }
            for organization in list.as_array().into_iter().flatten() {
                let text = |field: &str| organization[field].as_str().unwrap_or("");
                let home = if organization["home"] == true { "  (home)" } else { "" };
                println!(
                    "{}  {:<14}{:>7} members {:>7} keys  {}{home}",
                    text("id"),
                    text("plan"),
                    organization["members"],
                    organization["keys"],
                    text("name")
                );
            }
        }
        Command::Plan { organization, plan, json } => {
            let done = ask(config, operator::Command::OrganizationPlan { organization, plan })?;
            if json {
                println!("{done:#}");
                return Ok(());
            }
            println!("{} is on plan {}", done["name"].as_str().unwrap_or(""), done["plan"].as_str().unwrap_or(""));
        }
    }
    Ok(())
}
