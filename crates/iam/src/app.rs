//! What all endpoints share.

use std::sync::Arc;

use sessionmint_store::Store;

use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::login::Authenticator;
use crate::random::{Random, SystemRandom};

/// Everything that the endpoints share; immutable but for what is behind the store and the limits.
pub struct App {
    /// What the operator set.
    pub config: Config,
    /// Users, sessions, clients, keys.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Random bytes.
    pub random: Arc<dyn Random>,
    /// Who somebody is.
    pub authenticator: Arc<dyn Authenticator>,
}

/// Why an [`App`] could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Nothing decides who may sign in.
    #[error("no authenticator was given")]
    NoAuthenticator,
}

impl App {
    /// Starts building one.
    pub fn builder(config: Config, store: Arc<dyn Store>) -> AppBuilder {
        AppBuilder { config, store, clock: Arc::new(SystemClock), random: Arc::new(SystemRandom), authenticator: None }
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

    /// Reads (at the first start, makes) the signing key and puts the service together.
    pub async fn build(self) -> Result<Arc<App>, BuildError> {
        Ok(Arc::new(App {
            config: self.config,
            store: self.store,
            clock: self.clock,
            random: self.random,
            authenticator: self.authenticator.ok_or(BuildError::NoAuthenticator)?,
        }))
    }
}
