//! Invitations, put straight into the database of a running server.

use claviger::clock::Clock;
use claviger::crypto::secret_token::Digest;
use rusqlite::params;

use super::people;
use super::support::App;

/// The two tokens of an invitation.
pub struct Invited {
    pub shown: String,
    pub mailed: String,
}

/// Invites somebody to the home organization, for a week.
pub fn invite(app: &App, email: &str, role: &str) -> Invited {
    let state = people::state(app);
    state.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
    let now = app.clock.now().unix_ms;
    let made: i64 = state.query_row("SELECT count(*) FROM invitations", [], |row| row.get(0)).unwrap();
    let (shown, mailed) = (format!("lnk_shown{made}"), format!("lnk_mailed{made}"));
    state
        .execute(
            "INSERT INTO invitations (id, organization, email, role, invited_by_name, created_at, expires_at, digest,
                 mail_digest)
             VALUES (?1, ?2, ?3, ?4, 'Ada', ?5, ?6, ?7, ?8)",
            params![
                format!("inv_{made}"),
                people::home(&state),
                email,
                role,
                now,
                now + 7 * 24 * 3_600_000,
                Digest::of(&shown).0.to_vec(),
                Digest::of(&mailed).0.to_vec(),
            ],
        )
        .unwrap();
    Invited { shown, mailed }
}
