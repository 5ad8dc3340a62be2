//! `claviger explain`

use clap::Args;
use serde_json::Value;

use super::Failure;
use super::ask::ask;
use crate::config::Config;
use crate::role::Role;
use crate::services::operator::Command;
use crate::startup;

#[derive(Args)]
pub struct Arguments {
    /// A method and a path, such as "POST /agents/7"
    request: String,
    /// The host that is asked
    #[arg(long, default_value = "")]
    host: String,
    /// The id of the key that asks
    #[arg(long, value_name = "ID", conflicts_with = "role")]
    key_id: Option<String>,
    /// In place of a key: any key of the home organization with this role
    #[arg(long)]
    role: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(config: Config, arguments: Arguments) -> Result<(), Failure> {
    let role = match arguments.role.as_deref() {
        None => None,
        Some(name) => Some(Role::parse(name).ok_or_else(|| {
            Failure::Refused(format!("there is no role {name}; there are viewer, member, admin and owner"))
        })?),
    };
    let Some((method, target)) = arguments.request.trim().split_once(' ') else {
        return Err(Failure::Refused(String::from("give a method and a path, such as \"POST /agents/7\"")));
    };
    let command = Command::Explain {
        method: method.to_ascii_uppercase(),
        target: target.trim().to_owned(),
        host: arguments.host,
        key: arguments.key_id,
        role,
    };
    let runs = startup::connect(&config.data_dir).is_some();
    let answer = ask(config, command)?;
    if runs {
        eprintln!("By the rules that the running server started with; restart it for others.");
    }
    if arguments.json {
        println!("{answer:#}");
    } else {
        print(&answer);
    }
    Ok(())
}

fn print(answer: &Value) {
    let list = |field: &str| {
        let items = answer[field].as_array().into_iter().flatten();
        let text = items.filter_map(Value::as_str).collect::<Vec<_>>().join(", ");
        if text.is_empty() { String::from("none") } else { text }
    };
    let line = |name: &str, value: String| println!("{name:<14}{value}");
    let text = |field: &str| answer[field].as_str().unwrap_or("").to_owned();
    line("path", text("path"));
    line("rule", text("rule"));
    line("allow", list("allow"));
    line("organizations", list("organizations"));
    line("role", format!("{} or above", text("role")));
    line("environments", list("environments"));
    line("scopes", list("scopes"));
    match (answer["class"].as_str(), answer["limit"].as_u64()) {
        (Some(class), Some(limit)) => line("limit", format!("{limit} a minute, shared as class {class}")),
        _ => line("limit", String::from("the key's own")),
    }
    if let Some(outcome) = answer["outcome"].as_str() {
        line("outcome", outcome.to_owned());
    }
}
