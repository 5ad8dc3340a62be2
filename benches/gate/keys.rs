//! Many keys at once, straight into the database of a stopped server: through the API a million would take an hour.

use std::path::Path;

use claviger::crypto::master_key::{self, Location};
use claviger::crypto::seal::Sealer;
use claviger::crypto::secret_token::{SecretToken, Shape};
use claviger::crypto::signature::SigningKey;
use claviger::random::{SystemRandomness, new_id};
use rusqlite::{Connection, params};

/// Inserts `count` keys; returns the tokens of `used` of them, spread evenly.
pub fn insert(data_dir: &Path, count: usize, used: usize) -> Vec<String> {
    let random = SystemRandomness::new();
    let master = master_key::load(&Location::Own(data_dir.join("master.key")), false, &random).expect("the master key");
    let sealer = Sealer::new(&master).expect("a sealer");
    let lookup = SigningKey::new(master.derive("lookup").as_slice());
    let shape = Shape { prefix: String::from("clav_live_"), hex_digits: 64, checksum: true };

    let mut connection = Connection::open(data_dir.join("claviger.db")).expect("the database");
    connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -500000").expect("pragmas");
    let organization: i64 =
        connection.query_row("SELECT number FROM organizations WHERE home = 1", [], |row| row.get(0)).expect("home");
    let transaction = connection.transaction().expect("a transaction");
    let mut tokens = Vec::with_capacity(used);
    {
        let mut statement = transaction
            .prepare(
                "INSERT INTO api_keys (number, id, family, organization, created_by_name, name, prefix, environment,
                     role, rate_limit, active, created_at, lookup, sealed, version)
                 VALUES (?1, ?2, ?1, ?3, 'bench', 'bench', ?4, 'live', 'member', 10000, 1, 0, ?5, ?6, 1)",
            )
            .expect("the statement");
        for index in 0..count {
            let token = SecretToken::mint(&shape, &random).expect("a token");
            let id = new_id("key", 1_700_000_000_000 + index as i64, &random).expect("an id");
            let digest = token.digest();
            let sealed = sealer.seal(&digest.0, &id, &random).expect("sealed");
            let column = lookup.sign(&[&digest.0]);
            let number = organization + 1 + index as i64;
            statement
                .execute(params![number, id, organization, shape.shown(&token), &column[..], sealed])
                .expect("a row");
            if index % (count / used) == 0 && tokens.len() < used {
                tokens.push(token.reveal().to_owned());
            }
        }
    }
    transaction.commit().expect("committed");
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("checkpointed");
    tokens
}
