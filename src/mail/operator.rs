//! Messages about what the operator did on the command line.

use super::local_time::local_time;
use super::message::{Draft, Message};
use crate::clock::UnixMillis;

/// The operator gave somebody another password.
pub fn password_reset(name: &str, timezone: &str, at: UnixMillis, from: &str) -> Message {
    Draft::new("password_reset_by_operator", "The operator has changed your password", name)
        .paragraph(&format!(
            "On {}, the operator of this Claviger gave your account another password. All your sessions have ended.",
            local_time(at, timezone)
        ))
        .paragraph("If you did not ask for this, speak to the operator.")
        .finish(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_when_and_holds_no_password() {
        let message = password_reset("Ada", "UTC", 1_893_456_000_000, "https://keys.example.com");
        assert!(message.body.text.contains("On Tuesday, 1 January 2030 at 00:00 (UTC), the operator"));
    }
}
