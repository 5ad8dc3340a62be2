//! How long lists take where there is a lot: 100,000 members, invitations, keys and messages, 1,000,000 audit entries and
//! requests. Every list is asked over HTTP for its first and its thousandth page of fifty:
//!
//! ```sh
//! cargo bench --bench lists
//! cargo bench --bench lists -- quick     # less of everything: does it still run?
//! ```

mod client;
mod fill;
#[path = "../gate/keys.rs"]
mod keys;
#[path = "../gate/site.rs"]
mod site;

use std::time::Instant;

use client::Client;
use site::Site;

/// The goal, at the 99th percentile.
const GOAL_MS: f64 = 20.0;

/// Every list, with filters that leave much of it. `{user}` is somebody who did much, `{middle}` half of the time.
const LISTS: &[&str] = &[
    "/api/members",
    "/api/admin/members",
    "/api/admin/invites",
    "/api/admin/rest-api-keys",
    "/api/admin/rest-api-keys?status=active",
    "/api/admin/requests",
    "/api/admin/audit-log",
    "/api/admin/audit-log?action=api_key.updated",
    "/api/admin/audit-log?action=api_key.*",
    "/api/admin/audit-log?actor={user}",
    "/api/admin/audit-log?target={user}",
    "/api/admin/audit-log?to={middle}",
    "/api/admin/mail",
];

fn main() {
    let quick = std::env::args().any(|argument| argument == "quick");
    let (people, entries, page, measured) =
        if quick { (2_000, 5_000, 10, 20) } else { (100_000, 1_000_000, 1_000, 300) };
    let mut site = Site::new();
    site.fill(people, 1);
    let begun = Instant::now();
    let start = fill::start(entries);
    let user = fill::fill(&site.data_dir(), people, entries, start);
    let middle = claviger::clock::to_rfc3339(fill::start(entries / 2));
    println!("\n{people} members, invitations, keys and messages, {entries} audit entries and requests");
    println!("filled in {:.0} s; milliseconds, {measured} requests each", begun.elapsed().as_secs_f64());
    let server = site.serve();
    let mut client = Client::connect(server.port);
    client.sign_in("ada@example.com", "SecurePass1");
    println!("{:<48} {:>7} {:>7}   page {page}: {:>6} {:>7}", "", "p50", "p99", "p50", "p99");
    let mut slow = false;
    for list in LISTS {
        let path = list.replace("{user}", &user).replace("{middle}", &middle);
        let Some(first) = client.page(&path, None) else {
            println!("{list:<48} is not there");
            continue;
        };
        let cursor = deep(&mut client, &path, first, page);
        let start = measure(&mut client, &path, None, measured);
        let end = measure(&mut client, &path, cursor.as_deref(), measured);
        slow |= start.1.max(end.1) > GOAL_MS;
        let shown = if cursor.is_some() { "" } else { "  (it has fewer pages)" };
        println!("{list:<48} {:>7.1} {:>7.1}         {:>12.1} {:>7.1}{shown}", start.0, start.1, end.0, end.1);
    }
    println!("{}", if slow { "a list is slower than 20 ms" } else { "every list is within 20 ms" });
    println!("{:.1} MB resident after it, ready in {:.0} ms", server.resident_mb(), server.start.as_secs_f64() * 1e3);
}

/// The cursor that leads to this page.
fn deep(client: &mut Client, path: &str, first: client::Page, page: usize) -> Option<String> {
    let mut cursor = first.next;
    for _ in 2..page {
        let next = client.page(path, Some(&cursor?))?;
        cursor = next.next;
    }
    cursor
}

/// The median and the 99th percentile, in milliseconds.
fn measure(client: &mut Client, path: &str, cursor: Option<&str>, times: usize) -> (f64, f64) {
    let mut taken: Vec<f64> = (0..times)
        .map(|_| {
            let begun = Instant::now();
            let page = client.page(path, cursor).expect("the page is there");
            assert!(page.items > 0, "{path} has entries");
            begun.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    taken.sort_by(f64::total_cmp);
    let at = |share: f64| taken[((taken.len() - 1) as f64 * share) as usize];
    (at(0.5), at(0.99))
}
