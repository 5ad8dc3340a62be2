//! Security tests 29, 31 and 46: what belongs to another organization is not there, and a key is never more than its
//! owner.

use reqwest::Method;
use serde_json::{Value, json};

use super::support::{App, KEYS, Key, Session, error_of, text};
use super::{people, widgets};

/// Ada's Home and Bea's Other, each with a session and a key.
struct Two {
    app: App,
    ada: Session,
    bea: Session,
    adas: Key,
    beas: Key,
}

async fn two() -> Two {
    let (app, _) = App::spawn().await;
    let (app, ada, bea) = people::with_other(app, &[("bea", "owner")]).await;
    let adas = ada.make_key(json!({ "name": "Ada's" })).await;
    let beas = bea.make_key(json!({ "name": "Bea's", "externalId": "beas" })).await;
    Two { app, ada, bea, adas, beas }
}

async fn body_of(response: reqwest::Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let mut body: Value = response.json().await.unwrap();
    body["requestId"] = Value::Null;
    (status, body)
}

#[tokio::test]
async fn every_id_of_another_organization_is_not_found_and_nothing_changes() {
    let Two { app, ada, bea, adas, beas } = two().await;
    app.request(Method::GET, "/v1/version").bearer_auth(&beas.token).send().await.unwrap();
    let before = bea.key(&beas.id).await;
    let log = |session: Session| async move {
        session.get("/api/admin/audit-log").await.json::<Value>().await.unwrap()["items"].as_array().unwrap().len()
    };
    let logged = (log(ada.clone()).await, log(bea.clone()).await);
    for (method, rest, body) in [
        (Method::GET, "", None),
        (Method::PATCH, "", Some(json!({ "name": "Mine" }))),
        (Method::PATCH, "", Some(json!({ "active": false }))),
        (Method::PATCH, "", Some(json!({ "nonsense": 1 }))),
        (Method::DELETE, "", None),
        (Method::POST, "/rotate", Some(json!({ "graceSeconds": 0 }))),
        (Method::POST, "/rotate", None),
        (Method::GET, "/requests", None),
        (Method::GET, "/usage", None),
        (Method::GET, "/usage?nonsense=1", None),
    ] {
        let answer = |id: &str, by_key: bool| {
            let path = format!("{KEYS}/{id}{rest}");
            let request = match by_key {
                true => app.request(method.clone(), &path).bearer_auth(&adas.token),
                false => ada.request(method.clone(), &path),
            };
            let request = match &body {
                Some(body) => request.json(body),
                None => request,
            };
            async move { body_of(request.send().await.unwrap()).await }
        };
        for by_key in [false, true] {
            let (status, told) = answer(&beas.id, by_key).await;
            assert_eq!(status, 404, "{method} {rest}");
            assert_eq!(
                (status, told),
                answer("key_nobody", by_key).await,
                "as for an id that there is not: {method} {rest}"
            );
        }
    }
    assert_eq!(ada.get(&format!("/api/admin/requests?key={}", beas.id)).await.status(), 404);
    assert_eq!(bea.key(&beas.id).await, before);
    assert_eq!(app.request(Method::GET, "/v1/version").bearer_auth(&beas.token).send().await.unwrap().status(), 200);
    assert_eq!((log(ada).await, log(bea).await), logged);
}

#[tokio::test]
async fn every_widget_of_another_organization_is_not_found_and_nothing_changes() {
    let Two { app, ada, bea, adas, .. } = two().await;
    let beas = widgets::make(&bea, json!({ "name": "Bea's" })).await;
    let log = || async { bea.get("/api/admin/audit-log").await.json::<Value>().await.unwrap()["items"].clone() };
    let logged = log().await;
    for (method, rest, body) in [
        (Method::GET, "", None),
        (Method::PATCH, "", Some(json!({ "name": "Mine" }))),
        (Method::PATCH, "", Some(json!({ "nonsense": 1 }))),
        (Method::DELETE, "", None),
        (Method::GET, "/secret", None),
        (Method::POST, "/rotate-secret", None),
    ] {
        let ask = |id: &str, by_key: bool| {
            let path = format!("{}/{id}{rest}", widgets::WIDGETS);
            let request = match by_key {
                true => app.request(method.clone(), &path).bearer_auth(&adas.token),
                false => ada.request(method.clone(), &path),
            };
            let request = match &body {
                Some(body) => request.json(body),
                None => request,
            };
            async move { body_of(request.send().await.unwrap()).await }
        };
        let id = text(&beas["id"]);
        for by_key in [false, true] {
            let told = ask(&id, by_key).await;
            // The secret is shown to no key at all.
            assert_eq!(told.0, if by_key && rest == "/secret" { 403 } else { 404 }, "{method} {rest}");
            assert_eq!(told, ask("wgt_nobody", by_key).await, "as for an id that there is not: {method} {rest}");
        }
    }
    assert!(!ada.get(widgets::WIDGETS).await.text().await.unwrap().contains("Bea's"));
    assert_eq!(bea.get(&widgets::path(&beas)).await.json::<Value>().await.unwrap(), beas);
    assert_eq!(log().await, logged);
}

