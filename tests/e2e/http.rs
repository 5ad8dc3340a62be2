//! A client that sends a request exactly as it is told to: the same header twice, odd paths, forged hops.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

pub struct Request {
    method: &'static str,
    target: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Request {
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    pub fn post(target: &str) -> Self {
        Self::new("POST", target)
    }

    fn new(method: &'static str, target: &str) -> Self {
        Self { method, target: target.to_owned(), headers: Vec::new(), body: None }
    }

    /// Adds a header; one of the same name stays beside it.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn key(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    pub fn body(mut self, content_type: &str, body: &str) -> Self {
        self.body = Some(body.to_owned());
        self.header("Content-Type", content_type)
    }

    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", &body.to_string())
    }

    pub fn send(&self, port: u16) -> Answer {
        self.try_send(port).unwrap_or_else(|error| panic!("{} {} on {port}: {error}", self.method, self.target))
    }

    pub fn try_send(&self, port: u16) -> std::io::Result<Answer> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.write_all(self.text(port).as_bytes())?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        Answer::parse(&bytes).ok_or_else(|| {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            std::io::Error::other(format!("not an HTTP answer: {text:?}"))
        })
    }

    fn text(&self, port: u16) -> String {
        let mut text = format!("{} {} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        // The answer is read to the end of the connection, so every request asks for that end.
        text += "Connection: close\r\n";
        if let Some(body) = &self.body {
            text += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
        } else {
            text += "\r\n";
        }
        text
    }
}

impl Answer {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n")?;
        let (line, fields) = head.split_once("\r\n").unwrap_or((head, ""));
        let answer = Self {
            status: line.split(' ').nth(1)?.parse().ok()?,
            headers: parse_headers(fields),
            body: body.to_owned(),
        };
        match answer.header("Transfer-Encoding") {
            Some(encoding) if encoding.eq_ignore_ascii_case("chunked") => Some(Self { body: unchunk(body)?, ..answer }),
            _ => Some(answer),
        }
    }

    /// The one value of a header; there being two fails the test.
    pub fn header(&self, name: &str) -> Option<&str> {
        only(&self.headers, name)
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in the body {:?}", self.body))
    }
}

/// The one value of a header, its name in any case; there being two fails the test.
pub fn only<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut values =
        headers.iter().filter(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str());
    let first = values.next();
    assert!(values.next().is_none(), "{name} is there twice: {headers:?}");
    first
}

pub fn parse_headers(fields: &str) -> Vec<(String, String)> {
    fields
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect()
}

fn unchunk(mut rest: &str) -> Option<String> {
    let mut whole = String::new();
    loop {
        let (size, after) = rest.split_once("\r\n")?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        if size == 0 {
            return Some(whole);
        }
        whole += after.get(..size)?;
        rest = after.get(size..)?.strip_prefix("\r\n")?;
    }
}
