//! One attempt over HTTP/1.1: to an address that was checked, without redirects, proxies or cookies, within a time, and
//! reading no more of the answer than is kept.
//!
//! Names are resolved by `Checked`, which hands the connector nothing but addresses that may be used: what was checked
//! is what is connected to. A connection that stays open goes on to the address that it was made to.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::time::{Instant, timeout, timeout_at};

use super::address::{AddressRules, Forbidden};
use super::resolver::Resolver;
use super::target::Target;

/// What one attempt may take in all.
pub const TIMEOUT: Duration = Duration::from_secs(15);
/// How much of an answer is read, in bytes.
pub const MAX_ANSWER: usize = 4_096;
/// How long a connection without a request stays open; some seconds more, until somebody looks.
const IDLE: Duration = Duration::from_secs(5);
/// Connections to one receiver that stay open without a request: each takes a file descriptor.
const IDLE_CONNECTIONS: usize = 2;
/// Names that are looked up at a time, for what is sent.
const LOOK_UPS: usize = 128;
/// The same, for URLs that webhooks are given.
const LOOK_UPS_FOR_SETTINGS: usize = 8;
/// How long a name may take to resolve before it is taken for one that does not.
const PATIENCE: Duration = Duration::from_secs(3);

/// Why a URL is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Its address is one that webhooks do not go to; the text says which and why.
    Forbidden(String),
    /// So many names are being looked up that this one is not.
    Busy,
}

/// What a receiver answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// The beginning of its body.
    pub body: Vec<u8>,
    /// Its `Retry-After`.
    pub retry_after: Option<String>,
}

/// Sends.
pub struct Client {
    rules: AddressRules,
    resolver: Arc<Resolver>,
    resolver_for_settings: Resolver,
    timeout: Duration,
    /// Made when they are first needed: reading whom the system trusts takes a while. Two, because a name is judged by
    /// whether TLS is used.
    plain: OnceLock<Result<reqwest::Client, String>>,
    secure: OnceLock<Result<reqwest::Client, String>>,
}

impl Client {
    /// A client under these rules, whose attempts take so long at most.
    pub fn new(rules: AddressRules, timeout: Duration) -> Self {
        let (resolver, resolver_for_settings) =
            (Arc::new(Resolver::new(LOOK_UPS)), Resolver::new(LOOK_UPS_FOR_SETTINGS));
        Client { rules, resolver, resolver_for_settings, timeout, plain: OnceLock::new(), secure: OnceLock::new() }
    }

    /// Judges where a webhook is to go: the address, or those that the name has now. A name that does not resolve, or
    /// not in time, passes: it is judged whenever something is sent.
    pub async fn check(&self, target: &Target) -> Result<(), Unfit> {
        let found = match target.name() {
            None => None,
            Some(name) => match timeout(PATIENCE, self.resolver_for_settings.resolve_now(name)).await {
                Ok(None) => return Err(Unfit::Busy),
                Ok(Some(found)) => found.ok(),
                Err(_) => None,
            },
        };
        target.judge(&self.rules, found.as_deref().unwrap_or_default()).map_err(Unfit::Forbidden)
    }

    /// Posts JSON; the error says in one sentence why there is no answer. To be called on one runtime alone, which the
    /// open connections belong to.
    pub async fn post(&self, target: &Target, headers: &[(String, String)], body: String) -> Result<Answer, String> {
        if let Some(address) = target.literal() {
            self.rules.judge(address, target.is_plain()).map_err(|forbidden| forbidden.to_string())?;
        }
        let mut request = self.of(target)?.post(target.url().clone()).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let deadline = Instant::now() + self.timeout;
        let mut response = match timeout_at(deadline, request.body(body).send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(reason(&error)),
            Err(_) => return Err(format!("There was no answer within {} seconds", self.timeout.as_secs())),
        };
        let mut answer = Answer {
            status: response.status().as_u16(),
            body: Vec::new(),
            retry_after: response.headers().get("retry-after").and_then(|value| value.to_str().ok()).map(str::to_owned),
        };
        // The status counts, whatever becomes of the body. One that goes on is cut, and its connection with it.
        while answer.body.len() < MAX_ANSWER
            && let Ok(Ok(Some(part))) = timeout_at(deadline, response.chunk()).await
        {
            let room = MAX_ANSWER - answer.body.len();
            answer.body.extend_from_slice(&part[..part.len().min(room)]);
        }
        Ok(answer)
    }

    fn of(&self, target: &Target) -> Result<&reqwest::Client, String> {
        let (place, plain) = if target.is_plain() { (&self.plain, true) } else { (&self.secure, false) };
        place.get_or_init(|| build(&self.rules, &self.resolver, plain)).as_ref().map_err(String::clone)
    }
}

fn build(rules: &AddressRules, resolver: &Arc<Resolver>, plain: bool) -> Result<reqwest::Client, String> {
    reqwest::Client::builder()
        .user_agent(concat!("Claviger/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .no_proxy()
        .referer(false)
        .http1_only()
        .https_only(!plain)
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .tls_backend_preconfigured(tls(plain)?)
        .dns_resolver(Arc::new(Checked { rules: rules.clone(), resolver: Arc::clone(resolver), plain }))
        .build()
        .map_err(|error| reason(&error))
}

/// Trusts whom the system trusts (or `SSL_CERT_FILE`); without TLS, nobody has to be trusted.
fn tls(plain: bool) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| error.to_string())?;
    if plain {
        return Ok(config.with_root_certificates(RootCertStore::empty()).with_no_client_auth());
    }
    match config.with_platform_verifier() {
        Ok(config) => Ok(config.with_no_client_auth()),
        Err(cause) => Err(format!(
            "No certificate authorities are to be found ({cause}); install ca-certificates or set SSL_CERT_FILE"
        )),
    }
}

/// Why there is no answer: what a rule of ours says, or what is at the bottom of it. Never with the URL.
fn reason(error: &reqwest::Error) -> String {
    let mut deepest: &dyn std::error::Error = error;
    loop {
        if let Some(ours) = deepest.downcast_ref::<Forbidden>() {
            return ours.to_string();
        }
        match deepest.source() {
            Some(source) => deepest = source,
            None => break,
        }
    }
    let what = if error.is_connect() { "There is no connection" } else { "The exchange broke off" };
    format!("{what}: {deepest}")
}

/// Resolves names to addresses that may be used.
struct Checked {
    rules: AddressRules,
    resolver: Arc<Resolver>,
    plain: bool,
}

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let (rules, resolver, plain) = (self.rules.clone(), Arc::clone(&self.resolver), self.plain);
        Box::pin(async move {
            let found = resolver.resolve(name.as_str()).await?;
            let chosen = rules.choose(&found, |address| address, plain)?;
            Ok(Box::new(chosen.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
}
