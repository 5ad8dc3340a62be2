//! What a request must bring: the same terms for the rules of the gate and for Claviger's own routes.

use std::sync::Arc;

use crate::role::Role;

/// Which kinds of credentials may pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Allow {
    pub api_key: bool,
    pub session: bool,
    /// Shares for paths of the API behind the gate.
    pub share: bool,
    /// Shares of projects: on Claviger's own routes alone, so that no rule can name them.
    pub project_share: bool,
    pub widget: bool,
    pub anonymous: bool,
}

impl Allow {
    /// Reads the names of a rule's `allow`.
    pub fn parse(names: &[String]) -> Result<Self, String> {
        let mut allow = Allow::default();
        for name in names {
            match name.as_str() {
                "api_key" => allow.api_key = true,
                "session" => allow.session = true,
                "share" => allow.share = true,
                "widget" => allow.widget = true,
                "anonymous" => allow.anonymous = true,
                _ => {
                    return Err(format!(
                        "nothing is called `{name}` in allow; there are api_key, session, share, widget and anonymous"
                    ));
                }
            }
        }
        Ok(allow)
    }

    /// The names again.
    pub fn names(self) -> Vec<&'static str> {
        let table = [
            (self.api_key, "api_key"),
            (self.session, "session"),
            (self.share || self.project_share, "share"),
            (self.widget, "widget"),
            (self.anonymous, "anonymous"),
        ];
        table.into_iter().filter(|(allowed, _)| *allowed).map(|(_, name)| name).collect()
    }
}

/// Whose credentials may pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Organizations {
    /// Everybody's.
    Any,
    /// The home organization's (if the flag is set), and those of these ids.
    Only {
        /// The home organization.
        home: bool,
        /// `org_…`
        ids: Vec<String>,
    },
}

impl Organizations {
    /// Reads `["home"]`, ids, or `["*"]`.
    pub fn parse(names: &[String]) -> Self {
        if names.iter().any(|name| name == "*") {
            return Organizations::Any;
        }
        Organizations::Only {
            home: names.iter().any(|name| name == "home"),
            ids: names.iter().filter(|name| *name != "home").cloned().collect(),
        }
    }

    /// Whether this organization may pass.
    pub fn admits(&self, id: &str, is_home: bool) -> bool {
        match self {
            Organizations::Any => true,
            Organizations::Only { home, ids } => (*home && is_home) || ids.iter().any(|other| other == id),
        }
    }
}

/// The least role that passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleDemand {
    /// A viewer for GET, HEAD and OPTIONS, a member for all else.
    ByMethod,
    /// This one.
    AtLeast(Role),
}

impl RoleDemand {
    /// The least role for a method.
    pub fn for_method(self, method: &str) -> Role {
        match self {
            RoleDemand::AtLeast(role) => role,
            RoleDemand::ByMethod if matches!(method, "GET" | "HEAD" | "OPTIONS") => Role::Viewer,
            RoleDemand::ByMethod => Role::Member,
        }
    }
}

/// A limit that all requests of a class share.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ClassLimit {
    pub number: u32,
    pub name: Arc<str>,
    /// A minute.
    pub limit: u32,
    /// Whether it is a client network's whatever the credential, and not an organization's.
    pub per_network: bool,
}

/// All that a request must bring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// The kinds of credentials.
    pub allow: Allow,
    /// Whose.
    pub organizations: Organizations,
    /// The role.
    pub role: RoleDemand,
    /// Whether keys of the live environment pass.
    pub live: bool,
    /// Whether keys of the test environment pass.
    pub test: bool,
    /// The scopes; all of them are needed, from a key that is restricted to scopes.
    pub scopes: Vec<String>,
    /// The class's limit.
    pub class: Option<ClassLimit>,
    /// Whether a key, a share or a widget is held to its own limit.
    pub key_limit: bool,
    /// Whether a session's requests are in the ledger (those of all other credentials always are).
    pub records_sessions: bool,
}

impl Demand {
    /// What a rule demands that says nothing: nobody passes until `allow` is set.
    pub fn of_the_gate() -> Self {
        Demand {
            allow: Allow::default(),
            organizations: Organizations::Only { home: true, ids: Vec::new() },
            role: RoleDemand::ByMethod,
            live: true,
            test: true,
            scopes: Vec::new(),
            class: None,
            key_limit: true,
            records_sessions: true,
        }
    }
}
