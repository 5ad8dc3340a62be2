//! Secrets go through every flow, and are then nowhere in clear: not in the log, not in any file of the data directory.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use serde_json::{Value, json};

use crate::support::plain::{Answer, must_send, verify};
use crate::support::process::{Server, Site, files_below, get_status};
use crate::support::{EMAIL, KEYS, mail, text};

const CANARY_PASSWORD: &str = "Canary-Passw0rd-of-Ada";
const WRONG_PASSWORD: &str = "Canary-Passw0rd-of-Eve";

/// A secret, by what it is.
struct Secret {
    name: &'static str,
    bytes: Vec<u8>,
}

/// All secrets of one run.
#[derive(Default)]
struct Secrets(Vec<Secret>);

impl Secrets {
    fn add(&mut self, name: &'static str, secret: impl AsRef<[u8]>) {
        self.0.push(Secret { name, bytes: secret.as_ref().to_vec() });
    }

    /// A token. Its digest is as good as the token for whoever has the database, where digests are what is looked up.
    fn add_key(&mut self, token: &str) {
        self.add("a key", token);
        self.add("a key's digest", ring::digest::digest(&ring::digest::SHA256, token.as_bytes()));
    }

    /// Fails where a secret stands in these bytes: as it is, in hex or in base64.
    fn assert_not_in(&self, place: &str, bytes: &[u8]) {
        for secret in &self.0 {
            let hex: String = secret.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let spellings = [
                secret.bytes.clone(),
                hex.to_uppercase().into_bytes(),
                hex.into_bytes(),
                STANDARD.encode(&secret.bytes).into_bytes(),
                STANDARD_NO_PAD.encode(&secret.bytes).into_bytes(),
                URL_SAFE.encode(&secret.bytes).into_bytes(),
            ];
            for spelling in &spellings {
                if let Some(at) = find(bytes, spelling) {
                    let around = &bytes[at.saturating_sub(300)..at];
                    panic!("{} stands in {place}, after {:?}", secret.name, String::from_utf8_lossy(around));
                }
            }
        }
    }

    /// Looks through the log and everything in the data directory; the master key may be in its own file.
    fn assert_nowhere(&self, site: &Site) {
        let setup_line = |line: &&str| !line.starts_with("setup: open ");
        let log: Vec<String> = site.log().lines().filter(setup_line).map(str::to_owned).collect();
        self.assert_not_in("the log", log.join("\n").as_bytes());
        let is_file = |path: &&std::path::PathBuf| std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
        let files = files_below(&site.data_dir());
        assert!(files.iter().any(|path| path.ends_with("ledger.db")) && files.len() >= 4, "{files:?}");
        for path in files.iter().filter(is_file).filter(|path| !path.ends_with("master.key")) {
            self.assert_not_in(&path.display().to_string(), &std::fs::read(path).unwrap());
        }
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = wanted[0];
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == first) {
        if bytes[from + at..].starts_with(wanted) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

/// One run of everything that has to do with secrets.
struct Flow<'a> {
    site: &'a Site,
    secrets: Secrets,
    cookie: String,
}

impl Flow<'_> {
    fn call(&self, method: &str, path: &str, body: Option<Value>, status: u16) -> Answer {
        let answer = must_send(self.site.port, method, path, &[&self.cookie], body.as_ref());
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        answer
    }

    /// Keeps the session of an answer.
    fn keep_session(&mut self, answer: &Answer) {
        let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
        let token = cookie.split_once('=').unwrap().1.to_owned();
        assert!(token.len() > 20, "{answer:?}");
        self.secrets.add("a session", token);
        self.cookie = format!("Cookie: {cookie}");
    }

