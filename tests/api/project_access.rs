//! Who sees which project and what they may do with it: by role, by ownership, by what is shared; by session and by key.

use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::at_once::{count, fault_of, statuses_at_once};
use super::people::{self, home_with};
use super::projects::{PROJECTS, body, make_at, share};
use super::support::{App, Key, PASSWORD, Session, error_of, text};

/// What comes of every call on a project, in this order: read (each way), change, status, PRD, share, delete.
async fn calls(ask: impl AsyncFn(Method, String, Option<Value>) -> Response, project: &str) -> Vec<u16> {
    let mut statuses = Vec::new();
    let mut reads = Vec::new();
    for rest in ["", "/prd", "/prd/versions", "/status-history", "/activity"] {
        reads.push(ask(Method::GET, format!("{project}{rest}"), None).await.status().as_u16());
    }
    assert!(reads.iter().all(|status| *status == reads[0]), "{reads:?}");
    statuses.push(reads[0]);
    for (method, rest, wish) in [
        (Method::PATCH, "", json!({ "description": "changed" })),
        (Method::POST, "/status", json!({ "status": "draft" })),
        (Method::PUT, "/prd", json!({ "content": "" })),
        (Method::PUT, "/members/usr_tom", json!({ "access": "read" })),
        (Method::DELETE, "", Value::Null),
    ] {
        let wish = Some(wish).filter(|wish| !wish.is_null());
        statuses.push(ask(method, format!("{project}{rest}"), wish).await.status().as_u16());
    }
    statuses
}

pub async fn by_session(session: &Session, project: &str) -> Vec<u16> {
    let ask = async |method: Method, path: String, wish: Option<Value>| {
        let request = session.request(method, &path);
        wish.map_or(request.try_clone().unwrap(), |wish| request.json(&wish)).send().await.unwrap()
    };
    calls(ask, project).await
}

pub async fn by_key(app: &App, key: &Key, project: &str) -> Vec<u16> {
    let ask = async |method: Method, path: String, wish: Option<Value>| {
        let request = app.request(method, &path).bearer_auth(&key.token);
        wish.map_or(request.try_clone().unwrap(), |wish| request.json(&wish)).send().await.unwrap()
    };
    calls(ask, project).await
}

pub async fn count_of(session: &Session) -> usize {
    body(session.get(PROJECTS).await).await["items"].as_array().unwrap().len()
}

// Let in to the PRD means to be asked for the version: 428.
const FULL: [u16; 6] = [200, 200, 200, 428, 200, 204];
const WRITE: [u16; 6] = [200, 200, 200, 428, 200, 403];
const READ: [u16; 6] = [200, 403, 403, 403, 403, 403];
pub const NOTHING: [u16; 6] = [404, 404, 404, 404, 404, 404];
/// A viewer is told that they may not before it is looked whether it is there.
const VIEWER_NOTHING: [u16; 6] = [404, 403, 403, 403, 403, 403];

#[tokio::test]
async fn everyone_sees_and_does_what_is_theirs() {
    let people = [
        ("own", "owner"),
        ("eve", "admin"),
        ("max", "member"),
        ("wri", "member"),
        ("rea", "member"),
        ("tom", "member"),
        ("vic", "viewer"),
        ("vera", "viewer"),
    ];
    let (app, _) = home_with(&people).await;
    let max = people::sign_in(&app, "max").await;
    for (name, access, expected) in [
        ("own", None, FULL),
        ("eve", None, FULL),
        ("max", None, FULL),
        ("wri", Some("write"), WRITE),
        ("rea", Some("read"), READ),
        ("tom", None, NOTHING),
        ("vic", Some("read"), READ),
        ("vera", None, VIEWER_NOTHING),
    ] {
        let project = make_at(&max, "Max's").await;
        if let Some(access) = access {
            assert_eq!(share(&max, &project, &format!("usr_{name}"), access).await.status(), 200);
        }
        let session = people::sign_in(&app, name).await;
        let seen = count_of(&session).await;
        let told = session.get(&project).await;
        let may = if told.status() == 200 { text(&body(told).await["access"]) } else { String::from("nothing") };
        let right = match expected {
            FULL => "full",
            WRITE => "write",
            READ => "read",
            _ => "nothing",
        };
        assert_eq!(may, right, "{name}");
        assert_eq!(seen > 0, right != "nothing", "{name}");
        assert_eq!(by_session(&session, &project).await, expected, "{name}");
        if expected != FULL {
            assert_eq!(max.delete(&project).await.status(), 204, "nobody else did");
        }
    }
}

