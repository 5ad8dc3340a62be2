//! Many sign-ins at once (security test 13).

use reqwest::{Method, RequestBuilder};
use serde_json::json;

use super::at_once::{at_once, count, statuses_at_once};
use super::support::{App, EMAIL, PASSWORD, header};

const WRONG: &str = "WrongPass1";

fn sign_in(app: &App, email: &str, password: &str) -> RequestBuilder {
    app.request(Method::POST, "/api/auth/sign-in").json(&json!({ "email": email, "password": password }))
}

#[tokio::test]
async fn of_sixty_four_wrong_passwords_at_once_five_are_hashed() {
    for email in [EMAIL, "nobody@example.com"] {
        let (app, _) = App::spawn().await;
        let statuses = statuses_at_once(64, |_| sign_in(&app, email, WRONG)).await;
        // Who is told that it is locked never had a place, and without one nothing is hashed.
        assert_eq!((count(&statuses, 401), count(&statuses, 423)), (5, 59), "{email}: {statuses:?}");
        assert_eq!(sign_in(&app, email, PASSWORD).send().await.unwrap().status(), 423);
    }
}

#[tokio::test]
async fn sixty_four_right_passwords_at_once_all_sign_in_at_a_real_cost() {
    let (app, _) = App::spawn_with(|config| {
        config.password.bcrypt_cost = 10;
        // What is shown is that nobody is turned away, not how fast a busy machine hashes.
        config.password.queue_seconds = 120;
    })
    .await;
    let statuses = statuses_at_once(64, |_| sign_in(&app, EMAIL, PASSWORD)).await;
    assert_eq!(count(&statuses, 200), 64, "{statuses:?}");
}

#[tokio::test]
async fn four_wrong_ones_among_many_right_ones_lock_nobody_out() {
    let (app, _) = App::spawn().await;
    let statuses =
        statuses_at_once(40, |index| sign_in(&app, EMAIL, if index % 10 == 0 { WRONG } else { PASSWORD })).await;
    assert_eq!((count(&statuses, 401), count(&statuses, 200)), (4, 36), "{statuses:?}");
}

#[tokio::test]
async fn with_one_place_left_one_of_many_wrong_ones_takes_it() {
    let (app, _) = App::spawn().await;
    for _ in 0..4 {
        assert_eq!(sign_in(&app, EMAIL, WRONG).send().await.unwrap().status(), 401);
    }
    let statuses = statuses_at_once(64, |_| sign_in(&app, EMAIL, WRONG)).await;
    assert_eq!((count(&statuses, 401), count(&statuses, 423)), (1, 63), "{statuses:?}");
}

#[tokio::test]
async fn whoever_waits_too_long_is_told_when_to_come_again_and_nothing_else_fails() {
    let (app, session) = App::spawn_with(|config| {
        config.password.bcrypt_cost = 12;
        config.password.queue_seconds = 60;
    })
    .await;
    let app = app.restart_with(|config| config.password.queue_seconds = 1).await;
    let ask = app.request(Method::GET, "/api/auth/session").header("Cookie", &session.cookie);
    let work = at_once(64, |_| {
        let request = sign_in(&app, EMAIL, PASSWORD);
        async move {
            let response = request.send().await.unwrap();
            let status = response.status().as_u16();
            let told = header(&response, "retry-after").parse::<u64>().is_ok_and(|seconds| seconds >= 1);
            (status, told)
        }
    });
    let waits_for_nobody = async { ask.send().await.unwrap().status().as_u16() };
    let (answers, meanwhile) = tokio::join!(work, waits_for_nobody);
    assert_eq!(meanwhile, 200);
    assert!(answers.iter().all(|answer| matches!(answer, (200, false) | (503, true))), "{answers:?}");
    assert!(answers.contains(&(503, true)), "{answers:?}");
    let app = app.restart_with(|config| config.password.queue_seconds = 60).await;
    assert_eq!(sign_in(&app, EMAIL, PASSWORD).send().await.unwrap().status(), 200, "being turned away counts nothing");
}

#[tokio::test]
async fn a_network_gets_exactly_so_many_tries_a_minute_and_who_is_limited_uses_up_none_before_the_lock() {
    let (app, _) = App::spawn_with(|config| config.auth.requests_per_minute = 4).await;
    let statuses = statuses_at_once(64, |_| sign_in(&app, EMAIL, WRONG)).await;
    assert_eq!((count(&statuses, 401), count(&statuses, 429)), (4, 60), "{statuses:?}");
    app.clock.advance_ms(60_000);
    assert_eq!(sign_in(&app, EMAIL, PASSWORD).send().await.unwrap().status(), 200);
}
