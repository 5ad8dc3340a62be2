//! Webhooks of a server that is a process of its own: killed in the middle, and deceived about names.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::namespace::{require_mounts, server_after};
use crate::support::plain::{must_send, send, sign_in};
use crate::support::process::Site;
use crate::support::receiver::Receiver;
use crate::support::smtp::wait_until;
use crate::support::text;

const WEBHOOKS: &str = "/api/admin/webhooks";

fn make(port: u16, cookie: &str, url: &str) -> String {
    let made = must_send(port, "POST", WEBHOOKS, &[cookie], Some(&json!({ "url": url, "events": ["a.b"] })));
    assert_eq!(made.status, 201, "{made:?}");
    format!("{WEBHOOKS}/{}", text(&made.json()["id"]))
}

/// Publishes until the server is gone; the ids of what was taken.
fn publish_until_killed(port: u16, cookie: &str, taken: &Arc<Mutex<BTreeSet<String>>>) -> std::thread::JoinHandle<()> {
    let (cookie, taken) = (cookie.to_owned(), Arc::clone(taken));
    std::thread::spawn(move || {
        let body = json!({ "type": "a.b", "data": {} });
        while let Some(answer) = send(port, "POST", "/api/events", &[&cookie], Some(&body)) {
            assert_eq!(answer.status, 202, "{answer:?}");
            if let Ok(object) = serde_json::from_str::<Value>(&answer.body) {
                taken.lock().unwrap().insert(text(&object["id"]));
            }
        }
    })
}

#[test]
fn after_kills_in_the_middle_every_event_that_was_taken_arrives_at_least_once() {
    let site = Site::new("[webhooks]\nallow_networks = [\"127.0.0.0/8\"]\n");
    site.set_up();
    let receiver = Receiver::start();
    let mut server = site.serve();
    let cookie = sign_in(site.port);
    let hook = make(site.port, &cookie, &receiver.url("/"));
    let taken: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    for round in 0..8 {
        let threads: Vec<_> = (0..4).map(|_| publish_until_killed(site.port, &cookie, &taken)).collect();
        let before = taken.lock().unwrap().len();
        wait_until("some were taken", || taken.lock().unwrap().len() > before + 20 + round * 7);
        server.kill();
        for thread in threads {
            thread.join().expect("a client met nothing but answers and the end");
        }
        server = site.serve();
    }
    let taken = taken.lock().unwrap().clone();
    let arrived = || -> BTreeSet<String> {
        receiver.at("/").iter().map(|received| received.header("webhook-id").to_owned()).collect()
    };
    let begun = Instant::now();
    while !taken.is_subset(&arrived()) {
        assert!(begun.elapsed() < Duration::from_secs(30), "{} are missing", taken.difference(&arrived()).count());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(taken.len() > 200);
    wait_until("all are written down", || {
        let waiting = must_send(site.port, "GET", &format!("{hook}/deliveries?state=waiting"), &[&cookie], None);
        waiting.json()["items"].as_array().unwrap().is_empty()
    });
}

/// The server's own idea of names: it sees this file in place of the system's.
fn with_hosts(site: &Site) -> (std::path::PathBuf, Command) {
    let hosts = site.directory.path().join("hosts");
    std::fs::write(&hosts, "").unwrap();
    let command = server_after(site, &format!("mount --bind {} /etc/hosts", hosts.display()));
    (hosts, command)
}

#[test]
fn a_name_that_resolves_to_this_machine_the_second_time_is_not_connected_to() {
    require_mounts();
    // Two addresses of this machine, of which one may be used: there is nobody to be had on any other.
    let site = Site::new("[webhooks]\nallow_networks = [\"127.0.0.1\"]\n");
    site.set_up();
    let receiver = Receiver::start();
    let (hosts, command) = with_hosts(&site);
    let mut server = site.serve_with(command);
    server.wait_until_ready();
    let cookie = sign_in(site.port);
    let resolve_to = |address: &str| std::fs::write(&hosts, format!("{address} hooks.example.test\n")).unwrap();
    let url = format!("http://hooks.example.test:{}/", receiver.port);
    for never in ["127.0.0.2", "169.254.169.254", "::1"] {
        resolve_to(never);
        let refused =
            must_send(site.port, "POST", WEBHOOKS, &[&cookie], Some(&json!({ "url": url, "events": ["a.b"] })));
        assert_eq!(refused.status, 400, "{refused:?}");
    }
    resolve_to("127.0.0.1");
    let hook = make(site.port, &cookie, &url);
    // Each on a connection of its own.
    receiver.act("/", crate::support::receiver::Act::Answer(200, "Connection: close\r\n", String::new()));
    let test = || {
        let queued = must_send(site.port, "POST", &format!("{hook}/test"), &[&cookie], None);
        assert_eq!(queued.status, 202, "{queued:?}");
    };
    let newest = || {
        must_send(site.port, "GET", &format!("{hook}/deliveries?limit=1"), &[&cookie], None).json()["items"][0].clone()
    };
    test();
    wait_until("the first has arrived", || newest()["state"] == "delivered");
    resolve_to("127.0.0.2");
    test();
    wait_until("the second was tried", || newest()["attempts"] == 1 && newest()["state"] == "waiting");
    let tried = newest();
    assert!(text(&tried["lastError"]).contains("127.0.0.2 is this machine itself"), "{tried}");
    assert_eq!(receiver.count("/"), 1);
    // It is tried again after five seconds, with the name as it is then.
    resolve_to("127.0.0.1");
    wait_until("it has arrived after all", || newest()["state"] == "delivered");
}

#[test]
fn a_server_takes_as_many_file_descriptors_as_the_system_gives() {
    let site = Site::new("");
    let mut command = Command::new("sh");
    command.args(["-euc", "ulimit -Sn 200; exec \"$@\"", "sh", crate::support::process::BINARY]);
    let mut server = site.serve_with(command);
    server.wait_until_ready();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.id())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    assert!(words[3] == words[4] && words[3] != "200", "{line}");
}
