//! What the service manager is told: that the server is ready, that it still turns, that it stops.

use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use crate::support::process::{BINARY, Site, get_status};

/// A service manager's socket.
struct Manager(UnixDatagram);

impl Manager {
    fn listen(site: &Site) -> (Manager, std::path::PathBuf) {
        let path = site.directory.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        (Manager(socket), path)
    }

    /// Waits until this is said; what was said before it.
    fn wait_for(&self, wanted: &str) -> Vec<String> {
        let mut said = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let length = self.0.recv(&mut buffer).unwrap_or_else(|error| panic!("{error} after {said:?}"));
            let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if message.lines().any(|line| line == wanted) {
                return said;
            }
            said.push(message);
        }
    }
}

#[test]
fn the_service_manager_hears_that_the_server_is_ready_that_it_lives_and_that_it_stops() {
    let site = Site::new("");
    let (manager, path) = Manager::listen(&site);
    let mut command = Command::new(BINARY);
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "600000").env_remove("WATCHDOG_PID");
    let mut server = site.serve_with(command);
    manager.wait_for("READY=1");
    assert_eq!(get_status(site.port, "/readyz"), Some(200), "ready was said too early");
    // A third of the watchdog's time apart, again and again.
    for _ in 0..4 {
        manager.wait_for("WATCHDOG=1");
    }
    server.ask_to_end();
    manager.wait_for("STOPPING=1");
    assert!(server.wait().success());
}

#[test]
fn a_server_that_cannot_start_is_never_called_ready() {
    let site = Site::new("");
    let _other = std::net::TcpListener::bind(("127.0.0.1", site.port)).unwrap();
    let (manager, path) = Manager::listen(&site);
    let mut command = Command::new(BINARY);
    command.env("NOTIFY_SOCKET", &path);
    assert!(!site.serve_with(command).wait().success());
    manager.0.set_nonblocking(true).unwrap();
    let mut buffer = [0; 4096];
    while let Ok(length) = manager.0.recv(&mut buffer) {
        assert!(!String::from_utf8_lossy(&buffer[..length]).contains("READY=1"));
    }
}
