//! Who the client is: its address and its scheme, through the proxies that are trusted and no others.

use claviger::config::{Config, Network};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::support::{App, KEYS, error_of, header};

fn trust(config: &mut Config, networks: &[&str]) {
    config.server.trusted_proxies = networks.iter().map(|text| Network::try_from(text.to_string()).unwrap()).collect();
}

fn ask(app: &App, token: &str, headers: &[(&str, &str)]) -> RequestBuilder {
    let mut request = app
        .request(Method::GET, "/verify")
        .bearer_auth(token)
        .header("X-Forwarded-Method", "GET")
        .header("X-Forwarded-Uri", "/a");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request
}

#[tokio::test]
async fn forwarding_headers_of_a_peer_that_is_not_trusted_are_ignored() {
    let (app, ada) = App::spawn_with(|config| trust(config, &["10.0.0.0/8"])).await;
    let elsewhere = ada.make_key(json!({ "ipAllowList": ["203.0.113.9"] })).await;
    let here = ada.make_key(json!({ "ipAllowList": ["127.0.0.1"] })).await;
    for name in ["X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Client-IP", "True-Client-IP"] {
        let value = if name == "Forwarded" { "for=203.0.113.9" } else { "203.0.113.9" };
        let found = error_of(ask(&app, &elsewhere.token, &[(name, value)]).send().await.unwrap()).await;
        assert_eq!(found, (403, "IP_NOT_ALLOWED".into()), "{name}");
        let response = ask(&app, &here.token, &[(name, value)]).send().await.unwrap();
        assert_eq!(response.status(), 200, "{name}");
    }
    let requests: Value = ada.get(&format!("{KEYS}/{}/requests", here.id)).await.json().await.unwrap();
    assert!(requests["items"].as_array().unwrap().iter().all(|row| row["ip"] == "127.0.0.1"));
}

#[tokio::test]
async fn through_trusted_proxies_the_address_is_read_from_right_to_left() {
    let (app, ada) =
        App::spawn_with(|config| trust(config, &["127.0.0.1", "10.0.0.0/8", "::ffff:192.168.0.0/112"])).await;
    let key = ada.make_key(json!({ "rateLimit": 1_000 })).await;
    for (lines, expected) in [
        (&["203.0.113.9"][..], "203.0.113.9"),
        (&["1.1.1.1, 203.0.113.9"], "203.0.113.9"),
        (&["1.1.1.1, 203.0.113.9, 10.1.2.3"], "203.0.113.9"),
        (&["1.1.1.1, 203.0.113.9,10.1.2.3 , 192.168.0.4"], "203.0.113.9"),
        (&["1.1.1.1", "203.0.113.9", "10.1.2.3"], "203.0.113.9"),
        (&["203.0.113.9, ::ffff:10.0.0.1"], "203.0.113.9"),
        (&["::ffff:203.0.113.9"], "203.0.113.9"),
        (&["203.0.113.9:4711"], "203.0.113.9"),
        (&["[2001:db8::7]:443"], "2001:db8::7"),
        (&["2001:DB8:0:0::7"], "2001:db8::7"),
        (&["203.0.113.9, unknown, 10.1.2.3"], "10.1.2.3"),
        (&["203.0.113.9, "], "127.0.0.1"),
        (&["10.0.0.1, 10.0.0.2"], "10.0.0.1"),
        (&[], "127.0.0.1"),
    ] {
        let mut headers: Vec<_> = lines.iter().map(|line| ("X-Forwarded-For", *line)).collect();
        headers.extend([("X-Forwarded-Proto", "https"), ("X-Real-IP", "8.8.8.8")]);
        assert_eq!(ask(&app, &key.token, &headers).send().await.unwrap().status(), 200, "{lines:?}");
        let requests: Value = ada.get(&format!("{KEYS}/{}/requests?limit=1", key.id)).await.json().await.unwrap();
        assert_eq!(requests["items"][0]["ip"], expected, "{lines:?}");
        assert_eq!(ada.key(&key.id).await["lastUsedIp"], expected);
    }
}

#[tokio::test]
async fn mapped_and_plain_spellings_of_an_address_are_one() {
    let (app, ada) = App::spawn_with(|config| trust(config, &["::ffff:127.0.0.1"])).await;
    for list in ["10.0.0.1", "::ffff:10.0.0.1", "10.0.0.7/8", "::ffff:10.0.0.7/104"] {
        let key = ada.make_key(json!({ "ipAllowList": [list] })).await;
        for (address, expected) in
            [("10.0.0.1", 200), ("::ffff:10.0.0.1", 200), ("::ffff:a00:1", 200), ("11.0.0.1", 403)]
        {
            let headers = [("X-Forwarded-For", address), ("X-Forwarded-Proto", "https")];
            let response = ask(&app, &key.token, &headers).send().await.unwrap();
            assert_eq!(response.status(), expected, "{address} against {list}");
        }
    }
}

#[tokio::test]
async fn plain_http_from_off_this_machine_is_refused_everywhere() {
    let (app, ada) = App::spawn_with(|config| trust(config, &["127.0.0.1"])).await;
    let key = ada.make_key(json!({})).await;
    let far = ("X-Forwarded-For", "203.0.113.9");
    for proto in [None, Some("http"), Some("ftp"), Some("")] {
        let mut headers = vec![far];
        headers.extend(proto.map(|proto| ("X-Forwarded-Proto", proto)));
        let found = error_of(ask(&app, &key.token, &headers).send().await.unwrap()).await;
        assert_eq!(found, (403, "HTTPS_REQUIRED".into()), "{proto:?}");
        for path in ["/v1/version", "/api/auth/session", "/sign-in", "/livez", "/nothing/here"] {
            let mut request = app.request(Method::GET, path).bearer_auth(&key.token);
            for (name, value) in &headers {
                request = request.header(*name, *value);
            }
            assert_eq!(error_of(request.send().await.unwrap()).await, (403, "HTTPS_REQUIRED".into()), "{path}");
        }
    }
    for headers in [vec![far, ("X-Forwarded-Proto", "https")], vec![far, ("X-Forwarded-Proto", "HTTPS")], vec![]] {
        assert_eq!(ask(&app, &key.token, &headers).send().await.unwrap().status(), 200, "{headers:?}");
    }
    assert_eq!(ada.key(&key.id).await["requestCount"], 3);

    let app = app.restart_with(|config| config.server.require_https = false).await;
    assert_eq!(ask(&app, &key.token, &[far]).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_stranger_cannot_claim_https_and_none_is_told_to_insist_on_it_over_http() {
    let (app, _) = App::spawn().await;
    let claimed = app.request(Method::GET, "/sign-in").header("X-Forwarded-Proto", "https").send().await.unwrap();
    assert_eq!((claimed.status().as_u16(), header(&claimed, "strict-transport-security")), (200, ""));

    let app = app.restart_with(|config| trust(config, &["127.0.0.1"])).await;
    let request = || app.request(Method::GET, "/sign-in").header("X-Forwarded-For", "203.0.113.9");
    let secure = request().header("X-Forwarded-Proto", "https").send().await.unwrap();
    assert!(header(&secure, "strict-transport-security").starts_with("max-age="));
}
