//! The organization: seen, renamed, deleted with everything of it.

use reqwest::Method;
use serde_json::{Value, json};

use super::people;
use super::support::{App, EMAIL, KEYS, PASSWORD, Session, error_of, text};

const ORGANIZATION: &str = "/api/admin/organization";

/// Ada's Home, and Bea's Other with an admin and a member.
async fn two() -> (App, Session, Session) {
    let (app, _) = App::spawn().await;
    let (app, ada, bea) = people::with_other(app, &[("bea", "owner"), ("bob", "admin")]).await;
    (app, ada, bea)
}

async fn delete(session: &Session, body: &Value) -> reqwest::Response {
    session.request(Method::DELETE, ORGANIZATION).json(body).send().await.unwrap()
}

#[tokio::test]
async fn an_organization_is_seen_and_renamed() {
    let (_app, ada, _) = two().await;
    let seen: Value = ada.get(ORGANIZATION).await.json().await.unwrap();
    assert_eq!((&seen["name"], &seen["home"], &seen["plan"]), (&"Home".into(), &true.into(), &"enterprise".into()));
    let renamed: Value = ada.patch(ORGANIZATION, &json!({ "name": " Example Ltd " })).await.json().await.unwrap();
    assert_eq!((&renamed["id"], &renamed["name"]), (&seen["id"], &"Example Ltd".into()));
    let log: Value = ada.get("/api/admin/audit-log?action=organization.updated").await.json().await.unwrap();
    assert_eq!(log["items"][0]["changes"], json!({ "name": { "before": "Home", "after": "Example Ltd" } }));
    let long = "x".repeat(101);
    for body in [json!({ "name": "" }), json!({ "name": "a\nb" }), json!({ "name": long }), json!({ "plan": "free" })] {
        assert_eq!(error_of(ada.patch(ORGANIZATION, &body).await).await, (400, "VALIDATION_FAILED".into()), "{body}");
    }
    let again: Value = ada.patch(ORGANIZATION, &json!({})).await.json().await.unwrap();
    assert_eq!(again, renamed);
}

#[tokio::test]
async fn what_the_plan_gives_and_what_of_it_is_used_is_told() {
    let (app, ada, bea) = two().await;
    let unlimited: Value = ada.get(ORGANIZATION).await.json().await.unwrap();
    assert_eq!(unlimited["apiKeys"]["limit"], Value::Null);
    let told = |session: Session| async move {
        let seen: Value = session.get(ORGANIZATION).await.json().await.unwrap();
        (seen["apiKeys"].clone(), seen["members"].clone())
    };
    let keys =
        |limit: u32, used: u32| json!({ "limit": limit, "used": used, "maxRateLimit": 10_000, "defaultRateLimit": 60 });
    assert!(app.claviger(&["org", "plan", "org_other", "professional"]).status.success());
    let first = bea.make_key(json!({})).await;
    let second = bea.make_key(json!({})).await;
    bea.make_key(json!({})).await;
    assert_eq!(told(bea.clone()).await, (keys(10, 3), json!(2)));
    // Neither a superseded key nor a deleted one counts.
    bea.post(&format!("{KEYS}/{}/rotate", first.id), &json!({})).await;
    bea.delete(&format!("{KEYS}/{}", second.id)).await;
    assert_eq!(told(bea.clone()).await, (keys(10, 2), json!(2)));
    assert!(app.claviger(&["org", "plan", "org_other", "free"]).status.success());
    assert_eq!(told(bea).await, (keys(0, 2), json!(2)));
}

#[tokio::test]
async fn only_an_owner_s_session_with_the_password_deletes_and_never_the_home_organization() {
    let (app, ada, bea) = two().await;
    let password = json!({ "password": PASSWORD });
    assert_eq!(error_of(delete(&ada, &password).await).await, (409, "CONFLICT".into()));
    let bob = people::sign_in(&app, "bob").await;
    assert_eq!(error_of(delete(&bob, &password).await).await, (403, "INSUFFICIENT_ROLE".into()));
    let key = bea.make_key(json!({ "role": "admin" })).await;
    let by_key = app.request(Method::DELETE, ORGANIZATION).bearer_auth(&key.token).json(&password);
    assert_eq!(error_of(by_key.send().await.unwrap()).await, (403, "SESSION_REQUIRED".into()));
    for wrong in [json!({ "password": "WrongPass1" }), json!({}), json!({ "password": "x".repeat(80) })] {
        assert_eq!(error_of(delete(&bea, &wrong).await).await, (400, "VALIDATION_FAILED".into()), "{wrong}");
    }
    assert_eq!(bea.get(ORGANIZATION).await.status(), 200);
}