    fn set_up_and_sign_in(&mut self) {
        let log = self.site.log();
        let token = log.lines().find_map(|line| line.strip_prefix("setup: open ")?.split_once("token=")).unwrap().1;
        self.secrets.add("the setup token", token);
        let founding = |token: &str| {
            Some(json!({
                "token": token, "name": "Ada", "email": EMAIL, "password": CANARY_PASSWORD, "organization": "Home",
            }))
        };
        self.call("GET", &format!("/setup?token={token}"), None, 200);
        let mut wrong = token.to_owned();
        wrong.replace_range(token.len() - 1.., if token.ends_with('0') { "1" } else { "0" });
        assert!(
            (400..410)
                .contains(&must_send(self.site.port, "POST", "/api/setup", &[], founding(&wrong).as_ref()).status)
        );
        let answer = self.call("POST", "/api/setup", founding(token), 201);
        self.keep_session(&answer);
        self.call("POST", "/api/setup", founding(token), 410);

        self.secrets.add("the password", CANARY_PASSWORD);
        self.secrets.add("a wrong password", WRONG_PASSWORD);
        for (email, password, status) in
            [(EMAIL, WRONG_PASSWORD, 401), ("eve@example.com", CANARY_PASSWORD, 401), (EMAIL, CANARY_PASSWORD, 200)]
        {
            let body = json!({ "email": email, "password": password });
            let answer = self.call("POST", "/api/auth/sign-in", Some(body), status);
            if status == 200 {
                self.keep_session(&answer);
            }
        }
        // What cannot be read must not be quoted either.
        let broken = format!("{{\"email\": \"{EMAIL}\", \"password\": \"{CANARY_PASSWORD}\", \"pass\": ");
        let raw = format!(
            "POST /api/auth/sign-in HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{broken}",
            broken.len()
        );
        let answer = crate::support::process::exchange(self.site.port, raw.as_bytes()).unwrap();
        assert!(answer.starts_with("HTTP/1.1 400") && !answer.contains(CANARY_PASSWORD), "{answer}");
    }

    /// The token of the newest mail of this kind: nowhere but in the mail, which is sealed.
    fn mailed(&mut self, kind: &str) -> String {
        let mails = mail::all_in(&self.site.data_dir());
        let token = mails.iter().rfind(|mail| mail.kind == kind).expect(kind).token();
        self.secrets.add("a mailed token", &token);
        token
    }

    fn accounts(&mut self) {
        const NEW: &str = "Canary-New-Passw0rd-of-Ada";
        const NEWEST: &str = "Canary-Newest-Passw0rd-of-Ada";
        let eves = "Canary-Passw0rd-of-Eve-2";
        for password in [NEW, NEWEST, eves] {
            self.secrets.add("another password", password);
        }
        let register = |email: &str| Some(json!({ "name": "Eve", "email": email, "password": eves }));
        self.call("POST", "/api/auth/register", register("eve@example.com"), 201);
        self.call("POST", "/api/auth/register", register(EMAIL), 201);
        let invited = Some(json!({ "name": "E", "email": EMAIL, "password": eves, "inviteToken": eves }));
        self.call("POST", "/api/auth/register", invited, 400);
        self.call("POST", "/api/auth/resend-verification", Some(json!({ "email": "eve@example.com" })), 202);
        let token = self.mailed("verify_email");
        self.call("GET", &format!("/verify-email?token={token}"), None, 200);
        self.call("GET", &format!("/api/auth/verify-email?token={token}"), None, 200);
        self.call("POST", "/api/auth/verify-email", Some(json!({ "token": token })), 400);

        let change = |current: &str, new: &str| Some(json!({ "currentPassword": current, "newPassword": new }));
        self.call("POST", "/api/auth/change-password", change(WRONG_PASSWORD, NEW), 400);
        self.call("POST", "/api/auth/change-password", change(CANARY_PASSWORD, NEW), 204);
        let move_to = |email: &str| Some(json!({ "email": email, "password": NEW }));
        self.call("POST", "/api/auth/change-email", move_to("ada@new.example"), 202);
        let token = self.mailed("change_email");
        self.call("POST", "/api/auth/verify-email", Some(json!({ "token": token })), 200);

        self.call("POST", "/api/auth/forgot-password", Some(json!({ "email": "ada@new.example" })), 202);
        let token = self.mailed("reset_password");
        let reset = |password: &str| Some(json!({ "token": token, "password": password, "confirmPassword": password }));
        self.call("GET", &format!("/reset-password?token={token}"), None, 200);
        self.call("POST", "/api/auth/reset-password", reset("short"), 400);
        self.call("POST", "/api/auth/reset-password", reset(NEWEST), 204);
        self.call("POST", "/api/auth/reset-password", reset(NEWEST), 400);
        let sign_in = Some(json!({ "email": "ada@new.example", "password": NEWEST }));
        let answer = self.call("POST", "/api/auth/sign-in", sign_in, 200);
        self.keep_session(&answer);
        self.call("DELETE", "/api/auth/account", Some(json!({ "password": NEWEST })), 403);
    }

