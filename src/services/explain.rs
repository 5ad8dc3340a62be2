//! What would come of a request: `claviger explain`.

use serde::Serialize;

use super::Services;
use super::error::ServiceError;
use crate::clock::Moment;
use crate::error_code::ErrorCode;
use crate::gate::decide::{Credential, Facts, judge};
use crate::gate::demand::{Demand, Organizations};
use crate::gate::lookup::{KeyRecord, Lookup};
use crate::gate::path;
use crate::gate::policy::Policy;
use crate::role::Role;
use crate::store::api_keys;

/// What is asked.
#[derive(Debug, Default)]
#[allow(missing_docs)]
pub struct Question {
    pub method: String,
    /// As a client would send it, not normalised.
    pub target: String,
    pub host: String,
    /// A key's id.
    pub key: Option<String>,
    /// In place of a key: any key of the home organization with this role.
    pub role: Option<Role>,
}

/// The answer.
#[derive(Debug, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The normalised path.
    pub path: String,
    /// Which rule covers it.
    pub rule: String,
    /// The kinds of credentials that pass.
    pub allow: Vec<&'static str>,
    /// Whose.
    pub organizations: Vec<String>,
    /// The least role.
    pub role: &'static str,
    /// The environments.
    pub environments: Vec<&'static str>,
    /// The scopes that are needed.
    pub scopes: Vec<String>,
    /// The class and its limit a minute.
    pub class: Option<String>,
    /// See `class`.
    pub limit: Option<u32>,
    /// What would come of it: the status, and the code where it is refused. `None` where nobody was named.
    pub outcome: Option<String>,
}

/// Explains from the rules alone, and from the key where one is named.
pub fn explain(services: &Services, question: &Question, now: Moment) -> Result<Explanation, ServiceError> {
    let key = match &question.key {
        None => None,
        Some(id) => Some(find(services, services.gate.lookup(), id)?),
    };
    by_policy(services.gate.policy(), question, key, now)
}

fn find(services: &Services, lookup: &Lookup, id: &str) -> Result<KeyRecord, ServiceError> {
    let record = services.store.read(|reader| match api_keys::by_id_anywhere(reader, id)? {
        Some(key) if key.deleted_at.is_none() => lookup.record(reader, key),
        _ => Ok(None),
    })?;
    record.ok_or_else(|| ServiceError::new(ErrorCode::NotFound, format!("There is no API key {id}")))
}

fn by_policy(
    policy: &Policy,
    question: &Question,
    key: Option<KeyRecord>,
    now: Moment,
) -> Result<Explanation, ServiceError> {
    let path = path::normalize(question.target.as_bytes())?;
    let rule = policy.find(&question.method, &question.host, &path)?;
    let demand = &rule.demand;
    let facts = Facts {
        at: now,
        method: &question.method,
        host: &question.host,
        path: &path,
        ip: key.as_ref().map_or(std::net::Ipv4Addr::LOCALHOST.into(), first_allowed_address),
        user_agent: "",
        cost: 1,
    };
    let outcome = match (key, question.role) {
        (Some(key), _) => Some(judge(demand, &Credential::Key(key.into()), &facts, now.unix_ms)),
        (None, Some(role)) => Some(judge_role(demand, role, &question.method)),
        (None, None) => None,
    };
    Ok(Explanation {
        path: path.to_string(),
        rule: rule.label.clone(),
        allow: demand.allow.names(),
        organizations: organizations(&demand.organizations),
        role: demand.role.for_method(&question.method).as_str(),
        environments: [(demand.live, "live"), (demand.test, "test")]
            .into_iter()
            .filter_map(|(passes, name)| passes.then_some(name))
            .collect(),
        scopes: demand.scopes.clone(),
        class: demand.class.as_ref().map(|class| class.name.to_string()),
        limit: demand.class.as_ref().map(|class| class.limit),
        outcome: outcome.map(|outcome| match outcome {
            Ok(()) => String::from("200, as long as its limits last"),
            Err(code) => format!("{} {} ({})", code.status(), code.as_str(), code.message()),
        }),
    })
}

/// Where the request comes from is not asked, so its address is taken to be one that the key's list allows.
fn first_allowed_address(key: &KeyRecord) -> std::net::IpAddr {
    let first = key.ip_allow_list.as_ref().and_then(|list| list.first());
    first.map_or(std::net::Ipv4Addr::LOCALHOST.into(), |network| network.address())
}

fn judge_role(demand: &Demand, role: Role, method: &str) -> Result<(), ErrorCode> {
    if !demand.allow.api_key {
        let nobody = demand.allow.names().is_empty();
        return Err(if nobody { ErrorCode::GateDenied } else { ErrorCode::CredentialNotAllowed });
    }
    if role < demand.role.for_method(method) { Err(ErrorCode::InsufficientRole) } else { Ok(()) }
}

fn organizations(organizations: &Organizations) -> Vec<String> {
    match organizations {
        Organizations::Any => vec![String::from("*")],
        Organizations::Only { home, ids } => {
            home.then(|| String::from("home")).into_iter().chain(ids.iter().cloned()).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Rule};

    fn ask(method: &str, target: &str, role: Option<Role>) -> Result<Explanation, ServiceError> {
        let rules = vec![Rule {
            path: "/agents/{*rest}".into(),
            class: Some("agents".into()),
            limit: Some(60),
            ..Rule::default()
        }];
        let policy =
            Policy::build(&Config { rules, ..Config::default() }).unwrap_or_else(|faults| panic!("{faults:?}"));
        let question = Question { method: method.into(), target: target.into(), role, ..Question::default() };
        by_policy(&policy, &question, None, Moment { unix_ms: 0, mono_us: 0 })
    }

    #[test]
    fn it_says_which_rule_covers_what_it_demands_and_what_would_come_of_it() {
        let answer = ask("POST", "/x/../agents//7", Some(Role::Viewer)).unwrap();
        assert_eq!(answer.path, "/agents/7");
        assert!(answer.rule.starts_with("rule 1"));
        assert_eq!((answer.role, answer.limit), ("member", Some(60)));
        assert!(answer.outcome.unwrap().starts_with("403 INSUFFICIENT_ROLE"));
        let answer = ask("GET", "/other", Some(Role::Viewer)).unwrap();
        assert!(answer.rule.contains("built-in") && answer.outcome.unwrap().starts_with("200"));
        assert_eq!(ask("GET", "/other", None).unwrap().outcome, None);
        assert_eq!(ask("GET", "/a%2fb", None).unwrap_err().code, ErrorCode::PathInvalid);
    }
}
