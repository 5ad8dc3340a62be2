//! Programs that a test starts: found on PATH, waited for, and gone when the test is over.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(30);

pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts it with all that it writes going to `<name>.log` in the directory.
    pub fn start(name: &str, command: &mut Command, dir: &Path) -> Self {
        let log = dir.join(format!("{name}.log"));
        let out = File::create(&log).expect("a log file");
        let err = out.try_clone().expect("the log file again");
        let child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn().unwrap_or_else(|error| {
            panic!("{name} does not start ({error}); tests/install.sh installs the proxies and mail servers")
        });
        Self { child, log }
    }

    /// Asks again and again until it is ready, and says what it wrote if it ends or takes too long.
    pub fn wait_until(&mut self, what: &str, ready: impl Fn() -> bool) {
        let start = Instant::now();
        while !ready() {
            let ended = self.child.try_wait().expect("the state of a child");
            if ended.is_some() || start.elapsed() > PATIENCE {
                panic!("not {what} (ended: {ended:?}):\n{}", self.written());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// As `kill -9` does, and at once: it is gone when this returns.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the end.
    pub fn wait(&mut self) {
        let _ = self.child.wait();
    }

    fn written(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        // Shown only where the test has failed.
        if std::thread::panicking() {
            println!("--- {}:\n{}", self.log.display(), self.written());
        }
    }
}

/// A port that is free now, and that no other test of this run is given.
pub fn free_port() -> u16 {
    static GIVEN: Mutex<Vec<u16>> = Mutex::new(Vec::new());
    let mut given = GIVEN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("the free port").port();
        if !given.contains(&port) {
            given.push(port);
            return port;
        }
    }
}
