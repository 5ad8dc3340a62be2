//! A rule of the configuration, made sense of: what it demands, and what could never match.

use std::collections::BTreeMap;

use matchit::Router;

use super::demand::{Allow, ClassLimit, Demand, Organizations, RoleDemand};
use crate::config::{Config, GateDefault, Rule as RuleSettings};
use crate::role::Role;

/// A rule, ready to judge by.
#[derive(Clone, Debug)]
pub struct Rule {
    /// How it is called in errors and by `claviger explain`.
    pub label: String,
    /// What it demands.
    pub demand: Demand,
}

/// The class of the built-in rule's `gate.default_limit`.
const BUILT_IN_CLASS: &str = "default";

/// Every class with its number and limit.
#[derive(Default)]
pub(super) struct Classes(BTreeMap<String, (u32, u32)>);

impl Classes {
    fn define(&mut self, name: &str, limit: u32) -> Result<ClassLimit, u32> {
        let number = self.0.len() as u32;
        let (number, known) = *self.0.entry(name.to_owned()).or_insert((number, limit));
        if known == limit {
            Ok(ClassLimit { number, name: name.into(), limit, per_network: false })
        } else {
            Err(known)
        }
    }
}

/// A rule, and what it covers.
pub(super) struct Parsed {
    pub rule: Rule,
    /// `None` = every host that no rule names.
    pub host: Option<String>,
    pub path: String,
    pub methods: Vec<String>,
}

/// What is true where no rule speaks.
pub(super) fn built_in(config: &Config, classes: &mut Classes) -> Rule {
    let allow = match config.gate.default {
        GateDefault::Allow => Allow { api_key: true, ..Allow::default() },
        GateDefault::Deny => Allow::default(),
    };
    let class = config.gate.default_limit.map(|limit| {
        // Should a rule have a class of this name too, the built-in rule shares its window and keeps to its limit.
        classes.define(BUILT_IN_CLASS, limit).unwrap_or(ClassLimit {
            number: classes.0[BUILT_IN_CLASS].0,
            name: BUILT_IN_CLASS.into(),
            limit,
            per_network: false,
        })
    });
    let label = match config.gate.default {
        GateDefault::Allow => "the built-in rule (gate.default = \"allow\")",
        GateDefault::Deny => "the built-in rule (gate.default = \"deny\")",
    };
    Rule { label: label.to_owned(), demand: Demand { allow, class, ..Demand::of_the_gate() } }
}

/// Reads the rule at this place; each fault is one line.
pub(super) fn parse(index: usize, settings: &RuleSettings, classes: &mut Classes) -> Result<Parsed, Vec<String>> {
    let label = format!("rule {} ({} {})", index + 1, settings.methods.join(","), settings.path);
    let mut faults = Faults { label: &label, lines: Vec::new() };
    let path = faults.take(canonical_path(&settings.path));
    let host = settings.host.as_deref().map(|host| faults.take(host_of(host)));
    let methods = methods_of(settings, &mut faults);
    let allow = faults.take(Allow::parse(&settings.allow));
    let role = faults.take(role_of(settings)).unwrap_or(RoleDemand::ByMethod);
    check_lists(settings, &mut faults);
    let class = faults.take(class_of(settings, classes)).flatten();
    if !faults.lines.is_empty() {
        return Err(faults.lines);
    }
    let demand = Demand {
        allow: allow.unwrap_or_default(),
        organizations: Organizations::parse(&settings.organizations),
        role,
        live: settings.environments.iter().any(|environment| environment == "live"),
        test: settings.environments.iter().any(|environment| environment == "test"),
        scopes: settings.scopes.clone(),
        class,
        ..Demand::of_the_gate()
    };
    Ok(Parsed { rule: Rule { label, demand }, host: host.flatten(), path: path.unwrap_or_default(), methods })
}

/// What is wrong with one rule, each line under its label.
struct Faults<'a> {
    label: &'a str,
    lines: Vec<String>,
}

impl Faults<'_> {
    fn add(&mut self, text: impl std::fmt::Display) {
        self.lines.push(format!("{}: {text}", self.label));
    }

    fn take<T>(&mut self, result: Result<T, String>) -> Option<T> {
        result.map_err(|text| self.add(text)).ok()
    }
}

/// A host as it is compared; an error where it could never match.
pub(super) fn host_of(text: &str) -> Result<String, String> {
    let host = host_name(text).into_owned();
    if is_host(&host) {
        Ok(host)
    } else {
        Err(format!("host `{host}` can never match: it must be a name such as api.example.com"))
    }
}

