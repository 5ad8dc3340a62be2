//! Where one request ends and the next begins: nothing that two servers could read differently gets an answer twice.

use serde_json::json;

use crate::http_edges::send;
use crate::support::App;

/// A request with a second one hidden in what two servers would read differently.
const SMUGGLED: &str = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn a_request_with_two_lengths_is_refused_and_the_connection_closed() {
    let (app, ada) = App::spawn().await;
    let key = ada.make_key(json!({})).await;
    let head = format!("POST /api/keys/verify HTTP/1.1\r\nHost: a\r\nX-Api-Key: {}\r\n", key.token);
    for (name, lengths) in [
        ("both", "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n"),
        ("both, the other way round", "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n"),
        ("two that differ", "Content-Length: 6\r\nContent-Length: 5\r\n"),
        ("a list", "Content-Length: 6, 6\r\n"),
        ("a sign", "Content-Length: +6\r\n"),
        ("a negative one", "Content-Length: -1\r\n"),
        ("no number", "Content-Length: six\r\n"),
        ("more than there are numbers", "Content-Length: 99999999999999999999999\r\n"),
        ("chunked twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
        ("chunked, then something", "Transfer-Encoding: chunked, identity\r\n"),
        ("an unknown coding", "Transfer-Encoding: xchunked\r\n"),
        ("a folded header", "X-Folded: a\r\n b\r\nContent-Length: 0\r\n"),
        ("a folded length", "Content-Length:\r\n 6\r\n"),
        ("a space before the colon", "Content-Length : 6\r\n"),
    ] {
        let answer = send(&app, format!("{head}{lengths}\r\n0\r\n\r\n{SMUGGLED}").as_bytes()).await;
        assert_eq!(answer.count(), 1, "{name}: {}", answer.text);
        assert!((400..=501).contains(&answer.status()), "{name}: {}", answer.text);
        assert!(answer.closed, "{name}: the connection stays open after {}", answer.text);
    }
    assert_eq!(ada.key(&key.id).await["requestCount"], 0);
}

#[tokio::test]
async fn bytes_that_are_no_http_are_refused_and_the_connection_closed() {
    let (app, _) = App::spawn().await;
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHo st: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX-A: b\x00c\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let answer = send(&app, bytes).await;
        assert!(answer.closed, "{:?}: {}", String::from_utf8_lossy(bytes), answer.text);
        assert!(answer.text.is_empty() || (400..=505).contains(&answer.status()), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_malformed_chunk_is_refused_and_the_connection_closed() {
    let (app, _) = App::spawn().await;
    let head = "POST /api/auth/sign-in HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\
                Transfer-Encoding: chunked\r\n\r\n";
    for chunks in ["x\r\n{}\r\n0\r\n\r\n", "-2\r\n{}\r\n0\r\n\r\n", "2\r\n{}}}}0\r\n\r\n", "fffffffffffffffff\r\n{}"] {
        let answer = send(&app, format!("{head}{chunks}{SMUGGLED}").as_bytes()).await;
        assert!(answer.count() <= 1 && answer.closed, "{chunks:?}: {}", answer.text);
        assert!(answer.text.is_empty() || (400..500).contains(&answer.status()), "{chunks:?}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_body_that_nobody_reads_is_never_taken_for_the_next_request() {
    let (app, ada) = App::spawn().await;
    let key = ada.make_key(json!({})).await;
    for path in ["/verify", "/livez", "/v1/version", "/nothing/here", "/api/auth/sign-out"] {
        let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nX-Api-Key: {}\r\n", key.token);
        let whole = format!("{head}Content-Length: {}\r\n\r\n{SMUGGLED}", SMUGGLED.len());
        let chunk = format!("{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{SMUGGLED}\r\n0\r\n\r\n", SMUGGLED.len());
        let (whole, chunk) = tokio::join!(send(&app, whole.as_bytes()), send(&app, chunk.as_bytes()));
        for answer in [whole, chunk] {
            assert_eq!(answer.count(), 1, "{path}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn a_head_gets_the_head_of_a_get_and_no_body() {
    let (app, _) = App::spawn().await;
    for path in ["/livez", "/v1/version", "/sign-in", "/verify", "/nothing/here"] {
        let one = |method: &str| format!("{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let get = send(&app, one("GET").as_bytes()).await;
        let head = send(&app, one("HEAD").as_bytes()).await;
        assert_eq!(head.status(), get.status(), "{path}");
        assert!(head.text.ends_with("\r\n\r\n"), "{path}: {}", head.text);
    }
}

#[tokio::test]
async fn requests_in_one_connection_are_answered_each_in_turn() {
    let (app, ada) = App::spawn().await;
    let key = ada.make_key(json!({ "rateLimit": 2 })).await;
    let one = format!("GET /verify HTTP/1.1\r\nHost: a\r\nX-Api-Key: {}\r\n\r\n", key.token);
    let answer = send(&app, one.repeat(4).as_bytes()).await;
    let statuses: Vec<_> = answer.text.split("HTTP/1.1 ").skip(1).map(|one| one[..3].to_owned()).collect();
    assert_eq!(statuses, ["200", "200", "429", "429"]);
}

#[tokio::test]
async fn a_proxy_may_pass_on_the_headers_of_an_upgrade() {
    let (app, ada) = App::spawn().await;
    let key = ada.make_key(json!({})).await;
    let request = format!(
        "GET /verify HTTP/1.1\r\nHost: a\r\nX-Api-Key: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        key.token
    );
    let answer = send(&app, request.as_bytes()).await;
    assert_eq!((answer.status(), answer.count()), (200, 1), "{}", answer.text);
    assert!(answer.text.contains("x-auth-method: api_key"), "{}", answer.text);
    let unknown = send(&app, request.replace(&key.token, "junk").as_bytes()).await;
    assert_eq!(unknown.status(), 401, "{}", unknown.text);
}
