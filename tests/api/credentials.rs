//! What is presented: where a credential is read from, and what comes of each that does not pass.

use claviger::config::{Network, Rule};
use claviger::role::Role;
use reqwest::Method;
use reqwest::header::HeaderValue;
use serde_json::{Value, json};

use crate::neighbours::{set_role, with_colleague};
use crate::support::process::files_below;
use crate::support::{App, KEYS, Key, Session, error_of, header, text};

async fn refused(app: &App, token: &str, status: u16, code: &str) {
    let found = error_of(app.verify(token, "GET", "/a").await).await;
    assert_eq!(found, (status, code.into()), "at the gate");
    let response = app.request(Method::GET, "/v1/version").bearer_auth(token).send().await.unwrap();
    assert_eq!(error_of(response).await, (status, code.into()), "on the server's own API");
}

fn bent(token: &str) -> String {
    let other = if token.ends_with('0') { "1" } else { "0" };
    format!("{}{other}", &token[..token.len() - 1])
}

async fn change(ada: &Session, key: &Key, settings: Value) {
    assert_eq!(ada.patch(&format!("{KEYS}/{}", key.id), &settings).await.status(), 200);
}

#[tokio::test]
async fn a_key_is_taken_from_either_header_and_bearer_in_any_case() {
    let (app, ada) = App::spawn().await;
    let key = ada.make_key(json!({})).await;
    for path in ["/verify", "/v1/version"] {
        for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
            let value = format!("{scheme} {}", key.token);
            let response = app.request(Method::GET, path).header("Authorization", value).send().await.unwrap();
            assert_eq!(response.status(), 200, "{scheme} on {path}");
        }
        let response = app.request(Method::GET, path).header("X-Api-Key", &key.token).send().await.unwrap();
        assert_eq!(response.status(), 200, "X-Api-Key on {path}");
    }
}

#[tokio::test]
async fn nothing_junk_and_a_wrong_checksum_are_401() {
    let (app, ada) = App::spawn().await;
    let key = ada.make_key(json!({})).await;
    for path in ["/verify", "/v1/version"] {
        let response = app.request(Method::GET, path).send().await.unwrap();
        assert_eq!(header(&response, "www-authenticate"), "Bearer realm=\"claviger\"");
        let body: Value = response.json().await.unwrap();
        assert_eq!(
            (&body["code"], &body["message"]),
            (&json!("CREDENTIALS_MISSING"), &json!("Authentication required"))
        );

        for junk in ["junk", "clav_live_", &"x".repeat(5_000), &bent(&key.token), &key.token.to_uppercase(), "ses_0"] {
            let response = app.request(Method::GET, path).header("X-Api-Key", junk).send().await.unwrap();
            assert_eq!(
                header(&response, "www-authenticate"),
                "Bearer realm=\"claviger\", error=\"invalid_token\"",
                "{junk} on {path}"
            );
            let body: Value = response.json().await.unwrap();
            assert_eq!((&body["code"], &body["message"]), (&json!("API_KEY_INVALID"), &json!("Invalid API key")));
        }
        for foreign in ["Basic YTpi", "Bearer", "Bearer eyJhbGciOiJIUzI1NiJ9.e30.x", &key.token] {
            let response = app.request(Method::GET, path).header("Authorization", foreign).send().await.unwrap();
            assert_eq!(error_of(response).await, (401, "API_KEY_INVALID".into()), "{foreign} on {path}");
        }
    }
    assert_eq!(ada.key(&key.id).await["requestCount"], 0);
}

