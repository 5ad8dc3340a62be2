//! `[plans]`: what each plan gives.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How many API keys a plan gives: a number, or `"unlimited"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAllowance {
    /// So many, at most.
    Number(u32),
    /// As many as one likes.
    Unlimited,
}

impl Serialize for KeyAllowance {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            KeyAllowance::Number(number) => serializer.serialize_u32(*number),
            KeyAllowance::Unlimited => serializer.serialize_str("unlimited"),
        }
    }
}

impl<'de> Deserialize<'de> for KeyAllowance {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(u32),
            Text(String),
        }
        match Either::deserialize(deserializer) {
            Ok(Either::Number(number)) => Ok(KeyAllowance::Number(number)),
            Ok(Either::Text(text)) if text == "unlimited" => Ok(KeyAllowance::Unlimited),
            _ => Err(serde::de::Error::custom("must be a whole number or \"unlimited\"")),
        }
    }
}

/// One plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Plan {
    pub api_keys: KeyAllowance,
    #[serde(default = "default_plan_rate")]
    pub max_rate_limit: u32,
}

fn default_plan_rate() -> u32 {
    10_000
}

/// `[plans]` and `[plans.NAME]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Plans {
    /// The plan of the home organization.
    pub setup: String,
    /// The plan of an organization made by registering.
    pub registered: String,
    #[serde(flatten)]
    pub named: BTreeMap<String, Plan>,
}

impl Default for Plans {
    fn default() -> Self {
        let plan = |api_keys| Plan { api_keys, max_rate_limit: default_plan_rate() };
        Plans {
            setup: String::from("enterprise"),
            registered: String::from("free"),
            named: BTreeMap::from([
                (String::from("free"), plan(KeyAllowance::Number(0))),
                (String::from("starter"), plan(KeyAllowance::Number(2))),
                (String::from("professional"), plan(KeyAllowance::Number(10))),
                (String::from("enterprise"), plan(KeyAllowance::Unlimited)),
            ]),
        }
    }
}
