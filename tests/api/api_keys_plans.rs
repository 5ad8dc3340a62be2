//! How many keys a plan gives.

use reqwest::Method;
use serde_json::json;

use super::at_once::{count, statuses_at_once};
use super::support::{App, KEYS, error_of};

fn set_plan(app: &App, plan: &str) {
    let output = app.claviger(&["org", "plan", "home", plan]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn a_starter_plan_gives_two_keys() {
    let (app, session) = App::spawn().await;
    set_plan(&app, "starter");
    let make = || async { session.post(KEYS, &json!({ "name": "k" })).await };
    let first = session.make_key(json!({})).await;
    let second = session.make_key(json!({})).await;
    assert_eq!(error_of(make().await).await, (403, "PLAN_KEY_LIMIT".into()));
    // One that is switched off still counts; one that is deleted does not.
    session.patch(&format!("{KEYS}/{}", first.id), &json!({ "active": false })).await;
    assert_eq!(make().await.status(), 403);
    session.delete(&format!("{KEYS}/{}", second.id)).await;
    assert_eq!(make().await.status(), 201);
    assert_eq!(make().await.status(), 403);
    set_plan(&app, "professional");
    for _ in 2..10 {
        assert_eq!(make().await.status(), 201);
    }
    assert_eq!(error_of(make().await).await, (403, "PLAN_KEY_LIMIT".into()));
}

#[tokio::test]
async fn a_key_at_the_limit_can_be_rotated_and_a_superseded_one_does_not_count() {
    let (app, session) = App::spawn().await;
    set_plan(&app, "starter");
    let first = session.make_key(json!({})).await;
    session.make_key(json!({})).await;
    assert_eq!(session.post(&format!("{KEYS}/{}/rotate", first.id), &json!({})).await.status(), 201);
    assert_eq!(session.post(KEYS, &json!({ "name": "k" })).await.status(), 403);
}

#[tokio::test]
async fn the_plan_s_last_key_made_sixty_four_times_at_once_is_made_once() {
    let (app, session) = App::spawn().await;
    set_plan(&app, "starter");
    session.make_key(json!({})).await;
    let body = json!({ "name": "k" });
    let statuses = statuses_at_once(64, |_| session.request(Method::POST, KEYS).json(&body)).await;
    assert_eq!((count(&statuses, 201), count(&statuses, 403)), (1, 63), "{statuses:?}");
}

#[tokio::test]
async fn a_downgrade_stops_the_making_of_more_but_not_the_use_of_what_is_there() {
    let (app, session) = App::spawn().await;
    let mut keys = Vec::new();
    for _ in 0..3 {
        keys.push(session.make_key(json!({})).await);
    }
    set_plan(&app, "starter");
    for key in &keys {
        assert_eq!(app.verify_status(&key.token, "GET", "/x").await, 200);
    }
    assert_eq!(error_of(session.post(KEYS, &json!({ "name": "k" })).await).await, (403, "PLAN_KEY_LIMIT".into()));
}

#[tokio::test]
async fn the_free_plan_stops_the_making_and_the_use_of_keys() {
    let (app, session) = App::spawn().await;
    let key = session.make_key(json!({})).await;
    set_plan(&app, "free");
    assert_eq!(error_of(app.verify(&key.token, "GET", "/x").await).await, (403, "PLAN_NO_API_ACCESS".into()));
    let response = app.request(Method::GET, "/v1/version").bearer_auth(&key.token).send().await.unwrap();
    assert_eq!(error_of(response).await, (403, "PLAN_NO_API_ACCESS".into()));
    // The plan comes before the body.
    for body in ["{\"name\":\"k\"}", "{", "{\"nonsense\":1}", ""] {
        let request = session.request(Method::POST, KEYS).header("Content-Type", "application/json").body(body);
        assert_eq!(error_of(request.send().await.unwrap()).await, (403, "PLAN_NO_API_ACCESS".into()), "{body}");
    }
    // Looking at and deleting what is there goes on.
    assert_eq!(session.key(&key.id).await["status"], "active");
    set_plan(&app, "starter");
    assert_eq!(app.verify_status(&key.token, "GET", "/x").await, 200);
    set_plan(&app, "free");
    assert_eq!(session.delete(&format!("{KEYS}/{}", key.id)).await.status(), 204);
}

#[tokio::test]
async fn a_plan_that_there_is_not_is_refused() {
    let (app, session) = App::spawn().await;
    let output = app.claviger(&["org", "plan", "home", "platinum"]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("platinum"));
    assert_eq!(session.post(KEYS, &json!({ "name": "k" })).await.status(), 201);
}
