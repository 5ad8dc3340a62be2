//! A mail server that does as it is told: it takes mail, refuses it, hangs, hangs up, or does not offer STARTTLS.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use parking_lot::Mutex;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// How connections are secured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tls {
    /// Not at all.
    None,
    /// From the first byte.
    Implicit,
    /// After STARTTLS.
    Starttls,
}

/// One message that was taken.
#[derive(Clone, Debug)]
pub struct Taken {
    pub from: String,
    pub to: String,
    /// Headers and body, dots restored.
    pub data: String,
    /// Whether it came over TLS.
    pub encrypted: bool,
    /// `user:password`, if they were given.
    pub account: Option<String>,
}

#[derive(Default)]
struct State {
    taken: Vec<Taken>,
    /// Commands that came without TLS.
    clear: Vec<String>,
    /// By command (`CONNECT`, `EHLO`, `STARTTLS`, `AUTH`, `MAIL`, `RCPT`, `DATA`, `.`) or by recipient.
    answers: HashMap<String, String>,
    connections: usize,
    /// How many times it was told to hang, and does.
    hanging: usize,
}

/// The server; it ends with the test.
#[derive(Clone)]
pub struct MailServer {
    pub port: u16,
    tls: Tls,
    certificate: String,
    state: Arc<Mutex<State>>,
}

/// Answers that are none.
pub const HANG: &str = "hang";
pub const HANG_UP: &str = "hang up";

impl MailServer {
    pub fn start(tls: Tls) -> MailServer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let server = MailServer { port, tls, certificate: made.cert.pem(), state: Arc::default() };
        let (config, for_thread) = (Arc::new(config), server.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (server, config) = (for_thread.clone(), Arc::clone(&config));
                std::thread::spawn(move || server.serve(stream, config));
            }
        });
        server
    }

    /// Answers a command, or a recipient, in this way from now on.
    pub fn answer(&self, to: &str, with: &str) -> &Self {
        self.state.lock().answers.insert(to.to_owned(), with.to_owned());
        self
    }

    /// Takes everything again.
    pub fn be_well(&self) {
        self.state.lock().answers.clear();
    }

    pub fn taken(&self) -> Vec<Taken> {
        self.state.lock().taken.clone()
    }

    pub fn clear_commands(&self) -> Vec<String> {
        self.state.lock().clear.clone()
    }

    pub fn connections(&self) -> usize {
        self.state.lock().connections
    }

    pub fn hanging(&self) -> usize {
        self.state.lock().hanging
    }

    /// Writes its certificate, for `SSL_CERT_FILE`.
    pub fn write_certificate(&self, file: &Path) {
        std::fs::write(file, &self.certificate).unwrap();
    }

    fn serve(&self, mut stream: TcpStream, config: Arc<ServerConfig>) {
        self.state.lock().connections += 1;
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let _ = stream.set_nodelay(true);
        let encrypt = |stream| StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
        if self.tls == Tls::Implicit {
            Dialog { server: self, stream: &mut encrypt(stream), encrypted: true }.run(true);
        } else if (Dialog { server: self, stream: &mut stream, encrypted: false }).run(true) {
            Dialog { server: self, stream: &mut encrypt(stream), encrypted: true }.run(false);
        }
    }
}

/// Waits until this holds, ten seconds at most.
pub fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(10), "it has not come to pass: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

struct Dialog<'a, S> {
    server: &'a MailServer,
    stream: &'a mut S,
    encrypted: bool,
}

impl<S: Read + Write> Dialog<'_, S> {
    /// `true` = STARTTLS was asked for and granted.
    fn run(&mut self, greets: bool) -> bool {
        if greets && !self.reply(&["CONNECT"], "220 mail.example.com ESMTP") {
            return false;
        }
        let (mut from, mut to, mut account) = (String::new(), String::new(), None);
        while let Some(line) = self.read_line() {
            if !self.encrypted {
                self.server.state.lock().clear.push(line.clone());
            }
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            let argument = line.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or("", |(text, _)| text);
            let goes_on = match verb.as_str() {
                "EHLO" => self.reply(&["EHLO"], &self.offers()),
                "STARTTLS" => {
                    let granted = !self.server.state.lock().answers.contains_key("STARTTLS");
                    let goes_on = self.reply(&["STARTTLS"], "220 go ahead");
                    if granted && goes_on {
                        return true;
                    }
                    goes_on
                }
                "AUTH" => {
                    let given = line.rsplit(' ').next().and_then(|text| BASE64_STANDARD.decode(text).ok());
                    let given = String::from_utf8(given.unwrap_or_default()).unwrap_or_default();
                    account = Some(given.trim_start_matches('\0').replace('\0', ":"));
                    self.reply(&["AUTH"], "235 welcome")
                }
                "MAIL" => {
                    from = argument.to_owned();
                    self.reply(&["MAIL"], "250 ok")
                }
                "RCPT" => {
                    to = argument.to_owned();
                    self.reply(&["RCPT", &to], "250 ok")
                }
                "DATA" => self.reply(&["DATA"], "354 go ahead") && self.take(&from, &to, account.as_ref()),
                "QUIT" => {
                    self.reply(&["QUIT"], "221 bye");
                    false
                }
                "RSET" => self.reply(&["RSET"], "250 ok"),
                _ => self.reply(&[], "500 what"),
            };
            if !goes_on {
                return false;
            }
        }
        false
    }

    fn offers(&self) -> String {
        let starttls = self.server.tls == Tls::Starttls && !self.encrypted;
        let lines =
            ["250-mail.example.com", "250-STARTTLS", "250-AUTH CRAM-MD5 DIGEST-MD5 PLAIN LOGIN", "250 8BITMIME"];
        lines.into_iter().filter(|line| starttls || !line.contains("STARTTLS")).collect::<Vec<_>>().join("\r\n")
    }

    fn take(&mut self, from: &str, to: &str, account: Option<&String>) -> bool {
        if self.server.state.lock().answers.contains_key("DATA") {
            return true;
        }
        let mut data = String::new();
        while let Some(line) = self.read_line() {
            if line == "." {
                let taken = Taken {
                    from: from.to_owned(),
                    to: to.to_owned(),
                    data,
                    encrypted: self.encrypted,
                    account: account.cloned(),
                };
                if !self.reply(&["."], "250 taken") {
                    return false;
                }
                if !self.server.state.lock().answers.contains_key(".") {
                    self.server.state.lock().taken.push(taken);
                }
                return true;
            }
            data.push_str(line.strip_prefix('.').unwrap_or(&line));
            data.push('\n');
        }
        false
    }

    /// Answers as it was told, or so. `false` = the conversation is over.
    fn reply(&mut self, names: &[&str], otherwise: &str) -> bool {
        let told = {
            let state = self.server.state.lock();
            names.iter().find_map(|name| state.answers.get(*name).cloned())
        };
        let text = told.unwrap_or_else(|| otherwise.to_owned());
        match text.as_str() {
            HANG => {
                self.server.state.lock().hanging += 1;
                while self.read_line().is_some() {}
                false
            }
            HANG_UP => false,
            text => {
                let written = self.stream.write_all(format!("{text}\r\n").as_bytes());
                written.and_then(|()| self.stream.flush()).is_ok() && !text.starts_with("421")
            }
        }
    }

    /// Byte by byte, so that nothing of what follows STARTTLS is read in clear.
    fn read_line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        let mut byte = [0];
        loop {
            match self.stream.read(&mut byte) {
                Ok(1) if byte[0] == b'\n' => break,
                Ok(1) => line.push(byte[0]),
                _ => return None,
            }
        }
        Some(String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned())
    }
}
