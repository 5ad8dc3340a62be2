//! Which rule covers a request: `[[rules]]` of the configuration, and the built-in one for all else.
//!
//! There is a router for each method that a rule names, with the rules of that method and those of every method in it,
//! so that a method which the most specific path does not cover falls to the next one by itself. The same holds for
//! hosts: a host that rules name has routers of its own, in which its rules come before those of any host.

use std::collections::{BTreeMap, HashMap};

use matchit::Router;

use super::path::{self, PathInvalid};
use super::rules::{Classes, Parsed, built_in, parse, without_last_slash};
pub use super::rules::{Rule, host_name};
use crate::config::Config;

/// Every rule, and how to find the one that covers a request.
pub struct Policy {
    rules: Vec<Rule>,
    /// By host; the empty one is for every host that no rule names.
    hosts: HashMap<String, Methods>,
    built_in: Rule,
}

/// By method; the empty one is for every method that no rule names.
type Methods = HashMap<String, Routes>;

/// The paths of one host and method. A router cannot hold a parameter and a catch-all at the same place, so what does
/// not fit into one goes into the next; each finds its best, and the most specific of those wins.
#[derive(Default)]
struct Routes(Vec<Router<Route>>);

#[derive(Clone)]
struct Route {
    rule: usize,
    specificity: Vec<(u8, usize)>,
}

impl Routes {
    fn insert(&mut self, path: &str, rule: usize) -> Result<(), matchit::InsertError> {
        let route = Route { rule, specificity: specificity(path) };
        for router in &mut self.0 {
            if router.insert(path, route.clone()).is_ok() {
                return Ok(());
            }
        }
        let mut router = Router::new();
        router.insert(path, route)?;
        self.0.push(router);
        Ok(())
    }

    fn find(&self, path: &str) -> Option<usize> {
        let found = self.0.iter().filter_map(|router| router.at(path).ok()).map(|found| found.value);
        found.max_by(|a, b| a.specificity.cmp(&b.specificity)).map(|route| route.rule)
    }
}

/// Segment by segment: a literal before a parameter with something around it, before a parameter, before a catch-all.
fn specificity(path: &str) -> Vec<(u8, usize)> {
    let weigh = |segment: &str| match (segment.find('{'), segment.rfind('}')) {
        (Some(_), Some(_)) if segment.starts_with("{*") => (0, 0),
        (Some(0), Some(close)) if close + 1 == segment.len() => (1, 0),
        (Some(open), Some(close)) => (2, open + segment.len() - close),
        _ => (3, 0),
    };
    path.split('/').skip(1).map(weigh).collect()
}

