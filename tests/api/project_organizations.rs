//! Projects and templates of two organizations: neither is there for the other, and both end with theirs.

use reqwest::Method;
use serde_json::{Value, json};

use super::people;
use super::project_access::{NOTHING, by_key, by_session, count_of};
use super::projects::{PROJECTS, body, make, make_at, share};
use super::support::{App, PASSWORD, Session, error_of, text};

/// Ada's Home, and another organization with its owner Bea and its member Tom.
async fn two() -> (App, Session, Session) {
    let (app, _) = App::spawn().await;
    let (app, ada, bea) = people::with_other(app, &[("bea", "owner"), ("tom", "member")]).await;
    (app, ada, bea)
}

#[tokio::test]
async fn another_organization_s_projects_are_not_there() {
    let (app, ada, bea) = two().await;
    let template = bea.post("/api/admin/templates", &json!({ "name": "Bea's", "prd": "secret" })).await;
    let template = text(&template.json::<Value>().await.unwrap()["id"]);
    let made = make(&bea, json!({ "name": "Bea's", "templateId": template })).await;
    let project = format!("{PROJECTS}/{}", text(&made["id"]));
    assert_eq!(by_session(&ada, &project).await, NOTHING);
    assert_eq!(by_key(&app, &ada.make_key(json!({})).await, &project).await, NOTHING);
    assert_eq!(ada.get(&format!("{project}/prd/versions/1")).await.status(), 404);
    assert_eq!(ada.delete(&format!("{project}/members/usr_bea")).await.status(), 404);
    let path = format!("/api/admin/templates/{template}");
    for (method, wish) in [
        (Method::GET, None),
        (Method::PATCH, Some(json!({ "name": "Mine" }))),
        (Method::PATCH, Some(json!({ "nonsense": 1 }))),
        (Method::DELETE, None),
    ] {
        let request = ada.request(method.clone(), &path);
        let request = wish.map_or(request.try_clone().unwrap(), |wish| request.json(&wish));
        assert_eq!(error_of(request.send().await.unwrap()).await, (404, "NOT_FOUND".into()), "{method}");
    }
    let copied = ada.post(PROJECTS, &json!({ "name": "x", "templateId": template })).await;
    assert_eq!(copied.status(), 400, "another's template is none");
    assert_eq!((count_of(&ada).await, count_of(&bea).await), (0, 1));
    let own = make_at(&ada, "Ada's").await;
    assert_eq!(error_of(share(&ada, &own, "usr_bea", "read").await).await, (404, "NOT_FOUND".into()));
    assert_eq!(body(bea.get(&project).await).await, made);
    assert!(body(ada.get("/api/admin/templates").await).await["items"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn an_organization_takes_its_projects_with_it() {
    let (app, _, bea) = two().await;
    let project = make_at(&bea, "x").await;
    share(&bea, &project, "usr_tom", "write").await;
    let written = bea.request(Method::PUT, &format!("{project}/prd")).header("If-Match", "\"0\"");
    assert_eq!(written.json(&json!({ "content": "x" })).send().await.unwrap().status(), 200);
    let template = json!({ "name": "x", "prd": "x" });
    assert_eq!(bea.post("/api/admin/templates", &template).await.status(), 201);
    let gone = bea.request(Method::DELETE, "/api/admin/organization").json(&json!({ "password": PASSWORD }));
    assert_eq!(gone.send().await.unwrap().status(), 204);
    let state = people::state(&app);
    for table in ["projects", "project_members", "project_prd_versions", "project_status_history", "templates"] {
        let left: i64 = state.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
        assert_eq!(left, 0, "{table}");
    }
}
