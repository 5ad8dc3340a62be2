//! Members: seen, given other roles, removed; and what follows for their sessions and keys at once. Security tests 29
//! and 31.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::people::{self, home_with};
use super::support::{App, KEYS, Session, error_of, text};

const MEMBERS: &str = "/api/admin/members";

fn of(name: &str) -> String {
    format!("{MEMBERS}/usr_{name}")
}

async fn json_of(response: reqwest::Response, status: u16) -> Value {
    assert_eq!(response.status(), status);
    response.json().await.unwrap()
}

async fn last_action(session: &Session) -> Value {
    let log = json_of(session.get("/api/admin/audit-log?limit=1").await, 200).await;
    log["items"][0].clone()
}

async fn set_role(session: &Session, name: &str, role: &str) -> reqwest::Response {
    session.patch(&of(name), &json!({ "role": role })).await
}

async fn role_of(session: &Session, name: &str) -> String {
    text(&json_of(session.get(&of(name)).await, 200).await["role"])
}

#[tokio::test]
async fn administrators_see_everybody_and_everybody_sees_names() {
    let (app, ada) = home_with(&[("max", "viewer")]).await;
    let max = people::sign_in(&app, "max").await;
    let key = max_key(&app, &ada).await;
    let listed = json_of(ada.get(MEMBERS).await, 200).await;
    assert_eq!(listed["nextCursor"], Value::Null);
    let one = &listed["items"].as_array().unwrap().iter().find(|member| member["userId"] == "usr_max").unwrap();
    assert_eq!(
        **one,
        json!({
            "userId": "usr_max", "name": "max", "email": "max@example.com", "role": "viewer",
            "joinedAt": "2030-01-01T00:00:00.000Z", "lastSeenAt": "2030-01-01T00:00:00.000Z",
            "locked": false, "disabled": false,
        })
    );
    for response in [
        max.get("/api/members").await,
        app.request(Method::GET, "/api/members").bearer_auth(&key).send().await.unwrap(),
    ] {
        let colleagues = json_of(response, 200).await["items"].as_array().unwrap().clone();
        assert_eq!(colleagues.len(), 2);
        assert!(colleagues.contains(&json!({ "id": "usr_max", "name": "max" })), "{colleagues:?}");
    }
}

/// A viewer's key, made by Ada.
async fn max_key(_app: &App, ada: &Session) -> String {
    ada.make_key(json!({ "role": "viewer" })).await.token
}

#[tokio::test]
async fn when_a_member_was_seen_last_outlives_their_session() {
    let (app, ada) = home_with(&[("max", "member")]).await;
    assert_eq!(json_of(ada.get(&of("max")).await, 200).await["lastSeenAt"], Value::Null);
    let max = people::sign_in(&app, "max").await;
    app.clock.advance_ms(600_000);
    assert_eq!(max.get("/api/auth/session").await.status(), 200);
    assert_eq!(max.post("/api/auth/sign-out", &json!({})).await.status(), 204);
    assert_eq!(json_of(ada.get(&of("max")).await, 200).await["lastSeenAt"], "2030-01-01T00:10:00.000Z");
}

#[tokio::test]
async fn the_list_goes_on_from_page_to_page_and_shows_everybody_once() {
    let names: Vec<String> = (0..25).map(|number| format!("m{number:02}")).collect();
    let people: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "member")).collect();
    let (_app, ada) = home_with(&people).await;
    for path in [MEMBERS, "/api/members"] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = json_of(ada.get(&format!("{path}?limit=10{cursor}")).await, 200).await;
            seen.extend(page["items"].as_array().unwrap().iter().map(|member| text(&member["name"])));
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(seen.len(), 26);
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 26);
        for wrong in ["limit=0", "limit=201", "cursor=nonsense!", "cursor=bm93aGVyZQ", "page=2"] {
            assert_eq!(error_of(ada.get(&format!("{path}?{wrong}")).await).await, (400, "VALIDATION_FAILED".into()));
        }
    }
}

