//! Projects: what is made, changed, listed and deleted of them, and what is said of it afterwards.

use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::at_once::{count, fault_of, statuses_at_once};
use super::people::{self, home_with};
use super::support::{Session, error_of, header, text};

pub const PROJECTS: &str = "/api/projects";

/// Makes a project; the object.
pub async fn make(session: &Session, body: Value) -> Value {
    let response = session.post(PROJECTS, &body).await;
    let status = response.status();
    let body: Value = response.json().await.unwrap();
    assert_eq!(status, 201, "{body}");
    body
}

/// Makes a project; its path.
pub async fn make_at(session: &Session, name: &str) -> String {
    format!("{PROJECTS}/{}", text(&make(session, json!({ "name": name })).await["id"]))
}

/// Shares the project at this path.
pub async fn share(session: &Session, project: &str, user: &str, access: &str) -> Response {
    let path = format!("{project}/members/{user}");
    session.request(Method::PUT, &path).json(&json!({ "access": access })).send().await.unwrap()
}

pub async fn body(response: Response) -> Value {
    assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
    response.json().await.unwrap()
}

async fn names(session: &Session, query: &str) -> Vec<String> {
    let page = body(session.get(&format!("{PROJECTS}{query}")).await).await;
    page["items"].as_array().unwrap().iter().map(|project| text(&project["name"])).collect()
}

#[tokio::test]
async fn a_project_is_made_shown_changed_and_deleted() {
    let (app, ada) = home_with(&[]).await;
    let made = make(&ada, json!({ "name": " Lighthouse ", "description": "Line one\nLine two" })).await;
    insta::assert_json_snapshot!(made, { ".id" => "[id]", ".owner.id" => "[user]" }, @r#"
    {
      "access": "full",
      "createdAt": "2030-01-01T00:00:00.000Z",
      "description": "Line one\nLine two",
      "id": "[id]",
      "members": [],
      "name": "Lighthouse",
      "owner": {
        "id": "[user]",
        "kind": "user",
        "name": "Ada"
      },
      "status": "draft",
      "updatedAt": "2030-01-01T00:00:00.000Z",
      "version": 1
    }
    "#);
    assert!(text(&made["id"]).starts_with("prj_"));
    let path = format!("{PROJECTS}/{}", text(&made["id"]));
    let response = ada.get(&path).await;
    assert_eq!(header(&response, "etag"), "\"1\"");
    assert_eq!(body(response).await, made);
    app.clock.advance_ms(1_000);
    let response = ada.patch(&path, &json!({ "name": "Harbour" })).await;
    assert_eq!(header(&response, "etag"), "\"2\"");
    let changed = body(response).await;
    assert_eq!((&changed["name"], &changed["description"]), (&json!("Harbour"), &made["description"]));
    assert_eq!((&changed["version"], &changed["updatedAt"]), (&json!(2), &json!("2030-01-01T00:00:01.000Z")));
    assert_eq!(body(ada.patch(&path, &json!({ "name": "Harbour" })).await).await, changed, "it is that already");
    assert_eq!(body(ada.patch(&path, &json!({})).await).await, changed);
    assert_eq!(ada.delete(&path).await.status(), 204);
    for gone in ["", "/prd", "/prd/versions", "/prd/versions/1", "/status-history", "/activity"] {
        assert_eq!(error_of(ada.get(&format!("{path}{gone}")).await).await, (404, "NOT_FOUND".into()));
    }
    assert_eq!(error_of(ada.delete(&path).await).await, (404, "NOT_FOUND".into()));
    let log = ada.get(&format!("/api/admin/audit-log?target={}", text(&made["id"]))).await;
    let log = log.json::<Value>().await.unwrap();
    let actions: Vec<&str> =
        log["items"].as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["project.deleted", "project.updated", "project.created"]);
    assert_eq!(log["items"][0]["target"]["kind"], "project");
}

#[tokio::test]
async fn what_cannot_be_a_project_is_refused_and_named() {
    let (_app, ada) = home_with(&[]).await;
    for (wish, field) in [
        (json!({}), "name"),
        (json!({ "name": "" }), "name"),
        (json!({ "name": "a\nb" }), "name"),
        (json!({ "name": "a".repeat(101) }), "name"),
        (json!({ "name": 7 }), "name"),
        (json!({ "name": "x", "description": "a".repeat(2_001) }), "description"),
        (json!({ "name": "x", "description": "a\u{0}" }), "description"),
        (json!({ "name": "x", "templateId": "tpl_nobody" }), "templateId"),
        (json!({ "name": "x", "status": "active" }), "status"),
        (json!({ "name": "x", "owner": "usr_other" }), "owner"),
        (json!({ "name": "x", "organizationId": "org_x" }), "organizationId"),
    ] {
        let (status, code, fields) = fault_of(ada.post(PROJECTS, &wish).await).await;
        assert_eq!((status, code.as_str()), (400, "VALIDATION_FAILED"), "{wish}");
        assert!(fields[field].is_string(), "{wish}: {fields}");
    }
    assert!(names(&ada, "").await.is_empty());
    let path = make_at(&ada, "x").await;
    for (wish, field) in [
        (json!({ "name": "" }), "name"),
        (json!({ "description": "a".repeat(2_001) }), "description"),
        (json!({ "version": 7 }), "version"),
        (json!({ "templateId": "tpl_x" }), "templateId"),
    ] {
        let (status, _, fields) = fault_of(ada.patch(&path, &wish).await).await;
        assert!(status == 400 && fields[field].is_string(), "{wish}: {fields}");
    }
    assert_eq!(body(ada.get(&path).await).await["version"], 1);
    let longest = json!({ "name": "ä".repeat(100), "description": "ö".repeat(2_000) });
    make(&ada, longest).await;
}

