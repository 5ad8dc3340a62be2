//! Log lines: to stderr, as text or JSON, by `[log]`.

use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// Starts logging for the whole process. The error says what is wrong with `log.level`.
pub fn start(log: &Log) -> Result<(), String> {
    let filter = filter(&log.level)?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let started = match log.format {
        LogFormat::Text => builder.with_ansi(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| error.to_string())
}

/// A bare level is for Claviger itself; the crates underneath have little to say that helps an operator. Directives
/// (`info,actix_server=debug`) hold as they stand. The error says what is wrong with `log.level`.
pub fn filter(level: &str) -> Result<EnvFilter, String> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let bare = LEVELS.contains(&level);
    if !bare && !level.contains(['=', ',']) {
        return Err(format!("log.level: there is no level `{level}`; there are {}", LEVELS.join(", ")));
    }
    // What a stranger sends that is no HTTP is no error of this server.
    let directives = match level {
        "off" => String::from("off"),
        _ if bare => format!("warn,actix_http=off,claviger={level}"),
        _ => level.to_owned(),
    };
    EnvFilter::try_new(directives).map_err(|error| format!("log.level: {error}"))
}
