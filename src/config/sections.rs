//! One struct a section, each with its defaults.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Network;

/// `[server]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Server {
    pub listen: String,
    pub public_url: Option<String>,
    pub trusted_proxies: Vec<Network>,
    pub require_https: bool,
    /// Threads that answer requests; unset = one for each processor.
    pub workers: Option<usize>,
    pub max_body_bytes: usize,
    pub metrics_listen: Option<String>,
}

impl Default for Server {
    fn default() -> Self {
        Server {
            listen: String::from("127.0.0.1:8080"),
            public_url: None,
            trusted_proxies: Vec::new(),
            require_https: true,
            workers: None,
            max_body_bytes: 65_536,
            metrics_listen: None,
        }
    }
}

/// `[master_key]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct MasterKeySource {
    pub file: Option<PathBuf>,
}

/// Who may register without an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RegistrationMode {
    /// Anyone.
    Open,
    /// Who holds an invitation.
    Invite,
    /// Nobody, but for those whom an administrator invited.
    Closed,
}

/// `[registration]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Registration {
    pub mode: Option<RegistrationMode>,
    pub require_verified_email: Option<bool>,
}

/// What a new password must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PasswordPolicy {
    /// Eight characters, an upper-case letter, a lower-case letter and a digit.
    Composition,
    /// Fifteen characters of any kind.
    Length15,
}

/// `[password]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Password {
    pub bcrypt_cost: u32,
    pub policy: PasswordPolicy,
    pub queue_seconds: u64,
}

impl Default for Password {
    fn default() -> Self {
        Password { bcrypt_cost: 12, policy: PasswordPolicy::Composition, queue_seconds: 10 }
    }
}

/// `[lockout]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Lockout {
    pub attempts: u32,
    pub minutes: u32,
    pub reset_minutes: u32,
}

impl Default for Lockout {
    fn default() -> Self {
        Lockout { attempts: 5, minutes: 15, reset_minutes: 30 }
    }
}

/// `[session]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Session {
    pub idle_minutes: i64,
    pub absolute_hours: i64,
    pub cookie_name: String,
}

impl Default for Session {
    fn default() -> Self {
        Session { idle_minutes: 1_440, absolute_hours: 720, cookie_name: String::from("claviger") }
    }
}

/// `[auth]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Auth {
    pub requests_per_minute: u32,
}

impl Default for Auth {
    fn default() -> Self {
        Auth { requests_per_minute: 20 }
    }
}

/// `[api_keys]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct ApiKeys {
    pub live_prefix: String,
    pub test_prefix: String,
    pub hex_digits: u32,
    pub checksum: bool,
    pub default_rate_limit: u32,
    pub max_rate_limit: u32,
    pub warn_days: u32,
}

impl Default for ApiKeys {
    fn default() -> Self {
        ApiKeys {
            live_prefix: String::from("clav_live_"),
            test_prefix: String::from("clav_test_"),
            hex_digits: 64,
            checksum: true,
            default_rate_limit: 60,
            max_rate_limit: 10_000,
            warn_days: 7,
        }
    }
}

/// What happens where no rule speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GateDefault {
    /// Keys of the home organization pass, by role.
    Allow,
    /// Nobody passes.
    Deny,
}

/// What happens to a CORS preflight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preflight {
    /// It passes as anonymous, uncounted.
    Pass,
    /// It is judged like any other request.
    Deny,
}

/// `[gate]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Gate {
    pub default: GateDefault,
    pub default_limit: Option<u32>,
    pub preflight: Preflight,
    pub redirect_browsers: bool,
    pub origins: Vec<String>,
    pub cookie_domain: Option<String>,
}

impl Default for Gate {
    fn default() -> Self {
        Gate {
            default: GateDefault::Allow,
            default_limit: None,
            preflight: Preflight::Pass,
            redirect_browsers: false,
            origins: Vec::new(),
            cookie_domain: None,
        }
    }
}

