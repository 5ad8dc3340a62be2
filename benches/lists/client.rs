//! One connection that is kept open, and what lists answer on it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

pub struct Client {
    stream: BufReader<TcpStream>,
    cookie: String,
}

/// A page of a list.
pub struct Page {
    pub items: usize,
    pub next: Option<String>,
}

struct Answer {
    status: u16,
    cookie: Option<String>,
    body: Vec<u8>,
}

impl Client {
    pub fn connect(port: u16) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        Client { stream: BufReader::new(stream), cookie: String::new() }
    }

    pub fn sign_in(&mut self, email: &str, password: &str) {
        let body = json!({ "email": email, "password": password }).to_string();
        let head = format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let answer = self.exchange(&format!("POST /api/auth/sign-in HTTP/1.1\r\nHost: a\r\n{head}"));
        assert_eq!(answer.status, 200);
        self.cookie = answer.cookie.expect("a cookie");
    }

    /// `None` where there is no such list.
    pub fn page(&mut self, path: &str, cursor: Option<&str>) -> Option<Page> {
        let sign = if path.contains('?') { '&' } else { '?' };
        let cursor = cursor.map(|cursor| format!("{sign}cursor={cursor}")).unwrap_or_default();
        let answer =
            self.exchange(&format!("GET {path}{cursor} HTTP/1.1\r\nHost: a\r\nCookie: {}\r\n\r\n", self.cookie));
        if answer.status == 404 {
            return None;
        }
        assert_eq!(answer.status, 200, "{path}: {}", String::from_utf8_lossy(&answer.body));
        let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
        Some(Page {
            items: body["items"].as_array().expect("a list").len(),
            next: body["nextCursor"].as_str().map(str::to_owned),
        })
    }

    fn exchange(&mut self, request: &str) -> Answer {
        self.stream.get_mut().write_all(request.as_bytes()).expect("the server takes requests");
        let mut answer = Answer { status: 0, cookie: None, body: Vec::new() };
        let mut length = 0;
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).expect("an answer");
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            if let Some(status) = line.strip_prefix("HTTP/1.1 ") {
                answer.status = status[..3].parse().expect("a status");
            }
            match line.split_once(": ") {
                Some(("content-length", value)) => length = value.parse().expect("a length"),
                Some(("set-cookie", value)) => answer.cookie = value.split(';').next().map(str::to_owned),
                _ => {}
            }
        }
        answer.body.resize(length, 0);
        self.stream.read_exact(&mut answer.body).expect("a body");
        answer
    }
}
