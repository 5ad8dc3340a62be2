//! A client that posts, one request after the other on one connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

pub struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    pub fn new(port: u16) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        Client { stream: BufReader::new(stream) }
    }

    /// Posts JSON with a cookie; the status.
    pub fn post(&mut self, path: &str, cookie: &str, body: &str) -> u16 {
        self.exchange(path, &format!("Cookie: {cookie}\r\n"), body).0
    }

    /// Signs in; the cookie.
    pub fn sign_in(&mut self, email: &str, password: &str) -> String {
        let body = format!("{{\"email\":\"{email}\",\"password\":\"{password}\"}}");
        let (status, cookie) = self.exchange("/api/auth/sign-in", "", &body);
        assert_eq!(status, 200);
        cookie.expect("a cookie")
    }

    fn exchange(&mut self, path: &str, headers: &str, body: &str) -> (u16, Option<String>) {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: claviger\r\nContent-Type: application/json\r\n{headers}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes()).expect("the server takes requests");
        let (mut status, mut length, mut cookie) = (0, 0, None);
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).expect("an answer");
            let line = line.trim_end();
            match line.split_once(": ") {
                None if line.is_empty() => break,
                None => status = line.split(' ').nth(1).and_then(|text| text.parse().ok()).expect("a status"),
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.parse().expect("a length");
                }
                Some((name, value)) if name.eq_ignore_ascii_case("set-cookie") => {
                    cookie = value.split(';').next().map(str::to_owned);
                }
                Some(_) => {}
            }
        }
        self.stream.read_exact(&mut vec![0; length]).expect("the body");
        (status, cookie)
    }
}
