//! The admin listener: what supervisors, balancers and Prometheus ask. Off unless configured, on an address of its own,
//! answered only to this machine and to the networks that the operator names.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::App;
use crate::logging;
use crate::metrics::{self, State as Now};
use crate::tls::Tls;

/// How long the store may take to answer before the service counts as not ready.
const STORE_WAIT: Duration = Duration::from_secs(2);

/// What the listener of the service knows of itself.
#[derive(Default)]
pub struct Status {
    draining: AtomicBool,
    connections: AtomicUsize,
    places: AtomicUsize,
    tls: Option<Arc<Tls>>,
}

impl Status {
    /// A listener that has just begun, with its TLS if it has any.
    pub fn new(tls: Option<Arc<Tls>>) -> Self {
        Self {
            tls,
            ..Self::default()
        }
    }

    /// Its TLS.
    pub fn tls(&self) -> Option<Arc<Tls>> {
        self.tls.clone()
    }

    /// From now on the service only finishes what it has begun.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Whether it does.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Connections that are open.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Acquire)
    }

    /// Connections that may be open at once.
    pub fn places(&self) -> usize {
        self.places.load(Ordering::Acquire)
    }

    /// Says how many connections may be open at once.
    pub fn set_places(&self, places: usize) {
        self.places.store(places, Ordering::Release);
    }

    /// Counts a connection until the guard is dropped.
    pub fn connection(self: &Arc<Self>) -> Connection {
        self.connections.fetch_add(1, Ordering::AcqRel);
        Connection(Arc::clone(self))
    }
}

/// One open connection.
pub struct Connection(Arc<Status>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::AcqRel);
    }
}

#[derive(Clone)]
struct Admin {
    app: Arc<App>,
    status: Arc<Status>,
}

/// `/healthz`, `/readyz` and `/metrics`. Needs the peer's address as [`ConnectInfo`]; without it nobody is answered.
pub fn router(app: Arc<App>, status: Arc<Status>) -> Router {
    let admin = Admin { app, status };
    Router::new()
        .route("/healthz", get(health))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .layer(middleware::from_fn_with_state(admin.clone(), only_allowed))
        .with_state(admin)
}

async fn only_allowed(State(admin): State<Admin>, request: Request, next: Next) -> Response {
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map(|ConnectInfo(peer)| peer.ip().to_canonical());
    if peer.is_some_and(|peer| admin.allows(peer)) {
        return next.run(request).await;
    }
    tracing::warn!(
        ?peer,
        "admin request from an address that `admin.allow` does not name"
    );
    StatusCode::FORBIDDEN.into_response()
}

/// The process lives and answers. Nothing else: a supervisor that restarts it for an outage of something else makes that
/// outage worse.
async fn health() -> &'static str {
    "ok\n"
}

/// Whether a balancer should send requests here.
async fn ready(State(admin): State<Admin>) -> Response {
    match admin.not_ready().await {
        None => "ready\n".into_response(),
        Some(reason) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("not ready: {reason}\n"),
        )
            .into_response(),
    }
}

async fn metrics(State(admin): State<Admin>) -> Response {
    let now = Now {
        connections: admin.status.connections(),
        places: admin.status.places(),
        log_lines_dropped: logging::dropped_lines(),
        mint_limits: admin.app.mint_limits.entries(),
        client_limits: admin.app.client_throttle.entries(),
        draining: admin.status.is_draining(),
        tls: admin.status.tls().map(|tls| tls.state()),
        load: admin.app.authenticator.load(),
        keys: admin.app.keys.published(),
        key_age_secs: admin.app.keys.age_secs(admin.app.clock.now()),
    };
    match admin.app.metrics.text(now) {
        Ok(text) => {
            let content_type = HeaderValue::from_static(metrics::CONTENT_TYPE);
            ([(header::CONTENT_TYPE, content_type)], text).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

impl Admin {
    fn allows(&self, peer: IpAddr) -> bool {
        let allow = &self.app.config.admin.allow;
        peer.is_loopback() || allow.iter().any(|network| network.contains(&peer))
    }

    /// The keys are loaded since there is an [`App`].
    async fn not_ready(&self) -> Option<&'static str> {
        if self.status.is_draining() {
            return Some("the service is stopping");
        }
        // Any question will do; this one reads a row by its index.
        let question = self.app.store.client_by_origin("");
        match tokio::time::timeout(STORE_WAIT, question).await {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => {
                tracing::warn!(%error, "not ready: the store does not answer");
                Some("the store does not answer")
            }
            Err(_) => Some("the store does not answer in time"),
        }
    }
}
