//! What an operator can set. Plain data: reading files and the environment is in the submodules.

use std::net::SocketAddr;

use ipnet::IpNet;
use sessionmint_oauth::Issuer;

/// The whole configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The public address of the service, the `iss` of its tokens; its path is the base path of the endpoints.
    pub issuer: Issuer,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where the data is, e.g. `sqlite:/var/lib/sessionmint/iam.db`.
    pub database: String,
    /// Peers whose `X-Forwarded-For` is believed. Behind a proxy that is not listed here, all users share one throttle.
    pub trusted_proxies: Vec<IpNet>,
    /// Session lifetimes and limits.
    pub sessions: SessionsConfig,
}

/// Session lifetimes and limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionsConfig {
    /// A session without user input for so many seconds is over.
    pub idle_secs: u64,
    /// A session is over so many seconds after sign-in, whatever the activity.
    pub absolute_secs: u64,
    /// Sessions a user may have; the oldest beyond it are ended.
    pub max_per_user: u32,
    /// Tokens that one session may mint in a minute.
    pub mints_per_minute: u32,
}

impl Default for SessionsConfig {
    /// One hour idle and a day in all (NIST SP 800-63B-4 §2.2.3), 20 sessions, 600 mints.
    fn default() -> Self {
        Self { idle_secs: 3600, absolute_secs: 86_400, max_per_user: 20, mints_per_minute: 600 }
    }
}
