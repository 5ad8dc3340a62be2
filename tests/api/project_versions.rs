//! `If-Match` wherever something that has a version is changed or deleted.

use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::at_once::{at_once, count};
use super::people::home_with;
use super::projects::{body, make_at, share};
use super::support::{Session, error_of, text};

async fn held(session: &Session, method: Method, path: &str, tag: &str, wish: Option<Value>) -> Response {
    let request = session.request(method, path).header("If-Match", tag);
    wish.map_or(request.try_clone().unwrap(), |wish| request.json(&wish)).send().await.unwrap()
}

fn mismatch() -> (u16, String) {
    (412, "VERSION_MISMATCH".into())
}

#[tokio::test]
async fn whatever_is_done_to_a_project_is_held_to_the_version_that_is_said() {
    let (_app, ada) = home_with(&[("max", "member")]).await;
    let project = make_at(&ada, "x").await;
    share(&ada, &project, "usr_max", "read").await;
    let (status, member) = (format!("{project}/status"), format!("{project}/members/usr_max"));
    let calls = [
        (Method::POST, &status, Some(json!({ "status": "active" })), 200),
        (Method::PUT, &member, Some(json!({ "access": "write" })), 200),
        (Method::DELETE, &member, None, 204),
        (Method::DELETE, &project, None, 204),
    ];
    let before = body(ada.get(&project).await).await;
    for (method, path, wish, _) in &calls {
        for tag in ["\"1\"", "W/\"2\"", "\"x\""] {
            let refused = held(&ada, method.clone(), path, tag, wish.clone()).await;
            assert_eq!(error_of(refused).await, mismatch(), "{method} {path} {tag}");
        }
        let unread = held(&ada, method.clone(), path, "2", wish.clone()).await;
        assert_eq!(error_of(unread).await, (400, "VALIDATION_FAILED".into()), "{method} {path}");
        if wish.is_some() {
            let nonsense = held(&ada, method.clone(), path, "\"1\"", Some(json!({ "nonsense": 1 }))).await;
            assert_eq!(error_of(nonsense).await, mismatch(), "before the body is looked at");
        }
    }
    assert_eq!(body(ada.get(&project).await).await, before);
    for (version, (method, path, wish, expected)) in (2..).zip(calls) {
        let done = held(&ada, method.clone(), path, &format!("\"{version}\""), wish).await;
        assert_eq!(done.status().as_u16(), expected, "{method} {path}");
    }
}

#[tokio::test]
async fn a_template_is_deleted_in_the_version_that_is_said() {
    let (_app, ada) = home_with(&[]).await;
    let made: Value = ada.post("/api/admin/templates", &json!({ "name": "x", "prd": "" })).await.json().await.unwrap();
    let path = format!("/api/admin/templates/{}", text(&made["id"]));
    body(ada.patch(&path, &json!({ "name": "y" })).await).await;
    assert_eq!(error_of(held(&ada, Method::DELETE, &path, "\"1\"", None).await).await, mismatch());
    assert_eq!(held(&ada, Method::DELETE, &path, "\"2\"", None).await.status(), 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sixty_four_that_change_the_status_of_one_version_at_once_one_does() {
    let (_app, ada) = home_with(&[]).await;
    let project = make_at(&ada, "x").await;
    let statuses = at_once(64, |index| {
        let (session, path) = (ada.clone(), format!("{project}/status"));
        async move {
            let status = ["active", "paused", "done"][index % 3];
            let wish = json!({ "status": status });
            held(&session, Method::POST, &path, "\"1\"", Some(wish)).await.status().as_u16()
        }
    })
    .await;
    assert_eq!((count(&statuses, 200), count(&statuses, 412)), (1, 63), "{statuses:?}");
    assert_eq!(body(ada.get(&project).await).await["version"], 2);
}

#[tokio::test]
async fn a_cursor_of_another_list_is_refused() {
    let (app, ada) = home_with(&[]).await;
    for _ in 0..2 {
        app.clock.advance_ms(1);
        make_at(&ada, "x").await;
        ada.post("/api/admin/templates", &json!({ "name": "x", "prd": "" })).await;
        ada.make_key(json!({})).await;
    }
    let lists = ["/api/projects", "/api/admin/templates", "/api/admin/rest-api-keys"];
    let mut cursors = Vec::new();
    for list in lists {
        cursors.push(text(&body(ada.get(&format!("{list}?limit=1")).await).await["nextCursor"]));
    }
    for (of, list) in lists.iter().enumerate() {
        for (from, cursor) in cursors.iter().enumerate() {
            let response = ada.get(&format!("{list}?cursor={cursor}")).await;
            assert_eq!(response.status().as_u16(), if of == from { 200 } else { 400 }, "{list} from {from}");
        }
    }
}
