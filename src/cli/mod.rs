//! The command line: one file a subcommand.
//!
//! What changes or reads the data goes through `ask`: to the running server's socket where there is one, so that it
//! takes effect on the very next request; otherwise on the data directory itself, as its owner.

mod ask;
mod audit;
mod check;
mod explain;
mod jobs;
mod key;
mod mail;
mod org;
mod serve;
mod setup;
mod stdin_password;
mod user;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{self, Config, ConfigError, Overrides};
use crate::startup::StartError;

/// The exit code for what another start would not mend (`EX_CONFIG` of sysexits.h).
const EXIT_CONFIG: u8 = 78;

/// Keys, limits and a ledger for your own APIs.
#[derive(Parser)]
#[command(name = "claviger", version, about, disable_help_subcommand = true)]
struct CommandLine {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What every subcommand takes.
#[derive(Args)]
struct Settings {
    /// The configuration file. Default: ./claviger.toml, then /etc/claviger/claviger.toml
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the databases are
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The address to listen on
    #[arg(long, global = true, value_name = "ADDR")]
    listen: Option<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server (this is what happens without a subcommand)
    Serve,
    /// Make the first owner and the home organization, without a browser
    Setup(setup::Arguments),
    /// Check the configuration and the rules, and say what is wrong
    Check,
    /// Say which rule covers a request, what it demands, and what would come of it
    Explain(explain::Arguments),
    /// API keys
    #[command(subcommand)]
    Key(key::Command),
    /// Organizations
    #[command(subcommand)]
    Org(org::Command),
    /// The audit log and the ledger, proved
    #[command(subcommand)]
    Audit(audit::Command),
    /// Mail: what waits, what was delivered, and what could not be
    #[command(subcommand)]
    Mail(mail::Command),
    /// Users
    #[command(subcommand)]
    User(user::Command),
    /// Make a link that signs its user in once, within ten minutes, without a password
    LoginLink(user::LoginLink),
    /// What runs by the clock
    #[command(subcommand)]
    Jobs(jobs::Command),
}

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

impl Failure {
    fn exit_code(&self) -> ExitCode {
        match self {
            Failure::Config(_) => EXIT_CONFIG.into(),
            Failure::Start(error) if error.needs_a_person() => EXIT_CONFIG.into(),
            _ => ExitCode::FAILURE,
        }
    }
}

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    let line = CommandLine::parse();
    // Nothing that this process makes is for others to read.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    match run_command(line) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("claviger: {failure}");
            failure.exit_code()
        }
    }
}

fn run_command(line: CommandLine) -> Result<(), Failure> {
    let config = load(line.settings)?;
    match line.command.unwrap_or(Command::Serve) {
        Command::Serve => serve::run(config),
        Command::Check => check::run(&config),
        Command::Setup(arguments) => setup::run(config, arguments),
        Command::Explain(arguments) => explain::run(config, arguments),
        Command::Key(command) => key::run(config, command),
        Command::Org(command) => org::run(config, command),
        Command::Audit(command) => audit::run(config, command),
        Command::Mail(command) => mail::run(config, command),
        Command::User(command) => user::run(config, command),
        Command::LoginLink(arguments) => user::login_link(config, arguments),
        Command::Jobs(command) => jobs::run(config, command),
    }
}

fn load(settings: Settings) -> Result<Config, Failure> {
    let overrides = Overrides { file: settings.config, data_dir: settings.data_dir, listen: settings.listen };
    Ok(config::load(&overrides)?)
}
