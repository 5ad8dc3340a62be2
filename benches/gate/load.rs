//! The load generator: one thread, non-blocking sockets, keep-alive, one request under way on each connection.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

pub struct Load {
    port: u16,
    connections: usize,
    requests: Vec<Vec<u8>>,
}

/// What came of a run. Times in microseconds.
pub struct Measured {
    pub per_second: f64,
    pub p50: f64,
    pub p99: f64,
    /// Answers other than 200.
    pub refused: u64,
}

struct Connection {
    stream: TcpStream,
    sent_at: Instant,
    received: Vec<u8>,
    next: usize,
}

impl Load {
    /// Asks `/verify` with these keys in turn.
    pub fn verify(port: u16, tokens: &[String], connections: usize) -> Load {
        let headers: Vec<String> = tokens.iter().map(|token| format!("Authorization: Bearer {token}")).collect();
        Load::with_headers(port, &headers, connections)
    }

    /// The same with credentials of any kind, each a whole header line.
    pub fn with_headers(port: u16, headers: &[String], connections: usize) -> Load {
        let request = |header: &String| {
            format!(
                "GET /verify HTTP/1.1\r\nHost: claviger\r\n{header}\r\nX-Forwarded-Method: GET\r\n\
                 X-Forwarded-Uri: /agents/7/runs?page=2\r\nX-Forwarded-Host: api.example.com\r\nUser-Agent: bench/1\r\n\r\n"
            )
            .into_bytes()
        };
        Load { port, connections, requests: headers.iter().map(request).collect() }
    }

    /// Asks for one path, with headers of the same length as those of `/verify`.
    pub fn get(port: u16, path: &str, connections: usize) -> Load {
        let request = format!("GET {path} HTTP/1.1\r\nHost: claviger\r\nUser-Agent: bench/1\r\n\r\n");
        Load { port, connections, requests: vec![request.into_bytes()] }
    }

    /// Runs for so long.
    pub fn run(&self, time: Duration) -> Measured {
        let mut poll = Poll::new().expect("epoll");
        let mut events = Events::with_capacity(self.connections);
        let start = Instant::now();
        let mut connections: Vec<Connection> = (0..self.connections).map(|index| self.connect(&poll, index)).collect();
        let mut latencies: Vec<u32> = Vec::with_capacity(1 << 20);
        let mut refused = 0;
        while start.elapsed() < time {
            poll.poll(&mut events, Some(Duration::from_millis(100))).expect("events");
            for event in &events {
                let connection = &mut connections[event.token().0];
                if let Some(status) = connection.receive() {
                    latencies.push(connection.sent_at.elapsed().as_micros() as u32);
                    refused += u64::from(status != 200);
                    self.send(connection);
                }
            }
        }
        let elapsed = start.elapsed().as_secs_f64();
        latencies.sort_unstable();
        let at = |share: f64| f64::from(latencies[((latencies.len() - 1) as f64 * share) as usize]);
        Measured { per_second: latencies.len() as f64 / elapsed, p50: at(0.50), p99: at(0.99), refused }
    }

    fn connect(&self, poll: &Poll, index: usize) -> Connection {
        let stream = std::net::TcpStream::connect(("127.0.0.1", self.port)).expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        stream.set_nonblocking(true).expect("non-blocking");
        let mut stream = TcpStream::from_std(stream);
        poll.registry().register(&mut stream, Token(index), Interest::READABLE).expect("registered");
        let next = index * self.requests.len() / self.connections;
        let mut connection = Connection { stream, sent_at: Instant::now(), received: Vec::new(), next };
        self.send(&mut connection);
        connection
    }

    fn send(&self, connection: &mut Connection) {
        let request = &self.requests[connection.next % self.requests.len()];
        connection.next += 1;
        connection.sent_at = Instant::now();
        // A request is far smaller than the socket's buffer, so that it is always taken whole.
        connection.stream.write_all(request).expect("the server takes requests");
    }
}

impl Connection {
    /// Reads what is there; the status once the answer is whole.
    fn receive(&mut self) -> Option<u16> {
        let mut buffer = [0u8; 4_096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => panic!("the server closed a connection"),
                Ok(count) => self.received.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
            if let Some(status) = self.complete() {
                return Some(status);
            }
        }
        None
    }

    fn complete(&mut self) -> Option<u16> {
        let end = self.received.windows(4).rposition(|window| window == b"\r\n\r\n")? + 4;
        let length = content_length(&self.received[..end]);
        if self.received.len() < end + length {
            return None;
        }
        let status = std::str::from_utf8(&self.received[9..12]).ok()?.parse().ok()?;
        self.received.clear();
        Some(status)
    }
}

/// Actix writes this header first.
fn content_length(head: &[u8]) -> usize {
    const NAME: &[u8] = b"content-length: ";
    let Some(at) = head.windows(NAME.len()).position(|window| window == NAME) else { return 0 };
    head[at + NAME.len()..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0, |length, digit| length * 10 + usize::from(digit - b'0'))
}
