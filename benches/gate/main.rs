//! What the gate costs: `/verify`, its row committed before each answer, beside a bare actix handler; and how it holds
//! up with many keys. One load generator, one run, both servers as processes of their own:
//!
//! ```sh
//! cargo bench --bench gate              # everything
//! cargo bench --bench gate -- ratio     # /verify beside the bare handler
//! cargo bench --bench gate -- scale     # 1,000, 100,000 and 1,000,000 keys
//! cargo bench --bench gate -- credentials # shares and sessions of widgets beside keys
//! cargo bench --bench gate -- quick     # a few seconds: does it still run?
//! ```

mod bare;
mod credentials;
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
        credentials(1, Duration::from_millis(500));
        return;
    }
    if wants("idle") {
        idle();
    }
    if wants("ratio") {
        ratio(4, Duration::from_secs(3));
    }
    if wants("credentials") {
        credentials(5, Duration::from_secs(3));
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

/// The servers in turn, so that a machine that changes its speed changes it for all. The bare handler runs once as
/// actix sets it up by itself (a worker for each processor), and once with a single worker, which leaves the other processors to the load generator.
fn ratio(rounds: usize, time: Duration) {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut site = Site::new();
    let tokens = site.fill(1_000, 1_000);
    let server = site.serve();
    let (as_set_up, as_many) = (bare::Server::start(processors), bare::Server::start((processors - 1).max(1)));
    let verify = Load::verify(server.port, &tokens, CONNECTIONS);
    let bare = [as_set_up.port, as_many.port].map(|port| Load::get(port, "/bare", CONNECTIONS));
    verify.run(time / 2);
    bare[0].run(time / 2);
    println!("\n{CONNECTIONS} keep-alive connections, 1,000 keys, {rounds} rounds of {:.1} s each", time.as_secs_f64());
    println!("{:<30} {:>9} {:>8} {:>8}", "", "req/s", "p50 µs", "p99 µs");
    let mut rows = Vec::new();
    for _ in 0..rounds {
        let row = [bare[0].run(time), bare[1].run(time), verify.run(time)];
        assert_eq!(row[2].refused, 0, "every request of the benchmark is allowed");
        for (name, measured) in ["bare, a worker a processor", "bare, one worker", "/verify"].iter().zip(&row) {
            println!("{name:<30} {:>9.0} {:>8.0} {:>8.0}", measured.per_second, measured.p50, measured.p99);
        }
        rows.push(row);
    }
    for (index, name) in ["bare, a worker a processor", "bare, one worker"].iter().enumerate() {
        let speed = median(rows.iter().map(|row| row[2].per_second / row[index].per_second));
        let tail = median(rows.iter().map(|row| row[2].p99 / row[index].p99));
        println!("median: /verify ÷ {name} = {speed:.2}, p99 ÷ p99 = {tail:.2}");
    }
    println!("{:.1} MB resident after it", server.resident_mb());
}

/// As many of each kind, in turn. A share or a widget's session is to cost no more than 1.3 times what a key costs.
fn credentials(rounds: usize, time: Duration) {
    const EACH: usize = 200;
    let mut site = Site::new();
    std::fs::write(site.directory().join("claviger.toml"), credentials::SETTINGS).expect("its settings");
    let keys = site.fill(EACH, EACH);
    let server = site.serve();
    let api = credentials::Api::signed_in(server.port);
    let shares: Vec<String> = (0..EACH).map(|_| api.share()).collect();
    let widgets: Vec<String> = (0..EACH).map(|_| api.widget_session()).collect();
    let loads = [
        Load::verify(server.port, &keys, CONNECTIONS),
        Load::with_headers(server.port, &shares, CONNECTIONS),
        Load::with_headers(server.port, &widgets, CONNECTIONS),
    ];
    for load in &loads {
        load.run(time / 2);
    }
    println!(
        "\n{CONNECTIONS} keep-alive connections, {EACH} of each kind, {rounds} rounds of {:.1} s each",
        time.as_secs_f64()
    );
    println!("{:<30} {:>9} {:>8} {:>8}", "", "req/s", "p50 µs", "p99 µs");
    let mut rows = Vec::new();
    for _ in 0..rounds {
        let row: Vec<Measured> = loads.iter().map(|load| load.run(time)).collect();
        for (name, measured) in ["key", "share", "widget"].iter().zip(&row) {
            assert_eq!(measured.refused, 0, "every {name} of the benchmark is let in");
            println!("{name:<30} {:>9.0} {:>8.0} {:>8.0}", measured.per_second, measured.p50, measured.p99);
        }
        rows.push(row);
    }
    for (index, name) in [(1, "share"), (2, "widget")] {
        let cost = median(rows.iter().map(|row| row[0].per_second / row[index].per_second));
        println!("median: time of a {name} ÷ time of a key = {cost:.2} (the goal: at most 1.30)");
    }
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
