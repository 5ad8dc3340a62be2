//! One's own sessions: listed, ended, switched (security test 7).

use reqwest::Method;
use serde_json::{Value, json};

use super::people;
use super::support::{App, EMAIL, PASSWORD, Session, error_of, text};

const SESSIONS: &str = "/api/auth/sessions";
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";

async fn sign_in_with(app: &App, user_agent: &str) -> Session {
    let body = json!({ "email": EMAIL, "password": PASSWORD });
    let request = app.request(Method::POST, "/api/auth/sign-in").header("User-Agent", user_agent).json(&body);
    app.session_of(&request.send().await.unwrap())
}

async fn list(session: &Session) -> Vec<Value> {
    let page: Value = session.get(SESSIONS).await.json().await.unwrap();
    page["items"].as_array().unwrap().clone()
}

async fn is_alive(session: &Session) -> bool {
    session.get("/api/auth/session").await.status() == 200
}

/// A server with Ada and the member Max, both signed in.
async fn spawn() -> (App, Session, Session) {
    let (mut app, _) = App::spawn().await;
    app.stop().await;
    let state = people::state(&app);
    people::add_user(&state, people::home(&state), "max", "member");
    drop(state);
    let app = app.restart().await;
    let ada = app.session_of(&app.sign_in(EMAIL, PASSWORD).await);
    let max = people::sign_in(&app, "max").await;
    (app, ada, max)
}

#[tokio::test]
async fn the_list_shows_ones_own_living_sessions_the_newest_first() {
    let (app, first) = App::spawn().await;
    app.clock.advance_ms(3_600_000);
    let second = sign_in_with(&app, FIREFOX).await;
    let items = list(&second).await;
    let shown: Vec<_> = items.iter().map(|item| json!([item["device"], item["createdAt"], item["current"]])).collect();
    assert_eq!(
        shown,
        [
            json!(["Firefox on Linux", "2030-01-01T01:00:00.000Z", true]),
            json!(["Unknown device", "2030-01-01T00:00:00.000Z", false]),
        ]
    );
    assert!(items.iter().all(|item| text(&item["id"]).starts_with("ses_") && item["ip"] == "127.0.0.1"));
    assert_eq!(items[0].as_object().unwrap().len(), 6, "and no token: {items:?}");
    assert!(list(&first).await[1]["current"].as_bool().unwrap(), "each calls itself the current one");
}

#[tokio::test]
async fn a_session_that_lay_idle_is_not_shown() {
    let (app, _) = App::spawn().await;
    app.clock.advance_ms(3_600_000);
    let second = sign_in_with(&app, FIREFOX).await;
    assert_eq!(list(&second).await.len(), 2);
    app.clock.advance_ms(23 * 3_600_000);
    assert_eq!(list(&second).await.len(), 1);
}

#[tokio::test]
async fn a_long_list_comes_in_pages() {
    let (app, _) = App::spawn().await;
    let mut last = None;
    for _ in 0..6 {
        app.clock.advance_ms(1);
        last = Some(sign_in_with(&app, FIREFOX).await);
    }
    let session = last.unwrap();
    let mut seen = Vec::new();
    let mut path = format!("{SESSIONS}?limit=3");
    loop {
        let page: Value = session.get(&path).await.json().await.unwrap();
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| text(&item["id"])));
        let Some(next) = page["nextCursor"].as_str() else { break };
        path = format!("{SESSIONS}?limit=3&cursor={next}");
    }
    assert_eq!(seen.len(), 7);
    assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "{seen:?}");
    for wrong in ["limit=0", "cursor=x", "page=2"] {
        let found = error_of(session.get(&format!("{SESSIONS}?{wrong}")).await).await;
        assert_eq!(found, (400, "VALIDATION_FAILED".into()), "{wrong}");
    }
}

#[tokio::test]
async fn ending_one_session_ends_that_one_at_once() {
    let (app, first) = App::spawn().await;
    let second = sign_in_with(&app, FIREFOX).await;
    let other = list(&second).await.into_iter().find(|item| item["current"] == false).unwrap();
    let path = format!("{SESSIONS}/{}", text(&other["id"]));
    assert_eq!(second.delete(&path).await.status(), 204);
    assert_eq!(error_of(first.get("/api/auth/session").await).await, (401, "SESSION_INVALID".into()));
    assert!(is_alive(&second).await);
    assert_eq!(second.delete(&path).await.status(), 404);
    let own = format!("{SESSIONS}/{}", text(&list(&second).await[0]["id"]));
    assert_eq!(second.delete(&own).await.status(), 204);
    assert!(!is_alive(&second).await);
}

#[tokio::test]
async fn nobody_ends_or_sees_anothers_session() {
    let (_app, ada, max) = spawn().await;
    let of_max = text(&list(&max).await[0]["id"]);
    assert!(!list(&ada).await.iter().any(|item| item["id"] == of_max.as_str()));
    let response = ada.delete(&format!("{SESSIONS}/{of_max}")).await;
    assert_eq!(error_of(response).await, (404, "NOT_FOUND".into()));
    assert_eq!(ada.delete(SESSIONS).await.status(), 204);
    assert!(is_alive(&max).await);
}