#[tokio::test]
async fn a_list_shows_what_one_may_see() {
    let (app, ada) = home_with(&[("max", "member"), ("tom", "member"), ("vic", "viewer")]).await;
    let (max, tom) = (people::sign_in(&app, "max").await, people::sign_in(&app, "tom").await);
    for (session, name) in [(&ada, "Ada's"), (&max, "Max's"), (&tom, "Tom's"), (&max, "Max's second")] {
        app.clock.advance_ms(1);
        let project = make_at(session, name).await;
        if name == "Tom's" {
            share(session, &project, "usr_max", "read").await;
            share(session, &project, "usr_vic", "read").await;
        }
    }
    let vic = people::sign_in(&app, "vic").await;
    for (session, expected) in [
        (&ada, json!(["Max's second", "Tom's", "Max's", "Ada's"])),
        (&max, json!(["Max's second", "Tom's", "Max's"])),
        (&tom, json!(["Tom's"])),
        (&vic, json!(["Tom's"])),
    ] {
        let mut shown = Vec::new();
        let mut path = format!("{PROJECTS}?limit=2");
        loop {
            let page = body(session.get(&path).await).await;
            shown.extend(page["items"].as_array().unwrap().iter().map(|project| project["name"].clone()));
            let Some(next) = page["nextCursor"].as_str() else { break };
            path = format!("{PROJECTS}?limit=2&cursor={next}");
        }
        assert_eq!(json!(shown), expected);
    }
}

#[tokio::test]
async fn a_project_is_shared_with_colleagues_as_far_as_their_role_goes() {
    let (app, ada) = home_with(&[("max", "member"), ("tom", "member"), ("vic", "viewer")]).await;
    let max = people::sign_in(&app, "max").await;
    let project = make_at(&max, "x").await;
    let shared = body(share(&max, &project, "usr_vic", "read").await).await;
    assert_eq!(shared["members"], json!([{ "id": "usr_vic", "name": "vic", "access": "read" }]));
    assert_eq!(shared["version"], 2);
    assert_eq!(body(share(&max, &project, "usr_vic", "read").await).await["version"], 2, "that is no change");
    let (status, _, fields) = fault_of(share(&max, &project, "usr_vic", "write").await).await;
    assert!(status == 400 && text(&fields["access"]).contains("read only"), "{fields}");
    let (status, _, fields) = fault_of(share(&max, &project, "usr_tom", "all").await).await;
    assert!(status == 400 && fields["access"].is_string(), "{fields}");
    let extra = max.request(Method::PUT, &format!("{project}/members/usr_tom"));
    let extra = extra.json(&json!({ "access": "read", "role": "admin" })).send().await.unwrap();
    assert_eq!(extra.status(), 400);
    assert_eq!(error_of(share(&max, &project, "usr_nobody", "read").await).await, (404, "NOT_FOUND".into()));
    assert_eq!(error_of(share(&ada, &project, "usr_max", "read").await).await, (409, "CONFLICT".into()));
    // Who may write may share; who left what was shared with them sees it no more.
    assert_eq!(share(&max, &project, "usr_tom", "write").await.status(), 200);
    let tom = people::sign_in(&app, "tom").await;
    assert_eq!(max.delete(&format!("{project}/members/usr_vic")).await.status(), 204);
    assert_eq!(error_of(max.delete(&format!("{project}/members/usr_vic")).await).await, (404, "NOT_FOUND".into()));
    assert_eq!(error_of(tom.delete(&format!("{project}/members/usr_max")).await).await, (404, "NOT_FOUND".into()));
    assert_eq!(share(&max, &project, "usr_tom", "read").await.status(), 200);
    assert_eq!(share(&tom, &project, "usr_vic", "read").await.status(), 403);
    assert_eq!(tom.delete(&format!("{project}/members/usr_tom")).await.status(), 204);
    assert_eq!(tom.get(&project).await.status(), 404);
    assert_eq!(count_of(&tom).await, 0);
    assert_eq!(body(max.get(&project).await).await["members"], json!([]));
}

#[tokio::test]
async fn a_viewer_reads_even_what_they_once_could_write() {
    let (app, ada) = home_with(&[("max", "member"), ("tom", "member")]).await;
    let max = people::sign_in(&app, "max").await;
    let (own, shared) = (make_at(&max, "Max's").await, make_at(&ada, "Ada's").await);
    share(&ada, &shared, "usr_max", "write").await;
    let key = app.offline_key(&ada, "usr_max").await;
    let member = "/api/admin/members/usr_max";
    assert_eq!(ada.patch(member, &json!({ "role": "viewer" })).await.status(), 200);
    for project in [&own, &shared] {
        assert_eq!(by_session(&max, project).await, READ);
        assert_eq!(by_key(&app, &key, project).await, READ);
        assert_eq!(body(max.get(project).await).await["access"], "read");
    }
    assert_eq!(max.post(PROJECTS, &json!({ "name": "x" })).await.status(), 403);
    let seen = body(ada.get(&shared).await).await;
    assert_eq!(seen["members"], json!([{ "id": "usr_max", "name": "max", "access": "read" }]));
    assert_eq!(ada.patch(member, &json!({ "role": "member" })).await.status(), 200);
    assert_eq!(by_session(&max, &shared).await, WRITE);
    assert_eq!(by_session(&max, &own).await, FULL);
}

