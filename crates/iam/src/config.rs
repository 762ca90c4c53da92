//! What an operator can set: plain data with its defaults.
//!
//! Where a value comes from: [`load`] reads a TOML file and `SESSIONMINT_…` variables and says what is wrong and where.
//! Defaults and their reasons are in [`defaults`], names and legal ranges in [`keys`].

pub mod authorize;
pub mod database;
pub mod defaults;
mod effective;
pub mod error;
pub mod keys;
pub mod load;
mod machine;
pub mod reference;
mod source;

use std::net::SocketAddr;
use std::path::PathBuf;

use axum::http::HeaderValue;
use ipnet::IpNet;
use sessionmint_oauth::{Algorithm, Issuer};

pub use authorize::{AuthorizeConfig, PageUrl};
pub use database::Database;
pub use error::{ConfigErrors, Problem};
pub use load::{Input, Partial};

use crate::keys::EncryptionKeySource;

/// The whole configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The public address of the service, the `iss` of its tokens; its path is the base path of the endpoints.
    /// No default: every token and every verifier depends on it.
    pub issuer: Issuer,
    /// Where to listen. Default `127.0.0.1:8080`; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where the data is, e.g. `sqlite:/var/lib/sessionmint/iam.db`. No default: in another folder, a relative one would
    /// silently be another database.
    pub database: Database,
    /// Peers whose `X-Forwarded-For` is believed, as CIDR blocks. Default none. Behind a proxy that is not listed here,
    /// all users share one network for throttling.
    pub trusted_proxies: Vec<IpNet>,
    /// TLS on `listen`. Default none: TLS ends at the gateway in front.
    pub tls: Option<TlsConfig>,
    /// Session lifetimes and limits.
    pub sessions: SessionsConfig,
    /// Password hashing and throttling.
    pub login: LoginConfig,
    /// Signing keys.
    pub keys: KeysConfig,
    /// The pages of the authorization code flow. Default none: there is no code flow.
    pub authorize: Option<AuthorizeConfig>,
    /// The audit trail.
    pub audit: AuditConfig,
    /// What is logged, and how.
    pub log: LogConfig,
    /// Health and metrics.
    pub admin: AdminConfig,
}

impl Config {
    /// The defaults for a service of this name with its data there.
    pub fn new(issuer: Issuer, database: Database) -> Self {
        Self {
            issuer,
            listen: defaults::LISTEN,
            database,
            trusted_proxies: Vec::new(),
            tls: None,
            sessions: SessionsConfig::default(),
            login: LoginConfig::default(),
            keys: KeysConfig::default(),
            authorize: None,
            audit: AuditConfig::default(),
            log: LogConfig::default(),
            admin: AdminConfig::default(),
        }
    }
}

/// TLS on the listener of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsConfig {
    /// PEM file with the certificate of the service first, then those of the authorities between.
    pub certificate_file: PathBuf,
    /// PEM file with its private key, not readable by everybody.
    pub key_file: PathBuf,
    /// The `Strict-Transport-Security` of every answer (RFC 6797). Default [`defaults::HSTS`]; an empty text is none.
    pub hsts: Option<HeaderValue>,
}

/// Session lifetimes and limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionsConfig {
    /// A session without user input for so many seconds is over. Default 3600, 60 to 2592000 (30 days).
    pub idle_secs: u64,
    /// A session is over so many seconds after sign-in, whatever the activity. Default 86400, 300 to 34560000 (400 days),
    /// not less than `idle_secs`.
    pub absolute_secs: u64,
    /// Sessions a user may have; the oldest beyond it are ended. Default 20, 1 to 1000.
    pub max_per_user: u32,
    /// Tokens that one session may mint in a minute. Default 600, 10 to 100000.
    pub mints_per_minute: u32,
    /// Seconds between two removals of dead sessions from the database. Default 300, 10 to 86400.
    pub purge_secs: u64,
}

impl Default for SessionsConfig {
    fn default() -> Self {
        defaults::SESSIONS
    }
}

/// Password hashing and throttling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoginConfig {
    /// Cost of a hash and how many are computed at once.
    pub hashing: HashingConfig,
    /// How many failures are let pass.
    pub throttle: ThrottleConfig,
    /// What a new password must be.
    pub policy: PolicyConfig,
}

