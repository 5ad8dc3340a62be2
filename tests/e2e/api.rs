//! The API behind the gate: it answers every request with what it was sent.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use serde_json::{Value, json};

use crate::http::{Answer, only, parse_headers};

pub struct Api {
    pub port: u16,
    hits: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// A request as the API got it, taken from the API's answer.
#[derive(Debug)]
pub struct Seen {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Api {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port for the API");
        let port = listener.local_addr().expect("the API's address").port();
        let hits = Arc::new(AtomicUsize::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let (count, stopped) = (Arc::clone(&hits), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let count = Arc::clone(&count);
                // A connection that breaks off is the client's affair: the test sees it as a missing answer.
                std::thread::spawn(move || stream.and_then(|stream| answer(stream, &count)));
            }
        });
        Self { port, hits, stop, thread: Some(thread) }
    }

    /// How many requests have come through to it.
    pub fn hits(&self) -> usize {
        self.hits.load(Ordering::SeqCst)
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the thread out of its wait for a connection.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn answer(mut stream: TcpStream, hits: &AtomicUsize) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    hits.fetch_add(1, Ordering::SeqCst);
    let (line, fields) = head.split_once("\r\n").unwrap_or((&head, ""));
    let headers = parse_headers(fields);
    let length = only(&headers, "Content-Length").and_then(|text| text.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;

    let mut words = line.split(' ');
    let seen = json!({
        "method": words.next(),
        "target": words.next(),
        "headers": headers,
        "body": String::from_utf8_lossy(&body),
    })
    .to_string();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{seen}",
        seen.len()
    )
}

impl Seen {
    /// What the API saw of a request that it answered.
    pub fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status, 200, "{}", answer.body);
        let seen = answer.json();
        let text = |value: &Value| value.as_str().expect("text in the API's answer").to_owned();
        let headers = seen["headers"].as_array().expect("the API's headers");
        Self {
            method: text(&seen["method"]),
            target: text(&seen["target"]),
            headers: headers.iter().map(|pair| (text(&pair[0]), text(&pair[1]))).collect(),
            body: text(&seen["body"]),
        }
    }

    /// The one value of a header; there being two fails the test.
    pub fn header(&self, name: &str) -> Option<&str> {
        only(&self.headers, name)
    }
}
