//! What runs by the clock, run by hand: keys that end soon are announced once for each date, and what is over goes.

use serde_json::{Value, json};

use super::letters::{self, Letter};
use super::people::{self, home_with, home_with_settings};
use super::support::{App, EMAIL, KEYS, PASSWORD, START, Session, text};

const DAY_MS: i64 = 86_400_000;

fn run(app: &App, job: &str) {
    let output = app.claviger(&["jobs", "run", job]);
    assert!(output.status.success(), "{output:?}");
}

fn warnings(app: &App) -> Vec<Letter> {
    letters::of_kind(app, "expiry_warning")
}

/// Who was told, in the order of the alphabet.
fn told(app: &App) -> Vec<String> {
    let mut told: Vec<String> = warnings(app).into_iter().map(|letter| letter.to).collect();
    told.sort();
    told
}

fn in_days(days: i64) -> String {
    claviger::clock::to_rfc3339(START + days * DAY_MS)
}

async fn extend(session: &Session, id: &str, days: i64) {
    let response = session.patch(&format!("{KEYS}/{id}"), &json!({ "expiresAt": in_days(days) })).await;
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn a_key_that_ends_soon_is_announced_to_its_maker_and_the_administrators_each_once() {
    let people = [("adm", "admin"), ("max", "admin"), ("own", "owner"), ("tom", "member")];
    let (app, ada) = home_with(&people).await;
    let max = people::sign_in(&app, "max").await;
    let key = max.make_key(json!({ "name": "Nightly build", "expiresAt": in_days(5) })).await;
    assert_eq!(app.verify_status(&key.token, "GET", "/x").await, 200);
    // Its maker is no admin any more, and is told all the same.
    ada.patch("/api/admin/members/usr_max", &json!({ "role": "member" })).await;
    people::state(&app).execute("UPDATE users SET timezone = 'Asia/Kathmandu' WHERE id = 'usr_max'", []).unwrap();
    run(&app, "expiry_warnings");
    let expected = ["ada", "adm", "max", "own"].map(|name| format!("{name}@example.com"));
    assert_eq!(told(&app), expected);
    let letter = warnings(&app).into_iter().find(|letter| letter.to.starts_with("max")).unwrap();
    assert_eq!(letter.subject, "The API key Nightly build ends soon");
    let link = app.url(&format!("/admin/settings/developer?key={}", key.id));
    let prefix = text(&key.object["prefix"]);
    for part in [
        "Hello max",
        &prefix,
        "of Home ends on Sunday, 6 January 2030 at 05:45 (Asia/Kathmandu)",
        "last used on Tuesday, 1 January 2030 at 05:45 (Asia/Kathmandu)",
        &link,
    ] {
        assert!(letter.text.contains(part), "{part}: {}", letter.text);
    }
    assert!(letter.organization.is_some() && !letter.text.contains(&key.token));
    let log: Value = ada.get("/api/admin/audit-log?action=api_key.expiry_announced").await.json().await.unwrap();
    assert_eq!(log["items"].as_array().unwrap().len(), 1);
    assert_eq!((&log["items"][0]["actor"]["kind"], &log["items"][0]["target"]["id"]), (&"job".into(), &key.id.into()));
}

#[tokio::test]
async fn a_key_is_announced_once_for_each_date() {
    let (app, ada) = home_with(&[]).await;
    let key = ada.make_key(json!({ "expiresAt": in_days(8) })).await;
    run(&app, "expiry_warnings");
    assert_eq!(warnings(&app).len(), 0, "eight days are more than seven");
    app.clock.advance_ms(DAY_MS as u64);
    for _ in 0..2 {
        run(&app, "expiry_warnings");
        assert_eq!(warnings(&app).len(), 1);
    }
    assert!(warnings(&app)[0].text.contains("It was never used."));
    let ada = app.session_of(&app.sign_in(EMAIL, PASSWORD).await);
    extend(&ada, &key.id, 7).await;
    run(&app, "expiry_warnings");
    assert_eq!(warnings(&app).len(), 2, "another date is announced anew");
    extend(&ada, &key.id, 8).await;
    run(&app, "expiry_warnings");
    assert_eq!(warnings(&app).len(), 2, "the first date was announced already");
}

#[tokio::test]
async fn keys_that_do_not_work_anyway_are_not_announced() {
    let people = [("max", "admin"), ("eve", "admin")];
    let (app, ada) = home_with_settings(&people, |config| config.api_keys.warn_days = 30).await;
    let soon = || json!({ "expiresAt": in_days(20) });
    let off = ada.make_key(soon()).await;
    ada.patch(&format!("{KEYS}/{}", off.id), &json!({ "active": false })).await;
    let deleted = ada.make_key(soon()).await;
    ada.delete(&format!("{KEYS}/{}", deleted.id)).await;
    let endless = ada.make_key(json!({})).await;
    let later = ada.make_key(json!({ "expiresAt": in_days(31) })).await;
    let of_max = people::sign_in(&app, "max").await.make_key(soon()).await;
    ada.delete("/api/admin/members/usr_max").await;
    let of_eve = people::sign_in(&app, "eve").await.make_key(soon()).await;
    assert!(app.claviger(&["user", "disable", "eve@example.com"]).status.success());
    run(&app, "expiry_warnings");
    assert_eq!(told(&app), Vec::<String>::new(), "{:?}", [endless.id, later.id, of_max.id, of_eve.id]);
    let old = ada.make_key(json!({ "name": "Old", "expiresAt": in_days(20) })).await;
    let rotated = ada.post(&format!("{KEYS}/{}/rotate", old.id), &json!({})).await;
    let successor: Value = rotated.json().await.unwrap();
    run(&app, "expiry_warnings");
    assert_eq!(told(&app), [EMAIL], "the successor alone");
    assert!(warnings(&app)[0].text.contains(&text(&successor["id"])));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_runs_at_once_announce_a_key_once() {
    let (app, ada) = home_with(&[]).await;
    for _ in 0..5 {
        ada.make_key(json!({ "expiresAt": in_days(3) })).await;
    }
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| run(&app, "expiry_warnings"));
        }
    });
    assert_eq!(warnings(&app).len(), 5);
}