#[tokio::test]
async fn header_bytes_that_are_no_text_are_an_invalid_key() {
    let (app, ada) = App::spawn().await;
    let key = ada.make_key(json!({})).await;
    let bytes = HeaderValue::from_bytes(b"Bearer clav_live_\xff\xfe").unwrap();
    for path in ["/verify", "/v1/version"] {
        let response = app.request(Method::GET, path).header("Authorization", &bytes).send().await.unwrap();
        assert_eq!(error_of(response).await, (401, "API_KEY_INVALID".into()), "{path}");
        let response = app.request(Method::GET, path).header("X-Api-Key", &bytes).send().await.unwrap();
        assert_eq!(error_of(response).await, (401, "API_KEY_INVALID".into()), "{path}");
    }
    let odd = HeaderValue::from_bytes(b"caf\xe9").unwrap();
    for (name, status) in
        [("User-Agent", 200), ("Cookie", 200), ("Origin", 200), ("X-Forwarded-For", 200), ("X-Forwarded-Host", 400)]
    {
        let response =
            app.request(Method::GET, "/verify").bearer_auth(&key.token).header(name, &odd).send().await.unwrap();
        assert_eq!(response.status(), status, "{name}");
    }
}

#[tokio::test]
async fn two_different_credentials_are_ambiguous_and_the_same_one_twice_is_not() {
    let (app, ada) = App::spawn().await;
    let (one, other) = (ada.make_key(json!({})).await, ada.make_key(json!({})).await);
    for path in ["/verify", "/v1/version"] {
        let both = |bearer: &str, explicit: &str| {
            app.request(Method::GET, path).bearer_auth(bearer).header("X-Api-Key", explicit).send()
        };
        for explicit in [other.token.clone(), bent(&one.token)] {
            let found = error_of(both(&one.token, &explicit).await.unwrap()).await;
            assert_eq!(found, (400, "CREDENTIALS_AMBIGUOUS".into()), "{path}");
        }
        assert_eq!(both(&one.token, &one.token).await.unwrap().status(), 200, "{path}");
        let twice = app.request(Method::GET, path).header("X-Api-Key", &one.token).header("X-Api-Key", &other.token);
        assert_eq!(error_of(twice.send().await.unwrap()).await, (400, "CREDENTIALS_AMBIGUOUS".into()), "{path}");
    }
}

#[tokio::test]
async fn a_foreign_authorization_is_ignored_beside_another_credential() {
    let (app, ada) = App::spawn().await;
    let key = ada.make_key(json!({})).await;
    for foreign in ["Basic YTpi", "Bearer eyJhbGciOiJIUzI1NiJ9.e30.x", "Digest username=\"a\"", "AWS4-HMAC-SHA256 x"] {
        for path in ["/verify", "/v1/version"] {
            let request = app.request(Method::GET, path).header("Authorization", foreign);
            assert_eq!(request.header("X-Api-Key", &key.token).send().await.unwrap().status(), 200, "{foreign}");
        }
        let with_cookie = ada.request(Method::GET, "/v1/version").header("Authorization", foreign);
        assert_eq!(with_cookie.send().await.unwrap().status(), 200, "{foreign}");
    }
    let beside_a_bent_key = ada.request(Method::GET, "/v1/version").bearer_auth(bent(&key.token));
    assert_eq!(beside_a_bent_key.send().await.unwrap().status(), 401, "a broken key of our shape beats the cookie");
}

#[tokio::test]
async fn a_key_in_the_query_is_refused_and_nowhere_on_disk() {
    let (mut app, ada) = App::spawn().await;
    let key = ada.make_key(json!({})).await;
    let escaped = key.token.replace('_', "%5F");
    for path in ["/verify", "/v1/version", "/api/auth/session", "/api/admin/requests"] {
        for query in [
            format!("api_key={}", key.token),
            format!("a=b&access_token={escaped}"),
            key.token.clone(),
            format!("key={}", bent(&key.token)),
        ] {
            let request = app.request(Method::GET, &format!("{path}?{query}"));
            assert_eq!(error_of(request.send().await.unwrap()).await, (400, "CREDENTIALS_IN_QUERY".into()), "{path}");
            let request = app.request(Method::GET, &format!("{path}?{query}")).bearer_auth(&key.token);
            assert_eq!(error_of(request.send().await.unwrap()).await, (400, "CREDENTIALS_IN_QUERY".into()), "{path}");
        }
    }
    // The application's own query is its own affair; it is not kept either.
    let target = format!("/agents?key={}", key.token);
    assert_eq!(app.verify_status(&key.token, "GET", &target).await, 200);
    assert_eq!(app.verify_status("junk", "GET", &target).await, 401);
    app.stop().await;
    let secret = &key.token.as_bytes()[key.token.len() - 40..];
    let files = files_below(app.directory.path());
    assert!(files.iter().any(|file| file.ends_with("ledger.db")) && files.len() >= 3, "{files:?}");
    for file in files {
        let content = std::fs::read(&file).unwrap_or_default();
        assert!(!content.windows(secret.len()).any(|window| window == secret), "{}", file.display());
    }
}

