//! The audit log: who did what to what, from where, in which request, and what it was before.

use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::at_once::fault_of;
use super::support::{App, EMAIL, KEYS, PASSWORD, Session, header, text};

const LOG: &str = "/api/admin/audit-log";

async fn entries(session: &Session, query: &str) -> Vec<Value> {
    let response = session.get(&format!("{LOG}{query}")).await;
    assert_eq!(response.status(), 200, "{query}");
    response.json::<Value>().await.unwrap()["items"].as_array().unwrap().clone()
}

async fn actions(session: &Session, query: &str) -> Vec<String> {
    entries(session, query).await.iter().map(|entry| text(&entry["action"])).collect()
}

/// The newest entry, which must be that of this answer's request.
async fn entry_of(session: &Session, response: &Response) -> Value {
    let entry = entries(session, "?limit=1").await.remove(0);
    assert_eq!(entry["requestId"], header(response, "x-request-id"));
    entry
}

/// Sends a request with a user agent, at a time of its own.
async fn send(app: &App, request: reqwest::RequestBuilder) -> Response {
    app.clock.advance_ms(1_000);
    request.header("User-Agent", "Browser/7").send().await.unwrap()
}

#[tokio::test]
async fn every_change_of_a_key_is_an_entry_with_its_actor_target_place_and_values() {
    let (app, session) = App::spawn().await;
    let ada: Value = session.get("/api/auth/session").await.json().await.unwrap();
    let ada = json!({ "kind": "user", "id": ada["user"]["id"], "name": "Ada" });
    let settings = json!({ "name": "Build", "rateLimit": 7, "scopes": ["a"], "environment": "test" });
    let response = send(&app, session.request(Method::POST, KEYS).json(&settings)).await;
    let created = entry_of(&session, &response).await;
    let made: Value = response.json().await.unwrap();
    let id = text(&made["id"]);
    let of_key = format!("{KEYS}/{id}");
    let target = |name: &str| json!({ "kind": "api_key", "id": id, "name": name });
    assert!(text(&created["id"]).starts_with("aud_"));
    for (field, value) in [
        ("at", json!("2030-01-01T00:00:01.000Z")),
        ("action", json!("api_key.created")),
        ("actor", ada.clone()),
        ("target", target("Build")),
        ("ip", json!("127.0.0.1")),
        ("userAgent", json!("Browser/7")),
    ] {
        assert_eq!(created[field], value, "{field}");
    }
    for (field, value) in [
        ("name", json!("Build")),
        ("rateLimit", json!(7)),
        ("scopes", json!(["a"])),
        ("environment", json!("test")),
        ("role", json!("admin")),
        ("prefix", made["prefix"].clone()),
    ] {
        assert_eq!(created["changes"][field], json!({ "after": value }), "{field}");
    }
    assert!(!created.to_string().contains(&text(&made["key"])[10..60]));

    for (method, path, body, action, name, changes) in [
        (
            Method::PATCH,
            of_key.clone(),
            json!({ "name": "Deploy", "rateLimit": null, "scopes": ["a"] }),
            "api_key.updated",
            "Deploy",
            json!({ "name": { "before": "Build", "after": "Deploy" }, "rateLimit": { "before": 7, "after": null } }),
        ),
        (Method::PATCH, of_key.clone(), json!({ "active": false }), "api_key.deactivated", "Deploy", Value::Null),
        (Method::PATCH, of_key.clone(), json!({ "active": true }), "api_key.activated", "Deploy", Value::Null),
    ] {
        let response = send(&app, session.request(method, &path).json(&body)).await;
        let entry = entry_of(&session, &response).await;
        assert_eq!((&entry["action"], &entry["actor"]), (&json!(action), &ada));
        assert_eq!((&entry["target"], &entry["changes"]), (&target(name), &changes), "{action}");
    }
    let response = send(&app, session.request(Method::POST, &format!("{of_key}/rotate"))).await;
    let rotated = entry_of(&session, &response).await;
    let successor: Value = response.json().await.unwrap();
    assert_eq!((&rotated["action"], &rotated["target"]), (&json!("api_key.rotated"), &target("Deploy")));
    assert_eq!(rotated["changes"]["successor"]["after"], successor["id"]);
    assert_eq!(rotated["changes"]["graceEndsAt"]["after"], session.key(&id).await["graceEndsAt"]);
    let response = send(&app, session.request(Method::DELETE, &of_key)).await;
    let deleted = entry_of(&session, &response).await;
    assert_eq!((&deleted["action"], &deleted["target"]), (&json!("api_key.deleted"), &target("Deploy")));
}

