//! `claviger user`, `claviger login-link` and `claviger jobs`, with a running server and without one.

use std::process::Output;

use serde_json::{Value, json};

use super::letters;
use super::people::{self, home_with};
use super::support::process::Site;
use super::support::{EMAIL, error_of, text};

fn out(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn failure(output: &Output) -> String {
    assert!(output.status.code() == Some(1) && output.stdout.is_empty(), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn create(site: &Site, email: &str, more: &[&str], password: &str) -> Output {
    let line = ["user", "create", "--name", "Max", "--email", email, "--password-stdin"];
    site.run_with_input(&[&line, more].concat(), password)
}

#[test]
fn users_are_made_listed_and_managed_with_and_without_a_server() {
    let site = Site::new("");
    site.set_up();
    let mut server = None;
    for (name, running) in [("max", false), ("eve", true)] {
        if running {
            server = Some(site.serve());
        }
        let email = format!("{name}@example.com");
        let made = out(&create(&site, &email, &["--role", "admin", "--json"], "MaxPass123\n"));
        let made: Value = serde_json::from_str(&made).unwrap();
        assert_eq!((&made["email"], &made["emailVerified"]), (&json!(email), &json!(true)));
        assert_eq!(made["organizations"][0]["role"], "admin");
        assert!(failure(&create(&site, &email, &[], "MaxPass123")).contains("Another account has this address"));
        for (bad, more, password, says) in [
            ("no address", &[][..], "MaxPass123", "email"),
            ("a@example.com", &["--role", "king"], "MaxPass123", "role"),
            ("a@example.com", &["--organization", "nowhere"], "MaxPass123", "no organization nowhere"),
            ("a@example.com", &[], "short", "password"),
        ] {
            let error = failure(&create(&site, bad, more, password));
            assert!(error.contains(says), "{error}");
        }
        let listed = out(&site.run(&["user", "list"]));
        assert!(listed.contains(&email) && listed.contains("admin of Home"), "{listed}");
        assert!(out(&site.run(&["user", "disable", &email])).contains("is disabled"));
        let listed: Value = serde_json::from_str(&out(&site.run(&["user", "list", "--json"]))).unwrap();
        let one = listed.as_array().unwrap().iter().find(|user| user["email"] == email.as_str()).unwrap();
        assert_eq!(one["disabled"], true);
        assert!(failure(&site.run(&["login-link", &email])).contains("is disabled"));
        out(&site.run(&["user", "enable", &email]));
        out(&site.run(&["user", "unlock", &email]));
        let reset = ["user", "reset-password", &email, "--password-stdin"];
        assert!(failure(&site.run_with_input(&reset, "weak")).contains("password"));
        assert!(out(&site.run_with_input(&reset, "OtherPass1\n")).contains("another password"));
        let link: Value = serde_json::from_str(&out(&site.run(&["login-link", &email, "--json"]))).unwrap();
        assert!(text(&link["url"]).contains("/sign-in-link?token=lnk_") && link["expiresAt"].is_string());
        let plain = out(&site.run(&["login-link", &email]));
        assert!(plain.starts_with("http") && plain.lines().count() == 1, "{plain}");
        for command in ["unlock", "disable", "enable"] {
            assert!(failure(&site.run(&["user", command, "nobody@example.com"])).contains("Nobody has the address"));
        }
        let jobs: Value = serde_json::from_str(&out(&site.run(&["jobs", "list", "--json"]))).unwrap();
        let sweep = jobs.as_array().unwrap().iter().find(|job| job["name"] == "session_sweep").unwrap().clone();
        assert_eq!(sweep["cron"], "0 10 * * * *");
        assert!(running || sweep["lastRunAt"].is_null());
        assert!(out(&site.run(&["jobs", "run", "session_sweep"])).contains("session_sweep is done"));
    }
    drop(server);
    let organizations: Value = serde_json::from_str(&out(&site.run(&["org", "list", "--json"]))).unwrap();
    assert_eq!((&organizations[0]["members"], &organizations[0]["keys"]), (&json!(3), &json!(0)));
    let planned: Value = serde_json::from_str(&out(&site.run(&["org", "plan", "home", "starter", "--json"]))).unwrap();
    assert_eq!(planned["plan"], "starter");
}

#[test]
fn a_password_is_taken_from_standard_input_alone() {
    let site = Site::new("");
    site.set_up();
    for line in [
        &["user", "create", "--name", "M", "--email", "m@example.com"][..],
        &["user", "create", "--name", "M", "--email", "m@example.com", "--password", "MaxPass123"],
        &["user", "reset-password", EMAIL],
        &["user", "reset-password", EMAIL, "MaxPass123"],
    ] {
        assert_eq!(site.run(line).status.code(), Some(2), "{line:?}");
    }
}

#[tokio::test]
async fn a_disabled_user_s_sessions_end_and_keys_stop_at_once() {
    let (app, ada) = home_with(&[("max", "admin")]).await;
    let max = people::sign_in(&app, "max").await;
    let key = max.make_key(json!({})).await;
    assert_eq!(app.verify_status(&key.token, "GET", "/x").await, 200);
    out(&app.claviger(&["user", "disable", "max@example.com"]));
    assert_eq!(error_of(app.verify(&key.token, "GET", "/x").await).await, (401, "API_KEY_DEACTIVATED".into()));
    assert_eq!(error_of(max.get("/api/auth/session").await).await, (401, "SESSION_INVALID".into()));
    let seen: Value = ada.get("/api/admin/members/usr_max").await.json().await.unwrap();
    assert_eq!((&seen["disabled"], &seen["ownKeys"]), (&json!(true), &json!(1)));
    out(&app.claviger(&["user", "enable", "max@example.com"]));
    assert_eq!(app.verify_status(&key.token, "GET", "/x").await, 200);
    assert_eq!(max.get("/api/auth/session").await.status(), 401, "the session is gone for good");
    let log = ada.get("/api/admin/audit-log?target=usr_max").await.text().await.unwrap();
    for action in ["user.disabled", "user.enabled"] {
        assert!(log.contains(action), "{action}");
    }
    let refused = failure(&app.claviger(&["user", "disable", EMAIL]));
    assert!(refused.contains("only owner"), "{refused}");
}

#[tokio::test]
async fn a_new_password_ends_sessions_and_links_and_is_told() {
    let (app, _) = home_with(&[("max", "member")]).await;
    let max = people::sign_in(&app, "max").await;
    out(&app.claviger(&["login-link", "max@example.com"]));
    let services = std::process::Command::new(env!("CARGO_BIN_EXE_claviger"))
        .args(["user", "reset-password", "max@example.com", "--password-stdin", "--data-dir"])
        .arg(app.data_dir())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .and_then(|mut child| {
            std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"OtherPass1\n")?;
            child.wait_with_output()
        })
        .unwrap();
    assert!(!out(&services).contains("OtherPass1"));
    assert_eq!(max.get("/api/auth/session").await.status(), 401);
    assert_eq!(app.sign_in("max@example.com", super::support::PASSWORD).await.status(), 401);
    assert_eq!(app.sign_in("max@example.com", "OtherPass1").await.status(), 200);
    let tokens: i64 =
        people::state(&app).query_row("SELECT count(*) FROM account_tokens", [], |row| row.get(0)).unwrap();
    assert_eq!(tokens, 0);
    let letter = letters::of_kind(&app, "password_reset_by_operator").remove(0);
    assert_eq!((letter.to.as_str(), letter.organization), ("max@example.com", None));
    assert!(!letter.text.contains("OtherPass1"));
}
