//! SIGTERM: what is in flight is answered, what was answered is recorded, and nothing is left behind.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::support::plain::{sign_in, verify};
use crate::support::process::{Prober, Site, get_status};
use crate::support::{EMAIL, PASSWORD};

/// A password at the highest cost takes long enough to be met under way.
const SLOW: &str = "[auth]\nrequests_per_minute = 1000\n";

fn rows(site: &Site) -> i64 {
    let ledger = Connection::open(site.data_dir().join("ledger.db")).unwrap();
    ledger.query_row("SELECT count(*) FROM requests", [], |row| row.get(0)).unwrap()
}

#[test]
fn sign_ins_that_are_under_way_are_answered_before_the_server_ends() {
    let site = Site::new(SLOW);
    let text = std::fs::read_to_string(site.config_file()).unwrap();
    std::fs::write(site.config_file(), text.replace("bcrypt_cost = 10", "bcrypt_cost = 13")).unwrap();
    site.set_up();
    let mut server = site.serve();
    let body = serde_json::json!({ "email": EMAIL, "password": PASSWORD }).to_string();
    let request = format!(
        "POST /api/auth/sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut waiting: Vec<TcpStream> = (0..3)
        .map(|_| {
            let mut stream = TcpStream::connect(("127.0.0.1", site.port)).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            stream
        })
        .collect();
    // The three are hashed one after the other: with the first answer here, the last is surely under way.
    let mut first = [0; 12];
    waiting[0].read_exact(&mut first).unwrap();
    server.ask_to_end();
    let begun = Instant::now();
    let answers: Vec<String> = waiting
        .iter_mut()
        .map(|stream| {
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest);
            String::from_utf8_lossy(&rest).into_owned()
        })
        .collect();
    assert!(String::from_utf8_lossy(&first).starts_with("HTTP/1.1 200") && answers[0].contains(EMAIL));
    for answer in &answers[1..] {
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(EMAIL), "{answer:?}");
    }
    let ended = server.end_within(Duration::from_secs(20)).expect("it ends");
    assert!(ended.success(), "{ended}");
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert!(site.log().contains("Claviger has stopped"), "{}", site.log());
}

#[test]
fn a_request_right_before_the_end_is_in_the_ledger() {
    let site = Site::new("");
    site.set_up();
    let key = site.make_key(&["--rate-limit", "10000"]);
    let mut acknowledged = 0;
    for _ in 0..3 {
        let mut server = site.serve();
        let mut prober = Prober::connect(site.port, &key).unwrap();
        let asking = std::thread::spawn(move || {
            let mut count = 0;
            while let Some(status) = prober.ask() {
                assert!(status == 200 || status == 503, "{status}");
                count += i64::from(status == 200);
            }
            count
        });
        assert_eq!(verify(site.port, &key, "/last").status, 200);
        assert!(server.terminate().success());
        acknowledged += asking.join().unwrap() + 1;
        assert!(rows(&site) >= acknowledged, "{} rows of {acknowledged}", rows(&site));
        assert!(rows(&site) <= acknowledged + 3, "only what was cut off unanswered is more");
        acknowledged = rows(&site);
    }
    let proved = site.run(&["audit", "verify"]);
    assert!(proved.status.success(), "{proved:?}");
}

#[test]
fn a_request_whose_row_is_not_written_yet_holds_up_the_end_and_is_then_recorded_and_answered() {
    let site = Site::new("");
    site.set_up();
    let key = site.make_key(&[]);
    let mut server = site.serve();
    let mut prober = Prober::connect(site.port, &key).unwrap();
    assert_eq!(prober.ask(), Some(200));
    let lock = Connection::open(site.data_dir().join("ledger.db")).unwrap();
    lock.busy_timeout(Duration::from_secs(5)).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let asking = std::thread::spawn(move || prober.ask());
    // The request has to be there before the signal; nothing outside shows when it is.
    std::thread::sleep(Duration::from_millis(300));
    server.ask_to_end();
    assert_eq!(server.end_within(Duration::from_millis(700)), None, "it did not wait for the row");
    lock.execute_batch("ROLLBACK").unwrap();
    assert_eq!(asking.join().unwrap(), Some(200));
    assert!(server.wait().success());
    assert_eq!(rows(&site), 2);
}

#[test]
fn the_end_is_clean_and_leaves_neither_a_socket_nor_a_lock() {
    let site = Site::new("");
    site.set_up();
    let mut server = site.serve();
    sign_in(site.port);
    let socket = site.data_dir().join("claviger.sock");
    assert!(socket.exists());
    // A connection that is kept open does not hold up the end for long.
    let _idle = TcpStream::connect(("127.0.0.1", site.port)).unwrap();
    let begun = Instant::now();
    assert_eq!(server.terminate().code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert!(!socket.exists());
    assert_eq!(get_status(site.port, "/livez"), None);
    assert!(!site.log().contains("panicked"), "{}", site.log());
    let _again = site.serve();
}
