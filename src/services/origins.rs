//! Web origins (RFC 6454): which pages a widget works on.
//!
//! An allowed origin is stored in its one spelling: scheme and host in lower case, the scheme's own port left out. A
//! `*.` before a domain stands for one or more labels, and never for the bare domain.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Where a page comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    https: bool,
    host: Host,
    port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Domain(String),
    V4(Ipv4Addr),
    V6(Ipv6Addr),
}

/// An origin as it is allowed: one, or every one below a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    origin: Origin,
    /// Whether the host stands for those below it.
    below: bool,
}

impl Origin {
    /// Reads what a browser sends as `Origin`. `null` is none, nor is anything with a path, a user or another scheme.
    pub fn parse(text: &str) -> Option<Origin> {
        let text = text.to_ascii_lowercase();
        let (scheme, rest) = text.split_once("://")?;
        let https = match scheme {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let own_port = if https { 443 } else { 80 };
        let after_host = match rest.find(']') {
            Some(end) => end + 1,
            None => rest.find(':').unwrap_or(rest.len()),
        };
        let (host, port) = rest.split_at(after_host);
        let port = match port.strip_prefix(':') {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok().filter(|port| *port > 0)?
            }
            Some(_) => return None,
            None if port.is_empty() => own_port,
            None => return None,
        };
        Some(Origin { https, host: Host::parse(host)?, port })
    }
}

impl Host {
    fn parse(text: &str) -> Option<Host> {
        if let Some(address) = text.strip_prefix('[') {
            return address.strip_suffix(']')?.parse().ok().map(Host::V6);
        }
        let labels: Vec<&str> = text.split('.').collect();
        let is_label = |label: &&str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        };
        if text.len() > 253 || !labels.iter().all(is_label) {
            return None;
        }
        // What ends in a number is an address to a browser, or nothing.
        match labels.last()?.bytes().all(|byte| byte.is_ascii_digit()) {
            true => text.parse().ok().map(Host::V4),
            false => Some(Host::Domain(text.to_owned())),
        }
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (scheme, own_port) = if self.https { ("https", 443) } else { ("http", 80) };
        match &self.host {
            Host::Domain(name) => write!(formatter, "{scheme}://{name}")?,
            Host::V4(address) => write!(formatter, "{scheme}://{address}")?,
            Host::V6(address) => write!(formatter, "{scheme}://[{address}]")?,
        }
        if self.port == own_port { Ok(()) } else { write!(formatter, ":{}", self.port) }
    }
}

impl Pattern {
    fn parse(text: &str) -> Option<Pattern> {
        let Some((scheme, rest)) = text.split_once("://*.") else {
            return Origin::parse(text).map(|origin| Pattern { origin, below: false });
        };
        let origin = Origin::parse(&format!("{scheme}://{rest}"))?;
        // A whole top-level domain belongs to nobody.
        match &origin.host {
            Host::Domain(name) if name.contains('.') => Some(Pattern { origin, below: true }),
            _ => None,
        }
    }

    fn admits(&self, origin: &Origin) -> bool {
        if !self.below {
            return self.origin == *origin;
        }
        let (Host::Domain(domain), Host::Domain(host)) = (&self.origin.host, &origin.host) else { return false };
        let below = host.strip_suffix(domain.as_str()).and_then(|labels| labels.strip_suffix('.'));
        below.is_some() && self.origin.https == origin.https && self.origin.port == origin.port
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let origin = self.origin.to_string();
        formatter.write_str(&if self.below { origin.replacen("://", "://*.", 1) } else { origin })
    }
}

/// An allowed origin in its one spelling.
pub fn parse_allowed(text: &str) -> Result<String, String> {
    Pattern::parse(text.trim()).map(|pattern| pattern.to_string()).ok_or_else(|| {
        String::from(
            "must each be an origin such as https://app.example.com, http://localhost:3000 or https://*.example.com: \
             scheme, host and port alone, without a path; names beyond ASCII as xn--…",
        )
    })
}

