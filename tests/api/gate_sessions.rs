//! Browsers at the gate: sessions, the gate's own cookie, and the way to the sign-in page.

use claviger::config::{Config, Rule};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::support::{App, EMAIL, PASSWORD, error_of, header, text};

const APPLICATION: &str = "https://app.example.com";

fn allowing(allow: &[&str]) -> Vec<Rule> {
    vec![Rule {
        path: "/{*rest}".into(),
        allow: allow.iter().map(|name| name.to_string()).collect(),
        ..Rule::default()
    }]
}

fn ask(app: &App, cookie: &str, method: &str) -> RequestBuilder {
    app.request(Method::GET, "/verify")
        .header("X-Forwarded-Method", method)
        .header("X-Forwarded-Uri", "/page")
        .header("Cookie", cookie)
}

async fn status(request: RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

/// A site over HTTPS, whose applications are on other hosts of its domain.
fn with_cookie_domain(config: &mut Config) {
    config.server.public_url = Some("https://keys.example.com".into());
    config.gate.cookie_domain = Some("example.com".into());
    config.gate.origins = vec![APPLICATION.into()];
    config.rules = allowing(&["api_key", "session"]);
}

#[tokio::test]
async fn a_session_passes_only_where_a_rule_allows_it() {
    let (app, ada) = App::spawn_with(|config| config.rules = allowing(&["session"])).await;
    let response = ask(&app, &ada.cookie, "GET").send().await.unwrap();
    assert_eq!(response.status(), 200);
    let who: Value = ada.get("/api/auth/session").await.json().await.unwrap();
    for (name, value) in [
        ("x-auth-method", "session"),
        ("x-auth-subject", who["user"]["id"].as_str().unwrap()),
        ("x-auth-email", EMAIL),
        ("x-auth-organization", who["organization"]["id"].as_str().unwrap()),
        ("x-auth-role", "owner"),
        ("x-auth-key-id", ""),
        ("x-auth-environment", ""),
    ] {
        assert_eq!(header(&response, name), value, "{name}");
    }
    let key = ada.make_key(json!({})).await;
    let found = error_of(app.verify(&key.token, "GET", "/page").await).await;
    assert_eq!(found, (403, "SESSION_REQUIRED".into()));

    let app = app.restart_with(|config| config.rules.clear()).await;
    let found = error_of(ask(&app, &ada.cookie, "GET").send().await.unwrap()).await;
    assert_eq!(found, (403, "CREDENTIAL_NOT_ALLOWED".into()));
    assert_eq!(status(ask(&app, &ada.cookie, "GET").bearer_auth(&key.token)).await, 200, "a key beats the cookie");
}

#[tokio::test]
async fn a_session_at_the_gate_is_recorded_and_ends_with_signing_out() {
    let (app, ada) = App::spawn_with(|config| config.rules = allowing(&["session"])).await;
    assert_eq!(status(ask(&app, &ada.cookie, "GET")).await, 200);
    let requests: Value = ada.get("/api/admin/requests?path=/page").await.json().await.unwrap();
    assert_eq!(requests["items"].as_array().unwrap().len(), 1, "{requests}");
    assert_eq!(ada.request(Method::POST, "/api/auth/sign-out").send().await.unwrap().status(), 204);
    let found = error_of(ask(&app, &ada.cookie, "GET").send().await.unwrap()).await;
    assert_eq!(found, (401, "SESSION_INVALID".into()));
}

#[tokio::test]
async fn signing_in_also_sets_a_cookie_for_the_gate_where_it_has_a_domain() {
    let (app, _) = App::spawn_with(with_cookie_domain).await;
    let response = app.sign_in(EMAIL, PASSWORD).await;
    let set: Vec<_> = response.headers().get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    assert_eq!(set.len(), 2);
    assert!(set[0].starts_with("__Host-claviger=ses_") && !set[0].contains("Domain"), "{}", set[0]);
    assert!(set[1].starts_with("__Secure-claviger-gate=ses_"));
    let flags: Vec<_> = set[1].split("; ").skip(1).collect();
    for flag in ["Domain=example.com", "Path=/", "HttpOnly", "SameSite=Lax", "Secure"] {
        assert!(flags.contains(&flag), "{flag} in {flags:?}");
    }
    assert_ne!(set[0].split_once('=').unwrap().1[..68], set[1].split_once('=').unwrap().1[..68], "two secrets");
}

#[tokio::test]
async fn the_gates_cookie_is_good_at_verify_and_nowhere_else() {
    let (app, _) = App::spawn_with(with_cookie_domain).await;
    let response = app.sign_in(EMAIL, PASSWORD).await;
    let gate = response.headers().get_all("set-cookie").iter().nth(1).unwrap().to_str().unwrap();
    let gate = gate.split(';').next().unwrap();
    let token = gate.split_once('=').unwrap().1;
    assert_eq!(status(ask(&app, gate, "GET")).await, 200);

    for cookie in [gate.to_owned(), format!("__Host-claviger={token}")] {
        for path in ["/api/auth/session", "/api/admin/rest-api-keys", "/v1/version"] {
            let response = app.request(Method::GET, path).header("Cookie", &cookie).send().await.unwrap();
            assert_eq!(response.status(), 401, "{path} with {}", cookie.split('=').next().unwrap());
        }
    }
    assert_eq!(status(ask(&app, &format!("__Host-claviger={token}"), "GET")).await, 401);
    let bearer = app.request(Method::GET, "/v1/version").bearer_auth(token).send().await.unwrap();
    assert_eq!(bearer.status(), 401, "and it is no bearer token either");
    app.session_of(&response).request(Method::POST, "/api/auth/sign-out").send().await.unwrap();
    assert_eq!(status(ask(&app, gate, "GET")).await, 401, "it ends with its session");
}

#[tokio::test]
async fn with_a_cookie_what_changes_something_or_opens_a_websocket_needs_a_known_origin() {
    let (app, _) = App::spawn_with(with_cookie_domain).await;
    let response = app.sign_in(EMAIL, PASSWORD).await;
    let gate = response.headers().get_all("set-cookie").iter().nth(1).unwrap().to_str().unwrap();
    let gate = gate.split(';').next().unwrap();
    for method in ["GET", "HEAD"] {
        assert_eq!(status(ask(&app, gate, method)).await, 200);
    }
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        assert_eq!(status(ask(&app, gate, method).header("Origin", APPLICATION)).await, 200, "{method}");
        let found = error_of(ask(&app, gate, method).send().await.unwrap()).await;
        assert_eq!(found, (403, "ORIGIN_NOT_ALLOWED".into()), "{method}");
    }
    for origin in [
        "https://evil.example.com",
        "https://app.example.com.evil.net",
        "http://app.example.com",
        "https://app.example.com:8443",
        "null",
    ] {
        let found = error_of(ask(&app, gate, "POST").header("Origin", origin).send().await.unwrap()).await;
        assert_eq!(found, (403, "ORIGIN_NOT_ALLOWED".into()), "{origin}");
    }
    let websocket = |origin: &str| {
        ask(&app, gate, "GET").header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==").header("Origin", origin)
    };
    assert_eq!(status(websocket(APPLICATION)).await, 200);
    assert_eq!(status(websocket("https://evil.example.com")).await, 403);
}

