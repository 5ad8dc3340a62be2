//! A second organization beside home, made through the store of a server that is stopped: there is no registration yet.

use std::sync::Arc;

use claviger::clock::ManualClock;
use claviger::config::Config;
use claviger::crypto::password::Password;
use claviger::random::SystemRandomness;
use claviger::role::Role;
use claviger::startup;
use claviger::store::organizations::{self, Organization};
use claviger::store::users::{self, User};
use claviger::store::{Change, memberships};

use crate::support::{App, PASSWORD, START, Session};

pub const NEIGHBOUR_EMAIL: &str = "grace@example.com";

/// Restarts the server with one more organization (on the plan enterprise) and its owner, who is signed in.
pub async fn with_neighbour(app: App) -> (App, Session) {
    let app = app.restart_with(|config| add(config, "Next door", NEIGHBOUR_EMAIL, Role::Owner, false)).await;
    let response = app.sign_in(NEIGHBOUR_EMAIL, PASSWORD).await;
    assert_eq!(response.status(), 200);
    let session = app.session_of(&response);
    (app, session)
}

/// Restarts the server with one more member of the home organization, who is signed in.
pub async fn with_colleague(app: App, email: &str, role: Role) -> (App, Session) {
    let app = app.restart_with(|config| add(config, "Colleague", email, role, true)).await;
    let response = app.sign_in(email, PASSWORD).await;
    assert_eq!(response.status(), 200);
    let session = app.session_of(&response);
    (app, session)
}

fn add(config: &Config, name: &str, email: &str, role: Role, at_home: bool) {
    let opened =
        startup::open(config.clone(), Arc::new(ManualClock::at(START)), Arc::new(SystemRandomness::new())).unwrap();
    let services = &opened.services;
    let user = User {
        id: services.id("usr", START).unwrap(),
        email: email.into(),
        name: name.into(),
        password_hash: services.hashing.hash(Password::parse(PASSWORD.into()).unwrap()).unwrap(),
        timezone: "UTC".into(),
        email_verified_at: Some(START),
        disabled_at: None,
        created_at: START,
    };
    let mut change = Change::new().then(users::insert(&user));
    let number = if at_home {
        services.store.read(organizations::home).unwrap().unwrap().number
    } else {
        let organization = Organization {
            number: services.store.next_number(),
            id: services.id("org", START).unwrap(),
            name: name.into(),
            plan: "enterprise".into(),
            home: false,
            created_at: START,
        };
        change = change.then(organizations::insert(&organization));
        organization.number
    };
    services.store.commit(change.then(memberships::insert(number, &user.id, role, START))).unwrap();
}

/// Gives somebody another role, in the database of a server that is stopped.
pub fn set_role(database: &std::path::Path, email: &str, role: &str) {
    let changed = rusqlite::Connection::open(database)
        .unwrap()
        .execute("UPDATE memberships SET role = ?2 WHERE user = (SELECT id FROM users WHERE email = ?1)", (email, role))
        .unwrap();
    assert_eq!(changed, 1);
}
