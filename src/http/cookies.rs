//! The cookies: their names, and how they are set and read.

use actix_web::http::header::{COOKIE, HeaderMap};

use crate::config::Config;

/// What the cookies are called here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieNames {
    /// The session's.
    pub session: String,
    /// The gate's, where `gate.cookie_domain` is set: good at `/verify` and nowhere else.
    pub gate: Option<String>,
    secure: bool,
    domain: Option<String>,
}

impl CookieNames {
    /// By `session.cookie_name`, `server.public_url` and `gate.cookie_domain`.
    pub fn of(config: &Config) -> Self {
        let name = &config.session.cookie_name;
        let secure = config.is_https();
        let domain = config.gate.cookie_domain.as_deref().map(|domain| domain.trim_start_matches('.').to_owned());
        CookieNames {
            session: if secure { format!("__Host-{name}") } else { name.clone() },
            gate: domain.as_ref().map(|_| format!("__Secure-{name}-gate")),
            secure,
            domain,
        }
    }

    /// The `Set-Cookie` of a new session.
    pub fn set_session(&self, token: &str, max_age_seconds: i64) -> String {
        let secure = if self.secure { "; Secure" } else { "" };
        format!("{}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={max_age_seconds}{secure}", self.session)
    }

    /// The `Set-Cookie` for the gate, where there is such a cookie.
    pub fn set_gate(&self, token: &str, max_age_seconds: i64) -> Option<String> {
        let (name, domain) = (self.gate.as_ref()?, self.domain.as_ref()?);
        Some(format!(
            "{name}={token}; Domain={domain}; Path=/; HttpOnly; SameSite=Lax; Max-Age={max_age_seconds}; Secure"
        ))
    }

    /// The `Set-Cookie`s that take both away.
    pub fn clear(&self) -> Vec<String> {
        std::iter::once(self.set_session("", 0)).chain(self.set_gate("", 0)).collect()
    }
}

/// The value of a cookie; `None` where it is not there, or there twice (which a browser never sends for these names).
pub fn read<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut found = headers
        .get_all(COOKIE)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(key, _)| *key == name)
        .map(|(_, value)| value);
    match (found.next(), found.next()) {
        (Some(value), None) => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_https_the_cookie_is_host_bound_and_secure() {
        let mut config = Config::default();
        config.server.public_url = Some("https://keys.example.com".into());
        let names = CookieNames::of(&config);
        assert_eq!(names.set_session("t", 60), "__Host-claviger=t; Path=/; HttpOnly; SameSite=Lax; Max-Age=60; Secure");
        assert_eq!(names.set_gate("t", 60), None);
        config.gate.cookie_domain = Some("example.com".into());
        let gate = CookieNames::of(&config).set_gate("t", 60).unwrap();
        assert!(gate.starts_with("__Secure-claviger-gate=t; Domain=example.com;") && gate.ends_with("; Secure"));
    }

    #[test]
    fn over_http_it_has_a_plain_name() {
        let names = CookieNames::of(&Config::default());
        assert_eq!(names.set_session("t", 60), "claviger=t; Path=/; HttpOnly; SameSite=Lax; Max-Age=60");
    }
}
