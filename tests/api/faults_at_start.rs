//! What stops a start: each with a clear message and a clean exit, and the files as they were.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rusqlite::Connection;

use crate::support::namespace::{require_mounts, server_after};
use crate::support::process::{BINARY, Site, files_below, free_port, get_status};

const CONFIG: i32 = 78;
const FAILURE: i32 = 1;

/// Tries to serve, which must end by itself with this exit code, and say this.
fn assert_refuses(site: &Site, command: Command, code: i32, says: &str) {
    let mut server = site.serve_with(command);
    let ended = server.end_within(Duration::from_secs(20));
    let log = site.log();
    assert_eq!(ended.and_then(|status| status.code()), Some(code), "{says}: {log}");
    assert!(log.contains(says), "{says:?} is not in: {log}");
    assert!(log.lines().count() <= 2, "{log}");
    assert!(!log.contains("panicked") && !log.contains("RUST_BACKTRACE"), "{log}");
}

/// What lies in a directory, byte for byte; but not the index that SQLite makes beside a database even to read it
/// (`-shm`), nor an empty write-ahead log.
fn contents(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let is_data = |path: &Path, bytes: &[u8]| {
        let name = path.to_string_lossy();
        let passing = name.ends_with("-shm") || (name.ends_with("-wal") && bytes.is_empty());
        !passing
    };
    let all = files_below(directory).into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap()));
    all.filter(|(path, bytes)| is_data(path, bytes)).collect()
}

fn assert_unchanged(what: &str, before: &BTreeMap<PathBuf, Vec<u8>>, after: &BTreeMap<PathBuf, Vec<u8>>) {
    let sizes = |files: &BTreeMap<PathBuf, Vec<u8>>| -> Vec<(PathBuf, usize)> {
        files.iter().map(|(path, bytes)| (path.clone(), bytes.len())).collect()
    };
    assert_eq!(sizes(after), sizes(before), "{what}: a file was made, removed, or has another length");
    for (path, bytes) in before {
        assert!(after[path] == *bytes, "{what}: {} was changed", path.display());
    }
}

/// A site with data, and with no server.
fn used_site() -> Site {
    let site = Site::new("");
    site.set_up();
    site.make_key(&[]);
    // The write-ahead log goes with the last connection, if the process has the time to close it; what is left are whole
    // files.
    for _ in 0..10 {
        if site.data_dir().join("claviger.db-wal").exists() {
            site.make_key(&[]);
        }
    }
    assert!(!site.data_dir().join("claviger.db-wal").exists());
    site
}

/// A way to damage a data directory, and what the start says of it.
type Damage = (&'static str, fn(&Path), &'static str);

fn cut(file: &Path, keep: impl Fn(usize) -> usize) {
    let bytes = std::fs::read(file).unwrap();
    std::fs::write(file, &bytes[..keep(bytes.len())]).unwrap();
}

fn set_pragma(file: &Path, pragma: &str) {
    Connection::open(file).unwrap().execute_batch(pragma).unwrap();
}

const DAMAGES: &[Damage] = &[
    ("the state cut in half", |data| cut(&data.join("claviger.db"), |length| length / 2), "claviger.db cannot be used"),
    ("the ledger cut in half", |data| cut(&data.join("ledger.db"), |length| length / 2), "ledger.db cannot be used"),
    ("the state cut at a page", |data| cut(&data.join("claviger.db"), |_| 8_192), "claviger.db cannot be used"),
    ("the ledger cut in its head", |data| cut(&data.join("ledger.db"), |_| 60), "ledger.db cannot be used"),
    (
        "garbage for the state",
        |data| std::fs::write(data.join("claviger.db"), "no database ".repeat(2_000)).unwrap(),
        "claviger.db cannot be used",
    ),
    (
        "garbage for the ledger",
        |data| std::fs::write(data.join("ledger.db"), "no database ".repeat(2_000)).unwrap(),
        "ledger.db cannot be used",
    ),
    (
        "a newer state",
        |data| set_pragma(&data.join("claviger.db"), "PRAGMA user_version = 99"),
        "it was written by a newer Claviger",
    ),
    (
        "a newer ledger",
        |data| set_pragma(&data.join("ledger.db"), "PRAGMA user_version = 99"),
        "it was written by a newer Claviger",
    ),
    (
        "another program's database",
        |data| {
            std::fs::remove_file(data.join("claviger.db")).unwrap();
            set_pragma(&data.join("claviger.db"), "CREATE TABLE theirs (a INTEGER)");
        },
        "claviger.db is not a database of Claviger",
    ),
    (
        "the two files exchanged",
        |data| {
            std::fs::rename(data.join("claviger.db"), data.join("x")).unwrap();
            std::fs::rename(data.join("ledger.db"), data.join("claviger.db")).unwrap();
            std::fs::rename(data.join("x"), data.join("ledger.db")).unwrap();
        },
        "claviger.db is not a database of Claviger",
    ),
    (
        "another master key",
        |data| std::fs::write(data.join("master.key"), "5a".repeat(32)).unwrap(),
        "the master key does not fit",
    ),
    ("no master key", |data| std::fs::remove_file(data.join("master.key")).unwrap(), "put the key back"),
    ("half a master key", |data| cut(&data.join("master.key"), |_| 32), "must be 64 hex digits"),
];

