//! Wrong passwords lock an account for a while (security tests 1, 3 and the stranger of 13).

use claviger::config::Config;
use claviger::services::lockout;
use reqwest::{Method, Response};
use rusqlite::params;
use serde_json::{Value, json};

use super::people;
use super::support::{App, EMAIL, PASSWORD, START, Session, error_of, header};

const MINUTE: u64 = 60_000;
const WRONG: &str = "WrongPass1";
const NOBODY: &str = "nobody@example.com";

/// Behind a proxy, so that each test says where it comes from.
fn behind_a_proxy(config: &mut Config) {
    config.server.trusted_proxies = vec![String::from("127.0.0.1").try_into().unwrap()];
}

/// Tries to sign in from an address.
async fn from(app: &App, ip: &str, email: &str, password: &str) -> Response {
    app.request(Method::POST, "/api/auth/sign-in")
        .header("X-Forwarded-For", ip)
        .header("X-Forwarded-Proto", "https")
        .json(&json!({ "email": email, "password": password }))
        .send()
        .await
        .unwrap()
}

/// So many times; the statuses.
async fn times(app: &App, count: usize, ip: &str, email: &str, password: &str) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..count {
        statuses.push(from(app, ip, email, password).await.status().as_u16());
    }
    statuses
}

async fn entries(session: &Session, action: &str) -> Vec<Value> {
    let page: Value = session.get(&format!("/api/admin/audit-log?action={action}")).await.json().await.unwrap();
    page["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn the_fifth_wrong_password_locks_for_fifteen_minutes_right_password_or_wrong() {
    let (app, _) = App::spawn().await;
    for _ in 0..5 {
        assert_eq!(error_of(app.sign_in(EMAIL, WRONG).await).await, (401, "SIGN_IN_FAILED".into()));
    }
    app.clock.advance_ms(1);
    for password in [WRONG, PASSWORD] {
        let response = app.sign_in(EMAIL, password).await;
        assert_eq!(header(&response, "retry-after"), "900");
        let body: Value = response.json().await.unwrap();
        assert_eq!((&body["error"], &body["code"]), (&json!("locked"), &json!("ACCOUNT_LOCKED")));
        assert_eq!((&body["message"], &body["retry_after"]), (&json!("Account is temporarily locked"), &json!(900)));
    }
    app.clock.advance_ms(15 * MINUTE - 2);
    assert_eq!(header(&app.sign_in(EMAIL, PASSWORD).await, "retry-after"), "1", "trying does not prolong it");
    app.clock.advance_ms(1);
    assert_eq!(app.sign_in(EMAIL, PASSWORD).await.status(), 200);
}

#[tokio::test]
async fn a_lock_outlives_a_restart() {
    let (app, _) = App::spawn().await;
    assert_eq!(times(&app, 5, "127.0.0.1", EMAIL, WRONG).await, [401; 5]);
    let app = app.restart().await;
    assert_eq!(app.sign_in(EMAIL, PASSWORD).await.status(), 423);
}

#[tokio::test]
async fn a_success_or_thirty_minutes_without_a_failure_reset_the_count() {
    let (app, _) = App::spawn().await;
    for _ in 0..2 {
        assert_eq!(times(&app, 4, "127.0.0.1", EMAIL, WRONG).await, [401; 4]);
        assert_eq!(app.sign_in(EMAIL, PASSWORD).await.status(), 200);
    }
    for _ in 0..2 {
        assert_eq!(times(&app, 4, "127.0.0.1", EMAIL, WRONG).await, [401; 4]);
        app.clock.advance_ms(30 * MINUTE);
    }
    assert_eq!(times(&app, 4, "127.0.0.1", EMAIL, WRONG).await, [401; 4]);
    app.clock.advance_ms(30 * MINUTE - 1);
    assert_eq!(times(&app, 2, "127.0.0.1", EMAIL, WRONG).await, [401, 423]);
}

#[tokio::test]
async fn the_settings_say_how_many_how_long_and_when_they_are_forgotten() {
    let (app, _) = App::spawn_with(|config| {
        config.lockout.attempts = 2;
        config.lockout.minutes = 1;
        config.lockout.reset_minutes = 1;
    })
    .await;
    assert_eq!(times(&app, 3, "127.0.0.1", EMAIL, WRONG).await, [401, 401, 423]);
    app.clock.advance_ms(MINUTE);
    assert_eq!(times(&app, 1, "127.0.0.1", EMAIL, WRONG).await, [401]);
    app.clock.advance_ms(MINUTE);
    assert_eq!(times(&app, 3, "127.0.0.1", EMAIL, WRONG).await, [401, 401, 423]);
}

/// Everything of an answer but what names the request and the moment.
async fn shape(response: Response) -> (u16, Vec<String>, Value) {
    let status = response.status().as_u16();
    let mut names: Vec<String> = response.headers().keys().map(ToString::to_string).collect();
    names.sort();
    let mut body: Value = response.json().await.unwrap();
    body["requestId"].take();
    (status, names, body)
}

#[tokio::test]
async fn an_address_that_nobody_has_is_locked_exactly_as_one_that_somebody_has() {
    let (app, _) = App::spawn_with(behind_a_proxy).await;
    let mut told = Vec::new();
    for email in [EMAIL, NOBODY, "no address at all"] {
        let mut answers = Vec::new();
        for pause in [0, 0, 0, 0, 0, 0, 5, 0, 10, 0, 31, 0, 0, 0, 0, 0] {
            app.clock.advance_ms(pause * MINUTE);
            answers.push(shape(from(&app, "192.0.2.1", email, WRONG).await).await);
        }
        told.push(answers);
        app.clock.advance_ms(60 * MINUTE);
    }
    let statuses: Vec<u16> = told[0].iter().map(|answer| answer.0).collect();
    assert_eq!(&statuses[..9], [401, 401, 401, 401, 401, 423, 423, 423, 401]);
    assert_eq!(told[0], told[1]);
    assert_eq!(told[0], told[2]);
}

#[tokio::test]
async fn any_spelling_of_an_address_counts_for_the_same_one() {
    let (app, _) = App::spawn().await;
    for email in [EMAIL, "ADA@example.com", " ada@Example.com", "ａｄａ@example.com", EMAIL] {
        assert_eq!(app.sign_in(email, WRONG).await.status(), 401);
    }
    assert_eq!(app.sign_in("Ada@Example.Com", PASSWORD).await.status(), 423);
}

#[tokio::test]
async fn what_cannot_be_a_password_counts_too() {
    let (app, _) = App::spawn().await;
    for password in ["", "Nul\u{0}Inside1", &"x".repeat(72), &"x".repeat(1_000), WRONG] {
        assert_eq!(app.sign_in(EMAIL, password).await.status(), 401);
    }
    assert_eq!(app.sign_in(EMAIL, PASSWORD).await.status(), 423);
}

#[tokio::test]
async fn a_stranger_does_not_lock_out_a_network_that_the_user_signed_in_from() {
    let (app, _) = App::spawn_with(behind_a_proxy).await;
    for home in ["192.0.2.1", "2001:db8:1:2::7"] {
        assert_eq!(times(&app, 1, home, EMAIL, PASSWORD).await, [200]);
    }
    for stranger in ["203.0.113.9", "203.0.113.10", "2001:db8:1:3::7", "198.51.100.1", "203.0.113.9"] {
        assert_eq!(times(&app, 1, stranger, EMAIL, WRONG).await, [401]);
    }
    // All strangers share one count; even the right password does not get in from there.
    assert_eq!(times(&app, 1, "198.51.100.77", EMAIL, PASSWORD).await, [423]);
    for home in ["192.0.2.1", "2001:db8:1:2::7", "2001:db8:1:2:ffff::1"] {
        assert_eq!(times(&app, 1, home, EMAIL, PASSWORD).await, [200], "{home}");
    }
    // And a known network has a count of its own.
    assert_eq!(times(&app, 6, "192.0.2.1", EMAIL, WRONG).await, [401, 401, 401, 401, 401, 423]);
    assert_eq!(times(&app, 1, "2001:db8:1:2::1", EMAIL, PASSWORD).await, [200]);
}

#[tokio::test]
async fn a_network_is_known_for_thirty_days_after_the_last_sign_in_from_it() {
    let (app, _) = App::spawn_with(behind_a_proxy).await;
    let day = 24 * 60 * MINUTE;
    assert_eq!(times(&app, 1, "192.0.2.1", EMAIL, PASSWORD).await, [200]);
    app.clock.advance_ms(30 * day - 1);
    assert_eq!(times(&app, 5, "203.0.113.9", EMAIL, WRONG).await, [401; 5]);
    assert_eq!(times(&app, 1, "192.0.2.1", EMAIL, PASSWORD).await, [200]);
    app.clock.advance_ms(30 * day);
    assert_eq!(times(&app, 5, "203.0.113.9", EMAIL, WRONG).await, [401; 5]);
    assert_eq!(times(&app, 1, "192.0.2.1", EMAIL, PASSWORD).await, [423]);
}

#[tokio::test]
async fn refusals_and_the_lock_are_in_the_audit_log_and_a_flood_shares_one_entry_a_minute() {
    let (mut app, ada) = App::spawn().await;
    assert_eq!(times(&app, 5, "127.0.0.1", EMAIL, WRONG).await, [401; 5]);
    let refused = entries(&ada, "session.refused").await;
    assert_eq!(refused.len(), 5);
    assert_eq!((&refused[0]["actor"]["kind"], &refused[0]["target"]["name"]), (&json!("anonymous"), &json!("Ada")));
    assert!(refused.iter().all(|entry| entry["ip"] == "127.0.0.1" && entry["changes"].is_null()), "{refused:?}");
    let locked = entries(&ada, "account.locked").await;
    assert_eq!(locked.len(), 1);
    assert_eq!(locked[0]["changes"], json!({ "lockedUntil": { "after": "2030-01-01T00:15:00.000Z" } }));

    assert_eq!(times(&app, 20, "127.0.0.1", EMAIL, WRONG).await, [423; 20]);
    let counted = |count: u64| json!({ "reason": { "after": "locked" }, "count": { "after": count } });
    let refused = entries(&ada, "session.refused").await;
    assert_eq!((refused.len(), &refused[0]["changes"]), (6, &counted(1)));
    app.clock.advance_ms(MINUTE);
    assert_eq!(times(&app, 3, "127.0.0.1", EMAIL, WRONG).await, [423; 3]);
    let refused = entries(&ada, "session.refused").await;
    assert_eq!((refused.len(), &refused[0]["changes"]), (7, &counted(20)));
    assert_eq!(entries(&ada, "account.locked").await.len(), 1);
    app.stop().await;
}

fn notices(app: &App) -> Vec<(String, String)> {
    let state = people::state(app);
    let mut statement =
        state.prepare("SELECT recipient, subject FROM outbox WHERE kind = 'account_locked' ORDER BY id").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

#[tokio::test]
async fn a_lock_is_told_by_mail_once_a_day_and_to_nobody_for_an_address_that_nobody_has() {
    let (app, _) = App::spawn_with(behind_a_proxy).await;
    assert_eq!(times(&app, 5, "203.0.113.9", NOBODY, WRONG).await, [401; 5]);
    assert_eq!(notices(&app), []);
    assert_eq!(times(&app, 4, "203.0.113.9", EMAIL, WRONG).await, [401; 4]);
    assert_eq!(notices(&app), []);
    let told = (EMAIL.to_owned(), String::from("Your account is locked after wrong passwords"));
    assert_eq!(times(&app, 2, "203.0.113.9", EMAIL, WRONG).await, [401, 423]);
    assert_eq!(notices(&app), std::slice::from_ref(&told));
    app.clock.advance_ms(20 * MINUTE);
    assert_eq!(times(&app, 6, "203.0.113.9", EMAIL, WRONG).await, [401, 401, 401, 401, 401, 423]);
    assert_eq!(notices(&app).len(), 1);
    app.clock.advance_ms(24 * 60 * MINUTE);
    assert_eq!(times(&app, 5, "203.0.113.9", EMAIL, WRONG).await, [401; 5]);
    assert_eq!(notices(&app), [told.clone(), told]);
}

#[tokio::test]
async fn clearing_ends_every_lock_of_one_address_and_sweeping_forgets_what_is_over() {
    let (mut app, _) = App::spawn_with(behind_a_proxy).await;
    for ip in ["127.0.0.1", "203.0.113.9"] {
        assert_eq!(times(&app, 6, ip, EMAIL, WRONG).await, [401, 401, 401, 401, 401, 423]);
    }
    assert_eq!(times(&app, 1, "203.0.113.9", NOBODY, WRONG).await, [401]);
    app.stop().await;
    let now = START + 1;
    app.offline(|services| {
        let until = |email| services.store.read(|reader| lockout::locked_until(services, reader, email, now)).unwrap();
        assert_eq!((until(EMAIL), until(NOBODY)), (Some(START + 900_000), None));
        let change = lockout::clear(services, "ADA@example.com");
        let change = change.into_iter().fold(claviger::store::Change::new(), claviger::store::Change::then);
        services.store.commit(change).unwrap();
        assert_eq!(until(EMAIL), None);
    });
    let counts = |app: &App| -> i64 {
        people::state(app).query_row("SELECT count(*) FROM sign_in_failures", [], |row| row.get(0)).unwrap()
    };
    assert_eq!(counts(&app), 1, "the other address keeps its count");
    for (minutes, left) in [(29, 1), (30, 0), (30, 0)] {
        app.offline(|services| lockout::sweep(services, START + minutes * MINUTE as i64).unwrap());
        assert_eq!(counts(&app), left);
    }
    let app = app.restart().await;
    assert_eq!(times(&app, 1, "203.0.113.9", EMAIL, PASSWORD).await, [200]);
}

#[tokio::test]
async fn what_is_kept_for_addresses_that_nobody_has_is_bounded_and_the_oldest_go() {
    let (mut app, _) = App::spawn_with(behind_a_proxy).await;
    assert_eq!(times(&app, 1, "203.0.113.9", EMAIL, WRONG).await, [401]);
    app.stop().await;
    let mut state = people::state(&app);
    let transaction = state.transaction().unwrap();
    for number in 0..10_000i64 {
        let subject = [&number.to_be_bytes()[..], &[0; 24]].concat();
        transaction
            .execute(
                "INSERT INTO sign_in_failures (subject, network, failures, last_at) VALUES (?1, '?', 1, ?2)",
                params![subject, START - 10_000 + number],
            )
            .unwrap();
    }
    transaction.commit().unwrap();
    drop(state);
    let app = app.restart().await;
    for number in 0..3 {
        assert_eq!(times(&app, 1, "203.0.113.9", &format!("nobody{number}@example.com"), WRONG).await, [401]);
    }
    let state = people::state(&app);
    let (strangers, oldest): (i64, i64) = state
        .query_row("SELECT count(*), min(last_at) FROM sign_in_failures WHERE network = '?'", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    assert_eq!((strangers, oldest), (10_000, START - 10_000 + 3));
    let users: i64 =
        state.query_row("SELECT count(*) FROM sign_in_failures WHERE network <> '?'", [], |row| row.get(0)).unwrap();
    assert_eq!(users, 1, "a user's count makes no room for strangers'");
}

#[tokio::test]
async fn no_address_and_no_password_is_kept_in_clear() {
    let (mut app, _) = App::spawn_with(behind_a_proxy).await;
    assert_eq!(times(&app, 6, "203.0.113.9", NOBODY, "Canary-Wrong-Pass1").await.len(), 6);
    app.stop().await;
    for path in super::support::process::files_below(&app.data_dir()) {
        let Ok(bytes) = std::fs::read(&path) else { continue };
        for secret in [NOBODY, "Canary-Wrong-Pass1"] {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} stands in {}", path.display());
        }
    }
}

#[tokio::test]
async fn a_disabled_account_tells_so_to_whoever_knows_its_password_alone() {
    let (mut app, _) = App::spawn().await;
    app.stop().await;
    let state = people::state(&app);
    people::add_user(&state, people::home(&state), "max", "member");
    state.execute("UPDATE users SET disabled_at = ?1 WHERE id = 'usr_max'", [START]).unwrap();
    drop(state);
    let app = app.restart().await;
    let max = people::email("max");
    assert_eq!(error_of(app.sign_in(&max, PASSWORD).await).await, (403, "ACCOUNT_DISABLED".into()));
    assert_eq!(error_of(app.sign_in(&max, WRONG).await).await, (401, "SIGN_IN_FAILED".into()));
    let ada = app.session_of(&app.sign_in(EMAIL, PASSWORD).await);
    let refused = entries(&ada, "session.refused").await;
    assert_eq!(refused.len(), 2);
    assert_eq!(refused[1]["changes"]["reason"], json!({ "after": "disabled" }));
}
