//! The composition root: opens the store, builds the parts, binds, and returns the bound address.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::{App as ActixApp, HttpServer, web};
use parking_lot::Mutex;

use crate::clock::Clock;
use crate::config::Config;
use crate::crypto::hashing_queue::HashingQueue;
use crate::crypto::master_key::{self, MasterKeyError};
use crate::crypto::password::Password;
use crate::crypto::seal::{SealError, Sealer};
use crate::crypto::secret_token::SecretToken;
use crate::crypto::signature::SigningKey;
use crate::gate::Gate;
use crate::gate::clock_watch::ClockWatch;
use crate::gate::ledger::Ledger;
use crate::gate::lookup::{Environment, Lookup};
use crate::gate::policy::Policy;
use crate::http::cookies::CookieNames;
use crate::http::{App, RequestIds, metrics, operator, routes};
use crate::jobs::schedule;
use crate::jobs::webhook_delivery::WebhookDelivery;
use crate::mail::sender::Sender;
use crate::random::{Random, RandomFailed};
use crate::services::error::ServiceError;
use crate::services::lockout::Lockout;
use crate::services::outbox_delivery::Delivery;
use crate::services::prd_trees::PrdTrees;
use crate::services::share_passwords::SharePasswords;
use crate::services::{Services, api_keys, setup};
use crate::store::data_dir::{self, DataDirError, Lock};
use crate::store::{OpenError, Options, Store, StoreError, facts, key_shapes};
use crate::webhook::address::AddressRules;
use crate::webhook::client::{self, Client};

/// The name of the command line's socket in the data directory.
pub const SOCKET: &str = "claviger.sock";
/// The longest path that a socket can have (`sun_path`), without its NUL.
const SOCKET_PATH_BYTES: usize = 107;
/// How long requests that are in flight get when the server stops.
const SHUTDOWN_SECONDS: u64 = 25;
/// How long a connection without requests stays open.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How many threads a worker may have for what blocks. Sixty-four passwords may wait to be hashed, and no look-up of the
/// gate is to wait behind them.
const BLOCKING_THREADS: usize = 256;
/// How often windows that are empty are let go.
const SWEEP: Duration = Duration::from_secs(10);

