//! `claviger user` and `claviger login-link`

use clap::{Args, Subcommand};
use serde_json::Value;

use super::ask::ask;
use super::{Failure, stdin_password};
use crate::config::Config;
use crate::services::operator;

#[derive(Subcommand)]
pub enum Command {
    /// List all users
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a user in an organization
    Create {
        /// What people call them
        #[arg(long)]
        name: String,
        /// Their email address
        #[arg(long)]
        email: String,
        /// The organization's id or name
        #[arg(long, default_value = "home")]
        organization: String,
        /// viewer, member, admin or owner
        #[arg(long, default_value = "member")]
        role: String,
        /// Read their password from standard input (a newline at its end is cut)
        #[arg(long, required = true)]
        password_stdin: bool,
        /// Print the whole object as JSON
        #[arg(long)]
        json: bool,
    },
    /// End a lockout after failed sign-ins
    Unlock(Who),
    /// Give a user another password; their sessions end
    ResetPassword {
        #[command(flatten)]
        who: Who,
        /// Read the new password from standard input (a newline at its end is cut)
        #[arg(long, required = true)]
        password_stdin: bool,
    },
    /// Keep a user out: their sessions end and their own keys stop, at once
    Disable(Who),
    /// Let a disabled user in again
    Enable(Who),
}

#[derive(Args)]
pub struct Who {
    /// Their email address
    email: String,
    /// Print the whole object as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct LoginLink {
    /// The user's email address
    email: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(config: Config, command: Command) -> Result<(), Failure> {
    match command {
        Command::List { json } => print_list(&ask(config, operator::Command::UserList)?, json),
        Command::Create { name, email, organization, role, password_stdin, json } => {
            debug_assert!(password_stdin);
            let password = stdin_password::read()?;
            let made = ask(config, operator::Command::UserCreate { name, email, organization, role, password })?;
            print_one(&made, json, "can sign in now");
        }
        Command::Unlock(who) => {
            let done = ask(config, operator::Command::UserUnlock { email: who.email })?;
            print_one(&done, who.json, "is not locked out any more");
        }
        Command::ResetPassword { who, password_stdin } => {
            debug_assert!(password_stdin);
            let password = stdin_password::read()?;
            let done = ask(config, operator::Command::UserResetPassword { email: who.email, password })?;
            print_one(&done, who.json, "has another password; all their sessions have ended");
        }
        Command::Disable(who) => {
            let done = ask(config, operator::Command::UserDisable { email: who.email })?;
            print_one(&done, who.json, "is disabled; their sessions have ended and their keys have stopped");
        }
        Command::Enable(who) => {
            let done = ask(config, operator::Command::UserEnable { email: who.email })?;
            print_one(&done, who.json, "can sign in again");
        }
    }
    Ok(())
}

/// A link that signs its user in once, on standard output.
pub fn login_link(config: Config, arguments: LoginLink) -> Result<(), Failure> {
    let made = ask(config, operator::Command::LoginLink { email: arguments.email })?;
    if arguments.json {
        println!("{made:#}");
    } else {
        println!("{}", made["url"].as_str().unwrap_or(""));
        eprintln!("It works once, until {}.", made["expiresAt"].as_str().unwrap_or(""));
    }
    Ok(())
}

fn print_one(user: &Value, json: bool, what: &str) {
    if json {
        println!("{user:#}");
    } else {
        println!("{} {what}", user["email"].as_str().unwrap_or(""));
    }
}

fn print_list(list: &Value, json: bool) {
    if json {
        println!("{list:#}");
        return;
    }
    for user in list.as_array().into_iter().flatten() {
        let text = |field: &str| user[field].as_str().unwrap_or("");
        let organizations: Vec<String> = user["organizations"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|one| format!("{} of {}", one["role"].as_str().unwrap_or(""), one["name"].as_str().unwrap_or("")))
            .collect();
        let marks: String = [("disabled", "  (disabled)"), ("locked", "  (locked)")]
            .into_iter()
            .filter(|(field, _)| user[*field] == true)
            .map(|(_, mark)| mark)
            .collect();
        println!("{}  {:<32}{}{marks}  {}", text("id"), text("email"), text("name"), organizations.join(", "));
    }
}