#[tokio::test]
async fn a_deleted_organization_takes_everything_along_at_once() {
    let (app, ada, bea) = two().await;
    let key = bea.make_key(json!({})).await;
    let invite = json!({ "email": "new@example.com", "role": "member" });
    let invited: Value = bea.post("/api/admin/invites", &invite).await.json().await.unwrap();
    let version = |token: String| {
        let request = app.request(Method::GET, "/v1/version").bearer_auth(token);
        async move { request.send().await.unwrap() }
    };
    assert_eq!(version(key.token.clone()).await.status(), 200);
    let bob = people::sign_in(&app, "bob").await;
    assert_eq!(delete(&bea, &json!({ "password": PASSWORD })).await.status(), 204);
    assert_eq!(error_of(version(key.token.clone()).await).await, (401, "API_KEY_INVALID".into()));
    for session in [&bea, &bob] {
        assert_eq!(error_of(session.get("/api/auth/session").await).await, (401, "SESSION_INVALID".into()));
    }
    let token = text(&invited["inviteUrl"]).split_once("token=").unwrap().1.to_owned();
    let info = app.request(Method::POST, "/api/auth/invite-info").json(&json!({ "token": token })).send();
    assert_eq!(error_of(info.await.unwrap()).await, (400, "TOKEN_INVALID".into()));
    let state = people::state(&app);
    for table in ["memberships", "api_keys", "invitations", "outbox", "sessions"] {
        let sql = format!("SELECT count(*) FROM {table} WHERE organization = 7000");
        assert_eq!(state.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap(), 0, "{table}");
    }
    assert_eq!(ada.get(ORGANIZATION).await.status(), 200, "the others stay as they were");
    // Who has no other one finds one of their own.
    let bob = people::sign_in(&app, "bob").await;
    let who: Value = bob.get("/api/auth/session").await.json().await.unwrap();
    assert_eq!((&who["organization"]["name"], &who["role"]), (&"bob".into(), &"owner".into()));
    assert!(app.claviger(&["audit", "verify"]).status.success());
}

#[tokio::test]
async fn a_deleted_organization_s_requests_are_never_shown_to_a_later_one() {
    let (app, _, bea) = two().await;
    let key = bea.make_key(json!({})).await;
    for _ in 0..3 {
        let request = app.request(Method::GET, "/v1/version").bearer_auth(&key.token);
        assert_eq!(request.send().await.unwrap().status(), 200);
    }
    let seen: Value = bea.get("/api/admin/requests").await.json().await.unwrap();
    assert_eq!(seen["items"].as_array().unwrap().len(), 3);
    assert_eq!(delete(&bea, &json!({ "password": PASSWORD })).await.status(), 204);
    let mut app = app;
    app.stop().await;
    // Even where the audit log no longer remembers the numbers.
    people::state(&app).execute_batch("DELETE FROM audit_log").unwrap();
    let app = app.restart().await;
    for name in ["bea", "bob"] {
        let session = people::sign_in(&app, name).await;
        let seen: Value = session.get("/api/admin/requests").await.json().await.unwrap();
        assert_eq!(seen["items"], json!([]), "{name}");
        let number: i64 =
            people::state(&app).query_row("SELECT max(number) FROM organizations", [], |row| row.get(0)).unwrap();
        assert!(number > 7_000, "{number}");
    }
    let ada = app.session_of(&app.sign_in(EMAIL, PASSWORD).await);
    assert_eq!(ada.make_key(json!({})).await.object["requestCount"], 0);
    assert_eq!(ada.get(KEYS).await.status(), 200);
}
