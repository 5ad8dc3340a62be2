//! The real binary as a process of its own: for what cannot be tried within one.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use super::{EMAIL, PASSWORD};

pub const BINARY: &str = env!("CARGO_BIN_EXE_claviger");

/// A directory with a configuration file, on which servers are started and killed.
pub struct Site {
    pub directory: tempfile::TempDir,
    pub port: u16,
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Site {
    /// A site with these further lines of configuration (TOML).
    pub fn new(more: &str) -> Site {
        let directory = tempfile::tempdir().unwrap();
        let port = free_port();
        let data = directory.path().join("data");
        let config = format!(
            "data_dir = \"{}\"\n[server]\nlisten = \"127.0.0.1:{port}\"\n[password]\nbcrypt_cost = 10\n{more}\n",
            data.display()
        );
        std::fs::write(directory.path().join("claviger.toml"), config).unwrap();
        Site { directory, port }
    }

    pub fn config_file(&self) -> PathBuf {
        self.directory.path().join("claviger.toml")
    }

    pub fn data_dir(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Runs a subcommand to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.run_with_input(arguments, "")
    }

    /// The same, with this on standard input.
    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = Command::new(BINARY)
            .args(arguments)
            .arg("--config")
            .arg(self.config_file())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// Sets the site up without a browser.
    pub fn set_up(&self) {
        let output = self.run_with_input(
            &["setup", "--name", "Ada", "--email", EMAIL, "--organization", "Home", "--password-stdin"],
            &format!("{PASSWORD}\n"),
        );
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Makes a key of the home organization; the token.
    pub fn make_key(&self, more: &[&str]) -> String {
        let arguments: Vec<&str> =
            ["key", "create", "--name", "A key"].into_iter().chain(more.iter().copied()).collect();
        let output = self.run(&arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Starts a server and waits until it is ready.
    pub fn serve(&self) -> Server {
        let mut server = self.serve_with(Command::new(BINARY));
        server.wait_until_ready();
        server
    }

    /// Starts a server by this command (`serve --config …` is added), and does not wait.
    pub fn serve_with(&self, mut command: Command) -> Server {
        let log = std::fs::File::create(self.directory.path().join("log")).unwrap();
        let child = command
            .args(["serve", "--config"])
            .arg(self.config_file())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Server { child, port: self.port }
    }

    /// What the last server logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

/// A server; killed when it goes.
pub struct Server {
    child: Child,
    port: u16,
}

impl Server {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for `/readyz`, ten seconds at most.
    pub fn wait_until_ready(&mut self) {
        let start = Instant::now();
        while get_status(self.port, "/readyz") != Some(200) {
            assert!(start.elapsed() < Duration::from_secs(10), "the server is not ready after ten seconds");
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the server ended: {status}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// `kill -9`
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// `kill -TERM`, and waits for the end.
    pub fn terminate(&mut self) -> ExitStatus {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap()
    }

    /// Asks for the end by SIGTERM, and does not wait.
    pub fn ask_to_end(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }

    /// The end, if it comes within this time.
    pub fn end_within(&mut self, patience: Duration) -> Option<ExitStatus> {
        let start = Instant::now();
        loop {
            let ended = self.child.try_wait().unwrap();
            if ended.is_some() || start.elapsed() > patience {
                return ended;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for the end.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The status of a plain GET; `None` where nobody answers.
pub fn get_status(port: u16, path: &str) -> Option<u16> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let answer = exchange(port, request.as_bytes())?;
    answer.split(' ').nth(1)?.parse().ok()
}

/// Sends bytes as they stand and reads the answer to its end.
pub fn exchange(port: u16, request: &[u8]) -> Option<String> {
    use std::io::Read;
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    stream.write_all(request).ok()?;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    (!answer.is_empty()).then(|| String::from_utf8_lossy(&answer).into_owned())
}

/// One keep-alive connection that asks `/verify` again and again.
pub struct Prober {
    stream: BufReader<std::net::TcpStream>,
    request: Vec<u8>,
}

impl Prober {
    pub fn connect(port: u16, key: &str) -> Option<Prober> {
        Prober::with_header(port, &format!("Authorization: Bearer {key}"))
    }

    /// The same with another credential: a whole header line.
    pub fn with_header(port: u16, header: &str) -> Option<Prober> {
        let stream = std::net::TcpStream::connect(("127.0.0.1", port)).ok()?;
        stream.set_nodelay(true).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
        let request = format!(
            "GET /verify HTTP/1.1\r\nHost: a\r\n{header}\r\nX-Forwarded-Method: GET\r\n\
             X-Forwarded-Uri: /x\r\n\r\n"
        );
        Some(Prober { stream: BufReader::new(stream), request: request.into_bytes() })
    }

    /// Asks once; the status, or `None` where the server is gone.
    pub fn ask(&mut self) -> Option<u16> {
        self.stream.get_mut().write_all(&self.request).ok()?;
        let mut line = String::new();
        self.stream.read_line(&mut line).ok()?;
        let status = line.split(' ').nth(1)?.parse().ok()?;
        let mut length = 0usize;
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        std::io::Read::read_exact(&mut self.stream, &mut body).ok()?;
        Some(status)
    }
}

/// Every file below a directory.
pub fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files
}