fn methods_of(settings: &RuleSettings, faults: &mut Faults<'_>) -> Vec<String> {
    let methods: Vec<String> = settings.methods.iter().map(|method| method.to_ascii_uppercase()).collect();
    if methods.is_empty() {
        faults.add("methods is empty, so that it can never match");
    }
    for method in &methods {
        if method != "*" && (method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase())) {
            faults.add(format!("method `{method}` can never match"));
        }
    }
    methods
}

fn role_of(settings: &RuleSettings) -> Result<RoleDemand, String> {
    match settings.role.as_deref() {
        None => Ok(RoleDemand::ByMethod),
        Some(name) => Role::parse(name)
            .map(RoleDemand::AtLeast)
            .ok_or_else(|| format!("there is no role `{name}`; there are viewer, member, admin and owner")),
    }
}

fn check_lists(settings: &RuleSettings, faults: &mut Faults<'_>) {
    if settings.organizations.is_empty() {
        faults.add("organizations is empty, so that it can never match; use [\"home\"], ids, or [\"*\"]");
    }
    for environment in &settings.environments {
        if environment != "live" && environment != "test" {
            faults.add(format!("there is no environment `{environment}`; there are live and test"));
        }
    }
    for organization in &settings.organizations {
        if organization != "home" && organization != "*" && !organization.starts_with("org_") {
            faults.add(format!("organization `{organization}` is no id; use \"home\", ids such as org_…, or \"*\""));
        }
    }
    for scope in &settings.scopes {
        if !is_short_name(scope) {
            faults.add(format!("no key can have the scope `{scope}`"));
        }
    }
    if settings.environments.is_empty() {
        faults.add("environments is empty, so that it can never match");
    }
}

fn class_of(settings: &RuleSettings, classes: &mut Classes) -> Result<Option<ClassLimit>, String> {
    let Some(name) = &settings.class else {
        return match settings.limit {
            None => Ok(None),
            Some(_) => Err(String::from("a limit needs a class whose requests share it")),
        };
    };
    if !is_short_name(name) {
        return Err(format!("class `{name}` must be 1 to 64 characters out of a-z, 0-9 and : . _ -"));
    }
    match settings.limit {
        None => Ok(None),
        Some(limit) if !(1..=1_000_000).contains(&limit) => Err(format!("limit {limit} is not between 1 and 1000000")),
        Some(limit) => classes
            .define(name, limit)
            .map(Some)
            .map_err(|other| format!("class `{name}` has a limit of {other} in another rule and of {limit} here")),
    }
}

/// What classes and scopes are called.
fn is_short_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b":._-".contains(&byte))
}

fn is_host(host: &str) -> bool {
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match bracketed {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)),
    }
}

/// The path with its parameters named by place, so that two rules that differ in those names alone are one.
pub(super) fn canonical_path(path: &str) -> Result<String, String> {
    if !path.starts_with('/') {
        return Err(String::from("its path can never match: it must begin with a slash"));
    }
    let bare: String = path.replace("{*", "").replace(['{', '}'], "");
    match super::path::normalize(bare.as_bytes()) {
        Ok(normal) if normal == bare && !bare.contains('?') => {}
        Ok(normal) => return Err(format!("its path can never match: requests are judged by the spelling `{normal}`")),
        Err(reason) => return Err(format!("its path can never match: {reason}")),
    }
    let mut canonical = String::new();
    for (place, segment) in without_last_slash(path).split('/').enumerate().skip(1) {
        canonical.push('/');
        match (segment.find('{'), segment.rfind('}')) {
            (Some(open), Some(close)) if open < close => {
                let star = if segment[open + 1..].starts_with('*') { "*" } else { "" };
                let (before, after) = (&segment[..open], &segment[close + 1..]);
                canonical.push_str(&format!("{before}{{{star}p{place}}}{after}"));
            }
            _ => canonical.push_str(segment),
        }
    }
    let checked =
        |path: &str| Router::new().insert(path, ()).map_err(|error| format!("its path cannot be used: {error}"));
    checked(path)?;
    Router::new().insert(canonical.clone(), ()).map_err(|error| format!("its path cannot be used: {error}"))?;
    Ok(canonical)
}

/// A host without its port, in lower case.
pub fn host_name(host: &str) -> std::borrow::Cow<'_, str> {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) { name.to_ascii_lowercase().into() } else { name.into() }
}

/// `/admin/` is judged as `/admin`: applications often serve the same at both.
pub(super) fn without_last_slash(path: &str) -> &str {
    match path.strip_suffix('/') {
        Some("") | None => path,
        Some(shorter) => shorter,
    }
}
