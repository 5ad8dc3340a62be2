//! Messages about keys that are about to end.

use super::local_time::local_time;
use super::message::{Draft, Message};
use crate::clock::UnixMillis;

/// What an expiry warning tells.
#[allow(missing_docs)]
pub struct Warning<'a> {
    /// The reader's name.
    pub name: &'a str,
    pub timezone: &'a str,
    pub organization: &'a str,
    pub key_name: &'a str,
    /// What may be shown of the key.
    pub prefix: &'a str,
    pub expires_at: UnixMillis,
    /// `None` if it was never used.
    pub last_used_at: Option<UnixMillis>,
    /// Where the key can be extended.
    pub url: &'a str,
    /// The address of this Claviger.
    pub from: &'a str,
}

/// A key is about to end.
pub fn warning(told: &Warning<'_>) -> Message {
    let Warning { organization, key_name, prefix, .. } = told;
    let ends = local_time(told.expires_at, told.timezone);
    let last_use = match told.last_used_at {
        Some(at) => format!("It was last used on {}.", local_time(at, told.timezone)),
        None => String::from("It was never used."),
    };
    Draft::new("expiry_warning", &format!("The API key {key_name} ends soon"), told.name)
        .paragraph(&format!("The API key {key_name} ({prefix}…) of {organization} ends on {ends}."))
        .paragraph(&format!("{last_use} From then on, requests with it are refused."))
        .link("Extend or replace the key", told.url)
        .finish(told.from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_says_which_key_ends_when_and_whether_it_is_in_use() {
        let mut told = Warning {
            name: "Ada",
            timezone: "America/New_York",
            organization: "Home",
            key_name: "CI",
            prefix: "clav_live_0a1b2c",
            expires_at: 1_893_456_000_000,
            last_used_at: None,
            url: "https://keys.example.com/admin/settings/developer?key=key_1",
            from: "https://keys.example.com",
        };
        let message = warning(&told);
        assert_eq!(message.subject, "The API key CI ends soon");
        for part in
            ["clav_live_0a1b2c…", "Monday, 31 December 2029 at 19:00 (America/New_York)", "never used", "key=key_1"]
        {
            assert!(message.body.text.contains(part), "{part}: {}", message.body.text);
        }
        told.last_used_at = Some(1_893_000_000_000);
        assert!(warning(&told).body.text.contains("last used on Wednesday, 26 December 2029 at 12:20"));
    }
}
