//! How fast webhooks are: from an event that is taken to its arrival at a fast receiver, while another one hangs.
//!
//! ```sh
//! cargo bench --bench webhooks            # both
//! cargo bench --bench webhooks -- pace    # 1,000 events a second for 20 s, each for both receivers
//! cargo bench --bench webhooks -- flood   # 10,000 events as fast as they are taken
//! ```

mod client;
#[allow(dead_code)]
#[path = "../gate/keys.rs"]
mod keys;
mod receiver;
#[allow(dead_code)]
#[path = "../gate/site.rs"]
mod site;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use client::Client;
use receiver::Receiver;
use site::{Server, Site};

/// Connections that publish.
const CLIENTS: usize = 16;
const PER_SECOND: u64 = 1_000;
const SECONDS: u64 = 20;
const FLOOD: u64 = 10_000;

const SETTINGS: &str = "[webhooks]\nallow_networks = [\"127.0.0.1\"]\n";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let wants = |name: &str| arguments.is_empty() || arguments.iter().any(|argument| argument == name);
    if wants("pace") {
        let bench = Bench::open();
        println!("\n{PER_SECOND} events a second for {SECONDS} s, each for a fast receiver and for one that hangs");
        bench.publish(PER_SECOND * SECONDS, Some(PER_SECOND));
    }
    if wants("flood") {
        let bench = Bench::open();
        println!("\n{FLOOD} events as fast as they are taken, each for a fast receiver and for one that hangs");
        bench.publish(FLOOD, None);
    }
}

struct Bench {
    _site: Site,
    server: Server,
    cookie: String,
    fast: Receiver,
}

impl Bench {
    fn open() -> Bench {
        let mut site = Site::new();
        std::fs::write(site.directory().join("claviger.toml"), SETTINGS).expect("the settings");
        site.fill(1, 1);
        let server = site.serve();
        let cookie = Client::new(server.port).sign_in("ada@example.com", "SecurePass1");
        let (fast, hanging) = (Receiver::fast(), Receiver::hanging());
        let mut client = Client::new(server.port);
        for port in [fast.port, hanging.port] {
            let body = format!("{{\"url\":\"http://127.0.0.1:{port}/\",\"events\":[\"bench.*\"]}}");
            assert_eq!(client.post("/api/admin/webhooks", &cookie, &body), 201);
        }
        Bench { _site: site, server, cookie, fast }
    }

    /// Publishes so many, in all so many a second if it is said, and tells what arrived when.
    fn publish(&self, count: u64, per_second: Option<u64>) {
        let (begun, next) = (Instant::now(), Arc::new(AtomicU64::new(0)));
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let (next, cookie, port) = (Arc::clone(&next), self.cookie.clone(), self.server.port);
                let epoch = self.fast.epoch;
                thread::spawn(move || {
                    let mut client = Client::new(port);
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= count {
                            return;
                        }
                        if let Some(per_second) = per_second {
                            let due = Duration::from_nanos(number * 1_000_000_000 / per_second);
                            thread::sleep(due.saturating_sub(begun.elapsed()));
                        }
                        let at = epoch.elapsed().as_micros();
                        let body = format!("{{\"type\":\"bench.event\",\"data\":{{\"at\":{at}}}}}");
                        assert_eq!(client.post("/api/events", &cookie, &body), 202);
                    }
                })
            })
            .collect();
        clients.into_iter().for_each(|client| client.join().expect("a client ends"));
        let taken = begun.elapsed();
        let waits = self.fast.wait_for(count as usize, Duration::from_secs(120));
        let arrived = begun.elapsed();
        let rate = |time: Duration| count as f64 / time.as_secs_f64();
        println!("taken    {:>8.0} a second", rate(taken));
        println!("arrived  {:>8.0} a second", rate(arrived));
        let mut waits: Vec<f64> = waits.into_iter().map(|wait| wait.as_secs_f64() * 1e3).collect();
        waits.sort_by(f64::total_cmp);
        let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize];
        println!("from event to arrival: p50 {:.1} ms, p99 {:.1} ms, most {:.1} ms", at(0.5), at(0.99), at(1.0));
        println!("resident {:.0} MB", self.server.resident_mb());
    }
}
