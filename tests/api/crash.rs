//! `kill -9` at random moments under load: what was acknowledged is there, and nothing is counted twice.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::support::plain::{must_send, sign_in, try_make_key, verify};
use crate::support::process::{Prober, Server, Site};
use crate::support::{KEYS, text};

const KILLS: usize = 50;
/// What a start may take here; the binary is a debug build on a machine that is busy with other tests.
const READY_WITHIN: Duration = Duration::from_secs(3);

/// What a client knows of its requests.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    sent: i64,
    allowed: i64,
    refused: i64,
}

/// A key, with the client's own count of its requests.
struct Client {
    id: String,
    token: String,
    number: i64,
    tally: Arc<Mutex<Tally>>,
}

fn reader(site: &Site, file: &str) -> Connection {
    Connection::open_with_flags(site.data_dir().join(file), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

fn make_client(site: &Site) -> Client {
    let made = site.make_key(&["--rate-limit", "10000", "--json"]);
    let made: Value = serde_json::from_str(&made).unwrap();
    let id = text(&made["id"]);
    let number = reader(site, "claviger.db")
        .query_row("SELECT number FROM api_keys WHERE id = ?1", [&id], |row| row.get(0))
        .unwrap();
    Client { id, token: text(&made["key"]), number, tally: Arc::default() }
}

/// Asks again and again until the server is gone.
fn ask_until_killed(port: u16, client: &Client) -> JoinHandle<()> {
    let (token, tally) = (client.token.clone(), Arc::clone(&client.tally));
    std::thread::spawn(move || {
        let Some(mut prober) = Prober::connect(port, &token) else { return };
        loop {
            tally.lock().unwrap().sent += 1;
            match prober.ask() {
                Some(200) => tally.lock().unwrap().allowed += 1,
                Some(429) => tally.lock().unwrap().refused += 1,
                Some(other) => panic!("/verify answered {other}"),
                None => return,
            }
        }
    })
}

/// Makes keys until the server is gone; the ids of those that were acknowledged go into `made`.
fn change_until_killed(
    port: u16,
    cookie: &str,
    made: &Arc<Mutex<Vec<String>>>,
    over: &Arc<AtomicBool>,
) -> JoinHandle<()> {
    let (cookie, made, over) = (cookie.to_owned(), Arc::clone(made), Arc::clone(over));
    std::thread::spawn(move || {
        while !over.load(Ordering::Relaxed) {
            // An answer that was cut off has no body to read an id from.
            let Some(answer) = try_make_key(port, &cookie, "made under fire") else { return };
            match answer.status {
                201 => {
                    if let Ok(object) = serde_json::from_str::<Value>(&answer.body) {
                        made.lock().unwrap().push(text(&object["id"]));
                    }
                }
                other => panic!("making a key was answered {other}: {}", answer.body),
            }
        }
    })
}

/// Requests of a key in the ledger: allowed and refused.
fn recorded(ledger: &Connection, number: i64) -> (i64, i64) {
    ledger
        .query_row(
            "SELECT coalesce(sum(count) FILTER (WHERE code IS NULL), 0),
                    coalesce(sum(count) FILTER (WHERE code IS NOT NULL), 0)
             FROM (SELECT code, count FROM requests WHERE key = ?1
                   UNION ALL SELECT code, count FROM open_counts WHERE key = ?1)",
            [number],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap()
}

/// Compares what clients know with what the databases hold. The server runs: it was the one to recover.
fn assert_nothing_is_missing(site: &Site, clients: &[Client], made: &Mutex<Vec<String>>) {
    let ledger = reader(site, "ledger.db");
    for client in clients {
        let (allowed, refused) = recorded(&ledger, client.number);
        let tally = *client.tally.lock().unwrap();
        assert!(allowed >= tally.allowed && refused >= tally.refused, "{allowed}, {refused} recorded of {tally:?}");
        assert!(allowed + refused <= tally.sent, "{allowed}, {refused} recorded of {tally:?}");
    }
    let state = reader(site, "claviger.db");
    let mut there = state
        .prepare(
            "SELECT (SELECT count(*) FROM api_keys WHERE id = ?1),
                    (SELECT count(*) FROM audit_log WHERE target_id = ?1 AND action = 'api_key.created')",
        )
        .unwrap();
    for id in made.lock().unwrap().iter() {
        let found: (i64, i64) = there.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        assert_eq!(found, (1, 1), "{id} was acknowledged");
    }
}

fn assert_the_databases_are_whole(site: &Site) {
    for file in ["claviger.db", "ledger.db"] {
        let found: String = reader(site, file).query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(found, "ok", "{file}");
    }
    let proved = site.run(&["audit", "verify"]);
    assert!(proved.status.success(), "{}", String::from_utf8_lossy(&proved.stderr));
}

/// The counts that the API tells are those of the rows.
fn assert_usage_agrees_with_the_rows(site: &Site, cookie: &str, client: &Client) {
    let (allowed, refused) = recorded(&reader(site, "ledger.db"), client.number);
    let object = must_send(site.port, "GET", &format!("{KEYS}/{}", client.id), &[cookie], None).json();
    assert_eq!(object["requestCount"], allowed + refused, "{object}");
    let usage = must_send(site.port, "GET", &format!("{KEYS}/{}/usage?step=hour", client.id), &[cookie], None).json();
    let sum = |field: &str| -> i64 {
        usage["points"].as_array().unwrap().iter().map(|point| point[field].as_i64().unwrap()).sum()
    };
    assert_eq!((sum("allowed"), sum("denied")), (allowed, refused));
}

/// Starts a server; it must be ready in time also after a `kill -9`.
fn start(site: &Site) -> Server {
    let begun = Instant::now();
    let server = site.serve();
    assert!(begun.elapsed() < READY_WITHIN, "ready only after {:?}", begun.elapsed());
    server
}

/// 10 to 200 milliseconds, at random.
fn a_moment() -> Duration {
    Duration::from_millis(10 + RandomState::new().build_hasher().finish() % 190)
}

#[test]
fn after_fifty_kills_under_load_every_acknowledged_request_and_change_is_there() {
    let site = Site::new("");
    site.set_up();
    let clients: Vec<Client> = (0..4).map(|_| make_client(&site)).collect();
    let made: Arc<Mutex<Vec<String>>> = Arc::default();
    let mut server = start(&site);
    let cookie = sign_in(site.port);
    for kill in 1..=KILLS {
        let over = Arc::new(AtomicBool::new(false));
        let mut threads: Vec<_> = clients.iter().map(|client| ask_until_killed(site.port, client)).collect();
        threads.push(change_until_killed(site.port, &cookie, &made, &over));
        std::thread::sleep(a_moment());
        server.kill();
        over.store(true, Ordering::Relaxed);
        for thread in threads {
            thread.join().expect("a client met nothing but answers and the end");
        }
        server = start(&site);
        assert_nothing_is_missing(&site, &clients, &made);
        if kill % 10 == 0 {
            assert_the_databases_are_whole(&site);
        }
    }
    for client in &clients {
        assert_usage_agrees_with_the_rows(&site, &cookie, client);
    }
    for client in &clients {
        let tally = *client.tally.lock().unwrap();
        assert!(tally.allowed > KILLS as i64, "the load was none: {tally:?}");
    }
    assert!(made.lock().unwrap().len() > KILLS, "the changes were none");
    server.terminate();
    assert_the_databases_are_whole(&site);
}

#[test]
fn a_limit_used_up_before_a_kill_is_still_used_up_after_it() {
    let site = Site::new("[[rules]]\npath = \"/class/{*rest}\"\nclass = \"class\"\nlimit = 4\n");
    site.set_up();
    let key = site.make_key(&["--rate-limit", "6"]);
    let other = site.make_key(&["--rate-limit", "6"]);
    let mut server = site.serve();
    for _ in 0..4 {
        assert_eq!(verify(site.port, &key, "/class/x").status, 200);
    }
    assert_eq!(verify(site.port, &other, "/class/x").status, 429);
    assert_eq!(verify(site.port, &key, "/x").status, 200);
    server.kill();

    let _server = site.serve();
    assert_eq!(verify(site.port, &other, "/class/x").status, 429, "the class has its window back");
    assert_eq!(verify(site.port, &key, "/x").status, 200, "one was left");
    let refused = verify(site.port, &key, "/x");
    assert_eq!((refused.status, refused.code().as_str()), (429, "RATE_LIMITED"));
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
}
