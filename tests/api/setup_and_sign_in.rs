//! The first owner, and signing in.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use super::at_once::{count, fault_of, statuses_at_once};
use super::support::{App, EMAIL, PASSWORD, error_of, header};

fn founding(token: &str) -> Value {
    json!({ "token": token, "name": "Ada", "email": EMAIL, "password": PASSWORD, "organization": "Home" })
}

async fn post(app: &App, path: &str, body: &Value) -> reqwest::Response {
    app.request(Method::POST, path).json(body).send().await.unwrap()
}

#[tokio::test]
async fn the_setup_link_makes_a_verified_owner_who_is_signed_in() {
    let app = App::bare().await;
    let token = app.setup_token.clone().unwrap();
    let response = post(&app, "/api/setup", &founding(&token)).await;
    assert_eq!(response.status(), 201);
    let session = app.session_of(&response);
    let told: Value = response.json().await.unwrap();
    assert_eq!((&told["role"], &told["method"]), (&json!("owner"), &json!("session")));
    assert_eq!(told["user"]["email"], EMAIL);
    assert_eq!(told["user"]["emailVerified"], true);
    assert_eq!((&told["organization"]["home"], &told["organization"]["plan"]), (&json!(true), &json!("enterprise")));
    let now: Value = session.get("/api/auth/session").await.json().await.unwrap();
    assert_eq!(now, told);
}

#[tokio::test]
async fn a_wrong_setup_token_is_refused_and_makes_nobody() {
    let app = App::bare().await;
    let token = app.setup_token.clone().unwrap();
    let almost = format!("{}{}", &token[..token.len() - 1], if token.ends_with('0') { '1' } else { '0' });
    for wrong in ["", "x", almost.as_str()] {
        let response = post(&app, "/api/setup", &founding(wrong)).await;
        assert_eq!(error_of(response).await, (400, "TOKEN_INVALID".into()), "{wrong}");
    }
    assert_eq!(app.sign_in(EMAIL, PASSWORD).await.status(), 401);
    assert_eq!(post(&app, "/api/setup", &founding(&token)).await.status(), 201);
}

#[tokio::test]
async fn what_cannot_be_used_at_setup_is_named_by_its_field_and_the_token_stays_good() {
    let app = App::bare().await;
    let token = app.setup_token.clone().unwrap();
    let long = "a".repeat(101);
    let too_long = format!("Aa1{}", "x".repeat(69));
    for (field, value) in [
        ("name", json!("")),
        ("name", json!(long)),
        ("name", json!("A\r\nB")),
        ("email", json!("nowhere")),
        ("email", json!("a@b@c")),
        ("email", json!("ada@example.com\r\nBcc: x@y.z")),
        ("password", json!("short")),
        ("password", json!("alllowercase1")),
        ("password", json!("NoDigitsHere")),
        ("password", json!("Nul\u{0}Inside1")),
        ("password", json!(too_long)),
        ("password", json!(7)),
        ("organization", json!("  ")),
        ("organization", json!(null)),
        ("role", json!("owner")),
        ("plan", json!("enterprise")),
    ] {
        let mut body = founding(&token);
        body[field] = value.clone();
        let (status, code, fields) = fault_of(post(&app, "/api/setup", &body).await).await;
        assert_eq!((status, code.as_str()), (400, "VALIDATION_FAILED"), "{field} {value}");
        assert!(fields[field].is_string(), "{field} {value}: {fields}");
        assert_eq!(fields.as_object().unwrap().len(), 1, "{field} {value}: {fields}");
    }
    let all_wrong = json!({ "token": token, "name": "", "email": "x", "password": "x", "organization": "" });
    let (_, _, fields) = fault_of(post(&app, "/api/setup", &all_wrong).await).await;
    assert_eq!(fields.as_object().unwrap().len(), 4, "{fields}");
    assert_eq!(post(&app, "/api/setup", &founding(&token)).await.status(), 201);
}

