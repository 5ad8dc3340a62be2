//! The edges of HTTP, on raw sockets: what is too much, too deep, or too slow.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{App, KEYS, error_of};

/// What came back, and whether the server closed the connection by itself.
pub struct Answer {
    pub text: String,
    pub closed: bool,
}

impl Answer {
    pub fn status(&self) -> u16 {
        self.text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    /// How many answers there are in it.
    pub fn count(&self) -> usize {
        self.text.matches("HTTP/1.1 ").count()
    }
}

/// Sends bytes as they stand, and reads until the server closes or has been silent for a while.
pub async fn send(app: &App, bytes: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    // The server may refuse and close before it has read everything.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let mut buffer = [0u8; 65_536];
    loop {
        match tokio::time::timeout(Duration::from_secs(2), stream.read(&mut buffer)).await {
            Ok(Ok(0)) | Ok(Err(_)) => return Answer { text: String::from_utf8_lossy(&answer).into(), closed: true },
            Ok(Ok(read)) => answer.extend_from_slice(&buffer[..read]),
            Err(_) => return Answer { text: String::from_utf8_lossy(&answer).into(), closed: false },
        }
    }
}

#[tokio::test]
async fn with_500_slow_connections_livez_still_answers_promptly_and_they_are_closed_in_time() {
    let (app, _) = App::spawn().await;
    let mut slow = Vec::new();
    for number in 0..500 {
        let mut stream = TcpStream::connect(app.address).await.unwrap();
        let part: &[u8] = match number % 4 {
            0 => b"",
            1 => b"GET /livez HTT",
            2 => b"GET /livez HTTP/1.1\r\nHost: a\r\nX-Slow: ",
            _ => b"POST /api/auth/sign-in HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{",
        };
        stream.write_all(part).await.unwrap();
        slow.push(stream);
    }
    for _ in 0..20 {
        let start = Instant::now();
        let fresh = reqwest::Client::new().get(app.url("/livez")).send().await.unwrap();
        assert_eq!(fresh.status(), 200);
        assert!(start.elapsed() < Duration::from_secs(1), "it took {:?}", start.elapsed());
    }
    // Half a head is given up after ten seconds; the server's own patience, not a wait for the clock of the test.
    let mut half_heads: Vec<_> = slow.into_iter().skip(1).step_by(4).collect();
    let given_up = async {
        for stream in &mut half_heads {
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), given_up).await.expect("slow connections are closed");
}

#[tokio::test]
async fn a_body_may_be_as_large_as_the_setting_and_not_one_byte_larger() {
    let (app, ada) = App::spawn().await;
    let key = ada.make_key(json!({})).await;
    let bare = json!({ "key": key.token, "userAgent": "" }).to_string().len();
    for (size, expected) in [(65_536, 200), (65_537, 413), (200_000, 413)] {
        let body = json!({ "key": key.token, "userAgent": "a".repeat(size - bare) }).to_string();
        assert_eq!(body.len(), size);
        let request = ada.request(reqwest::Method::POST, "/api/keys/verify");
        let response = request.header("Content-Type", "application/json").body(body.clone()).send().await.unwrap();
        assert_eq!(response.status(), expected, "{size}");
        if expected == 413 {
            assert_eq!(error_of(response).await.1, "PAYLOAD_TOO_LARGE");
        }
        // The same without a length in advance.
        let mut chunked = format!(
            "POST /api/keys/verify HTTP/1.1\r\nHost: a\r\nX-Api-Key: {}\r\nContent-Type: application/json\r\n\
             Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
            key.token
        );
        for chunk in body.as_bytes().chunks(8_000) {
            chunked.push_str(&format!("{:x}\r\n{}\r\n", chunk.len(), std::str::from_utf8(chunk).unwrap()));
        }
        let answer = send(&app, format!("{chunked}0\r\n\r\n").as_bytes()).await;
        assert_eq!(answer.status(), expected, "{size} in chunks: {}", answer.text);
    }
}

#[tokio::test]
async fn too_many_headers_are_refused_and_memory_stays_bounded() {
    let (app, ada) = App::spawn().await;
    let key = ada.make_key(json!({})).await;
    let many: String = (0..1_000).map(|number| format!("X-Header-{number}: {number}\r\n")).collect();
    let long = format!("X-Long: {}\r\n", "a".repeat(2_000_000));
    let before = resident_kilobytes();
    for _ in 0..20 {
        for headers in [&many, &long] {
            let head = format!("GET /verify HTTP/1.1\r\nHost: a\r\nX-Api-Key: {}\r\n{headers}\r\n", key.token);
            let answer = send(&app, head.as_bytes()).await;
            // Where the server closes before it has read everything, the answer may be lost on the way.
            assert!(answer.text.is_empty() || [400, 413, 431].contains(&answer.status()), "{}", answer.text);
            assert!(answer.closed);
        }
    }
    let grown = resident_kilobytes().saturating_sub(before);
    assert!(grown < 100_000, "it grew by {grown} kB");
    assert_eq!(app.verify_status(&key.token, "GET", "/a").await, 200);
}

fn resident_kilobytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test]
async fn json_nested_a_thousand_deep_or_malformed_is_400() {
    let (_app, ada) = App::spawn().await;
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(1_000), close.repeat(1_000));
    for body in [
        deep("[", "]"),
        format!("{{\"name\":\"a\",\"metadata\":{}}}", deep("{\"a\":", "}").replace(":}", ":1}")),
        format!("{{\"name\":{}}}", deep("[", "]")),
        "[".repeat(60_000),
        String::from("{"),
        String::new(),
        String::from("{\"name\":\"a\"} x"),
        String::from("\u{feff}{\"name\":\"a\"}"),
        String::from("{\"name\":\"\\ud800\"}"),
        String::from("null"),
        String::from("[]"),
    ] {
        let request = ada.request(reqwest::Method::POST, KEYS).header("Content-Type", "application/json");
        let response = request.body(body.clone()).send().await.unwrap();
        assert_eq!(error_of(response).await.0, 400, "{}", &body[..body.len().min(60)]);
    }
    let not_utf8 = ada.request(reqwest::Method::POST, KEYS).header("Content-Type", "application/json");
    let response = not_utf8.body(&b"{\"name\":\"\xff\"}"[..]).send().await.unwrap();
    assert_eq!(error_of(response).await.0, 400);
    let list: Value = ada.get(KEYS).await.json().await.unwrap();
    assert_eq!(list["items"], json!([]), "nothing half-done");
}

#[tokio::test]
async fn a_path_of_64_kb_is_refused_wherever_it_stands() {
    let (app, ada) = App::spawn().await;
    let key = ada.make_key(json!({})).await;
    let long = format!("/{}", "a".repeat(65_535));
    let found = error_of(app.verify(&key.token, "GET", &long).await).await;
    assert_eq!(found, (400, "PATH_INVALID".into()));
    let head = format!("GET {long} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let answer = send(&app, head.as_bytes()).await;
    assert!([400, 404, 413, 414, 431].contains(&answer.status()), "{}", answer.text);
    assert_eq!(app.verify_status(&key.token, "GET", &format!("/{}", "a".repeat(16_000))).await, 200);
    let requests: Value = ada.get(&format!("{KEYS}/{}/requests", key.id)).await.json().await.unwrap();
    assert_eq!(requests["items"].as_array().unwrap().len(), 1);
    assert_eq!(requests["items"][0]["path"].as_str().unwrap().len(), 2_048, "it is cut where it is kept");
}
