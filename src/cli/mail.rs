//! `claviger mail`

use clap::Subcommand;
use serde_json::Value;

use super::Failure;
use super::ask::ask;
use crate::config::Config;
use crate::services::operator;

#[derive(Subcommand)]
pub enum Command {
    /// List the mail of all organizations and accounts, the newest first
    List {
        /// Only what is waiting, delivered or dead
        #[arg(long)]
        state: Option<String>,
        /// How many, 200 at most
        #[arg(long, default_value_t = 50)]
        limit: u32,
        /// Where the page before ended
        #[arg(long)]
        cursor: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one message with its text, links and all
    Show {
        /// Its id, as `list` prints it
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Send a message again, or at once, its attempts counted anew
    Retry {
        /// Its id
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub fn run(config: Config, command: Command) -> Result<(), Failure> {
    match command {
        Command::List { state, limit, cursor, json } => {
            let list = ask(config, operator::Command::MailList { state, limit: limit.to_string(), cursor })?;
            if json { println!("{list:#}") } else { print_list(&list) }
        }
        Command::Show { id, json } => {
            let mail = ask(config, operator::Command::MailShow { id })?;
            if json { println!("{mail:#}") } else { print_one(&mail) }
        }
        Command::Retry { id, json } => {
            let mail = ask(config, operator::Command::MailRetry { id })?;
            if json {
                println!("{mail:#}");
            } else {
                println!("{} to {} is due now", text(&mail, "subject"), text(&mail, "to"));
            }
        }
    }
    Ok(())
}

fn text<'a>(mail: &'a Value, field: &str) -> &'a str {
    mail[field].as_str().unwrap_or("")
}

fn print_list(list: &Value) {
    for mail in list["items"].as_array().into_iter().flatten() {
        println!(
            "{}  {}  {:<9}  {}  {}",
            text(mail, "id"),
            text(mail, "createdAt"),
            text(mail, "state"),
            text(mail, "to"),
            text(mail, "subject")
        );
        if let Some(error) = mail["lastError"].as_str() {
            println!("    after {} attempts: {error}", mail["attempts"]);
        }
    }
    if let Some(cursor) = list["nextCursor"].as_str() {
        eprintln!("There are more: claviger mail list --cursor {cursor}");
    }
}

fn print_one(mail: &Value) {
    let line = |name: &str, value: &str| println!("{name:<10}{value}");
    line("to", text(mail, "to"));
    line("subject", text(mail, "subject"));
    line("written", text(mail, "createdAt"));
    line("state", &format!("{} after {} attempts", text(mail, "state"), mail["attempts"]));
    if let Some(at) = mail["nextAttemptAt"].as_str() {
        line("next", at);
    }
    if let Some(error) = mail["lastError"].as_str() {
        line("error", error);
    }
    println!();
    println!("{}", mail["text"].as_str().unwrap_or("(Its text is wiped.)").trim_end());
}
