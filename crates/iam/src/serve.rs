//! Puts the service on the network: connections, signals, an orderly end.
//!
//! HTTP/1.1 and HTTP/2, plain (with prior knowledge; TLS then ends at the proxy in front) or over TLS. On SIGTERM or SIGINT nothing new is
//! accepted, requests in flight are finished for at most [`GRACE`], and the store is closed last.

mod admin;
mod certificate;
mod connection;
mod files;
mod keys;
mod log;
mod memory;
mod purge;
mod refusals;
mod signals;
mod start;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;

use crate::admin::Status;
use connection::Connections;
pub use signals::Signals;
pub use start::{StartError, authenticator, listen, start};

/// How long requests in flight may take to finish once the service is told to stop.
pub const GRACE: Duration = Duration::from_secs(10);

/// Connections at once; more wait to be accepted. An idle one takes some 20 KiB.
const MAX_CONNECTIONS: usize = 10_000;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All requests were finished.
    Drained,
    /// [`GRACE`] was over, or a second signal came; what was still running was cut off.
    CutOff,
}

/// Serves `router` on `listener` until a signal comes, then ends in order.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    mut signals: Signals,
    status: &Arc<Status>,
) -> Ended {
    let places = files::connections(MAX_CONNECTIONS);
    status.set_places(places);
    let connections = Connections::new(router, places, status.tls());
    let name = loop {
        tokio::select! {
            connection = connections.next(&listener) => {
                let open = status.connection();
                tokio::spawn(async move {
                    connection.await;
                    drop(open);
                });
            }
            name = signals.next() => break name,
        }
    };
    status.drain();
    drop(listener);
    tracing::info!(
        "{name}: stopping, requests in flight have {} s to finish",
        GRACE.as_secs()
    );
    tokio::select! {
        () = connections.drained() => {
            tracing::info!("all requests are finished");
            Ended::Drained
        }
        () = tokio::time::sleep(GRACE) => {
            tracing::warn!("time is up, what is still running is cut off");
            Ended::CutOff
        }
        name = signals.next() => {
            tracing::warn!("{name} again: what is still running is cut off");
            Ended::CutOff
        }
    }
}
