//! Security test 15: once a revocation is answered, no request begun after it is accepted, however busy the key is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::json;

use super::support::process::Prober;
use super::support::{App, KEYS, Key, Session};
use super::widgets;

const WORKERS: usize = 64;
/// What each worker asks after the answer.
const AFTER: usize = 16;
const REQUESTS: usize = 10_000;

/// One key under use, from before its revocation until well after it.
struct Round {
    asked: Arc<AtomicUsize>,
    answered: Arc<AtomicBool>,
    workers: Vec<std::thread::JoinHandle<Vec<u16>>>,
}

impl Round {
    fn begin(app: &App, key: &Key) -> Round {
        Round::with_header(app, &format!("Authorization: Bearer {}", key.token))
    }

    fn with_header(app: &App, header: &str) -> Round {
        let (asked, answered) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let workers = (0..WORKERS)
            .map(|_| {
                let (asked, answered) = (Arc::clone(&asked), Arc::clone(&answered));
                let (port, header) = (app.address.port(), header.to_owned());
                std::thread::spawn(move || work(port, &header, &asked, &answered))
            })
            .collect();
        Round { asked, answered, workers }
    }

    /// Waits until the key is in full use.
    async fn in_use(&self) {
        while self.asked.load(Ordering::SeqCst) < 4 * WORKERS {
            tokio::task::yield_now().await;
        }
    }

    /// The revocation was answered: what came of the requests begun after it, and how many there were in all.
    async fn end(self) -> (Vec<u16>, usize) {
        self.answered.store(true, Ordering::SeqCst);
        let workers = self.workers;
        let join = move || workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect();
        let statuses = tokio::task::spawn_blocking(join).await.unwrap();
        (statuses, self.asked.load(Ordering::SeqCst))
    }
}

fn work(port: u16, header: &str, asked: &AtomicUsize, answered: &AtomicBool) -> Vec<u16> {
    let mut prober = Prober::with_header(port, header).unwrap();
    let mut after = Vec::new();
    while after.len() < AFTER {
        let begun_after = answered.load(Ordering::SeqCst);
        let status = prober.ask().unwrap();
        asked.fetch_add(1, Ordering::SeqCst);
        if begun_after {
            after.push(status);
        } else {
            // Until the answer, the key works or is already refused; nothing else happens to it.
            assert!([200, 401, 403, 429].contains(&status), "{status}");
        }
    }
    after
}

/// Repeats rounds until enough requests were made; every request after each answer had this status.
async fn no_request_passes<F: Future<Output = ()>>(
    app: &App,
    session: &Session,
    refused: u16,
    revoke: impl Fn(String) -> F,
    restore: impl Fn(),
) {
    let (mut asked, mut after) = (0, 0);
    while asked < REQUESTS / 2 || after < REQUESTS / 4 {
        let key = session.make_key(json!({ "rateLimit": 10_000 })).await;
        assert_eq!(app.verify_status(&key.token, "GET", "/x").await, 200);
        let round = Round::begin(app, &key);
        round.in_use().await;
        revoke(key.id.clone()).await;
        let (statuses, all) = round.end().await;
        assert!(statuses.iter().all(|status| *status == refused), "{statuses:?}");
        asked += all;
        after += statuses.len();
        restore();
    }
}

#[tokio::test]
async fn no_request_begun_after_a_deactivation_is_accepted() {
    let (app, session) = App::spawn().await;
    let revoke = |id: String| {
        let session = session.clone();
        async move {
            let response = session.patch(&format!("{KEYS}/{id}"), &json!({ "active": false })).await;
            assert_eq!(response.status(), 200);
        }
    };
    no_request_passes(&app, &session, 401, revoke, || {}).await;
}

#[tokio::test]
async fn no_request_begun_after_a_deletion_is_accepted() {
    let (app, session) = App::spawn().await;
    let revoke = |id: String| {
        let session = session.clone();
        async move { assert_eq!(session.delete(&format!("{KEYS}/{id}")).await.status(), 204) }
    };
    no_request_passes(&app, &session, 401, revoke, || {}).await;
}

#[tokio::test]
async fn no_request_begun_after_a_rotation_without_grace_is_accepted() {
    let (app, session) = App::spawn().await;
    let revoke = |id: String| {
        let session = session.clone();
        async move {
            let response = session.post(&format!("{KEYS}/{id}/rotate"), &json!({ "graceSeconds": 0 })).await;
            assert_eq!(response.status(), 201);
        }
    };
    no_request_passes(&app, &session, 401, revoke, || {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_begun_after_a_change_to_the_free_plan_is_accepted() {
    let (app, session) = App::spawn().await;
    let plan = |plan: &str| assert!(app.claviger(&["org", "plan", "home", plan]).status.success());
    let revoke = |_| async { plan("free") };
    no_request_passes(&app, &session, 403, revoke, || plan("enterprise")).await;
}

#[tokio::test]
async fn no_request_begun_after_a_share_s_revocation_is_accepted() {
    let (app, session) = App::spawn_with(|config| {
        config.shares.requests_per_minute = 1_000_000;
        let allow = vec![String::from("share")];
        config.rules = vec![claviger::config::Rule { path: "/x".into(), allow, ..Default::default() }];
    })
    .await;
    let (mut asked, mut after) = (0, 0);
    while asked < REQUESTS / 2 || after < REQUESTS / 4 {
        let share = session.post("/api/shares", &json!({ "paths": ["/x"] })).await;
        let share: serde_json::Value = share.json().await.unwrap();
        let round = Round::with_header(&app, &format!("X-Share-Token: {}", share["token"].as_str().unwrap()));
        round.in_use().await;
        let path = format!("/api/shares/{}", share["id"].as_str().unwrap());
        assert_eq!(session.delete(&path).await.status(), 204);
        let (statuses, all) = round.end().await;
        assert!(statuses.iter().all(|status| *status == 401), "{statuses:?}");
        asked += all;
        after += statuses.len();
    }
}

/// The same for the session of a widget that is under use while its widget is changed so.
async fn no_session_of_a_widget_passes<F: Future<Output = ()>>(revoke: impl Fn(Session, String) -> F) {
    let (app, session) = App::spawn_with(|config| {
        let allow = vec![String::from("widget")];
        config.rules = vec![claviger::config::Rule { path: "/{*rest}".into(), allow, ..Default::default() }];
    })
    .await;
    let (mut asked, mut after) = (0, 0);
    while asked < REQUESTS / 2 || after < REQUESTS / 4 {
        let widget = widgets::make(&session, json!({ "requestsPerMinute": 10_000 })).await;
        let token = widgets::token(&app, &widget, json!({})).await;
        let round = Round::with_header(&app, &format!("Authorization: Bearer {token}"));
        round.in_use().await;
        revoke(session.clone(), widgets::path(&widget)).await;
        let (statuses, all) = round.end().await;
        assert!(statuses.iter().all(|status| *status == 401), "{statuses:?}");
        asked += all;
        after += statuses.len();
    }
}

#[tokio::test]
async fn no_request_begun_after_its_widget_is_deleted_is_accepted() {
    no_session_of_a_widget_passes(|session, path| async move {
        assert_eq!(session.delete(&path).await.status(), 204);
    })
    .await;
}

#[tokio::test]
async fn no_request_begun_after_its_widget_got_another_secret_is_accepted() {
    no_session_of_a_widget_passes(|session, path| async move {
        assert_eq!(session.post(&format!("{path}/rotate-secret"), &json!({})).await.status(), 200);
    })
    .await;
}