#[tokio::test]
async fn nobody_grants_a_role_above_their_own_and_admins_do_not_touch_owners() {
    let (app, ada) = home_with(&[("max", "admin"), ("eve", "owner"), ("tom", "member")]).await;
    let max = people::sign_in(&app, "max").await;
    let refused = (403, String::from("INSUFFICIENT_ROLE"));
    assert_eq!(error_of(set_role(&max, "tom", "owner").await).await, refused);
    assert_eq!(error_of(set_role(&max, "max", "owner").await).await, refused);
    assert_eq!(error_of(set_role(&max, "eve", "member").await).await, refused);
    assert_eq!(error_of(max.delete(&of("eve")).await).await, refused);
    assert_eq!(role_of(&ada, "eve").await, "owner");
    for role in ["king", "", "OWNER"] {
        assert_eq!(error_of(set_role(&ada, "tom", role).await).await, (400, "VALIDATION_FAILED".into()));
    }
    assert_eq!(error_of(ada.patch(&of("tom"), &json!({ "role": "admin", "plan": "x" })).await).await.0, 400);
    assert_eq!(role_of(&ada, "tom").await, "member");
    // What an admin has, an admin may give, and an owner may make owners; `editor` is a member.
    assert_eq!(set_role(&max, "tom", "admin").await.status(), 200);
    assert_eq!(set_role(&ada, "tom", "owner").await.status(), 200);
    assert_eq!(json_of(set_role(&ada, "tom", "editor").await, 200).await["role"], "member");
    let entry = last_action(&ada).await;
    assert_eq!(entry["action"], "member.role_changed");
    assert_eq!(entry["changes"], json!({ "role": { "before": "owner", "after": "member" } }));
    assert_eq!((&entry["actor"]["name"], &entry["target"]["id"]), (&json!("Ada"), &json!("usr_tom")));
}

#[tokio::test]
async fn whatever_concerns_owners_is_for_a_session_alone() {
    let (app, ada) = home_with(&[("eve", "owner"), ("tom", "member")]).await;
    let key = ada.make_key(json!({ "role": "admin" })).await;
    let ask = |method: Method, path: String, body: Value| {
        app.request(method, &path).bearer_auth(&key.token).json(&body).send()
    };
    let needs_session = (403, String::from("SESSION_REQUIRED"));
    let owner = json!({ "role": "owner" });
    assert_eq!(error_of(ask(Method::PATCH, of("tom"), owner.clone()).await.unwrap()).await, needs_session);
    assert_eq!(
        error_of(ask(Method::PATCH, of("eve"), json!({ "role": "member" })).await.unwrap()).await,
        needs_session
    );
    assert_eq!(error_of(ask(Method::DELETE, of("eve"), json!({})).await.unwrap()).await, needs_session);
    let invite = json!({ "email": "new@example.com", "role": "owner" });
    assert_eq!(error_of(ask(Method::POST, "/api/admin/invites".into(), invite).await.unwrap()).await, needs_session);
    assert_eq!(ask(Method::PATCH, of("tom"), json!({ "role": "admin" })).await.unwrap().status(), 200);
    assert_eq!(ask(Method::DELETE, of("tom"), json!({})).await.unwrap().status(), 204);
}

#[tokio::test]
async fn a_demoted_member_s_session_and_keys_follow_at_once() {
    let (app, ada) = home_with(&[("max", "admin")]).await;
    let max = people::sign_in(&app, "max").await;
    let key = max.make_key(json!({ "role": "admin" })).await;
    let shared = max.make_key(json!({ "role": "admin", "owner": "organization" })).await;
    let by_key = |token: String| {
        let request = app.request(Method::GET, KEYS).bearer_auth(token);
        async move { request.send().await.unwrap().status().as_u16() }
    };
    assert_eq!((by_key(key.token.clone()).await, app.verify_status(&key.token, "POST", "/x").await), (200, 200));
    assert_eq!(set_role(&ada, "max", "viewer").await.status(), 200);
    assert_eq!(by_key(key.token.clone()).await, 403);
    assert_eq!(app.verify_status(&key.token, "GET", "/x").await, 200);
    assert_eq!(app.verify_status(&key.token, "POST", "/x").await, 403);
    assert_eq!(by_key(shared.token).await, 200, "what the organization owns stays");
    assert_eq!(error_of(max.get(KEYS).await).await, (403, "INSUFFICIENT_ROLE".into()));
    assert_eq!(set_role(&ada, "max", "admin").await.status(), 200);
    assert_eq!(by_key(key.token).await, 200);
}

#[tokio::test]
async fn a_removed_member_s_sessions_and_keys_stop_at_once() {
    let (app, ada) = home_with(&[("max", "admin")]).await;
    let max = people::sign_in(&app, "max").await;
    let key = max.make_key(json!({})).await;
    let other = max.make_key(json!({})).await;
    max.patch(&format!("{KEYS}/{}", other.id), &json!({ "active": false })).await;
    max.make_key(json!({ "owner": "organization" })).await;
    assert_eq!(app.verify_status(&key.token, "GET", "/x").await, 200);
    assert_eq!(json_of(ada.get(&of("max")).await, 200).await["ownKeys"], 1, "the ones that work and are his own");
    assert_eq!(ada.delete(&of("max")).await.status(), 204);
    let refused = app.verify(&key.token, "GET", "/x").await;
    assert_eq!(error_of(refused).await, (401, "API_KEY_DEACTIVATED".into()));
    assert_eq!(error_of(max.get("/api/auth/session").await).await, (401, "SESSION_INVALID".into()));
    assert_eq!(error_of(ada.get(&of("max")).await).await, (404, "NOT_FOUND".into()));
    assert_eq!(error_of(ada.delete(&of("max")).await).await, (404, "NOT_FOUND".into()));
    let entry = last_action(&ada).await;
    assert_eq!(entry["action"], "member.removed");
    assert_eq!(entry["changes"]["ownKeys"]["before"], 1);
}

