//! Password hashes (argon2id, RFC 9106; others are only checked), computed off the async workers and never too many at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use argon2::password_hash::{Error, PasswordHasher as _};
use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret as _, SecretString};

use super::Load;
use super::gate::Gate;
use super::stored::Stored;
use super::workers::Workers;
use crate::config::HashingConfig;
use crate::random::{self, Random, RandomError};

/// Bytes of salt (RFC 9106 §3.1) and of a hash.
const SALT_LEN: usize = 16;
const HASH_LEN: usize = 32;

/// Makes and checks password hashes under one set of parameters.
pub struct Hasher {
    random: Arc<dyn Random>,
    core: Arc<Core>,
    gate: Gate,
    workers: Workers,
    max_wait_secs: u64,
    /// A hash of a password that nobody knows, with the parameters in use: what is checked where there is no hash.
    dummy: Arc<str>,
}

/// The part that goes to the thread that computes.
struct Core {
    params: Params,
    work: Work,
}

/// What has been computed, to watch the load and to prove that all paths do the same.
#[derive(Debug, Default)]
pub struct Work {
    hashes: AtomicU64,
    kib_filled: AtomicU64,
    running: AtomicUsize,
    most_at_once: AtomicUsize,
}

/// Why a [`Hasher`] cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum HasherError {
    /// The parameters are impossible together, e.g. less than 8 KiB a lane.
    #[error("argon2 does not accept these parameters: {0}")]
    Parameters(String),
    /// See [`RandomError`].
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The operating system gives no threads.
    #[error("the threads that check passwords did not start: {0}")]
    Threads(#[from] std::io::Error),
}

/// Why a hash was not computed. Says nothing of the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// Too many are waiting; try again later.
    #[error("too many passwords are being checked")]
    Busy {
        /// When to try again, in seconds, at least 1.
        retry_after_secs: u64,
    },
    /// No random salt, no memory, or the service is stopping.
    #[error("a password hash could not be computed")]
    Failed,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is another password, or there was none to compare with.
    Wrong,
    /// It is the password.
    Right {
        /// A new hash to be stored, if the stored one was made with less than the parameters in use or in another way.
        upgraded: Option<String>,
    },
    /// What is stored is no hash of a known kind. The same work was done as for a wrong password.
    Unreadable,
}

impl Hasher {
    /// Takes its parameters from `config`; computes one hash, which takes some tens of milliseconds.
    pub fn new(config: &HashingConfig, random: Arc<dyn Random>) -> Result<Self, HasherError> {
        let params = Params::new(
            config.argon2_memory_kib,
            config.argon2_iterations,
            config.argon2_parallelism,
            Some(HASH_LEN),
        )
        .map_err(|error| HasherError::Parameters(error.to_string()))?;
        let core = Core {
            params,
            work: Work::default(),
        };
        let nobodys: [u8; 32] = random::bytes(&*random)?;
        let dummy = core
            .hash(&nobodys, random::bytes(&*random)?)
            .map_err(|error| HasherError::Parameters(error.to_string()))?;
        Ok(Self {
            random,
            core: Arc::new(core),
            gate: Gate::new(
                config.permits(),
                usize::try_from(config.max_waiting).unwrap_or(usize::MAX),
                Duration::from_secs(config.max_wait_secs),
            ),
            workers: Workers::start(config.permits())?,
            max_wait_secs: config.max_wait_secs.max(1),
            dummy: dummy.into(),
        })
    }

    /// The PHC string of a new password.
    pub async fn hash(&self, password: &SecretString) -> Result<String, HashError> {
        let salt = self.salt()?;
        let password = password.clone();
        self.compute(move |core| core.hash(password.expose_secret().as_bytes(), salt))
            .await?
            .map_err(|_| HashError::Failed)
    }

