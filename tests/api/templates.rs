//! Templates: everyone reads them, admins write them, and projects begin with them.

use reqwest::Method;
use serde_json::{Value, json};

use super::at_once::fault_of;
use super::people::{self, home_with};
use super::projects::{body, make};
use super::support::{error_of, header, text};

const TEMPLATES: &str = "/api/admin/templates";

#[tokio::test]
async fn a_template_is_made_shown_listed_changed_and_deleted() {
    let (app, ada) = home_with(&[("eve", "admin"), ("vic", "viewer"), ("max", "member")]).await;
    let eve = people::sign_in(&app, "eve").await;
    let response = eve.post(TEMPLATES, &json!({ "name": " Feature ", "description": "d", "prd": "# Goal" })).await;
    assert_eq!((response.status().as_u16(), header(&response, "etag")), (201, "\"1\""));
    let made: Value = response.json().await.unwrap();
    insta::assert_json_snapshot!(made, { ".id" => "[id]" }, @r##"
    {
      "bytes": 6,
      "createdAt": "2030-01-01T00:00:00.000Z",
      "description": "d",
      "id": "[id]",
      "name": "Feature",
      "prd": "# Goal",
      "updatedAt": "2030-01-01T00:00:00.000Z",
      "version": 1
    }
    "##);
    let path = format!("{TEMPLATES}/{}", text(&made["id"]));
    app.clock.advance_ms(1);
    let second: Value = ada.post(TEMPLATES, &json!({ "name": "Bug", "prd": "" })).await.json().await.unwrap();
    for name in ["vic", "max"] {
        let session = people::sign_in(&app, name).await;
        assert_eq!(body(session.get(&path).await).await, made);
        let page = body(session.get(TEMPLATES).await).await;
        let items = page["items"].as_array().unwrap();
        assert_eq!((items.len(), &items[0]["id"], &items[1]["id"]), (2, &second["id"], &made["id"]));
        assert_eq!((&items[1]["bytes"], items[1].get("prd")), (&json!(6), None), "a list has no PRDs");
        for (method, path) in [(Method::POST, TEMPLATES), (Method::PATCH, &path), (Method::DELETE, &path)] {
            let refused = session.request(method, path).json(&json!({ "name": "x", "prd": "" })).send().await.unwrap();
            assert_eq!(error_of(refused).await, (403, "INSUFFICIENT_ROLE".into()));
        }
    }
    let page = body(ada.get(&format!("{TEMPLATES}?limit=1")).await).await;
    let page = body(ada.get(&format!("{TEMPLATES}?limit=1&cursor={}", text(&page["nextCursor"]))).await).await;
    assert_eq!((&page["items"][0]["id"], &page["nextCursor"]), (&made["id"], &Value::Null));

    let changed = body(eve.patch(&path, &json!({ "prd": "# Goals" })).await).await;
    assert_eq!((&changed["prd"], &changed["bytes"], &changed["version"]), (&json!("# Goals"), &json!(7), &json!(2)));
    assert_eq!((&changed["name"], &changed["updatedAt"]), (&json!("Feature"), &json!("2030-01-01T00:00:00.001Z")));
    assert_eq!(body(eve.patch(&path, &json!({ "prd": "# Goals" })).await).await["version"], 2, "that is no change");
    let old = eve.request(Method::PATCH, &path).header("If-Match", "\"1\"").json(&json!({ "name": "x" }));
    assert_eq!(error_of(old.send().await.unwrap()).await, (412, "VERSION_MISMATCH".into()));
    let new = eve.request(Method::PATCH, &path).header("If-Match", "\"2\"").json(&json!({ "name": "x" }));
    assert_eq!(body(new.send().await.unwrap()).await["version"], 3);
    assert_eq!(eve.delete(&path).await.status(), 204);
    for gone in [eve.get(&path).await, eve.delete(&path).await, eve.patch(&path, &json!({})).await] {
        assert_eq!(error_of(gone).await, (404, "NOT_FOUND".into()));
    }
    let log = ada.get(&format!("/api/admin/audit-log?target={}", text(&made["id"]))).await.text().await.unwrap();
    for action in ["template.created", "template.updated", "template.deleted"] {
        assert!(log.contains(action), "{action}");
    }
}

#[tokio::test]
async fn what_cannot_be_a_template_is_refused_and_named() {
    let (_app, ada) = home_with(&[]).await;
    for (wish, field) in [
        (json!({ "prd": "" }), "name"),
        (json!({ "name": "x" }), "prd"),
        (json!({ "name": "a\tb", "prd": "" }), "name"),
        (json!({ "name": "x", "prd": "a\u{0}" }), "prd"),
        (json!({ "name": "x", "prd": "", "description": "a".repeat(2_001) }), "description"),
        (json!({ "name": "x", "prd": "", "content": "" }), "content"),
    ] {
        let (status, _, fields) = fault_of(ada.post(TEMPLATES, &wish).await).await;
        assert!(status == 400 && fields[field].is_string(), "{wish}: {fields}");
    }
    let long = ada.post(TEMPLATES, &json!({ "name": "x", "prd": "a".repeat((1 << 20) + 1) })).await;
    assert_eq!(error_of(long).await, (413, "PAYLOAD_TOO_LARGE".into()));
    let full = ada.post(TEMPLATES, &json!({ "name": "x", "prd": "a".repeat(1 << 20) })).await;
    assert_eq!(full.status(), 201);
    let path = format!("{TEMPLATES}/{}", text(&full.json::<Value>().await.unwrap()["id"]));
    let long = ada.patch(&path, &json!({ "prd": "a".repeat((1 << 20) + 1) })).await;
    assert_eq!(error_of(long).await, (413, "PAYLOAD_TOO_LARGE".into()));
}

#[tokio::test]
async fn a_project_begins_with_the_template_s_text_and_keeps_it() {
    let (app, ada) = home_with(&[("max", "member")]).await;
    let template: Value = ada.post(TEMPLATES, &json!({ "name": "x", "prd": "# Goal" })).await.json().await.unwrap();
    let max = people::sign_in(&app, "max").await;
    let project = make(&max, json!({ "name": "x", "templateId": template["id"] })).await;
    let prd = format!("/api/projects/{}/prd", text(&project["id"]));
    assert_eq!(ada.delete(&format!("{TEMPLATES}/{}", text(&template["id"]))).await.status(), 204);
    let response = max.get(&prd).await;
    assert_eq!(header(&response, "etag"), "\"1\"");
    assert_eq!(
        body(response).await,
        json!({ "content": "# Goal", "version": 1, "updatedAt": "2030-01-01T00:00:00.000Z",
                "updatedBy": { "kind": "user", "id": "usr_max", "name": "max" } })
    );
    let gone = max.post("/api/projects", &json!({ "name": "x", "templateId": template["id"] })).await;
    let (status, _, fields) = fault_of(gone).await;
    assert!(status == 400 && fields["templateId"].is_string());
}