impl Policy {
    /// Makes sense of the rules; each fault is one line.
    pub fn build(config: &Config) -> Result<Self, Vec<String>> {
        let mut faults = Vec::new();
        let mut classes = Classes::default();
        let mut parsed = Vec::new();
        for (index, settings) in config.rules.iter().enumerate() {
            match parse(index, settings, &mut classes) {
                Ok(rule) => parsed.push(rule),
                Err(more) => faults.extend(more),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let built_in = built_in(config, &mut classes);
        let hosts = route(&parsed)?;
        Ok(Policy { rules: parsed.into_iter().map(|parsed| parsed.rule).collect(), hosts, built_in })
    }

    /// The rule for this method, host and normalised path. Some servers take what follows a semicolon in a segment for
    /// parameters and drop it (RFC 3986, section 3.3), others do not; where that would make it another rule's, the path
    /// is refused.
    pub fn find(&self, method: &str, host: &str, path: &str) -> Result<&Rule, PathInvalid> {
        let rule = self.covering(method, host, path);
        if path.contains(';') || path.contains("%3B") {
            let bare = path::without_parameters(path)?;
            if !std::ptr::eq(rule, self.covering(method, host, &bare)) {
                return Err(PathInvalid("The path has a semicolon that servers read differently"));
            }
        }
        Ok(rule)
    }

    fn covering(&self, method: &str, host: &str, path: &str) -> &Rule {
        let host = host_name(host);
        let methods = self.hosts.get(host.as_ref()).or_else(|| self.hosts.get(""));
        let routes = methods.and_then(|methods| methods.get(method).or_else(|| methods.get("")));
        let rule = routes.and_then(|routes| routes.find(without_last_slash(path)));
        rule.map_or(&self.built_in, |index| &self.rules[index])
    }
}

fn route(parsed: &[Parsed]) -> Result<HashMap<String, Methods>, Vec<String>> {
    let mut hosts = HashMap::new();
    let mut faults = Vec::new();
    let names = parsed.iter().filter_map(|rule| rule.host.as_deref()).chain([""]);
    for name in names {
        if !hosts.contains_key(name) {
            hosts.insert(name.to_owned(), methods_of_host(parsed, name, &mut faults));
        }
    }
    faults.sort();
    faults.dedup();
    if faults.is_empty() { Ok(hosts) } else { Err(faults) }
}

fn methods_of_host(parsed: &[Parsed], host: &str, faults: &mut Vec<String>) -> Methods {
    let mut methods = Methods::new();
    let named = parsed.iter().flat_map(|rule| &rule.methods).filter(|method| *method != "*");
    for method in named.map(String::as_str).chain([""]) {
        if !methods.contains_key(method) {
            methods.insert(method.to_owned(), routes_of(parsed, host, method, faults));
        }
    }
    methods
}

/// How exactly a rule speaks of this host and method: the host counts more than the method.
fn precedence(rule: &Parsed, host: &str, method: &str) -> Option<u8> {
    let by_host = match &rule.host {
        Some(name) if name == host => 2,
        Some(_) => return None,
        None => 0,
    };
    let by_method = if rule.methods.iter().any(|name| name == method) {
        1
    } else if rule.methods.iter().any(|name| name == "*") {
        0
    } else {
        return None;
    };
    Some(by_host + by_method)
}

fn routes_of(parsed: &[Parsed], host: &str, method: &str, faults: &mut Vec<String>) -> Routes {
    let mut best: BTreeMap<&str, (u8, usize)> = BTreeMap::new();
    for (index, rule) in parsed.iter().enumerate() {
        let Some(precedence) = precedence(rule, host, method) else { continue };
        match best.get(rule.path.as_str()).copied() {
            Some((other, first)) if other == precedence => faults.push(format!(
                "{} and {} clash: both cover {} {}",
                parsed[first].rule.label,
                rule.rule.label,
                if method.is_empty() { "any method of" } else { method },
                rule.path
            )),
            Some((other, _)) if other > precedence => {}
            _ => drop(best.insert(&rule.path, (precedence, index))),
        }
    }
    let mut routes = Routes::default();
    for (path, (_, index)) in &best {
        if let Err(error) = routes.insert(path, *index) {
            faults.push(format!("{}: {error}", parsed[*index].rule.label));
        }
    }
    // A catch-all covers the bare prefix too, unless a rule speaks of just that.
    for (path, (_, index)) in &best {
        if let Some(at) = path.find("/{*") {
            let bare = if at == 0 { "/" } else { &path[..at] };
            if !best.contains_key(bare) {
                let _ = routes.insert(bare, *index);
            }
        }
    }
    routes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{GateDefault, Rule as RuleSettings};
    use crate::gate::demand::Allow;

    fn rule(path: &str) -> RuleSettings {
        RuleSettings { path: path.into(), ..RuleSettings::default() }
    }

    fn policy(rules: Vec<RuleSettings>) -> Policy {
        Policy::build(&Config { rules, ..Config::default() }).unwrap_or_else(|faults| panic!("{faults:?}"))
    }

    fn fault(rules: Vec<RuleSettings>) -> String {
        match Policy::build(&Config { rules, ..Config::default() }) {
            Ok(_) => panic!("it was accepted"),
            Err(faults) => faults.join("\n"),
        }
    }

    fn label<'a>(policy: &'a Policy, method: &str, host: &str, path: &str) -> &'a str {
        &policy.find(method, host, path).unwrap().label
    }

    #[test]
    fn the_most_specific_path_wins_and_a_catch_all_covers_the_bare_prefix() {
        let policy =
            policy(vec![rule("/{*rest}"), rule("/agents/{*rest}"), rule("/agents/{id}/runs"), rule("/agents/me")]);
        assert!(label(&policy, "GET", "", "/x").starts_with("rule 1"));
        for path in ["/agents", "/agents/", "/agents/7", "/agents/7/runs/1"] {
            assert!(label(&policy, "GET", "", path).starts_with("rule 2"), "{path}");
        }
        assert!(label(&policy, "GET", "", "/agents/7/runs").starts_with("rule 3"));
        assert!(label(&policy, "GET", "", "/agents/7/runs/").starts_with("rule 3"));
        assert!(label(&policy, "GET", "", "/agents/me").starts_with("rule 4"));
        assert!(label(&policy, "GET", "", "/").starts_with("rule 1"));
    }

