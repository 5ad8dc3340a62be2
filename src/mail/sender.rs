//! Sends letters over SMTP. Everything here blocks its thread, for `smtp.timeout_seconds` a step at most, and ends at
//! once when Claviger stops.

use std::path::{Path, PathBuf};
use std::pin::pin;

use futures_util::future::{Either, select};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use zeroize::Zeroizing;

use super::connection::{Account, Connection, Target};
use super::failure::{Failure, Kind};
use super::letter::Letter;
use crate::config::{Config, Mailbox};

/// The systemd credential with the password.
const CREDENTIAL: &str = "smtp.password";

/// Knows the mail server. The password is read for each connection and held no longer: a new one needs no restart.
pub struct Sender {
    target: Target,
    from: Mailbox,
    username: Option<String>,
    password_file: Option<PathBuf>,
    stop: watch::Sender<bool>,
}

impl Sender {
    /// The sender that the configuration speaks of, if it does. `credentials` is systemd's directory of them.
    pub fn new(config: &Config, credentials: Option<&Path>) -> Option<Self> {
        let smtp = &config.smtp;
        let credential = credentials.map(|directory| directory.join(CREDENTIAL)).filter(|file| file.exists());
        Some(Sender {
            target: Target {
                host: smtp.host.clone()?,
                port: smtp.port(),
                tls: smtp.tls,
                own_name: own_name(&config.public_url()),
                seconds: smtp.timeout_seconds,
            },
            from: Mailbox::parse(smtp.from.as_deref()?).ok()?,
            username: smtp.username.clone(),
            password_file: smtp.password_file.clone().or(credential),
            stop: watch::Sender::new(false),
        })
    }

    /// Whether the password is where it should be. The error says what to do.
    pub fn check(&self) -> Result<(), String> {
        self.account().map(|_| ())
    }

    /// Lets nobody wait for the mail server any more.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Connects to the mail server.
    pub fn connect(&self) -> Result<Conversation<'_>, Failure> {
        let account = self.account().map_err(|text| Failure::new(Kind::Unreachable, text))?;
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|cause| Failure::new(Kind::Unreachable, cause.to_string()))?;
        let opened = self.wait(&runtime, Connection::open(&self.target, account.as_ref()));
        let mut conversation = Conversation { sender: self, runtime: Some(runtime), connection: None };
        conversation.connection = Some(opened?);
        Ok(conversation)
    }

    fn account(&self) -> Result<Option<Account>, String> {
        let Some(username) = &self.username else { return Ok(None) };
        let Some(file) = &self.password_file else {
            return Err(format!(
                "smtp.username is set, but there is no password: set smtp.password_file, or give the service the \
                 credential `{CREDENTIAL}`"
            ));
        };
        let bytes = std::fs::read(file).map(Zeroizing::new);
        let bytes = bytes.map_err(|cause| format!("the SMTP password {} cannot be read: {cause}", file.display()))?;
        let text = std::str::from_utf8(&bytes).map(|text| text.trim_end_matches(['\r', '\n']));
        match text {
            Ok(text) if !text.is_empty() && !text.chars().any(char::is_control) => {
                Ok(Some(Account { username: username.clone(), password: Zeroizing::new(text.to_owned()) }))
            }
            _ => Err(format!("the file {} must hold the SMTP password and nothing else, on one line", file.display())),
        }
    }

    /// Waits for what is asked of the mail server, or until Claviger stops.
    fn wait<T>(&self, runtime: &Runtime, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let mut stop = self.stop.subscribe();
        runtime.block_on(async {
            let stopped = async {
                let _ = stop.wait_for(|stopped| *stopped).await;
            };
            match select(pin!(work), pin!(stopped)).await {
                Either::Left((result, _)) => result,
                Either::Right(_) => Err(Failure::new(Kind::Stopping, "Claviger is stopping")),
            }
        })
    }
}

/// A conversation with the mail server, one letter after the other.
pub struct Conversation<'a> {
    sender: &'a Sender,
    runtime: Option<Runtime>,
    /// `None` once it has failed.
    connection: Option<Connection>,
}

impl Conversation<'_> {
    /// Hands one letter over.
    pub fn send(&mut self, letter: &Letter<'_>) -> Result<(), Failure> {
        let broken = || Failure::new(Kind::Unreachable, "The connection to the mail server is gone");
        let (runtime, mut connection) = self.runtime.as_ref().zip(self.connection.take()).ok_or_else(broken)?;
        let result = self.sender.wait(runtime, connection.send(letter, &self.sender.from));
        let usable = match &result {
            Ok(()) => true,
            Err(failure) if matches!(failure.kind, Kind::Refused | Kind::Rejected) => {
                self.sender.wait(runtime, connection.reset()).is_ok()
            }
            Err(_) => false,
        };
        self.connection = usable.then_some(connection);
        result
    }

    /// Whether another letter can follow.
    pub fn is_open(&self) -> bool {
        self.connection.is_some()
    }
}

impl Drop for Conversation<'_> {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            if let Some(connection) = self.connection.take() {
                let _ = self.sender.wait(&runtime, async {
                    connection.close().await;
                    Ok(())
                });
            }
            // A name that is still being looked up is waited for by nobody.
            runtime.shutdown_background();
        }
    }
}

/// What Claviger calls itself: its public name, or its address as RFC 5321 (4.1.3) writes one.
fn own_name(public_url: &str) -> String {
    let authority = public_url.split_once("://").map_or(public_url, |(_, rest)| rest);
    match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => format!("[IPv6:{address}]"),
        None => {
            let host = authority.split(':').next().unwrap_or(authority);
            let is_address = host.parse::<std::net::Ipv4Addr>().is_ok();
            if is_address { format!("[{host}]") } else { host.to_owned() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(username: Option<&str>, password_file: Option<PathBuf>) -> Config {
        let mut config = Config::default();
        config.smtp.host = Some(String::from("mail.example.com"));
        config.smtp.from = Some(String::from("keys@example.com"));
        config.smtp.username = username.map(str::to_owned);
        config.smtp.password_file = password_file;
        config
    }

    #[test]
    fn a_name_is_said_as_it_is_and_an_address_as_a_literal() {
        for (url, name) in [
            ("https://keys.example.com", "keys.example.com"),
            ("http://127.0.0.1:8080", "[127.0.0.1]"),
            ("http://[::1]:8080", "[IPv6:::1]"),
        ] {
            assert_eq!(own_name(url), name);
        }
    }

    #[test]
    fn the_password_is_one_line_of_the_file_or_of_the_credential() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        std::fs::write(&file, "from the file\n").unwrap();
        std::fs::write(directory.path().join(CREDENTIAL), "from the credential").unwrap();
        let password = |config: &Config, credentials: Option<&Path>| {
            let account = Sender::new(config, credentials).unwrap().account();
            account.map(|account| account.map(|account| account.password.to_string()))
        };
        let with_file = config(Some("claviger"), Some(file.clone()));
        let without = config(Some("claviger"), None);
        assert_eq!(password(&with_file, Some(directory.path())), Ok(Some(String::from("from the file"))));
        assert_eq!(password(&without, Some(directory.path())), Ok(Some(String::from("from the credential"))));
        assert_eq!(password(&config(None, None), None), Ok(None));
        assert!(password(&without, None).unwrap_err().contains("smtp.password_file"));
        for wrong in [&b""[..], b"\n", b"two\nlines", b"nul\0", b"\xff"] {
            std::fs::write(&file, wrong).unwrap();
            assert!(password(&with_file, None).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn without_a_mail_server_there_is_no_sender() {
        assert!(Sender::new(&Config::default(), None).is_none());
    }
}
