//! How far a share of the API behind the gate reaches: paths as rules have them, a host, methods.

use matchit::Router;

use super::path;
use super::policy::host_name;
use super::rules::{canonical_path, host_of, without_last_slash};

/// Paths, host and methods that requests are held against, ready to be matched.
#[derive(Clone)]
pub struct Reach {
    /// A router cannot hold a parameter and a catch-all at the same place, so what does not fit into one goes into the
    /// next.
    paths: Vec<Router<()>>,
    /// `None` = any host.
    host: Option<String>,
    /// In capitals; `*` is every method.
    methods: Vec<String>,
}

/// A path as a share may have it: as in a rule. The error says what is wrong with it.
pub fn check_path(path: &str) -> Result<(), String> {
    canonical_path(path).map(drop)
}

/// A host as it is compared: in lower case, without its port.
pub fn check_host(host: &str) -> Result<String, String> {
    host_of(host)
}

impl Reach {
    /// Of paths, host and methods as they are stored. What no longer reads as a path covers nothing.
    pub fn new(paths: &[String], host: Option<String>, methods: Vec<String>) -> Self {
        let mut reach = Reach { paths: Vec::new(), host, methods };
        for path in paths.iter().filter_map(|path| canonical_path(path).ok()) {
            // A catch-all covers the bare prefix too.
            if let Some(at) = path.find("/{*") {
                reach.insert(if at == 0 { "/" } else { &path[..at] });
            }
            reach.insert(&path);
        }
        reach
    }

    fn insert(&mut self, path: &str) {
        if !self.paths.iter_mut().any(|router| router.insert(path, ()).is_ok()) {
            let mut router = Router::new();
            if router.insert(path, ()).is_ok() {
                self.paths.push(router);
            }
        }
    }

    /// Whether it covers a request: this method, host and normalised path. A path that some servers read differently,
    /// dropping what follows a semicolon, is covered where it is so in both readings.
    pub fn covers(&self, method: &str, host: &str, path: &str) -> bool {
        self.methods.iter().any(|own| own == "*" || own == method)
            && self.host.as_deref().is_none_or(|own| own == host_name(host))
            && self.covers_path(path)
            && (!(path.contains(';') || path.contains("%3B"))
                || path::without_parameters(path).is_ok_and(|bare| self.covers_path(&bare)))
    }

    fn covers_path(&self, path: &str) -> bool {
        let path = without_last_slash(path);
        self.paths.iter().any(|router| router.at(path).is_ok())
    }
}

impl std::fmt::Debug for Reach {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Reach")
            .field("host", &self.host)
            .field("methods", &self.methods)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(paths: &[&str], host: Option<&str>, methods: &[&str]) -> Reach {
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        Reach::new(&owned(paths), host.map(str::to_owned), owned(methods))
    }

    #[test]
    fn a_catch_all_covers_what_is_below_it_and_the_bare_prefix_and_nothing_beside() {
        let reach = reach(&["/reports/7/{*rest}"], None, &["GET"]);
        for path in ["/reports/7", "/reports/7/", "/reports/7/a", "/reports/7/a/b"] {
            assert!(reach.covers("GET", "any.example.com", path), "{path}");
        }
        for path in ["/", "/reports", "/reports/70", "/reports/8/a", "/reports/7x"] {
            assert!(!reach.covers("GET", "any.example.com", path), "{path}");
        }
        assert!(!reach.covers("POST", "any.example.com", "/reports/7"));
    }

    #[test]
    fn paths_that_no_one_router_can_hold_are_all_covered() {
        let reach = reach(&["/{a}/x", "/{*all}", "/{b}", "/reports/{id}"], None, &["*"]);
        for path in ["/", "/1", "/1/x", "/1/2/3", "/reports/9"] {
            assert!(reach.covers("DELETE", "", path), "{path}");
        }
    }

    #[test]
    fn a_host_is_compared_without_its_port_and_in_any_case() {
        let reach = reach(&["/a"], Some("api.example.com"), &["GET"]);
        assert!(reach.covers("GET", "API.example.com:8443", "/a"));
        assert!(!reach.covers("GET", "example.com", "/a") && !reach.covers("GET", "", "/a"));
    }

    #[test]
    fn what_follows_a_semicolon_leads_to_nothing_more() {
        let one = reach(&["/reports/{id}"], None, &["GET"]);
        assert!(one.covers("GET", "", "/reports/7;v=1"));
        assert!(!reach(&["/reports/7;x"], None, &["GET"]).covers("GET", "", "/reports/7;x"));
    }

    #[test]
    fn paths_that_can_never_match_are_refused() {
        for path in ["reports", "/a//b", "/a/../b", "/%61", "/a?b", "/a%2fb", "", "/{x", "/{*a}/b"] {
            assert!(check_path(path).is_err(), "{path}");
        }
        assert!(check_path("/reports/{id}/{*rest}").is_ok());
    }
}
