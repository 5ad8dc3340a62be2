//! What an account's owner is told: links that open it, and what was done to it.

use super::local_time::local_time;
use super::message::{Draft, Message};
use crate::clock::UnixMillis;

/// How one is greeted whose address is not proved yet: whoever typed the address chose the name too, and must not be
/// able to write to strangers through it.
pub const STRANGER: &str = "there";

/// Who reads a message, and which Claviger writes it.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    /// What they are called.
    pub name: &'a str,
    /// Their time zone: times are told in it.
    pub timezone: &'a str,
    /// `public_url`: links begin with it.
    pub site: &'a str,
}

impl Reader<'_> {
    fn time(&self, at: UnixMillis) -> String {
        local_time(at, self.timezone)
    }

    fn forgot_password(&self) -> String {
        format!("{}/forgot-password", self.site)
    }

    fn sign_in(&self) -> String {
        format!("{}/sign-in", self.site)
    }
}

/// To one who registered: the link that proves the address.
pub fn verify_email(reader: Reader<'_>, link: &str, until: UnixMillis) -> Message {
    Draft::new("verify_email", "Confirm your email address", STRANGER)
        .paragraph("An account was made at Claviger with this email address. Please confirm that the address is yours.")
        .link("Confirm the address", link)
        .paragraph(&format!("The link works once, until {}.", reader.time(until)))
        .paragraph("If you did not make an account, you need do nothing: leave the link alone.")
        .finish(reader.site)
}

/// To one who registered by the link of a mailed invitation, which has proved the address.
pub fn welcome(reader: Reader<'_>, organization: &str) -> Message {
    Draft::new("welcome", &format!("You have joined {organization}"), reader.name)
        .paragraph(&format!("Your account is ready, and you are a member of {organization}."))
        .link("Sign in", &reader.sign_in())
        .finish(reader.site)
}

/// To the owner of an address with which somebody registers, or which somebody would take, again.
pub fn address_taken(reader: Reader<'_>, at: UnixMillis) -> Message {
    Draft::new("address_taken", "You already have an account", reader.name)
        .paragraph(&format!(
            "On {}, somebody gave this email address for an account at Claviger. You have an account with it already, \
             so nothing was changed.",
            reader.time(at)
        ))
        .paragraph("If it was you: sign in with the password that you have.")
        .link("Sign in", &reader.sign_in())
        .paragraph("If you do not know it any more, or never chose one, choose a new one.")
        .link("Choose a new password", &reader.forgot_password())
        .paragraph("If it was somebody else, you need do nothing.")
        .finish(reader.site)
}

/// To one who forgot the password: the link by which they choose a new one.
pub fn reset_password(reader: Reader<'_>, link: &str, until: UnixMillis) -> Message {
    Draft::new("reset_password", "Choose a new password", reader.name)
        .paragraph("Somebody, most likely you, asked for a new password for your account at Claviger.")
        .link("Choose a new password", link)
        .paragraph(&format!("The link works once, until {}.", reader.time(until)))
        .paragraph("If you did not ask for it, you need do nothing: your password stays as it is.")
        .finish(reader.site)
}

/// To one whose password was changed.
pub fn password_changed(reader: Reader<'_>, at: UnixMillis) -> Message {
    Draft::new("password_changed", "Your password was changed", reader.name)
        .paragraph(&format!("The password of your account at Claviger was changed on {}.", reader.time(at)))
        .paragraph("All other sessions have ended. If it was you, you need do nothing.")
        .paragraph("If it was not you, choose a new password now, and tell an administrator.")
        .link("Choose a new password", &reader.forgot_password())
        .finish(reader.site)
}

/// To the new address of one who changes it: the link that proves it.
pub fn change_email(reader: Reader<'_>, link: &str, until: UnixMillis) -> Message {
    Draft::new("change_email", "Confirm your new email address", STRANGER)
        .paragraph("This is to become the email address of your account at Claviger. Please confirm that it is yours.")
        .link("Confirm the address", link)
        .paragraph(&format!("The link works once, until {}. Until you follow it, nothing changes.", reader.time(until)))
        .paragraph("If you know nothing of this, leave the link alone.")
        .finish(reader.site)
}

/// To the present address of one who changes it. `wanted` is the new one.
pub fn email_changing(reader: Reader<'_>, wanted: &str, at: UnixMillis) -> Message {
    Draft::new("email_changing", "Your email address is about to change", reader.name)
        .paragraph(&format!(
            "On {}, you asked to change the email address of your account at Claviger to {wanted}. It changes once \
             the new address is confirmed.",
            reader.time(at)
        ))
        .paragraph(
            "If it was not you, somebody knows your password: choose a new one now. That also stops the change, if \
             it is not confirmed yet.",
        )
        .link("Choose a new password", &reader.forgot_password())
        .finish(reader.site)
}

/// To one whose account is gone.
pub fn account_deleted(reader: Reader<'_>, at: UnixMillis) -> Message {
    Draft::new("account_deleted", "Your account was deleted", reader.name)
        .paragraph(&format!(
            "Your account at Claviger was deleted on {}, with your sessions and the organizations that only you \
             belonged to. API keys of your own no longer work.",
            reader.time(at)
        ))
        .paragraph("If it was not you, tell an administrator.")
        .finish(reader.site)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: UnixMillis = 1_893_456_000_000;
    const READER: Reader<'_> = Reader { name: "Ada <b>", timezone: "Europe/Berlin", site: "https://keys.example.com" };

    #[test]
    fn every_message_says_what_happened_to_whom_and_when_in_both_parts() {
        let link = "https://keys.example.com/x?token=lnk_1";
        for (message, kind, subject, wanted) in [
            (verify_email(READER, link, AT), "verify_email", "Confirm your email address", vec![link]),
            (
                address_taken(READER, AT),
                "address_taken",
                "You already have an account",
                vec!["/sign-in", "/forgot-password"],
            ),
            (reset_password(READER, link, AT), "reset_password", "Choose a new password", vec![link]),
            (password_changed(READER, AT), "password_changed", "Your password was changed", vec!["/forgot-password"]),
            (change_email(READER, link, AT), "change_email", "Confirm your new email address", vec![link]),
            (
                email_changing(READER, "new@example.com", AT),
                "email_changing",
                "Your email address is about to change",
                vec!["new@example.com", "/forgot-password"],
            ),
            (account_deleted(READER, AT), "account_deleted", "Your account was deleted", vec![]),
        ] {
            assert_eq!((message.kind, message.subject.as_str()), (kind, subject));
            for part in [&message.body.text, &message.body.html] {
                assert!(part.contains("Tuesday, 1 January 2030 at 01:00 (Europe/Berlin)"), "{part}");
                assert!(part.contains("https://keys.example.com"), "{part}");
                for wanted in &wanted {
                    assert!(part.contains(wanted), "{kind}: {part}");
                }
            }
            let to_a_stranger = ["verify_email", "change_email"].contains(&kind);
            let (text, html) = if to_a_stranger { ("there", "there") } else { ("Ada <b>", "Ada &lt;b&gt;") };
            assert!(message.body.text.starts_with(&format!("Hello {text},\n")));
            assert!(message.body.html.contains(&format!("Hello {html},")));
        }
        let message = welcome(READER, "Home");
        assert_eq!((message.kind, message.subject.as_str()), ("welcome", "You have joined Home"));
        assert!(message.body.text.contains("member of Home") && message.body.text.contains("/sign-in"));
    }
}