#[tokio::test]
async fn what_was_made_by_one_who_left_stays_and_is_theirs_again_if_they_return() {
    let (app, ada) = home_with(&[("max", "member"), ("tom", "member")]).await;
    let max = people::sign_in(&app, "max").await;
    let (own, shared) = (make_at(&max, "Max's").await, make_at(&ada, "Ada's").await);
    share(&ada, &shared, "usr_max", "write").await;
    share(&max, &own, "usr_tom", "read").await;
    assert_eq!(ada.delete("/api/admin/members/usr_max").await.status(), 204);
    let max = people::sign_in(&app, "max").await;
    assert_eq!((count_of(&max).await, by_session(&max, &own).await), (0, NOTHING.to_vec()));
    let seen = body(ada.get(&own).await).await;
    assert_eq!(seen["owner"], json!({ "kind": "user", "id": "usr_max", "name": "max" }));
    assert_eq!(people::sign_in(&app, "tom").await.get(&own).await.status(), 200, "and with whom it was shared");
    assert_eq!(body(ada.get(&shared).await).await["members"], json!([]));
    let state = people::state(&app);
    let sql = "INSERT INTO memberships (organization, user, role, joined_at) VALUES (?1, 'usr_max', 'member', 0)";
    state.execute(sql, [people::home(&state)]).unwrap();
    let home: Value = ada.get("/api/auth/session").await.json().await.unwrap();
    let switch = json!({ "organizationId": home["organization"]["id"] });
    assert_eq!(max.post("/api/auth/switch-organization", &switch).await.status(), 200);
    assert_eq!(max.get(&shared).await.status(), 404, "what was shared with them is not");
    assert_eq!(by_session(&max, &own).await, FULL);
}

#[tokio::test]
async fn a_deleted_account_leaves_its_projects_with_the_name_it_had() {
    let (app, ada) = home_with(&[("max", "member")]).await;
    let max = people::sign_in(&app, "max").await;
    let project = make_at(&max, "Max's").await;
    let deleted = max.request(Method::DELETE, "/api/auth/account").json(&json!({ "password": PASSWORD }));
    assert_eq!(deleted.send().await.unwrap().status(), 204);
    let seen = body(ada.get(&project).await).await;
    assert_eq!(seen["owner"], json!({ "kind": "user", "id": "usr_max", "name": "max" }));
    assert_eq!(by_session(&ada, &project).await[0], 200);
}

impl App {
    /// A key of an admin's for somebody else cannot be made; so its owner is changed where it is kept.
    async fn offline_key(&self, ada: &Session, owner: &str) -> Key {
        let key = ada.make_key(json!({ "role": "admin" })).await;
        people::state(self).execute("UPDATE api_keys SET owner = ?1 WHERE id = ?2", [owner, &key.id]).unwrap();
        key
    }
}

#[tokio::test]
async fn a_key_does_what_its_owner_may_as_far_as_its_own_role_goes() {
    let (app, ada) = home_with(&[("max", "member"), ("tom", "member")]).await;
    let max = people::sign_in(&app, "max").await;
    let maxs = make_at(&max, "Max's").await;
    for (role, own, other) in [("viewer", READ, VIEWER_NOTHING), ("member", FULL, NOTHING), ("admin", FULL, FULL)] {
        let key = ada.make_key(json!({ "role": role })).await;
        let adas = make_at(&ada, "Ada's").await;
        assert_eq!(by_key(&app, &key, &adas).await, own, "{role}");
        assert_eq!(by_key(&app, &key, &maxs).await, other, "{role}");
    }
    let maxs = make_at(&max, "Max's").await;
    let key = app.offline_key(&ada, "usr_max").await;
    let adas = make_at(&ada, "Ada's").await;
    assert_eq!(by_key(&app, &key, &adas).await, NOTHING, "an admin's role does not make Max one");
    let made = app.request(Method::POST, PROJECTS).bearer_auth(&key.token).json(&json!({ "name": "By key" }));
    let made: Value = made.send().await.unwrap().json().await.unwrap();
    assert_eq!(made["owner"], json!({ "kind": "user", "id": "usr_max", "name": "max" }));
    assert_eq!(by_key(&app, &key, &maxs).await, FULL);
}