    fn keys(&mut self) {
        let made = self.call("POST", KEYS, Some(json!({ "name": "canary", "role": "admin" })), 201).json();
        let (id, key) = (text(&made["id"]), text(&made["key"]));
        self.secrets.add_key(&key);
        let one = format!("{KEYS}/{id}");
        self.use_everywhere(&key);
        self.call("PATCH", &one, Some(json!({ "name": "canary 2", "scopes": ["a"], "metadata": {"a": 1} })), 200);
        let next = self.call("POST", &format!("{one}/rotate"), Some(json!({ "graceSeconds": 3600 })), 201).json();
        let (next_id, next_key) = (text(&next["id"]), text(&next["key"]));
        self.secrets.add_key(&next_key);
        self.use_everywhere(&key);
        self.use_everywhere(&next_key);
        for path in [KEYS.to_owned(), one.clone(), format!("{one}/requests"), format!("{one}/usage")] {
            self.call("GET", &path, None, 200);
        }
        self.call("PATCH", &one, Some(json!({ "active": false })), 200);
        self.use_everywhere(&key);
        self.call("DELETE", &format!("{KEYS}/{next_id}"), None, 204);
        self.use_everywhere(&next_key);
        let printed = self.site.make_key(&["--rate-limit", "1"]);
        self.secrets.add_key(&printed);
        self.use_everywhere(&printed);
        for path in ["/api/admin/audit-log", "/api/admin/requests", "/api/admin/audit-log/export?format=csv"] {
            self.call("GET", path, None, 200);
        }
    }

    /// Shares, of paths and of a project: their tokens and their passwords.
    fn shares(&mut self) {
        const SECRET: &str = "Canary-Passw0rd-of-a-share";
        const WRONG: &str = "Canary-Passw0rd-of-no-share";
        for password in [SECRET, WRONG] {
            self.secrets.add("a share's password", password);
        }
        let project = text(&self.call("POST", "/api/projects", Some(json!({ "name": "canary" })), 201).json()["id"]);
        let one = format!("/api/projects/{project}");
        for (path, body, asked) in [
            ("/api/shares".to_owned(), json!({ "paths": ["/x"], "password": SECRET }), "/verify".to_owned()),
            (format!("{one}/shares"), json!({ "password": SECRET }), one.clone()),
        ] {
            let made = self.call("POST", &path, Some(body), 201).json();
            let token = text(&made["token"]);
            self.secrets.add("a share's token", &token);
            let (port, in_header) = (self.site.port, format!("X-Share-Token: {token}"));
            for password in [SECRET, WRONG, SECRET] {
                let answer =
                    must_send(port, "GET", &asked, &[&in_header, &format!("X-Share-Password: {password}")], None);
                assert!(!answer.body.contains(&token) && !answer.body.contains(password), "{answer:?}");
            }
            must_send(port, "GET", &asked, &[&in_header], None);
            must_send(port, "GET", &asked, &[&format!("{in_header}0")], None);
            must_send(port, "GET", &asked, &[&format!("Authorization: Bearer {token}")], None);
            let in_query = must_send(port, "GET", &format!("{one}?token={token}"), &[&in_header], None);
            assert_eq!((in_query.status, in_query.code().as_str()), (400, "CREDENTIALS_IN_QUERY"));
            let named = json!({ "name": token, "paths": ["/x"], "passwort": SECRET });
            let refused = self.call("POST", "/api/shares", Some(named), 400);
            assert!(!refused.body.contains(&token) && !refused.body.contains(SECRET), "{refused:?}");
            self.call("GET", &path, None, 200);
            self.call("DELETE", &format!("{path}/{}", text(&made["id"])), None, 204);
            must_send(port, "GET", &asked, &[&in_header], None);
        }
    }

