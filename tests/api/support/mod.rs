//! A server for each test, and helpers that use its public API alone.

#![allow(dead_code)]

pub mod letters;
pub mod mail;
pub mod namespace;
pub mod plain;
pub mod process;
pub mod receiver;
pub mod smtp;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use claviger::clock::{Clock, ManualClock};
use claviger::config::Config;
use claviger::random::SystemRandomness;
use claviger::services::Services;
use claviger::startup;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};

/// 2030-01-01T00:00:00Z: what the clock of a test says at first.
pub const START: i64 = 1_893_456_000_000;

pub const EMAIL: &str = "ada@example.com";
pub const PASSWORD: &str = "SecurePass1";

/// A running server, its clock, and a client without cookies.
pub struct App {
    pub address: SocketAddr,
    pub clock: Arc<ManualClock>,
    pub directory: Arc<tempfile::TempDir>,
    pub client: Client,
    pub setup_token: Option<String>,
    config: Config,
    services: Option<Arc<Services>>,
    handle: actix_web::dev::ServerHandle,
    thread: Option<JoinHandle<()>>,
}

/// The defaults, on port 0 and with cheap password hashes.
pub fn test_config(directory: &std::path::Path) -> Config {
    let mut config = Config { data_dir: directory.join("data"), ..Config::default() };
    config.server.listen = String::from("127.0.0.1:0");
    config.server.workers = Some(2);
    config.password.bcrypt_cost = 4;
    config.auth.requests_per_minute = 1_000;
    config
}

impl App {
    /// A server that nobody has set up.
    pub async fn bare() -> App {
        App::bare_with(|_| {}).await
    }

    /// The same, with other settings.
    pub async fn bare_with(change: impl FnOnce(&mut Config)) -> App {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        let mut config = test_config(directory.path());
        change(&mut config);
        App::start(directory, config, Arc::new(ManualClock::at(START))).await
    }

    /// A server with an owner, and the owner's session.
    pub async fn spawn() -> (App, Session) {
        App::spawn_with(|_| {}).await
    }

    /// The same, with other settings.
    pub async fn spawn_with(change: impl FnOnce(&mut Config)) -> (App, Session) {
        let app = App::bare_with(change).await;
        let session = app.set_up().await;
        (app, session)
    }

