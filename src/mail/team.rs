//! Messages about belonging to an organization.

use super::local_time::local_time;
use super::message::{Draft, Message};
use crate::clock::UnixMillis;

/// What an invitation tells.
#[allow(missing_docs)]
pub struct Invitation<'a> {
    /// The invited's name where they have an account, or else their address.
    pub name: &'a str,
    pub timezone: &'a str,
    pub organization: &'a str,
    pub invited_by: &'a str,
    pub role: &'a str,
    pub expires_at: UnixMillis,
    /// The link with the token that is mailed.
    pub url: &'a str,
    /// The address of this Claviger.
    pub from: &'a str,
}

/// Somebody is asked into an organization.
pub fn invitation(told: &Invitation<'_>) -> Message {
    let Invitation { organization, invited_by, role, .. } = told;
    let article = if role.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    Draft::new("invitation", &format!("{invited_by} invites you to {organization}"), told.name)
        .paragraph(&format!("{invited_by} invites you to join {organization} as {article} {role}."))
        .link("Accept the invitation", told.url)
        .paragraph(&format!(
            "The link is for this address alone, works once, and is good until {}. If you did not expect it, you need \
             do nothing.",
            local_time(told.expires_at, told.timezone)
        ))
        .finish(told.from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_says_who_invites_where_as_what_and_until_when() {
        let told = Invitation {
            name: "max@example.com",
            timezone: "Europe/Berlin",
            organization: "Home",
            invited_by: "Ada",
            role: "admin",
            expires_at: 1_893_456_000_000,
            url: "https://keys.example.com/invite?token=x",
            from: "https://keys.example.com",
        };
        let message = invitation(&told);
        assert_eq!(message.subject, "Ada invites you to Home");
        for part in ["join Home as an admin", "/invite?token=x", "Tuesday, 1 January 2030 at 01:00 (Europe/Berlin)"] {
            assert!(message.body.text.contains(part), "{part}: {}", message.body.text);
        }
    }
}
