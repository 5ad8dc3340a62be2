//! Security test 28: every path and method of `/openapi.json`, by every kind of credential, against the table below. A
//! route that is not in the table fails, so that nobody adds one without saying who may use it. One that is for sessions
//! alone has 403 in the three columns of the keys.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::support::{App, EMAIL, KEYS, PASSWORD, Session, header, text};
use super::{people, widgets};

/// Who asks, in the order of the table's columns.
const WHO: [Who; 6] = [Who::Nobody, Who::Key("viewer"), Who::Key("member"), Who::Key("admin"), Who::Ada, Who::Max];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Who {
    Nobody,
    /// A key of this role, made by the owner.
    Key(&'static str),
    /// The owner's session.
    Ada,
    /// A member's session.
    Max,
}

/// Method, path, body, and the status for each of [`WHO`]: nobody; a viewer's, a member's, an admin's key; the owner's
/// and a member's session. `{id}` is a key that is made for the one call.
fn table() -> Vec<(&'static str, &'static str, Option<Value>, [u16; 6])> {
    let sign_in = json!({ "email": EMAIL, "password": PASSWORD });
    let admins = |status| [401, 403, 403, status, status, 403];
    let sessions = |status| [401, 403, 403, 403, status, status];
    let everyone = |status| [401, status, status, status, status, status];
    let members = |status| [401, 403, status, status, status, status];
    let newcomer = json!({ "name": "Eve", "email": "eve@example.com", "password": PASSWORD });
    let unknown = json!({ "email": "nobody@example.com" });
    // Let in, but not to the end: what it would do to Ada or Max, the other lines could not do with.
    let wrong = "Wr0ngPassword";
    let reset = json!({ "token": "x", "password": PASSWORD, "confirmPassword": PASSWORD });
    vec![
        ("GET", "/livez", None, [200; 6]),
        ("GET", "/readyz", None, [200; 6]),
        ("GET", "/v1/version", None, [401, 200, 200, 200, 200, 200]),
        // The built-in rule takes keys alone: a session is of a kind that may not.
        ("GET", "/verify", None, [401, 200, 200, 200, 403, 403]),
        ("POST", "/api/setup", Some(json!({})), [410; 6]),
        ("POST", "/api/auth/sign-in", Some(sign_in), [200; 6]),
        ("POST", "/api/auth/sign-out", None, [204; 6]),
        ("GET", "/api/auth/session", None, [401, 200, 200, 200, 200, 200]),
        ("POST", "/api/auth/register", Some(newcomer), [201; 6]),
        ("GET", "/api/auth/verify-email", None, [400; 6]),
        ("POST", "/api/auth/verify-email", Some(json!({ "token": "x" })), [400; 6]),
        ("POST", "/api/auth/resend-verification", Some(unknown.clone()), [202; 6]),
        ("POST", "/api/auth/forgot-password", Some(unknown), [202; 6]),
        ("POST", "/api/auth/reset-password", Some(reset), [400; 6]),
        (
            "POST",
            "/api/auth/change-password",
            Some(json!({ "currentPassword": wrong, "newPassword": PASSWORD })),
            sessions(400),
        ),
        ("PATCH", "/api/auth/profile", Some(json!({ "timezone": "UTC" })), sessions(200)),
        (
            "POST",
            "/api/auth/change-email",
            Some(json!({ "email": "eve@example.com", "password": wrong })),
            sessions(400),
        ),
        ("DELETE", "/api/auth/account", Some(json!({ "password": wrong })), sessions(400)),
        ("POST", "/api/auth/sign-in-link", Some(json!({ "token": "x" })), [400; 6]),
        ("GET", "/api/auth/sessions", None, sessions(200)),
        ("DELETE", "/api/auth/sessions", None, sessions(204)),
        // The id is a key's, and no session of anybody.
        ("DELETE", "/api/auth/sessions/{id}", None, sessions(404)),
        ("POST", "/api/auth/switch-organization", Some(json!({ "organizationId": "org_x" })), sessions(404)),
        ("POST", "/api/keys/verify", Some(json!({ "key": "x" })), [401, 403, 200, 200, 200, 200]),
        ("GET", KEYS, None, admins(200)),
        ("POST", KEYS, Some(json!({ "name": "k" })), admins(201)),
        ("GET", "/api/admin/rest-api-keys/{id}", None, admins(200)),
        ("PATCH", "/api/admin/rest-api-keys/{id}", Some(json!({ "name": "b" })), admins(200)),
        ("DELETE", "/api/admin/rest-api-keys/{id}", None, admins(204)),
        ("POST", "/api/admin/rest-api-keys/{id}/rotate", None, admins(201)),
        ("GET", "/api/admin/rest-api-keys/{id}/requests", None, admins(200)),
        ("GET", "/api/admin/rest-api-keys/{id}/usage", None, admins(200)),
        ("GET", "/api/admin/requests", None, admins(200)),
        ("GET", "/api/admin/usage", None, admins(200)),
        ("GET", "/api/admin/audit-log", None, admins(200)),
        ("GET", "/api/admin/audit-log/export", None, admins(200)),
        ("GET", "/api/admin/mail", None, [401, 403, 403, 403, 200, 403]),
        ("POST", "/api/admin/mail/{id}/retry", None, [401, 403, 403, 403, 404, 403]),
        ("POST", "/api/auth/invite-info", Some(json!({ "token": "x" })), [400; 6]),
        ("POST", "/api/auth/accept-invite", Some(json!({ "token": "x" })), [401, 403, 403, 403, 400, 400]),
        ("GET", "/api/members", None, [401, 200, 200, 200, 200, 200]),
        ("GET", "/api/admin/members", None, admins(200)),
        ("GET", "/api/admin/members/{userId}", None, admins(200)),
        ("PATCH", "/api/admin/members/{userId}", Some(json!({ "role": "viewer" })), admins(200)),
        ("DELETE", "/api/admin/members/{userId}", None, admins(204)),
        ("POST", "/api/admin/members/{userId}/unlock", None, admins(204)),
        ("GET", "/api/admin/invites", None, admins(200)),
        ("POST", "/api/admin/invites", Some(json!({ "email": "new@example.com", "role": "member" })), admins(201)),
        ("DELETE", "/api/admin/invites/{id}", None, admins(204)),
        ("POST", "/api/admin/invites/{id}/resend", None, admins(200)),
        ("GET", "/api/admin/organization", None, admins(200)),
        ("PATCH", "/api/admin/organization", Some(json!({ "name": "Home" })), admins(200)),
        // The home organization stays, whoever asks.
        ("DELETE", "/api/admin/organization", Some(json!({})), [401, 403, 403, 403, 409, 403]),
        // The project is Ada's, and so are the keys; Max may write to it.
        ("GET", "/api/projects", None, everyone(200)),
        ("POST", "/api/projects", Some(json!({ "name": "New" })), members(201)),
        ("GET", "/api/projects/{id}", None, everyone(200)),
        ("PATCH", "/api/projects/{id}", Some(json!({ "name": "Other" })), members(200)),
        ("DELETE", "/api/projects/{id}", None, [401, 403, 204, 204, 204, 403]),
        ("GET", "/api/projects/{id}/prd", None, everyone(200)),
        // Let in, and asked which version it is that they change.
        ("PUT", "/api/projects/{id}/prd", Some(json!({ "content": "# New" })), members(428)),
        ("GET", "/api/projects/{id}/prd/versions", None, everyone(200)),
        ("GET", "/api/projects/{id}/prd/versions/{n}", None, everyone(200)),
        ("POST", "/api/projects/{id}/status", Some(json!({ "status": "active" })), members(200)),
        ("GET", "/api/projects/{id}/status-history", None, everyone(200)),
        ("GET", "/api/projects/{id}/activity", None, everyone(200)),
        ("PUT", "/api/projects/{id}/members/{userId}", Some(json!({ "access": "read" })), members(200)),
        ("DELETE", "/api/projects/{id}/members/{userId}", None, members(204)),
        ("GET", "/api/projects/{id}/shares", None, members(200)),
        ("POST", "/api/projects/{id}/shares", Some(json!({})), members(201)),
        ("DELETE", "/api/projects/{id}/shares/{shareId}", None, members(204)),
        ("GET", "/api/shares", None, members(200)),
        ("POST", "/api/shares", Some(json!({ "paths": ["/reports/{*rest}"] })), members(201)),
        // Each of the members' own shares is its own: Max does not see Ada's.
        ("DELETE", "/api/shares/{id}", None, [401, 403, 204, 204, 204, 404]),
        ("GET", "/api/admin/templates", None, everyone(200)),
        ("POST", "/api/admin/templates", Some(json!({ "name": "New", "prd": "" })), admins(201)),
        ("GET", "/api/admin/templates/{id}", None, everyone(200)),
        ("PATCH", "/api/admin/templates/{id}", Some(json!({ "name": "Other" })), admins(200)),
        ("DELETE", "/api/admin/templates/{id}", None, admins(204)),
        ("GET", "/api/admin/webhooks", None, admins(200)),
        ("POST", "/api/admin/webhooks", Some(webhook()), admins(201)),
        ("GET", "/api/admin/webhooks/{id}", None, admins(200)),
        ("PATCH", "/api/admin/webhooks/{id}", Some(json!({ "description": "b" })), admins(200)),
        ("GET", "/api/admin/webhooks/{id}/secret", None, [401, 403, 403, 403, 200, 403]),
        ("POST", "/api/admin/webhooks/{id}/rotate-secret", None, admins(200)),
        ("POST", "/api/admin/webhooks/{id}/test", None, admins(202)),
        ("GET", "/api/admin/webhooks/{id}/deliveries", None, admins(200)),
        ("POST", "/api/admin/webhooks/{id}/deliveries/{deliveryId}/retry", None, admins(200)),
        ("DELETE", "/api/admin/webhooks/{id}", None, admins(204)),
        ("POST", "/api/events", Some(json!({ "type": "a.b", "data": {} })), [401, 403, 202, 202, 202, 202]),
        // Pages ask these, and nobody's credential is looked at.
        ("OPTIONS", "/api/widgets/{id}/session", None, [204; 6]),
        ("POST", "/api/widgets/{id}/session", Some(json!({})), [201; 6]),
        ("GET", "/api/admin/widgets", None, admins(200)),
        ("POST", "/api/admin/widgets", Some(json!({ "name": "w" })), admins(201)),
        ("GET", "/api/admin/widgets/{id}", None, admins(200)),
        ("PATCH", "/api/admin/widgets/{id}", Some(json!({ "name": "b" })), admins(200)),
        ("DELETE", "/api/admin/widgets/{id}", None, admins(204)),
        ("GET", "/api/admin/widgets/{id}/secret", None, [401, 403, 403, 403, 200, 403]),
        ("POST", "/api/admin/widgets/{id}/rotate-secret", None, admins(200)),
    ]
}

/// A webhook that is told of nothing.
fn webhook() -> Value {
    json!({ "url": "https://10.255.255.1/", "events": ["nothing.at_all"] })
}

/// Members who are there to be asked about, each once.
const SPARE: usize = 40;

/// What a path's `{id}` or `{userId}` stands for: made, or not yet asked about.
async fn target(ada: &Session, path: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    if path.starts_with("/api/shares") {
        return path.replace("{id}", &share(ada, "/api/shares", json!({ "paths": ["/reports/{*rest}"] })).await);
    }
    if path == "/api/projects/{id}/shares/{shareId}" {
        let shares = path.replace("{id}", &project(ada).await).replace("/{shareId}", "");
        let share = share(ada, &shares, json!({})).await;
        return format!("{shares}/{share}");
    }
    if path.starts_with("/api/projects/{id}") {
        return path.replace("{id}", &project(ada).await).replace("{userId}", "usr_spare0").replace("{n}", "1");
    }
    if path.contains("{userId}") {
        let number = NEXT.fetch_add(1, Ordering::SeqCst) % SPARE;
        return path.replace("{userId}", &format!("usr_spare{number}"));
    }
    if !path.contains("{id}") {
        return path.to_owned();
    }
    if path.starts_with("/api/admin/webhooks") {
        // One at a time: there is no room for as many as are asked about.
        let there: Value = ada.get("/api/admin/webhooks").await.json().await.unwrap();
        for webhook in there["items"].as_array().unwrap() {
            ada.delete(&format!("/api/admin/webhooks/{}", text(&webhook["id"]))).await;
        }
        let webhook = text(&ada.post("/api/admin/webhooks", &webhook()).await.json::<Value>().await.unwrap()["id"]);
        let of_webhook = path.replace("{id}", &webhook);
        if !path.contains("{deliveryId}") {
            return of_webhook;
        }
        let tested = ada.post(&format!("/api/admin/webhooks/{webhook}/test"), &json!({})).await;
        return of_webhook.replace("{deliveryId}", &text(&tested.json::<Value>().await.unwrap()["id"]));
    }
    let id = if path.starts_with("/api/admin/templates") {
        template(ada).await
    } else if path.starts_with("/api/admin/invites") {
        let invite = json!({ "email": "asked@example.com", "role": "member" });
        text(&ada.post("/api/admin/invites", &invite).await.json::<Value>().await.unwrap()["id"])
    } else if path.contains("/widgets/") {
        text(&widgets::make(ada, json!({})).await["id"])
    } else {
        ada.make_key(json!({ "name": "Asked about" })).await.id
    };
    path.replace("{id}", &id)
}

/// A share of Ada's.
async fn share(ada: &Session, path: &str, body: Value) -> String {
    text(&ada.post(path, &body).await.json::<Value>().await.unwrap()["id"])
}

/// A template of the organization's.
async fn template(ada: &Session) -> String {
    let body = json!({ "name": "Asked about", "prd": "# Text" });
    text(&ada.post("/api/admin/templates", &body).await.json::<Value>().await.unwrap()["id"])
}

/// A project of Ada's with a PRD, to which Max may write, and a spare member too.
async fn project(ada: &Session) -> String {
    let body = json!({ "name": "Asked about", "templateId": template(ada).await });
    let id = text(&ada.post("/api/projects", &body).await.json::<Value>().await.unwrap()["id"]);
    for user in ["usr_max", "usr_spare0"] {
        let shared = ada.request(Method::PUT, &format!("/api/projects/{id}/members/{user}"));
        assert_eq!(shared.json(&json!({ "access": "write" })).send().await.unwrap().status(), 200);
    }
    id
}

/// The owner Ada and the member Max.
async fn spawn() -> App {
    let (mut app, _) = App::spawn().await;
    app.stop().await;
    let state = people::state(&app);
    people::add_user(&state, people::home(&state), "max", "member");
    for number in 0..SPARE {
        people::add_user(&state, people::home(&state), &format!("spare{number}"), "member");
    }
    drop(state);
    app.restart().await
}

/// Asks with a credential that is made for this one call.
async fn ask(app: &App, who: Who, method: &Method, path: &str, body: Option<&Value>) -> Response {
    let ada = app.session_of(&app.sign_in(EMAIL, PASSWORD).await);
    let path = target(&ada, path).await;
    let request = match who {
        Who::Nobody => app.request(method.clone(), &path),
        Who::Key(role) => {
            app.request(method.clone(), &path).bearer_auth(&ada.make_key(json!({ "role": role })).await.token)
        }
        Who::Ada => ada.request(method.clone(), &path),
        Who::Max => people::sign_in(app, "max").await.request(method.clone(), &path),
    };
    let request = match body {
        Some(body) => request.json(body),
        None => request,
    };
    request.send().await.unwrap()
}

async fn routes(app: &App) -> BTreeSet<(String, String)> {
    let document: Value = app.request(Method::GET, "/openapi.json").send().await.unwrap().json().await.unwrap();
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, operations)| {
            let methods = operations.as_object().unwrap().keys();
            methods.map(|method| (method.to_uppercase(), path.clone())).collect::<Vec<_>>()
        })
        .collect()
}

