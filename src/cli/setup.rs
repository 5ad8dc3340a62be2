//! `claviger setup`

use clap::Args;

use super::ask::ask;
use super::{Failure, stdin_password};
use crate::config::Config;
use crate::services::operator::Command;

#[derive(Args)]
pub struct Arguments {
    /// The owner's name
    #[arg(long)]
    name: String,
    /// The owner's email address
    #[arg(long)]
    email: String,
    /// What the home organization is called
    #[arg(long)]
    organization: String,
    /// Read the owner's password from standard input (a newline at its end is cut)
    #[arg(long, required = true)]
    password_stdin: bool,
}

/// Makes the owner. The password comes from standard input alone, so that it is in no process list and no history.
pub fn run(config: Config, arguments: Arguments) -> Result<(), Failure> {
    debug_assert!(arguments.password_stdin);
    let password = stdin_password::read()?;
    let Arguments { name, email, organization, .. } = arguments;
    let done = ask(config, Command::Setup { name, email, organization, password })?;
    let text = |field: &str| done[field].as_str().unwrap_or("");
    println!("{} owns this Claviger now; sign in at {}", text("email"), text("signInUrl"));
    Ok(())
}
