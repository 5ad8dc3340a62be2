//! Rules over HTTP: which one covers a request, what none covers, and which stop the start.

use std::sync::Arc;

use claviger::clock::ManualClock;
use claviger::config::{Config, GateDefault, Rule};
use claviger::random::SystemRandomness;
use claviger::role::Role;
use claviger::startup::{self, StartError};
use reqwest::Method;
use serde_json::{Value, json};

use crate::neighbours::{with_colleague, with_neighbour};
use crate::support::{App, KEYS, START, Session, error_of, header, test_config, text};

fn rule(path: &str) -> Rule {
    Rule { path: path.into(), ..Rule::default() }
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| text.to_string()).collect()
}

async fn organization_of(session: &Session) -> String {
    let who: Value = session.get("/api/auth/session").await.json().await.unwrap();
    text(&who["organization"]["id"])
}

async fn ask(app: &App, token: &str, method: &str, host: &str, path: &str) -> u16 {
    let request = app.request(Method::GET, "/verify").bearer_auth(token).header("X-Forwarded-Method", method);
    let request = request.header("X-Forwarded-Uri", path).header("X-Forwarded-Host", host);
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn without_a_rule_keys_of_home_pass_by_their_role() {
    let (app, ada) = App::spawn().await;
    let viewer = ada.make_key(json!({ "role": "viewer" })).await;
    let member = ada.make_key(json!({ "role": "member" })).await;
    for method in ["GET", "HEAD", "OPTIONS"] {
        assert_eq!(app.verify_status(&viewer.token, method, "/a").await, 200, "{method}");
    }
    for method in ["POST", "PUT", "PATCH", "DELETE", "PROPFIND"] {
        let found = error_of(app.verify(&viewer.token, method, "/a").await).await;
        assert_eq!(found, (403, "INSUFFICIENT_ROLE".into()), "{method}");
        assert_eq!(app.verify_status(&member.token, method, "/a").await, 200, "{method}");
    }
    let anonymous = app.request(Method::GET, "/verify").send().await.unwrap();
    assert_eq!(error_of(anonymous).await, (401, "CREDENTIALS_MISSING".into()));
    let session = ada.request(Method::GET, "/verify").send().await.unwrap();
    assert_eq!(session.status(), 403);
}

#[tokio::test]
async fn denied_by_default_only_what_a_rule_covers_passes() {
    let (app, ada) = App::spawn_with(|config| {
        config.gate.default = GateDefault::Deny;
        config.rules = vec![rule("/agents/{*rest}")];
    })
    .await;
    let key = ada.make_key(json!({})).await;
    assert_eq!(app.verify_status(&key.token, "GET", "/agents/7").await, 200);
    assert_eq!(app.verify_status(&key.token, "GET", "/agents").await, 200, "a catch-all covers the bare prefix");
    let found = error_of(app.verify(&key.token, "GET", "/other").await).await;
    assert_eq!(found, (403, "GATE_DENIED".into()));
    for request in [app.request(Method::GET, "/verify"), ada.request(Method::GET, "/verify")] {
        let found = error_of(request.header("X-Forwarded-Uri", "/other").send().await.unwrap()).await;
        assert_eq!(found, (403, "GATE_DENIED".into()));
    }
    let found = error_of(app.verify("junk", "GET", "/other").await).await;
    assert_eq!(found, (401, "API_KEY_INVALID".into()), "a bad credential is 401 first");
}

#[tokio::test]
async fn the_default_limit_is_shared_by_the_organization_and_spares_what_rules_cover() {
    let (app, ada) = App::spawn_with(|config| {
        config.gate.default_limit = Some(3);
        config.rules = vec![rule("/free")];
    })
    .await;
    let (one, other) = (ada.make_key(json!({})).await, ada.make_key(json!({})).await);
    for (token, expected) in [(&one, 200), (&other, 200), (&one, 200), (&other, 429), (&one, 429)] {
        assert_eq!(app.verify_status(&token.token, "GET", "/a").await, expected);
    }
    let response = app.verify(&one.token, "GET", "/free").await;
    assert_eq!((response.status().as_u16(), header(&response, "ratelimit-policy")), (200, "\"key\";q=60;w=60"));
}

#[tokio::test]
async fn the_most_specific_path_wins_and_a_method_it_does_not_cover_falls_to_the_next() {
    let (app, ada) = App::spawn_with(|config| {
        config.gate.default = GateDefault::Deny;
        config.rules = vec![
            Rule { role: Some("admin".into()), ..rule("/{*rest}") },
            Rule { role: Some("viewer".into()), methods: texts(&["GET"]), ..rule("/agents/{id}") },
            Rule { role: Some("admin".into()), ..rule("/agents/secret") },
            Rule { role: Some("member".into()), methods: texts(&["POST"]), ..rule("/agents/{*rest}") },
        ];
    })
    .await;
    let viewer = ada.make_key(json!({ "role": "viewer" })).await;
    let member = ada.make_key(json!({ "role": "member" })).await;
    for (method, path, for_viewer, for_member) in [
        ("GET", "/agents/7", 200, 200),
        ("GET", "/agents/7/", 200, 200),
        ("GET", "/agents/secret", 403, 403),
        ("POST", "/agents/7", 403, 200),
        ("POST", "/agents/7/runs", 403, 200),
        ("DELETE", "/agents/7", 403, 403),
        ("GET", "/agents/7/runs", 403, 403),
        ("GET", "/", 403, 403),
    ] {
        assert_eq!(app.verify_status(&viewer.token, method, path).await, for_viewer, "viewer {method} {path}");
        assert_eq!(app.verify_status(&member.token, method, path).await, for_member, "member {method} {path}");
    }
}

#[tokio::test]
async fn a_rule_for_a_host_holds_there_alone_in_every_spelling_of_it() {
    let (app, ada) = App::spawn_with(|config| {
        config.rules = vec![Rule { host: Some("API.example.com".into()), role: Some("admin".into()), ..rule("/a") }];
    })
    .await;
    let key = ada.make_key(json!({ "role": "member" })).await;
    for host in ["api.example.com", "API.EXAMPLE.COM", "api.example.com:8443", "api.example.com."] {
        assert_eq!(ask(&app, &key.token, "GET", host, "/a").await, 403, "{host}");
        assert_eq!(ask(&app, &key.token, "GET", host, "/b").await, 200, "{host}");
    }
    for host in ["example.com", "xapi.example.com", "api.example.com.evil.net"] {
        assert_eq!(ask(&app, &key.token, "GET", host, "/a").await, 200, "{host}");
    }
}

#[tokio::test]
async fn no_credential_of_another_organization_passes_a_rule_of_home() {
    let (app, _) = App::spawn_with(|config| {
        config.rules = vec![
            Rule { allow: texts(&["api_key", "session"]), ..rule("/home") },
            Rule { allow: texts(&["api_key", "session"]), organizations: texts(&["*"]), ..rule("/all") },
        ];
    })
    .await;
    let (app, grace) = with_neighbour(app).await;
    let foreign = grace.make_key(json!({ "role": "admin" })).await;
    assert_eq!(app.verify_status(&foreign.token, "GET", "/all").await, 200);
    for path in ["/home", "/what/no/rule/covers", "/"] {
        for method in ["GET", "POST"] {
            let found = error_of(app.verify(&foreign.token, method, path).await).await;
            assert_eq!(found, (403, "ORGANIZATION_NOT_ALLOWED".into()), "{method} {path}");
        }
    }
    let asked = |path: &str| grace.request(Method::GET, "/verify").header("X-Forwarded-Uri", path);
    let response = asked("/all").send().await.unwrap();
    assert_eq!((response.status().as_u16(), header(&response, "x-auth-role")), (200, "owner"));
    assert_eq!(error_of(asked("/home").send().await.unwrap()).await, (403, "ORGANIZATION_NOT_ALLOWED".into()));

    // A rule may name that organization by its id; home is then left out.
    let id = organization_of(&grace).await;
    let ada = app.session_of(&app.sign_in(crate::support::EMAIL, crate::support::PASSWORD).await);
    let own = ada.make_key(json!({})).await;
    let app = app.restart_with(|config| config.rules = vec![Rule { organizations: vec![id], ..rule("/home") }]).await;
    assert_eq!(app.verify_status(&foreign.token, "GET", "/home").await, 200);
    assert_eq!(app.verify_status(&own.token, "GET", "/home").await, 403);
    assert_eq!(app.verify_status(&own.token, "GET", "/elsewhere").await, 200);
}

#[tokio::test]
async fn another_organization_sees_nothing_of_home_and_shares_no_class_limit_with_it() {
    let shared = Rule { organizations: texts(&["*"]), class: Some("all".into()), limit: Some(2), ..rule("/all") };
    let (app, ada) = App::spawn_with(|config| config.rules = vec![shared]).await;
    let own = ada.make_key(json!({})).await;
    let (app, grace) = with_neighbour(app).await;
    let foreign = grace.make_key(json!({})).await;
    for expected in [200, 200, 429] {
        assert_eq!(app.verify_status(&own.token, "GET", "/all").await, expected);
    }
    for expected in [200, 200, 429] {
        assert_eq!(app.verify_status(&foreign.token, "GET", "/all").await, expected);
    }
    for suffix in ["", "/requests", "/usage"] {
        assert_eq!(grace.get(&format!("{KEYS}/{}{suffix}", own.id)).await.status(), 404, "{suffix}");
    }
    assert_eq!(grace.delete(&format!("{KEYS}/{}", own.id)).await.status(), 404);
    let list: Value = grace.get(KEYS).await.json().await.unwrap();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    let requests: Value = grace.get("/api/admin/requests").await.json().await.unwrap();
    assert!(requests["items"].as_array().unwrap().iter().all(|row| row["keyId"] != own.id.as_str()));
    assert_eq!(app.verify_status(&own.token, "GET", "/b").await, 200, "the key of home is as it was");
}

#[tokio::test]
async fn a_sessions_role_is_held_against_the_rule() {
    let (app, _) = App::spawn_with(|config| {
        config.rules = vec![Rule { allow: texts(&["session"]), ..rule("/page") }];
    })
    .await;
    let (app, viewer) = with_colleague(app, "vera@example.com", Role::Viewer).await;
    let own_origin = app.url("");
    for (method, expected) in [("GET", 200), ("POST", 403)] {
        let request = viewer.request(Method::GET, "/verify").header("X-Forwarded-Method", method);
        let request = request.header("X-Forwarded-Uri", "/page").header("Origin", &own_origin);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), expected, "{method}");
        if expected == 403 {
            assert_eq!(error_of(response).await.1, "INSUFFICIENT_ROLE");
        }
    }
}