#[tokio::test]
async fn what_a_key_of_the_organization_makes_belongs_to_the_organization() {
    let (app, ada) = home_with(&[("max", "member"), ("tom", "member")]).await;
    let max = people::sign_in(&app, "max").await;
    let key = async |role: &str| ada.make_key(json!({ "role": role, "owner": "organization" })).await;
    let (viewer, member) = (key("viewer").await, key("member").await);
    let make_by_key = async || {
        let made = app.request(Method::POST, PROJECTS).bearer_auth(&member.token).json(&json!({ "name": "Ours" }));
        made.send().await.unwrap().json::<Value>().await.unwrap()
    };
    let made = make_by_key().await;
    let home: Value = ada.get("/api/auth/session").await.json().await.unwrap();
    assert_eq!(made["owner"], json!({ "kind": "organization", "id": home["organization"]["id"], "name": "Home" }));
    assert_eq!(made["access"], "full");
    let project = format!("{PROJECTS}/{}", text(&made["id"]));
    assert_eq!(by_session(&max, &project).await, NOTHING);
    share(&ada, &project, "usr_max", "write").await;
    assert_eq!(by_session(&max, &project).await, WRITE);
    assert_eq!(by_key(&app, &viewer, &project).await, READ);
    assert_eq!(by_key(&app, &member, &project).await, FULL);
    let adas = make_at(&ada, "Ada's").await;
    assert_eq!(by_key(&app, &member, &adas).await, NOTHING);
    assert_eq!(by_key(&app, &key("admin").await, &adas).await, FULL);
    make_by_key().await;
    let list = app.request(Method::GET, PROJECTS).bearer_auth(&member.token).send().await.unwrap();
    let list: Value = list.json().await.unwrap();
    assert!(list["items"].as_array().unwrap().iter().all(|project| project["name"] == "Ours"), "{list}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sixty_four_that_share_it_with_the_same_colleague_at_once_one_does() {
    let (_app, ada) = home_with(&[("max", "member")]).await;
    let project = make_at(&ada, "x").await;
    let statuses = statuses_at_once(64, |index| {
        let access = if index % 2 == 0 { "read" } else { "write" };
        ada.request(Method::PUT, &format!("{project}/members/usr_max")).json(&json!({ "access": access }))
    })
    .await;
    assert_eq!(count(&statuses, 200) + count(&statuses, 409), 64, "{statuses:?}");
    let activity = body(ada.get(&format!("{project}/activity?limit=200")).await).await;
    let mut now = Value::Null;
    for entry in activity["items"].as_array().unwrap().iter().rev().skip(1) {
        assert_eq!(entry["changes"]["access"]["before"], now, "what was before is what came before");
        now = entry["changes"]["access"]["after"].clone();
    }
    assert_eq!(body(ada.get(&project).await).await["members"][0]["access"], now);
}

#[tokio::test]
async fn who_may_no_more_when_it_is_done_has_done_nothing() {
    // What the gate and the first look let in is asked once more by the statements themselves.
    let (app, ada) = home_with(&[("max", "member")]).await;
    let project = make_at(&ada, "x").await;
    share(&ada, &project, "usr_max", "write").await;
    let max = people::sign_in(&app, "max").await;
    let state = people::state(&app);
    // After the first look, in the change's own transaction: that Max is still a member is asked first.
    state
        .execute_batch(
            "CREATE TRIGGER meanwhile AFTER UPDATE OF role ON memberships BEGIN DELETE FROM project_members; END;",
        )
        .unwrap();
    for (method, rest, wish) in [
        (Method::PATCH, "", json!({ "name": "Mine" })),
        (Method::POST, "/status", json!({ "status": "done" })),
        (Method::PUT, "/prd", json!({ "content": "Mine" })),
        (Method::DELETE, "/members/usr_max", json!({})),
    ] {
        let request = max.request(method.clone(), &format!("{project}{rest}"));
        let request = if rest == "/prd" { request.header("If-Match", "\"0\"") } else { request };
        let response = request.json(&wish).send().await.unwrap();
        let status = response.status().as_u16();
        assert!([403, 409].contains(&status), "{method} {rest}: {}", response.text().await.unwrap());
    }
    state.execute_batch("DROP TRIGGER meanwhile").unwrap();
    let now = body(ada.get(&project).await).await;
    assert_eq!(
        (&now["name"], &now["status"], &now["members"][0]["access"]),
        (&json!("x"), &json!("draft"), &json!("write"))
    );
    assert_eq!(body(ada.get(&format!("{project}/prd")).await).await["version"], 0);
}