#[tokio::test]
async fn one_organization_s_keys_are_announced_to_nobody_of_another() {
    let (mut app, _) = App::spawn().await;
    app.stop().await;
    let state = people::state(&app);
    let other = people::add_organization(&state, "org_other");
    people::add_user(&state, other, "bea", "owner");
    drop(state);
    let app = app.restart().await;
    people::sign_in(&app, "bea").await.make_key(json!({ "expiresAt": in_days(3) })).await;
    run(&app, "expiry_warnings");
    assert_eq!(told(&app), ["bea@example.com"]);
    assert_eq!(warnings(&app)[0].organization, Some(other));
}

#[tokio::test]
async fn failures_and_locks_that_are_over_are_removed_and_no_others() {
    let (app, _) = home_with(&[]).await;
    let insert = |subject: &str, minutes_ago: i64, locked_for: Option<i64>| {
        people::state(&app)
            .execute(
                "INSERT INTO sign_in_failures (subject, network, failures, last_at, locked_until)
                 VALUES (CAST(?1 AS BLOB), '', 5, ?2, ?3)",
                (subject, START - minutes_ago * 60_000, locked_for.map(|minutes| START + minutes * 60_000)),
            )
            .unwrap();
    };
    insert("over", 30, None);
    insert("unlocked", 30, Some(0));
    insert("counting", 29, None);
    insert("locked", 40, Some(1));
    for _ in 0..2 {
        run(&app, "lockout_reset");
        let state = people::state(&app);
        let mut statement = state.prepare("SELECT CAST(subject AS TEXT) FROM sign_in_failures ORDER BY 1").unwrap();
        let left: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert_eq!(left, ["counting", "locked"]);
    }
}

#[tokio::test]
async fn tokens_that_have_run_out_are_swept() {
    let (app, _) = home_with(&[]).await;
    assert!(app.claviger(&["login-link", EMAIL]).status.success());
    let count = || -> i64 {
        people::state(&app).query_row("SELECT count(*) FROM account_tokens", [], |row| row.get(0)).unwrap()
    };
    run(&app, "session_sweep");
    assert_eq!(count(), 1);
    app.clock.advance_ms(600_000);
    run(&app, "session_sweep");
    assert_eq!(count(), 0);
}

#[tokio::test]
async fn the_jobs_are_listed_with_their_last_run_and_an_unknown_one_is_named() {
    let (app, _) = home_with(&[]).await;
    app.clock.advance_ms(5_000);
    run(&app, "expiry_warnings");
    let output = app.claviger(&["jobs", "list", "--json"]);
    let listed: Value = serde_json::from_slice(&output.stdout).unwrap();
    let listed = listed.as_array().unwrap();
    let expiry = listed.iter().find(|job| job["name"] == "expiry_warnings").unwrap();
    assert_eq!(expiry["cron"], "0 0 8 * * *");
    assert_eq!((&expiry["lastRunAt"], &expiry["lastOutcome"]), (&"2030-01-01T00:00:05.000Z".into(), &"done".into()));
    for name in ["lockout_reset", "session_sweep", "ledger_retention", "audit_retention"] {
        assert!(listed.iter().any(|job| job["name"] == name), "{name}");
    }
    let told = String::from_utf8(app.claviger(&["jobs", "list"]).stdout).unwrap();
    let line = told.lines().find(|line| line.starts_with("expiry_warnings")).unwrap();
    assert!(line.contains("0 0 8 * * *") && line.contains("2030-01-01T00:00:05.000Z  done"), "{line}");
    let refused = app.claviger(&["jobs", "run", "coffee"]);
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && error.contains("There is no job coffee; there are expiry_warnings"),
        "{error}"
    );
}
