//! From a configuration to a service that listens.

use std::net::SocketAddr;
use std::sync::Arc;

use sessionmint_store::{OpenError, SqliteStore, Store, StoreError};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::signals::Hangup;
use super::{Ended, Signals, admin, certificate, keys, log, memory, purge, refusals, serve};
use crate::admin::{Status, router};
use crate::config::Config;
use crate::login::hasher::HasherError;
use crate::login::{Authenticator, PasswordAuthenticator, Throttled};
use crate::metrics::Metrics;
use crate::random::{Random, SystemRandom};
use crate::tls::{CertificateError, Tls};
use crate::{App, BuildError, Clock as _, SystemClock, http};

/// Why the service does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken, not ours, or needs rights that we lack.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// `listen`.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The system does not say where it listens.
    #[error("the address of a listener is unknown: {0}")]
    Address(#[source] std::io::Error),
    /// See [`OpenError`].
    #[error(transparent)]
    Open(#[from] OpenError),
    /// See [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
    /// See [`HasherError`].
    #[error(transparent)]
    Hasher(#[from] HasherError),
    /// See [`BuildError`].
    #[error(transparent)]
    Build(#[from] BuildError),
    /// Pages of the API's own origin could mint: whatever HTML or script a service there lets through.
    #[error(
        "client `{client}` has the origin of the service itself, {origin}; a script anywhere on that host could mint. \
         Remove it: sessionmint client set {client} --remove-origin {origin}"
    )]
    OwnOrigin {
        /// Whose.
        client: String,
        /// The origin of the issuer.
        origin: String,
    },
    /// See [`CertificateError`].
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// Signals cannot be handled.
    #[error("cannot listen for signals: {0}")]
    Signals(#[source] std::io::Error),
}

/// The sign-in that comes with the service: passwords in the store, behind the throttle.
pub fn authenticator(
    config: &Config,
    store: Arc<dyn Store>,
    random: Arc<dyn Random>,
) -> Result<Arc<dyn Authenticator>, HasherError> {
    let passwords = PasswordAuthenticator::new(store, &config.login.hashing, random)?;
    Ok(Arc::new(Throttled::new(passwords, &config.login.throttle)))
}

/// Binds an address.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| StartError::Listen { address, source })
}

/// Runs the service on `listener` until a signal comes. The store is opened (and at the first start made) by `config`.
pub async fn start(
    config: Config,
    listener: TcpListener,
    store: Arc<SqliteStore>,
) -> Result<Ended, StartError> {
    memory::keep_to_itself();
    let signals = Signals::new().map_err(StartError::Signals)?;
    let tls = match &config.tls {
        Some(tls) => Some((
            Tls::open(tls.clone(), SystemClock.now())?,
            Hangup::new().map_err(StartError::Signals)?,
        )),
        None => None,
    };
    let observed = Arc::clone(&store);
    let store: Arc<dyn Store> = store;
    refuse_own_origin(&config, &*store).await?;
    warn_of_proxies(&config);
    let authenticator = authenticator(&config, Arc::clone(&store), Arc::new(SystemRandom))?;
    let metrics = Arc::new(Metrics::new());
    observed.observe(Arc::new(metrics.store_observer()));
    let admin = match config.admin.listen {
        Some(address) => Some(listen(address).await?),
        None => None,
    };
    let issuer = config.issuer.clone();
    let app = App::builder(config, store)
        .authenticator(authenticator)
        .metrics(metrics)
        .build()
        .await?;
    let purge = tokio::spawn(purge::purge(Arc::clone(&app)));
    let (running, stop) = oneshot::channel();
    let refusals = tokio::spawn(refusals::write_refusals(Arc::clone(&app), stop));
    let keys = tokio::spawn(keys::refresh_keys(Arc::clone(&app)));
    let log = tokio::spawn(log::tell_of_dropped_lines());

    let status = Arc::new(Status::new(tls.as_ref().map(|(tls, _)| Arc::clone(tls))));
    let (scheme, certificate) = match tls {
        Some((tls, hangup)) => {
            let watch = certificate::watch(tls, Arc::clone(&app.clock), hangup);
            ("https", Some(tokio::spawn(watch)))
        }
        None => ("http", None),
    };
    let admin = match admin {
        Some(listener) => {
            let address = listener.local_addr().map_err(StartError::Address)?;
            tracing::info!("admin on http://{address}");
            let router = router(Arc::clone(&app), Arc::clone(&status));
            Some(tokio::spawn(admin::serve(listener, router)))
        }
        None => None,
    };
    let address = listener.local_addr().map_err(StartError::Address)?;
    tracing::info!(
        issuer = issuer.as_str(),
        "listening on {scheme}://{address}"
    );
    let ended = serve(listener, http::router(app), signals, &status).await;
    purge.abort();
    keys.abort();
    log.abort();
    if let Some(certificate) = certificate {
        certificate.abort();
    }
    drop(running);
    if refusals.await.is_err() {
        tracing::error!("the last refusals were not written to the audit trail");
    }
    // To the end, so that a balancer reads why nothing new is accepted.
    if let Some(admin) = admin {
        admin.abort();
    }
    Ok(ended)
}

async fn refuse_own_origin(config: &Config, store: &dyn Store) -> Result<(), StartError> {
    let own = config.issuer.origin();
    let clients = store.clients().await?;
    match clients
        .iter()
        .find(|client| client.origins.iter().any(|origin| origin == own))
    {
        Some(client) => Err(StartError::OwnOrigin {
            client: client.client_id.to_string(),
            origin: own.to_owned(),
        }),
        None => Ok(()),
    }
}

/// Throttling works on addresses. Where a proxy hides them, one guesser uses up the allowance of all users.
fn warn_of_proxies(config: &Config) {
    // With a certificate of its own it is reached directly.
    if !config.trusted_proxies.is_empty() || config.tls.is_some() {
        return;
    }
    let failures = config.login.throttle.failures_per_network;
    let minutes = config.login.throttle.window_secs / 60;
    if !config.listen.ip().is_loopback() {
        tracing::warn!(
            "`trusted_proxies` is empty and {} is reachable from elsewhere: if requests come through a proxy, all users \
             are one network to throttling, and {failures} failed sign-ins in {minutes} minutes stop everybody's; set \
             `trusted_proxies` to the proxy's address",
            config.listen
        );
    } else if config.issuer.as_str().starts_with("https://") {
        tracing::warn!(
            "`trusted_proxies` is empty, but for an https issuer a proxy must stand in front of {}: all users are one \
             network to throttling, and {failures} failed sign-ins in {minutes} minutes stop everybody's; set \
             `trusted_proxies = [\"127.0.0.1/32\"]` if the proxy is on this machine",
            config.listen
        );
    }
}
