//! Shares of projects: one project, four reads, for whoever has the token, and nothing else.

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::neighbours::with_neighbour;
use crate::people::{self, home_with};
use crate::support::{App, Session, error_of, header, text};

const READS: [&str; 4] = ["", "/prd", "/status-history", "/activity"];

async fn project(session: &Session, name: &str) -> String {
    let response = session.post("/api/projects", &json!({ "name": name })).await;
    assert_eq!(response.status(), 201);
    text(&response.json::<Value>().await.unwrap()["id"])
}

fn shares_of(project: &str) -> String {
    format!("/api/projects/{project}/shares")
}

async fn share(session: &Session, project: &str, body: Value) -> Value {
    let response = session.post(&shares_of(project), &body).await;
    let status = response.status();
    let body: Value = response.json().await.unwrap();
    assert_eq!(status, 201, "{body}");
    body
}

async fn with_token(app: &App, share: &Value, method: Method, path: &str) -> Response {
    app.request(method, path).header("X-Share-Token", text(&share["token"])).send().await.unwrap()
}

async fn read(app: &App, share: &Value, path: &str) -> Response {
    with_token(app, share, Method::GET, path).await
}

async fn statuses(app: &App, share: &Value, project: &str) -> Vec<u16> {
    let mut statuses = Vec::new();
    for rest in READS {
        statuses.push(read(app, share, &format!("/api/projects/{project}{rest}")).await.status().as_u16());
    }
    statuses
}

fn invalid() -> (u16, String) {
    (401, "SHARE_TOKEN_INVALID".into())
}

#[tokio::test]
async fn it_reads_the_project_and_what_belongs_to_it_without_an_address() {
    let (app, ada) = home_with(&[("max", "member")]).await;
    let id = project(&ada, "Moon").await;
    let path = format!("/api/projects/{id}");
    let put = |rest: &str, body: Value| ada.request(Method::PUT, &format!("{path}{rest}")).json(&body);
    put("/members/usr_max", json!({ "access": "write" })).send().await.unwrap();
    put("/prd", json!({ "content": "# Moon" })).header("If-Match", "\"0\"").send().await.unwrap();
    ada.post(&format!("{path}/status"), &json!({ "status": "active", "note": "Go" })).await;
    let made = share(&ada, &id, json!({ "name": "Board" })).await;

    let detail: Value = read(&app, &made, &path).await.json().await.unwrap();
    assert_eq!((&detail["id"], &detail["name"], &detail["status"]), (&json!(id), &json!("Moon"), &json!("active")));
    assert_eq!(detail["access"], "read");
    let prd: Value = read(&app, &made, &format!("{path}/prd")).await.json().await.unwrap();
    assert_eq!(prd["content"], "# Moon");
    let history: Value = read(&app, &made, &format!("{path}/status-history")).await.json().await.unwrap();
    assert_eq!(history["items"][0]["note"], "Go");
    let activity: Value = read(&app, &made, &format!("{path}/activity")).await.json().await.unwrap();
    assert_eq!(activity["items"][0]["action"], "project.share_created");
    assert_eq!(activity["items"][0]["summary"], "Ada made a share link");
    for answer in [detail, prd, history, activity] {
        let told = answer.to_string();
        assert!(!told.contains("@example.com") && !told.contains("email"), "{told}");
        assert!(!told.contains(&text(&made["token"])), "{told}");
    }
}

