//! Two receivers: one that answers at once and notes when each event came, and one that never answers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How long each event was on its way, and a bell for whoever waits for them.
type Waits = (Mutex<Vec<Duration>>, Condvar);

pub struct Receiver {
    pub port: u16,
    /// The times in events count from here.
    pub epoch: Instant,
    waits: Arc<Waits>,
}

impl Receiver {
    pub fn fast() -> Receiver {
        Receiver::start(|stream, epoch, waits| {
            let mut stream = BufReader::new(stream);
            while let Some(body) = read(&mut stream) {
                let now = epoch.elapsed();
                let at = body.split("\"at\":").nth(1).and_then(|rest| rest.split('}').next()?.parse().ok());
                let at = Duration::from_micros(at.expect("the time of the event"));
                waits.0.lock().expect("the waits").push(now.saturating_sub(at));
                waits.1.notify_all();
                if stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").is_err() {
                    return;
                }
            }
        })
    }

    pub fn hanging() -> Receiver {
        Receiver::start(|mut stream, _, _| {
            let _ = stream.read_to_end(&mut Vec::new());
        })
    }

    fn start(serve: fn(TcpStream, Instant, &Waits)) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("the port").port();
        let receiver = Receiver { port, epoch: Instant::now(), waits: Arc::default() };
        let (epoch, waits) = (receiver.epoch, Arc::clone(&receiver.waits));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let waits = Arc::clone(&waits);
                let _ = stream.set_nodelay(true);
                thread::spawn(move || serve(stream, epoch, &waits));
            }
        });
        receiver
    }

    /// Waits until so many have come; how long each was on its way.
    pub fn wait_for(&self, count: usize, patience: Duration) -> Vec<Duration> {
        let waits = self.waits.0.lock().expect("the waits");
        let (waits, over) =
            self.waits.1.wait_timeout_while(waits, patience, |waits| waits.len() < count).expect("the waits");
        assert!(!over.timed_out(), "only {} of {count} have come", waits.len());
        waits.clone()
    }
}

/// The body of the next request.
fn read(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    String::from_utf8(body).ok()
}