#[tokio::test]
async fn every_route_has_an_expectation_and_every_expectation_a_route() {
    let app = App::bare().await;
    let expected = table().into_iter().map(|(method, path, ..)| (method.to_owned(), path.to_owned())).collect();
    let routes = routes(&app).await;
    let differing: Vec<_> = routes.symmetric_difference(&expected).collect();
    assert!(differing.is_empty(), "say in the table who may use {differing:?}");
}

#[tokio::test]
async fn every_route_answers_each_credential_as_the_table_says() {
    let app = spawn().await;
    for (method, path, body, expected) in table() {
        let method: Method = method.parse().unwrap();
        for (who, expected) in WHO.into_iter().zip(expected) {
            let response = ask(&app, who, &method, path, body.as_ref()).await;
            let status = response.status().as_u16();
            assert!(header(&response, "x-request-id").starts_with("req_"), "{method} {path}");
            if ["/api", "/verify"].iter().any(|start| path.starts_with(start)) {
                assert_eq!(header(&response, "cache-control"), "no-store", "{method} {path}");
            }
            let body = response.text().await.unwrap();
            assert_eq!(status, expected, "{method} {path} by {who:?}: {body}");
            if expected == 401 {
                assert!(body.contains("CREDENTIALS_MISSING"), "{method} {path}: {body}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_refused_changes_nothing() {
    let app = spawn().await;
    let ada = app.session_of(&app.sign_in(EMAIL, PASSWORD).await);
    let max = people::sign_in(&app, "max").await;
    let kept = ada.make_key(json!({ "name": "Kept" })).await;
    let invite = json!({ "email": "kept@example.com", "role": "member" });
    let invited = text(&ada.post("/api/admin/invites", &invite).await.json::<Value>().await.unwrap()["id"]);
    let (kept_project, kept_template) = (project(&ada).await, template(&ada).await);
    let widget = text(&widgets::make(&ada, json!({ "name": "Kept" })).await["id"]);
    let viewer = ada.make_key(json!({ "role": "viewer" })).await;
    let member = ada.make_key(json!({ "role": "member" })).await;
    let state = || async {
        let keys = ada.get(KEYS).await.json::<Value>().await.unwrap();
        let settings: Vec<Value> = keys["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| json!([key["id"], key["name"], key["active"], key["status"], key["graceEndsAt"]]))
            .collect();
        let log = ada.get("/api/admin/audit-log").await.json::<Value>().await.unwrap();
        let members = ada.get("/api/members").await.json::<Value>().await.unwrap();
        let invites = ada.get("/api/admin/invites").await.json::<Value>().await.unwrap();
        let projects = ada.get("/api/projects").await.json::<Value>().await.unwrap();
        let templates = ada.get("/api/admin/templates").await.json::<Value>().await.unwrap();
        let widgets = ada.get(widgets::WIDGETS).await.json::<Value>().await.unwrap();
        (settings, log, members, invites, projects, templates, widgets)
    };
    let before = state().await;
    for (method, path, body, expected) in table() {
        if expected[3] == expected[0] || method == "GET" {
            continue;
        }
        let id = match path {
            path if path.starts_with("/api/admin/invites") => &invited,
            path if path.starts_with("/api/projects") => &kept_project,
            path if path.starts_with("/api/admin/templates") => &kept_template,
            path if path.starts_with("/api/admin/widgets") => &widget,
            _ => &kept.id,
        };
        let path = path.replace("{id}", id).replace("{userId}", "usr_spare0");
        let method: Method = method.parse().unwrap();
        let mut requests = vec![
            app.request(method.clone(), &path),
            app.request(method.clone(), &path).bearer_auth("clav_live_junk"),
            app.request(method.clone(), &path).bearer_auth(&viewer.token),
        ];
        if expected[2] == 403 {
            requests.push(app.request(method.clone(), &path).header("X-Api-Key", &member.token));
        }
        if expected[5] == 403 {
            requests.push(max.request(method.clone(), &path));
        }
        for request in requests {
            let request = match &body {
                Some(body) => request.json(body),
                None => request,
            };
            let status = request.send().await.unwrap().status().as_u16();
            assert!(status == 401 || status == 403, "{method} {path}: {status}");
        }
    }
    assert_eq!(state().await, before);
}

#[tokio::test]
async fn a_method_that_a_path_does_not_take_is_refused_and_the_others_are_named() {
    let app = spawn().await;
    let routes = routes(&app).await;
    for path in routes.iter().map(|(_, path)| path).filter(|path| *path != "/verify") {
        let asked = path.replace("{id}", "key_nobody");
        let mut taken: Vec<String> =
            routes.iter().filter(|(_, of)| of == path).map(|(method, _)| method.clone()).collect();
        if taken.contains(&"GET".into()) {
            taken.push("HEAD".into());
        }
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"] {
            if taken.iter().any(|name| name == method) {
                continue;
            }
            let response = app.request(method.parse().unwrap(), &asked).send().await.unwrap();
            let mut allowed: Vec<String> = header(&response, "allow").split(", ").map(str::to_owned).collect();
            allowed.sort();
            taken.sort();
            assert_eq!(allowed, taken, "{method} {path}");
            assert_eq!(response.status(), 405, "{method} {path}");
            let body: Value = response.json().await.unwrap();
            assert_eq!(text(&body["code"]), "METHOD_NOT_ALLOWED");
        }
    }
}
