//! Mail, as it waits in the outbox of a running server.

use std::path::Path;

use claviger::crypto::master_key::MasterKey;
use claviger::crypto::seal::Sealer;
use claviger::mail::message::Body;
use rusqlite::{Connection, OpenFlags};

use super::App;

/// One message, with its body opened.
#[derive(Debug)]
pub struct Mail {
    pub kind: String,
    pub to: String,
    pub subject: String,
    pub text: String,
    pub html: String,
    /// Whether an organization's administrators may read it.
    pub of_organization: bool,
    pub wipe_at: Option<i64>,
}

impl Mail {
    /// The first link in it.
    pub fn link(&self) -> &str {
        self.text.lines().find(|line| line.starts_with("http") && line.contains("token=")).expect("there is a link")
    }

    /// The token in its first link.
    pub fn token(&self) -> String {
        self.link().split_once("token=").unwrap().1.to_owned()
    }
}

/// Everything that waits, the oldest first.
pub fn all(app: &App) -> Vec<Mail> {
    all_in(&app.data_dir())
}

/// The same, of any server's data directory.
pub fn all_in(data_dir: &Path) -> Vec<Mail> {
    let hex = std::fs::read_to_string(data_dir.join("master.key")).unwrap();
    let mut bytes = [0u8; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap();
    }
    let sealer = Sealer::new(&MasterKey::from_bytes(bytes)).unwrap();
    let path = data_dir.join("claviger.db");
    let state = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut statement = state
        .prepare(
            "SELECT id, kind, recipient, subject, sealed, organization, wipe_at FROM outbox ORDER BY created_at, id",
        )
        .unwrap();
    let rows = statement.query_map([], |row| {
        let (id, sealed): (String, Option<Vec<u8>>) = (row.get(0)?, row.get(4)?);
        // A text whose link has run out is wiped, by a job that comes when it comes.
        let body = sealed.map_or(Body { text: String::new(), html: String::new() }, |sealed| {
            let opened = sealer.open(&sealed, &id).expect("it opens");
            serde_json::from_slice(&opened).expect("it is a body")
        });
        Ok(Mail {
            kind: row.get(1)?,
            to: row.get(2)?,
            subject: row.get(3)?,
            text: body.text,
            html: body.html,
            of_organization: row.get::<_, Option<i64>>(5)?.is_some(),
            wipe_at: row.get(6)?,
        })
    });
    rows.unwrap().map(Result::unwrap).collect()
}

/// Those of this kind to this address.
pub fn of(app: &App, kind: &str, to: &str) -> Vec<Mail> {
    all(app).into_iter().filter(|mail| mail.kind == kind && mail.to == to).collect()
}

/// The only one of this kind to this address.
pub fn only(app: &App, kind: &str, to: &str) -> Mail {
    let mut found = of(app, kind, to);
    assert_eq!(found.len(), 1, "{kind} to {to}: {found:?}");
    found.remove(0)
}
