//! Every default, with its reason.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use sessionmint_oauth::Algorithm;
use sessionmint_oauth::jwt::MAX_LEEWAY_SECS;
use sessionmint_oauth::session_grant::TTL_SECS;

use super::{AuditConfig, HashingConfig, KeysConfig, PolicyConfig, SessionsConfig, ThrottleConfig};
use crate::keys::EncryptionKeySource;

/// Loopback: without a certificate the service speaks plain HTTP, and TLS ends at the proxy in front of it.
pub const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// A year, for the host of the service and the names below it: what ASVS 5.0 (3.4.1) asks for.
pub const HSTS: &str = "max-age=31536000; includeSubDomains";

/// Session lifetimes and limits.
pub const SESSIONS: SessionsConfig = SessionsConfig {
    // NIST SP 800-63B-4 §2.2.3 (AAL2): inactivity should end a session within an hour, and any session within 24 hours.
    idle_secs: 3600,
    absolute_secs: 86_400,
    // More devices and browser profiles than a person has, few enough that a script cannot fill the database.
    max_per_user: 20,
    // Ten a second: a browser with many tabs and short tokens stays far below, a script in a loop does not.
    mints_per_minute: 600,
    // Dead sessions are refused whether or not their rows are gone, so this is only about space.
    purge_secs: 300,
};

/// The least that OWASP's Password Storage Cheat Sheet names for argon2id, and so also the least that is accepted.
pub const HASHING: HashingConfig = HashingConfig {
    argon2_memory_kib: 19_456,
    argon2_iterations: 2,
    argon2_parallelism: 1,
    concurrent_hashes: None,
    // With a hash at some 30 ms this queue drains within the wait on two cores.
    max_waiting: 128,
    // A person still looks at the page after five seconds, a proxy has not given up yet.
    max_wait_secs: 5,
};

/// NIST SP 800-63B-4 §3.2.2 allows 100 failures in a row on an account at most; these are per quarter of an hour and
/// give more room to people who share an address.
pub const THROTTLE: ThrottleConfig = ThrottleConfig {
    // A person who cannot remember tries a handful; a guesser gets a thousand a day.
    failures_per_account_and_network: 10,
    // An office or a school behind one address.
    failures_per_network: 100,
    failures_per_account: 100,
    window_secs: 900,
};

/// Eight is the least that ASVS 5.0 (6.2.1) accepts. It is short for a password without a second factor, where NIST
/// asks for 15; throttling and the list of common passwords carry the rest, and operators may raise it.
pub const POLICY: PolicyConfig = PolicyConfig {
    password_min_bytes: 8,
};

/// Signing keys.
pub const KEYS: KeysConfig = KeysConfig {
    // Small signatures, and every JWT library knows it.
    algorithm: Algorithm::Es256,
    rotate_after_secs: 30 * 86_400,
    jwks_max_age_secs: 300,
    encryption: EncryptionKeySource::BesideDatabase,
    // Two rounds of the reload, and a second or so for clocks that differ.
    notice_secs: 5,
    token_secs: *TTL_SECS.end() + MAX_LEEWAY_SECS,
};

/// The audit trail.
pub const AUDIT: AuditConfig = AuditConfig {
    // What PCI DSS (10.5.1) asks for; a break-in is often found only after months.
    keep_days: 365,
};

/// Seconds between two looks at the stored keys: so long after a withdrawal an instance may still use a key.
pub const KEYS_RELOAD_SECS: u64 = 2;

/// One line for each request that changes or decides something.
pub const LOG_FILTER: &str = "info";

/// Permits for hashing when none are configured: half of the cores, rounded up, so that token renewals keep the rest
/// under a flood of sign-ins; and no more than fit into a quarter of the memory, where that is known.
pub fn concurrent_hashes(cores: usize, memory_kib: Option<u64>, hash_kib: u32) -> usize {
    let by_memory = memory_kib.map_or(usize::MAX, |kib| {
        usize::try_from(kib / 4 / u64::from(hash_kib.max(1))).unwrap_or(usize::MAX)
    });
    cores.div_ceil(2).min(by_memory).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashing_takes_half_of_the_cores_and_a_quarter_of_the_memory_at_most() {
        assert_eq!(concurrent_hashes(8, None, 19_456), 4);
        assert_eq!(concurrent_hashes(1, None, 19_456), 1);
        assert_eq!(concurrent_hashes(64, Some(512 * 1024), 19_456), 6);
        assert_eq!(concurrent_hashes(64, Some(1024), 19_456), 1);
    }
}