    /// Checks `password` against a stored hash. Without one (`None`) it checks against a dummy and finds
    /// [`Verdict::Wrong`], so that it takes as long.
    pub async fn verify(
        &self,
        password: &SecretString,
        stored: Option<&str>,
    ) -> Result<Verdict, HashError> {
        let readable = stored.and_then(|stored| Stored::parse(stored).ok());
        let comparable = readable.is_some();
        let unreadable = stored.is_some() && !comparable;
        let hash = match readable {
            Some(hash) => hash,
            None => Stored::parse(&self.dummy).map_err(|_| HashError::Failed)?,
        };
        let salt = self.salt()?;
        let password = password.clone();
        self.compute(move |core| {
            let right = core.verify(password.expose_secret().as_bytes(), &hash)?;
            Ok(match (right && comparable, unreadable) {
                (_, true) => Verdict::Unreadable,
                (false, false) => Verdict::Wrong,
                (true, false) if core.is_weaker(&hash) => Verdict::Right {
                    upgraded: Some(core.hash(password.expose_secret().as_bytes(), salt)?),
                },
                (true, false) => Verdict::Right { upgraded: None },
            })
        })
        .await?
        .map_err(|_: Error| HashError::Failed)
    }

    /// What has been computed so far.
    pub fn work(&self) -> &Work {
        &self.core.work
    }

    /// How busy it is.
    pub fn load(&self) -> Load {
        self.gate.load()
    }

    async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Core) -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let busy = HashError::Busy {
            retry_after_secs: self.max_wait_secs,
        };
        let permit = self.gate.enter().await.map_err(|_| busy)?;
        let core = Arc::clone(&self.core);
        let computed = self.workers.compute(move || {
            let result = work(&core);
            drop(permit);
            result
        });
        computed.await.ok_or(HashError::Failed)
    }

    fn salt(&self) -> Result<[u8; SALT_LEN], HashError> {
        random::bytes(&*self.random).map_err(|_| HashError::Failed)
    }
}

impl Core {
    fn hash(&self, password: &[u8], salt: [u8; SALT_LEN]) -> Result<String, Error> {
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, self.params.clone());
        let _running = self
            .work
            .begin(u64::from(self.params.m_cost()) * u64::from(self.params.t_cost()));
        argon2
            .hash_password_with_salt(password, &salt)
            .map(|hash| hash.to_string())
    }

    fn verify(&self, password: &[u8], hash: &Stored) -> Result<bool, Error> {
        let _running = self.work.begin(hash.kib_filled());
        hash.verify(password)
    }

    /// Whether the hash cost less than one made now would, or is of another kind.
    fn is_weaker(&self, stored: &Stored) -> bool {
        let Stored::Argon2 { hash, params } = stored else {
            return true;
        };
        let current = params.m_cost() >= self.params.m_cost()
            && params.t_cost() >= self.params.t_cost()
            && params.output_len().is_some_and(|len| len >= HASH_LEN);
        !current
            || Algorithm::try_from(hash.algorithm.as_str()) != Ok(Algorithm::Argon2id)
            || hash.version != Some(Version::V0x13.into())
            || hash.salt.as_ref().is_none_or(|salt| salt.len() < SALT_LEN)
    }
}

impl Work {
    /// Hashes computed, each with whatever parameters.
    pub fn hashes(&self) -> u64 {
        self.hashes.load(Ordering::SeqCst)
    }

    /// Memory filled in all, in KiB: passes times memory of each hash, none for bcrypt and PBKDF2. Equal numbers of hashes with equal sums had equal
    /// parameters.
    pub fn kib_filled(&self) -> u64 {
        self.kib_filled.load(Ordering::SeqCst)
    }

    /// Hashes being computed now.
    pub fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }

    /// The most that were ever computed at once.
    pub fn most_at_once(&self) -> usize {
        self.most_at_once.load(Ordering::SeqCst)
    }

    fn begin(&self, kib_filled: u64) -> Running<'_> {
        self.hashes.fetch_add(1, Ordering::SeqCst);
        self.kib_filled.fetch_add(kib_filled, Ordering::SeqCst);
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(running, Ordering::SeqCst);
        Running(&self.running)
    }
}

struct Running<'a>(&'a AtomicUsize);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
