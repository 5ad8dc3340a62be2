//! Mail through real mail servers: aiosmtpd, which can be told to fail in every way, and OpenSMTPD, which delivers to a
//! mailbox.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, Instant};

use claviger::clock::{Clock, SystemClock};
use claviger::config::{Overrides, load};
use claviger::random::SystemRandomness;
use claviger::startup;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::Request;
use crate::letters::{TOKEN, Wish, write};
use crate::process::{Process, free_port};

const CLAVIGER: &str = env!("CARGO_BIN_EXE_claviger");

/// Claviger and the directory that everything is in. What is named first is stopped first.
struct Site {
    claviger: Option<Process>,
    dir: TempDir,
    port: u16,
    smtp_port: u16,
}

impl Site {
    /// Nothing runs yet; one message waits. `tls` as in the configuration.
    fn new(tls: &str) -> (Site, String) {
        let dir = TempDir::new().expect("a directory for the test");
        let (port, smtp_port) = (free_port(), free_port());
        let data = dir.path().join("data").display().to_string();
        let config = format!(
            "data_dir = {data:?}\n[server]\nlisten = \"127.0.0.1:{port}\"\n[smtp]\nhost = \"127.0.0.1\"\n\
             port = {smtp_port}\ntls = \"{tls}\"\nfrom = \"Claviger <keys@example.com>\"\ntimeout_seconds = 2\n"
        );
        std::fs::write(dir.path().join("claviger.toml"), config).expect("Claviger's configuration");
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
        std::fs::write(dir.path().join("cert.pem"), made.cert.pem()).expect("cert.pem");
        std::fs::write(dir.path().join("key.pem"), made.signing_key.serialize_pem()).expect("key.pem");
        std::fs::create_dir(dir.path().join("mail")).expect("a place for mail");
        let site = Site { claviger: None, dir, port, smtp_port };
        let id = site.write();
        (site, id)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Puts a letter into the outbox, as a service would.
    fn write(&self) -> String {
        let overrides = Overrides { file: Some(self.path("claviger.toml")), ..Overrides::default() };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let opened = startup::open(load(&overrides).unwrap(), Arc::clone(&clock), Arc::new(SystemRandomness::new()));
        let opened = opened.expect("the data directory");
        let id = write(&opened.services, clock.now().unix_ms, &Wish::default());
        opened.services.gate.ledger().close();
        id
    }

    fn serve(&mut self) {
        let mut command = Command::new(CLAVIGER);
        command
            .arg("serve")
            .arg("--config")
            .arg(self.path("claviger.toml"))
            .env("SSL_CERT_FILE", self.path("cert.pem"));
        let mut process = Process::start("claviger", &mut command, self.dir.path());
        let port = self.port;
        let ready = || Request::get("/readyz").try_send(port).is_ok_and(|answer| answer.status == 200);
        process.wait_until("Claviger ready", ready);
        self.claviger = Some(process);
    }

    /// aiosmtpd, with these arguments and told this.
    fn aiosmtpd(&self, arguments: &[&str], told: &[&str]) -> Process {
        let mut command = Command::new("aiosmtpd");
        command
            .env("PYTHONPATH", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e"))
            .env("PYTHONDONTWRITEBYTECODE", "1");
        command.args(["-n", "-c", "mail_server.Server", "-l", &format!("127.0.0.1:{}", self.smtp_port)]);
        for argument in arguments {
            match argument.strip_prefix('@') {
                Some(file) => command.arg(self.path(file)),
                None => command.arg(argument),
            };
        }
        command.arg(self.path("mail")).args(told);
        let mut process = Process::start("aiosmtpd", &mut command, self.dir.path());
        process.wait_until("aiosmtpd ready", || self.accepts());
        process
    }

    /// Whether the mail server listens.
    fn accepts(&self) -> bool {
        std::net::TcpStream::connect(("127.0.0.1", self.smtp_port)).is_ok()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(CLAVIGER)
            .args(arguments)
            .arg("--config")
            .arg(self.path("claviger.toml"))
            .output()
            .expect("claviger")
    }

    /// What the command line shows of the message.
    fn show(&self, id: &str) -> Value {
        let output = self.run(&["mail", "show", id, "--json"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// What aiosmtpd has taken.
    fn taken(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path("mail")).expect("the place for mail");
        let files = entries.map(|entry| entry.expect("a file").path());
        let letters = files.filter(|path| path.extension().is_some_and(|extension| extension == "eml"));
        letters.map(|path| std::fs::read_to_string(path).expect("a letter")).collect()
    }
}

fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(30), "it has not come to pass: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn assert_is_the_letter(letter: &str, id: &str) {
    let unfolded = letter.replace("\r\n", "\n").replace("=\n", "");
    for wanted in ["Subject: Something happened", "multipart/alternative", &format!("<{id}@example.com>"), TOKEN] {
        assert!(unfolded.contains(wanted), "{wanted} is not in:\n{letter}");
    }
}

/// One kind of failure: a message waits or is dead, with the reason, and `claviger mail retry` brings it home once the
/// mail server is well.
fn late_but_delivered(tls: &str, arguments: &[&str], told: &[&str], state: &str, reason: &str) {
    let (mut site, id) = Site::new(tls);
    let failing = site.aiosmtpd(arguments, told);
    site.serve();
    wait_until("the first attempt has failed", || site.show(&id)["lastError"].is_string());
    let mail = site.show(&id);
    assert_eq!((&mail["state"], &mail["attempts"]), (&state.into(), &1.into()), "{mail}");
    assert!(mail["lastError"].as_str().unwrap().contains(reason), "{mail}");
    assert!(site.taken().is_empty());
    drop(failing);

    let well: &[&str] = match tls {
        "implicit" => &["--smtpscert", "@cert.pem", "--smtpskey", "@key.pem"],
        "starttls" => &["--tlscert", "@cert.pem", "--tlskey", "@key.pem"],
        _ => &[],
    };
    let _well = site.aiosmtpd(well, &[]);
    let retried = site.run(&["mail", "retry", &id]);
    assert!(retried.status.success(), "{}", String::from_utf8_lossy(&retried.stderr));
    wait_until("it is delivered", || site.show(&id)["state"] == "delivered");
    let taken = site.taken();
    assert_eq!(taken.len(), 1);
    assert_is_the_letter(&taken[0], &id);
    let secured = if tls == "none" { "clear" } else { "TLS" };
    assert!(taken[0].starts_with(&format!("X-Envelope: keys@example.com bob@example.com {secured}")), "{}", taken[0]);
    assert_eq!(site.show(&id)["text"], Value::Null, "the text is wiped");
}

#[test]
#[ignore = "needs aiosmtpd: tests/run installs it"]
fn a_421_a_451_and_a_hang_are_waited_out() {
    for (step, answer, reason) in [
        ("MAIL", "421 shutting down", "421 shutting down"),
        ("RCPT", "451 later", "451 later"),
        ("DATA", "451 later", "451 later"),
        ("DATA", "hang", "did not answer within 2 seconds"),
        ("EHLO", "hang", "did not answer within 2 seconds"),
    ] {
        late_but_delivered("none", &[], &[step, answer], "waiting", reason);
    }
}

#[test]
#[ignore = "needs aiosmtpd: tests/run installs it"]
fn a_550_is_final_until_somebody_asks_for_another_attempt() {
    late_but_delivered("none", &[], &["RCPT", "550 no such user"], "dead", "550 no such user");
    late_but_delivered("none", &[], &["DATA", "554 refused"], "dead", "554 refused");
}

#[test]
#[ignore = "needs aiosmtpd: tests/run installs it"]
fn where_starttls_is_not_offered_nothing_goes_out_in_clear() {
    late_but_delivered("starttls", &[], &[], "waiting", "offers no STARTTLS, and nothing is sent in clear");
}

#[test]
#[ignore = "needs aiosmtpd: tests/run installs it"]
fn a_mail_server_in_clear_where_tls_is_expected_gets_nothing() {
    late_but_delivered("implicit", &[], &[], "waiting", "TLS connection to the mail server failed");
}

#[test]
#[ignore = "needs OpenSMTPD: tests/run installs it"]
fn opensmtpd_delivers_to_the_mailbox() {
    let (mut site, id) = Site::new("none");
    // The delivering user must get at its mailbox.
    let open = std::os::unix::fs::PermissionsExt::from_mode;
    std::fs::set_permissions(site.dir.path(), open(0o755)).expect("the directory's mode");
    std::fs::set_permissions(site.path("mail"), open(0o777)).expect("the mailbox's mode");
    let _mail_server = OpenSmtpd::start(&site);
    site.serve();
    wait_until("it is delivered", || site.show(&id)["state"] == "delivered");
    let mailbox = site.path("mail");
    wait_until("it is in the mailbox", || !letters_in(&mailbox).is_empty());
    let letter = letters_in(&mailbox);
    assert_is_the_letter(&letter, &id);
    assert!(letter.contains("Delivered-To: bob@example.com"), "{letter}");
    as_root("rm").arg("-rf").arg(&mailbox).status().expect("rm");
}

#[test]
#[ignore = "needs OpenSMTPD: tests/run installs it"]
fn who_forgot_the_password_gets_in_again_by_the_mail_that_came() {
    let (mut site, _) = Site::new("none");
    let open = std::os::unix::fs::PermissionsExt::from_mode;
    std::fs::set_permissions(site.dir.path(), open(0o755)).expect("the directory's mode");
    std::fs::set_permissions(site.path("mail"), open(0o777)).expect("the mailbox's mode");
    let _mail_server = OpenSmtpd::start(&site);
    site.serve();
    let mut setup = Command::new(CLAVIGER)
        .args(["setup", "--name", "Bob", "--email", "bob@example.com", "--organization", "Home", "--password-stdin"])
        .arg("--config")
        .arg(site.path("claviger.toml"))
        .stdin(std::process::Stdio::piped())
        .spawn()
        .expect("claviger setup");
    std::io::Write::write_all(&mut setup.stdin.take().expect("its input"), b"OldPass1").expect("the password");
    assert!(setup.wait().expect("claviger setup").success());

    let post = |path: &str, body: Value| Request::post(path).json(&body).send(site.port).status;
    assert_eq!(post("/api/auth/forgot-password", json!({ "email": "bob@example.com" })), 202);
    let mailbox = site.path("mail");
    wait_until("the link is in the mailbox", || letters_in(&mailbox).contains("/reset-password?token"));
    let letter = letters_in(&mailbox).replace("\r\n", "\n").replace("=\n", "").replace("=3D", "=");
    let (_, rest) = letter.split_once("/reset-password?token=").expect("the link");
    let token: String = rest.chars().take_while(|char| char.is_ascii_alphanumeric() || *char == '_').collect();
    let body = json!({ "token": token, "password": "NewSecurePass1", "confirmPassword": "NewSecurePass1" });
    assert_eq!(post("/api/auth/reset-password", body.clone()), 204);
    assert_eq!(post("/api/auth/reset-password", body), 400, "the link is good once");
    let sign_in =
        |password: &str| post("/api/auth/sign-in", json!({ "email": "bob@example.com", "password": password }));
    assert_eq!((sign_in("OldPass1"), sign_in("NewSecurePass1")), (401, 200));
    wait_until("the notice has come too", || letters_in(&mailbox).contains("password"));
    as_root("rm").arg("-rf").arg(&mailbox).status().expect("rm");
}

/// Everything in a mailbox; it belongs to the user that delivers.
fn letters_in(mailbox: &Path) -> String {
    let output = as_root("find").arg(mailbox.join("new")).args(["-type", "f", "-exec", "cat", "{}", "+"]).output();
    String::from_utf8_lossy(&output.expect("find").stdout).into_owned()
}

/// A command with root's rights: a mail server cannot do without.
fn as_root(program: &str) -> Command {
    if rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.args(["-n", program]);
    command
}

struct OpenSmtpd(Process);

impl OpenSmtpd {
    fn start(site: &Site) -> Self {
        let config = site.path("smtpd.conf");
        let text = format!(
            "table everyone {{ \"@\" = \"mail\" }}\nlisten on 127.0.0.1 port {}\n\
             action \"keep\" maildir \"{}\" virtual <everyone>\nmatch from any for any action \"keep\"\n",
            site.smtp_port,
            site.path("mail").display()
        );
        std::fs::write(&config, text).expect("smtpd.conf");
        let mut command = as_root("smtpd");
        command.arg("-d").arg("-f").arg(&config);
        let mut process = Process::start("smtpd", &mut command, site.dir.path());
        process.wait_until("OpenSMTPD ready", || site.accepts());
        OpenSmtpd(process)
    }
}

impl Drop for OpenSmtpd {
    fn drop(&mut self) {
        // Gracefully, so that none of its processes stays.
        let _ = as_root("kill").arg(self.0.id().to_string()).status();
        self.0.wait();
    }
}