#[tokio::test]
async fn lists_and_filters_show_one_s_own_organization_alone() {
    let Two { app, ada, bea, adas, beas } = two().await;
    for key in [&adas, &beas] {
        app.request(Method::GET, "/v1/version").bearer_auth(&key.token).send().await.unwrap();
    }
    let bea_is: Value = bea.get("/api/auth/session").await.json().await.unwrap();
    assert_eq!(bea_is["organization"]["home"], false);
    let of_bea = text(&bea_is["user"]["id"]);
    for query in [
        KEYS.to_owned(),
        format!("{KEYS}?q=beas"),
        "/api/admin/requests".into(),
        "/api/admin/audit-log".into(),
        format!("/api/admin/audit-log?target={}", beas.id),
        format!("/api/admin/audit-log?actor={of_bea}"),
        "/api/admin/audit-log/export".into(),
        "/api/admin/audit-log/export?format=csv".into(),
    ] {
        let told = ada.get(&query).await.text().await.unwrap();
        assert!(!told.contains(&beas.id) && !told.contains(&of_bea) && !told.contains("Bea's"), "{query}: {told}");
        let told = bea.get(&query).await.text().await.unwrap();
        assert!(!told.contains(&adas.id), "{query}: {told}");
        assert!([&beas.id, &of_bea].iter().any(|id| told.contains(*id)) || told.is_empty(), "{query}: {told}");
    }
}

#[tokio::test]
async fn a_key_of_another_organization_passes_no_rule_of_the_home_organization() {
    let Two { app, adas, beas, .. } = two().await;
    assert_eq!(app.verify_status(&adas.token, "GET", "/x").await, 200);
    let response = app.verify(&beas.token, "GET", "/x").await;
    assert_eq!(error_of(response).await, (403, "ORGANIZATION_NOT_ALLOWED".into()));
}

#[tokio::test]
async fn a_foreign_key_is_invalid_to_whoever_checks_it_unless_they_are_of_the_home_organization() {
    let Two { app: _app, ada, bea, adas, beas } = two().await;
    let check = |session: Session, key: Key| async move {
        let response = session.post("/api/keys/verify", &json!({ "key": key.token })).await;
        assert_eq!(response.status(), 200);
        response.json::<Value>().await.unwrap()
    };
    let told = check(bea.clone(), adas.clone()).await;
    assert_eq!((&told["valid"], &told["code"]), (&json!(false), &json!("API_KEY_INVALID")));
    for field in ["keyId", "name", "organizationId", "ownerId", "role", "externalId", "metadata", "rateLimit"] {
        assert_eq!(told[field], Value::Null, "{field}");
    }
    assert_eq!(ada.key(&adas.id).await["requestCount"], 0, "a stranger draws on nobody's key");
    let told = check(ada, beas.clone()).await;
    assert_eq!((&told["valid"], &told["keyId"]), (&json!(true), &json!(beas.id)));
    assert_eq!(check(bea, beas).await["valid"], true);
}

/// Home with Max as admin, his key, and what becomes of it after a change of the stopped server's database.
async fn after(statement: &str) -> (App, Key) {
    let (mut app, _) = App::spawn().await;
    app.stop().await;
    let state = people::state(&app);
    people::add_user(&state, people::home(&state), "max", "admin");
    drop(state);
    let mut app = app.restart().await;
    let max = people::sign_in(&app, "max").await;
    let key = max.make_key(json!({ "role": "admin" })).await;
    assert_eq!(app.request(Method::GET, KEYS).bearer_auth(&key.token).send().await.unwrap().status(), 200);
    app.stop().await;
    people::state(&app).execute(statement, ["usr_max"]).unwrap();
    (app.restart().await, key)
}

#[tokio::test]
async fn a_key_follows_its_owner_who_is_demoted() {
    for (role, list, read, write) in [("member", 403, 200, 200), ("viewer", 403, 200, 403), ("owner", 200, 200, 200)] {
        let (app, key) = after(&format!("UPDATE memberships SET role = '{role}' WHERE user = ?1")).await;
        let listed = app.request(Method::GET, KEYS).bearer_auth(&key.token).send().await.unwrap();
        assert_eq!(listed.status(), list, "{role}");
        assert_eq!(app.verify_status(&key.token, "GET", "/x").await, read, "{role}");
        assert_eq!(app.verify_status(&key.token, "POST", "/x").await, write, "{role}");
        let passed = app.verify(&key.token, "GET", "/x").await;
        let most = if role == "owner" { "admin" } else { role };
        assert_eq!(passed.headers()["x-auth-role"], most);
    }
}

