//! What signing in costs the gate, and what it tells a stranger. Real bcrypt of cost 12.
//!
//! ```sh
//! cargo bench --bench sign_in             # both
//! cargo bench --bench sign_in -- gate     # /verify while 32 clients sign in without pause, and without them
//! cargo bench --bench sign_in -- timing   # 200 interleaved pairs of known and unknown addresses
//! ```

mod client;
#[allow(dead_code)]
#[path = "../gate/keys.rs"]
mod keys;
#[allow(dead_code)]
#[path = "../gate/load.rs"]
mod load;
#[allow(dead_code)]
#[path = "../gate/site.rs"]
mod site;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use client::{Answer, Client};
use load::{Load, Measured};
use rusqlite::{Connection, params};
use site::{Server, Site};

/// How many sign in at a time.
const CLIENTS: usize = 32;
/// How many connections ask `/verify`.
const CONNECTIONS: usize = 16;
const PAIRS: usize = 200;

/// Neither the limit of a network nor the lockout is what is measured here.
const SETTINGS: &str = "[auth]\nrequests_per_minute = 1000000\n[lockout]\nattempts = 100\n";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let wants = |name: &str| arguments.is_empty() || arguments.iter().any(|argument| argument == name);
    let (_site, server, tokens) = open();
    if wants("timing") {
        timing(&server);
    }
    if wants("gate") {
        gate(&server, &tokens, 3, Duration::from_secs(10));
    }
}

/// A server with 1,000 keys and a user for each client, all with the password of the owner.
fn open() -> (Site, Server, Vec<String>) {
    let mut site = Site::new();
    std::fs::write(site.directory().join("claviger.toml"), SETTINGS).expect("the settings");
    let tokens = site.fill(1_000, 1_000);
    let state = Connection::open(site.directory().join("data/claviger.db")).expect("the database");
    for number in 0..CLIENTS {
        state
            .execute(
                "INSERT INTO users (id, email, name, password_hash, timezone, email_verified_at, created_at)
                 SELECT ?1, ?2, ?1, password_hash, timezone, email_verified_at, created_at FROM users
                 WHERE email = 'ada@example.com'",
                params![format!("usr_{number}"), known(number)],
            )
            .and_then(|_| {
                state.execute(
                    "INSERT INTO memberships (organization, user, role, joined_at)
                     SELECT organization, ?1, 'member', joined_at FROM memberships LIMIT 1",
                    [format!("usr_{number}")],
                )
            })
            .expect("a user");
    }
    let server = site.serve();
    (site, server, tokens)
}

fn known(number: usize) -> String {
    format!("user{number}@example.com")
}

/// `/verify` in turn with sign-ins and without, so that a machine that changes its speed changes it for both.
fn gate(server: &Server, tokens: &[String], rounds: usize, time: Duration) {
    println!("\n/verify on {CONNECTIONS} connections; {rounds} rounds of {:.0} s each way", time.as_secs_f64());
    println!("{:<26} {:>9} {:>8} {:>8}", "", "req/s", "p50 µs", "p99 µs");
    let verify = Load::verify(server.port, tokens, CONNECTIONS);
    verify.run(time / 4);
    let mut ratios = Vec::new();
    let mut answers = Vec::new();
    for _ in 0..rounds {
        let without = verify.run(time);
        let (with, signed_in) = while_signing_in(server.port, &verify, time);
        for (name, measured) in [("without sign-ins", &without), ("while 32 clients sign in", &with)] {
            assert_eq!(measured.refused, 0, "every request of the benchmark is allowed");
            println!("{name:<26} {:>9.0} {:>8.0} {:>8.0}", measured.per_second, measured.p50, measured.p99);
        }
        ratios.push(with.p99 / without.p99);
        answers.extend(signed_in);
    }
    println!("median: p99 with ÷ p99 without = {:.2}", median(ratios));
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    for answer in &answers {
        *statuses.entry(answer.status).or_default() += 1;
    }
    println!("sign-ins by status: {statuses:?}");
    let told = answers.iter().filter(|answer| answer.status >= 500).all(|answer| answer.retry_after);
    println!("every 5xx says when to come again: {told}");
}

fn while_signing_in(port: u16, verify: &Load, time: Duration) -> (Measured, Vec<Answer>) {
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let stop = Arc::clone(&stop);
            thread::spawn(move || {
                let (mut client, mut answers) = (Client::new(port), Vec::new());
                while !stop.load(Ordering::Relaxed) {
                    answers.push(client.sign_in(&known(number), "SecurePass1"));
                }
                answers
            })
        })
        .collect();
    let measured = verify.run(time);
    stop.store(true, Ordering::Relaxed);
    let answers = clients.into_iter().flat_map(|client| client.join().expect("a client ends")).collect();
    (measured, answers)
}

/// Wrong passwords for known and unknown addresses in turn, each first in every other pair.
fn timing(server: &Server) {
    let mut client = Client::new(server.port);
    let mut took = [Vec::new(), Vec::new()];
    for pair in 0..PAIRS {
        for turn in 0..2 {
            let side = (pair + turn) % 2;
            let email = if side == 0 { known(pair % CLIENTS) } else { format!("nobody{}@example.com", pair % CLIENTS) };
            let start = Instant::now();
            let answer = client.sign_in(&email, "WrongPass1");
            assert_eq!(answer.status, 401, "after {:?}", start.elapsed());
            took[side].push(answer.took.as_secs_f64() * 1e3);
        }
    }
    let [known, unknown] = took.map(median);
    println!("\n{PAIRS} interleaved pairs of refused sign-ins: medians");
    println!("known address {known:.2} ms, unknown address {unknown:.2} ms, ratio {:.3}", known / unknown);
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
