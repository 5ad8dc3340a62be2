//! Bounds of single values and of values that must agree. Rules are judged in [`crate::gate::policy`].

use super::{Config, ConfigError, Mailbox, SmtpTls};

/// Collects every fault, so that a user mends them all at once.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    let mut faults = Vec::new();
    let mut fault = |holds: bool, text: String| {
        if !holds {
            faults.push(text);
        }
    };

    addresses(config, &mut fault);
    numbers(config, &mut fault);
    key_shapes(config, &mut fault);
    plans(config, &mut fault);
    origins(config, &mut fault);
    mail(config, &mut fault);
    fault(
        is_header_of_its_own(&config.webhooks.signature_header),
        String::from(
            "webhooks.signature_header must be 1 to 64 letters, digits or `-`, and no header that a delivery has anyway",
        ),
    );
    fault(
        is_cookie_name(&config.session.cookie_name),
        String::from("session.cookie_name must be 1 to 64 letters, digits, `-` or `_`"),
    );

    if faults.is_empty() { Ok(()) } else { Err(ConfigError::Invalid(faults)) }
}

fn addresses(config: &Config, fault: &mut dyn FnMut(bool, String)) {
    let server = &config.server;
    let is_socket = |text: &str| text.parse::<std::net::SocketAddr>().is_ok();
    fault(
        is_socket(&server.listen),
        format!("server.listen: `{}` is not an address such as 127.0.0.1:8080", server.listen),
    );
    if let Some(listen) = &server.metrics_listen {
        fault(is_socket(listen), format!("server.metrics_listen: `{listen}` is not an address such as 127.0.0.1:9090"));
        fault(listen != &server.listen, String::from("server.metrics_listen must differ from server.listen"));
    }
    if let Some(url) = &server.public_url {
        fault(
            is_origin(url.trim_end_matches('/')),
            format!("server.public_url: `{url}` must be http(s)://host[:port] without a path"),
        );
    }
}

fn numbers(config: &Config, fault: &mut dyn FnMut(bool, String)) {
    let table: [(&str, u64, u64, u64); 16] = [
        ("server.workers", config.server.workers.unwrap_or(1) as u64, 1, 1_024),
        ("server.max_body_bytes", config.server.max_body_bytes as u64, 1_024, 1 << 30),
        ("password.bcrypt_cost", config.password.bcrypt_cost.into(), 10, 14),
        ("password.queue_seconds", config.password.queue_seconds, 1, 300),
        ("lockout.attempts", config.lockout.attempts.into(), 1, 100),
        ("lockout.minutes", config.lockout.minutes.into(), 1, 10_080),
        ("lockout.reset_minutes", config.lockout.reset_minutes.into(), 1, 10_080),
        ("session.idle_minutes", config.session.idle_minutes as u64, 1, 525_600),
        ("session.absolute_hours", config.session.absolute_hours as u64, 1, 87_600),
        ("auth.requests_per_minute", config.auth.requests_per_minute.into(), 1, 1_000_000),
        ("shares.requests_per_minute", config.shares.requests_per_minute.into(), 1, 1_000_000),
        ("gate.default_limit", config.gate.default_limit.unwrap_or(1).into(), 1, 1_000_000),
        ("ledger.retention_days", config.ledger.retention_days.into(), 1, 36_500),
        ("ledger.max_megabytes", config.ledger.max_megabytes, 16, 1 << 24),
        ("smtp.timeout_seconds", config.smtp.timeout_seconds, 1, 600),
        ("audit.retention_days", config.audit.retention_days.unwrap_or(1).into(), 1, 36_500),
    ];
    for (name, value, least, most) in table {
        fault((least..=most).contains(&value), format!("{name} must be between {least} and {most}"));
    }
}

fn key_shapes(config: &Config, fault: &mut dyn FnMut(bool, String)) {
    let keys = &config.api_keys;
    for (name, prefix) in [("live_prefix", &keys.live_prefix), ("test_prefix", &keys.test_prefix)] {
        let fits = (3..=32).contains(&prefix.len())
            && prefix.ends_with('_')
            && prefix.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        fault(fits, format!("api_keys.{name} must be 3 to 32 lower-case letters, digits or `_`, and end with `_`"));
    }
    for (name, prefix) in [("live_prefix", &keys.live_prefix), ("test_prefix", &keys.test_prefix)] {
        let own = ["ses_", "stp_", "lnk_", "shr_", "wgs_"].contains(&prefix.as_str());
        fault(!own, format!("api_keys.{name}: `{prefix}` is what Claviger's other tokens begin with"));
    }
    fault(keys.live_prefix != keys.test_prefix, String::from("api_keys.live_prefix and test_prefix must differ"));
    fault((40..=128).contains(&keys.hex_digits), String::from("api_keys.hex_digits must be between 40 and 128"));
    let most = keys.max_rate_limit;
    fault((1..=1_000_000).contains(&most), String::from("api_keys.max_rate_limit must be between 1 and 1000000"));
    fault(
        (1..=most).contains(&keys.default_rate_limit),
        String::from("api_keys.default_rate_limit must be between 1 and api_keys.max_rate_limit"),
    );
    fault((1..=365).contains(&keys.warn_days), String::from("api_keys.warn_days must be between 1 and 365"));
}

fn plans(config: &Config, fault: &mut dyn FnMut(bool, String)) {
    for (setting, name) in [("setup", &config.plans.setup), ("registered", &config.plans.registered)] {
        fault(
            config.plans.named.contains_key(name),
            format!("plans.{setting}: there is no plan `{name}`; make it with [plans.{name}]"),
        );
    }
    for (name, plan) in &config.plans.named {
        fault(
            (1..=1_000_000).contains(&plan.max_rate_limit),
            format!("plans.{name}.max_rate_limit must be between 1 and 1000000"),
        );
    }
}

