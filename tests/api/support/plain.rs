//! Plain blocking requests to a server that is a process of its own.

use serde_json::Value;

use super::process::exchange;
use super::{EMAIL, KEYS, PASSWORD, text};

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    fn read(answer: &str) -> Option<Answer> {
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Answer { status, head: head.to_owned(), body: body.to_owned() })
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The code of an error.
    pub fn code(&self) -> String {
        text(&self.json()["code"])
    }

    /// A header's value; empty where it is not there.
    pub fn header(&self, name: &str) -> &str {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }
}

/// Sends a request on a connection of its own; `None` where the server is gone. `headers` are whole lines.
pub fn send(port: u16, method: &str, path: &str, headers: &[&str], body: Option<&Value>) -> Option<Answer> {
    let mut request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    for header in headers {
        request.push_str(&format!("{header}\r\n"));
    }
    let body = body.map(Value::to_string).unwrap_or_default();
    if !body.is_empty() {
        request.push_str(&format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()));
    }
    Answer::read(&exchange(port, format!("{request}\r\n{body}").as_bytes())?)
}

/// The same, where the server must be there.
pub fn must_send(port: u16, method: &str, path: &str, headers: &[&str], body: Option<&Value>) -> Answer {
    send(port, method, path, headers, body).unwrap_or_else(|| panic!("{method} {path} got no answer"))
}

/// Asks `/verify` once, as a proxy would; the answer.
pub fn verify(port: u16, key: &str, target: &str) -> Answer {
    let (key, target) = (format!("Authorization: Bearer {key}"), format!("X-Forwarded-Uri: {target}"));
    must_send(port, "GET", "/verify", &[&key, "X-Forwarded-Method: GET", &target], None)
}

/// Tries to sign in as Ada.
pub fn try_sign_in(port: u16) -> Answer {
    let body = serde_json::json!({ "email": EMAIL, "password": PASSWORD });
    must_send(port, "POST", "/api/auth/sign-in", &[], Some(&body))
}

/// Signs in as Ada; the line with the cookie.
pub fn sign_in(port: u16) -> String {
    let answer = try_sign_in(port);
    assert_eq!(answer.status, 200, "{answer:?}");
    format!("Cookie: {}", answer.header("set-cookie").split(';').next().unwrap())
}

/// Tries to make a key with a session.
pub fn try_make_key(port: u16, cookie: &str, name: &str) -> Option<Answer> {
    send(port, "POST", KEYS, &[cookie], Some(&serde_json::json!({ "name": name })))
}
