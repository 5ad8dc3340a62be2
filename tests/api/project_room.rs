//! How much of PRDs and templates is kept, and made at a time.

use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::at_once::{at_once, count};
use super::people::{self, home_with};
use super::projects::{PROJECTS, body, make_at};
use super::support::{App, Session, error_of, header, text};

const TEMPLATES: &str = "/api/admin/templates";
const NODES: &str = "application/vnd.claviger.nodes+json";
const MEGABYTE: usize = 1 << 20;
const MOST: i64 = 512 << 20;
/// What each text counts beside its length.
const ROW: i64 = 1_024;

async fn put(session: &Session, project: &str, version: i64, content: &str) -> Response {
    let request = session.request(Method::PUT, &format!("{project}/prd")).header("If-Match", format!("\"{version}\""));
    request.json(&json!({ "content": content })).send().await.unwrap()
}

async fn nodes(session: &Session, path: &str) -> Response {
    session.request(Method::GET, path).header("Accept", NODES).send().await.unwrap()
}

fn kept(app: &App) -> i64 {
    people::state(app).query_row("SELECT bytes FROM organization_texts", [], |row| row.get(0)).unwrap()
}

fn pages(app: &App) -> i64 {
    people::state(app).pragma_query_value(None, "page_count", |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn what_is_kept_is_counted_whatever_becomes_of_it() {
    let (app, ada) = home_with(&[]).await;
    let template: Value = ada.post(TEMPLATES, &json!({ "name": "x", "prd": "12345" })).await.json().await.unwrap();
    let template_path = format!("{TEMPLATES}/{}", text(&template["id"]));
    assert_eq!(kept(&app), 5 + ROW);
    let made = ada.post(PROJECTS, &json!({ "name": "x", "templateId": template["id"] })).await;
    let project = format!("{PROJECTS}/{}", text(&made.json::<Value>().await.unwrap()["id"]));
    assert_eq!(kept(&app), 2 * (5 + ROW));
    body(put(&ada, &project, 1, "123").await).await;
    body(put(&ada, &project, 2, "123").await).await;
    assert_eq!(kept(&app), 13 + 3 * ROW);
    assert_eq!(put(&ada, &project, 1, "1").await.status(), 412);
    for (prd, bytes) in [("12", 10), ("1234567890", 18)] {
        body(ada.patch(&template_path, &json!({ "prd": prd })).await).await;
        assert_eq!(kept(&app), bytes + 3 * ROW);
    }
    assert_eq!(ada.delete(&template_path).await.status(), 204);
    assert_eq!(kept(&app), 8 + 2 * ROW);
    assert_eq!(ada.delete(&project).await.status(), 204);
    assert_eq!(kept(&app), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_keeps_half_a_gigabyte_of_texts_and_is_told_what_to_do() {
    let (app, ada) = home_with(&[]).await;
    let (project, old) = (make_at(&ada, "x").await, make_at(&ada, "old").await);
    let template = json!({ "name": "x", "prd": "1" });
    let made: Value = ada.post(TEMPLATES, &template).await.json().await.unwrap();
    body(put(&ada, &old, 0, &"a".repeat(5_000)).await).await;
    let fill = |bytes: i64| people::state(&app).execute("UPDATE organization_texts SET bytes = ?1", [bytes]).unwrap();
    fill(MOST - ROW - 2);
    let refused = put(&ada, &project, 0, "123").await;
    assert_eq!(refused.status(), 409);
    let told: Value = refused.json().await.unwrap();
    assert_eq!(told["code"], "CONFLICT");
    assert!(text(&told["message"]).contains("512 MB") && text(&told["message"]).contains("delete old"), "{told}");
    assert_eq!(body(ada.get(&format!("{project}/prd")).await).await["version"], 0);
    // There is room for one of them.
    let statuses = at_once(64, |index| {
        let (session, project) = (ada.clone(), project.clone());
        async move {
            match index % 2 {
                0 => put(&session, &project, 0, "12").await.status().as_u16(),
                _ => session.post(TEMPLATES, &json!({ "name": "x", "prd": "12" })).await.status().as_u16(),
            }
        }
    })
    .await;
    assert_eq!(count(&statuses, 200) + count(&statuses, 201), 1, "{statuses:?}");
    assert_eq!(kept(&app), MOST);
    let path = format!("{TEMPLATES}/{}", text(&made["id"]));
    for refused in [
        ada.post(TEMPLATES, &template).await,
        ada.patch(&path, &json!({ "prd": "12" })).await,
        ada.post(PROJECTS, &json!({ "name": "x", "templateId": made["id"] })).await,
    ] {
        assert_eq!(error_of(refused).await, (409, "CONFLICT".into()));
    }
    body(ada.patch(&path, &json!({ "prd": "" })).await).await;
    assert_eq!(ada.delete(&old).await.status(), 204);
    assert_eq!(kept(&app), MOST - 1 - 5_000 - ROW);
    assert_eq!(ada.post(TEMPLATES, &template).await.status(), 201);
}

#[tokio::test]
async fn what_was_deleted_gives_its_room_back_by_night() {
    let (app, ada) = home_with(&[]).await;
    let project = make_at(&ada, "x").await;
    for version in 0..10 {
        body(put(&ada, &project, version, &format!("{version}{}", "a".repeat(MEGABYTE - 1))).await).await;
    }
    let full = pages(&app);
    assert_eq!(ada.delete(&project).await.status(), 204);
    let run = app.claviger(&["jobs", "run", "audit_retention"]);
    assert!(run.status.success(), "{run:?}");
    let left = pages(&app);
    assert!(left * 4_096 < full * 4_096 - 5 * MEGABYTE as i64, "{full} pages, {left} are left");
    // And it is whole.
    let state = people::state(&app);
    let check: String = state.pragma_query_value(None, "integrity_check", |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    assert_eq!(body(put(&ada, &make_at(&ada, "y").await, 0, "b").await).await["version"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_is_made_at_one_of_two_places_and_kept_for_everyone_else() {
    let (app, ada) = home_with(&[]).await;
    let (project, other) = (make_at(&ada, "x").await, make_at(&ada, "y").await);
    body(put(&ada, &project, 0, &"*a* ".repeat(MEGABYTE / 16)).await).await;
    body(put(&ada, &other, 0, "b").await).await;
    let path = format!("{project}/prd");
    let expected = body(nodes(&ada, &path).await).await;
    assert!(expected["nodes"].to_string().len() > MEGABYTE);
    let services = app.services();
    let held = (services.prd_trees.place().await.unwrap(), services.prd_trees.place().await.unwrap());
    let answers = at_once(40, |_| {
        let (session, path) = (ada.clone(), path.clone());
        async move {
            let response = nodes(&session, &path).await;
            (response.status().as_u16(), response.json::<Value>().await.unwrap())
        }
    })
    .await;
    assert!(answers.iter().all(|answer| *answer == (200, expected.clone())));
    // What is not kept waits for a place; the gate does not.
    let key = ada.make_key(json!({})).await;
    let waiting = format!("{other}/prd");
    let (waited, asked) = tokio::join!(nodes(&ada, &waiting), app.verify_status(&key.token, "GET", "/x"));
    assert_eq!((header(&waited, "retry-after"), asked), ("2", 200));
    assert_eq!(error_of(waited).await, (503, "BUSY".into()));
    drop(held);
    assert_eq!(nodes(&ada, &format!("{other}/prd")).await.status(), 200);
    // Who may see it is judged first, and it is gone with its project.
    let id = project.rsplit('/').next().unwrap();
    assert!(services.prd_trees.kept(id, 1).is_some());
    assert_eq!(ada.delete(&project).await.status(), 204);
    assert_eq!(error_of(nodes(&ada, &path).await).await, (404, "NOT_FOUND".into()));
    assert!(services.prd_trees.kept(id, 1).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_that_ask_for_a_tree_at_once_are_all_answered() {
    let (_app, ada) = home_with(&[]).await;
    let project = make_at(&ada, "x").await;
    body(put(&ada, &project, 0, &"> a\n\n".repeat(10_000)).await).await;
    let answers = at_once(40, |_| {
        let (session, path) = (ada.clone(), format!("{project}/prd"));
        async move {
            let response = nodes(&session, &path).await;
            let length: usize = header(&response, "content-length").parse().unwrap();
            (response.status().as_u16(), response.bytes().await.unwrap().len() == length)
        }
    })
    .await;
    assert_eq!(answers, vec![(200, true); 40]);
}
