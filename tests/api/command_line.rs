//! The command line: every subcommand, with a running server and without one.

use std::process::{Command, Output};

use serde_json::Value;

use crate::support::plain::{sign_in, verify};
use crate::support::process::{BINARY, Site, files_below, free_port, get_status};
use crate::support::{EMAIL, PASSWORD, text};

fn out(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The exit code and standard error of what failed; nothing may be on standard output.
fn failure(output: &Output) -> (i32, String) {
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    assert!(!error.contains("panicked"), "{error}");
    (output.status.code().unwrap(), error)
}

fn set_up(site: &Site, email: &str, password: &str) -> Output {
    let owner = ["setup", "--name", "Ada", "--email", email, "--organization", "Home", "--password-stdin"];
    site.run_with_input(&owner, password)
}

/// Does this once on a stopped server's data and once through a running server.
fn stopped_and_running(more: &str, act: impl Fn(&Site)) {
    let site = Site::new(more);
    site.set_up();
    act(&site);
    let _server = site.serve();
    act(&site);
}

#[test]
fn setup_makes_the_owner_once_with_and_without_a_server() {
    for running in [false, true] {
        let site = Site::new("");
        let _server = running.then(|| site.serve());
        let (code, error) = failure(&set_up(&site, "not an address", "short\n"));
        assert_eq!(code, 1);
        assert!(error.contains("email") && error.contains("password"), "{error}");
        let said = out(&set_up(&site, EMAIL, &format!("{PASSWORD}\n")));
        assert!(said.contains(EMAIL) && said.contains("/sign-in") && !said.contains(PASSWORD), "{said}");
        let (code, error) = failure(&set_up(&site, "eve@example.com", &format!("{PASSWORD}\n")));
        assert_eq!(code, 1);
        assert!(error.starts_with("claviger: "), "{error}");
        let _server = (!running).then(|| site.serve());
        sign_in(site.port);
    }
}

#[test]
fn check_judges_the_configuration_and_makes_nothing() {
    let site = Site::new("");
    assert!(out(&site.run(&["check"])).contains("The configuration is good"));
    let rule = "[[rules]]\npath = \"/a/{*rest}\"\n";
    for (more, says) in [
        ("[lockout]\natempts = 3", vec!["lockout.atempts", "lockout.attempts"]),
        ("[sever]\nlisten = \"127.0.0.1:1\"", vec!["sever", "server"]),
        ("[[rules]]\npath = \"/a/{*rest}/b\"", vec!["/a/{*rest}/b"]),
        (&[rule, rule].concat(), vec!["/a/{*rest}", "rule 2"]),
        ("[jobs]\nledger_retention = \"every day\"", vec!["ledger_retention"]),
        ("[log]\nlevel = \"cla=viger=loud\"", vec!["log.level"]),
        ("[gate]\ndefault = \"perhaps\"", vec!["perhaps"]),
        (
            "[api_keys]\nhex_digits = 7\ndefault_rate_limit = 0",
            vec!["api_keys.hex_digits", "api_keys.default_rate_limit"],
        ),
    ] {
        let site = Site::new(more);
        let (code, error) = failure(&site.run(&["check"]));
        assert_eq!(code, 78, "{error}");
        assert!(says.iter().all(|part| error.contains(part)), "{says:?} in {error}");
        assert_eq!(failure(&site.run(&["serve"])).0, 78, "serve says the same of {more}");
        assert!(!site.data_dir().exists());
    }
    assert!(!site.data_dir().exists());
}

#[test]
fn explain_says_what_would_come_of_a_request() {
    let rules = "[[rules]]\nhost = \"api.example.com\"\npath = \"/agents/{*rest}\"\nrole = \"admin\"\n\
                 class = \"agents\"\nlimit = 7\n";
    stopped_and_running(rules, |site| {
        let key = site.make_key(&["--role", "member", "--json"]);
        let id = text(&serde_json::from_str::<Value>(&key).unwrap()["id"]);
        let explain = |more: &[&str]| site.run(&[&["explain", "GET /x/../agents//7"], more].concat());

        let said = out(&explain(&["--host", "api.example.com", "--role", "member"]));
        for part in ["/agents/7", "rule 1", "admin or above", "7 a minute", "class agents", "403 INSUFFICIENT_ROLE"] {
            assert!(said.contains(part), "{part:?} in {said}");
        }
        let said = out(&explain(&["--role", "member"]));
        assert!(said.contains("built-in") && said.contains("200"), "{said}");
        let said = out(&explain(&["--host", "api.example.com", "--key-id", &id, "--json"]));
        let answer: Value = serde_json::from_str(&said).unwrap();
        assert_eq!((&answer["path"], &answer["limit"]), (&"/agents/7".into(), &7.into()));
        assert!(text(&answer["outcome"]).starts_with("403 INSUFFICIENT_ROLE"), "{said}");

        assert!(failure(&explain(&["--key-id", "key_none"])).1.contains("There is no API key key_none"));
        assert!(failure(&explain(&["--role", "king"])).1.contains("there are viewer, member, admin and owner"));
        assert!(failure(&site.run(&["explain", "/agents/7"])).1.contains("a method and a path"));
        assert_eq!(failure(&site.run(&["explain", "GET /a%2fb"])).0, 1);
    });
}

#[test]
fn key_create_prints_the_key_alone_on_standard_output() {
    stopped_and_running("", |site| {
        let made = site.run(&["key", "create", "--name", "ci", "--environment", "test", "--rate-limit", "9"]);
        let key = out(&made);
        assert!(key.starts_with("clav_test_") && key.ends_with('\n') && key.lines().count() == 1, "{key:?}");
        let beside = String::from_utf8_lossy(&made.stderr).into_owned();
        assert!(beside.contains("key_") && !beside.contains(key.trim()), "{beside}");

        let whole = ["--expires-at", "2999-12-31", "--scope", "a:b", "--scope", "c", "--role", "viewer", "--json"];
        let object: Value = serde_json::from_str(&site.make_key(&whole)).unwrap();
        assert_eq!(object["scopes"], serde_json::json!(["a:b", "c"]));
        assert_eq!((&object["role"], &object["owner"]["kind"]), (&"viewer".into(), &"organization".into()));
        assert!(text(&object["expiresAt"]).starts_with("2999-12-31T23:59:59"), "{object}");

        for (wrong, says) in [
            (["--rate-limit", "0"], "rateLimit"),
            (["--rate-limit", "10001"], "rateLimit"),
            (["--role", "owner"], "role"),
            (["--expires-at", "2001-01-01"], "expiresAt"),
            (["--scope", "Not This"], "scopes"),
            (["--organization", "nowhere"], "There is no organization nowhere"),
        ] {
            let (code, error) = failure(&site.run(&[&["key", "create", "--name", "x"], &wrong[..]].concat()));
            assert!(code == 1 && error.contains(says), "{says:?} in {error}");
        }
    });
}

#[test]
fn a_plan_changed_on_the_command_line_holds_from_the_very_next_request() {
    let site = Site::new("");
    site.set_up();
    let key = site.make_key(&[]);
    let _server = site.serve();
    for _ in 0..3 {
        assert_eq!(verify(site.port, &key, "/x").status, 200);
        assert!(out(&site.run(&["org", "plan", "home", "free"])).contains("Home is on plan free"));
        let refused = verify(site.port, &key, "/x");
        assert_eq!((refused.status, refused.code().as_str()), (403, "PLAN_NO_API_ACCESS"));
        out(&site.run(&["org", "plan", "Home", "starter"]));
    }
    assert_eq!(verify(site.port, &key, "/x").status, 200);
    let refused = failure(&site.run(&["org", "plan", "home", "gold"]));
    assert!(refused.0 == 1 && refused.1.contains("there are enterprise, free"), "{refused:?}");
}

#[test]
fn org_list_shows_every_organization_and_its_plan() {
    stopped_and_running("", |site| {
        let listed = out(&site.run(&["org", "list"]));
        assert!(listed.lines().count() == 1 && listed.contains("enterprise"), "{listed}");
        assert!(listed.trim_end().ends_with("Home  (home)"), "{listed}");
        let json: Value = serde_json::from_str(&out(&site.run(&["org", "list", "--json"]))).unwrap();
        assert_eq!((&json[0]["name"], &json[0]["home"]), (&"Home".into(), &true.into()));
    });
}

#[test]
fn audit_head_can_be_kept_and_shows_when_the_newest_rows_are_cut_off() {
    let site = Site::new("");
    site.set_up();
    let early = out(&site.run(&["audit", "head"])).trim().to_owned();
    let key = site.make_key(&[]);
    let mut server = site.serve();
    assert_eq!(verify(site.port, &key, "/x").status, 200);
    assert_eq!(verify(site.port, &key, "/x").status, 200);
    let late = out(&site.run(&["audit", "head"])).trim().to_owned();
    assert_ne!(early, late);
    for head in [&early, &late] {
        let proved = out(&site.run(&["audit", "verify", "--head", head]));
        assert!(proved.contains("Both chains hold") && proved.contains("the ledger up to row 2"), "{proved}");
    }
    assert_eq!(failure(&site.run(&["audit", "verify", "--head", "nonsense"])).0, 1);
    assert!(server.terminate().success());
    out(&site.run(&["audit", "verify", "--head", &late]));

    let ledger = rusqlite::Connection::open(site.data_dir().join("ledger.db")).unwrap();
    ledger.execute_batch("DELETE FROM requests WHERE seq = 2").unwrap();
    drop(ledger);
    let (code, error) = failure(&site.run(&["audit", "verify", "--head", &late]));
    assert!(code == 1 && error.to_lowercase().contains("ledger"), "{error}");
    let state = rusqlite::Connection::open(site.data_dir().join("claviger.db")).unwrap();
    state.execute_batch("UPDATE audit_log SET actor_name = 'Eve' WHERE seq = 1").unwrap();
    drop(state);
    let (code, error) = failure(&site.run(&["audit", "verify"]));
    assert!(code == 1 && error.contains("row 1"), "{error}");
}

#[test]
fn the_environment_and_flags_set_the_address_and_the_data_directory() {
    let directory = tempfile::tempdir().unwrap();
    let (data, other, port) = (directory.path().join("of-env"), directory.path().join("of-flag"), free_port());
    let start = |flags: &[&std::ffi::OsStr]| {
        let mut command = Command::new(BINARY);
        command.args(flags).current_dir(directory.path()).stderr(std::process::Stdio::null());
        command.env("CLAVIGER_SERVER__LISTEN", format!("127.0.0.1:{port}")).env("CLAVIGER_DATA_DIR", &data);
        // Names without `__` belong to other programs.
        command.env("CLAVIGER_HOME", "somewhere").spawn().unwrap()
    };
    let until_ready_then_kill = |mut child: std::process::Child, port: u16| {
        let begun = std::time::Instant::now();
        while get_status(port, "/readyz") != Some(200) {
            assert!(begun.elapsed().as_secs() < 10 && child.try_wait().unwrap().is_none(), "it does not start");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    };
    until_ready_then_kill(start(&[]), port);
    assert!(data.join("claviger.db").exists() && !other.exists());
    let (flag_port, flag) = (free_port(), other.as_os_str());
    let address = format!("127.0.0.1:{flag_port}");
    until_ready_then_kill(start(&["--data-dir".as_ref(), flag, "--listen".as_ref(), address.as_ref()]), flag_port);
    assert!(other.join("claviger.db").exists());

    let mut command = Command::new(BINARY);
    command.arg("check").current_dir(directory.path()).env("CLAVIGER_SERVER__LISSTEN", "127.0.0.1:1");
    let (code, error) = failure(&command.output().unwrap());
    assert!(code == 78 && error.contains("server.listen"), "{error}");
}

#[test]
fn help_names_every_subcommand_and_unknown_flags_are_exit_2() {
    let run = |arguments: &[&str]| Command::new(BINARY).args(arguments).output().unwrap();
    let help = out(&run(&["--help"]));
    for subcommand in ["serve", "setup", "check", "explain", "key", "org", "audit"] {
        assert!(help.lines().any(|line| line.trim_start().starts_with(subcommand)), "{subcommand} in {help}");
        out(&run(&[subcommand, "--help"]));
    }
    assert!(out(&run(&["--version"])).contains(env!("CARGO_PKG_VERSION")));
    for wrong in [&["--lissten", "x"][..], &["nothing"], &["key", "create"], &["check", "--json"]] {
        assert_eq!(failure(&run(wrong)).0, 2, "{wrong:?}");
    }
}

#[test]
fn run_as_root_on_another_users_directory_every_file_stays_that_users() {
    use std::os::unix::fs::MetadataExt;
    if !rustix::process::geteuid().is_root() {
        // Nobody else can give files away, so that there is nothing to go wrong.
        return;
    }
    let site = Site::new("");
    std::fs::create_dir(site.data_dir()).unwrap();
    std::os::unix::fs::chown(site.data_dir(), Some(65_534), Some(65_534)).unwrap();
    let all_are_theirs = || {
        for path in files_below(&site.data_dir()) {
            let metadata = std::fs::metadata(&path).unwrap();
            assert_eq!((metadata.uid(), metadata.gid()), (65_534, 65_534), "{}", path.display());
            assert_eq!(metadata.mode() & 0o077, 0, "{} can be read by others", path.display());
        }
    };
    site.set_up();
    let key = site.make_key(&[]);
    all_are_theirs();
    let server = site.serve();
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    assert!(status.contains("Uid:\t65534\t65534\t65534\t65534"), "{status}");
    assert_eq!(verify(site.port, &key, "/x").status, 200);
    site.make_key(&[]);
    all_are_theirs();
}
