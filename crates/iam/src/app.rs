//! What all endpoints share.

use std::sync::Arc;

use sessionmint_oauth::lifetime::SessionPolicy;
use sessionmint_store::{By, Store, StoreError};

use crate::access::Access;
use crate::client_keys::ClientKeySets;
use crate::clock::{Clock, Skew, SystemClock};
use crate::config::{Config, ThrottleConfig};
use crate::http::KnownOrigins;
use crate::keys::{KeysError, SigningKeys};
use crate::limits::MintLimits;
use crate::login::Authenticator;
use crate::login::throttle::Throttle;
use crate::metrics::Metrics;
use crate::random::{self, Random, RandomError, SystemRandom};
use crate::refusals::Refusals;

/// Everything that the endpoints share; immutable but for what is behind the store and the limits.
pub struct App {
    /// What the operator set.
    pub config: Config,
    /// Users, sessions, clients, roles, keys.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Random bytes.
    pub random: Arc<dyn Random>,
    /// Who somebody is.
    pub authenticator: Arc<dyn Authenticator>,
    /// What signs.
    pub keys: SigningKeys,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    pub(crate) mint_limits: MintLimits,
    pub(crate) client_throttle: Throttle,
    pub(crate) client_keys: ClientKeySets,
    pub(crate) refusals: Refusals,
    pub(crate) known_origins: KnownOrigins,
    pub(crate) skew: Skew,
    pub(crate) access: Access,
}

/// Why an [`App`] could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Nothing decides who may sign in.
    #[error("no authenticator was given")]
    NoAuthenticator,
    /// The signing keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The store could not be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The operating system gives no random bytes.
    #[error(transparent)]
    Random(#[from] RandomError),
}

impl App {
    /// Starts building one.
    pub fn builder(config: Config, store: Arc<dyn Store>) -> AppBuilder {
        AppBuilder {
            config,
            store,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            authenticator: None,
            metrics: None,
        }
    }

    /// Writes to the audit trail what was refused since the last time. The service does so every few seconds, and at its end.
    ///
    /// # Errors
    /// [`StoreError`]; the next time tries again.
    pub async fn write_refusals(&self) -> Result<(), StoreError> {
        self.refusals.write(&*self.store).await
    }

    /// When a session is over.
    pub(crate) fn session_policy(&self) -> SessionPolicy {
        SessionPolicy {
            idle_secs: self.config.sessions.idle_secs,
        }
    }
}

/// Builds an [`App`].
#[must_use]
pub struct AppBuilder {
    config: Config,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    authenticator: Option<Arc<dyn Authenticator>>,
    metrics: Option<Arc<Metrics>>,
}

impl AppBuilder {
    /// Another clock than the system's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Another source of randomness than the system's.
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = random;
        self
    }

    /// What decides who may sign in.
    pub fn authenticator(mut self, authenticator: Arc<dyn Authenticator>) -> Self {
        self.authenticator = Some(authenticator);
        self
    }

    /// Counters that something else, the store for one, already adds to.
    pub fn metrics(mut self, metrics: Arc<Metrics>) -> Self {
        self.metrics = Some(metrics);
        self
    }

    /// Reads (at the first start, makes) the signing keys and puts the service together.
    ///
    /// # Errors
    /// [`BuildError`]: the service must not start then.
    pub async fn build(self) -> Result<Arc<App>, BuildError> {
        let authenticator = self.authenticator.ok_or(BuildError::NoAuthenticator)?;
        random::bytes::<32>(&*self.random)?;
        let by = By::service(self.clock.now());
        let keys =
            SigningKeys::open(&self.config.keys, &self.config.database, &*self.store, &by).await?;
        keys.refresh(&*self.store, &by).await?;
        let known_origins = KnownOrigins::load(&*self.store).await?;
        Ok(Arc::new(App {
            client_keys: ClientKeySets::new(self.config.issuer.is_local()),
            client_throttle: Throttle::new(&client_throttle(&self.config)),
            mint_limits: MintLimits::new(self.config.sessions.mints_per_minute),
            refusals: Refusals::default(),
            config: self.config,
            store: self.store,
            clock: self.clock,
            random: self.random,
            authenticator,
            keys,
            metrics: self.metrics.unwrap_or_default(),
            known_origins,
            skew: Skew::new(),
            access: Access::default(),
        }))
    }
}

/// Secrets of clients are random, so nobody tries one of them on many clients; and one client with a wrong secret must not
/// shut out the others of its machine.
fn client_throttle(config: &Config) -> ThrottleConfig {
    ThrottleConfig {
        failures_per_network: u32::MAX,
        ..config.login.throttle
    }
}