#[tokio::test]
async fn a_dead_cookie_is_anonymous_where_anonymous_may_pass_and_a_dead_key_is_not() {
    let (app, ada) = App::spawn_with(|config| config.rules = allowing(&["session", "api_key", "anonymous"])).await;
    ada.request(Method::POST, "/api/auth/sign-out").send().await.unwrap();
    for (cookie, method) in [(ada.cookie.as_str(), "GET"), (ada.cookie.as_str(), "POST"), ("claviger=nonsense", "PUT")]
    {
        let response = ask(&app, cookie, method).send().await.unwrap();
        assert_eq!((response.status().as_u16(), header(&response, "x-auth-method")), (200, "anonymous"));
        assert_eq!(header(&response, "x-auth-subject"), "");
    }
    for token in ["junk", &format!("clav_live_{}", "0".repeat(64))] {
        let found = error_of(app.verify(token, "GET", "/page").await).await;
        assert_eq!(found, (401, "API_KEY_INVALID".into()));
    }
    let app = app.restart_with(|config| config.rules = allowing(&["session", "api_key"])).await;
    let found = error_of(ask(&app, &ada.cookie, "GET").send().await.unwrap()).await;
    assert_eq!(found, (401, "SESSION_INVALID".into()));
}

#[tokio::test]
async fn who_is_signed_in_is_not_kept_out_of_what_is_open_to_all() {
    let (app, ada) = App::spawn_with(|config| config.rules = allowing(&["anonymous"])).await;
    let key = ada.make_key(json!({})).await;
    let by_cookie = ask(&app, &ada.cookie, "POST").send().await.unwrap();
    let by_key = app.verify(&key.token, "POST", "/page").await;
    for response in [by_cookie, by_key] {
        assert_eq!((response.status().as_u16(), header(&response, "x-auth-method")), (200, "anonymous"));
        assert_eq!(header(&response, "x-auth-key-id"), "");
    }
}

#[tokio::test]
async fn where_no_cookie_is_shared_among_hosts_a_foreign_origin_is_refused_and_an_unsaid_one_is_not() {
    let (app, ada) = App::spawn_with(|config| config.rules = allowing(&["session"])).await;
    assert_eq!(status(ask(&app, &ada.cookie, "POST")).await, 200);
    for (name, value) in [("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site")] {
        let found = error_of(ask(&app, &ada.cookie, "POST").header(name, value).send().await.unwrap()).await;
        assert_eq!(found, (403, "ORIGIN_NOT_ALLOWED".into()), "{name}");
    }
}