async fn faults(change: impl FnOnce(&mut Config)) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let mut config = test_config(directory.path());
    change(&mut config);
    let (clock, random) = (Arc::new(ManualClock::at(START)), Arc::new(SystemRandomness::new()));
    match startup::serve(config, clock, random).await {
        Err(StartError::Config(faults)) => {
            assert!(!directory.path().join("data").exists(), "nothing was made");
            faults
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it started"),
    }
}

#[tokio::test]
async fn a_rule_that_can_never_match_or_clashes_stops_the_start() {
    let cases: Vec<(Vec<Rule>, &str)> = vec![
        (vec![rule("agents")], "must begin with a slash"),
        (vec![rule("/a/../b")], "can never match"),
        (vec![rule("/a//b")], "can never match"),
        (vec![rule("/%61")], "can never match"),
        (vec![rule("/a?b=c")], "can never match"),
        (vec![Rule { methods: vec![], ..rule("/a") }], "can never match"),
        (vec![Rule { methods: texts(&["GE T"]), ..rule("/a") }], "can never match"),
        (vec![Rule { host: Some("https://a".into()), ..rule("/a") }], "can never match"),
        (vec![Rule { organizations: vec![], ..rule("/a") }], "can never match"),
        (vec![Rule { environments: vec![], ..rule("/a") }], "can never match"),
        (vec![Rule { environments: texts(&["prod"]), ..rule("/a") }], "there is no environment `prod`"),
        (vec![Rule { role: Some("boss".into()), ..rule("/a") }], "there is no role `boss`"),
        (vec![Rule { allow: texts(&["apikey"]), ..rule("/a") }], "nothing is called `apikey`"),
        (vec![Rule { limit: Some(0), class: Some("a".into()), ..rule("/a") }], "limit 0"),
        (vec![Rule { limit: Some(5), ..rule("/a") }], "needs a class"),
        (vec![rule("/a"), rule("/a")], "clash"),
        (vec![rule("/a"), rule("/a/")], "clash"),
        (vec![rule("/a/{x}"), rule("/a/{y}")], "clash"),
        (
            vec![
                Rule { methods: texts(&["GET", "POST"]), ..rule("/a") },
                Rule { methods: texts(&["post"]), ..rule("/a") },
            ],
            "clash",
        ),
        (
            vec![
                Rule { class: Some("c".into()), limit: Some(5), ..rule("/a") },
                Rule { class: Some("c".into()), limit: Some(6), ..rule("/b") },
            ],
            "has a limit of 5 in another rule",
        ),
    ];
    for (rules, expected) in cases {
        let described = format!("{rules:?}");
        let faults = faults(|config| config.rules = rules).await;
        assert!(faults.iter().any(|fault| fault.contains(expected)), "{faults:?} for {described}");
    }
}

#[tokio::test]
async fn every_fault_is_named_at_once_with_its_rule() {
    let faults = faults(|config| config.rules = vec![rule("a"), rule("/fine"), rule("b")]).await;
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults[0].starts_with("rule 1 (* a)") && faults[1].starts_with("rule 3 (* b)"), "{faults:?}");
}

#[tokio::test]
async fn a_path_that_servers_read_as_another_rules_is_refused() {
    let (app, ada) = App::spawn_with(|config| {
        let open = Rule { allow: texts(&["anonymous"]), ..rule("/public/{*rest}") };
        config.rules = vec![open, Rule { role: Some("owner".into()), ..rule("/admin/{*rest}") }];
    })
    .await;
    let key = ada.make_key(json!({ "role": "admin" })).await;
    for path in ["/public/..;/admin/x", "/admin;v=1/x", "/admin%3bv=1/x", "/public;a/..;b/admin/x"] {
        assert_eq!(ask(&app, &key.token, "GET", "", path).await, 400, "{path}");
    }
    for path in ["/public/x;v=1", "/other;v=1/x"] {
        assert_eq!(ask(&app, &key.token, "GET", "", path).await, 200, "{path}");
    }
}
