//! What happens to a running server when the disk is full or another process holds a database.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::support::KEYS;
use crate::support::namespace::{require_mounts, server_after};
use crate::support::plain::{Answer, must_send, sign_in, try_make_key, try_sign_in, verify};
use crate::support::process::{BINARY, Prober, Server, Site, get_status};

/// How long anybody may wait while a database is locked: the busy timeout of five seconds, and some air.
const BUSY_ANSWER_WITHIN: Duration = Duration::from_millis(6_500);

/// A server on a disk of two megabytes, and where the disk can be reached from outside.
fn serve_on_a_small_disk(site: &Site) -> (Server, PathBuf) {
    require_mounts();
    std::fs::rename(site.data_dir(), site.directory.path().join("seed")).unwrap();
    std::fs::create_dir(site.data_dir()).unwrap();
    let script = "mount -t tmpfs -o size=2m,mode=700 none \"$DATA\"\ncp -a \"$SEED/.\" \"$DATA/\"";
    let mut server = site.serve_with(server_after(site, script));
    server.wait_until_ready();
    let disk = PathBuf::from(format!("/proc/{}/root", server.id()));
    let disk = disk.join(site.data_dir().strip_prefix("/").unwrap());
    (server, disk)
}

/// Takes the disk's last byte.
fn fill(disk: &Path) -> PathBuf {
    let ballast = disk.join("ballast");
    let mut file = std::fs::File::create(&ballast).unwrap();
    for size in [65_536, 4_096, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
    ballast
}

#[test]
fn on_a_full_disk_what_writes_is_503_and_room_made_is_enough_to_recover() {
    let site = Site::new("");
    site.set_up();
    let key = site.make_key(&["--rate-limit", "10000"]);
    let (mut server, disk) = serve_on_a_small_disk(&site);
    let cookie = sign_in(site.port);
    assert_eq!(verify(site.port, &key, "/x").status, 200);
    let ballast = fill(&disk);

    let mut prober = Prober::connect(site.port, &key).unwrap();
    let mut recorded = 1;
    while prober.ask().expect("an answer") == 200 {
        recorded += 1;
        assert!(recorded < 3_000, "the ledger does not need the disk");
    }
    for _ in 0..20 {
        let refused = verify(site.port, &key, "/x");
        assert_eq!((refused.status, refused.code().as_str()), (503, "LEDGER_UNAVAILABLE"));
        assert!(!refused.header("retry-after").is_empty());
    }
    // A change may still find room in pages that the file has already.
    let full = (0..200).map(|_| try_make_key(site.port, &cookie, "no room").unwrap()).find(|made| made.status != 201);
    let full = full.expect("a key that finds no room");
    assert_eq!((full.status, full.code().as_str()), (503, "STORAGE_FULL"), "{full:?}");
    let full = try_sign_in(site.port);
    assert_eq!((full.status, full.code().as_str()), (503, "STORAGE_FULL"), "{full:?}");
    assert_eq!(get_status(site.port, "/livez"), Some(200));

    std::fs::remove_file(ballast).unwrap();
    assert_eq!(verify(site.port, &key, "/x").status, 200, "{}", site.log());
    assert_eq!(try_make_key(site.port, &cookie, "room").unwrap().status, 201);
    assert_eq!(try_sign_in(site.port).status, 200);

    let proved = Command::new(BINARY).args(["audit", "verify", "--data-dir"]).arg(&disk).output().unwrap();
    assert!(proved.status.success(), "{}", String::from_utf8_lossy(&proved.stderr));
    let keys = must_send(site.port, "GET", &format!("{KEYS}?q=A+key"), &[&cookie], None).json();
    assert_eq!(keys["items"][0]["requestCount"], recorded + 1, "what was let pass is recorded, once: {keys}");
    assert!(server.terminate().success());
    assert!(!site.log().contains("panicked"), "{}", site.log());
}

/// Another process that holds a database, as far as SQLite can tell.
fn hold(site: &Site, file: &str, how: &str) -> Connection {
    let connection = Connection::open(site.data_dir().join(file)).unwrap();
    connection.busy_timeout(Duration::from_secs(5)).unwrap();
    connection.execute_batch(how).unwrap();
    connection
}

/// Does this four times, begun half a busy timeout apart; every answer must come in time.
fn answers_in_time(act: impl Fn() -> Answer + Sync) -> Vec<Answer> {
    std::thread::scope(|scope| {
        let act = &act;
        let asked: Vec<_> = (0..4)
            .map(|place| {
                scope.spawn(move || {
                    std::thread::sleep(Duration::from_millis(2_500) * place);
                    let begun = Instant::now();
                    let answer = act();
                    assert!(begun.elapsed() < BUSY_ANSWER_WITHIN, "{place}: {:?} for {answer:?}", begun.elapsed());
                    answer
                })
            })
            .collect();
        asked.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn while_another_process_holds_the_state_changes_are_503_in_time_and_the_gate_goes_on() {
    let site = Site::new("");
    site.set_up();
    let key = site.make_key(&[]);
    let server = site.serve();
    let cookie = sign_in(site.port);
    let lock = hold(&site, "claviger.db", "BEGIN IMMEDIATE");
    for answer in answers_in_time(|| try_make_key(site.port, &cookie, "held").unwrap()) {
        assert_eq!((answer.status, answer.code().as_str()), (503, "BUSY"), "{answer:?}");
        assert!(!answer.header("retry-after").is_empty());
    }
    assert_eq!(verify(site.port, &key, "/x").status, 200, "the gate only reads");
    lock.execute_batch("ROLLBACK").unwrap();
    assert_eq!(try_make_key(site.port, &cookie, "free").unwrap().status, 201);
    let kept: i64 = lock.query_row("SELECT count(*) FROM api_keys WHERE name = 'held'", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 0, "what was answered 503 did not happen");
    drop(server);
}

#[test]
fn while_another_process_holds_the_ledger_the_gate_answers_503_in_time_and_then_works_again() {
    let site = Site::new("");
    site.set_up();
    let key = site.make_key(&["--rate-limit", "3"]);
    let server = site.serve();
    assert_eq!(verify(site.port, &key, "/x").status, 200);
    let lock = hold(&site, "ledger.db", "BEGIN EXCLUSIVE");
    for answer in answers_in_time(|| verify(site.port, &key, "/x")) {
        // Two are left in the window; who finds both taken by requests that wait is refused, and cannot be recorded.
        assert_eq!((answer.status, answer.code().as_str()), (503, "LEDGER_UNAVAILABLE"), "{answer:?}");
        assert!(!answer.header("retry-after").is_empty());
    }
    assert_eq!(get_status(site.port, "/livez"), Some(200));
    lock.execute_batch("ROLLBACK").unwrap();
    let after: Vec<u16> = (0..3).map(|_| verify(site.port, &key, "/x").status).collect();
    assert_eq!(after, [200, 200, 429], "what could not be recorded took nothing from the limit");
    let allowed: i64 =
        lock.query_row("SELECT count(*) FROM requests WHERE code IS NULL", [], |row| row.get(0)).unwrap();
    assert_eq!(allowed, 3);
    drop(server);
}