#[tokio::test]
async fn keys_of_older_settings_go_on_working() {
    let (app, ada) = App::spawn().await;
    let first = ada.make_key(json!({})).await;
    let app = app
        .restart_with(|config| {
            config.api_keys.live_prefix = "thig_".into();
            config.api_keys.hex_digits = 40;
        })
        .await;
    let ada = app.session_of(&app.sign_in(crate::support::EMAIL, crate::support::PASSWORD).await);
    let second = ada.make_key(json!({})).await;
    assert!(second.token.starts_with("thig_") && second.token.len() == 45, "the shape follows the settings");
    let app = app
        .restart_with(|config| {
            config.api_keys.live_prefix = "thot_ak_".into();
            config.api_keys.hex_digits = 96;
            config.api_keys.checksum = false;
        })
        .await;
    let ada = app.session_of(&app.sign_in(crate::support::EMAIL, crate::support::PASSWORD).await);
    let third = ada.make_key(json!({})).await;
    assert!(third.token.starts_with("thot_ak_") && third.token.len() == 104);
    assert_eq!(third.object["prefix"], third.token[..14]);
    let app = app.restart_with(|config| config.api_keys = Default::default()).await;
    for key in [&first, &second, &third] {
        assert_eq!(app.verify_status(&key.token, "GET", "/a").await, 200, "{}", key.object["prefix"]);
        refused(&app, &bent(&key.token), 401, "API_KEY_INVALID").await;
    }
}

#[tokio::test]
async fn a_key_expires_at_its_millisecond() {
    let (app, ada) = App::spawn().await;
    let key = ada.make_key(json!({ "expiresAt": "2030-01-01T00:10:00Z" })).await;
    app.clock.advance_ms(599_999);
    assert_eq!(app.verify_status(&key.token, "GET", "/a").await, 200);
    app.clock.advance_ms(1);
    refused(&app, &key.token, 401, "API_KEY_EXPIRED").await;
    change(&ada, &key, json!({ "expiresAt": null })).await;
    assert_eq!(app.verify_status(&key.token, "GET", "/a").await, 200);
}

#[tokio::test]
async fn a_deactivated_a_superseded_and_a_deleted_key_stop_at_once() {
    let (app, ada) = App::spawn().await;
    let key = ada.make_key(json!({})).await;
    assert_eq!(app.verify_status(&key.token, "GET", "/a").await, 200);
    change(&ada, &key, json!({ "active": false })).await;
    refused(&app, &key.token, 401, "API_KEY_DEACTIVATED").await;
    change(&ada, &key, json!({ "active": true })).await;
    assert_eq!(app.verify_status(&key.token, "GET", "/a").await, 200);

    let response = ada.post(&format!("{KEYS}/{}/rotate", key.id), &json!({ "graceSeconds": 60 })).await;
    let successor: Value = response.json().await.unwrap();
    app.clock.advance_ms(59_999);
    assert_eq!(app.verify_status(&key.token, "GET", "/a").await, 200);
    app.clock.advance_ms(1);
    refused(&app, &key.token, 401, "API_KEY_DEACTIVATED").await;

    let token = text(&successor["key"]);
    assert_eq!(app.verify_status(&token, "GET", "/a").await, 200);
    assert_eq!(ada.delete(&format!("{KEYS}/{}", text(&successor["id"]))).await.status(), 204);
    refused(&app, &token, 401, "API_KEY_INVALID").await;
}

