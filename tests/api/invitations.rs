//! Invitations: for one address, once, for seven days, and worth no more than their maker. Security tests 11 and 32.

use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::at_once::{count, statuses_at_once};
use super::letters;
use super::people::{self, home_with};
use super::support::{App, Session, error_of, text};

const INVITES: &str = "/api/admin/invites";
const DAY_MS: u64 = 86_400_000;

/// Invites; the object.
async fn invite(session: &Session, email: &str, role: &str) -> Value {
    let response = session.post(INVITES, &json!({ "email": email, "role": role })).await;
    let status = response.status();
    let body: Value = response.json().await.unwrap();
    assert_eq!(status, 201, "{body}");
    body
}

fn token_of(invitation: &Value) -> String {
    text(&invitation["inviteUrl"]).split_once("token=").unwrap().1.to_owned()
}

async fn accept(session: &Session, token: &str) -> Response {
    session.post("/api/auth/accept-invite", &json!({ "token": token })).await
}

async fn states(session: &Session) -> Vec<(String, String)> {
    let list: Value = session.get(INVITES).await.json().await.unwrap();
    let items = list["items"].as_array().unwrap().iter();
    items.map(|one| (text(&one["email"]), text(&one["state"]))).collect()
}

/// Ada's Home with these people, and Ida with an organization of her own.
async fn home_and_ida(people: &[(&str, &str)]) -> (App, Session, Session) {
    let (mut app, _) = home_with(people).await;
    app.stop().await;
    let state = people::state(&app);
    let other = people::add_organization(&state, "org_ida");
    people::add_user(&state, other, "ida", "owner");
    drop(state);
    let app = app.restart().await;
    let ada = app.session_of(&app.sign_in(super::support::EMAIL, super::support::PASSWORD).await);
    let ida = people::sign_in(&app, "ida").await;
    (app, ada, ida)
}

#[tokio::test]
async fn an_invitation_is_shown_listed_mailed_and_accepted_once() {
    let (app, ada, ida) = home_and_ida(&[]).await;
    let made = invite(&ada, " Ida@Example.com ", "admin").await;
    assert!(text(&made["inviteUrl"]).starts_with(&app.url("/invite?token=lnk_")), "{made}");
    let mut shown = made.clone();
    shown.as_object_mut().unwrap().remove("inviteUrl");
    let list: Value = ada.get(INVITES).await.json().await.unwrap();
    assert_eq!(list["items"], json!([shown]), "the list has no links");
    assert_eq!(
        (&made["email"], &made["role"], &made["state"]),
        (&"ida@example.com".into(), &"admin".into(), &"open".into())
    );
    assert_eq!(made["expiresAt"], "2030-01-08T00:00:00.000Z");
    assert_eq!(made["invitedBy"]["name"], "Ada");

    let letter = letters::of_kind(&app, "invitation").remove(0);
    assert_eq!((letter.to.as_str(), letter.subject.as_str()), ("ida@example.com", "Ada invites you to Home"));
    assert!(letter.text.contains("Tuesday, 8 January 2030 at 00:00 (UTC)"), "{}", letter.text);
    assert_eq!(letter.wipe_at, Some(super::support::START + 7 * DAY_MS as i64));
    assert!(letter.organization.is_some());
    assert_ne!(letter.token(), token_of(&made));

    let info = app.request(Method::POST, "/api/auth/invite-info").json(&json!({ "token": token_of(&made) }));
    let info: Value = info.send().await.unwrap().json().await.unwrap();
    assert_eq!(
        info,
        json!({ "organization": "Home", "invitedBy": "Ada", "email": "ida@example.com", "role": "admin",
                "expiresAt": "2030-01-08T00:00:00.000Z" })
    );
    let joined: Value = accept(&ida, &token_of(&made)).await.json().await.unwrap();
    assert_eq!((&joined["organizationName"], &joined["role"]), (&"Home".into(), &"admin".into()));
    let who: Value = ida.get("/api/auth/session").await.json().await.unwrap();
    assert_eq!(who["organizations"].as_array().unwrap().len(), 2);
    assert_eq!(states(&ada).await, [("ida@example.com".into(), "accepted".into())]);
    for token in [token_of(&made), letter.token(), String::from("lnk_nothing")] {
        assert_eq!(error_of(accept(&ida, &token).await).await, (400, "TOKEN_INVALID".into()));
    }
    let log = ada.get("/api/admin/audit-log").await.text().await.unwrap();
    for action in ["invitation.created", "invitation.accepted", "member.joined"] {
        assert!(log.contains(action), "{action}");
    }
}

