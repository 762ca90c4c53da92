//! The names of all settings, with what each accepts. The file and the environment are checked against this table, and
//! `config check` prints it.

use std::ops::RangeInclusive;

/// What a setting accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    Text,
    /// A list of strings; in the environment separated by commas.
    List,
    /// A whole number in this range.
    Integer(RangeInclusive<u64>),
}

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name with its section, e.g. `sessions.idle_secs`.
    pub name: &'static str,
    /// What it accepts.
    pub kind: Kind,
}

const fn text(name: &'static str) -> Key {
    Key {
        name,
        kind: Kind::Text,
    }
}

const fn list(name: &'static str) -> Key {
    Key {
        name,
        kind: Kind::List,
    }
}

const fn integer(name: &'static str, range: RangeInclusive<u64>) -> Key {
    Key {
        name,
        kind: Kind::Integer(range),
    }
}

/// All settings, in the order of the example file.
pub const KEYS: &[Key] = &[
    text("issuer"),
    text("listen"),
    text("database"),
    list("trusted_proxies"),
    text("tls.certificate_file"),
    text("tls.key_file"),
    text("tls.hsts"),
    integer("sessions.idle_secs", 60..=2_592_000),
    integer("sessions.absolute_secs", 300..=34_560_000),
    integer("sessions.max_per_user", 1..=1000),
    integer("sessions.mints_per_minute", 10..=100_000),
    integer("sessions.purge_secs", 10..=86_400),
    integer("login.argon2_memory_kib", 19_456..=4_194_304),
    integer("login.argon2_iterations", 2..=100),
    integer("login.argon2_parallelism", 1..=64),
    integer("login.concurrent_hashes", 1..=1024),
    integer("login.max_waiting", 0..=100_000),
    integer("login.max_wait_secs", 1..=20),
    integer("login.failures_per_account_and_network", 3..=1000),
    integer("login.failures_per_network", 10..=1_000_000),
    integer("login.failures_per_account", 10..=1_000_000),
    integer("login.failure_window_secs", 60..=86_400),
    integer("login.password_min_bytes", 8..=64),
    text("keys.algorithm"),
    integer("keys.rotate_after_secs", 3600..=315_360_000),
    integer("keys.jwks_max_age_secs", 10..=86_400),
    text("keys.encryption_key_file"),
    text("authorize.interaction_url"),
    text("authorize.logout_url"),
    integer("audit.keep_days", 1..=36_500),
    text("log.format"),
    text("log.filter"),
    text("admin.listen"),
    list("admin.allow"),
];

/// The sections of the file.
pub const SECTIONS: [&str; 8] = [
    "tls",
    "sessions",
    "login",
    "keys",
    "authorize",
    "audit",
    "log",
    "admin",
];

/// What every environment variable of this service begins with.
pub const ENV_PREFIX: &str = "SESSIONMINT_";

/// The key that encrypts the signing keys. No setting, or it would stand in a file that many can read.
pub const ENV_ENCRYPTION_KEY: &str = "SESSIONMINT_KEYS_ENCRYPTION_KEY";

/// Variables of that prefix that are no settings: `SESSIONMINT_CONFIG` names the file, as `--config` does.
pub const ENV_OTHERS: &[&str] = &["SESSIONMINT_CONFIG", ENV_ENCRYPTION_KEY];

impl Key {
    /// The variable that sets it: `SESSIONMINT_SESSIONS_IDLE_SECS`.
    pub fn env(&self) -> String {
        format!("{ENV_PREFIX}{}", self.name.replace('.', "_").to_uppercase())
    }

    /// Its name within its section, e.g. `idle_secs`.
    pub fn last_name(&self) -> &'static str {
        self.name.rsplit('.').next().unwrap_or(self.name)
    }

    /// The setting of that name.
    pub fn find(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.name == name)
    }
}

/// The candidate closest to `wrong`, if it is close enough to have been meant.
pub fn did_you_mean<'a>(
    wrong: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| {
            (
                strsim::jaro_winkler(&wrong.to_lowercase(), &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_finds_the_right_one_and_nonsense_finds_none() {
        let names = || KEYS.iter().map(|key| key.name);
        assert_eq!(did_you_mean("isuer", names()), Some("issuer"));
        assert_eq!(
            did_you_mean("sessions.idle", names()),
            Some("sessions.idle_secs")
        );
        assert_eq!(did_you_mean("zzz", names()), None);
    }

    #[test]
    fn no_two_settings_have_one_variable() {
        let mut variables: Vec<_> = KEYS.iter().map(Key::env).collect();
        variables.sort();
        variables.dedup();
        assert_eq!(variables.len(), KEYS.len());
        assert!(variables.contains(&"SESSIONMINT_SESSIONS_IDLE_SECS".to_owned()));
    }
}