/// Whether a page from `origin` (the header, as it came) is on a list of [`parse_allowed`]. With an empty list every
/// page is, and also what names no origin.
pub fn are_allowed(allowed: &[String], origin: Option<&str>) -> bool {
    if allowed.is_empty() {
        return true;
    }
    let Some(origin) = origin.and_then(Origin::parse) else { return false };
    allowed.iter().filter_map(|pattern| Pattern::parse(pattern)).any(|pattern| pattern.admits(&origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(allowed: &str, origin: &str) -> bool {
        are_allowed(&[parse_allowed(allowed).unwrap()], Some(origin))
    }

    #[test]
    fn an_allowed_origin_has_one_spelling() {
        for (typed, stored) in [
            ("HTTPS://App.Example.COM:443", "https://app.example.com"),
            (" http://localhost:3000 ", "http://localhost:3000"),
            ("http://a.example:80", "http://a.example"),
            ("https://a.example:80", "https://a.example:80"),
            ("https://*.Example.com:8443", "https://*.example.com:8443"),
            ("http://192.0.2.7:8080", "http://192.0.2.7:8080"),
            ("https://[2001:DB8:0::1]", "https://[2001:db8::1]"),
            ("https://my_host.internal", "https://my_host.internal"),
        ] {
            assert_eq!(parse_allowed(typed).as_deref(), Ok(stored), "{typed}");
            assert_eq!(parse_allowed(stored).as_deref(), Ok(stored), "{stored}");
        }
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for wrong in [
            "",
            "null",
            "*",
            "https://",
            "https://*",
            "https://*.com",
            "https://*.*.example.com",
            "https://a.*.example.com",
            "https://*example.com",
            "https://*.192.0.2.1",
            "example.com",
            "//example.com",
            "ftp://example.com",
            "https://example.com/",
            "https://example.com/app",
            "https://example.com?x",
            "https://example.com#x",
            "https://user@example.com",
            "https://example.com:",
            "https://example.com:0",
            "https://example.com:65536",
            "https://example.com:+443",
            "https://example.com.",
            "https://exa mple.com",
            "https://münchen.example",
            "https://300.1.2.3",
            "https://1.2.3",
            "https://[::1",
            "https://[::1]x",
            "https://a..b",
            "javascript:alert(1)",
        ] {
            assert!(parse_allowed(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_origin_is_allowed_as_it_stands_and_no_look_alike_is() {
        assert!(allows("https://app.example.com", "https://app.example.com"));
        for other in [
            "null",
            "",
            "http://app.example.com",
            "https://app.example.com:8443",
            "https://example.com",
            "https://x.app.example.com",
            "https://app.example.com.attacker.net",
            "https://attackerapp.example.com",
            "https://app.example.com@attacker.net",
            "https://app.example.com/",
            "https://app.example.com https://attacker.net",
        ] {
            assert!(!allows("https://app.example.com", other), "{other}");
        }
        assert!(allows("http://[::1]:3000", "http://[::1]:3000") && allows("https://a.b:443", "https://a.b"));
    }

    #[test]
    fn a_star_stands_for_labels_below_a_domain_and_nothing_else() {
        for below in ["https://a.example.com", "https://a.b.example.com"] {
            assert!(allows("https://*.example.com", below), "{below}");
        }
        for other in [
            "https://example.com",
            "https://.example.com",
            "https://evilexample.com",
            "https://evil.example.com.attacker.net",
            "https://attacker.net/.example.com",
            "https://a.example.com:8443",
            "http://a.example.com",
            "https://*.example.com",
            "null",
        ] {
            assert!(!allows("https://*.example.com", other), "{other}");
        }
    }

    #[test]
    fn an_empty_list_allows_every_page_and_a_list_no_page_without_an_origin() {
        assert!(are_allowed(&[], None) && are_allowed(&[], Some("null")));
        assert!(!are_allowed(&[String::from("https://a.example")], None));
    }
}