/// Why Claviger does not start. Each text says what would help.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Faults of rules and jobs, one a line.
    #[error("{}", .0.join("\n"))]
    Config(Vec<String>),
    /// The data directory.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The master key.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// A database.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A read at start.
    #[error("the database cannot be read: {0}")]
    Store(#[from] StoreError),
    /// The address.
    #[error("cannot listen on {address}: {cause}. Is the address this machine's, and the port free and allowed?")]
    Listen {
        /// What was configured.
        address: String,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The command line's socket.
    #[error("cannot make the socket {}: {cause}", path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// Threads, randomness, keys.
    #[error("cannot start: {0}")]
    Other(String),
}

impl From<RandomFailed> for StartError {
    fn from(error: RandomFailed) -> Self {
        StartError::Other(error.to_string())
    }
}

impl From<SealError> for StartError {
    fn from(error: SealError) -> Self {
        StartError::Other(error.to_string())
    }
}

impl StartError {
    /// Whether another start would end the same way until a person has done something.
    pub fn needs_a_person(&self) -> bool {
        matches!(self, StartError::Config(_) | StartError::MasterKey(_) | StartError::Open(_))
    }
}

/// Judges what can be judged without a data directory: the rules and the jobs.
pub fn check(config: &Config) -> Result<Policy, StartError> {
    let policy = Policy::build(config);
    let jobs = schedule::check(&config.jobs);
    match (policy, jobs) {
        (Ok(policy), Ok(())) => Ok(policy),
        (policy, jobs) => {
            let faults = policy.err().into_iter().chain(jobs.err()).flatten().collect();
            Err(StartError::Config(faults))
        }
    }
}

/// The data directory, owned and open, with the services on it.
pub struct Opened {
    /// Everything that the command line and the server use.
    pub services: Arc<Services>,
    /// All settings.
    pub config: Arc<Config>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Held until the end.
    _lock: Lock,
}

/// Takes the data directory and opens everything in it.
pub fn open(config: Config, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Result<Opened, StartError> {
    let policy = check(&config)?;
    data_dir::make(&config.data_dir)?;
    let lock = data_dir::lock(&config.data_dir)?;
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let location = master_key::locate(config.master_key.file.as_deref(), credentials.as_deref(), &config.data_dir);
    if data_dir::lost_its_ledger(&config.data_dir) {
        tracing::warn!(
            "The request log, ledger.db, is gone; a new one begins. Restore it from a backup if it was not meant"
        );
    }
    let first_start = !data_dir::has_database(&config.data_dir);
    let master = master_key::load(&location, first_start, random.as_ref())?;

    let store = Store::open(Options {
        data_dir: config.data_dir.clone(),
        durability: config.ledger.durability,
        chain_key: SigningKey::new(master.derive("chain").as_slice()),
        master_key_check: *master.derive("check"),
    })?;
    let config = Arc::new(config);
    let sealer = Arc::new(Sealer::new(&master)?);
    let lookup_key = SigningKey::new(master.derive("lookup").as_slice());
    let latest = store.read(facts::latest_time)?;
    let clock_watch = ClockWatch::new(Arc::clone(&store), Arc::clone(&config), latest, clock.now());
    let lookup = Lookup::new(Arc::clone(&store), Arc::clone(&sealer), lookup_key, Arc::clone(&config), clock_watch);
    let ledger = Ledger::start(store.ledger_writer()?, Arc::clone(&clock))?;
    let shapes = store.read(key_shapes::all)?;
    let gate = Arc::new(Gate::new(Arc::clone(&store), lookup, policy, ledger, shapes, &config, clock.now()));
    let services = Arc::new(Services {
        store,
        gate,
        sealer,
        hashing: hashing(&config, random.as_ref())?,
        lockout: Lockout::new(SigningKey::new(master.derive("lockout").as_slice()), &config),
        prd_trees: PrdTrees::default(),
        share_passwords: SharePasswords::new(SigningKey::new(master.derive("shares").as_slice()), &config.lockout),
        random,
        config: Arc::clone(&config),
        setup_token: Mutex::new(None),
        delivery: Delivery::new(Sender::new(&config, credentials.as_deref())),
        jobs: schedule::jobs(&config.jobs),
        webhook_client: Client::new(AddressRules::of(&config.webhooks), client::TIMEOUT),
    });
    for environment in [Environment::Live, Environment::Test] {
        services.gate.shapes().learn(&api_keys::shape(&services, environment));
    }
    Ok(Opened { services, config, clock, _lock: lock })
}

/// The hashing thread, with a hash of nobody's password to compare unknown addresses with.
fn hashing(config: &Config, random: &dyn Random) -> Result<HashingQueue, StartError> {
    let nobody = SecretToken::mint(&crate::crypto::secret_token::setup_shape(), random)?;
    let nobody = nobody.reveal().chars().take(40).collect();
    let nobody = Password::parse(nobody).map_err(|error| StartError::Other(error.to_string()))?;
    let patience = Duration::from_secs(config.password.queue_seconds);
    HashingQueue::start(config.password.bcrypt_cost, patience, nobody)
        .map_err(|error| StartError::Other(error.to_string()))
}

/// A running server.
pub struct Running {
    /// Where it listens; the port is a real one even where 0 was configured.
    pub address: SocketAddr,
    /// The link for setup, while there is no owner.
    pub setup_link: Option<String>,
    server: Server,
    beside: Vec<ServerHandle>,
    app: web::Data<App>,
    opened: Opened,
    scheduler: tokio_cron_scheduler::JobScheduler,
    webhooks: WebhookDelivery,
    socket: PathBuf,
}

/// Binds and starts to serve. To be called on a runtime of actix.
pub async fn serve(config: Config, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Result<Running, StartError> {
    check(&config)?;
    let socket = socket_path(&config.data_dir)?;
    let listener = listen(&config.server.listen)?;
    let address =
        listener.local_addr().map_err(|cause| StartError::Listen { address: config.server.listen.clone(), cause })?;
    let metrics_listener = config.server.metrics_listen.as_deref().map(listen).transpose()?;
    let mut config = config;
    if config.server.public_url.is_none() {
        config.server.public_url = Some(format!("http://{address}"));
    }
    let opened = open(config, clock, random)?;
    opened.services.delivery.check().map_err(|text| StartError::Config(vec![text]))?;
    let operator_listener = operator_socket(&socket)?;

    let app = web::Data::new(app(&opened)?);
    let setup_link = setup_link(&opened, &app)?;
    let server = main_server(&opened.config, app.clone(), listener)?;
    let mut beside = vec![operator_server(app.clone(), operator_listener, &socket)?];
    if let Some(listener) = metrics_listener {
        beside.push(metrics_server(app.clone(), listener)?);
    }
    let handles = beside.iter().map(Server::handle).collect();
    for server in beside {
        actix_web::rt::spawn(server);
    }
    let scheduler =
        schedule::start(&opened.services, &opened.clock).await.map_err(|error| StartError::Other(error.to_string()))?;
    let webhooks = WebhookDelivery::start(&opened.services, &opened.clock)
        .map_err(|error| StartError::Other(error.to_string()))?;
    keep_house(&app);
    Ok(Running { address, setup_link, server, beside: handles, app, opened, scheduler, webhooks, socket })
}

fn listen(address: &str) -> Result<TcpListener, StartError> {
    let attempt = || {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    attempt().map_err(|cause| StartError::Listen { address: address.to_owned(), cause })
}

fn app(opened: &Opened) -> Result<App, StartError> {
    let mut process = [0u8; 8];
    opened.services.random.fill(&mut process)?;
    Ok(App {
        services: Arc::clone(&opened.services),
        gate: Arc::clone(&opened.services.gate),
        config: Arc::clone(&opened.config),
        clock: Arc::clone(&opened.clock),
        public_url: opened.config.public_url(),
        cookies: CookieNames::of(&opened.config),
        request_ids: RequestIds::new(u64::from_le_bytes(process)),
        warned_of_proxy: AtomicBool::new(false),
        stopping: AtomicBool::new(false),
    })
}

fn setup_link(opened: &Opened, app: &App) -> Result<Option<String>, StartError> {
    let token = setup::make_token(&opened.services)
        .map_err(|ServiceError { cause, code, .. }| StartError::Other(cause.unwrap_or(code.message().to_owned())))?;
    Ok(token.map(|token| format!("{}/setup?token={}", app.public_url, token.reveal())))
}

fn main_server(config: &Config, app: web::Data<App>, listener: TcpListener) -> Result<Server, StartError> {
    let workers = config.server.workers.unwrap_or_else(default_workers);
    let max_body = config.server.max_body_bytes;
    let server = HttpServer::new(move || {
        let for_routes = app.clone();
        ActixApp::new()
            .app_data(app.clone())
            .app_data(web::PayloadConfig::new(max_body))
            .configure(move |services| routes::register(&for_routes, services))
    })
    .workers(workers)
    .worker_max_blocking_threads(BLOCKING_THREADS)
    .keep_alive(KEEP_ALIVE)
    .client_request_timeout(Duration::from_secs(10))
    .client_disconnect_timeout(Duration::from_secs(5))
    .shutdown_timeout(SHUTDOWN_SECONDS)
    .listen(listener)
    .map_err(|cause| StartError::Listen { address: config.server.listen.clone(), cause })?;
    Ok(server.run())
}

/// A worker for each processor.
fn default_workers() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn operator_server(app: web::Data<App>, listener: UnixListener, path: &Path) -> Result<Server, StartError> {
    let server = HttpServer::new(move || ActixApp::new().app_data(app.clone()).configure(operator::register))
        .workers(1)
        .disable_signals()
        .listen_uds(listener)
        .map_err(|cause| StartError::Socket { path: path.to_owned(), cause })?;
    Ok(server.run())
}

fn metrics_server(app: web::Data<App>, listener: TcpListener) -> Result<Server, StartError> {
    let server = HttpServer::new(move || ActixApp::new().app_data(app.clone()).configure(metrics::register))
        .workers(1)
        .disable_signals()
        .listen(listener)
        .map_err(|cause| StartError::Listen { address: String::from("server.metrics_listen"), cause })?;
    Ok(server.run())
}

/// Where the socket will be; looked at before anything is made.
fn socket_path(data_dir: &Path) -> Result<PathBuf, StartError> {
    let path = data_dir.join(SOCKET);
    if path.as_os_str().len() > SOCKET_PATH_BYTES {
        let cause = std::io::Error::other(format!(
            "its path is longer than {SOCKET_PATH_BYTES} bytes, the most that a socket can have; use a shorter data_dir"
        ));
        return Err(StartError::Socket { path, cause });
    }
    Ok(path)
}

/// The socket is never open to others, not even for a moment: the process began with a umask of 077 (see `cli`), and the
/// directory is its owner's alone. A stale one is removed; that nobody listens on it any more, the lock on the directory
/// has shown.
fn operator_socket(path: &Path) -> Result<UnixListener, StartError> {
    let failed = |cause| StartError::Socket { path: path.to_owned(), cause };
    match std::fs::remove_file(path) {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => return Err(failed(cause)),
        _ => {}
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    Ok(listener)
}

/// The running server's socket, if there is one.
pub fn connect(data_dir: &Path) -> Option<UnixStream> {
    UnixStream::connect(data_dir.join(SOCKET)).ok()
}

/// Lets empty windows go, and tells systemd that this runtime still turns.
fn keep_house(app: &web::Data<App>) {
    let swept = app.clone();
    actix_web::rt::spawn(async move {
        loop {
            actix_web::rt::time::sleep(SWEEP).await;
            swept.gate.sweep(swept.clock.now());
        }
    });
    if let Some(limit) = sd_notify::watchdog_enabled() {
        actix_web::rt::spawn(async move {
            loop {
                let _ = sd_notify::notify(&[sd_notify::NotifyState::Watchdog]);
                actix_web::rt::time::sleep(limit / 3).await;
            }
        });
    }
}

impl Running {
    /// A handle that stops the server: what is in flight is answered.
    pub fn handle(&self) -> ServerHandle {
        self.server.handle()
    }

    /// The services underneath.
    pub fn services(&self) -> Arc<Services> {
        Arc::clone(&self.opened.services)
    }

    /// Serves until it is stopped by a signal or its handle; then flushes the ledger.
    pub async fn until_stopped(mut self) -> std::io::Result<()> {
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
        let result = self.server.await;
        self.app.stopping.store(true, Ordering::Relaxed);
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
        for server in &self.beside {
            server.stop(true).await;
        }
        self.opened.services.delivery.stop();
        let _ = self.scheduler.shutdown().await;
        self.webhooks.stop();
        self.opened.services.gate.ledger().close();
        let _ = std::fs::remove_file(&self.socket);
        result
    }
}
