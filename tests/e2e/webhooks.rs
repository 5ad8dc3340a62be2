//! Webhooks to real receivers, which verify them as their users would: in Python and JavaScript, plainly and with the
//! packages of the Standard Webhooks specification.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::Request;
use crate::process::{Process, free_port};
use crate::support::{set_up, sign_in};

const CLAVIGER: &str = env!("CARGO_BIN_EXE_claviger");
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

struct Site {
    _claviger: Process,
    dir: TempDir,
    port: u16,
    cookie: String,
}

impl Site {
    fn start() -> Site {
        let (dir, port) = (TempDir::new().expect("a directory for the test"), free_port());
        let config = dir.path().join("claviger.toml");
        let text = format!(
            "data_dir = {:?}\n[server]\nlisten = \"127.0.0.1:{port}\"\n[password]\nbcrypt_cost = 10\n\
             [webhooks]\nallow_networks = [\"127.0.0.1\"]\n",
            dir.path().join("data").display().to_string()
        );
        std::fs::write(&config, text).expect("Claviger's configuration");
        set_up(&config);
        let mut serve = Command::new(CLAVIGER);
        serve.arg("serve").arg("--config").arg(&config).current_dir(dir.path());
        let mut claviger = Process::start("claviger", &mut serve, dir.path());
        claviger.wait_until("Claviger ready", || {
            Request::get("/readyz").try_send(port).is_ok_and(|answer| answer.status == 200)
        });
        let cookie = sign_in(port);
        Site { _claviger: claviger, dir, port, cookie }
    }

    fn get(&self, path: &str) -> Value {
        let answer = Request::get(path).header("Cookie", &self.cookie).send(self.port);
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let answer = Request::post(path).header("Cookie", &self.cookie).json(body).send(self.port);
        assert!((200..300).contains(&answer.status), "{}", answer.body);
        answer.json()
    }

    /// Sends a test to a webhook; what the receiver answered.
    fn test(&self, webhook: &str) -> Value {
        let queued = self.post(&format!("{webhook}/test"), &json!({}));
        let begun = Instant::now();
        loop {
            let listed = self.get(&format!("{webhook}/deliveries"));
            let items = listed["items"].as_array().expect("deliveries");
            let sent = items.iter().find(|delivery| delivery["id"] == queued["id"]).expect("the delivery");
            if sent["attempts"] != 0 {
                return sent["status"].clone();
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "nobody has answered: {sent}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A webhook's life as its receiver, which knows the first secret alone, sees it.
fn a_receiver_verifies_what_is_sent(name: &str, command: fn() -> Command) {
    let site = Site::start();
    let port = free_port();
    let wish = json!({ "url": format!("http://127.0.0.1:{port}/hooks"), "events": ["nothing.at_all"] });
    let made = site.post("/api/admin/webhooks", &wish);
    let webhook = format!("/api/admin/webhooks/{}", made["id"].as_str().expect("an id"));
    let secret = site.get(&format!("{webhook}/secret"))["secret"].as_str().expect("a secret").to_owned();
    let mut command = command();
    command.arg(port.to_string()).arg(secret);
    let mut receiver = Process::start(name, &mut command, site.dir.path());
    receiver.wait_until("the receiver ready", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    assert_eq!(site.test(&webhook), 204);
    site.post(&format!("{webhook}/rotate-secret"), &json!({ "graceSeconds": 3600 }));
    assert_eq!(site.test(&webhook), 204, "both secrets sign while the grace lasts");
    site.post(&format!("{webhook}/rotate-secret"), &json!({ "graceSeconds": 0 }));
    assert_eq!(site.test(&webhook), 401, "its secret is worth nothing now");
}

fn tools() -> std::path::PathBuf {
    Path::new(ROOT).join("target/tools")
}

#[test]
#[ignore = "needs what tests/install.sh installs"]
fn hmac_and_standardwebhooks_of_python_verify_what_is_sent() {
    a_receiver_verifies_what_is_sent("python", || {
        let mut python = Command::new(tools().join("python/bin/python"));
        python.arg(Path::new(ROOT).join("tests/e2e/webhook_receiver.py"));
        python
    });
}

#[test]
#[ignore = "needs what tests/install.sh installs"]
fn crypto_and_standardwebhooks_of_node_verify_what_is_sent() {
    a_receiver_verifies_what_is_sent("node", || {
        let mut node = Command::new("node");
        node.env("NODE_PATH", tools().join("e2e-node/node_modules"));
        node.arg(Path::new(ROOT).join("tests/e2e/webhook_receiver.cjs"));
        node
    });
}