#[tokio::test]
async fn setup_is_gone_once_there_is_an_owner_whatever_is_sent() {
    let (app, _) = App::spawn().await;
    let token = app.setup_token.clone().unwrap();
    for body in [founding(&token), founding("x"), json!({ "nonsense": 1 }), json!([])] {
        assert_eq!(error_of(post(&app, "/api/setup", &body).await).await, (410, "GONE".into()), "{body}");
    }
    let app = app.restart().await;
    assert_eq!(app.setup_token, None);
    assert_eq!(post(&app, "/api/setup", &founding(&token)).await.status(), 410);
}

#[tokio::test]
async fn of_sixty_four_setups_at_once_one_succeeds() {
    let app = App::bare().await;
    let token = app.setup_token.clone().unwrap();
    let statuses = statuses_at_once(64, |index| {
        let mut body = founding(&token);
        body["email"] = json!(format!("ada{index}@example.com"));
        app.request(Method::POST, "/api/setup").json(&body)
    })
    .await;
    assert_eq!(count(&statuses, 201), 1, "{statuses:?}");
    assert_eq!(count(&statuses, 410), 63, "{statuses:?}");
}

#[tokio::test]
async fn the_token_of_an_earlier_start_is_dead() {
    let app = App::bare().await;
    let earlier = app.setup_token.clone().unwrap();
    let app = app.restart().await;
    let newest = app.setup_token.clone().unwrap();
    assert_ne!(earlier, newest);
    assert_eq!(error_of(post(&app, "/api/setup", &founding(&earlier)).await).await, (400, "TOKEN_INVALID".into()));
    assert_eq!(post(&app, "/api/setup", &founding(&newest)).await.status(), 201);
}

#[tokio::test]
async fn every_sign_in_sets_a_fresh_cookie_that_scripts_cannot_read() {
    let (app, first) = App::spawn().await;
    let mut cookies = vec![first.cookie.clone()];
    for _ in 0..3 {
        // Signing in with a session already there gives another one all the same.
        let body = json!({ "email": EMAIL, "password": PASSWORD });
        let response = first.post("/api/auth/sign-in", &body).await;
        assert_eq!(response.status(), 200);
        let cookie = header(&response, "set-cookie").to_owned();
        let flags: Vec<&str> = cookie.split("; ").skip(1).collect();
        assert_eq!(flags, ["Path=/", "HttpOnly", "SameSite=Lax", "Max-Age=2592000"]);
        assert!(cookie.starts_with("claviger="));
        assert_eq!(header(&response, "cache-control"), "no-store");
        cookies.push(app.session_of(&response).cookie);
    }
    cookies.sort();
    cookies.dedup();
    assert_eq!(cookies.len(), 4);
}

#[tokio::test]
async fn over_https_the_cookie_is_bound_to_the_host_and_secure() {
    let (app, session) = App::spawn_with(|config| {
        config.server.public_url = Some("https://keys.example.com".into());
    })
    .await;
    let response = app.sign_in(EMAIL, PASSWORD).await;
    let cookie = header(&response, "set-cookie");
    assert!(cookie.starts_with("__Host-claviger="), "{cookie}");
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Max-Age=2592000; Secure"), "{cookie}");
    assert_eq!(session.get("/api/auth/session").await.status(), 200);
}

#[tokio::test]
async fn an_address_is_the_same_in_any_spelling() {
    let (app, _) = App::spawn().await;
    for spelling in ["ADA@Example.com", " ada@example.com ", "ａｄａ@example.com"] {
        assert_eq!(app.sign_in(spelling, PASSWORD).await.status(), 200, "{spelling}");
    }
}