    /// Wherever a key can be put, right and wrong.
    fn use_everywhere(&self, key: &str) {
        let port = self.site.port;
        for target in ["/x", "/x?key=1"] {
            verify(port, key, target);
        }
        verify(port, key, &format!("/x?api_key={key}"));
        let in_header = format!("X-Api-Key: {key}");
        must_send(port, "GET", "/v1/version", &[&in_header], None);
        must_send(port, "POST", KEYS, &[&in_header], Some(&json!({ "name": key, "nome": key })));
        let basic = format!("Authorization: Basic {key}");
        must_send(port, "GET", "/verify", &[&basic], None);
        must_send(port, "GET", "/verify", &[&in_header, &format!("Authorization: Bearer {key}0")], None);
        for path in [format!("{KEYS}?q={key}"), format!("/verify?key={key}"), format!("/v1/version?token={key}")] {
            let refused = must_send(port, "GET", &path, &[&self.cookie], None);
            assert_eq!((refused.status, refused.code().as_str()), (400, "CREDENTIALS_IN_QUERY"));
            assert!(!refused.body.contains(key));
        }
        let checked = self.call("POST", "/api/keys/verify", Some(json!({ "key": key, "path": "/x" })), 200);
        assert!(!checked.body.contains(key), "{checked:?}");
    }

    /// Links of invitations, passwords from the command line, links to sign in.
    fn team(&mut self) {
        const INVITES: &str = "/api/admin/invites";
        let token = |answer: &Answer| text(&answer.json()["inviteUrl"]).split_once("token=").unwrap().1.to_owned();
        let invite = json!({ "email": "max@example.com", "role": "member" });
        let made = self.call("POST", INVITES, Some(invite), 201);
        let again = self.call("POST", &format!("{INVITES}/{}/resend", text(&made.json()["id"])), Some(json!({})), 200);
        for (token, status) in [(token(&made), 400), (token(&again), 200)] {
            self.call("GET", &format!("/invite?token={token}"), None, 200);
            self.call("POST", "/api/auth/invite-info", Some(json!({ "token": token })), status);
            let refused =
                self.call("POST", "/api/auth/accept-invite", Some(json!({ "token": token, "nonsense": 1 })), 400);
            assert!(!refused.body.contains(&token), "{refused:?}");
            self.secrets.add("an invitation's token", token);
        }
        for (command, password) in [("create", "Canary-Passw0rd-of-Max"), ("reset-password", "Canary-Passw0rd-anew")] {
            let line = match command {
                "create" => &["user", "create", "--name", "Max", "--email", "max@example.com", "--password-stdin"][..],
                _ => &["user", "reset-password", "max@example.com", "--password-stdin"],
            };
            let done = self.site.run_with_input(line, password);
            assert!(done.status.success(), "{done:?}");
            self.secrets.add("a password from the command line", password);
        }
        let link = self.site.run(&["login-link", "max@example.com"]);
        let link = String::from_utf8(link.stdout).unwrap();
        self.secrets.add("a link's token", link.trim().split_once("token=").unwrap().1);
    }

    /// Secrets of webhooks: shown, rotated, signing. What they sign may be in the database.
    fn webhooks(&mut self) {
        const WEBHOOKS: &str = "/api/admin/webhooks";
        let receiver = crate::support::receiver::Receiver::start();
        let wish = json!({ "url": receiver.url("/"), "events": ["*"] });
        let made = self.call("POST", WEBHOOKS, Some(wish), 201).json();
        let one = format!("{WEBHOOKS}/{}", text(&made["id"]));
        for round in 1..=2 {
            let secret = text(&self.call("GET", &format!("{one}/secret"), None, 200).json()["secret"]);
            let coded = secret.strip_prefix("whsec_").unwrap();
            self.secrets.add("a webhook's secret, decoded", STANDARD.decode(coded).unwrap());
            self.secrets.add("a webhook's secret", &secret);
            self.call("POST", &format!("{one}/test"), None, 202);
            let received = receiver.wait_for("/", round);
            assert!(received.iter().all(|received| !received.body.contains(coded)));
            self.call("POST", &format!("{one}/rotate-secret"), None, 200);
        }
        self.call("GET", &format!("{one}/deliveries"), None, 200);
    }