#[tokio::test]
async fn what_changes_nothing_is_no_entry_and_a_change_of_two_kinds_is_two() {
    let (_app, session) = App::spawn().await;
    let key = session.make_key(json!({})).await;
    let of_key = format!("{KEYS}/{}", key.id);
    let before = actions(&session, "").await.len();
    for body in [json!({}), json!({ "name": "A key" }), json!({ "name": "" }), json!({ "active": true })] {
        session.patch(&of_key, &body).await;
    }
    assert_eq!(actions(&session, "").await.len(), before);
    session.patch(&of_key, &json!({ "name": "b", "active": false })).await;
    let mut found = actions(&session, "?limit=2").await;
    found.sort();
    assert_eq!(found, ["api_key.deactivated", "api_key.updated"]);
}

#[tokio::test]
async fn signing_in_and_out_and_being_refused_are_entries() {
    let (app, session) = App::spawn().await;
    assert_eq!(actions(&session, "").await, ["session.created", "organization.created"]);
    let founded = entries(&session, "?action=organization.created").await.remove(0);
    assert_eq!((&founded["actor"]["name"], &founded["target"]["name"]), (&json!("Ada"), &json!("Home")));

    let sign_in = |password: &str| {
        app.request(Method::POST, "/api/auth/sign-in").json(&json!({ "email": EMAIL, "password": password }))
    };
    let response = send(&app, sign_in("WrongPass1")).await;
    let refused = entry_of(&session, &response).await;
    assert_eq!((&refused["action"], &refused["target"]["name"]), (&json!("session.refused"), &json!("Ada")));
    assert_eq!((&refused["actor"]["kind"], &refused["ip"]), (&json!("anonymous"), &json!("127.0.0.1")));

    let response = send(&app, sign_in(PASSWORD)).await;
    let created = entry_of(&session, &response).await;
    let other = app.session_of(&response);
    assert_eq!((&created["action"], &created["actor"]["name"]), (&json!("session.created"), &json!("Ada")));
    assert_eq!((&created["target"]["kind"], &created["userAgent"]), (&json!("session"), &json!("Browser/7")));

    let response = send(&app, other.request(Method::POST, "/api/auth/sign-out")).await;
    let ended = entry_of(&session, &response).await;
    assert_eq!((&ended["action"], &ended["target"]), (&json!("session.ended"), &created["target"]));
    let all = session.get(LOG).await.text().await.unwrap();
    assert!(!all.contains(PASSWORD) && !all.contains("WrongPass1"));
}

#[tokio::test]
async fn what_a_key_and_the_operator_do_stands_under_their_own_names() {
    let (app, session) = App::spawn().await;
    let maker = session.make_key(json!({ "name": "Maker" })).await;
    let request = app.request(Method::POST, KEYS).bearer_auth(&maker.token).json(&json!({ "name": "k" }));
    let response = send(&app, request).await;
    let entry = entry_of(&session, &response).await;
    assert_eq!(entry["actor"], json!({ "kind": "api_key", "id": maker.id, "name": "Maker" }));

    assert!(app.claviger(&["org", "plan", "home", "professional"]).status.success());
    let entry = entries(&session, "?limit=1").await.remove(0);
    assert_eq!(entry["action"], "organization.plan_changed");
    assert_eq!(entry["actor"], json!({ "kind": "operator", "id": null, "name": "Operator" }));
    assert_eq!(entry["changes"], json!({ "plan": { "before": "enterprise", "after": "professional" } }));
    assert_eq!((&entry["ip"], &entry["requestId"]), (&Value::Null, &Value::Null));
    assert!(app.claviger(&["org", "plan", "home", "professional"]).status.success());
    assert_eq!(actions(&session, "?action=organization.plan_changed").await.len(), 1, "the same plan is no change");
}

