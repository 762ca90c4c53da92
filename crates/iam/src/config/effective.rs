//! What is in effect, by the names of the settings: for `config check`.

use std::path::Path;

use ipnet::IpNet;

use super::keys::{ENV_ENCRYPTION_KEY, KEYS};
use super::{Config, SessionsConfig, TlsConfig};
use crate::keys::{EncryptionKeySource, key_file};

impl Config {
    /// Every setting with its value, in the order of [`KEYS`]. Nothing in it is secret.
    pub fn effective(&self) -> Vec<(&'static str, serde_json::Value)> {
        KEYS.iter()
            .filter_map(|key| Some((key.name, self.value(key.name)?)))
            .collect()
    }

    /// Whether a setting that may be absent has a value.
    pub fn is_set(&self, name: &str) -> bool {
        self.value(name).is_some_and(|value| !value.is_null())
    }

    fn value(&self, name: &str) -> Option<serde_json::Value> {
        let SessionsConfig {
            idle_secs,
            absolute_secs,
            max_per_user,
            mints_per_minute,
            purge_secs,
        } = self.sessions;
        let (hashing, throttle) = (self.login.hashing, self.login.throttle);
        Some(match name {
            "issuer" => self.issuer.as_str().into(),
            "listen" => self.listen.to_string().into(),
            "database" => self.database.to_string().into(),
            "trusted_proxies" => blocks(&self.trusted_proxies),
            "tls.certificate_file" => self
                .tls
                .as_ref()
                .map(|tls| path(&tls.certificate_file))
                .into(),
            "tls.key_file" => self.tls.as_ref().map(|tls| path(&tls.key_file)).into(),
            "tls.hsts" => self.tls.as_ref().map(hsts).into(),
            "sessions.idle_secs" => idle_secs.into(),
            "sessions.absolute_secs" => absolute_secs.into(),
            "sessions.max_per_user" => max_per_user.into(),
            "sessions.mints_per_minute" => mints_per_minute.into(),
            "sessions.purge_secs" => purge_secs.into(),
            "login.argon2_memory_kib" => hashing.argon2_memory_kib.into(),
            "login.argon2_iterations" => hashing.argon2_iterations.into(),
            "login.argon2_parallelism" => hashing.argon2_parallelism.into(),
            "login.concurrent_hashes" => hashing.permits().into(),
            "login.max_waiting" => hashing.max_waiting.into(),
            "login.max_wait_secs" => hashing.max_wait_secs.into(),
            "login.failures_per_account_and_network" => {
                throttle.failures_per_account_and_network.into()
            }
            "login.failures_per_network" => throttle.failures_per_network.into(),
            "login.failures_per_account" => throttle.failures_per_account.into(),
            "login.failure_window_secs" => throttle.window_secs.into(),
            "login.password_min_bytes" => self.login.policy.password_min_bytes.into(),
            "keys.algorithm" => self.keys.algorithm.name().into(),
            "keys.rotate_after_secs" => self.keys.rotate_after_secs.into(),
            "keys.jwks_max_age_secs" => self.keys.jwks_max_age_secs.into(),
            "keys.encryption_key_file" => match &self.keys.encryption {
                EncryptionKeySource::Given(_) => format!("({ENV_ENCRYPTION_KEY} is set)").into(),
                EncryptionKeySource::File(path) => path.display().to_string().into(),
                EncryptionKeySource::BesideDatabase => {
                    key_file(&self.database).display().to_string().into()
                }
            },
            "authorize.interaction_url" => self
                .authorize
                .as_ref()
                .map(|pages| pages.interaction_url.to_string())
                .into(),
            "authorize.logout_url" => self
                .authorize
                .as_ref()
                .and_then(|pages| pages.logout_url.as_ref().map(ToString::to_string))
                .into(),
            "audit.keep_days" => self.audit.keep_days.into(),
            "log.format" => self.log.format.as_str().into(),
            "log.filter" => self.log.filter.as_str().into(),
            "admin.listen" => self.admin.listen.map(|address| address.to_string()).into(),
            "admin.allow" => blocks(&self.admin.allow),
            _ => return None,
        })
    }
}

fn path(path: &Path) -> String {
    path.display().to_string()
}

fn hsts(tls: &TlsConfig) -> String {
    let value = tls.hsts.as_ref().and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}

fn blocks(networks: &[IpNet]) -> serde_json::Value {
    let texts: Vec<_> = networks.iter().map(ToString::to_string).collect();
    texts.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_shown() {
        let config = Config::new(
            "https://a.example".parse().unwrap(),
            "sqlite:iam.db".parse().unwrap(),
        );
        let names: Vec<_> = config.effective().iter().map(|(name, _)| *name).collect();
        assert_eq!(names, KEYS.iter().map(|key| key.name).collect::<Vec<_>>());
    }
}
