//! What must hold behind every proxy.

use serde_json::json;

use crate::api::Seen;
use crate::http::Request;
use crate::support::{House, Kind};

const IDENTITY: [&str; 9] = [
    "X-Auth-Method",
    "X-Auth-Subject",
    "X-Auth-Email",
    "X-Auth-Organization",
    "X-Auth-Role",
    "X-Auth-Key-Id",
    "X-Auth-External-Id",
    "X-Auth-Environment",
    "X-Auth-Scopes",
];

/// Other spellings of an identity header, which many frameworks take for it.
const ALIASES: [&str; 5] = ["X_Auth_Role", "X-Auth_Role", "X_Auth-Role", "X.Auth.Role", "x_auth_subject"];

pub fn a_request_with_a_key_reaches_the_api_with_its_identity(kind: &Kind) {
    let house = House::start(kind);
    let key = house.key(&json!({
        "name": "allowed", "role": "member", "externalId": "customer-7", "scopes": ["agents:run", "agents:read"],
    }));
    let body = "All of it, ".repeat(6000);
    let target = "/agents/a%20b?dry=run&path=%2Fx%2F..";
    let answer = house.send(&Request::post(target).key(&key.token).body("text/plain", &body));

    let seen = Seen::of(&answer);
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", target));
    assert!(seen.body == body, "{} of {} bytes arrived", seen.body.len(), body.len());
    assert_eq!(seen.header("X-Auth-Method"), Some("api_key"));
    assert_eq!(seen.header("X-Auth-Email"), Some("ada@example.com"));
    assert_eq!(seen.header("X-Auth-Role"), Some("member"));
    assert_eq!(seen.header("X-Auth-Key-Id"), Some(key.id.as_str()));
    assert_eq!(seen.header("X-Auth-External-Id"), Some("customer-7"));
    assert_eq!(seen.header("X-Auth-Environment"), Some("live"));
    let mut scopes: Vec<_> = seen.header("X-Auth-Scopes").expect("scopes").split(' ').collect();
    scopes.sort_unstable();
    assert_eq!(scopes, ["agents:read", "agents:run"]);
    for name in ["X-Auth-Subject", "X-Auth-Organization"] {
        assert!(seen.header(name).is_some_and(|value| !value.is_empty()), "{name} in {seen:?}");
    }
    for name in IDENTITY {
        assert_eq!(answer.header(name), None, "told to the client");
    }
    if kind.limits_on_answers {
        assert_eq!(answer.header("X-RateLimit-Limit"), Some("60"));
        assert!(answer.header("RateLimit").is_some() && answer.header("RateLimit-Policy").is_some());
    }
}

pub fn a_request_without_a_key_is_refused(kind: &Kind) {
    let house = House::start(kind);
    let missing = house.send(&Request::get("/agents/7"));
    assert_eq!(missing.status, 401);
    assert_eq!(missing.header("WWW-Authenticate"), Some("Bearer realm=\"claviger\""));
    assert_eq!(missing.json()["error"], "unauthorized");
    assert!(missing.header("X-Request-Id").is_some_and(|id| missing.json()["requestId"] == id));
    assert_eq!(missing.json()["code"], "CREDENTIALS_MISSING", "{}", missing.body);
    assert_eq!(missing.json()["message"], "Authentication required");

    let junk = house.send(&Request::get("/agents/7").key("clav_live_junk"));
    assert_eq!(junk.status, 401);
    let challenge = junk.header("WWW-Authenticate").expect("a challenge");
    assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
    assert_eq!(junk.json()["code"], "API_KEY_INVALID", "{}", junk.body);
    assert_eq!(junk.json()["message"], "Invalid API key");
    assert_eq!(house.api.hits(), 0);
}

pub fn a_viewer_key_reads_and_cannot_write(kind: &Kind) {
    let house = House::start(kind);
    let key = house.key(&json!({"name": "viewer", "role": "viewer"}));
    assert_eq!(house.send(&Request::get("/agents/7").key(&key.token)).status, 200);
    let refused = house.send(&Request::post("/agents/7").key(&key.token).json(&json!({})));
    assert_eq!(refused.status, 403);
    assert_eq!(refused.json()["error"], "forbidden");
    assert_eq!(refused.json()["code"], "INSUFFICIENT_ROLE", "{}", refused.body);
    assert_eq!(refused.json()["message"], "Insufficient permissions");
    assert_eq!(house.api.hits(), 1);
}