fn origins(config: &Config, fault: &mut dyn FnMut(bool, String)) {
    for origin in &config.gate.origins {
        fault(is_origin(origin), format!("gate.origins: `{origin}` must be http(s)://host[:port]"));
    }
    if let Some(domain) = &config.gate.cookie_domain {
        fault(
            is_host(domain.trim_start_matches('.')) && domain.contains('.'),
            format!("gate.cookie_domain: `{domain}` must be a domain such as example.com"),
        );
        fault(
            domain_covers(domain, &config.public_url()),
            format!("gate.cookie_domain: the host of server.public_url must be `{domain}` or end with it"),
        );
        fault(
            config.is_https(),
            String::from("gate.cookie_domain needs an https server.public_url: its cookie is Secure"),
        );
    }
}

/// Whether a browser takes a cookie for this domain from this origin (RFC 6265, section 5.1.3).
fn domain_covers(domain: &str, origin: &str) -> bool {
    let domain = domain.trim_start_matches('.').to_ascii_lowercase();
    let host = origin.split_once("://").map_or(origin, |(_, rest)| rest).to_ascii_lowercase();
    let host = host.rsplit_once(':').map_or(host.as_str(), |(host, _)| host);
    host == domain || host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.'))
}

fn mail(config: &Config, fault: &mut dyn FnMut(bool, String)) {
    let smtp = &config.smtp;
    if let Some(host) = &smtp.host {
        fault(smtp.from.is_some(), String::from("smtp.from must be set where smtp.host is"));
        let address = host.parse::<std::net::IpAddr>().ok().map(super::unify_address);
        fault(
            address.is_some() || is_host(host),
            format!("smtp.host: `{host}` must be a name or an address, without a port (that is smtp.port)"),
        );
        let loopback = host == "localhost" || address.is_some_and(|address| address.is_loopback());
        fault(
            smtp.tls != SmtpTls::None || loopback,
            String::from("smtp.tls = \"none\" is for a mail server on loopback only"),
        );
    }
    fault(smtp.port != Some(0), String::from("smtp.port must be between 1 and 65535"));
    if let Some(from) = &smtp.from
        && let Err(text) = Mailbox::parse(from)
    {
        fault(false, format!("smtp.from: `{from}` {text}"));
    }
    if let Some(username) = &smtp.username {
        let fits = (1..=254).contains(&username.len()) && !username.chars().any(char::is_control);
        fault(fits, String::from("smtp.username must be 1 to 254 bytes without control characters"));
    }
    fault(
        smtp.username.is_some() || smtp.password_file.is_none(),
        String::from("smtp.password_file needs smtp.username"),
    );
}

fn is_origin(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let Some(rest) = rest else { return false };
    if rest.parse::<std::net::SocketAddr>().is_ok() {
        return true;
    }
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !rest.ends_with(']') => (host, Some(port)),
        _ => (rest, None),
    };
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host_fits = match bracketed {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => is_host(host),
    };
    host_fits && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

/// Letters, digits, dots and hyphens, as names and IPv4 addresses have them.
pub(crate) fn is_host(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 253
        && text.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        })
}

fn is_cookie_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// A header's name that says nothing else in a request already.
fn is_header_of_its_own(text: &str) -> bool {
    const TAKEN: [&str; 12] = [
        "accept",
        "connection",
        "content-length",
        "content-type",
        "host",
        "te",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
    ];
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !TAKEN.contains(&text.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_a_host_and_perhaps_a_port() {
        for good in ["http://127.0.0.1:8080", "https://keys.example.com", "http://[::1]:80", "https://a-b.example:8443"]
        {
            assert!(is_origin(good), "{good}");
        }
        for bad in
            ["keys.example.com", "https://", "https://a/b", "ftp://a", "https://a:99999", "https://u@a", "http://a b"]
        {
            assert!(!is_origin(bad), "{bad}");
        }
    }

    #[test]
    fn signatures_have_a_header_of_their_own() {
        for (name, fits) in [
            ("X-Hub-Signature-256", true),
            ("", false),
            ("X Signature", false),
            ("X-Signature:", false),
            ("Content-Type", false),
            ("Webhook-Signature", false),
        ] {
            let mut config = Config::default();
            config.webhooks.signature_header = name.to_owned();
            assert_eq!(check(&config).is_ok(), fits, "{name}");
        }
    }

    #[test]
    fn mail_without_tls_is_for_loopback_only() {
        let mut config = Config::default();
        config.smtp.host = Some(String::from("mail.example.com"));
        config.smtp.from = Some(String::from("keys@example.com"));
        config.smtp.tls = SmtpTls::None;
        assert!(check(&config).is_err());
        config.smtp.host = Some(String::from("127.0.0.1"));
        assert!(check(&config).is_ok());
    }

    #[test]
    fn mail_needs_a_host_without_a_port_and_a_sender_that_is_an_address() {
        let with = |host: &str, from: &str| {
            let mut config = Config::default();
            config.smtp.host = Some(host.to_owned());
            config.smtp.from = Some(from.to_owned());
            check(&config).map_err(|error| error.to_string())
        };
        assert_eq!(with("mail.example.com", "Claviger <keys@example.com>"), Ok(()));
        assert_eq!(with("::1", "keys@example.com"), Ok(()));
        assert!(with("mail.example.com:25", "keys@example.com").unwrap_err().contains("smtp.host"));
        assert!(with("mail.example.com", "Claviger").unwrap_err().contains("smtp.from"));
    }
}
