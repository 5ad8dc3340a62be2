//! A receiver of webhooks that does as it is told: it takes, refuses, redirects, hangs, hangs up, or never ends.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use parking_lot::Mutex;
use ring::hmac;
use serde_json::Value;

use super::smtp::wait_until;
use super::text;

/// What a path does with what it is sent.
#[derive(Clone, Debug)]
pub enum Act {
    /// Answers with this status.
    Status(u16),
    /// Answers with this status, these further header lines and this body.
    Answer(u16, &'static str, String),
    /// Answers with this status after this time.
    Late(Duration, u16),
    /// Takes it and says nothing, until the other side has enough.
    Hang,
    /// Ends the connection.
    HangUp,
    /// Answers 200 with a body that never ends.
    Endless,
}

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Received {
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// When it had come.
    pub at: Instant,
}

impl Received {
    /// A header's only value; empty where it is not there.
    pub fn header(&self, name: &str) -> &str {
        let mut values = self.headers.iter().filter(|(given, _)| given.eq_ignore_ascii_case(name));
        let value = values.next().map_or("", |(_, value)| value);
        assert!(values.next().is_none(), "{name} is there twice");
        value
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub fn kind(&self) -> String {
        text(&self.json()["type"])
    }

    /// `sha256=<hex>` of this secret.
    pub fn plain_signature(&self, secret: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let digest = hmac::sign(&key, self.body.as_bytes());
        format!("sha256={}", digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    }

    /// `v1,<base64>` of this secret.
    pub fn standard_signature(&self, secret: &str) -> String {
        let bytes = BASE64_STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let signed = format!("{}.{}.{}", self.header("webhook-id"), self.header("webhook-timestamp"), self.body);
        let digest = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &bytes), signed.as_bytes());
        format!("v1,{}", BASE64_STANDARD.encode(digest))
    }
}

#[derive(Default)]
struct State {
    acts: HashMap<String, Act>,
    received: Vec<Received>,
}

/// The receiver; it ends with the test.
#[derive(Clone)]
pub struct Receiver {
    pub port: u16,
    state: Arc<Mutex<State>>,
    open: Arc<AtomicUsize>,
}

impl Receiver {
    pub fn start() -> Receiver {
        Receiver::on(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    /// One on this port.
    pub fn start_on(port: u16) -> Receiver {
        Receiver::on(TcpListener::bind(("127.0.0.1", port)).unwrap())
    }

    fn on(listener: TcpListener) -> Receiver {
        let receiver =
            Receiver { port: listener.local_addr().unwrap().port(), state: Arc::default(), open: Arc::default() };
        let for_thread = receiver.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let receiver = for_thread.clone();
                std::thread::spawn(move || {
                    receiver.open.fetch_add(1, Ordering::SeqCst);
                    receiver.serve(stream);
                    receiver.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        receiver
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// What this path does from now on; 200 where nothing was said.
    pub fn act(&self, path: &str, act: Act) {
        self.state.lock().acts.insert(path.to_owned(), act);
    }

    /// Everything that came to a path.
    pub fn at(&self, path: &str) -> Vec<Received> {
        self.state.lock().received.iter().filter(|received| received.path == path).cloned().collect()
    }

    pub fn count(&self, path: &str) -> usize {
        self.state.lock().received.iter().filter(|received| received.path == path).count()
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// Waits until so many requests have come to a path; all of them.
    pub fn wait_for(&self, path: &str, count: usize) -> Vec<Received> {
        wait_until(&format!("{count} requests at {path}"), || self.count(path) >= count);
        self.at(path)
    }

    fn serve(&self, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let _ = stream.set_read_timeout(Some(Duration::from_secs(60)));
        let mut reader = BufReader::new(stream);
        while let Some(received) = read(&mut reader) {
            let act = {
                let mut state = self.state.lock();
                let act = state.acts.get(&received.path).cloned().unwrap_or(Act::Status(200));
                state.received.push(received);
                act
            };
            let stream = reader.get_mut();
            let goes_on = match act {
                Act::Late(after, status) => {
                    std::thread::sleep(after);
                    write!(stream, "HTTP/1.1 {status} Told\r\nContent-Length: 2\r\n\r\nok").is_ok()
                }
                Act::Status(status) => write!(stream, "HTTP/1.1 {status} Told\r\nContent-Length: 2\r\n\r\nok").is_ok(),
                Act::Answer(status, headers, body) => {
                    let length = body.len();
                    write!(stream, "HTTP/1.1 {status} Told\r\n{headers}Content-Length: {length}\r\n\r\n{body}").is_ok()
                }
                Act::Hang => {
                    let _ = stream.read(&mut [0; 1]);
                    false
                }
                Act::HangUp => false,
                Act::Endless => {
                    let _ = write!(stream, "HTTP/1.1 200 Told\r\n\r\n");
                    while stream.write_all(&[b'x'; 1_024]).is_ok() {}
                    false
                }
            };
            if !goes_on {
                return;
            }
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Received> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_owned(), value.to_owned())),
            None => break,
        }
    }
    let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let mut body = vec![0; length.map_or(0, |(_, value)| value.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    Some(Received { path, headers, body: String::from_utf8(body).unwrap(), at: Instant::now() })
}