pub fn a_key_over_its_limit_is_told_when_to_come_back(kind: &Kind) {
    let house = House::start(kind);
    let key = house.key(&json!({"name": "limited", "role": "member", "rateLimit": 3}));
    let request = Request::get("/agents/7").key(&key.token);
    for _ in 0..3 {
        assert_eq!(house.send(&request).status, 200);
    }
    let refused = house.send(&request);
    assert_eq!(refused.status, 429, "{}", refused.body);
    let wait: u64 = refused.header("Retry-After").and_then(|text| text.parse().ok()).expect("Retry-After");
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(refused.header("X-RateLimit-Limit"), Some("3"));
    assert_eq!(refused.header("X-RateLimit-Remaining"), Some("0"));
    assert!(refused.header("RateLimit").is_some() && refused.header("RateLimit-Policy").is_some());
    let body = refused.json();
    assert_eq!((&body["error"], &body["code"]), (&json!("rate_limit_exceeded"), &json!("RATE_LIMITED")));
    assert_eq!(body["retry_after"], wait);
    assert_eq!(body["message"], format!("Too many requests. Please retry after {wait} seconds."));
    assert_eq!(house.api.hits(), 3);
}

pub fn forged_headers_are_dropped_and_the_true_request_is_judged(kind: &Kind) {
    let house = House::start(kind);
    let viewer = house.key(&json!({"name": "viewer", "role": "viewer"}));
    let member = house.member_key();
    let forged_target = |request: Request| {
        request
            .header("X-Original-URI", "/forged")
            .header("X-Original-Method", "GET")
            .header("X-Forwarded-Uri", "/forged")
            .header("X-Forwarded-Method", "GET")
    };

    let write = forged_target(Request::post("/agents/7").key(&viewer.token).json(&json!({})));
    assert_eq!(house.send(&write).status, 403, "judged by a forged method");
    let path = forged_target(Request::get("/admins-only/7").key(&member.token));
    assert_eq!(house.send(&path).status, 403, "judged by a forged path");
    assert_eq!(house.requests(&viewer)[0]["method"], "POST");
    assert_eq!(house.requests(&member)[0]["path"], "/admins-only/7");

    let mut request = forged_target(Request::get("/agents/7").key(&member.token));
    for name in IDENTITY.into_iter().chain(ALIASES) {
        request = request.header(name, "forged");
    }
    // A header that Connection names is meant for the next hop alone: nobody may have their role taken off so.
    request = request.header("Connection", "X-Auth-Role, X-Auth-Subject, X-Auth-Key-Id");
    let seen = Seen::of(&house.send(&request));
    assert_eq!(seen.header("X-Auth-Role"), Some("member"));
    assert_eq!(seen.header("X-Auth-Key-Id"), Some(member.id.as_str()));
    assert!(seen.header("X-Auth-Subject").is_some_and(|value| !value.is_empty()), "{seen:?}");
    let forged: Vec<_> = seen.headers.iter().filter(|(_, value)| value.contains("forged")).collect();
    assert!(forged.is_empty(), "{forged:?}");
    for name in ["X-Original-URI", "X-Original-Method", "X-Forwarded-Uri", "X-Forwarded-Method"] {
        assert_eq!(seen.header(name), None);
    }
    // The four spellings of the one path that a member's key may not enter, and an encoded slash.
    for target in ["//admins-only/7", "/%61dmins-only/7", "/agents/../admins-only/7", "/agents/%2e%2e/admins-only/7"] {
        assert_eq!(house.send(&Request::get(target).key(&member.token)).status, 403, "{target}");
    }
    let slash = house.send(&Request::get("/agents/..%2fadmins-only/7").key(&member.token));
    assert_eq!(slash.status, 400);
    assert_eq!(slash.json()["error"], "invalid_request");
    assert_eq!(slash.json()["code"], "PATH_INVALID", "{}", slash.body);
    assert_eq!(house.api.hits(), 1);
}

