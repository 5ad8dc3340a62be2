//! The mail that waits, read from the database and unsealed as only the holder of the master key can.

use claviger::crypto::master_key::{self, Location};
use claviger::crypto::seal::Sealer;
use claviger::random::SystemRandomness;

use super::people;
use super::support::App;

/// One message.
#[derive(Clone, Debug)]
pub struct Letter {
    pub organization: Option<i64>,
    pub kind: String,
    pub to: String,
    pub subject: String,
    pub text: String,
    pub wipe_at: Option<i64>,
}

impl Letter {
    /// The token of its link.
    pub fn token(&self) -> String {
        let (_, rest) = self.text.split_once("token=").expect("it has a link with a token");
        rest.split_whitespace().next().unwrap().to_owned()
    }
}

/// All of them, the first written first.
pub fn all(app: &App) -> Vec<Letter> {
    let random = SystemRandomness::new();
    let location = Location::Own(app.data_dir().join("master.key"));
    let sealer = Sealer::new(&master_key::load(&location, false, &random).unwrap()).unwrap();
    let state = people::state(app);
    let mut statement = state
        .prepare(
            "SELECT id, organization, kind, recipient, subject, sealed, wipe_at FROM outbox ORDER BY created_at, id",
        )
        .unwrap();
    let rows = statement
        .query_map([], |row| {
            let (id, sealed): (String, Option<Vec<u8>>) = (row.get(0)?, row.get(5)?);
            // A text whose link has run out is wiped, by a job that comes when it comes.
            let text = sealed.map_or(String::new(), |sealed| {
                let body = sealer.open(&sealed, &id).unwrap();
                let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
                body["text"].as_str().unwrap().to_owned()
            });
            Ok(Letter {
                organization: row.get(1)?,
                kind: row.get(2)?,
                to: row.get(3)?,
                subject: row.get(4)?,
                text,
                wipe_at: row.get(6)?,
            })
        })
        .unwrap();
    rows.map(Result::unwrap).collect()
}

/// Those of one kind.
pub fn of_kind(app: &App, kind: &str) -> Vec<Letter> {
    all(app).into_iter().filter(|letter| letter.kind == kind).collect()
}