#[tokio::test]
async fn who_reads_it_learns_of_no_share_and_no_key() {
    let (app, ada) = home_with(&[("max", "member"), ("tom", "member")]).await;
    let id = project(&ada, "Moon").await;
    let path = format!("/api/projects/{id}");
    for (user, access) in [("usr_max", "write"), ("usr_tom", "read")] {
        let put = ada.request(Method::PUT, &format!("{path}/members/{user}"));
        put.json(&json!({ "access": access })).send().await.unwrap();
    }
    let key = ada.make_key(json!({ "name": "Robot" })).await;
    let by_key = |method: Method, rest: &str| app.request(method, &format!("{path}{rest}")).bearer_auth(&key.token);
    let status = by_key(Method::POST, "/status").json(&json!({ "status": "active" })).send().await.unwrap();
    let prd = by_key(Method::PUT, "/prd").header("If-Match", "\"0\"").json(&json!({ "content": "x" })).send();
    assert_eq!((status.status().as_u16(), prd.await.unwrap().status().as_u16()), (200, 200));
    let board = share(&ada, &id, json!({ "name": "Board" })).await;
    let gone = share(&ada, &id, json!({ "name": "For Grace" })).await;
    assert_eq!(ada.delete(&format!("{path}/shares/{}", text(&gone["id"]))).await.status(), 204);

    let secrets = |told: &str| {
        ["Board", "For Grace", &text(&board["id"]), &text(&gone["id"])].iter().any(|name| told.contains(*name))
    };
    for (name, knows) in [("max", true), ("tom", false)] {
        let told = people::sign_in(&app, name).await.get(&format!("{path}/activity")).await.text().await.unwrap();
        assert_eq!(secrets(&told), knows, "{name}: {told}");
        assert!(told.contains("The key Robot wrote version 1 of the PRD"), "{told}");
    }
    let mut all = String::new();
    for rest in READS {
        all.push_str(&read(&app, &board, &format!("{path}{rest}")).await.text().await.unwrap());
    }
    let nodes = app.request(Method::GET, &format!("{path}/prd")).header("X-Share-Token", text(&board["token"]));
    let nodes = nodes.header("Accept", "application/vnd.claviger.nodes+json").send().await.unwrap();
    all.push_str(&nodes.text().await.unwrap());
    assert!(!secrets(&all) && !all.contains("Robot") && !all.contains(&key.id), "{all}");
    let unnamed = json!({ "kind": "api_key", "id": null, "name": "A key" });
    let history: Value = read(&app, &board, &format!("{path}/status-history")).await.json().await.unwrap();
    let prd: Value = read(&app, &board, &format!("{path}/prd")).await.json().await.unwrap();
    assert_eq!((&history["items"][0]["by"], &prd["updatedBy"]), (&unnamed, &unnamed));
    let activity: Value = read(&app, &board, &format!("{path}/activity")).await.json().await.unwrap();
    let items = activity["items"].as_array().unwrap();
    assert!(items.iter().all(|item| item["changes"].is_null()), "{items:?}");
    let told: Vec<&str> = items.iter().map(|item| item["summary"].as_str().unwrap()).collect();
    assert_eq!(
        told[..5],
        [
            "Ada revoked a share link",
            "Ada made a share link",
            "Ada made a share link",
            "A key wrote version 1 of the PRD",
            "A key changed the status from draft to active",
        ]
    );
}

#[tokio::test]
async fn it_works_as_long_as_its_maker_may_change_the_project() {
    let (app, ada) = home_with(&[("max", "member"), ("eve", "admin"), ("tom", "member")]).await;
    let (max, eve) = (people::sign_in(&app, "max").await, people::sign_in(&app, "eve").await);
    let id = project(&ada, "Moon").await;
    let member = |user: &str| format!("/api/projects/{id}/members/{user}");
    let put =
        |user: &str, access: &str| ada.request(Method::PUT, &member(user)).json(&json!({ "access": access })).send();
    let listed = async |share: &Value| {
        let list: Value = ada.get(&shares_of(&id)).await.json().await.unwrap();
        let items = list["items"].as_array().unwrap();
        text(&items.iter().find(|item| item["id"] == share["id"]).unwrap()["status"])
    };
    put("usr_max", "write").await.unwrap();
    let of_max = share(&max, &id, json!({})).await;
    assert_eq!(statuses(&app, &of_max, &id).await, [200; 4]);
    assert_eq!(put("usr_max", "read").await.unwrap().status(), 200);
    assert_eq!(error_of(read(&app, &of_max, &format!("/api/projects/{id}")).await).await, invalid());
    assert_eq!(listed(&of_max).await, "stopped");
    assert_eq!(put("usr_max", "write").await.unwrap().status(), 200);
    assert_eq!((statuses(&app, &of_max, &id).await, listed(&of_max).await), (vec![200; 4], "active".into()));
    assert_eq!(ada.delete(&member("usr_max")).await.status(), 204);
    assert_eq!(statuses(&app, &of_max, &id).await, [401; 4]);
    // An admin's stands on the role, and then on what was shared with them.
    let of_eve = share(&eve, &id, json!({})).await;
    assert_eq!(statuses(&app, &of_eve, &id).await, [200; 4]);
    assert_eq!(ada.patch("/api/admin/members/usr_eve", &json!({ "role": "member" })).await.status(), 200);
    assert_eq!((statuses(&app, &of_eve, &id).await, listed(&of_eve).await), (vec![401; 4], "stopped".into()));
    assert_eq!(put("usr_eve", "write").await.unwrap().status(), 200);
    assert_eq!(statuses(&app, &of_eve, &id).await, [200; 4]);
    // What the project's owner shared, and one of the API behind the gate, ask for no more than a member.
    let tom = people::sign_in(&app, "tom").await;
    let own = project(&tom, "Sun").await;
    let of_tom = share(&tom, &own, json!({})).await;
    assert_eq!(statuses(&app, &of_tom, &own).await, [200; 4]);
    let requests: Value =
        tom.post("/api/shares", &json!({ "paths": ["/reports/{*rest}"] })).await.json().await.unwrap();
    let list: Value = tom.get("/api/shares").await.json().await.unwrap();
    assert_eq!((&list["items"][0]["id"], &list["items"][0]["status"]), (&requests["id"], &json!("active")));
}