#[tokio::test]
async fn a_change_that_names_another_version_is_refused() {
    let (_app, ada) = home_with(&[]).await;
    let path = make_at(&ada, "x").await;
    let change = |tag: &'static str, name: &'static str| {
        ada.request(Method::PATCH, &path).header("If-Match", tag).json(&json!({ "name": name })).send()
    };
    for (tag, name, expected) in [
        ("\"1\"", "second", 200),
        ("\"1\"", "third", 412),
        ("W/\"2\"", "third", 412),
        ("\"7\", \"2\"", "third", 200),
        ("*", "fourth", 200),
        ("4", "fifth", 400),
    ] {
        let response = change(tag, name).await.unwrap();
        let status = response.status().as_u16();
        let told = response.text().await.unwrap();
        assert_eq!(status, expected, "{tag}: {told}");
        assert!(status != 412 || told.contains("VERSION_MISMATCH"));
        assert!(status != 400 || told.contains("If-Match"));
    }
    assert_eq!(body(ada.get(&path).await).await["name"], "fourth");
}

#[tokio::test]
async fn a_list_is_searched_filtered_and_paged_the_newest_first() {
    let (app, ada) = home_with(&[]).await;
    for (name, description) in [("Alpha", ""), ("Beta", "the ALPHABET"), ("Gamma", ""), ("Äpfel", "")] {
        make(&ada, json!({ "name": name, "description": description })).await;
        app.clock.advance_ms(1);
    }
    assert_eq!(names(&ada, "").await, ["Äpfel", "Gamma", "Beta", "Alpha"]);
    assert_eq!(names(&ada, "?q=alpha").await, ["Beta", "Alpha"]);
    assert_eq!(names(&ada, "?q=%C3%84pf").await, ["Äpfel"]);
    assert!(names(&ada, "?q=%25").await.is_empty(), "no pattern");
    let page = body(ada.get(&format!("{PROJECTS}?limit=1&q=alpha")).await).await;
    let last = text(&page["items"][0]["id"]);
    let next = text(&page["nextCursor"]);
    let page = body(ada.get(&format!("{PROJECTS}?limit=1&q=alpha&cursor={next}")).await).await;
    assert_eq!((&page["items"][0]["name"], &page["nextCursor"]), (&json!("Alpha"), &Value::Null));
    let status = json!({ "status": "active" });
    assert_eq!(ada.post(&format!("{PROJECTS}/{last}/status"), &status).await.status(), 200);
    assert_eq!(names(&ada, "?status=active").await, ["Beta"]);
    assert_eq!(names(&ada, "?status=draft&limit=200").await, ["Äpfel", "Gamma", "Alpha"]);
    for (query, field) in [("status=open", "status"), ("limit=0", "limit"), ("cursor=%21", "cursor"), ("x=1", "x")] {
        let (status, _, fields) = fault_of(ada.get(&format!("{PROJECTS}?{query}")).await).await;
        assert!(status == 400 && fields[field].is_string(), "{query}: {fields}");
    }
}