#[tokio::test]
async fn a_known_and_an_unknown_address_get_the_same_answer() {
    let (app, _) = App::spawn().await;
    let mut answers = Vec::new();
    for (email, password) in [
        (EMAIL, "WrongPass1"),
        ("nobody@example.com", "WrongPass1"),
        ("nobody@example.com", PASSWORD),
        ("no address", PASSWORD),
        (EMAIL, ""),
        (EMAIL, "Nul\u{0}Inside1"),
    ] {
        let response = app.sign_in(email, password).await;
        let status = response.status().as_u16();
        let mut names: Vec<String> = response.headers().keys().map(ToString::to_string).collect();
        names.sort();
        assert!(!names.contains(&"set-cookie".into()));
        let mut body: Value = response.json().await.unwrap();
        assert!(body["requestId"].take().is_string());
        assert_eq!((status, &body["code"]), (401, &json!("SIGN_IN_FAILED")));
        assert_eq!(body["message"], "Invalid email or password");
        answers.push((names, body));
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
}

#[tokio::test]
async fn an_unknown_address_costs_a_hash_too() {
    let (app, _) = App::spawn_with(|config| config.password.bcrypt_cost = 10).await;
    let mut quickest = [Duration::MAX; 2];
    for _ in 0..3 {
        for (quickest, email) in quickest.iter_mut().zip([EMAIL, "nobody@example.com"]) {
            let start = Instant::now();
            assert_eq!(app.sign_in(email, "WrongPass1").await.status(), 401);
            *quickest = start.elapsed().min(*quickest);
        }
    }
    // A look-up alone would take a hundredth of the time.
    assert!(quickest[1] * 4 > quickest[0], "{quickest:?}");
}

#[tokio::test]
async fn sign_in_and_setup_are_limited_for_each_network() {
    let (app, _) = App::spawn_with(|config| config.auth.requests_per_minute = 5).await;
    for path in ["/api/auth/sign-in", "/api/setup"] {
        // The setup itself was the first one there.
        let left = if path == "/api/setup" { 4 } else { 5 };
        for _ in 0..left {
            assert_ne!(post(&app, path, &json!({})).await.status(), 429);
        }
        let response = post(&app, path, &json!({})).await;
        assert_eq!(header(&response, "retry-after"), "60");
        assert_eq!(error_of(response).await, (429, "RATE_LIMITED".into()), "{path}");
    }
    app.clock.advance_ms(60_000);
    assert_eq!(app.sign_in(EMAIL, PASSWORD).await.status(), 200);
}

#[tokio::test]
async fn sixty_four_right_passwords_at_once_all_sign_in() {
    let (app, _) = App::spawn().await;
    let body = json!({ "email": EMAIL, "password": PASSWORD });
    let statuses = statuses_at_once(64, |_| app.request(Method::POST, "/api/auth/sign-in").json(&body)).await;
    assert_eq!(count(&statuses, 200), 64, "{statuses:?}");
}

#[tokio::test]
async fn a_password_of_ten_megabytes_is_too_large_and_is_never_hashed() {
    let (app, _) = App::spawn().await;
    let body = json!({ "email": EMAIL, "password": "x".repeat(10_000_000) });
    for path in ["/api/auth/sign-in", "/api/setup"] {
        let response = post(&app, path, &body).await;
        assert_eq!(error_of(response).await, (413, "PAYLOAD_TOO_LARGE".into()), "{path}");
    }
    assert_eq!(app.sign_in(EMAIL, PASSWORD).await.status(), 200);
}

#[tokio::test]
async fn all_seventy_one_bytes_of_a_password_count() {
    let app = App::bare().await;
    let longest = format!("Aa1{}", "x".repeat(68));
    let mut body = founding(app.setup_token.as_deref().unwrap());
    body["password"] = json!(longest);
    assert_eq!(post(&app, "/api/setup", &body).await.status(), 201);
    assert_eq!(app.sign_in(EMAIL, &longest).await.status(), 200);
    assert_eq!(app.sign_in(EMAIL, &format!("{}y", &longest[..70])).await.status(), 401);
    assert_eq!(app.sign_in(EMAIL, &format!("{longest}x")).await.status(), 401);
}

#[tokio::test]
async fn extra_fields_at_sign_in_are_refused_by_name() {
    let (app, _) = App::spawn().await;
    for field in ["role", "organizationId", "emailVerified", "plan"] {
        let mut body = json!({ "email": EMAIL, "password": PASSWORD });
        body[field] = json!("owner");
        let (status, code, fields) = fault_of(post(&app, "/api/auth/sign-in", &body).await).await;
        assert_eq!((status, code.as_str()), (400, "VALIDATION_FAILED"));
        assert!(fields[field].is_string(), "{field}: {fields}");
    }
}
