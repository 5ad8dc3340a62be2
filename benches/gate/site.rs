//! A directory with a database, and a real server on it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::keys;

const BINARY: &str = env!("CARGO_BIN_EXE_claviger");

pub struct Site {
    directory: tempfile::TempDir,
    port: u16,
}

pub struct Server {
    child: Child,
    pub port: u16,
    /// From its start until it was ready.
    pub start: Duration,
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

/// Waits until a path is answered with 200.
pub fn wait_for(port: u16, path: &str) {
    let start = Instant::now();
    while !answers(port, path) {
        assert!(start.elapsed() < Duration::from_secs(60), "no server after a minute");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn answers(port: u16, path: &str) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let mut answer = String::new();
    stream.write_all(request.as_bytes()).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.starts_with("HTTP/1.1 200")
}

impl Site {
    pub fn new() -> Site {
        // Beside the build, on a real disk: /tmp may be memory.
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        Site { directory, port: free_port() }
    }

    /// Where everything of it is: `claviger.toml` is read from here, and `data` is below.
    #[allow(dead_code)] // Not every benchmark that shares this file writes settings.
    pub fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    pub fn data_dir(&self) -> std::path::PathBuf {
        self.directory.path().join("data")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command
            .args(arguments)
            .arg("--data-dir")
            .arg(self.data_dir())
            .args(["--listen", &format!("127.0.0.1:{}", self.port)])
            .current_dir(self.directory.path());
        command
    }

    /// Sets the site up and makes so many keys; the tokens of `used` of them, spread evenly.
    pub fn fill(&mut self, keys: usize, used: usize) -> Vec<String> {
        let arguments =
            ["setup", "--name", "Ada", "--email", "ada@example.com", "--organization", "Home", "--password-stdin"];
        let mut child =
            self.command(&arguments).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("setup starts");
        child.stdin.take().expect("its input").write_all(b"SecurePass1\n").expect("it reads");
        assert!(child.wait().expect("setup ends").success());
        keys::insert(&self.data_dir(), keys, used)
    }

    pub fn serve(&self) -> Server {
        let start = Instant::now();
        let child = self.command(&["serve"]).stderr(Stdio::null()).spawn().expect("the server starts");
        wait_for(self.port, "/readyz");
        Server { child, port: self.port, start: start.elapsed() }
    }
}

impl Server {
    /// Resident memory, from the kernel's own account.
    pub fn resident_mb(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
        let kb: f64 = line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0.0);
        kb / 1_024.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