#[tokio::test]
async fn a_session_that_lay_idle_or_is_too_old_is_dead() {
    let (app, ada) = App::spawn_with(|config| config.rules = allowing(&["session"])).await;
    for minutes in [1_439, 1_441] {
        app.clock.advance_ms(minutes * 60_000);
        let expected = if minutes == 1_439 { 200 } else { 401 };
        assert_eq!(ada.get("/api/auth/session").await.status(), expected);
        assert_eq!(status(ask(&app, &ada.cookie, "GET")).await, expected);
    }
}

#[tokio::test]
async fn a_browser_is_sent_to_the_sign_in_page_and_told_the_way_back_only_to_known_origins() {
    let (app, _) = App::spawn_with(|config| {
        with_cookie_domain(config);
        config.gate.redirect_browsers = true;
    })
    .await;
    let browser = |host: &str, proto: &str, method: &str, accept: &str| {
        app.request(Method::GET, "/verify")
            .header("X-Forwarded-Method", method)
            .header("X-Forwarded-Uri", "/reports/7?month=3&q=a%26b")
            .header("X-Forwarded-Host", host)
            .header("X-Forwarded-Proto", proto)
            .header("Accept", accept)
    };
    let html = "text/html,application/xhtml+xml,*/*;q=0.8";
    let response = browser("app.example.com", "https", "GET", html).send().await.unwrap();
    assert_eq!(response.status(), 302);
    let location = reqwest::Url::parse(header(&response, "location")).unwrap();
    assert_eq!(
        (location.origin().ascii_serialization().as_str(), location.path()),
        ("https://keys.example.com", "/sign-in")
    );
    let query: Vec<_> = location.query_pairs().collect();
    assert_eq!(query.len(), 1);
    assert_eq!(
        (query[0].0.as_ref(), query[0].1.as_ref()),
        ("returnTo", "https://app.example.com/reports/7?month=3&q=a%26b")
    );
    assert_eq!(header(&response, "cache-control"), "no-store");
    assert!(text(&json!(header(&response, "x-request-id"))).starts_with("req_"));

    for (host, proto) in
        [("evil.example.com", "https"), ("app.example.com", "http"), ("app.example.com@evil.net", "https")]
    {
        let response = browser(host, proto, "GET", html).send().await.unwrap();
        let found = (response.status().as_u16(), header(&response, "location"));
        assert_eq!(found, (302, "https://keys.example.com/sign-in"), "{proto}://{host}");
    }
    assert_eq!(status(browser("app.example.com", "https", "POST", html)).await, 401);
    assert_eq!(status(browser("app.example.com", "https", "GET", "application/json")).await, 401);
    let dead = browser("app.example.com", "https", "GET", html).header("Cookie", "__Host-claviger=dead");
    assert_eq!(status(dead).await, 302, "a session that has run out too");

    let app = app.restart_with(|config| config.gate.redirect_browsers = false).await;
    let response = app.request(Method::GET, "/verify").header("Accept", html).send().await.unwrap();
    assert_eq!(response.status(), 401);
}

#[tokio::test]
async fn a_session_that_is_used_at_the_gate_alone_does_not_lie_idle() {
    let (app, ada) = App::spawn_with(|config| config.rules = allowing(&["session"])).await;
    for _ in 0..4 {
        app.clock.advance_ms(1_000 * 60_000);
        assert_eq!(status(ask(&app, &ada.cookie, "GET")).await, 200);
    }
}

#[tokio::test]
async fn a_way_back_that_leads_elsewhere_is_taken_away_from_the_sign_in_page() {
    let (app, _) = App::spawn_with(with_cookie_domain).await;
    let visit = |way: &str| {
        let url = reqwest::Url::parse_with_params(&app.url("/sign-in"), [("returnTo", way)]).unwrap();
        app.client.get(url).send()
    };
    for way in [
        "//evil.net",
        "/\\evil.net",
        "\\\\evil.net",
        "https:evil.net",
        "https:/evil.net",
        "https://app.example.com@evil.net",
        "https://app.example.com.evil.net/",
        "https://app.example.com\\@evil.net",
        "javascript:alert(1)",
        "data:text/html,x",
        "/\t/evil.net",
        " //evil.net",
        "http://app.example.com/",
    ] {
        let response = visit(way).await.unwrap();
        assert_eq!((response.status().as_u16(), header(&response, "location")), (303, "/sign-in"), "{way}");
    }
    for way in ["/admin/audit", "https://app.example.com", "https://app.example.com/reports?x=1#y"] {
        assert_eq!(visit(way).await.unwrap().status(), 200, "{way}");
    }
}
