//! Mail about signing in.

use super::local_time::local_time;
use super::message::{Draft, Message};
use crate::clock::UnixMillis;

/// What is told of a lockout.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Locked<'a> {
    pub name: &'a str,
    pub timezone: &'a str,
    pub failures: u32,
    pub at: UnixMillis,
    pub until: UnixMillis,
    /// Where the last attempt came from.
    pub ip: Option<&'a str>,
}

/// Too many wrong passwords: when, from where, until when, and what to do.
pub fn account_locked(facts: &Locked<'_>, public_url: &str) -> Message {
    let time = |at| local_time(at, facts.timezone);
    let from = facts.ip.map(|ip| format!(" from the address {ip}")).unwrap_or_default();
    Draft::new("account_locked", "Your account is locked after wrong passwords", facts.name)
        .paragraph(&format!(
            "A wrong password was entered for your account {} times; the last time on {}{from}. Signing in from there is \
             locked until {}.",
            facts.failures,
            time(facts.at),
            time(facts.until),
        ))
        .paragraph(
            "If it was you, wait until then, or choose a new password now, which ends the lock. If it was not, there is \
             nothing you have to do: nobody got in, and networks that you signed in from lately are not locked out by \
             others. You are told of this once a day at most.",
        )
        .link("Choose a new password", &format!("{public_url}/forgot-password"))
        .finish(public_url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mail_says_when_from_where_until_when_and_what_to_do() {
        let at = 1_893_456_000_000;
        let facts = Locked {
            name: "Ada",
            timezone: "Europe/Berlin",
            failures: 5,
            at,
            until: at + 900_000,
            ip: Some("192.0.2.7"),
        };
        let text = account_locked(&facts, "https://keys.example.com").body.text;
        for part in [
            "Hello Ada",
            "5 times; the last time on Tuesday, 1 January 2030 at 01:00 (Europe/Berlin) from the address 192.0.2.7",
            "until Tuesday, 1 January 2030 at 01:15 (Europe/Berlin)",
            "https://keys.example.com/forgot-password",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
