//! What a route can demand: each kind of access by its name, in the gate's terms and in those of the OpenAPI document.

use crate::gate::demand::{Allow, ClassLimit, Demand, Organizations, RoleDemand};
use crate::role::Role;

/// What a route demands.
#[derive(Clone, Debug)]
pub struct Demands {
    /// In the gate's own terms.
    pub demand: Demand,
    /// Whether the caller's credential is looked at.
    pub looks_at_credentials: bool,
    /// Whether it is guarded against other sites even without a cookie.
    pub csrf_always: bool,
}

/// The demands that there are, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody, unlimited, unrecorded.
    Open,
    /// Anybody, but only so often a minute from one network.
    PerNetwork,
    /// The same; a credential is looked at if there is one.
    AnyonePerNetwork,
    /// Whoever asks; a credential is looked at if there is one.
    Anyone,
    /// Any credential of at least this role.
    Any(Role),
    /// Any credential of whatever role, or a widget's session.
    AnyOrWidget,
    /// Pages of other origins: anybody, only so often a minute from one network. No cookie and no other credential is looked
    /// at, so that there is nothing to guard against other sites.
    CrossOrigin,
    /// A browser's question before such a request: anybody, unlimited, unrecorded.
    Preflight,
    /// A session alone, of at least this role: all that could take an account or an organization over.
    Session(Role),
    /// Any credential of at least this role; it draws on nobody's limit.
    Unlimited(Role),
    /// Any credential of at least this role, or the token of a project's share. Whether it is this project's, the handler
    /// judges.
    Shared(Role),
}

/// The classes of the limits for each network begin here, beyond those of the rules.
const NETWORK_CLASSES: u32 = 1 << 24;

/// Pages of other origins may ask so many times as often as somebody who signs in: each visit asks once, and a whole
/// office has one address.
const PAGES_TO_ONE: u32 = 6;

impl Access {
    /// In the terms of the gate. `index` tells the route's own limit from others'.
    pub(super) fn demands(self, index: usize, requests_per_minute: u32) -> Option<Demands> {
        let own = Demand {
            organizations: Organizations::Any,
            role: RoleDemand::AtLeast(Role::Viewer),
            records_sessions: false,
            ..Demand::of_the_gate()
        };
        let credentials = Allow { api_key: true, session: true, ..Allow::default() };
        let anybody = Allow { anonymous: true, ..credentials };
        let of_each_network = |limit| ClassLimit {
            number: NETWORK_CLASSES + index as u32,
            name: "network".into(),
            limit,
            per_network: true,
        };
        let demands = match self {
            Access::Open | Access::Preflight => return None,
            Access::PerNetwork | Access::AnyonePerNetwork => Demands {
                demand: Demand { allow: anybody, class: Some(of_each_network(requests_per_minute)), ..own },
                looks_at_credentials: self == Access::AnyonePerNetwork,
                csrf_always: true,
            },
            Access::CrossOrigin => Demands {
                demand: Demand {
                    allow: anybody,
                    class: Some(of_each_network(requests_per_minute.saturating_mul(PAGES_TO_ONE))),
                    ..own
                },
                looks_at_credentials: false,
                csrf_always: false,
            },
            Access::AnyOrWidget => Demands {
                demand: Demand { allow: Allow { widget: true, ..credentials }, ..own },
                looks_at_credentials: true,
                csrf_always: false,
            },
            Access::Anyone => {
                Demands { demand: Demand { allow: anybody, ..own }, looks_at_credentials: true, csrf_always: false }
            }
            Access::Any(role) => Demands {
                demand: Demand { allow: credentials, role: RoleDemand::AtLeast(role), ..own },
                looks_at_credentials: true,
                csrf_always: false,
            },
            Access::Session(role) => Demands {
                demand: Demand {
                    allow: Allow { session: true, ..Allow::default() },
                    role: RoleDemand::AtLeast(role),
                    ..own
                },
                looks_at_credentials: true,
                csrf_always: false,
            },
            Access::Shared(role) => Demands {
                demand: Demand {
                    allow: Allow { project_share: true, ..credentials },
                    role: RoleDemand::AtLeast(role),
                    ..own
                },
                looks_at_credentials: true,
                csrf_always: false,
            },
            Access::Unlimited(role) => Demands {
                demand: Demand { allow: credentials, role: RoleDemand::AtLeast(role), key_limit: false, ..own },
                looks_at_credentials: true,
                csrf_always: false,
            },
        };
        Some(demands)
    }

    /// In the words of the OpenAPI document.
    pub fn describe(self) -> serde_json::Value {
        match self {
            Access::Open | Access::Preflight => serde_json::json!({ "credentials": [] }),
            Access::PerNetwork | Access::CrossOrigin => serde_json::json!({ "credentials": [], "limited": "network" }),
            Access::AnyonePerNetwork => {
                serde_json::json!({ "credentials": ["api_key", "session", "none"], "limited": "network" })
            }
            Access::Anyone => serde_json::json!({ "credentials": ["api_key", "session", "none"] }),
            Access::Any(role) => {
                serde_json::json!({ "credentials": ["api_key", "session"], "role": role.as_str() })
            }
            Access::Shared(role) => {
                serde_json::json!({ "credentials": ["api_key", "session", "share"], "role": role.as_str() })
            }
            Access::AnyOrWidget => {
                let role = Role::Viewer.as_str();
                serde_json::json!({ "credentials": ["api_key", "session", "widget"], "role": role })
            }
            Access::Session(role) => serde_json::json!({ "credentials": ["session"], "role": role.as_str() }),
            Access::Unlimited(role) => {
                serde_json::json!({ "credentials": ["api_key", "session"], "role": role.as_str(), "limited": "no" })
            }
        }
    }
}
