//! The real binary and mail servers with TLS, whose certificates are trusted through `SSL_CERT_FILE`.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use claviger::clock::{Clock, SystemClock};
use claviger::config::{Overrides, load};
use claviger::random::SystemRandomness;
use claviger::startup;
use serde_json::Value;

use super::support::letters::{Wish, write};
use super::support::process::{BINARY, Server, Site, files_below};
use super::support::smtp::{HANG_UP, MailServer, Tls, wait_until};

const PASSWORD: &str = "Canary-of-the-mail-server";

/// Puts a letter into the outbox of a site that no server runs on; its id.
pub fn write_into(site: &Site, wish: &Wish<'_>) -> String {
    let config = load(&Overrides { file: Some(site.config_file()), ..Overrides::default() }).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let opened = startup::open(config, Arc::clone(&clock), Arc::new(SystemRandomness::new())).unwrap();
    let id = write(&opened.services, clock.now().unix_ms, wish);
    opened.services.gate.ledger().close();
    id
}

/// A site with this mail server and an account on it; its password is in the file `smtp.password`.
fn site(server: &MailServer, tls: &str) -> Site {
    let site = Site::new(&format!(
        "[smtp]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"{tls}\"\nfrom = \"keys@example.com\"\nusername = \"claviger\"\n\
         timeout_seconds = 2\n[log]\nlevel = \"trace\"\n",
        server.port
    ));
    std::fs::write(site.directory.path().join("smtp.password"), format!("{PASSWORD}\n")).unwrap();
    server.write_certificate(&site.directory.path().join("ca.pem"));
    site.set_up();
    site
}

/// Serves, with the authority of `ca.pem` trusted.
fn serve(site: &Site) -> Server {
    let mut command = Command::new(BINARY);
    command.env("CLAVIGER_SMTP__PASSWORD_FILE", site.directory.path().join("smtp.password"));
    command.env("SSL_CERT_FILE", site.directory.path().join("ca.pem"));
    let mut server = site.serve_with(command);
    server.wait_until_ready();
    server
}

/// What the command line shows of a message.
fn show(site: &Site, id: &str) -> Value {
    let output = site.run(&["mail", "show", id, "--json"]);
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The error of the first attempt.
fn error_of(site: &Site, id: &str) -> String {
    wait_until("the first attempt has failed", || show(site, id)["lastError"].is_string());
    let mail = show(site, id);
    assert_eq!(mail["state"], "waiting", "{mail}");
    mail["lastError"].as_str().unwrap().to_owned()
}

/// The password of the mail server is in no file and in no line of the log, at level trace.
fn assert_password_is_nowhere(site: &Site) {
    let spellings = [PASSWORD.to_owned(), {
        use base64::Engine;
        base64::prelude::BASE64_STANDARD.encode(format!("\0claviger\0{PASSWORD}"))
    }];
    let is_file = |path: &PathBuf| std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    let mut files: Vec<PathBuf> = files_below(&site.data_dir()).into_iter().filter(is_file).collect();
    files.push(site.directory.path().join("log"));
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        for spelling in &spellings {
            let found = bytes.windows(spelling.len()).any(|window| window == spelling.as_bytes());
            assert!(!found, "the password stands in {}", file.display());
        }
    }
}

#[test]
fn over_tls_from_the_first_byte_and_by_starttls_mail_is_delivered_with_the_account() {
    for (tls, name) in [(Tls::Implicit, "implicit"), (Tls::Starttls, "starttls")] {
        let server = MailServer::start(tls);
        let site = site(&server, name);
        let id = write_into(&site, &Wish::default());
        let mut claviger = serve(&site);
        wait_until("it is delivered", || show(&site, &id)["state"] == "delivered");
        let taken = server.taken();
        assert_eq!(taken.len(), 1);
        assert!(taken[0].encrypted);
        assert_eq!(taken[0].account.as_deref(), Some(&*format!("claviger:{PASSWORD}")));
        let clear = server.clear_commands();
        assert!(clear.iter().all(|line| line.starts_with("EHLO ") || line == "STARTTLS"), "{clear:?}");
        assert!(claviger.terminate().success());
        assert_password_is_nowhere(&site);
    }
}

#[test]
fn where_starttls_is_missing_refused_or_cut_off_nothing_is_sent_in_clear() {
    for (offered, answer, reason) in [
        (Tls::None, None, "offers no STARTTLS, and nothing is sent in clear"),
        (Tls::Starttls, Some("454 TLS not available"), "answered 454 TLS not available"),
        (Tls::Starttls, Some("220 go ahead"), "TLS"),
        (Tls::Starttls, Some(HANG_UP), "closed the connection"),
    ] {
        let server = MailServer::start(offered);
        if let Some(answer) = answer {
            server.answer("STARTTLS", answer);
        }
        let site = site(&server, "starttls");
        let id = write_into(&site, &Wish::default());
        let _claviger = serve(&site);
        let error = error_of(&site, &id);
        // A server that says 220 and goes on in clear sees a TLS handshake, which no line of SMTP is; time ends that.
        assert!(error.contains(reason) || error.contains("did not answer"), "{answer:?}: {error}");
        let clear = server.clear_commands();
        let is_harmless = |line: &String| !["MAIL", "RCPT", "AUTH", "DATA"].iter().any(|verb| line.starts_with(verb));
        assert!(clear.iter().all(is_harmless), "{clear:?}");
        assert!(server.taken().is_empty());
    }
}

#[test]
fn a_certificate_that_the_system_does_not_trust_is_refused() {
    for (tls, name) in [(Tls::Implicit, "implicit"), (Tls::Starttls, "starttls")] {
        let server = MailServer::start(tls);
        let other = MailServer::start(tls);
        let site = site(&server, name);
        other.write_certificate(&site.directory.path().join("ca.pem"));
        let id = write_into(&site, &Wish::default());
        let _claviger = serve(&site);
        let error = error_of(&site, &id);
        assert!(error.contains("TLS connection to the mail server failed"), "{error}");
        assert!(server.taken().is_empty());
    }
}

#[test]
fn a_wrong_password_is_told_without_what_the_server_says_of_it() {
    let server = MailServer::start(Tls::Implicit);
    server.answer("AUTH", &format!("535 5.7.8 {PASSWORD} is wrong"));
    let site = site(&server, "implicit");
    let id = write_into(&site, &Wish::default());
    let mut claviger = serve(&site);
    let error = error_of(&site, &id);
    assert!(error.contains("did not accept smtp.username and its password (535)"), "{error}");
    assert!(claviger.terminate().success());
    assert_password_is_nowhere(&site);
}

#[test]
fn the_password_may_be_a_systemd_credential_and_without_any_the_start_says_so() {
    let server = MailServer::start(Tls::Implicit);
    let site = site(&server, "implicit");
    let id = write_into(&site, &Wish::default());
    let mut claviger = site.serve_with(Command::new(BINARY));
    assert_eq!(claviger.wait().code(), Some(78));
    assert!(site.log().contains("smtp.password_file"), "{}", site.log());
    drop(claviger);

    let mut command = Command::new(BINARY);
    command.env("CREDENTIALS_DIRECTORY", site.directory.path());
    command.env("SSL_CERT_FILE", site.directory.path().join("ca.pem"));
    let mut claviger = site.serve_with(command);
    claviger.wait_until_ready();
    wait_until("it is delivered", || show(&site, &id)["state"] == "delivered");
    assert_eq!(server.taken()[0].account.as_deref(), Some(&*format!("claviger:{PASSWORD}")));
}