#[tokio::test]
async fn the_mailed_link_proves_the_address_and_the_shown_one_does_not() {
    for mailed in [false, true] {
        let (app, ada, ida) = home_and_ida(&[]).await;
        people::state(&app).execute("UPDATE users SET email_verified_at = NULL WHERE id = 'usr_ida'", []).unwrap();
        let made = invite(&ada, "ida@example.com", "member").await;
        let token = if mailed { letters::of_kind(&app, "invitation").remove(0).token() } else { token_of(&made) };
        assert_eq!(accept(&ida, &token).await.status(), 200);
        let who: Value = ida.get("/api/auth/session").await.json().await.unwrap();
        assert_eq!(who["user"]["emailVerified"], mailed);
    }
}

#[tokio::test]
async fn under_another_address_it_is_refused_and_stays_good() {
    let (_app, ada, ida) = home_and_ida(&[]).await;
    let made = invite(&ada, "other@example.com", "member").await;
    assert_eq!(error_of(accept(&ida, &token_of(&made)).await).await, (403, "INVITE_EMAIL_MISMATCH".into()));
    assert_eq!(states(&ada).await, [("other@example.com".into(), "open".into())]);
    let key = ada.make_key(json!({ "role": "admin" })).await;
    let by_key = _app.request(Method::POST, "/api/auth/accept-invite").bearer_auth(&key.token);
    let by_key = by_key.json(&json!({ "token": token_of(&made) })).send().await.unwrap();
    assert_eq!(error_of(by_key).await, (403, "SESSION_REQUIRED".into()));
}

#[tokio::test]
async fn what_cannot_be_invited_is_refused_and_named() {
    let (app, ada) = home_with(&[("max", "admin")]).await;
    let max = people::sign_in(&app, "max").await;
    for body in [
        json!({ "email": "no address", "role": "member" }),
        json!({ "email": "a@b.c\r\nBcc: d@e.f", "role": "member" }),
        json!({ "email": "new@example.com", "role": "king" }),
        json!({ "email": "new@example.com" }),
        json!({ "email": "new@example.com", "role": "member", "organizationId": "org_x" }),
    ] {
        assert_eq!(error_of(ada.post(INVITES, &body).await).await, (400, "VALIDATION_FAILED".into()), "{body}");
    }
    let as_owner = json!({ "email": "new@example.com", "role": "owner" });
    assert_eq!(error_of(max.post(INVITES, &as_owner).await).await, (403, "INSUFFICIENT_ROLE".into()));
    let member = json!({ "email": "MAX@example.com", "role": "member" });
    assert_eq!(error_of(ada.post(INVITES, &member).await).await, (409, "CONFLICT".into()));
    assert!(states(&ada).await.is_empty() && letters::all(&app).is_empty());
}

#[tokio::test]
async fn a_second_invitation_replaces_the_first() {
    let (_app, ada, ida) = home_and_ida(&[]).await;
    let first = invite(&ada, "ida@example.com", "admin").await;
    let second = invite(&ada, "ida@example.com", "viewer").await;
    let both = states(&ada).await;
    assert!(both.contains(&("ida@example.com".into(), "revoked".into())) && both.len() == 2, "{both:?}");
    assert_eq!(error_of(accept(&ida, &token_of(&first)).await).await.0, 400);
    let joined: Value = accept(&ida, &token_of(&second)).await.json().await.unwrap();
    assert_eq!(joined["role"], "viewer");
}

#[tokio::test]
async fn one_that_was_taken_back_or_has_run_out_leads_nowhere() {
    let (app, ada, _) = home_and_ida(&[]).await;
    let made = invite(&ada, "ida@example.com", "member").await;
    let path = format!("{INVITES}/{}", text(&made["id"]));
    app.clock.advance_ms(7 * DAY_MS);
    // The sessions have run out too.
    let ada = app.session_of(&app.sign_in(super::support::EMAIL, super::support::PASSWORD).await);
    let ida = people::sign_in(&app, "ida").await;
    assert_eq!(states(&ada).await[0].1, "expired");
    assert_eq!(error_of(accept(&ida, &token_of(&made)).await).await, (400, "TOKEN_INVALID".into()));
    let letters = letters::of_kind(&app, "invitation").len();

    let renewed: Value = ada.post(&format!("{path}/resend"), &json!({})).await.json().await.unwrap();
    assert_eq!((&renewed["id"], &renewed["state"]), (&made["id"], &"open".into()));
    assert_eq!(renewed["expiresAt"], "2030-01-15T00:00:00.000Z");
    assert_eq!(letters::of_kind(&app, "invitation").len(), letters + 1);
    assert_eq!(error_of(accept(&ida, &token_of(&made)).await).await.0, 400, "the old link is dead");

    assert_eq!(ada.delete(&path).await.status(), 204);
    assert_eq!(error_of(accept(&ida, &token_of(&renewed)).await).await.0, 400);
    assert_eq!(states(&ada).await[0].1, "revoked");
    assert_eq!(error_of(ada.delete(&path).await).await, (409, "CONFLICT".into()));
    assert_eq!(error_of(ada.post(&format!("{path}/resend"), &json!({})).await).await, (409, "CONFLICT".into()));
}

