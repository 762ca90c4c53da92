//! The public keys of clients: as they were registered, or fetched from the address that was registered.
//!
//! An address is the operator's word for a client's, and what it leads to is the client's, so a fetch must not reach what
//! only this machine can: https alone, no redirect, no address of a private network after resolution, and bounds on size
//! and time. A service that is itself on this machine may fetch from it, for development.

mod address;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, Url, redirect};
use sessionmint_oauth::{ClientKeys, InvalidKeySet, Timestamp, VerificationKey, VerificationKeys};
use tokio::sync::OnceCell;

use address::is_public;

/// How long a whole fetch may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The largest key set that is read, in bytes.
const MAX_BYTES: usize = 64 * 1024;

/// For how long a set is not asked for again, in seconds, unless an unknown key is named.
const FRESH_SECS: u64 = 300;

/// At most so often an address is asked, in seconds, whoever names whatever key, and whether or not it answers.
const PAUSE_SECS: u64 = 10;

/// For how long a set is used whose address does not answer any more, in seconds.
const STALE_SECS: u64 = 3600;

/// Addresses that are remembered. There are as many as clients that registered one; removed ones linger.
const MAX_ADDRESSES: usize = 10_000;

/// Why a client's keys are not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ClientKeysError {
    #[error("the address is not one that keys may be fetched from")]
    Address,
    #[error("the address did not answer: {0}")]
    Fetch(String),
    #[error("the address answered {0}")]
    Status(u16),
    #[error("the key set is larger than {MAX_BYTES} bytes")]
    TooLarge,
    #[error("the key set cannot be used: {0}")]
    Unusable(#[from] InvalidKeySet),
    #[error("the address was asked a moment ago, and gave no keys")]
    Paused,
}

/// The sets that were fetched.
pub(crate) struct ClientKeySets {
    /// Whether the service is on this machine, so that clients may be.
    local: bool,
    http: OnceCell<Client>,
    sets: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Fetched>>>>,
}

/// What is known of one address.
#[derive(Default)]
struct Fetched {
    keys: Option<(VerificationKeys, Timestamp)>,
    asked_at: Option<Timestamp>,
}

impl ClientKeySets {
    pub(crate) fn new(local: bool) -> Self {
        Self {
            local,
            http: OnceCell::new(),
            sets: Mutex::default(),
        }
    }

    /// The key that an assertion names, if the client has it.
    pub(crate) async fn find(
        &self,
        keys: Option<&ClientKeys>,
        kid: Option<&str>,
        algorithm: &str,
        now: Timestamp,
    ) -> Result<Option<VerificationKey>, ClientKeysError> {
        match keys {
            None => Ok(None),
            Some(ClientKeys::Jwks(text)) => {
                let keys = VerificationKeys::parse(text.as_bytes())?;
                Ok(keys.find(kid, algorithm).cloned())
            }
            Some(ClientKeys::JwksUri(uri)) => {
                // One fetch at a time; who comes meanwhile waits for it.
                let set = self.set(uri);
                let mut set = set.lock().await;
                let known = |set: &Fetched, age| {
                    let (keys, at) = set.keys.as_ref()?;
                    (now.secs_since(*at) < age).then(|| keys.find(kid, algorithm).cloned())
                };
                if let Some(Some(key)) = known(&set, FRESH_SECS) {
                    return Ok(Some(key));
                }
                // A clock that was set back must not stop the asking.
                let pause = set
                    .asked_at
                    .is_some_and(|at| at <= now && now.secs_since(at) < PAUSE_SECS);
                if pause {
                    return known(&set, STALE_SECS).ok_or(ClientKeysError::Paused);
                }
                set.asked_at = Some(now);
                match self.fetch(uri).await {
                    Ok(keys) => {
                        let key = keys.find(kid, algorithm).cloned();
                        set.keys = Some((keys, now));
                        Ok(key)
                    }
                    Err(error) => {
                        tracing::warn!(uri, %error, "the keys of a client could not be fetched");
                        known(&set, STALE_SECS).ok_or(error)
                    }
                }
            }
        }
    }

    fn set(&self, uri: &str) -> Arc<tokio::sync::Mutex<Fetched>> {
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        if sets.len() >= MAX_ADDRESSES && !sets.contains_key(uri) {
            sets.clear();
        }
        Arc::clone(sets.entry(uri.to_owned()).or_default())
    }

    async fn fetch(&self, uri: &str) -> Result<VerificationKeys, ClientKeysError> {
        let url = Url::parse(uri).map_err(|_| ClientKeysError::Address)?;
        let scheme_ok = url.scheme() == "https" || (self.local && url.scheme() == "http");
        // What is no name is never resolved, and so has to be looked at here.
        let host = url.host_str().unwrap_or_default();
        let literal = host.trim_matches(['[', ']']).parse::<IpAddr>();
        let private = literal.is_ok_and(|address| !self.may_reach(address));
        if !scheme_ok || private {
            return Err(ClientKeysError::Address);
        }
        let client = self.http.get_or_try_init(async || client(self.local)).await;
        let failed = |error: reqwest::Error| ClientKeysError::Fetch(root_cause(&error));
        let mut answer = client
            .map_err(failed)?
            .get(url)
            .send()
            .await
            .map_err(failed)?;
        if answer.status() != reqwest::StatusCode::OK {
            return Err(ClientKeysError::Status(answer.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > MAX_BYTES {
                return Err(ClientKeysError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(VerificationKeys::parse(&body)?)
    }

    fn may_reach(&self, address: IpAddr) -> bool {
        self.local || is_public(address)
    }
}

/// Proxy settings of the environment are ignored: a proxy would resolve names in our place.
fn client(local: bool) -> reqwest::Result<Client> {
    Client::builder()
        .redirect(redirect::Policy::none())
        .timeout(TIMEOUT)
        .no_proxy()
        .referer(false)
        .dns_resolver(Resolver { local })
        .user_agent(concat!("sessionmint/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// What lies at the bottom of it, such as `Connection refused`.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// Resolves names to addresses that may be reached. What it gives is what is connected to: a name that resolves
/// differently a moment later is not asked for again.
struct Resolver {
    local: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("the name leads to an address of a private network")]
struct PrivateAddress;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let local = self.local;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let addresses: Vec<SocketAddr> = found.collect();
            if !local && !addresses.iter().all(|address| is_public(address.ip())) {
                return Err(PrivateAddress.into());
            }
            let addresses: Addrs = Box::new(addresses.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests;