#[tokio::test]
async fn each_change_of_the_status_is_kept_with_who_and_when_and_why() {
    let (app, ada) = home_with(&[("max", "member")]).await;
    let max = people::sign_in(&app, "max").await;
    let path = make_at(&ada, "x").await;
    share(&ada, &path, "usr_max", "write").await;
    let status = format!("{path}/status");
    app.clock.advance_ms(1_000);
    let changed = body(max.post(&status, &json!({ "status": "active", "note": "At last" })).await).await;
    assert_eq!((&changed["status"], &changed["version"]), (&json!("active"), &json!(3)));
    let same = body(max.post(&status, &json!({ "status": "active" })).await).await;
    assert_eq!(same["version"], 3, "that is no change");
    let noted = max.post(&status, &json!({ "status": "active", "note": "Again" })).await;
    assert_eq!(error_of(noted).await, (409, "CONFLICT".into()));
    app.clock.advance_ms(1_000);
    for next in ["paused", "done", "archived"] {
        assert_eq!(ada.post(&status, &json!({ "status": next, "note": " " })).await.status(), 200);
    }
    let history = body(ada.get(&format!("{path}/status-history")).await).await;
    let told: Vec<[Value; 5]> = history["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| ["from", "status", "note", "at", "by"].map(|field| change[field].clone()))
        .map(|[from, status, note, at, by]| [from, status, note, at, by["name"].clone()])
        .collect();
    let at = |second: u32| format!("2030-01-01T00:00:0{second}.000Z");
    assert_eq!(
        json!(told),
        json!([
            ["done", "archived", null, at(2), "Ada"],
            ["paused", "done", null, at(2), "Ada"],
            ["active", "paused", null, at(2), "Ada"],
            ["draft", "active", "At last", at(1), "max"],
            [null, "draft", null, at(0), "Ada"],
        ])
    );
    assert_eq!(history["items"][3]["by"], json!({ "kind": "user", "id": "usr_max", "name": "max" }));
    let first = body(ada.get(&format!("{path}/status-history?limit=4")).await).await;
    let rest = format!("{path}/status-history?cursor={}", text(&first["nextCursor"]));
    assert_eq!(body(ada.get(&rest).await).await["items"][0], history["items"][4]);
    for (wish, field) in [
        (json!({ "status": "open" }), "status"),
        (json!({ "status": "Draft" }), "status"),
        (json!({ "note": "x" }), "status"),
        (json!({ "status": "draft", "note": "a".repeat(501) }), "note"),
        (json!({ "status": "draft", "note": "a\u{7}" }), "note"),
        (json!({ "status": "draft", "at": "now" }), "at"),
    ] {
        let (status, _, fields) = fault_of(ada.post(&status, &wish).await).await;
        assert!(status == 400 && fields[field].is_string(), "{wish}: {fields}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sixty_four_that_change_the_status_at_once_each_change_follows_another() {
    let (_app, ada) = home_with(&[]).await;
    let path = make_at(&ada, "x").await;
    let statuses = statuses_at_once(64, |index| {
        let status = ["active", "paused", "done", "archived"][index % 4];
        ada.request(Method::POST, &format!("{path}/status")).json(&json!({ "status": status }))
    })
    .await;
    assert_eq!(count(&statuses, 200) + count(&statuses, 409), 64, "{statuses:?}");
    let history = body(ada.get(&format!("{path}/status-history?limit=200")).await).await;
    let items = history["items"].as_array().unwrap();
    assert!(items.len() >= 2);
    for pair in items.windows(2) {
        assert_eq!(pair[0]["from"], pair[1]["status"]);
    }
}

#[tokio::test]
async fn what_happened_is_told_in_sentences() {
    let (app, ada) = home_with(&[("max", "member")]).await;
    let path = make_at(&ada, "Lighthouse").await;
    let max = people::sign_in(&app, "max").await;
    ada.patch(&path, &json!({ "name": "Harbour", "description": "New" })).await;
    ada.post(&format!("{path}/status"), &json!({ "status": "active", "note": "At last" })).await;
    share(&ada, &path, "usr_max", "read").await;
    share(&ada, &path, "usr_max", "write").await;
    share(&ada, &path, "usr_max", "write").await;
    let put = max.request(Method::PUT, &format!("{path}/prd")).header("If-Match", "\"0\"");
    assert_eq!(put.json(&json!({ "content": "# Text" })).send().await.unwrap().status(), 200);
    let key = ada.make_key(json!({ "name": "Robot" })).await;
    let by_key = app.request(Method::DELETE, &format!("{path}/members/usr_max")).bearer_auth(&key.token);
    assert_eq!(by_key.send().await.unwrap().status(), 204);
    let activity = body(ada.get(&format!("{path}/activity")).await).await;
    let items = activity["items"].as_array().unwrap();
    let told: Vec<&str> = items.iter().map(|item| item["summary"].as_str().unwrap()).collect();
    assert_eq!(
        told,
        [
            "The key Robot ended the access of max",
            "max wrote version 1 of the PRD",
            "Ada changed the access of max from read to write",
            "Ada shared the project with max, who can read",
            "Ada changed the status from draft to active: At last",
            "Ada changed the name from “Lighthouse” to “Harbour” and changed the description",
            "Ada made the project",
        ]
    );
    let newest = &items[0];
    assert_eq!(newest["actor"], json!({ "kind": "api_key", "id": key.id, "name": "Robot" }));
    assert_eq!(
        (&newest["action"], &newest["at"]),
        (&json!("project.member_removed"), &json!("2030-01-01T00:00:00.000Z"))
    );
    assert_eq!(
        newest["changes"],
        json!({ "member": { "before": { "id": "usr_max", "name": "max" } }, "access": { "before": "write" } })
    );
    let fields: Vec<&String> = newest.as_object().unwrap().keys().collect();
    assert_eq!(fields.len(), 6, "no address of a client, nor what it calls itself: {fields:?}");
    let page = body(ada.get(&format!("{path}/activity?limit=6")).await).await;
    let last = body(ada.get(&format!("{path}/activity?cursor={}", text(&page["nextCursor"]))).await).await;
    assert_eq!((&last["items"][0], &last["nextCursor"]), (&items[6], &Value::Null));
    assert_eq!(ada.get(&format!("{path}/activity?nonsense=1")).await.status(), 400);
}