#[tokio::test]
async fn a_change_of_plan_takes_effect_on_the_very_next_request() {
    let (app, ada) = App::spawn().await;
    let key = ada.make_key(json!({})).await;
    let organization = text(&ada.get("/api/auth/session").await.json::<Value>().await.unwrap()["organization"]["id"]);
    for _ in 0..2 {
        assert_eq!(app.verify_status(&key.token, "GET", "/a").await, 200);
        let output = app.claviger(&["org", "plan", "home", "free"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        refused(&app, &key.token, 403, "PLAN_NO_API_ACCESS").await;
        let output = app.claviger(&["org", "plan", &organization, "starter"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(app.verify_status(&key.token, "GET", "/a").await, 200);
}

#[tokio::test]
async fn a_key_without_the_role_the_scope_the_address_or_the_environment_is_403() {
    let strict = |path: &str| Rule { path: path.into(), ..Rule::default() };
    let (app, ada) = App::spawn_with(|config| {
        config.server.trusted_proxies = vec![Network::try_from(String::from("127.0.0.1")).unwrap()];
        config.rules = vec![
            Rule { role: Some("member".into()), ..strict("/role") },
            Rule { scopes: vec!["read".into(), "calls:write".into()], ..strict("/scope") },
            Rule { environments: vec!["live".into()], ..strict("/environment") },
        ];
    })
    .await;
    let cases = [
        ("/role", json!({ "role": "viewer" }), json!({ "role": "member" }), "INSUFFICIENT_ROLE"),
        ("/scope", json!({ "scopes": ["read"] }), json!({ "scopes": ["calls:write", "x", "read"] }), "SCOPE_REQUIRED"),
        ("/scope", json!({ "scopes": [] }), json!({ "scopes": null }), "SCOPE_REQUIRED"),
        ("/environment", json!({ "environment": "test" }), json!({}), "ENVIRONMENT_NOT_ALLOWED"),
        (
            "/any",
            json!({ "ipAllowList": ["10.0.0.0/8"] }),
            json!({ "ipAllowList": ["192.0.2.0/24"] }),
            "IP_NOT_ALLOWED",
        ),
    ];
    for (path, poor, enough, code) in cases {
        for (settings, expected) in [(poor, 403), (enough, 200)] {
            let key = ada.make_key(settings).await;
            let request = app.request(Method::GET, "/verify").bearer_auth(&key.token);
            let request = request.header("X-Forwarded-Method", "GET").header("X-Forwarded-Uri", path);
            let request = request.header("X-Forwarded-For", "192.0.2.7").header("X-Forwarded-Proto", "https");
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), expected, "{path}");
            let requests: Value = ada.get(&format!("{KEYS}/{}/requests", key.id)).await.json().await.unwrap();
            assert_eq!(requests["items"][0]["status"], expected, "what is refused is in the ledger too");
            if expected == 403 {
                assert_eq!(requests["items"][0]["code"], code);
                assert_eq!(error_of(response).await, (403, code.into()));
            }
        }
    }
}

#[tokio::test]
async fn a_key_can_do_no_more_than_its_owner_now() {
    let (app, _) = App::spawn().await;
    let (app, grace) = with_colleague(app, "grace@example.com", Role::Admin).await;
    let key = grace.make_key(json!({ "role": "admin" })).await;
    assert_eq!(header(&app.verify(&key.token, "POST", "/a").await, "x-auth-role"), "admin");
    let app = app
        .restart_with(|config| {
            set_role(&config.data_dir.join("claviger.db"), "grace@example.com", "viewer");
        })
        .await;
    let response = app.verify(&key.token, "GET", "/a").await;
    assert_eq!((response.status().as_u16(), header(&response, "x-auth-role")), (200, "viewer"));
    assert_eq!(app.verify_status(&key.token, "POST", "/a").await, 403);
}
