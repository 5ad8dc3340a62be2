//! A whole house for one test: the API, Claviger set up without a browser, and the proxy in front of both.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::api::Api;
use crate::http::{Answer, Request};
use crate::process::{Process, free_port};

const CLAVIGER: &str = env!("CARGO_BIN_EXE_claviger");
const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "SecurePass1";

/// Beside the rules of `examples/rules.toml`: a part of the API that a key of the role member may not enter, so
/// that a test sees by which path a request was judged.
const TEST_RULES: &str = r#"
[[rules]]
path = "/admins-only/{*rest}"
allow = ["api_key"]
role = "admin"

# Hashing is not what is tried here.
[password]
bcrypt_cost = 10
"#;

/// A proxy, as far as the checks have to know it.
pub struct Kind {
    pub name: &'static str,
    pub start: fn(&Ports, &Path) -> Process,
    /// Traefik passes none of Claviger's headers on to the client with an answer of the API.
    pub limits_on_answers: bool,
}

pub struct Ports {
    pub proxy: u16,
    pub claviger: u16,
    pub api: u16,
}

/// Everything that runs for one test. What is named first is stopped first.
pub struct House {
    _proxy: Process,
    claviger: Process,
    pub api: Api,
    cookie: String,
    pub ports: Ports,
    dir: TempDir,
}

pub struct Key {
    pub id: String,
    pub token: String,
}

impl House {
    pub fn start(kind: &Kind) -> Self {
        let dir = TempDir::new().expect("a directory for the test");
        let api = Api::start();
        let ports = Ports { proxy: free_port(), claviger: free_port(), api: api.port };
        let (claviger, cookie) = start_claviger(&ports, dir.path());
        let mut proxy = (kind.start)(&ports, dir.path());
        // The gate's own refusal, through the proxy, is the sign that all three stand and know each other.
        proxy.wait_until(&format!("{} in front of Claviger", kind.name), || {
            Request::get("/").try_send(ports.proxy).is_ok_and(|answer| answer.status == 401)
        });
        Self { _proxy: proxy, claviger, api, cookie, ports, dir }
    }

    /// Sends a request to the proxy, as a client would.
    pub fn send(&self, request: &Request) -> Answer {
        request.send(self.ports.proxy)
    }

    /// Makes an API key with these settings, signed in as the owner.
    pub fn key(&self, settings: &Value) -> Key {
        let made = Request::post("/api/admin/rest-api-keys")
            .header("Cookie", &self.cookie)
            .json(settings)
            .send(self.ports.claviger);
        assert_eq!(made.status, 201, "{}", made.body);
        let text = |name: &str| made.json()[name].as_str().expect(name).to_owned();
        Key { id: text("id"), token: text("key") }
    }

    pub fn member_key(&self) -> Key {
        self.key(&json!({"name": "member", "role": "member"}))
    }

    /// The ledger's rows of a key, newest first.
    pub fn requests(&self, key: &Key) -> Vec<Value> {
        let list = Request::get(&format!("/api/admin/rest-api-keys/{}/requests", key.id))
            .header("Cookie", &self.cookie)
            .send(self.ports.claviger);
        assert_eq!(list.status, 200, "{}", list.body);
        list.json()["items"].as_array().expect("the key's requests").clone()
    }

    pub fn ledger_file(&self) -> PathBuf {
        self.dir.path().join("data").join("ledger.db")
    }

    pub fn kill_claviger(&mut self) {
        self.claviger.kill();
    }
}

fn start_claviger(ports: &Ports, dir: &Path) -> (Process, String) {
    let config = dir.join("claviger.toml");
    let listen = format!("[server]\nlisten = \"127.0.0.1:{}\"\n", ports.claviger);
    let rules = replaced(&example("rules.toml"), "[server]\n", &listen);
    let data_dir = dir.join("data");
    let text = format!("data_dir = {:?}\n{rules}{TEST_RULES}", data_dir.display().to_string());
    std::fs::write(&config, text).expect("Claviger's configuration");

    set_up(&config);
    let mut serve = Command::new(CLAVIGER);
    serve.arg("serve").arg("--config").arg(&config).current_dir(dir);
    let mut process = Process::start("claviger", &mut serve, dir);
    process.wait_until("Claviger ready", || {
        Request::get("/readyz").try_send(ports.claviger).is_ok_and(|answer| answer.status == 200)
    });
    (process, sign_in(ports.claviger))
}

/// Sets Claviger up without a browser.
pub fn set_up(config: &Path) {
    let mut setup = Command::new(CLAVIGER)
        .arg("setup")
        .arg("--config")
        .arg(config)
        .args(["--name", "Ada", "--email", EMAIL, "--organization", "Home", "--password-stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("claviger setup");
    let mut stdin = setup.stdin.take().expect("the password's way in");
    writeln!(stdin, "{PASSWORD}").expect("the password given");
    drop(stdin);
    let output = setup.wait_with_output().expect("claviger setup's end");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Signs in as the owner; the cookie.
pub fn sign_in(port: u16) -> String {
    let answer = Request::post("/api/auth/sign-in").json(&json!({"email": EMAIL, "password": PASSWORD})).send(port);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let cookie = answer.header("Set-Cookie").expect("a session cookie");
    cookie.split(';').next().expect("the cookie's name and value").to_owned()
}

/// A file of `examples/`, as a user would copy it.
pub fn example(path: &str) -> String {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples").join(path);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Replaces what must be there exactly once, so that a changed example cannot quietly run with its own ports.
pub fn replaced(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{from:?} must stand once in:\n{text}");
    text.replace(from, to)
}
