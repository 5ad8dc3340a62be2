//! A sender as people write it: `keys@example.com`, or `Claviger <keys@example.com>`.

use super::validate::is_host;

/// A name, perhaps, and an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    /// What readers see.
    pub name: Option<String>,
    /// `local@domain`
    pub address: String,
}

impl Mailbox {
    /// Reads one. The error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (name, address) = match text.strip_suffix('>').and_then(|text| text.split_once('<')) {
            Some((name, address)) => (name.trim().trim_matches('"').trim(), address),
            None => ("", text),
        };
        if name.chars().any(char::is_control) || name.contains(['<', '>']) {
            return Err(String::from("has a name that cannot be used"));
        }
        if !is_address(address) {
            return Err(String::from("must be an address such as keys@example.com, or Claviger <keys@example.com>"));
        }
        Ok(Mailbox { name: (!name.is_empty()).then(|| name.to_owned()), address: address.to_owned() })
    }

    /// What stands behind the `@`.
    pub fn domain(&self) -> &str {
        self.address.rsplit_once('@').map_or("localhost", |(_, domain)| domain)
    }
}

/// Visible ASCII with one `@`, and nothing that means more than itself in a header or to a mail server.
fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    text.len() <= 254
        && (1..=64).contains(&local.len())
        && local.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>()[]\\,;:\"@".contains(&byte))
        && is_host(domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_have_a_name_before_it() {
        let parsed = Mailbox::parse("Claviger of Ada <keys@example.com>").unwrap();
        assert_eq!(parsed.name.as_deref(), Some("Claviger of Ada"));
        assert_eq!((parsed.address.as_str(), parsed.domain()), ("keys@example.com", "example.com"));
        assert_eq!(Mailbox::parse("\"Keys, Inc.\" <a@b>").unwrap().name.as_deref(), Some("Keys, Inc."));
        assert_eq!(Mailbox::parse("a@localhost").unwrap().name, None);
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for wrong in
            ["", "keys", "@example.com", "a@", "a@b@c", "a b@c", "a@b\r\nBcc: x@y", "A\nB <a@b>", "a@[::1]", "<a@b> x"]
        {
            assert!(Mailbox::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