#[tokio::test]
async fn it_opens_nothing_else() {
    let (app, ada) = App::spawn().await;
    let (id, other) = (project(&ada, "Moon").await, project(&ada, "Sun").await);
    let made = share(&ada, &id, json!({})).await;
    assert_eq!(statuses(&app, &made, &id).await, [200; 4]);
    for rest in READS {
        let found = error_of(read(&app, &made, &format!("/api/projects/{other}{rest}")).await).await;
        assert_eq!(found, (404, "NOT_FOUND".into()), "another project: {rest}");
    }
    // Whatever the document says a credential is needed for, but for the four.
    let document: Value = app.request(Method::GET, "/openapi.json").send().await.unwrap().json().await.unwrap();
    let mut refused = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let credentials = operation["x-demands"]["credentials"].as_array();
            let is_for = |kind: &str| credentials.is_some_and(|list| list.iter().any(|name| name == kind));
            let reads = READS.iter().any(|rest| *path == format!("/api/projects/{{id}}{rest}")) && method == "get";
            assert_eq!(is_for("share"), reads, "{method} {path}");
            if reads || operation["x-demands"]["role"].is_null() {
                continue;
            }
            let asked = path.replace("{id}", &id).replace("{n}", "1").replace("{userId}", "usr_x");
            let asked = asked.replace("{shareId}", &text(&made["id"]));
            let method: Method = method.to_uppercase().parse().unwrap();
            let (status, code) = error_of(with_token(&app, &made, method.clone(), &asked).await).await;
            assert_eq!(status, 403, "{method} {path}");
            assert!(["CREDENTIAL_NOT_ALLOWED", "SESSION_REQUIRED"].contains(&code.as_str()), "{method} {path}: {code}");
            refused += 1;
        }
    }
    assert!(refused > 40, "{refused}");
    assert_eq!(statuses(&app, &made, &id).await.len(), 4);
}

#[tokio::test]
async fn it_passes_no_rule_of_the_gate() {
    let rule = claviger::config::Rule {
        path: "/{*all}".into(),
        allow: vec!["share".into()],
        methods: vec!["*".into()],
        ..Default::default()
    };
    let (app, ada) = App::spawn_with(|config| config.rules = vec![rule]).await;
    let id = project(&ada, "Moon").await;
    let made = share(&ada, &id, json!({})).await;
    for target in ["/", "/api/projects", &format!("/api/projects/{id}")] {
        let request = app.request(Method::GET, "/verify").header("X-Forwarded-Uri", target);
        let request = request.header("X-Forwarded-Method", "GET").header("X-Share-Token", text(&made["token"]));
        let found = error_of(request.send().await.unwrap()).await;
        assert_eq!(found, (403, "CREDENTIAL_NOT_ALLOWED".into()), "{target}");
    }
}

#[tokio::test]
async fn the_object_has_every_field_and_the_link_keeps_the_token_from_every_server() {
    let (app, ada) = App::spawn().await;
    let id = project(&ada, "Moon").await;
    let made = share(&ada, &id, json!({ "name": "Board", "password": "Open sesame" })).await;
    let (token, url) = (text(&made["token"]), text(&made["url"]));
    assert_eq!(url, app.url(&format!("/share?project={id}#{token}")));
    insta::assert_json_snapshot!(
        made,
        { ".id" => "[id]", ".token" => "[token]", ".url" => "[url]", ".createdBy.id" => "[user]" },
        @r#"
    {
      "createdAt": "2030-01-01T00:00:00.000Z",
      "createdBy": {
        "id": "[user]",
        "name": "Ada"
      },
      "expiresAt": null,
      "hasPassword": true,
      "id": "[id]",
      "lastUsedAt": null,
      "name": "Board",
      "requestCount": 0,
      "status": "active",
      "token": "[token]",
      "url": "[url]"
    }
    "#
    );
    assert_eq!(read(&app, &made, &format!("/api/projects/{id}")).await.status(), 401);
    let with_password = app
        .request(Method::GET, &format!("/api/projects/{id}"))
        .header("X-Share-Token", &token)
        .header("X-Share-Password", "Open sesame");
    let passed = with_password.send().await.unwrap();
    assert_eq!(passed.status(), 200);
    assert_eq!(header(&passed, "x-ratelimit-limit"), "60");
    let list: Value = ada.get(&shares_of(&id)).await.json().await.unwrap();
    let one = &list["items"][0];
    assert_eq!((&one["id"], &one["requestCount"]), (&made["id"], &json!(2)));
    assert_eq!(one["lastUsedAt"], "2030-01-01T00:00:00.000Z");
    assert!(one["token"].is_null() && one["url"].is_null());
    // No body at all is a share without anything special.
    let bare = ada.request(Method::POST, &shares_of(&id)).send().await.unwrap();
    assert_eq!(bare.status(), 201);
}

