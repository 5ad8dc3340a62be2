//! Who sees which mail in the outbox, and who may have it sent again (security test 47).

use std::sync::Arc;

use claviger::services::outbox_delivery;
use claviger::store::outbox::State;
use reqwest::Method;
use serde_json::{Value, json};

use super::mail_delivery::smtp;
use super::people;
use super::support::letters::{TOKEN, Wish, home, stored, write};
use super::support::smtp::{MailServer, Tls, wait_until};
use super::support::{App, EMAIL, START, Session, error_of, text};

const MAIL: &str = "/api/admin/mail";

async fn list(session: &Session, query: &str) -> Value {
    let response = session.get(&format!("{MAIL}{query}")).await;
    assert_eq!(response.status(), 200);
    response.json().await.unwrap()
}

async fn retry(session: &Session, id: &str) -> reqwest::Response {
    session.request(Method::POST, &format!("{MAIL}/{id}/retry")).send().await.unwrap()
}

fn ids(list: &Value) -> Vec<String> {
    list["items"].as_array().unwrap().iter().map(|mail| text(&mail["id"])).collect()
}

/// Two organizations, each with an owner.
async fn two() -> (App, Session, Session, i64) {
    let (app, _) = App::spawn().await;
    let (app, ada, eve) = people::with_other(app, &[("eve", "owner")]).await;
    (app, ada, eve, people::OTHER)
}

#[tokio::test]
async fn an_administrator_sees_the_mail_of_the_own_organization_without_its_tokens() {
    let (app, ada, eve, other) = two().await;
    let services = app.services();
    let ours =
        write(&services, START, &Wish { organization: Some(home(&services)), kind: "invitation", ..Wish::default() });
    let theirs = write(&services, START, &Wish { organization: Some(other), ..Wish::default() });
    let list = list(&ada, "").await;
    insta::assert_json_snapshot!(list, { ".items[].id" => "[id]" });
    assert_eq!(ids(&list), [&*ours]);
    assert!(!list.to_string().contains(TOKEN));
    assert_eq!(ids(&super::mail::list(&eve, "").await), [&*theirs]);
    for (session, id) in [(&ada, &theirs), (&eve, &ours), (&ada, &"mail_nobody".to_owned())] {
        assert_eq!(error_of(retry(session, id).await).await, (404, "NOT_FOUND".into()));
    }
}

#[tokio::test]
async fn mail_about_an_account_is_shown_on_the_command_line_alone() {
    let (app, ada, ..) = two().await;
    let services = app.services();
    for kind in ["reset_password", "verify_email", "change_email", "sign_in"] {
        let id = write(&services, START, &Wish { to: EMAIL, kind, wipe_at: Some(START + 60_000), ..Wish::default() });
        assert_eq!(ids(&list(&ada, "").await), Vec::<String>::new());
        assert_eq!(error_of(retry(&ada, &id).await).await.0, 404);
        for path in ["/api/admin/audit-log", "/api/admin/requests", "/api/admin/audit-log/export"] {
            assert!(!ada.get(path).await.text().await.unwrap().contains(TOKEN), "{path}");
        }
        let shown = app.claviger(&["mail", "show", &id]);
        assert!(shown.status.success(), "{shown:?}");
        let shown = String::from_utf8(shown.stdout).unwrap();
        assert!(shown.contains(TOKEN) && shown.contains(EMAIL), "{shown}");
    }
}

