//! One of each kind of credential that the gate checks, made through the API of a running server.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

/// What lets each of them in, and limits that none of them reaches.
pub const SETTINGS: &str = r#"
[auth]
requests_per_minute = 1000000

[shares]
requests_per_minute = 1000000

[[rules]]
path = "/agents/{*rest}"
allow = ["api_key", "share", "widget"]
"#;

pub struct Api {
    port: u16,
    cookie: String,
}

impl Api {
    pub fn signed_in(port: u16) -> Api {
        let mut api = Api { port, cookie: String::new() };
        let (head, _) =
            api.post("/api/auth/sign-in", &json!({ "email": "ada@example.com", "password": "SecurePass1" }));
        let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie");
        api.cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        api
    }

    /// The header line of a share that covers what is asked for.
    pub fn share(&self) -> String {
        let (_, share) = self.post("/api/shares", &json!({ "paths": ["/agents/{*rest}"] }));
        format!("X-Share-Token: {}", share["token"].as_str().expect("a token"))
    }

    /// The header line of a session of a widget of its own.
    pub fn widget_session(&self) -> String {
        let (_, widget) = self.post("/api/admin/widgets", &json!({ "name": "bench", "requestsPerMinute": 10_000 }));
        let path = format!("/api/widgets/{}/session", widget["id"].as_str().expect("an id"));
        let (_, session) = self.post(&path, &json!({}));
        format!("Authorization: Bearer {}", session["token"].as_str().expect("a token"))
    }

    /// The head of the answer, in lower case names, and its body.
    fn post(&self, path: &str, body: &Value) -> (String, Value) {
        let body = body.to_string();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: claviger\r\nConnection: close\r\nCookie: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.cookie,
            body.len()
        );
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("a connection");
        stream.write_all(request.as_bytes()).expect("the server takes requests");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a whole answer");
        assert!(head.starts_with("HTTP/1.1 2"), "POST {path}: {answer}");
        (head.to_owned(), serde_json::from_str(body).expect("JSON"))
    }
}