#[tokio::test]
async fn ending_all_others_leaves_the_one_that_asks() {
    let (app, first) = App::spawn().await;
    let (second, third) = (sign_in_with(&app, FIREFOX).await, sign_in_with(&app, "curl/8").await);
    assert_eq!(second.delete(SESSIONS).await.status(), 204);
    let alive = (is_alive(&first).await, is_alive(&second).await, is_alive(&third).await);
    assert_eq!(alive, (false, true, false));
    let log: Value = second.get("/api/admin/audit-log?action=session.*").await.json().await.unwrap();
    assert_eq!(log["items"][0]["action"], "session.others_ended", "{log}");
}

#[tokio::test]
async fn an_old_cookie_sent_along_is_never_taken_for_the_new_session() {
    let (app, old) = App::spawn().await;
    let body = json!({ "email": EMAIL, "password": PASSWORD });
    let response = old.post("/api/auth/sign-in", &body).await;
    let new = app.session_of(&response);
    assert_ne!(new.cookie, old.cookie);
    let ids: Vec<Value> = list(&new).await.iter().map(|item| item["id"].clone()).collect();
    assert_eq!(ids.len(), 2);
    let token = new.cookie.split_once('=').unwrap().1.to_owned();
    assert!(ids.iter().all(|id| !text(id).contains(&token) && !token.contains(&text(id)[4..])));
    // A cookie of somebody's own making is not taken over either.
    let planted = format!("claviger=ses_{}", "0".repeat(64));
    let request = app.request(Method::POST, "/api/auth/sign-in").header("Cookie", &planted).json(&body);
    assert_ne!(app.session_of(&request.send().await.unwrap()).cookie, planted);
}

#[tokio::test]
async fn disabling_an_account_ends_its_sessions_with_the_next_request() {
    let (mut app, _, max) = spawn().await;
    assert!(is_alive(&max).await);
    app.stop().await;
    people::state(&app).execute("UPDATE users SET disabled_at = 1 WHERE id = 'usr_max'", []).unwrap();
    let app = app.restart().await;
    let asked = app.request(Method::GET, SESSIONS).header("Cookie", &max.cookie).send().await.unwrap();
    assert_eq!(error_of(asked).await, (401, "SESSION_INVALID".into()));
}

#[tokio::test]
async fn a_session_switches_to_another_organization_of_its_user_and_to_no_other() {
    let (mut app, _) = App::spawn().await;
    app.stop().await;
    let state = people::state(&app);
    let other = people::add_organization(&state, "org_other");
    let ada: String = state.query_row("SELECT id FROM users WHERE email = ?1", [EMAIL], |row| row.get(0)).unwrap();
    let joined = super::support::START + 1;
    let insert = "INSERT INTO memberships (organization, user, role, joined_at) VALUES (?1, ?2, 'admin', ?3)";
    state.execute(insert, rusqlite::params![other, ada, joined]).unwrap();
    people::add_user(&state, people::home(&state), "max", "member");
    drop(state);
    let app = app.restart().await;
    let (ada, max) = (app.session_of(&app.sign_in(EMAIL, PASSWORD).await), people::sign_in(&app, "max").await);
    let elsewhere = app.session_of(&app.sign_in(EMAIL, PASSWORD).await);
    let home = text(&ada.get("/api/auth/session").await.json::<Value>().await.unwrap()["organization"]["id"]);

    let switch = |session: &Session, to: &str| {
        let request = session.request(Method::POST, "/api/auth/switch-organization");
        request.json(&json!({ "organizationId": to })).send()
    };
    let response = switch(&ada, "org_other").await.unwrap();
    assert_eq!(response.status(), 200);
    let told: Value = response.json().await.unwrap();
    assert_eq!((&told["organization"]["id"], &told["role"]), (&json!("org_other"), &json!("admin")));
    assert_eq!(told["organizations"].as_array().unwrap().len(), 2);
    assert_eq!(ada.get("/api/auth/session").await.json::<Value>().await.unwrap(), told);
    let log: Value = ada.get("/api/admin/audit-log").await.json().await.unwrap();
    assert_eq!(log["items"].as_array().unwrap().len(), 1, "only the other organization's: {log}");
    let changes = json!({ "organization": { "before": home, "after": "org_other" } });
    assert_eq!((&log["items"][0]["action"], &log["items"][0]["changes"]), (&json!("session.switched"), &changes));
    let unmoved: Value = elsewhere.get("/api/auth/session").await.json().await.unwrap();
    assert_eq!(unmoved["organization"]["id"], home.as_str(), "one session alone switches");

    assert_eq!(switch(&ada, &home).await.unwrap().status(), 200);
    for nowhere in ["org_other", "org_nobody", ""] {
        let found = error_of(switch(&max, nowhere).await.unwrap()).await;
        assert_eq!(found, (404, "NOT_FOUND".into()), "{nowhere}");
    }
    let response = ada.post("/api/auth/switch-organization", &json!({ "organizationId": home, "role": "owner" })).await;
    assert_eq!(error_of(response).await, (400, "VALIDATION_FAILED".into()));
}
