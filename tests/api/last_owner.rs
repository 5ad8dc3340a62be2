//! Security test 14: an organization never loses its last owner, whoever asks for it and however many at once.

use serde_json::json;

use super::at_once::{count, statuses_at_once};
use super::people::{self, home_with};
use super::support::{App, EMAIL, PASSWORD, Session, error_of};

fn of(name: &str) -> String {
    format!("/api/admin/members/usr_{name}")
}

/// How many owners of Home can sign in, straight from the database.
fn owners(app: &App) -> i64 {
    let sql = "SELECT count(*) FROM memberships JOIN users ON users.id = memberships.user
               JOIN organizations ON organizations.number = memberships.organization
               WHERE home = 1 AND role = 'owner' AND disabled_at IS NULL";
    people::state(app).query_row(sql, [], |row| row.get(0)).unwrap()
}

async fn ada_s_id(session: &Session) -> String {
    let who: serde_json::Value = session.get("/api/auth/session").await.json().await.unwrap();
    who["user"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_last_owner_can_neither_leave_nor_step_down() {
    let (_app, ada) = home_with(&[("max", "admin")]).await;
    let own = format!("/api/admin/members/{}", ada_s_id(&ada).await);
    assert_eq!(error_of(ada.delete(&own).await).await, (403, "LAST_OWNER".into()));
    for role in ["admin", "member", "viewer"] {
        let response = ada.patch(&own, &json!({ "role": role })).await;
        assert_eq!(error_of(response).await, (403, "LAST_OWNER".into()));
    }
    assert_eq!(ada.patch(&of("max"), &json!({ "role": "owner" })).await.status(), 200);
    assert_eq!(ada.delete(&own).await.status(), 204);
}

#[tokio::test]
async fn an_owner_who_is_disabled_does_not_count() {
    let (app, ada) = home_with(&[("eve", "owner")]).await;
    assert!(app.claviger(&["user", "disable", "eve@example.com"]).status.success());
    let own = format!("/api/admin/members/{}", ada_s_id(&ada).await);
    assert_eq!(error_of(ada.delete(&own).await).await, (403, "LAST_OWNER".into()));
    assert!(!app.claviger(&["user", "disable", EMAIL]).status.success());
    assert_eq!(owners(&app), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_owners_who_remove_each_other_one_stays() {
    for round in 0..8 {
        let (app, ada) = home_with(&[("eve", "owner")]).await;
        let eve = people::sign_in(&app, "eve").await;
        let of_ada = format!("/api/admin/members/{}", ada_s_id(&ada).await);
        let statuses = statuses_at_once(2, |index| match (index, round % 2) {
            (0, 0) => ada.request(reqwest::Method::DELETE, &of("eve")),
            (0, _) => ada.request(reqwest::Method::PATCH, &of("eve")).json(&json!({ "role": "member" })),
            (_, 0) => eve.request(reqwest::Method::DELETE, &of_ada),
            _ => eve.request(reqwest::Method::PATCH, &of_ada).json(&json!({ "role": "member" })),
        })
        .await;
        assert_eq!(owners(&app), 1, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|status| **status < 300).count(), 1, "{statuses:?}");
        assert!(statuses.iter().all(|status| *status < 500), "{statuses:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sixty_four_requests_that_remove_every_owner_one_owner_is_left() {
    let (app, _) = home_with(&[("eve", "owner"), ("max", "owner"), ("tom", "owner")]).await;
    let mut sessions = vec![app.session_of(&app.sign_in(EMAIL, PASSWORD).await)];
    for name in ["eve", "max", "tom"] {
        sessions.push(people::sign_in(&app, name).await);
    }
    let targets = [format!("/api/admin/members/{}", ada_s_id(&sessions[0]).await), of("eve"), of("max"), of("tom")];
    let statuses = statuses_at_once(64, |index| {
        let (asks, about) = (index % 4, index / 4 % 4);
        sessions[asks].request(reqwest::Method::DELETE, &targets[about])
    })
    .await;
    assert_eq!(owners(&app), 1, "{statuses:?}");
    assert_eq!(count(&statuses, 204), 3, "{statuses:?}");
    assert!(statuses.iter().all(|status| [204, 401, 403, 404, 409].contains(status)), "{statuses:?}");
}