pub fn verify_is_not_reachable_from_outside(kind: &Kind) {
    let house = House::start(kind);
    let key = house.member_key();
    assert_eq!(house.send(&Request::get("/verify")).status, 401);
    assert_eq!(house.api.hits(), 0);
    for target in ["/verify", "/verify?x=1", "//verify", "/x/../verify"] {
        let answer = house.send(&Request::get(target).key(&key.token).header("X-Original-URI", "/agents/7"));
        // The API's own answer: Claviger's would not tell what the API saw.
        assert!(Seen::of(&answer).target.contains("/verify"), "{}", answer.body);
        for name in IDENTITY {
            assert_eq!(answer.header(name), None, "{target} tells the client");
        }
    }
    assert_eq!(house.requests(&key)[0]["path"], "/verify");
}

pub fn the_ledger_has_the_true_address_method_and_path(kind: &Kind) {
    let house = House::start(kind);
    let key = house.member_key();
    let request = || Request::post("/calls/7?secret=1").key(&key.token).header("User-Agent", "e2e").json(&json!({}));
    let one_header = request().header("X-Forwarded-For", "203.0.113.7, 198.51.100.9");
    let two_headers = request()
        .header("X-Forwarded-For", "203.0.113.7")
        .header("X-Forwarded-For", "198.51.100.9")
        .header("X-Real-IP", "203.0.113.7")
        .header("Forwarded", "for=203.0.113.7");
    for forged in [one_header, two_headers] {
        let seen = Seen::of(&house.send(&forged));
        assert_eq!(seen.header("X-Forwarded-For"), Some("127.0.0.1"));
        assert_eq!(seen.header("X-Forwarded-Proto"), Some("http"));
        assert_eq!(seen.header("Forwarded"), None);
        assert_ne!(seen.header("X-Real-IP"), Some("203.0.113.7"));
    }
    let rows = house.requests(&key);
    assert_eq!(rows.len(), 2);
    for row in rows {
        assert_eq!(row["ip"], "127.0.0.1");
        assert_eq!(row["method"], "POST");
        assert_eq!(row["path"], "/calls/7");
        assert_eq!(row["status"], 200);
        assert_eq!(row["userAgent"], "e2e");
        assert!(row["host"].as_str().is_some_and(|host| host.starts_with("127.0.0.1")), "{row}");
    }
}

pub fn a_gate_that_cannot_record_is_a_503_that_says_when_to_come_back(kind: &Kind) {
    let house = House::start(kind);
    let key = house.member_key();
    let request = Request::get("/agents/7").key(&key.token);
    assert_eq!(house.send(&request).status, 200);
    let held = rusqlite::Connection::open(house.ledger_file()).expect("the ledger");
    held.busy_timeout(std::time::Duration::from_secs(5)).expect("patience");
    held.execute_batch("BEGIN IMMEDIATE").expect("the ledger's lock");
    let refused = house.send(&request);
    assert_eq!(refused.status, 503, "{}", refused.body);
    let wait: u64 = refused.header("Retry-After").and_then(|text| text.parse().ok()).expect("Retry-After");
    let body = refused.json();
    assert_eq!((&body["error"], &body["code"]), (&json!("unavailable"), &json!("LEDGER_UNAVAILABLE")));
    assert_eq!(body["retry_after"], wait);
    held.execute_batch("ROLLBACK").expect("the lock given back");
    assert_eq!(house.send(&request).status, 200);
    assert_eq!(house.api.hits(), 2);
}

pub fn nobody_passes_while_claviger_is_down(kind: &Kind) {
    let mut house = House::start(kind);
    let key = house.member_key();
    let request = Request::get("/agents/7").key(&key.token);
    assert_eq!(house.send(&request).status, 200);
    house.kill_claviger();
    for _ in 0..3 {
        let answer = house.send(&request);
        assert!((500..600).contains(&answer.status), "{}: {}", answer.status, answer.body);
    }
    assert_eq!(house.api.hits(), 1);
}
