//! Methods that are not taken, and the headers that every answer of the server's own carries or must not carry.

use reqwest::Method;
use serde_json::json;

use crate::support::{App, EMAIL, KEYS, PASSWORD, error_of, header};

#[tokio::test]
async fn trace_and_unknown_methods_are_405() {
    let (app, ada) = App::spawn().await;
    let key = ada.make_key(json!({})).await;
    for method in ["TRACE", "TRACK", "FOO", "PROPFIND"] {
        for path in ["/livez", "/v1/version", "/api/auth/sign-in", KEYS, "/", "/nothing/here"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let response = app.request(method.clone(), path).bearer_auth(&key.token).send().await.unwrap();
            assert!(!header(&response, "x-request-id").is_empty());
            assert_eq!(error_of(response).await, (405, "METHOD_NOT_ALLOWED".into()), "{method} {path}");
        }
    }
    let trace = app.request(Method::TRACE, "/verify").bearer_auth(&key.token).send().await.unwrap();
    assert_eq!(error_of(trace).await, (405, "METHOD_NOT_ALLOWED".into()));
}

#[tokio::test]
async fn a_known_path_says_which_methods_it_takes() {
    let (_app, ada) = App::spawn().await;
    for (method, path, allowed) in [
        (Method::DELETE, "/api/auth/session", "GET, HEAD"),
        (Method::PUT, KEYS, "GET, POST, HEAD"),
        (Method::GET, "/api/keys/verify", "POST"),
        (Method::POST, "/livez", "GET, HEAD"),
    ] {
        let response = ada.request(method.clone(), path).send().await.unwrap();
        assert_eq!(header(&response, "allow"), allowed, "{method} {path}");
        assert_eq!(error_of(response).await, (405, "METHOD_NOT_ALLOWED".into()));
    }
}

#[tokio::test]
async fn nobody_gets_a_cors_header_from_the_servers_own_api() {
    let (app, ada) = App::spawn_with(|config| config.gate.origins = vec!["https://app.example.com".into()]).await;
    let key = ada.make_key(json!({})).await;
    let own = app.url("");
    for origin in ["https://evil.example", "https://app.example.com", "null", &own] {
        for (method, path) in [
            (Method::GET, "/v1/version"),
            (Method::GET, KEYS),
            (Method::OPTIONS, KEYS),
            (Method::OPTIONS, "/api/auth/sign-in"),
            (Method::POST, "/api/auth/sign-in"),
            (Method::GET, "/openapi.json"),
            (Method::GET, "/verify"),
            (Method::OPTIONS, "/verify"),
            (Method::GET, "/sign-in"),
            (Method::GET, "/nothing/here"),
        ] {
            let request = app.request(method.clone(), path).header("Origin", origin).bearer_auth(&key.token);
            let response = request.header("Access-Control-Request-Method", "POST").send().await.unwrap();
            let cors = response.headers().keys().find(|name| name.as_str().starts_with("access-control-"));
            assert_eq!(cors, None, "{method} {path} for {origin}");
        }
    }
}

#[tokio::test]
async fn pages_forbid_what_is_inline_framed_sniffed_or_from_elsewhere() {
    let app = App::bare().await;
    for path in ["/", "/invite", "/sign-in", "/setup"] {
        let response = app.request(Method::GET, path).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let policy = header(&response, "content-security-policy").to_owned();
        let directives: Vec<_> = policy.split(';').map(str::trim).collect();
        for needed in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "script-src 'self'"] {
            assert!(directives.contains(&needed), "{needed} in {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("data:"), "{policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
            ("cross-origin-opener-policy", "same-origin"),
            ("content-type", "text/html; charset=utf-8"),
        ] {
            assert_eq!(header(&response, name), value, "{name} of {path}");
        }
        let page = response.text().await.unwrap();
        assert!(!page.contains("<style") && !page.contains(" style=") && !page.contains(" onclick="), "{path}");
        for script in page.split("<script").skip(1) {
            assert!(script.split('>').next().unwrap().contains("src="), "no inline script on {path}");
        }
    }
}

#[tokio::test]
async fn the_session_cookie_has_its_flags_over_http_and_over_https() {
    let (app, _) = App::spawn().await;
    let response = app.sign_in(EMAIL, PASSWORD).await;
    let cookie = header(&response, "set-cookie").to_owned();
    assert!(
        cookie.starts_with("claviger=ses_") && !cookie.contains("Secure") && !cookie.contains("Domain"),
        "{cookie}"
    );
    let app = app.restart_with(|config| config.server.public_url = Some("https://keys.example.com".into())).await;
    let response = app.sign_in(EMAIL, PASSWORD).await;
    let cookie = header(&response, "set-cookie").to_owned();
    assert!(cookie.starts_with("__Host-claviger=ses_"), "{cookie}");
    for flag in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.split("; ").any(|part| part == flag), "{flag} in {cookie}");
    }
}

#[tokio::test]
async fn answers_of_the_api_are_never_cached_and_every_answer_has_an_id_of_its_own() {
    let (app, ada) = App::spawn().await;
    let mut seen = std::collections::HashSet::new();
    for (path, kept_by_nobody) in [
        ("/livez", false),
        ("/readyz", false),
        ("/sign-in", false),
        ("/openapi.json", false),
        ("/nothing/here", false),
        ("/verify", true),
        ("/api/auth/session", true),
        ("/api/nothing/here", true),
        ("/oauth/nothing/here", true),
        (KEYS, true),
    ] {
        for request in [app.request(Method::GET, path), ada.request(Method::GET, path)] {
            let response = request.send().await.unwrap();
            if kept_by_nobody {
                assert_eq!(header(&response, "cache-control"), "no-store", "{path}");
            }
            let id = header(&response, "x-request-id").to_owned();
            assert!(id.len() == 28 && id.starts_with("req_"), "{path}: {id}");
            assert!(seen.insert(id), "{path}");
        }
    }
    let sent = app.request(Method::GET, "/livez").header("X-Request-Id", "mine").send().await.unwrap();
    assert_ne!(header(&sent, "x-request-id"), "mine");
}