#[tokio::test]
async fn the_list_comes_in_pages_the_newest_first() {
    let (app, ada) = App::spawn().await;
    let services = app.services();
    let mut written = Vec::new();
    for second in 0..5 {
        let wish = Wish { organization: Some(home(&services)), ..Wish::default() };
        written.push(write(&services, START + second * 1_000, &wish));
    }
    written.reverse();
    let first = list(&ada, "?limit=2").await;
    let second = list(&ada, &format!("?limit=2&cursor={}", text(&first["nextCursor"]))).await;
    let third = list(&ada, &format!("?limit=2&cursor={}", text(&second["nextCursor"]))).await;
    assert_eq!([ids(&first), ids(&second), ids(&third)].concat(), written);
    assert_eq!(third["nextCursor"], Value::Null);
    for query in ["?limit=0", "?cursor=x", "?state=dead", "?limit=1&limit=2"] {
        assert_eq!(error_of(ada.get(&format!("{MAIL}{query}")).await).await, (400, "VALIDATION_FAILED".into()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_makes_a_message_due_at_once_and_is_written_down() {
    let server = MailServer::start(Tls::None);
    server.answer("RCPT", "451 later");
    let (app, ada) = App::spawn_with(|config| smtp(config, server.port)).await;
    let services = app.services();
    let wish = Wish { organization: Some(home(&services)), wipe_at: Some(START + 60_000), ..Wish::default() };
    let id = write(&services, START, &wish);
    wait_until("the first attempt has failed", || stored(&services, &id).last_error.is_some());
    server.be_well();
    let response = retry(&ada, &id).await;
    assert_eq!(response.status(), 200);
    let view: Value = response.json().await.unwrap();
    assert_eq!(view["id"], id.as_str());
    assert!(!view.to_string().contains(TOKEN), "{view}");
    wait_until("it is delivered", || stored(&services, &id).state == State::Delivered);

    let log: Value = ada.get("/api/admin/audit-log?action=mail.*").await.json().await.unwrap();
    assert_eq!(log["items"].as_array().unwrap().len(), 1, "{log}");
    assert_eq!((&log["items"][0]["action"], &log["items"][0]["target"]["id"]), (&json!("mail.retried"), &json!(id)));
    assert_eq!(log["items"][0]["actor"]["name"], "Ada");

    assert_eq!(error_of(retry(&ada, &id).await).await, (409, "CONFLICT".into()));
    server.answer("RCPT", "550 no");
    let run_out = write(&services, START, &wish);
    wait_until("it is refused for good", || stored(&services, &run_out).state == State::Dead);
    app.clock.advance_ms(60_000);
    assert_eq!(error_of(retry(&ada, &run_out).await).await, (410, "GONE".into()), "run out, though not wiped yet");
    deliver(&app, START + 60_000).await;
    wait_until("it is wiped", || stored(&services, &run_out).sealed.is_none());
    assert_eq!(error_of(retry(&ada, &run_out).await).await, (410, "GONE".into()));
    let shown = list(&ada, "").await;
    assert!(shown["items"].as_array().unwrap().iter().all(|mail| mail["text"].is_null()), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_retries_at_once_send_a_message_once() {
    let server = MailServer::start(Tls::None);
    server.answer("RCPT", "550 no");
    let (app, ada) = App::spawn_with(|config| smtp(config, server.port)).await;
    let services = app.services();
    let id = write(&services, START, &Wish { organization: Some(home(&services)), ..Wish::default() });
    wait_until("it is refused for good", || stored(&services, &id).state == State::Dead);
    server.be_well();
    let barrier = Arc::new(tokio::sync::Barrier::new(64));
    let retries: Vec<_> = (0..64)
        .map(|_| {
            let (ada, id, barrier) = (ada.clone(), id.clone(), Arc::clone(&barrier));
            tokio::spawn(async move {
                barrier.wait().await;
                retry(&ada, &id).await.status().as_u16()
            })
        })
        .collect();
    let mut accepted = 0;
    for retry in retries {
        let status = retry.await.unwrap();
        assert!(status == 200 || status == 409, "{status}");
        accepted += usize::from(status == 200);
    }
    assert!(accepted >= 1);
    wait_until("it is delivered", || stored(&services, &id).state == State::Delivered);
    // Whatever was still to be sent is sent now.
    deliver(&app, START).await;
    assert_eq!(server.taken().len(), 1);
}

/// One run of the job, on a thread of its own as jobs have.
async fn deliver(app: &App, now: i64) {
    let services = app.services();
    tokio::task::spawn_blocking(move || outbox_delivery::run(&services, now).unwrap()).await.unwrap();
}

#[tokio::test]
async fn the_command_line_lists_shows_and_retries_with_a_server_and_without() {
    let (mut app, _) = App::spawn().await;
    let services = app.services();
    let ours = write(&services, START, &Wish { organization: Some(home(&services)), ..Wish::default() });
    let account = write(&services, START + 1, &Wish { kind: "reset_password", ..Wish::default() });
    drop(services);
    for running in [true, false] {
        if !running {
            app.stop().await;
        }
        let json = |arguments: &[&str]| {
            let output = app.claviger(arguments);
            assert!(output.status.success(), "{output:?}");
            serde_json::from_slice::<Value>(&output.stdout).unwrap()
        };
        let list = json(&["mail", "list", "--json"]);
        assert_eq!(ids(&list), [account.clone(), ours.clone()]);
        assert!(!list.to_string().contains(TOKEN));
        assert_eq!(ids(&json(&["mail", "list", "--json", "--limit", "1"])), [&*account]);
        assert_eq!(ids(&json(&["mail", "list", "--json", "--state", "dead"])), Vec::<String>::new());
        let shown = json(&["mail", "show", &account, "--json"]);
        assert!(shown["text"].as_str().unwrap().contains(TOKEN), "{shown}");
        assert_eq!(json(&["mail", "retry", &ours, "--json"])["state"], "waiting");
        let plain = app.claviger(&["mail", "list"]);
        assert!(String::from_utf8(plain.stdout).unwrap().contains("Something happened"));
        for wrong in [["mail", "show", "mail_nobody"], ["mail", "retry", "mail_nobody"], ["mail", "list", "--state=x"]]
        {
            let output = app.claviger(&wrong);
            assert_eq!(output.status.code(), Some(1), "{output:?}");
            assert!(!output.stderr.is_empty());
        }
    }
}
