//! Mail on its way to a mail server that may do anything (security test 41). The clock is the test's, so hours pass at
//! once; the time that a step of a conversation may take is real.

use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use claviger::config::{Config, SmtpTls};
use claviger::services::outbox_delivery;
use claviger::store::outbox::State;
use reqwest::Method;
use serde_json::Value;

use super::support::letters::{TOKEN, Wish, all, home, stored, write};
use super::support::process::{Site, free_port};
use super::support::smtp::{HANG, HANG_UP, MailServer, Tls, wait_until};
use super::support::{App, EMAIL, PASSWORD, START};

const MINUTE: u64 = 60_000;

/// Settings for a mail server of the test's, without TLS.
pub fn smtp(config: &mut Config, port: u16) {
    config.smtp.host = Some(String::from("127.0.0.1"));
    config.smtp.port = Some(port);
    config.smtp.tls = SmtpTls::None;
    config.smtp.from = Some(String::from("Claviger <keys@example.com>"));
    config.smtp.timeout_seconds = 1;
    // Only what the tests ask for, and what a commit sets off.
    config.jobs.outbox_delivery = String::from("0 0 0 1 1 *");
}

async fn spawn(server: &MailServer) -> App {
    App::spawn_with(|config| smtp(config, server.port)).await.0
}

fn post(app: &App, wish: &Wish<'_>) -> String {
    write(&app.services(), now(app), wish)
}

fn now(app: &App) -> i64 {
    use claviger::clock::Clock;
    app.clock.now().unix_ms
}

/// One run of the job, on a thread of its own as jobs have.
fn deliver(app: &App) {
    let (services, now) = (app.services(), now(app));
    std::thread::spawn(move || outbox_delivery::run(&services, now).unwrap()).join().unwrap();
}