#[tokio::test]
async fn who_was_removed_from_their_last_organization_finds_one_of_their_own() {
    let (app, ada) = home_with(&[("max", "admin")]).await;
    assert_eq!(ada.delete(&of("max")).await.status(), 204);
    for _ in 0..2 {
        let max = people::sign_in(&app, "max").await;
        let who = json_of(max.get("/api/auth/session").await, 200).await;
        assert_eq!((&who["organization"]["home"], &who["organization"]["plan"]), (&json!(false), &json!("free")));
        assert_eq!((&who["role"], who["organizations"].as_array().unwrap().len()), (&json!("owner"), 1));
        assert_eq!(error_of(max.post(KEYS, &json!({ "name": "k" })).await).await, (403, "PLAN_NO_API_ACCESS".into()));
    }
}

#[tokio::test]
async fn an_administrator_ends_a_lockout_and_it_is_written_down() {
    let (app, ada) = home_with(&[("max", "admin"), ("tom", "member")]).await;
    let max = people::sign_in(&app, "max").await;
    assert_eq!(max.post(&format!("{}/unlock", of("tom")), &json!({})).await.status(), 204);
    let entry = last_action(&ada).await;
    assert_eq!((&entry["action"], &entry["target"]["id"]), (&json!("account.unlocked"), &json!("usr_tom")));
    assert_eq!(error_of(ada.post(&format!("{}/unlock", of("nobody")), &json!({})).await).await.0, 404);
}

#[tokio::test]
async fn members_and_invitations_of_another_organization_are_not_found_and_nothing_changes() {
    let (mut app, _) = App::spawn().await;
    app.stop().await;
    let state = people::state(&app);
    let other = people::add_organization(&state, "org_other");
    people::add_user(&state, other, "bea", "owner");
    people::add_user(&state, other, "bob", "member");
    drop(state);
    let app = app.restart().await;
    let ada = app.session_of(&app.sign_in(super::support::EMAIL, super::support::PASSWORD).await);
    let key = ada.make_key(json!({ "role": "admin" })).await;
    let bea = people::sign_in(&app, "bea").await;
    let invited = bea.post("/api/admin/invites", &json!({ "email": "new@example.com", "role": "member" })).await;
    let invitation = text(&json_of(invited, 201).await["id"]);
    let state = || async {
        (
            json_of(bea.get(MEMBERS).await, 200).await,
            json_of(bea.get("/api/admin/invites").await, 200).await,
            json_of(bea.get("/api/admin/audit-log").await, 200).await,
        )
    };
    let before = state().await;
    for (method, path, body) in [
        (Method::GET, of("bob"), json!({})),
        (Method::PATCH, of("bob"), json!({ "role": "admin" })),
        (Method::PATCH, of("bob"), json!({ "nonsense": 1 })),
        (Method::DELETE, of("bob"), json!({})),
        (Method::POST, format!("{}/unlock", of("bob")), json!({})),
        (Method::DELETE, format!("/api/admin/invites/{invitation}"), json!({})),
        (Method::POST, format!("/api/admin/invites/{invitation}/resend"), json!({})),
    ] {
        for request in [ada.request(method.clone(), &path), app.request(method.clone(), &path).bearer_auth(&key.token)]
        {
            let request = if method == Method::GET { request } else { request.json(&body) };
            assert_eq!(error_of(request.send().await.unwrap()).await, (404, "NOT_FOUND".into()), "{method} {path}");
        }
    }
    assert_eq!(state().await, before);
    for path in [MEMBERS, "/api/members", "/api/admin/invites"] {
        let told = ada.get(path).await.text().await.unwrap();
        assert!(!told.contains("bob") && !told.contains("bea") && !told.contains(&invitation), "{told}");
    }
}

#[tokio::test]
async fn an_admin_who_is_removed_while_the_body_is_on_its_way_leaves_no_key_behind() {
    let (app, ada) = home_with(&[("max", "admin")]).await;
    let max = people::sign_in(&app, "max").await;
    let body = r#"{"name": "left behind", "role": "admin", "owner": "organization"}"#;
    let mut stream = tokio::net::TcpStream::connect(app.address).await.unwrap();
    let head = format!(
        "POST {KEYS} HTTP/1.1\r\nHost: claviger\r\nCookie: {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        max.cookie,
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // Time enough for the gate to let Max in. (If it were not, Max would be refused all the same.)
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(ada.delete(&of("max")).await.status(), 204);
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("INSUFFICIENT_ROLE"), "{answer}");
    assert_eq!(json_of(ada.get(KEYS).await, 200).await["items"], json!([]));
}
