//! More people and organizations than the API can make yet, put into the databases of a stopped server.

use rusqlite::{Connection, params};

use super::support::{App, EMAIL, PASSWORD, START, Session};

/// The state of a stopped server.
pub fn state(app: &App) -> Connection {
    Connection::open(app.data_dir().join("claviger.db")).unwrap()
}

/// The ledger of a stopped server.
pub fn ledger(app: &App) -> Connection {
    Connection::open(app.data_dir().join("ledger.db")).unwrap()
}

/// The number of the home organization.
pub fn home(state: &Connection) -> i64 {
    state.query_row("SELECT number FROM organizations WHERE home = 1", [], |row| row.get(0)).unwrap()
}

/// Adds a user who has Ada's password and this role in an organization.
pub fn add_user(state: &Connection, organization: i64, name: &str, role: &str) {
    let id = format!("usr_{name}");
    state
        .execute(
            "INSERT INTO users (id, email, name, password_hash, timezone, email_verified_at, created_at)
             SELECT ?1, ?2, ?3, password_hash, timezone, email_verified_at, created_at FROM users LIMIT 1",
            params![id, email(name), name],
        )
        .unwrap();
    state
        .execute(
            "INSERT INTO memberships (organization, user, role, joined_at) VALUES (?1, ?2, ?3, ?4)",
            params![organization, id, role, START],
        )
        .unwrap();
}

/// The number of [`add_organization`]'s.
pub const OTHER: i64 = 7_000;

/// Adds an organization on the enterprise plan; its number.
pub fn add_organization(state: &Connection, id: &str) -> i64 {
    let number = OTHER;
    state
        .execute(
            "INSERT INTO organizations (number, id, name, plan, home, created_at) VALUES (?1, ?2, ?2, 'enterprise', 0, ?3)",
            params![number, id, START],
        )
        .unwrap();
    number
}

/// The server with another organization beside Ada's, of these people with their roles; signed in are Ada and the first of
/// them.
pub async fn with_other(mut app: App, people: &[(&str, &str)]) -> (App, Session, Session) {
    app.stop().await;
    let state = state(&app);
    let other = add_organization(&state, "org_other");
    for (name, role) in people {
        add_user(&state, other, name, role);
    }
    drop(state);
    let app = app.restart().await;
    let ada = app.session_of(&app.sign_in(EMAIL, PASSWORD).await);
    let first = sign_in(&app, people[0].0).await;
    (app, ada, first)
}

/// The address of a user of [`add_user`].
pub fn email(name: &str) -> String {
    format!("{name}@example.com")
}

/// Signs a user of [`add_user`] in.
pub async fn sign_in(app: &App, name: &str) -> Session {
    let response = app.sign_in(&email(name), PASSWORD).await;
    assert_eq!(response.status(), 200);
    app.session_of(&response)
}

/// Ada's Home with these people in it, each with a role, and Ada's session.
pub async fn home_with(people: &[(&str, &str)]) -> (App, Session) {
    home_with_settings(people, |_| {}).await
}

/// The same, with other settings.
pub async fn home_with_settings(
    people: &[(&str, &str)],
    change: impl FnOnce(&mut claviger::config::Config),
) -> (App, Session) {
    let (mut app, _) = App::spawn_with(change).await;
    app.stop().await;
    let state = state(&app);
    let home = home(&state);
    for (name, role) in people {
        add_user(&state, home, name, role);
    }
    drop(state);
    let app = app.restart().await;
    let ada = app.session_of(&app.sign_in(super::support::EMAIL, PASSWORD).await);
    (app, ada)
}