#[tokio::test]
async fn whoever_may_change_the_project_makes_sees_and_revokes_them() {
    let (app, ada) = home_with(&[("max", "member"), ("eve", "member"), ("tom", "member"), ("vic", "viewer")]).await;
    let max = people::sign_in(&app, "max").await;
    let id = project(&max, "Moon").await;
    for (user, access) in [("usr_eve", "write"), ("usr_tom", "read"), ("usr_vic", "read")] {
        let put = max.request(Method::PUT, &format!("/api/projects/{id}/members/{user}"));
        assert_eq!(put.json(&json!({ "access": access })).send().await.unwrap().status(), 200);
    }
    let made = share(&people::sign_in(&app, "eve").await, &id, json!({})).await;
    let path = format!("{}/{}", shares_of(&id), text(&made["id"]));
    for reader in ["tom", "vic"] {
        let reader = people::sign_in(&app, reader).await;
        for response in [
            reader.get(&shares_of(&id)).await,
            reader.post(&shares_of(&id), &json!({ "nonsense": 1 })).await,
            reader.delete(&path).await,
        ] {
            assert_eq!(error_of(response).await, (403, "INSUFFICIENT_ROLE".into()));
        }
    }
    let list: Value = ada.get(&shares_of(&id)).await.json().await.unwrap();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    let other = project(&max, "Sun").await;
    let elsewhere = format!("{}/{}", shares_of(&other), text(&made["id"]));
    assert_eq!(error_of(max.delete(&elsewhere).await).await.0, 404, "it is no share of that project");
    assert_eq!(error_of(max.delete(&format!("/api/shares/{}", text(&made["id"]))).await).await.0, 404);
    assert_eq!(statuses(&app, &made, &id).await, [200; 4]);
    assert_eq!(max.delete(&path).await.status(), 204);
    assert_eq!(error_of(read(&app, &made, &format!("/api/projects/{id}")).await).await, invalid());
    assert_eq!(error_of(max.delete(&path).await).await.0, 404);
    let activity: Value = max.get(&format!("/api/projects/{id}/activity")).await.json().await.unwrap();
    assert_eq!(activity["items"][0]["action"], "project.share_revoked");
}

#[tokio::test]
async fn it_ends_with_its_project_and_with_its_makers_membership() {
    let (app, ada) = home_with(&[("max", "member"), ("eve", "member")]).await;
    let (max, eve) = (people::sign_in(&app, "max").await, people::sign_in(&app, "eve").await);
    let (maxs, eves) = (project(&max, "Moon").await, project(&eve, "Sun").await);
    let (of_max, of_eve) = (share(&max, &maxs, json!({})).await, share(&eve, &eves, json!({})).await);
    assert_eq!(statuses(&app, &of_max, &maxs).await, [200; 4]);
    assert_eq!(statuses(&app, &of_eve, &eves).await, [200; 4]);
    assert_eq!(max.delete(&format!("/api/projects/{maxs}")).await.status(), 204);
    assert_eq!(error_of(read(&app, &of_max, &format!("/api/projects/{maxs}")).await).await, invalid());
    assert_eq!(ada.delete("/api/admin/members/usr_eve").await.status(), 204);
    assert_eq!(error_of(read(&app, &of_eve, &format!("/api/projects/{eves}")).await).await, invalid());
    let list: Value = ada.get(&shares_of(&eves)).await.json().await.unwrap();
    assert_eq!(list["items"][0]["status"], "stopped");
    let app = app.restart().await;
    assert_eq!(error_of(read(&app, &of_max, &format!("/api/projects/{maxs}")).await).await, invalid());
}

#[tokio::test]
async fn another_organization_finds_neither_the_project_nor_its_shares() {
    let (app, ada) = App::spawn().await;
    let id = project(&ada, "Moon").await;
    let made = share(&ada, &id, json!({})).await;
    let (app, grace) = with_neighbour(app).await;
    let path = format!("{}/{}", shares_of(&id), text(&made["id"]));
    for response in [
        grace.get(&shares_of(&id)).await,
        grace.post(&shares_of(&id), &json!({})).await,
        grace.post(&shares_of(&id), &json!({ "nonsense": 1 })).await,
        grace.delete(&path).await,
    ] {
        assert_eq!(error_of(response).await, (404, "NOT_FOUND".into()));
    }
    let own = project(&grace, "Sun").await;
    let theirs = share(&grace, &own, json!({})).await;
    assert_eq!(statuses(&app, &theirs, &own).await, [200; 4]);
    assert_eq!(statuses(&app, &theirs, &id).await, [404; 4]);
    assert_eq!(statuses(&app, &made, &id).await, [200; 4]);
}
