//! Where a webhook goes: its URL, read once, in the one spelling that everybody who connects will read it in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use super::address::AddressRules;

/// The longest URL, in bytes.
pub const MAX_URL: usize = 2_048;

/// A URL that a webhook may have, as far as its text tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target(Url);

impl Target {
    /// Reads a URL. The error says what was expected.
    pub fn parse(text: &str) -> Result<Target, String> {
        const WRONG: &str = "must be an address such as https://example.com/hooks";
        if text.len() > MAX_URL {
            return Err(format!("must have at most {MAX_URL} bytes"));
        }
        if text.chars().any(|char| char.is_whitespace() || char.is_control()) {
            return Err(String::from(WRONG));
        }
        let mut url = Url::parse(text).map_err(|_| String::from(WRONG))?;
        if !["http", "https"].contains(&url.scheme()) || url.host().is_none() || url.port() == Some(0) {
            return Err(String::from(WRONG));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(String::from("must not hold a user name or a password; check the signature instead"));
        }
        url.set_fragment(None);
        if url.as_str().len() > MAX_URL {
            return Err(format!("must have at most {MAX_URL} bytes"));
        }
        Ok(Target(url))
    }

    /// In its one spelling.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The URL itself.
    pub(super) fn url(&self) -> &Url {
        &self.0
    }

    /// Without TLS.
    pub fn is_plain(&self) -> bool {
        self.0.scheme() == "http"
    }

    /// Without what stands behind the path: that may be a secret, and is for nobody's log.
    pub fn shown(&self) -> String {
        let mut shown = self.0.clone();
        let has_query = shown.query().is_some();
        shown.set_query(None);
        if has_query { format!("{shown}?…") } else { shown.into() }
    }

    /// The address in it, where it is one and no name.
    pub(super) fn literal(&self) -> Option<IpAddr> {
        match self.0.host()? {
            Host::Ipv4(address) => Some(IpAddr::V4(address)),
            Host::Ipv6(address) => Some(IpAddr::V6(address)),
            Host::Domain(_) => None,
        }
    }

    /// The name in it, where somebody has to be asked what its addresses are.
    pub(super) fn name(&self) -> Option<&str> {
        self.0.domain().filter(|name| !is_this_machine(name))
    }

    /// Judges the address in it, or that of this machine, or those that its name was found to have. A name that has none
    /// passes: it is judged whenever something is sent.
    pub(super) fn judge(&self, rules: &AddressRules, found: &[IpAddr]) -> Result<(), String> {
        let literal;
        let addresses = match (self.literal(), self.name()) {
            (Some(address), _) => {
                literal = [address];
                &literal[..]
            }
            (None, Some(_)) => found,
            (None, None) => &[IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)],
        };
        let chosen = rules.choose(addresses, |address| address, self.is_plain());
        chosen.map(|_| ()).map_err(|forbidden| format!("cannot be used: {forbidden}"))
    }
}

/// `localhost` and all below it, whoever answers for names here (RFC 6761).
fn is_this_machine(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Webhooks;

    fn check(text: &str) -> Result<(), String> {
        Target::parse(text)?.judge(&AddressRules::of(&Webhooks::default()), &[])
    }

    #[test]
    fn an_address_is_known_in_every_spelling() {
        for url in [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f000001",
            "http://0177.0.0.1",
            "http://127.1",
            "http://0x7f.1",
            "http://127.0.0.1./",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]",
            "http://[::ffff:7f00:1]",
            "http://[64:ff9b::7f00:1]",
            "https://[2002:7f00:1::]",
            "http://localhost:3000/",
            "http://LOCALHOST.",
            "http://a.localhost/",
            "http://１２７.０.０.１/",
            "http://169.254.169.254/latest/meta-data",
            "http://2852039166/",
            "http://[::ffff:169.254.169.254]/",
            "http://[fd00:ec2::254]/",
            "http://0/",
            "http://0.0.0.0/",
            "http://[::]/",
            "http://224.0.0.1/",
            "http://255.255.255.255/",
            "http://1.1.1.1/",
        ] {
            assert!(check(url).is_err_and(|text| text.contains("cannot be used")), "{url}");
        }
        for url in ["https://1.1.1.1/", "http://10.0.0.1:8080/a?b=c", "http://[fd12::1]/", "http://192.168.1.1"] {
            assert_eq!(check(url), Ok(()), "{url}");
        }
    }

    #[test]
    fn what_is_no_such_address_is_refused() {
        let long = format!("https://example.com/{}", "a".repeat(MAX_URL));
        for url in [
            "",
            "example.com",
            "ftp://example.com",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "https://",
            "https://user@example.com",
            "https://user:password@example.com",
            "https://:password@example.com",
            "https://example.com:0/",
            "https://example.com/a b",
            "https://exam\nple.com/",
            " https://example.com/",
            &long,
        ] {
            assert!(Target::parse(url).is_err(), "{url:?}");
        }
    }

    #[test]
    fn a_name_that_does_not_resolve_passes() {
        assert_eq!(check("https://nobody.invalid/hooks"), Ok(()));
    }

    #[test]
    fn what_may_be_a_secret_is_not_shown() {
        let target = Target::parse("HTTPS://Example.com/a?token=b#c").unwrap();
        assert_eq!(
            (target.as_str(), target.shown().as_str()),
            ("https://example.com/a?token=b", "https://example.com/a?…")
        );
        assert_eq!(Target::parse("https://example.com/a").unwrap().shown(), "https://example.com/a");
    }
}
