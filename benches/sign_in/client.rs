//! A client that signs in, one request after the other on one connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

pub struct Client {
    stream: BufReader<TcpStream>,
}

/// What came of one sign-in.
pub struct Answer {
    pub status: u16,
    /// Whether it said when to come again.
    pub retry_after: bool,
    pub took: Duration,
}

impl Client {
    pub fn new(port: u16) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        Client { stream: BufReader::new(stream) }
    }

    pub fn sign_in(&mut self, email: &str, password: &str) -> Answer {
        let body = format!("{{\"email\":\"{email}\",\"password\":\"{password}\"}}");
        let request = format!(
            "POST /api/auth/sign-in HTTP/1.1\r\nHost: claviger\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let start = Instant::now();
        self.stream.get_mut().write_all(request.as_bytes()).expect("the server takes requests");
        let (mut status, mut retry_after, mut length) = (0, false, 0);
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).expect("an answer");
            let line = line.trim_end().to_ascii_lowercase();
            if let Some(rest) = line.strip_prefix("http/1.1 ") {
                status = rest[..3].parse().expect("a status");
            } else if let Some(text) = line.strip_prefix("content-length: ") {
                length = text.parse().expect("a length");
            } else if line.starts_with("retry-after: ") {
                retry_after = true;
            } else if line.is_empty() {
                break;
            }
        }
        self.stream.read_exact(&mut vec![0; length]).expect("the body");
        Answer { status, retry_after, took: start.elapsed() }
    }
}