#[tokio::test]
async fn entries_are_found_by_every_filter() {
    let (app, session) = App::spawn().await;
    let key = session.make_key(json!({})).await;
    app.clock.advance_ms(86_400_000 - 1);
    let other = session.make_key(json!({})).await;
    app.clock.advance_ms(1);
    session.delete(&format!("{KEYS}/{}", key.id)).await;
    let ada = text(&entries(&session, "?limit=1").await[0]["actor"]["id"]);
    for (query, expected) in [
        ("?action=api_key.created".to_owned(), vec!["api_key.created", "api_key.created"]),
        ("?action=api_key.*".into(), vec!["api_key.deleted", "api_key.created", "api_key.created"]),
        ("?action=api_key".into(), vec![]),
        (format!("?target={}", key.id), vec!["api_key.deleted", "api_key.created"]),
        (format!("?target={}&action=api_key.deleted", other.id), vec![]),
        (format!("?actor={ada}&action=*.created"), vec![]),
        (format!("?actor={ada}&target={}", other.id), vec!["api_key.created"]),
        ("?actor=usr_nobody".into(), vec![]),
        ("?from=2030-01-02".into(), vec!["api_key.deleted"]),
        ("?from=2030-01-01T23:59:59.999Z".into(), vec!["api_key.deleted", "api_key.created"]),
        ("?to=2030-01-01&action=api_key.*".into(), vec!["api_key.created", "api_key.created"]),
        ("?to=2029-12-31".into(), vec![]),
    ] {
        assert_eq!(actions(&session, &query).await, expected, "{query}");
    }
    let page: Value = session.get(&format!("{LOG}?limit=2")).await.json().await.unwrap();
    let rest = actions(&session, &format!("?limit=2&cursor={}", text(&page["nextCursor"]))).await;
    assert_eq!(rest, ["api_key.created", "session.created"]);
    for (query, field) in
        [("?from=x", "from"), ("?to=x", "to"), ("?limit=0", "limit"), ("?cursor=1", "cursor"), ("?verb=x", "verb")]
    {
        let (status, _, fields) = fault_of(session.get(&format!("{LOG}{query}")).await).await;
        assert_eq!(status, 400, "{query}");
        assert!(fields[field].is_string(), "{query}: {fields}");
    }
}

#[tokio::test]
async fn the_export_has_every_entry_that_the_filters_leave() {
    let (_app, session) = App::spawn().await;
    // More than are read at a time.
    let keys = 520;
    for _ in 0..keys {
        session.make_key(json!({ "name": "=1+1, \"x\"" })).await;
    }
    let response = session.get(&format!("{LOG}/export?action=api_key.*")).await;
    assert_eq!(header(&response, "content-type"), "application/jsonl");
    assert_eq!(header(&response, "content-disposition"), "attachment; filename=\"audit-log.jsonl\"");
    let lines = response.text().await.unwrap();
    let exported: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(exported.len(), keys);
    assert_eq!(exported[..200], entries(&session, "?limit=200").await, "as the list shows them");
    let mut ids: Vec<String> = exported.iter().map(|entry| text(&entry["id"])).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), keys);

    let response = session.get(&format!("{LOG}/export?format=csv&action=api_key.*")).await;
    assert_eq!(header(&response, "content-type"), "text/csv; charset=utf-8");
    let table = response.text().await.unwrap();
    let mut rows = table.split("\r\n");
    assert_eq!(
        rows.next().unwrap(),
        "id,at,action,actorKind,actorId,actorName,targetKind,targetId,targetName,ip,userAgent,requestId,changes"
    );
    let row = rows.next().unwrap();
    assert!(
        row.contains(",\"'=1+1, \"\"x\"\"\",") || row.contains("'=1+1"),
        "no spreadsheet takes it for a formula: {row}"
    );
    assert_eq!(table.matches("\r\n").count(), keys + 1);
    let (status, _, fields) = fault_of(session.get(&format!("{LOG}/export?format=xml")).await).await;
    assert_eq!((status, fields["format"].is_string()), (400, true));
}

/// All entries of a query, three at a time.
async fn walked(session: &Session, query: &str) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page: Value = session.get(&format!("{LOG}?limit=3&{query}{cursor}")).await.json().await.unwrap();
        all.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

#[tokio::test]
async fn families_and_spans_of_time_go_on_from_page_to_page() {
    let (app, session) = App::spawn().await;
    for number in 0..4 {
        app.clock.advance_ms(1_000);
        let key = session.make_key(json!({})).await;
        session.patch(&format!("{KEYS}/{}", key.id), &json!({ "name": format!("k{number}") })).await;
        session.delete(&format!("{KEYS}/{}", key.id)).await;
    }
    // The clock is set back: what happens now is older than what happened before.
    app.clock.jump_wall_ms(-2_500);
    session.make_key(json!({})).await;
    let whole = entries(&session, "?limit=200").await;
    let chosen = |test: &dyn Fn(&Value) -> bool| whole.iter().filter(|entry| test(entry)).cloned().collect::<Vec<_>>();
    let family = |entry: &Value| text(&entry["action"]).starts_with("api_key.");
    assert_eq!(walked(&session, "action=api_key.*").await, chosen(&family), "the newest first, whatever the action");
    assert_eq!(chosen(&family).len(), 13);
    let at = |entry: &Value| text(&entry["at"]);
    let (from, to) = ("2030-01-01T00:00:01.500Z", "2030-01-01T00:00:03.000Z");
    let mut span = chosen(&|entry| at(entry).as_str() >= from && at(entry).as_str() <= to);
    span.sort_by_key(|entry| std::cmp::Reverse(at(entry)));
    let found = walked(&session, &format!("from={from}&to={to}")).await;
    assert_eq!(found, span, "by their own times, which the clock may have set back");
    assert_eq!(found.len(), 7);
}