#[tokio::test]
async fn an_invitation_is_worth_no_more_than_its_maker_is_now() {
    let (app, ada, ida) = home_and_ida(&[("max", "owner"), ("eve", "admin"), ("tom", "admin")]).await;
    let of = |name: &str| format!("/api/admin/members/usr_{name}");
    let owner = invite(&people::sign_in(&app, "max").await, "a@example.com", "owner").await;
    let beside = invite(&people::sign_in(&app, "max").await, "ida@example.com", "admin").await;
    let by_eve = invite(&people::sign_in(&app, "eve").await, "b@example.com", "viewer").await;
    let by_tom = invite(&people::sign_in(&app, "tom").await, "c@example.com", "viewer").await;
    ada.patch(&of("max"), &json!({ "role": "admin" })).await;
    ada.delete(&of("eve")).await;
    assert!(app.claviger(&["user", "disable", "tom@example.com"]).status.success());
    let mut found = states(&ada).await;
    found.sort();
    let expected = [("a", "revoked"), ("b", "revoked"), ("c", "revoked"), ("ida", "open")];
    let expected = expected.map(|(name, state)| (format!("{name}@example.com"), state.to_owned()));
    assert_eq!(found, expected);
    for gone in [&owner, &by_eve, &by_tom] {
        assert_eq!(error_of(accept(&ida, &token_of(gone)).await).await, (400, "TOKEN_INVALID".into()));
    }
    // Even where nothing took it back: the statement itself asks what its maker is.
    let sql = "UPDATE memberships SET role = 'member' WHERE user = 'usr_max'";
    people::state(&app).execute(sql, []).unwrap();
    assert_eq!(error_of(accept(&ida, &token_of(&beside)).await).await, (400, "TOKEN_INVALID".into()));
    people::state(&app).execute("UPDATE memberships SET role = 'admin' WHERE user = 'usr_max'", []).unwrap();
    assert_eq!(accept(&ida, &token_of(&beside)).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sixty_four_that_accept_at_once_one_does() {
    let (app, ada, ida) = home_and_ida(&[]).await;
    let made = invite(&ada, "ida@example.com", "member").await;
    let tokens = [token_of(&made), letters::of_kind(&app, "invitation").remove(0).token()];
    let statuses = statuses_at_once(64, |index| {
        ida.request(Method::POST, "/api/auth/accept-invite").json(&json!({ "token": tokens[index % 2] }))
    })
    .await;
    assert_eq!((count(&statuses, 200), count(&statuses, 400)), (1, 63), "{statuses:?}");
    let members: Value = ada.get("/api/members").await.json().await.unwrap();
    assert_eq!(members["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn where_the_step_after_the_token_fails_the_token_is_still_good() {
    let (app, ada, ida) = home_and_ida(&[]).await;
    let made = invite(&ada, "ida@example.com", "admin").await;
    let state = people::state(&app);
    let home = people::home(&state);
    let sql = "INSERT INTO memberships (organization, user, role, joined_at) VALUES (?1, 'usr_ida', 'viewer', 0)";
    state.execute(sql, [home]).unwrap();
    assert_eq!(error_of(accept(&ida, &token_of(&made)).await).await, (409, "CONFLICT".into()));
    state.execute("DELETE FROM memberships WHERE organization = ?1 AND user = 'usr_ida'", [home]).unwrap();
    assert_eq!(accept(&ida, &token_of(&made)).await.status(), 200);
}

#[tokio::test]
async fn invitations_settled_long_ago_are_swept() {
    let (app, ada) = home_with(&[]).await;
    let old = invite(&ada, "old@example.com", "member").await;
    ada.delete(&format!("{INVITES}/{}", text(&old["id"]))).await;
    app.clock.advance_ms(90 * DAY_MS + 1_000);
    let ada = app.session_of(&app.sign_in(super::support::EMAIL, super::support::PASSWORD).await);
    invite(&ada, "new@example.com", "member").await;
    assert!(app.claviger(&["jobs", "run", "session_sweep"]).status.success());
    assert_eq!(states(&ada).await, [("new@example.com".into(), "open".into())]);
}
