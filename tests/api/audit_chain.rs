//! `claviger audit verify` and `head`: whoever changes, removes or cuts off what was written is found out.

use std::process::Output;

use serde_json::json;

use super::people;
use super::support::{App, KEYS, Session};

fn verify(app: &App, more: &[&str]) -> (bool, String) {
    told(app.claviger(&[&["audit", "verify"], more].concat()))
}

fn told(output: Output) -> (bool, String) {
    let text = [output.stdout, output.stderr].map(|part| String::from_utf8(part).unwrap()).concat();
    (output.status.success(), text)
}

fn head(app: &App) -> String {
    let (good, text) = told(app.claviger(&["audit", "head"]));
    assert!(good, "{text}");
    text.trim().to_owned()
}

/// A server with some entries and some requests.
async fn used() -> (App, Session) {
    let (app, session) = App::spawn().await;
    let key = session.make_key(json!({ "rateLimit": 3 })).await;
    for _ in 0..5 {
        app.verify_status(&key.token, "GET", "/x").await;
    }
    session.patch(&format!("{KEYS}/{}", key.id), &json!({ "name": "b" })).await;
    (app, session)
}

#[tokio::test]
async fn what_nobody_touched_holds_while_it_runs_and_when_it_is_stopped() {
    let (mut app, session) = used().await;
    let (good, text) = verify(&app, &[]);
    assert!(good, "{text}");
    assert!(text.contains("audit log up to row 4") && text.contains("ledger up to row 5"), "{text}");
    let earlier = head(&app);
    session.make_key(json!({})).await;
    let later = head(&app);
    assert_ne!(earlier, later);
    for kept in [&earlier, &later] {
        let (good, text) = verify(&app, &["--head", kept]);
        assert!(good, "{text}");
    }
    app.stop().await;
    assert_eq!(head(&app), later);
    for more in [&[][..], &["--head", &earlier], &["--head", &later]] {
        let (good, text) = verify(&app, more);
        assert!(good, "{more:?}: {text}");
    }
    let (good, _) = verify(&app, &["--head", "nonsense"]);
    assert!(!good);
}

#[tokio::test]
async fn a_row_that_was_changed_or_removed_is_named() {
    let (mut app, _) = used().await;
    app.stop().await;
    let directory = app.data_dir();
    for database in [people::state(&app), people::ledger(&app)] {
        database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    }
    let kept: Vec<_> = ["claviger.db", "ledger.db"].map(|name| std::fs::read(directory.join(name)).unwrap()).into();
    for (file, statement, chain, row) in [
        ("claviger.db", "UPDATE audit_log SET actor_name = 'Eve' WHERE seq = 2", "audit log", "row 2 "),
        ("claviger.db", "UPDATE audit_log SET at = at + 1 WHERE seq = 3", "audit log", "row 3 "),
        ("claviger.db", "UPDATE audit_log SET changes = NULL WHERE seq = 4", "audit log", "row 4 "),
        ("claviger.db", "UPDATE audit_log SET organization = NULL WHERE seq = 1", "audit log", "row 1 "),
        ("claviger.db", "UPDATE audit_log SET link = zeroblob(32) WHERE seq = 2", "audit log", "row 2 "),
        ("claviger.db", "UPDATE audit_log SET digest = zeroblob(32) WHERE seq = 2", "audit log", "row 2 "),
        ("claviger.db", "DELETE FROM audit_log WHERE seq = 2", "audit log", "row 2 "),
        ("claviger.db", "DELETE FROM audit_log WHERE seq = 1", "audit log", "row 1 "),
        ("ledger.db", "UPDATE requests SET status = 200 WHERE seq = 4", "ledger", "row 4 "),
        ("ledger.db", "UPDATE requests SET path = '/y' WHERE seq = 5", "ledger", "row 5 "),
        ("ledger.db", "UPDATE requests SET count = 9 WHERE seq = 1", "ledger", "row 1 "),
        ("ledger.db", "DELETE FROM requests WHERE seq = 3", "ledger", "row 3 "),
    ] {
        let state = if file == "ledger.db" { people::ledger(&app) } else { people::state(&app) };
        assert_eq!(state.execute(statement, []).unwrap(), 1, "{statement}");
        drop(state);
        let (good, text) = verify(&app, &[]);
        assert!(!good && text.contains(chain) && text.contains(row), "{statement}: {text}");
        for (name, bytes) in ["claviger.db", "ledger.db"].iter().zip(&kept) {
            for end in ["-wal", "-shm"] {
                let _ = std::fs::remove_file(directory.join(format!("{name}{end}")));
            }
            std::fs::write(directory.join(name), bytes).unwrap();
        }
    }
    let (good, text) = verify(&app, &[]);
    assert!(good, "as it was: {text}");
}

#[tokio::test]
async fn rows_in_another_order_or_put_in_are_found() {
    let (mut app, _) = used().await;
    app.stop().await;
    let state = people::state(&app);
    state
        .execute_batch(
            "INSERT INTO audit_log SELECT 5, 'aud_forged', at, organization, action, actor_kind, actor_id, actor_name,
                 target_kind, target_id, target_name, ip, user_agent, request_id, changes, digest, link
             FROM audit_log WHERE seq = 4",
        )
        .unwrap();
    drop(state);
    let (good, text) = verify(&app, &[]);
    assert!(!good && text.contains("row 5 "), "{text}");
}

#[tokio::test]
async fn a_tail_that_was_cut_off_shows_against_a_head_that_was_kept() {
    for (table, chain) in [("audit_log", "audit log"), ("requests", "ledger")] {
        let (mut app, _) = used().await;
        let kept = head(&app);
        app.stop().await;
        let state = if table == "requests" { people::ledger(&app) } else { people::state(&app) };
        state.execute_batch(&format!("DELETE FROM {table} WHERE seq = (SELECT max(seq) FROM {table})")).unwrap();
        drop(state);
        assert!(verify(&app, &[]).0, "without the head nobody can know");
        let (good, text) = verify(&app, &["--head", &kept]);
        assert!(!good && text.contains(chain) && text.contains("missing"), "{text}");
    }
}

#[tokio::test]
async fn after_a_restart_the_chain_goes_on() {
    let (app, _) = used().await;
    let kept = head(&app);
    let app = app.restart().await;
    let session = app.session_of(&app.sign_in(super::support::EMAIL, super::support::PASSWORD).await);
    session.make_key(json!({})).await;
    let (good, text) = verify(&app, &["--head", &kept]);
    assert!(good && text.contains("audit log up to row 6"), "{text}");
}
