//! Asks the running server through its socket, or does it itself where none runs.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use serde_json::Value;

use super::Failure;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::http::operator::PATH;
use crate::random::SystemRandomness;
use crate::services::operator::{self, Command};
use crate::startup;
use crate::store::data_dir;

/// Runs one command with the operator's rights.
pub fn ask(config: Config, command: Command) -> Result<Value, Failure> {
    // The socket is looked for before stepping down: its owner may be one that cannot reach the directory itself.
    if let Some(stream) = startup::connect(&config.data_dir) {
        return through_socket(stream, &command);
    }
    if data_dir::lacks_database(&config.data_dir) && !matches!(command, Command::Setup { .. }) {
        return Err(Failure::Refused(format!(
            "there is no Claviger in {}; name its directory with --data-dir, CLAVIGER_DATA_DIR or data_dir in the \
             configuration",
            config.data_dir.display()
        )));
    }
    data_dir::step_down_to_owner(&config.data_dir).map_err(startup::StartError::from)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let opened = startup::open(config, Arc::clone(&clock), Arc::new(SystemRandomness::new()))?;
    let result = operator::run(&opened.services, command, clock.now());
    opened.services.gate.ledger().close();
    result.map_err(|error| {
        let message = error.message.unwrap_or_else(|| error.code.message().to_owned());
        Failure::Refused(with_fields(&message, error.fields.iter().map(|(k, v)| (k.as_str(), v.as_str()))))
    })
}

fn with_fields<'a>(message: &str, fields: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = message.to_owned();
    for (field, fault) in fields {
        text.push_str(&format!("\n  {field}: {fault}"));
    }
    text
}

/// One request over HTTP/1.1, after which the server closes.
fn through_socket(mut stream: UnixStream, command: &Command) -> Result<Value, Failure> {
    let body = serde_json::to_vec(command).map_err(|error| Failure::Refused(error.to_string()))?;
    write!(
        stream,
        "POST {PATH} HTTP/1.1\r\nHost: claviger\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    )?;
    stream.write_all(&body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let (status, body) =
        parse_answer(&answer).ok_or_else(|| Failure::Refused(String::from("the server's answer cannot be read")))?;
    let value: Value = serde_json::from_slice(body).map_err(|error| Failure::Refused(error.to_string()))?;
    if status == 200 {
        return Ok(value);
    }
    let message = value["message"].as_str().unwrap_or("the server refused");
    let fields = value["fields"].as_object().cloned().unwrap_or_default();
    let fields = fields.iter().map(|(field, fault)| (field.as_str(), fault.as_str().unwrap_or("")));
    Err(Failure::Refused(with_fields(message, fields)))
}

fn parse_answer(answer: &[u8]) -> Option<(u16, &[u8])> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    match response.parse(answer) {
        Ok(httparse::Status::Complete(start)) => Some((response.code?, &answer[start..])),
        _ => None,
    }
}
