//! `claviger key`

use clap::Subcommand;
use serde_json::{Map, Value};

use super::Failure;
use super::ask::ask;
use crate::config::Config;
use crate::services::operator;

#[derive(Subcommand)]
pub enum Command {
    /// Make an API key, owned by its organization; it is printed once, on standard output
    Create {
        /// What people call it
        #[arg(long)]
        name: String,
        /// The organization's id or name
        #[arg(long, default_value = "home")]
        organization: String,
        /// viewer, member or admin
        #[arg(long, default_value = "member")]
        role: String,
        /// live or test
        #[arg(long, default_value = "live")]
        environment: String,
        /// Requests a minute
        #[arg(long)]
        rate_limit: Option<i64>,
        /// A time or a date; without it the key never expires
        #[arg(long)]
        expires_at: Option<String>,
        /// A scope; may be given several times
        #[arg(long = "scope")]
        scopes: Option<Vec<String>>,
        /// Print the whole object as JSON
        #[arg(long)]
        json: bool,
    },
}

pub fn run(config: Config, command: Command) -> Result<(), Failure> {
    let Command::Create { name, organization, role, environment, rate_limit, expires_at, scopes, json } = command;
    let mut wishes = Map::new();
    wishes.insert("name".into(), name.into());
    wishes.insert("role".into(), role.into());
    wishes.insert("environment".into(), environment.into());
    wishes.insert("owner".into(), "organization".into());
    for (field, value) in [
        ("rateLimit", rate_limit.map(Value::from)),
        ("expiresAt", expires_at.map(Value::from)),
        ("scopes", scopes.map(Value::from)),
    ] {
        if let Some(value) = value {
            wishes.insert(field.into(), value);
        }
    }
    let made = ask(config, operator::Command::KeyCreate { organization, wishes: wishes.into() })?;
    if json {
        println!("{made:#}");
    } else {
        println!("{}", made["key"].as_str().unwrap_or(""));
        eprintln!("This is the only time that the key is shown. Its id is {}.", made["id"].as_str().unwrap_or(""));
    }
    Ok(())
}