#[tokio::test]
async fn a_key_stops_with_its_owner_s_membership() {
    let (app, key) = after("DELETE FROM memberships WHERE user = ?1").await;
    let response = app.verify(&key.token, "GET", "/x").await;
    assert_eq!(error_of(response).await, (401, "API_KEY_DEACTIVATED".into()));
}

#[tokio::test]
async fn a_key_that_the_organization_owns_stays_when_its_maker_goes() {
    let (mut app, _) = App::spawn().await;
    app.stop().await;
    let state = people::state(&app);
    people::add_user(&state, people::home(&state), "max", "admin");
    drop(state);
    let mut app = app.restart().await;
    let key = people::sign_in(&app, "max").await.make_key(json!({ "owner": "organization" })).await;
    app.stop().await;
    people::state(&app).execute("DELETE FROM memberships WHERE user = ?1", ["usr_max"]).unwrap();
    let app = app.restart().await;
    assert_eq!(app.verify_status(&key.token, "POST", "/x").await, 200);
}

#[tokio::test]
async fn nobody_makes_a_key_of_a_role_above_their_own() {
    let Two { app, ada, adas, .. } = two().await;
    for body in [json!({ "name": "k", "role": "owner" }), json!({ "role": "owner" })] {
        let made = ada.post(KEYS, &body).await;
        assert_eq!(made.status(), 400, "no key is an owner");
        let by_key = app.request(Method::POST, KEYS).bearer_auth(&adas.token).json(&body).send().await.unwrap();
        assert_eq!(by_key.status(), 400);
        let of_key = format!("{KEYS}/{}", adas.id);
        assert_eq!(ada.patch(&of_key, &body).await.status(), 400);
    }
    for role in ["member", "viewer"] {
        let lower = ada.make_key(json!({ "role": role })).await;
        let own = format!("{KEYS}/{}", lower.id);
        let raise = app.request(Method::PATCH, &own).bearer_auth(&lower.token).json(&json!({ "role": "admin" }));
        assert_eq!(error_of(raise.send().await.unwrap()).await, (403, "INSUFFICIENT_ROLE".into()));
        let make =
            app.request(Method::POST, KEYS).bearer_auth(&lower.token).json(&json!({ "name": "k", "role": role }));
        assert_eq!(error_of(make.send().await.unwrap()).await, (403, "INSUFFICIENT_ROLE".into()));
        assert_eq!(ada.key(&lower.id).await["role"], *role);
    }
}

#[tokio::test]
async fn every_webhook_of_another_organization_is_not_found_and_nothing_changes() {
    let Two { app, ada, bea, adas, .. } = two().await;
    const WEBHOOKS: &str = "/api/admin/webhooks";
    let body = json!({ "url": "https://10.255.255.1/", "events": ["nothing.at_all"], "description": "Bea's" });
    let made: Value = bea.post(WEBHOOKS, &body).await.json().await.unwrap();
    let beas = format!("{WEBHOOKS}/{}", text(&made["id"]));
    let tested: Value = bea.request(Method::POST, &format!("{beas}/test")).send().await.unwrap().json().await.unwrap();
    let retry = format!("/deliveries/{}/retry", text(&tested["id"]));
    for (method, rest, body) in [
        (Method::GET, "", None),
        (Method::PATCH, "", Some(json!({ "active": false }))),
        (Method::PATCH, "", Some(json!({ "nonsense": 1 }))),
        (Method::DELETE, "", None),
        (Method::GET, "/secret", None),
        (Method::POST, "/rotate-secret", None),
        (Method::POST, "/rotate-secret", Some(json!({ "nonsense": 1 }))),
        (Method::POST, "/test", None),
        (Method::GET, "/deliveries", None),
        (Method::GET, "/deliveries?nonsense=1", None),
        (Method::POST, retry.as_str(), None),
    ] {
        let answer = |webhook: &str, by_key: bool| {
            let path = format!("{webhook}{rest}");
            let request = match by_key {
                true => app.request(method.clone(), &path).bearer_auth(&adas.token),
                false => ada.request(method.clone(), &path),
            };
            let request = match &body {
                Some(body) => request.json(body),
                None => request,
            };
            async move { body_of(request.send().await.unwrap()).await }
        };
        for by_key in [false, true] {
            if by_key && rest == "/secret" {
                continue;
            }
            let (status, told) = answer(&beas, by_key).await;
            assert_eq!(status, 404, "{method} {rest}");
            let nobodys = answer(&format!("{WEBHOOKS}/whk_nobody"), by_key).await;
            assert_eq!((status, told), nobodys, "as for an id that there is not: {method} {rest}");
        }
    }
    let mut after = bea.get(&beas).await.json::<Value>().await.unwrap();
    // Nobody is there to take her own test.
    after["failingSince"] = Value::Null;
    assert_eq!(after, made);
    let listed = ada.get(WEBHOOKS).await.text().await.unwrap();
    assert!(!listed.contains("Bea's"), "{listed}");
}