    async fn start(directory: Arc<tempfile::TempDir>, config: Config, clock: Arc<ManualClock>) -> App {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let (for_server, its_clock) = (config.clone(), Arc::clone(&clock) as Arc<dyn Clock>);
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let running =
                    startup::serve(for_server, its_clock, Arc::new(SystemRandomness::new())).await.expect("it starts");
                let _ =
                    sender.send((running.address, running.handle(), running.setup_link.clone(), running.services()));
                running.until_stopped().await.expect("it stops");
            });
        });
        let (address, handle, setup_link, services) = receiver.await.expect("the server starts");
        let setup_token = setup_link.and_then(|link| link.split_once("token=").map(|(_, token)| token.to_owned()));
        // Claviger's own client names its provider of cryptography; this one asks the process for one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        App {
            address,
            clock,
            directory,
            client,
            setup_token,
            config,
            services: Some(services),
            handle,
            thread: Some(thread),
        }
    }

    /// Stops the server gracefully and starts another on the same directory (and another port).
    pub async fn restart(self) -> App {
        self.restart_with(|_| {}).await
    }

    /// The same, with other settings.
    pub async fn restart_with(mut self, change: impl FnOnce(&mut Config)) -> App {
        let (directory, clock, mut config) = (self.directory.clone(), self.clock.clone(), self.config.clone());
        self.stop().await;
        change(&mut config);
        App::start(directory, config, clock).await
    }

    /// Stops the server gracefully.
    pub async fn stop(&mut self) {
        self.handle.stop(true).await;
        self.services = None;
        if let Some(thread) = self.thread.take() {
            tokio::task::spawn_blocking(move || thread.join().expect("the server does not panic")).await.unwrap();
        }
    }

    /// What the server works with, for what no request can cause. The server must be running.
    pub fn services(&self) -> Arc<Services> {
        Arc::clone(self.services.as_ref().expect("the server is running"))
    }

    pub fn data_dir(&self) -> PathBuf {
        self.config.data_dir.clone()
    }

    /// `http://127.0.0.1:port/path`
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A request without any credential.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }

    /// Sets the server up as Ada, owner of Home.
    pub async fn set_up(&self) -> Session {
        let response = self
            .request(Method::POST, "/api/setup")
            .json(&json!({
                "token": self.setup_token.as_deref().expect("nobody has set it up yet"),
                "name": "Ada", "email": EMAIL, "password": PASSWORD, "organization": "Home",
            }))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 201);
        self.session_of(&response)
    }

    /// Signs in.
    pub async fn sign_in(&self, email: &str, password: &str) -> Response {
        let body = json!({ "email": email, "password": password });
        self.request(Method::POST, "/api/auth/sign-in").json(&body).send().await.unwrap()
    }

    /// The session that an answer opened.
    pub fn session_of(&self, response: &Response) -> Session {
        let cookie = response.headers()["set-cookie"].to_str().unwrap();
        Session {
            base: format!("http://{}", self.address),
            client: self.client.clone(),
            cookie: cookie.split(';').next().unwrap().to_owned(),
        }
    }

    /// Asks `/verify` as a proxy would, about this method and target, with this key.
    pub async fn verify(&self, key: &str, method: &str, target: &str) -> Response {
        self.request(Method::GET, "/verify")
            .bearer_auth(key)
            .header("X-Forwarded-Method", method)
            .header("X-Forwarded-Uri", target)
            .send()
            .await
            .unwrap()
    }

    /// The same; only the status.
    pub async fn verify_status(&self, key: &str, method: &str, target: &str) -> u16 {
        self.verify(key, method, target).await.status().as_u16()
    }

    /// Does something with the services on a stopped server's data, as the command line does.
    pub fn offline<T>(&self, work: impl FnOnce(&Services) -> T) -> T {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let opened = startup::open(self.config.clone(), clock, Arc::new(SystemRandomness::new())).expect("it opens");
        let result = work(&opened.services);
        opened.services.gate.ledger().close();
        result
    }

    /// Runs a command of the operator's through the services of the running server: what `claviger …` does.
    pub fn claviger(&self, arguments: &[&str]) -> std::process::Output {
        std::process::Command::new(env!("CARGO_BIN_EXE_claviger"))
            .args(arguments)
            .arg("--data-dir")
            .arg(&self.config.data_dir)
            .current_dir(self.directory.path())
            .output()
            .unwrap()
    }
}

impl Drop for App {
    fn drop(&mut self) {
        // Not graceful: a test that ends waits for nobody.
        drop(self.handle.stop(false));
    }
}

/// A signed-in user.
#[derive(Clone)]
pub struct Session {
    base: String,
    client: Client,
    pub cookie: String,
}

impl Session {
    /// A request with the session's cookie.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base)).header("Cookie", &self.cookie)
    }

    pub async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    pub async fn post(&self, path: &str, body: &Value) -> Response {
        self.request(Method::POST, path).json(body).send().await.unwrap()
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Response {
        self.request(Method::PATCH, path).json(body).send().await.unwrap()
    }

    pub async fn delete(&self, path: &str) -> Response {
        self.request(Method::DELETE, path).send().await.unwrap()
    }

    /// Makes a key with these settings; `name` is given if it is not there.
    pub async fn make_key(&self, mut settings: Value) -> Key {
        if settings.get("name").is_none() {
            settings["name"] = "A key".into();
        }
        let response = self.post(KEYS, &settings).await;
        assert_eq!(response.status(), 201, "{}", response.text().await.unwrap());
        let object: Value = response.json().await.unwrap();
        Key { id: text(&object["id"]), token: text(&object["key"]), object }
    }

    /// The object of a key.
    pub async fn key(&self, id: &str) -> Value {
        let response = self.get(&format!("{KEYS}/{id}")).await;
        assert_eq!(response.status(), 200);
        response.json().await.unwrap()
    }
}

pub const KEYS: &str = "/api/admin/rest-api-keys";

/// A key, as it was shown once.
#[derive(Clone, Debug)]
pub struct Key {
    pub id: String,
    pub token: String,
    pub object: Value,
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// The status and the code of an error.
pub async fn error_of(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.expect("errors are JSON");
    assert!(body["requestId"].as_str().is_some_and(|id| id.starts_with("req_")), "{body}");
    assert!(body["error"].is_string() && body["message"].is_string(), "{body}");
    (status, text(&body["code"]))
}

/// A header's text; empty where it is not there.
pub fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}
