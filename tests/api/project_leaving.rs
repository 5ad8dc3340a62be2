//! Who leaves: a project oneself, or the organization and all of its projects with it. Each is told of, and counts.

use reqwest::Method;
use serde_json::{Value, json};

use super::people::{self, home_with};
use super::projects::{body, make_at, share};
use super::support::{PASSWORD, Session, error_of};

/// The version, who it is shared with, and the newest event with who did it.
async fn told(session: &Session, project: &str) -> (i64, Vec<Value>, Value, Value) {
    let seen = body(session.get(project).await).await;
    let activity = body(session.get(&format!("{project}/activity")).await).await;
    let members = seen["members"].as_array().unwrap().iter().map(|member| member["id"].clone()).collect();
    let newest = &activity["items"][0];
    (seen["version"].as_i64().unwrap(), members, newest["summary"].clone(), newest["changes"].clone())
}

#[tokio::test]
async fn who_leaves_the_organization_is_told_of_in_each_of_its_projects() {
    let (app, ada) = home_with(&[("max", "member"), ("tom", "viewer"), ("eve", "member")]).await;
    let (first, second) = (make_at(&ada, "First").await, make_at(&ada, "Second").await);
    for (project, user, access) in [
        (&first, "usr_max", "write"),
        (&first, "usr_tom", "read"),
        (&second, "usr_max", "read"),
        (&first, "usr_eve", "read"),
    ] {
        assert_eq!(share(&ada, project, user, access).await.status(), 200);
    }
    let removed = |name: &str, access: &str| json!({ "member": { "before": { "id": format!("usr_{name}"), "name": name } }, "access": { "before": access } });
    let old = ada.request(Method::PATCH, &first).header("If-Match", "\"4\"").json(&json!({ "name": "Unseen" }));
    assert_eq!(ada.delete("/api/admin/members/usr_max").await.status(), 204);
    let expected = (5, vec![json!("usr_eve"), json!("usr_tom")], json!("Ada ended the access of max"));
    let (version, members, summary, changes) = told(&ada, &first).await;
    assert_eq!(((version, members, summary), changes), (expected, removed("max", "write")));
    let (version, members, summary, changes) = told(&ada, &second).await;
    let expected = (3, vec![], json!("Ada ended the access of max"));
    assert_eq!(((version, members, summary), changes), (expected, removed("max", "read")));
    assert_eq!(error_of(old.send().await.unwrap()).await, (412, "VERSION_MISMATCH".into()));

    let tom = people::sign_in(&app, "tom").await;
    let deleted = tom.request(Method::DELETE, "/api/auth/account").json(&json!({ "password": PASSWORD }));
    assert_eq!(deleted.send().await.unwrap().status(), 204);
    let (version, members, summary, changes) = told(&ada, &first).await;
    let expected = (6, vec![json!("usr_eve")], json!("tom ended the access of tom"));
    assert_eq!(((version, members, summary), changes), (expected, removed("tom", "read")));
    assert_eq!(body(ada.get(&second).await).await["version"], 3, "it was not shared with Tom");
}

#[tokio::test]
async fn a_viewer_leaves_what_was_shared_with_them_and_nothing_else() {
    let (app, ada) = home_with(&[("vic", "viewer"), ("vera", "viewer")]).await;
    let project = make_at(&ada, "x").await;
    for user in ["usr_vic", "usr_vera"] {
        assert_eq!(share(&ada, &project, user, "read").await.status(), 200);
    }
    let vic = people::sign_in(&app, "vic").await;
    let member = |user: &str| format!("{project}/members/{user}");
    assert_eq!(error_of(vic.delete(&member("usr_vera")).await).await, (403, "INSUFFICIENT_ROLE".into()));
    assert_eq!(vic.delete(&member("usr_vic")).await.status(), 204);
    assert_eq!(error_of(vic.get(&project).await).await.0, 404);
    assert_eq!(error_of(vic.delete(&member("usr_vic")).await).await, (404, "NOT_FOUND".into()));
    assert_eq!(told(&ada, &project).await.1, [json!("usr_vera")]);
}
