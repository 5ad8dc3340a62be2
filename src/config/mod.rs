//! The configuration: defaults, then a file, then the environment, then flags.
//!
//! [`load`] reads and checks all of it once, at start; the rest of the house is handed the sections it needs. Unknown
//! keys are errors that name the nearest known one ([`known_keys`]). No section holds a secret: those stand in files
//! that the configuration only names.

pub mod known_keys;
mod mailbox;
pub mod network;
pub mod plans;
pub mod sections;
mod validate;

use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use serde::{Deserialize, Serialize};

pub use mailbox::Mailbox;
pub use network::{Network, unify_address};
pub use plans::{KeyAllowance, Plan, Plans};
pub use sections::*;

/// Why the configuration cannot be used. Each text says where, what, and what would do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The named file is not there or cannot be read.
    #[error("{}: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// Not TOML, or a value of the wrong type.
    #[error("{0}")]
    Malformed(String),
    /// One line for each fault found.
    #[error("{}", .0.join("\n"))]
    Invalid(Vec<String>),
}

/// Every setting, section by section; `config.example.toml` says what each is for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Where the databases, the master key and the socket are.
    pub data_dir: PathBuf,
    /// Listening, proxies, limits of HTTP itself.
    pub server: Server,
    /// Where the master key is.
    pub master_key: MasterKeySource,
    /// Who may register.
    pub registration: Registration,
    /// How passwords are hashed and judged.
    pub password: Password,
    /// When an account locks.
    pub lockout: Lockout,
    /// How long a session lives.
    pub session: Session,
    /// Limits of the sign-in endpoints.
    pub auth: Auth,
    /// The shape and the limits of API keys.
    pub api_keys: ApiKeys,
    /// What each plan gives.
    pub plans: Plans,
    /// The gate's behaviour where no rule speaks.
    pub gate: Gate,
    /// Which requests need what.
    pub rules: Vec<Rule>,
    /// The request log.
    pub ledger: Ledger,
    /// The audit log.
    pub audit: Audit,
    /// Share tokens.
    pub shares: Shares,
    /// Outgoing webhooks.
    pub webhooks: Webhooks,
    /// Outgoing mail.
    pub smtp: Smtp,
    /// When each job runs: cron with six fields, seconds first, UTC.
    pub jobs: Jobs,
    /// What is logged, and how.
    pub log: Log,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            data_dir: PathBuf::from("data"),
            server: Server::default(),
            master_key: MasterKeySource::default(),
            registration: Registration::default(),
            password: Password::default(),
            lockout: Lockout::default(),
            session: Session::default(),
            auth: Auth::default(),
            api_keys: ApiKeys::default(),
            plans: Plans::default(),
            gate: Gate::default(),
            rules: Vec::new(),
            ledger: Ledger::default(),
            audit: Audit::default(),
            shares: Shares::default(),
            webhooks: Webhooks::default(),
            smtp: Smtp::default(),
            jobs: Jobs::default(),
            log: Log::default(),
        }
    }
}

impl Config {
    /// `server.public_url` as set, or made of the listening address; without a slash at its end.
    pub fn public_url(&self) -> String {
        match &self.server.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{}", self.server.listen),
        }
    }

    /// Who may register: as set, or anyone while `public_url` is on loopback, so that one can try it.
    pub fn registration_mode(&self) -> RegistrationMode {
        self.registration.mode.unwrap_or(if self.is_on_loopback() {
            RegistrationMode::Open
        } else {
            RegistrationMode::Invite
        })
    }

    /// Whether an address must be verified before its owner signs in: as set, or where mail can be sent.
    pub fn requires_verified_email(&self) -> bool {
        self.registration.require_verified_email.unwrap_or(self.smtp.host.is_some())
    }

    fn is_on_loopback(&self) -> bool {
        let url = self.public_url();
        let authority = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        let host = match authority.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => authority.split(':').next().unwrap_or_default(),
        };
        host.eq_ignore_ascii_case("localhost")
            || host.parse::<std::net::IpAddr>().is_ok_and(|address| unify_address(address).is_loopback())
    }

    /// Whether people reach this server over HTTPS (which decides the cookies' names and flags).
    pub fn is_https(&self) -> bool {
        self.public_url().starts_with("https://")
    }
}

/// What the command line says beside the file.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--config FILE`; without it the usual places are tried.
    pub file: Option<PathBuf>,
    /// `--data-dir DIR`.
    pub data_dir: Option<PathBuf>,
    /// `--listen ADDR`.
    pub listen: Option<String>,
}

/// Where a configuration file is looked for when none is named.
const USUAL_PLACES: [&str; 2] = ["claviger.toml", "/etc/claviger/claviger.toml"];

/// Reads defaults, file, environment and flags, and checks every value.
pub fn load(overrides: &Overrides) -> Result<Config, ConfigError> {
    let mut given = Figment::new();
    if let Some(file) = find_file(overrides)? {
        given = given.merge(Toml::file_exact(file));
    }
    let given = given.merge(environment());
    known_keys::check(&given)?;

    let mut figment = Figment::from(Serialized::defaults(Config::default())).merge(given);
    if let Some(data_dir) = &overrides.data_dir {
        figment = figment.merge(Serialized::default("data_dir", data_dir));
    }
    if let Some(listen) = &overrides.listen {
        figment = figment.merge(Serialized::default("server.listen", listen));
    }
    let config: Config = figment.extract().map_err(malformed)?;
    validate::check(&config)?;
    Ok(config)
}