/// Waits until so many attempts of a message were made and settled.
fn wait_for_attempts(app: &App, id: &str, attempts: u32) {
    let services = app.services();
    wait_until(&format!("attempt {attempts}"), || {
        let mail = stored(&services, id);
        mail.attempts == attempts && (mail.last_error.is_some() || mail.state != State::Waiting)
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_delivered_as_soon_as_it_is_written_and_its_text_is_wiped() {
    let server = MailServer::start(Tls::None);
    let app = spawn(&server).await;
    let id = post(&app, &Wish::default());
    let services = app.services();
    wait_until("it is delivered", || stored(&services, &id).state == State::Delivered);
    let mail = stored(&services, &id);
    assert_eq!((mail.attempts, mail.sealed, mail.last_error), (1, None, None));

    let taken = server.taken();
    assert_eq!(taken.len(), 1);
    assert_eq!((taken[0].from.as_str(), taken[0].to.as_str()), ("keys@example.com", "bob@example.com"));
    let data = &taken[0].data;
    for wanted in [
        "Subject: Something happened\n",
        "<bob@example.com>\n",
        "<keys@example.com>\n",
        &format!("Message-ID: <{id}@example.com>\n"),
        "Date: Tue, 1 Jan 2030 00:00:00 +0000\n",
        "Auto-Submitted: auto-generated\n",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "\n.\n",
    ] {
        assert!(data.contains(wanted), "{wanted:?} is not in:\n{data}");
    }
    assert!(data.replace("=\n", "").contains(TOKEN), "{data}");
    assert!(data.is_ascii());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_for_now_is_tried_again_after_each_wait_and_given_up_after_the_sixth() {
    let server = MailServer::start(Tls::None);
    server.answer("RCPT", "451 4.3.0 later");
    let app = spawn(&server).await;
    let id = post(&app, &Wish { organization: Some(home(&app.services())), ..Wish::default() });
    wait_for_attempts(&app, &id, 1);
    for (attempt, minutes) in [(2, 1), (3, 5), (4, 30), (5, 120), (6, 720)] {
        app.clock.advance_ms(minutes * MINUTE - 1);
        deliver(&app);
        let mail = stored(&app.services(), &id);
        assert_eq!((mail.attempts, mail.state), (attempt - 1, State::Waiting), "not before its time");
        assert_eq!(mail.last_error.as_deref(), Some("The mail server answered 451 later"));
        app.clock.advance_ms(1);
        deliver(&app);
        wait_for_attempts(&app, &id, attempt);
    }
    let services = app.services();
    wait_until("it is given up", || stored(&services, &id).state == State::Dead);
    assert!(stored(&services, &id).sealed.is_some(), "its text stays for who wants it sent after all");
    app.clock.advance_ms(100 * 60 * MINUTE);
    deliver(&app);
    assert_eq!(stored(&services, &id).attempts, 6, "a dead one is not tried");

    // Hours went by: the session of the beginning is over.
    let ada = app.session_of(&app.sign_in(EMAIL, PASSWORD).await);
    let log: Value = ada.get("/api/admin/audit-log?action=mail.given_up").await.json().await.unwrap();
    assert_eq!(log["items"][0]["target"]["id"], id.as_str(), "{log}");
    assert_eq!(log["items"][0]["actor"]["kind"], "system");

    server.be_well();
    let response = ada.request(Method::POST, &format!("/api/admin/mail/{id}/retry")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    wait_until("it is delivered after all", || stored(&services, &id).state == State::Delivered);
    assert_eq!(server.taken().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_mail_server_does_a_message_waits_with_the_reason_and_is_delivered_later() {
    for (at, answer, reason) in [
        ("CONNECT", "421 busy", "answered 421 busy"),
        ("CONNECT", "554 go away", "answered 554 go away"),
        ("CONNECT", HANG, "did not answer within 1 seconds"),
        ("CONNECT", HANG_UP, "closed the connection"),
        ("CONNECT", "what is this", "cannot be read"),
        ("EHLO", HANG, "did not answer within 1 seconds"),
        ("EHLO", HANG_UP, "closed the connection"),
        ("MAIL", "421 shutting down", "answered 421 shutting down"),
        ("MAIL", "550 not from you", "answered 550 not from you"),
        ("MAIL", HANG, "did not answer within 1 seconds"),
        ("RCPT", "450 mailbox busy", "answered 450 mailbox busy"),
        ("RCPT", "530 sign in first", "answered 530 sign in first"),
        ("DATA", "451 local error", "answered 451 local error"),
        (".", "451 local error", "answered 451 local error"),
        (".", "421 shutting down", "answered 421 shutting down"),
        (".", HANG, "did not answer within 1 seconds"),
        (".", HANG_UP, "closed the connection"),
    ] {
        let server = MailServer::start(Tls::None);
        server.answer(at, answer);
        let app = spawn(&server).await;
        let id = post(&app, &Wish::default());
        wait_for_attempts(&app, &id, 1);
        let mail = stored(&app.services(), &id);
        let error = mail.last_error.clone().unwrap_or_default();
        assert_eq!(mail.state, State::Waiting, "{at} {answer}: {error}");
        assert!(error.contains(reason), "{at} {answer}: {error}");
        assert!(server.taken().is_empty());

        server.be_well();
        app.clock.advance_ms(MINUTE);
        deliver(&app);
        let services = app.services();
        wait_until("it is delivered", || stored(&services, &id).state == State::Delivered);
        assert_eq!(server.taken().len(), 1, "{at} {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_is_down_costs_every_message_one_attempt_and_no_more() {
    let port = free_port();
    let app = App::spawn_with(|config| smtp(config, port)).await.0;
    let ids: Vec<String> = (0..3).map(|_| post(&app, &Wish::default())).collect();
    for id in &ids {
        wait_for_attempts(&app, id, 1);
        let mail = stored(&app.services(), id);
        assert_eq!(mail.state, State::Waiting);
        assert!(mail.last_error.unwrap().contains("connection to the mail server failed"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipient_refused_for_good_is_given_up_at_once_and_stops_no_other() {
    let server = MailServer::start(Tls::None);
    server.answer("nobody@example.com", "550 5.1.1 <nobody@example.com>: no such user");
    let mut app = spawn(&server).await;
    app.stop().await;
    // Written while nothing runs, so that one run finds them all.
    let app = app.restart_with(|config| config.smtp.host = None).await;
    let to = ["a@example.com", "nobody@example.com", "b@example.com"];
    let ids = to.map(|to| post(&app, &Wish { to, ..Wish::default() }));
    let app = app.restart_with(|config| config.smtp.host = Some(String::from("127.0.0.1"))).await;
    let services = app.services();
    wait_until("all are settled", || ids.iter().all(|id| stored(&services, id).state != State::Waiting));
    let states = ids.each_ref().map(|id| stored(&services, id).state);
    assert_eq!(states, [State::Delivered, State::Dead, State::Delivered]);
    let dead = stored(&services, &ids[1]);
    assert_eq!(dead.attempts, 1);
    assert_eq!(dead.last_error.as_deref(), Some("The mail server answered 550 <nobody@example.com>: no such user"));
    assert_eq!(server.connections(), 1, "one conversation does for all");

    server.answer(".", &format!("554 5.7.1 blocked: https://keys.example.com/page?token={TOKEN}"));
    let id = post(&app, &Wish::default());
    wait_until("it is settled", || stored(&services, &id).state == State::Dead);
    let error = stored(&services, &id).last_error.unwrap();
    assert!(error.contains("554 blocked") && !error.contains(TOKEN), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_whose_link_has_run_out_is_wiped_and_not_sent() {
    let server = MailServer::start(Tls::None);
    server.answer("CONNECT", "421 busy");
    let app = spawn(&server).await;
    let id = post(&app, &Wish { wipe_at: Some(START + 30 * MINUTE as i64), ..Wish::default() });
    wait_for_attempts(&app, &id, 1);
    server.be_well();
    app.clock.advance_ms(30 * MINUTE);
    deliver(&app);
    let services = app.services();
    wait_until("it is wiped", || stored(&services, &id).sealed.is_none());
    let mail = stored(&services, &id);
    assert_eq!((mail.state, mail.attempts), (State::Dead, 1));
    assert!(mail.last_error.unwrap().contains("ran out"));
    // No clock that is set back revives it.
    app.clock.jump_wall_ms(-60 * 60_000);
    deliver(&app);
    assert!(server.taken().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_mail_server_messages_wait_and_nothing_fails_and_one_set_later_gets_them() {
    let server = MailServer::start(Tls::None);
    let (app, _) = App::spawn().await;
    let kept = post(&app, &Wish::default());
    let run_out = post(&app, &Wish { wipe_at: Some(START + 1_000), ..Wish::default() });
    app.clock.advance_ms(1_000);
    deliver(&app);
    let services = app.services();
    wait_until("what has run out is wiped", || stored(&services, &run_out).state == State::Dead);
    let mail = stored(&services, &kept);
    assert_eq!((mail.state, mail.attempts, mail.last_error), (State::Waiting, 0, None));
    assert!(mail.sealed.is_some());
    drop(services);
    let app = app.restart_with(|config| smtp(config, server.port)).await;
    let services = app.services();
    wait_until("it is delivered at the start", || stored(&services, &kept).state == State::Delivered);
    assert_eq!(server.taken().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_runs_at_once_send_each_message_once() {
    let server = MailServer::start(Tls::None);
    let app = App::spawn().await.0;
    let ids: Vec<String> = (0..8).map(|_| post(&app, &Wish::default())).collect();
    let app = app.restart_with(|config| smtp(config, server.port)).await;
    let (services, time, barrier) = (app.services(), now(&app), Arc::new(Barrier::new(64)));
    let runs: Vec<_> = (0..64)
        .map(|_| {
            let (services, barrier) = (Arc::clone(&services), Arc::clone(&barrier));
            std::thread::spawn(move || {
                barrier.wait();
                outbox_delivery::run(&services, time).unwrap();
            })
        })
        .collect();
    runs.into_iter().for_each(|run| run.join().unwrap());
    wait_until("all are delivered", || ids.iter().all(|id| stored(&services, id).state == State::Delivered));
    assert_eq!(server.taken().len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_hangs_holds_up_neither_requests_nor_the_stop() {
    let server = MailServer::start(Tls::None);
    server.answer("CONNECT", HANG);
    let change = |config: &mut Config| {
        smtp(config, server.port);
        config.smtp.timeout_seconds = 600;
    };
    let (mut app, ada) = App::spawn_with(change).await;
    let id = post(&app, &Wish::default());
    wait_until("the server hangs", || server.hanging() == 1);
    let begun = Instant::now();
    for _ in 0..20 {
        assert_eq!(app.sign_in(EMAIL, PASSWORD).await.status(), 200);
        assert_eq!(ada.get("/api/admin/mail").await.status(), 200);
        post(&app, &Wish::default());
        deliver(&app);
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(server.connections(), 1, "one run at a time");
    let begun = Instant::now();
    app.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    server.be_well();
    let app = app.restart().await;
    let services = app.services();
    wait_until("all are delivered", || all(&services).iter().all(|mail| mail.state == State::Delivered));
    assert_eq!((server.taken().len(), stored(&services, &id).attempts), (21, 1), "a stop costs no attempt");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_put_off_by_a_wrong_clock_does_not_wait_for_years() {
    let server = MailServer::start(Tls::None);
    server.answer("RCPT", "451 later");
    let app = spawn(&server).await;
    app.clock.jump_wall_ms(365 * 86_400_000);
    let id = post(&app, &Wish::default());
    wait_for_attempts(&app, &id, 1);
    server.be_well();
    app.clock.jump_wall_ms(-365 * 86_400_000);
    deliver(&app);
    let services = app.services();
    wait_until("it is delivered", || stored(&services, &id).state == State::Delivered);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_removed_after_ninety_days_whether_they_were_sent_or_wait_in_vain() {
    let server = MailServer::start(Tls::None);
    server.answer("waits@example.com", "451 later");
    let app = spawn(&server).await;
    let services = app.services();
    let delivered = post(&app, &Wish::default());
    wait_until("it is delivered", || stored(&services, &delivered).state == State::Delivered);
    let app = app.restart_with(|config| config.smtp.host = None).await;
    app.clock.advance_ms(MINUTE);
    let waits = post(&app, &Wish { to: "waits@example.com", ..Wish::default() });
    let ids = || all(&app.services()).into_iter().map(|mail| mail.id).collect::<Vec<_>>();
    app.clock.advance_ms(90 * 24 * 60 * MINUTE - MINUTE);
    deliver(&app);
    assert_eq!(ids().len(), 2);
    app.clock.advance_ms(1);
    deliver(&app);
    assert_eq!(ids(), [waits]);
    app.clock.advance_ms(MINUTE);
    deliver(&app);
    assert!(ids().is_empty());
}

#[test]
fn a_server_killed_between_sending_and_marking_loses_nothing() {
    let server = MailServer::start(Tls::None);
    server.answer(".", HANG);
    let site = Site::new(&format!(
        "[smtp]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nfrom = \"keys@example.com\"\n",
        server.port
    ));
    site.set_up();
    let id = super::mail_tls::write_into(&site, &Wish::default());
    let mut claviger = site.serve();
    wait_until("the message is on its way", || server.hanging() == 1);
    claviger.kill();

    let state = rusqlite::Connection::open(site.data_dir().join("claviger.db")).unwrap();
    let row: (String, u32, bool) = state
        .query_row("SELECT state, attempts, sealed IS NOT NULL FROM outbox WHERE id = ?1", [&id], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .unwrap();
    assert_eq!(row, (String::from("waiting"), 1, true));
    state.execute("UPDATE outbox SET next_attempt_at = 0", []).unwrap();
    drop(state);

    server.be_well();
    let _claviger = site.serve();
    wait_until("it is delivered", || server.taken().len() == 1);
    assert!(
        server.taken()[0].data.contains(&format!("Message-ID: <{id}@example.com>")),
        "a receiver can tell it is the same"
    );
}
