//! What the gate costs: `/verify`, its row committed before each answer, beside a bare actix handler; and how it holds
//! up with many keys. One load generator, one run, both servers as processes of their own:
//!
//! ```sh
//! cargo bench --bench gate              # everything
//! cargo bench --bench gate -- ratio     # /verify beside the bare handler
//! cargo bench --bench gate -- scale     # 1,000, 100,000 and 1,000,000 keys
//! cargo bench --bench gate -- quick     # a few seconds: does it still run?
//! ```

mod bare;
mod keys;
mod load;
mod site;

use std::time::Duration;

use load::{Load, Measured};
use site::Site;

const CONNECTIONS: usize = 64;

fn main() {
    if let Ok(port) = std::env::var(bare::PORT) {
        return bare::serve(&port);
    }
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let wants = |name: &str| arguments.is_empty() || arguments.iter().any(|argument| argument == name);
    if arguments.iter().any(|argument| argument == "quick") {
        idle();
        ratio(1, Duration::from_millis(500));
        return;
    }
    if wants("idle") {
        idle();
    }
    if wants("ratio") {
        ratio(5, Duration::from_secs(4));
    }
    if wants("scale") {
        scale(Duration::from_secs(5));
    }
}

/// Memory of a server with an empty database that nobody has asked anything.
fn idle() {
    let site = Site::new();
    let server = site.serve();
    std::thread::sleep(Duration::from_secs(2));
    println!(
        "\nidle and empty: ready after {:.0} ms, {:.1} MB resident",
        server.start.as_secs_f64() * 1e3,
        server.resident_mb()
    );
}

/// Both servers in turn, so that a machine that changes its speed changes it for both.
fn ratio(rounds: usize, time: Duration) {
    let mut site = Site::new();
    let tokens = site.fill(1_000, 1_000);
    let server = site.serve();
    let bare = bare::Server::start();
    let verify = Load::verify(server.port, &tokens, CONNECTIONS);
    let plain = Load::get(bare.port, "/bare", CONNECTIONS);
    verify.run(time / 2);
    plain.run(time / 2);
    println!("\n{CONNECTIONS} keep-alive connections, 1,000 keys, {rounds} rounds of {:.1} s each", time.as_secs_f64());
    println!(
        "{:>7} {:>12} {:>9} {:>9} {:>12} {:>9} {:>9} {:>7} {:>9}",
        "round", "bare req/s", "p50 µs", "p99 µs", "verify req/s", "p50 µs", "p99 µs", "ratio", "p99 ratio"
    );
    let mut rows = Vec::new();
    for round in 1..=rounds {
        let (bare, gate) = (plain.run(time), verify.run(time));
        assert_eq!(gate.refused, 0, "every request of the benchmark is allowed");
        print_round(&round.to_string(), &bare, &gate);
        rows.push((bare, gate));
    }
    let ratios = median(rows.iter().map(|(bare, gate)| gate.per_second / bare.per_second));
    let tails = median(rows.iter().map(|(bare, gate)| gate.p99 / bare.p99));
    println!("median: /verify ÷ bare = {ratios:.2}, p99 ÷ p99 = {tails:.2}; {:.1} MB resident", server.resident_mb());
}

fn print_round(name: &str, bare: &Measured, gate: &Measured) {
    println!(
        "{name:>7} {:>12.0} {:>9.0} {:>9.0} {:>12.0} {:>9.0} {:>9.0} {:>7.2} {:>9.2}",
        bare.per_second,
        bare.p50,
        bare.p99,
        gate.per_second,
        gate.p50,
        gate.p99,
        gate.per_second / bare.per_second,
        gate.p99 / bare.p99,
    );
}

fn scale(time: Duration) {
    println!("\n{CONNECTIONS} keep-alive connections; requests spread over at most 10,000 of the keys");
    println!(
        "{:>9} {:>9} {:>10} {:>9} {:>9} {:>11} {:>11}",
        "keys", "start ms", "req/s", "p50 µs", "p99 µs", "idle MB", "loaded MB"
    );
    let mut first = None;
    for keys in [1_000, 100_000, 1_000_000] {
        let mut site = Site::new();
        let tokens = site.fill(keys, keys.min(10_000));
        let server = site.serve();
        let idle = server.resident_mb();
        let load = Load::verify(server.port, &tokens, CONNECTIONS);
        load.run(time / 2);
        let runs: Vec<Measured> = (0..3).map(|_| load.run(time)).collect();
        let per_second = median(runs.iter().map(|run| run.per_second));
        println!(
            "{keys:>9} {:>9.0} {per_second:>10.0} {:>9.0} {:>9.0} {idle:>11.1} {:>11.1}",
            server.start.as_secs_f64() * 1e3,
            median(runs.iter().map(|run| run.p50)),
            median(runs.iter().map(|run| run.p99)),
            server.resident_mb(),
        );
        let first = *first.get_or_insert(per_second);
        if keys != 1_000 {
            println!("{:>9} ÷ 1,000 keys = {:.2}", "", per_second / first);
        }
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