    #[test]
    fn a_literal_counts_more_than_a_parameter_and_a_parameter_more_than_a_catch_all() {
        let policy = policy(vec![rule("/{a}/{b}"), rule("/agents/{*rest}"), rule("/{a}/{*rest}"), rule("/{a}/v{b}")]);
        assert!(label(&policy, "GET", "", "/agents/7").starts_with("rule 2"));
        assert!(label(&policy, "GET", "", "/chat/7").starts_with("rule 1"));
        assert!(label(&policy, "GET", "", "/chat/v7").starts_with("rule 4"));
        assert!(label(&policy, "GET", "", "/chat/7/8").starts_with("rule 3"));
        assert!(label(&policy, "GET", "", "/chat").starts_with("rule 3"));
    }

    #[test]
    fn a_method_that_a_rule_does_not_cover_falls_to_the_next_less_specific_one() {
        let posts = RuleSettings { methods: vec!["POST".into()], ..rule("/agents/{id}") };
        let policy = policy(vec![posts, rule("/agents/{*rest}")]);
        assert!(label(&policy, "POST", "", "/agents/7").starts_with("rule 1"));
        assert!(label(&policy, "GET", "", "/agents/7").starts_with("rule 2"));
        assert!(label(&policy, "GET", "", "/other").starts_with("the built-in"));
    }

    #[test]
    fn a_rule_of_a_host_comes_before_one_of_any_host_with_the_same_path() {
        let mine = RuleSettings { host: Some("API.example.com".into()), ..rule("/x/{*rest}") };
        let policy = policy(vec![rule("/x/{*rest}"), mine, rule("/x/y")]);
        assert!(label(&policy, "GET", "api.example.com:8443", "/x/1").starts_with("rule 2"));
        assert!(label(&policy, "GET", "other.example.com", "/x/1").starts_with("rule 1"));
        assert!(label(&policy, "GET", "api.example.com", "/x/y").starts_with("rule 3"));
    }

    #[test]
    fn rules_that_can_never_match_are_named() {
        for path in ["agents", "/a//b", "/a/../b", "/%61dmin", "/a?b", "/a%2fb", "", "/{x", "/{*a}/b"] {
            assert!(fault(vec![rule(path)]).contains("rule 1"), "{path}");
        }
        assert!(fault(vec![RuleSettings { methods: vec![], ..rule("/a") }]).contains("methods is empty"));
        assert!(fault(vec![RuleSettings { organizations: vec![], ..rule("/a") }]).contains("organizations is empty"));
        assert!(fault(vec![RuleSettings { environments: vec![], ..rule("/a") }]).contains("environments is empty"));
        assert!(fault(vec![RuleSettings { role: Some("root".into()), ..rule("/a") }]).contains("no role `root`"));
        assert!(fault(vec![RuleSettings { allow: vec!["oauht".into()], ..rule("/a") }]).contains("oauht"));
        assert!(fault(vec![RuleSettings { limit: Some(5), ..rule("/a") }]).contains("needs a class"));
    }

    #[test]
    fn rules_that_clash_are_named_both() {
        let text = fault(vec![rule("/a/{id}"), rule("/a/{name}/")]);
        assert!(text.contains("rule 1") && text.contains("rule 2") && text.contains("clash"), "{text}");
        let class = |limit| RuleSettings { class: Some("c".into()), limit: Some(limit), ..rule(&format!("/{limit}")) };
        assert!(fault(vec![class(5), class(6)]).contains("class `c`"));
        let get = RuleSettings { methods: vec!["GET".into()], ..rule("/a") };
        policy(vec![get, rule("/a")]);
    }

    #[test]
    fn a_denied_default_lets_nobody_pass() {
        let mut config = Config::default();
        config.gate.default = GateDefault::Deny;
        let policy = Policy::build(&config).unwrap_or_else(|faults| panic!("{faults:?}"));
        assert_eq!(policy.find("GET", "", "/x").unwrap().demand.allow, Allow::default());
    }
}