/// One of `[[rules]]`, as written; [`crate::gate::policy`] makes sense of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct Rule {
    pub host: Option<String>,
    pub path: String,
    pub methods: Vec<String>,
    pub allow: Vec<String>,
    pub organizations: Vec<String>,
    pub role: Option<String>,
    pub environments: Vec<String>,
    pub scopes: Vec<String>,
    pub class: Option<String>,
    pub limit: Option<u32>,
}

impl Default for Rule {
    fn default() -> Self {
        Rule {
            host: None,
            path: String::new(),
            methods: vec![String::from("*")],
            allow: vec![String::from("api_key")],
            organizations: vec![String::from("home")],
            role: None,
            environments: vec![String::from("live"), String::from("test")],
            scopes: Vec::new(),
            class: None,
            limit: None,
        }
    }
}

/// What a recorded request survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// The process being killed.
    Process,
    /// A power cut too, at the price of a disk flush a commit.
    Power,
}

/// What the gate does when a request cannot be recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// 503.
    Deny,
    /// It passes, and is counted in the metrics.
    Allow,
}

/// `[ledger]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Ledger {
    pub durability: Durability,
    pub on_failure: OnFailure,
    pub retention_days: u32,
    pub max_megabytes: u64,
}

impl Default for Ledger {
    fn default() -> Self {
        Ledger {
            durability: Durability::Process,
            on_failure: OnFailure::Deny,
            retention_days: 90,
            max_megabytes: 4_096,
        }
    }
}

/// `[audit]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Audit {
    /// Unset = forever.
    pub retention_days: Option<u32>,
}

/// `[shares]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Shares {
    pub requests_per_minute: u32,
}

impl Default for Shares {
    fn default() -> Self {
        Shares { requests_per_minute: 60 }
    }
}

/// `[webhooks]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Webhooks {
    pub signature_header: String,
    pub allow_private: bool,
    pub allow_networks: Vec<Network>,
}

impl Default for Webhooks {
    fn default() -> Self {
        Webhooks {
            signature_header: String::from("X-Claviger-Signature"),
            allow_private: true,
            allow_networks: Vec::new(),
        }
    }
}

/// How the mail server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmtpTls {
    /// TLS from the first byte.
    Implicit,
    /// TLS after STARTTLS, or no mail at all.
    Starttls,
    /// None; to loopback only.
    None,
}

/// `[smtp]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Smtp {
    pub host: Option<String>,
    pub port: Option<u16>,
    pub tls: SmtpTls,
    pub username: Option<String>,
    pub password_file: Option<PathBuf>,
    pub from: Option<String>,
    pub timeout_seconds: u64,
}

impl Default for Smtp {
    fn default() -> Self {
        Smtp {
            host: None,
            port: None,
            tls: SmtpTls::Implicit,
            username: None,
            password_file: None,
            from: None,
            timeout_seconds: 30,
        }
    }
}

impl Smtp {
    /// The port as set, or the usual one for this kind of TLS.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            SmtpTls::Implicit => 465,
            SmtpTls::Starttls => 587,
            SmtpTls::None => 25,
        })
    }
}

/// `[jobs]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Jobs {
    pub expiry_warnings: String,
    pub lockout_reset: String,
    pub session_sweep: String,
    pub ledger_retention: String,
    pub audit_retention: String,
    pub outbox_delivery: String,
}

impl Default for Jobs {
    fn default() -> Self {
        Jobs {
            expiry_warnings: String::from("0 0 8 * * *"),
            lockout_reset: String::from("0 * * * * *"),
            session_sweep: String::from("0 10 * * * *"),
            ledger_retention: String::from("30 */5 * * * *"),
            audit_retention: String::from("0 20 3 * * *"),
            outbox_delivery: String::from("*/15 * * * * *"),
        }
    }
}

/// The shape of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For eyes.
    Text,
    /// One JSON object a line.
    Json,
}

/// `[log]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Log {
    pub level: String,
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Log { level: String::from("info"), format: LogFormat::Text }
    }
}
