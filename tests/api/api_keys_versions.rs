//! Two who change the same key do not overwrite each other unseen: `ETag` and `If-Match`.

use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::at_once::{at_once, count, fault_of};
use super::support::{App, KEYS, Key, Session, error_of, header};

async fn patch(session: &Session, id: &str, if_match: &str, body: Value) -> Response {
    let request = session.request(Method::PATCH, &format!("{KEYS}/{id}")).header("If-Match", if_match);
    request.json(&body).send().await.unwrap()
}

async fn tag(session: &Session, key: &Key) -> String {
    let response = session.get(&format!("{KEYS}/{}", key.id)).await;
    header(&response, "etag").to_owned()
}

#[tokio::test]
async fn every_answer_with_a_key_has_the_tag_of_its_version_which_use_does_not_change() {
    let (app, session) = App::spawn().await;
    let made = session.post(KEYS, &json!({ "name": "k" })).await;
    assert_eq!((made.status().as_u16(), header(&made, "etag")), (201, "\"1\""));
    let object: Value = made.json().await.unwrap();
    assert_eq!(object["version"], 1);
    let (id, token) = (object["id"].as_str().unwrap().to_owned(), object["key"].as_str().unwrap().to_owned());
    let path = format!("{KEYS}/{id}");
    app.verify_status(&token, "GET", "/x").await;
    let seen = session.get(&path).await;
    assert_eq!(header(&seen, "etag"), "\"1\"");
    let changed = session.patch(&path, &json!({ "name": "K" })).await;
    assert_eq!((changed.status().as_u16(), header(&changed, "etag")), (200, "\"2\""));
    assert_eq!(changed.json::<Value>().await.unwrap()["version"], 2);
    // What changes nothing makes no version.
    let same = session.patch(&path, &json!({ "name": "K" })).await;
    assert_eq!((same.status().as_u16(), header(&same, "etag")), (200, "\"2\""));
    let listed: Value = session.get(KEYS).await.json().await.unwrap();
    assert_eq!(listed["items"][0]["version"], 2);
    let successor = session.post(&format!("{path}/rotate"), &json!({})).await;
    assert_eq!((successor.status().as_u16(), header(&successor, "etag")), (201, "\"1\""));
    assert_eq!(header(&session.get(&path).await, "etag"), "\"3\"");
}

#[tokio::test]
async fn a_change_of_a_version_that_is_over_is_refused_and_changes_nothing() {
    let (_app, session) = App::spawn().await;
    let key = session.make_key(json!({ "name": "first" })).await;
    let read = tag(&session, &key).await;
    assert_eq!(patch(&session, &key.id, &read, json!({ "name": "one tab" })).await.status(), 200);
    let before = session.key(&key.id).await;
    let log = || async {
        session.get("/api/admin/audit-log?action=api_key.updated").await.json::<Value>().await.unwrap()["items"].clone()
    };
    let logged = log().await;
    for body in [json!({ "name": "other tab" }), json!({ "active": false }), json!({ "name": "one tab" }), json!({})] {
        let refused = patch(&session, &key.id, &read, body.clone()).await;
        assert_eq!(header(&refused, "etag"), "");
        let told: Value = refused.json().await.unwrap();
        assert_eq!(
            (&told["code"], &told["error"]),
            (&json!("VERSION_MISMATCH"), &json!("precondition_failed")),
            "{body}"
        );
        assert!(told["message"].as_str().unwrap().contains("read it again"), "{told}");
    }
    assert_eq!((session.key(&key.id).await, log().await), (before, logged));
    let read = tag(&session, &key).await;
    let changed = patch(&session, &key.id, &read, json!({ "name": "other tab" })).await;
    assert_eq!((changed.status().as_u16(), header(&changed, "etag")), (200, "\"3\""));
    // Who says nothing overwrites, as before.
    assert_eq!(session.patch(&format!("{KEYS}/{}", key.id), &json!({ "name": "unseen" })).await.status(), 200);
}