/// Cost of a password hash (argon2id, RFC 9106) and how many are computed at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashingConfig {
    /// Memory of one hash in KiB. Default 19456, 19456 to 4194304 (4 GiB).
    pub argon2_memory_kib: u32,
    /// Passes over that memory. Default 2, 2 to 100.
    pub argon2_iterations: u32,
    /// Lanes. Default 1, 1 to 64. They are computed one after another here but side by side on an attacker's hardware,
    /// so more of them do not help.
    pub argon2_parallelism: u32,
    /// Hashes computed at once, 1 to 1024. Default: half of the cores, as far as a quarter of the memory holds them.
    pub concurrent_hashes: Option<u32>,
    /// Sign-ins that may wait for a hash; more are told to come back. Default 128, 0 to 100000.
    pub max_waiting: u32,
    /// Seconds a sign-in may wait before it is told to come back. Default 5, 1 to 20.
    pub max_wait_secs: u64,
}

impl HashingConfig {
    /// How many hashes are computed at once: as configured, or by what the machine has.
    pub fn permits(&self) -> usize {
        match self.concurrent_hashes {
            Some(permits) => usize::try_from(permits).unwrap_or(usize::MAX),
            None => defaults::concurrent_hashes(
                machine::cores(),
                machine::memory_kib(),
                self.argon2_memory_kib,
            ),
        }
    }
}

impl Default for HashingConfig {
    fn default() -> Self {
        defaults::HASHING
    }
}

/// How many failed sign-ins are let pass. Each limit is a bucket that empties evenly over the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThrottleConfig {
    /// Failures on one account from one network in a window. Default 10, 3 to 1000.
    pub failures_per_account_and_network: u32,
    /// Failures from one network (an IPv4 address or an IPv6 /64) in a window; all of an IPv6 /48 together may have ten
    /// times that. Default 100, 10 to 1000000.
    pub failures_per_network: u32,
    /// Failures on one account from all networks in a window, after which each network has one attempt at a time.
    /// Default 100, 10 to 1000000.
    pub failures_per_account: u32,
    /// Seconds until a full bucket is empty. Default 900, 60 to 86400.
    pub window_secs: u64,
}

impl Default for ThrottleConfig {
    fn default() -> Self {
        defaults::THROTTLE
    }
}

/// What a new password must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyConfig {
    /// Least length of a new password in bytes. Default 8, 8 to 64.
    pub password_min_bytes: u32,
}

impl Default for PolicyConfig {
    fn default() -> Self {
        defaults::POLICY
    }
}

/// Signing keys: what they are for, when they are replaced, and how they are encrypted in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeysConfig {
    /// What new keys are for: ES256, EdDSA (Ed25519) or RS256 (3072 bits). Default ES256. After a change the next key
    /// follows by the timetable.
    pub algorithm: Algorithm,
    /// A key is replaced when it has been signing for so many seconds. Default 2592000 (30 days), 3600 to 315360000.
    pub rotate_after_secs: u64,
    /// How long verifiers may keep the key set, and so how long a new key waits before it signs. Default 300, 10 to 86400:
    /// verifiers ask no more often than every ten seconds.
    pub jwks_max_age_secs: u64,
    /// Where the key is that encrypts them. Default: beside the database.
    pub encryption: EncryptionKeySource,
    /// No setting: seconds until every instance publishes what one of them stored.
    pub notice_secs: u64,
    /// No setting: the longest life of a token with the leeway of verifiers, in seconds.
    pub token_secs: u64,
}

impl Default for KeysConfig {
    fn default() -> Self {
        defaults::KEYS
    }
}

/// The audit trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditConfig {
    /// Records are removed after so many days. Default 365, 1 to 36500.
    pub keep_days: u64,
}

impl Default for AuditConfig {
    fn default() -> Self {
        defaults::AUDIT
    }
}

/// What is logged, and how. Logs go to standard error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// `text` for people, `json` (one object a line) for machines. Default `text`.
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug`, `trace`, or directives such as `warn,sessionmint_iam=debug`. Default `info`.
    /// Other crates than this project's never log more than `info`, so that none can write a header or a body.
    pub filter: String,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            format: LogFormat::Text,
            filter: defaults::LOG_FILTER.to_owned(),
        }
    }
}

/// The admin listener: `/healthz`, `/readyz` and `/metrics`, plain HTTP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdminConfig {
    /// Where to listen; port 0 takes a free one. Default nowhere.
    pub listen: Option<SocketAddr>,
    /// Peers beside this machine's own that are answered, as CIDR blocks. Default none; an address that others can reach
    /// is refused without them, since nothing else guards these endpoints.
    pub allow: Vec<IpNet>,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    /// As written in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}
