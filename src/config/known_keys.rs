//! Which keys there are, and the nearest one to a key that is not.
//!
//! The known keys are read off the defaults themselves, so that this list cannot fall behind.

use std::collections::BTreeSet;

use figment::value::{Dict, Value};
use figment::{Figment, Provider};

use super::{Config, ConfigError, KeyAllowance, Plan, Rule};

/// Every setting as `section.key`; rules as `rules.key`, plans as `plans.*.key`.
pub fn all() -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    if let Ok(Value::Dict(_, dict)) = Value::serialize(Config::default()) {
        collect(&dict, "", &mut keys);
    }
    if let Ok(Value::Dict(_, dict)) = Value::serialize(Rule::default()) {
        collect(&dict, "rules.", &mut keys);
    }
    let plan = Plan { api_keys: KeyAllowance::Unlimited, max_rate_limit: 1 };
    if let Ok(Value::Dict(_, dict)) = Value::serialize(plan) {
        collect(&dict, "plans.*.", &mut keys);
    }
    keys
}

fn collect(dict: &Dict, prefix: &str, keys: &mut BTreeSet<String>) {
    for (name, value) in dict {
        match value {
            Value::Dict(..) if prefix == "plans." => {}
            Value::Dict(_, inner) => collect(inner, &format!("{prefix}{name}."), keys),
            Value::Array(..) if name == "rules" && prefix.is_empty() => {}
            _ => drop(keys.insert(format!("{prefix}{name}"))),
        }
    }
}

/// Refuses every key of the file or the environment that is not known, naming the nearest one that is.
pub fn check(given: &Figment) -> Result<(), ConfigError> {
    let known = all();
    let mut faults = Vec::new();
    for (_, dict) in given.data().map_err(|error| ConfigError::Malformed(error.to_string()))? {
        walk(&dict, "", "", &known, &mut faults);
    }
    if faults.is_empty() { Ok(()) } else { Err(ConfigError::Invalid(faults)) }
}

/// `shown` is the path as the user wrote it, `pattern` the one to look up (plans have a `*` for their names).
fn walk(dict: &Dict, shown: &str, pattern: &str, known: &BTreeSet<String>, faults: &mut Vec<String>) {
    for (name, value) in dict {
        let shown = format!("{shown}{name}");
        let exact = format!("{pattern}{name}");
        let step = if pattern == "plans." && matches!(value, Value::Dict(..)) { "plans.*" } else { exact.as_str() };
        let is_section = known.iter().any(|key| key.starts_with(&format!("{step}.")));
        match value {
            Value::Dict(_, inner) if is_section => {
                walk(inner, &format!("{shown}."), &format!("{step}."), known, faults);
            }
            Value::Array(_, items) if step == "rules" => {
                for item in items {
                    if let Value::Dict(_, inner) = item {
                        walk(inner, "rules.", "rules.", known, faults);
                    }
                }
            }
            _ if known.contains(step) || is_section => {}
            _ => faults.push(unknown(&shown, step, known)),
        }
    }
}

fn unknown(shown: &str, pattern: &str, known: &BTreeSet<String>) -> String {
    let sections = known.iter().filter_map(|key| key.split_once('.').map(|(section, _)| section));
    let nearest = known
        .iter()
        .map(String::as_str)
        .chain(sections)
        .max_by(|a, b| strsim::jaro_winkler(a, pattern).total_cmp(&strsim::jaro_winkler(b, pattern)));
    match nearest {
        Some(nearest) => format!("unknown setting `{shown}`; the nearest known one is `{nearest}`"),
        None => format!("unknown setting `{shown}`"),
    }
}