#[tokio::test]
async fn if_match_is_read_as_a_list_and_a_star_but_never_weakly() {
    let (_app, session) = App::spawn().await;
    let key = session.make_key(json!({})).await;
    for (if_match, status) in [
        ("\"1\"", 200),
        ("\"7\", \"1\"", 200),
        ("*", 200),
        ("\"7\"", 412),
        ("W/\"1\"", 412),
        ("\"01\"", 412),
        ("\"one\"", 412),
        ("1", 400),
        ("\"1", 400),
    ] {
        // The same as it is: nothing changes, and the version stays.
        let answer = patch(&session, &key.id, if_match, json!({ "name": "A key" })).await;
        assert_eq!(answer.status(), status, "{if_match}");
    }
    let (status, code, fields) = fault_of(patch(&session, &key.id, "1", json!({})).await).await;
    assert_eq!((status, code.as_str()), (400, "VALIDATION_FAILED"));
    assert!(fields["If-Match"].is_string(), "{fields}");
    // A key that is not there comes first, and the body last.
    assert_eq!(error_of(patch(&session, "key_nobody", "\"7\"", json!({})).await).await, (404, "NOT_FOUND".into()));
    let wrong = patch(&session, &key.id, "\"7\"", json!({ "name": "" })).await;
    assert_eq!(error_of(wrong).await, (412, "VERSION_MISMATCH".into()));
    let wrong = patch(&session, &key.id, "\"1\"", json!({ "name": "" })).await;
    assert_eq!(error_of(wrong).await, (400, "VALIDATION_FAILED".into()));
}

#[tokio::test]
async fn rotating_and_deleting_are_held_to_the_version_that_is_said_and_ask_for_none() {
    let (app, session) = App::spawn().await;
    let key = session.make_key(json!({})).await;
    let path = format!("{KEYS}/{}", key.id);
    let rotate = |tag: &str, body: Value| {
        session.request(Method::POST, &format!("{path}/rotate")).header("If-Match", tag).json(&body).send()
    };
    let delete = |tag: &str| session.request(Method::DELETE, &path).header("If-Match", tag).send();
    let before = session.key(&key.id).await;
    for answer in [
        rotate("\"9\"", json!({})).await,
        rotate("\"9\"", json!({ "graceSeconds": -1 })).await,
        rotate("W/\"1\"", json!({})).await,
        delete("\"9\"").await,
    ] {
        assert_eq!(error_of(answer.unwrap()).await, (412, "VERSION_MISMATCH".into()));
    }
    assert_eq!(error_of(delete("1").await.unwrap()).await, (400, "VALIDATION_FAILED".into()));
    assert_eq!(session.key(&key.id).await, before);
    assert_eq!(app.verify_status(&key.token, "GET", "/x").await, 200);
    assert_eq!(rotate("\"1\"", json!({})).await.unwrap().status(), 201);
    assert_eq!(delete("\"1\"").await.unwrap().status(), 412);
    assert_eq!(delete("\"2\"").await.unwrap().status(), 204);
    let unsaid = session.make_key(json!({})).await;
    assert_eq!(session.post(&format!("{KEYS}/{}/rotate", unsaid.id), &json!({})).await.status(), 201);
    assert_eq!(session.delete(&format!("{KEYS}/{}", unsaid.id)).await.status(), 204);
}

#[tokio::test]
async fn of_sixty_four_who_change_the_same_version_at_once_exactly_one_succeeds() {
    let (_app, session) = App::spawn().await;
    let key = session.make_key(json!({})).await;
    let answers = at_once(64, |index| {
        let (session, id) = (session.clone(), key.id.clone());
        async move {
            let answer = patch(&session, &id, "\"1\"", json!({ "name": format!("by {index}") })).await;
            let status = answer.status().as_u16();
            (status, answer.json::<Value>().await.unwrap())
        }
    })
    .await;
    let statuses: Vec<u16> = answers.iter().map(|(status, _)| *status).collect();
    assert_eq!((count(&statuses, 200), count(&statuses, 412)), (1, 63), "{statuses:?}");
    let winner = &answers.iter().find(|(status, _)| *status == 200).unwrap().1;
    let now = session.key(&key.id).await;
    assert_eq!((&now["name"], &now["version"]), (&winner["name"], &json!(2)));
    let log: Value = session.get("/api/admin/audit-log?action=api_key.updated").await.json().await.unwrap();
    assert_eq!(log["items"].as_array().unwrap().len(), 1);
}
