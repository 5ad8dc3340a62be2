//! `claviger setup`

use std::io::Read;

use clap::Args;

use super::Failure;
use super::ask::ask;
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
    let mut password = String::new();
    std::io::stdin().lock().take(10_000).read_to_string(&mut password)?;
    let password =
        password.strip_suffix('\n').map_or(password.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    let Arguments { name, email, organization, .. } = arguments;
    let done = ask(config, Command::Setup { name, email, organization, password: password.to_owned() })?;
    let text = |field: &str| done[field].as_str().unwrap_or("");
    println!("{} owns this Claviger now; sign in at {}", text("email"), text("signInUrl"));
    Ok(())
}