#[test]
fn damaged_data_is_refused_with_a_clear_message_and_left_as_it_is() {
    for (name, damage, says) in DAMAGES {
        let site = used_site();
        damage(&site.data_dir());
        let before = contents(&site.data_dir());
        assert_refuses(&site, Command::new(BINARY), CONFIG, says);
        let asked = site.run(&["org", "list"]);
        let error = String::from_utf8_lossy(&asked.stderr).into_owned();
        assert!(asked.status.code() == Some(CONFIG) && error.contains(says), "{name}: {error}");
        assert_unchanged(name, &before, &contents(&site.data_dir()));
    }
}

#[test]
fn a_read_only_data_directory_is_refused_and_left_as_it_is() {
    require_mounts();
    let site = used_site();
    let before = contents(&site.data_dir());
    let script = "mount --bind \"$DATA\" \"$DATA\"\nmount -o remount,bind,ro \"$DATA\"";
    assert_refuses(&site, server_after(&site, script), FAILURE, "Read-only file system");
    assert!(site.log().contains(&format!("the data directory {} cannot be used", site.data_dir().display())));
    assert_unchanged("read-only", &before, &contents(&site.data_dir()));
    // Where even the lock is there and may be written, the databases may not.
    let script = "for file in claviger.db ledger.db; do mount --bind \"$DATA/$file\" \"$DATA/$file\"\n\
                  mount -o remount,bind,ro \"$DATA/$file\"; done";
    assert_refuses(&site, server_after(&site, script), CONFIG, "claviger.db cannot be used");
    let after = contents(&site.data_dir());
    assert!(["claviger.db", "ledger.db"].iter().all(|file| {
        let path = site.data_dir().join(file);
        after[&path] == before[&path]
    }));
}

#[test]
fn a_port_in_use_is_refused_before_anything_is_made() {
    let site = Site::new("");
    let _other = std::net::TcpListener::bind(("127.0.0.1", site.port)).unwrap();
    let says = format!("cannot listen on 127.0.0.1:{}", site.port);
    assert_refuses(&site, Command::new(BINARY), FAILURE, &says);
    assert!(!site.data_dir().exists());
}

#[test]
fn a_data_directory_that_cannot_be_made_is_refused() {
    let site = Site::new("");
    std::fs::write(site.data_dir(), "a file in its place").unwrap();
    let before = contents(site.directory.path());
    assert_refuses(&site, Command::new(BINARY), FAILURE, "cannot be used");
    assert_eq!(std::fs::read_to_string(site.data_dir()).unwrap(), "a file in its place");
    assert_eq!(contents(site.directory.path()).len(), before.len() + 1, "only the log is new");
}

#[test]
fn a_data_directory_whose_path_is_too_long_for_the_socket_is_refused_before_anything_is_made() {
    let site = Site::new("");
    let deep = site.directory.path().join("d".repeat(100));
    let mut command = Command::new(BINARY);
    command.env("CLAVIGER_DATA_DIR", &deep);
    assert_refuses(&site, command, FAILURE, "use a shorter data_dir");
    assert!(!deep.exists());
}

#[test]
fn a_second_server_on_one_directory_is_refused_and_the_first_goes_on() {
    let site = used_site();
    let first = site.serve();
    let mut second = Command::new(BINARY);
    second.env("CLAVIGER_SERVER__LISTEN", format!("127.0.0.1:{}", free_port()));
    assert_refuses(&site, second, FAILURE, "is in use by another Claviger");
    assert_eq!(get_status(site.port, "/readyz"), Some(200));
    let listed = site.run(&["org", "list"]);
    assert!(listed.status.success(), "the first one's socket was taken away");
    drop(first);
}

#[test]
fn a_socket_left_by_a_killed_server_stands_in_nobodys_way() {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt};
    let site = used_site();
    let mut server = site.serve();
    server.kill();
    let socket = site.data_dir().join("claviger.sock");
    assert!(std::fs::metadata(&socket).unwrap().file_type().is_socket());
    assert!(site.run(&["org", "list"]).status.success(), "without a server, on the data itself");

    let _server = site.serve();
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(std::os::unix::net::UnixStream::connect(&socket).is_ok());
    assert!(site.run(&["org", "list"]).status.success(), "through the new server's socket");
}