    /// A widget's secrets, the hash of a user id, and the tokens of its sessions.
    fn widgets(&mut self) {
        let made = self.call("POST", "/api/admin/widgets", Some(json!({ "name": "Chat" })), 201);
        let path = format!("/api/admin/widgets/{}", text(&made.json()["id"]));
        for _ in 0..2 {
            let secret = text(&self.call("GET", &format!("{path}/secret"), None, 200).json()["secret"]);
            let hash = crate::widgets::hash(&secret, "user-7");
            let session = format!("/api/widgets/{}/session", text(&made.json()["id"]));
            let body = json!({ "userId": "user-7", "userHash": hash });
            let token = text(&self.call("POST", &session, Some(body), 201).json()["token"]);
            let odd = json!({ "userId": "user-7", "userHash": hash, "usrHash": hash });
            assert!(!self.call("POST", &session, Some(odd), 400).body.contains(&hash));
            self.use_everywhere(&token);
            self.call("POST", &session, Some(json!({ "userId": "eve", "userHash": hash })), 403);
            self.secrets.add("a widget's secret", secret);
            self.secrets.add("a user hash", hash);
            self.secrets.add("the token of a widget's session", token);
            self.call("POST", &format!("{path}/rotate-secret"), None, 200);
        }
        self.call("DELETE", &path, None, 204);
    }

    fn master_key(&mut self) {
        let hex = std::fs::read_to_string(self.site.data_dir().join("master.key")).unwrap();
        let hex = hex.trim();
        self.secrets.add("the master key's digits", hex);
        let bytes: Vec<u8> = (0..32).map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap()).collect();
        self.secrets.add("the master key", bytes);
    }
}

fn wait_for_setup_line(site: &Site, server: &mut Server) {
    server.wait_until_ready();
    let begun = std::time::Instant::now();
    while !site.log().contains("setup: open ") {
        assert!(begun.elapsed() < Duration::from_secs(5), "no setup line");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn go_through_every_flow(log: &str) {
    let site = Site::new(&format!("[webhooks]\nallow_networks = [\"127.0.0.1\"]\n[log]\n{log}\n"));
    let mut server = site.serve();
    wait_for_setup_line(&site, &mut server);
    let mut flow = Flow { site: &site, secrets: Secrets::default(), cookie: String::from("X-None: 1") };
    flow.master_key();
    flow.set_up_and_sign_in();
    flow.accounts();
    flow.keys();
    flow.shares();
    flow.team();
    flow.webhooks();
    flow.widgets();
    let proved = site.run(&["audit", "verify"]);
    assert!(proved.status.success(), "{proved:?}");
    flow.secrets.assert_nowhere(&site);
    flow.call("POST", "/api/auth/sign-out", None, 204);
    assert_eq!(get_status(site.port, "/readyz"), Some(200));
    assert!(server.terminate().success());
    assert!(site.log().len() > 200, "nothing was logged, so that nothing was shown");
    flow.secrets.assert_nowhere(&site);
}

#[test]
fn no_secret_is_in_the_log_or_the_data_directory_at_the_default_level() {
    go_through_every_flow("");
}

#[test]
fn no_secret_is_in_the_log_or_the_data_directory_at_level_trace_and_as_json() {
    go_through_every_flow("level = \"trace\"\nformat = \"json\"");
}

#[test]
fn the_search_finds_what_it_searches_for() {
    let mut secrets = Secrets::default();
    secrets.add("a secret", b"some bytes");
    let found = |bytes: &[u8]| {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| secrets.assert_not_in("a place", bytes))).is_err()
    };
    assert!(found(b"ssome bytes") && found(b"x736f6d65206279746573") && found(b"c29tZSBieXRlcw"));
    assert!(!found(b"some byte"));
}