/// The settings in the environment: `CLAVIGER_SECTION__KEY`, and `CLAVIGER_DATA_DIR`.
fn environment() -> Env {
    Env::prefixed("CLAVIGER_")
        .filter(|key| key.as_str().contains("__") || key == "data_dir")
        .map(|key| key.as_str().to_ascii_lowercase().replace("__", ".").into())
}

fn find_file(overrides: &Overrides) -> Result<Option<PathBuf>, ConfigError> {
    let path = match &overrides.file {
        Some(path) => path.clone(),
        None => match USUAL_PLACES.iter().find(|place| Path::new(place).exists()) {
            Some(place) => PathBuf::from(place),
            None => return Ok(None),
        },
    };
    // Opened here so that a missing or unreadable file is told as such, not as an empty one.
    std::fs::read(&path).map_err(|cause| ConfigError::Unreadable { path: path.clone(), cause })?;
    Ok(Some(path))
}

/// One line a fault, with the place figment found it in.
fn malformed(error: figment::Error) -> ConfigError {
    let lines: Vec<String> = error.into_iter().map(|fault| fault.to_string()).collect();
    ConfigError::Malformed(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_text(text: &str) -> Result<Config, ConfigError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        load(&Overrides { file: Some(file.path().to_owned()), ..Overrides::default() })
    }

    #[test]
    fn the_example_file_equals_the_defaults_and_names_every_setting() {
        let example = include_str!("../../config.example.toml");
        assert_eq!(load_text(example).unwrap(), Config::default());
        for key in known_keys::all() {
            let name = key.rsplit('.').next().unwrap();
            let listed = example.lines().any(|line| {
                let line = line.trim_start_matches("# ");
                line.split_once('=').is_some_and(|(left, _)| left.trim() == name)
            });
            assert!(listed, "config.example.toml does not name {key}");
        }
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_name() {
        let error = load_text("[server]\nlissten = \"127.0.0.1:1\"").unwrap_err().to_string();
        assert!(error.contains("server.lissten") && error.contains("server.listen"), "{error}");
        let error = load_text("[[rules]]\npath = \"/\"\nallows = []").unwrap_err().to_string();
        assert!(error.contains("rules.allows") && error.contains("allow"), "{error}");
    }

    #[test]
    fn a_value_of_the_wrong_type_is_named_with_its_place() {
        let error = load_text("[password]\nbcrypt_cost = \"high\"").unwrap_err().to_string();
        assert!(error.contains("bcrypt_cost"), "{error}");
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let error = load_text("[password]\nbcrypt_cost = 4\n[api_keys]\nhex_digits = 7").unwrap_err().to_string();
        assert!(error.contains("password.bcrypt_cost") && error.contains("api_keys.hex_digits"), "{error}");
    }

    #[test]
    fn plans_can_be_changed_and_added() {
        let config =
            load_text("[plans]\nregistered = \"gold\"\n[plans.gold]\napi_keys = 7\nmax_rate_limit = 100").unwrap();
        assert_eq!(config.plans.named["gold"].api_keys, KeyAllowance::Number(7));
        assert_eq!(config.plans.named["enterprise"].api_keys, KeyAllowance::Unlimited);
        assert!(load_text("[plans]\nsetup = \"none\"").is_err());
    }

    #[test]
    fn registration_is_open_on_loopback_and_by_invitation_elsewhere_unless_it_is_set() {
        let mode = |text: &str| load_text(text).unwrap().registration_mode();
        for url in [
            "http://127.0.0.1:8080",
            "http://localhost",
            "https://[::1]:8443",
            "http://127.9.9.9",
            "http://LOCALHOST:1",
        ] {
            assert_eq!(mode(&format!("[server]\npublic_url = \"{url}\"")), RegistrationMode::Open, "{url}");
        }
        for url in [
            "https://keys.example.com",
            "http://192.0.2.1:8080",
            "http://localhost.example.com",
            "http://[2001:db8::1]",
        ] {
            assert_eq!(mode(&format!("[server]\npublic_url = \"{url}\"")), RegistrationMode::Invite, "{url}");
        }
        assert_eq!(mode("[server]\nlisten = \"0.0.0.0:80\""), RegistrationMode::Invite);
        assert_eq!(mode(""), RegistrationMode::Open);
        assert_eq!(mode("[registration]\nmode = \"closed\""), RegistrationMode::Closed);
    }

    #[test]
    fn an_address_must_be_verified_where_mail_can_be_sent_unless_it_is_set() {
        let smtp = "[smtp]\nhost = \"mail.example.com\"\nfrom = \"keys@example.com\"\n";
        let required = |text: &str| load_text(text).unwrap().requires_verified_email();
        assert!(!required(""));
        assert!(required(smtp));
        assert!(!required(&format!("{smtp}[registration]\nrequire_verified_email = false")));
        assert!(required("[registration]\nrequire_verified_email = true"));
    }

    #[test]
    fn a_missing_file_is_told_as_such() {
        let overrides = Overrides { file: Some("/nonexistent/claviger.toml".into()), ..Overrides::default() };
        assert!(matches!(load(&overrides), Err(ConfigError::Unreadable { .. })));
    }
}
