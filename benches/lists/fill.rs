//! A lot of everything, straight into the databases of a stopped server.

use std::path::Path;

use claviger::random::{SystemRandomness, new_id};
use rusqlite::{Connection, Transaction, params};

/// What is filled in happened every five seconds until now: all of it is within the ledger's retention.
const STEP: i64 = 5_000;

/// When the first of it happened.
pub fn start(entries: usize) -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock");
    now.as_millis() as i64 - entries as i64 * STEP
}

fn id(prefix: &str, at: i64) -> String {
    new_id(prefix, at, &SystemRandomness::new()).expect("an id")
}

fn open(path: &Path) -> Connection {
    let connection = Connection::open(path).expect("the database");
    connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -500000").expect("pragmas");
    connection
}

/// Fills both databases; the id of a user who did a tenth of what is in the audit log.
pub fn fill(data_dir: &Path, people: usize, entries: usize, start: i64) -> String {
    let mut state = open(&data_dir.join("claviger.db"));
    let sql = "SELECT number FROM organizations WHERE home = 1";
    let home: i64 = state.query_row(sql, [], |row| row.get(0)).expect("home");
    let user: String = state.query_row("SELECT id FROM users", [], |row| row.get(0)).expect("Ada");
    let transaction = state.transaction().expect("a transaction");
    users(&transaction, home, people, start);
    letters(&transaction, home, people, start);
    audit_log(&transaction, home, &user, entries, start);
    transaction.commit().expect("committed");
    state.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("checkpointed");

    let mut ledger = open(&data_dir.join("ledger.db"));
    let transaction = ledger.transaction().expect("a transaction");
    requests(&transaction, home, entries, start);
    transaction.commit().expect("committed");
    ledger.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("checkpointed");
    user
}

fn users(transaction: &Transaction<'_>, home: i64, people: usize, start: i64) {
    let mut user = transaction
        .prepare(
            "INSERT INTO users (id, email, name, password_hash, timezone, email_verified_at, created_at)
             VALUES (?1, ?2, ?3, '', 'UTC', 0, 0)",
        )
        .expect("the statement");
    let mut membership = transaction
        .prepare("INSERT INTO memberships (organization, user, role, joined_at) VALUES (?1, ?2, 'member', ?3)")
        .expect("the statement");
    for number in 0..people {
        let at = start + number as i64 * STEP;
        let id = id("usr", at);
        user.execute(params![id, format!("user{number}@example.com"), format!("User {number}")]).expect("a row");
        membership.execute(params![home, id, at]).expect("a row");
    }
}

fn letters(transaction: &Transaction<'_>, home: i64, people: usize, start: i64) {
    let mut invitation = transaction
        .prepare(
            "INSERT INTO invitations (id, organization, email, role, invited_by_name, created_at, expires_at, digest,
                 mail_digest)
             VALUES (?1, ?2, ?3, 'member', 'Ada', ?4, 9000000000000, randomblob(32), randomblob(32))",
        )
        .expect("the statement");
    let mut mail = transaction
        .prepare(
            "INSERT INTO outbox (id, organization, kind, recipient, subject, sealed, state, attempts, next_attempt_at,
                 created_at, finished_at)
             VALUES (?1, ?2, 'invitation', ?3, 'Ada invites you to Home', NULL, 'delivered', 1, ?4, ?4, ?4)",
        )
        .expect("the statement");
    for number in 0..people {
        let (email, at) = (format!("invited{number}@example.com"), start + number as i64 * STEP);
        invitation.execute(params![id("inv", at), home, email, at]).expect("a row");
        mail.execute(params![id("mail", at), home, email, at]).expect("a row");
    }
}

/// Entries of five actions; a tenth of them by and about one user.
fn audit_log(transaction: &Transaction<'_>, home: i64, user: &str, entries: usize, start: i64) {
    const ACTIONS: [&str; 5] =
        ["session.created", "api_key.created", "api_key.updated", "session.refused", "member.role_changed"];
    let before: i64 =
        transaction.query_row("SELECT max(seq) FROM audit_log", [], |row| row.get(0)).expect("the first entries");
    let mut entry = transaction
        .prepare(
            "INSERT INTO audit_log (seq, id, at, organization, action, actor_kind, actor_id, actor_name, target_kind,
                 target_id, target_name, ip, user_agent, request_id, changes, digest, link)
             VALUES (?1, ?2, ?3, ?4, ?5, 'user', ?6, 'Ada', 'user', ?6, 'Ada', '192.0.2.7', 'Mozilla/5.0 (X11)', ?2,
                 '{\"name\":{\"before\":\"a\",\"after\":\"b\"}}', zeroblob(32), zeroblob(32))",
        )
        .expect("the statement");
    for number in 0..entries {
        let about = if number % 10 == 0 { user.to_owned() } else { format!("usr_{}", number % 1_000) };
        let at = start + number as i64 * STEP;
        let seq = before + 1 + number as i64;
        entry.execute(params![seq, id("aud", at), at, home, ACTIONS[number % 5], about]).expect("a row");
    }
}

/// Rows of one key, with the tables that say where an organization's rows are.
fn requests(transaction: &Transaction<'_>, home: i64, entries: usize, start: i64) {
    let family = home + 1;
    let mut row = transaction
        .prepare(
            "INSERT INTO requests (seq, at, organization, family, key, credential, subject, method, host, path, status,
                 ip, user_agent, cost, count, digest, link)
             VALUES (?1, ?2, ?3, ?4, ?4, 'api_key', 'usr_ada', 'GET', 'api.example.com', '/agents/7', 200, '192.0.2.7',
                 'curl/8', 1, 1, zeroblob(32), zeroblob(32))",
        )
        .expect("the statement");
    for number in 0..entries as i64 {
        row.execute(params![number + 1, start + number * STEP, home, family]).expect("a row");
    }
    let blocks = entries as i64 / 64;
    transaction
        .execute_batch(&format!(
            "WITH RECURSIVE n (block) AS (SELECT 0 UNION ALL SELECT block + 1 FROM n WHERE block < {blocks})
             INSERT INTO requests_by_organization SELECT {home}, block FROM n;
             INSERT INTO requests_by_family SELECT {family}, block FROM requests_by_organization;
             INSERT INTO key_usage VALUES ({family}, {family}, {entries}, {start}, '192.0.2.7', 'curl/8', {entries});
             UPDATE folds SET upto = {entries};"
        ))
        .expect("the tables beside it");
}
