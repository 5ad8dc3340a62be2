//! Messages about webhooks.

use super::local_time::local_time;
use super::message::{Draft, Message};
use crate::clock::UnixMillis;

/// What is told of a webhook that was switched off.
#[allow(missing_docs)]
pub struct SwitchedOff<'a> {
    /// The reader's name.
    pub name: &'a str,
    pub timezone: &'a str,
    pub organization: &'a str,
    /// What people call it; may be empty.
    pub description: &'a str,
    /// Where it goes, without what may be a secret.
    pub receiver: &'a str,
    /// When its receiver first took nothing.
    pub since: UnixMillis,
    /// Where it can be switched on.
    pub url: &'a str,
    /// The address of this Claviger.
    pub from: &'a str,
}

/// A webhook's receiver has taken nothing for five days.
pub fn switched_off(told: &SwitchedOff<'_>) -> Message {
    let SwitchedOff { organization, receiver, .. } = told;
    let name = if told.description.is_empty() { String::new() } else { format!(" {}", told.description) };
    let since = local_time(told.since, told.timezone);
    Draft::new("webhook_switched_off", "A webhook was switched off", told.name)
        .paragraph(&format!(
            "The webhook{name} of {organization} was switched off: its receiver, {receiver}, has taken nothing since \
             {since}."
        ))
        .paragraph(
            "What waits for it is held for thirty days. Once the receiver is well again, switch the webhook on, and it \
             is sent. What happens while it is off is not told.",
        )
        .link("See what failed, and switch it on", told.url)
        .finish(told.from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_which_webhook_since_when_and_what_to_do() {
        let mut told = SwitchedOff {
            name: "Ada",
            timezone: "UTC",
            organization: "Home",
            description: "Chat",
            receiver: "https://example.com/hooks",
            since: 1_893_456_000_000,
            url: "https://keys.example.com/admin/settings/webhooks?webhook=whk_1",
            from: "https://keys.example.com",
        };
        let message = switched_off(&told);
        assert_eq!(message.subject, "A webhook was switched off");
        for part in
            ["webhook Chat of Home", "https://example.com/hooks", "1 January 2030 at 00:00 (UTC)", "webhook=whk_1"]
        {
            assert!(message.body.text.contains(part), "{part}: {}", message.body.text);
        }
        told.description = "";
        assert!(switched_off(&told).body.text.contains("The webhook of Home"));
    }
}
