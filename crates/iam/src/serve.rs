//! Puts the service on the network: connections, signals, an orderly end.
//!
//! Plain HTTP/1.1 and HTTP/2 (prior knowledge); TLS ends at the proxy in front. On SIGTERM or SIGINT nothing new is
//! accepted, requests in flight are finished for at most [`GRACE`], and the store is closed last.

mod admin;
mod keys;
mod purge;
mod signals;
mod start;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};
use tower::ServiceExt as _;

use crate::admin::Status;
pub use signals::Signals;
pub use start::{StartError, authenticator, listen, start};

/// How long requests in flight may take to finish once the service is told to stop.
pub const GRACE: Duration = Duration::from_secs(10);

/// How long a connection may stay without a whole request header. More than the 60 s that proxies keep idle connections
/// by default, or a renewal could meet a connection that is just being closed.
const HEADER_TIMEOUT: Duration = Duration::from_secs(75);

/// Connections at once; more wait to be accepted. A connection takes some 20 KiB.
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
    let connections = GracefulShutdown::new();
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let name = loop {
        let accepted = async {
            let permit = Arc::clone(&room).acquire_owned().await;
            (listener.accept().await, permit)
        };
        tokio::select! {
            (accepted, permit) = accepted => match accepted {
                Ok((stream, peer)) => {
                    let connection = connection(stream, peer, router.clone(), &connections);
                    let open = status.connection();
                    tokio::spawn(async move {
                        connection.await;
                        drop((permit, open));
                    });
                }
                Err(error) => {
                    // Out of descriptors, most likely: wait for some to come back rather than spin.
                    tracing::error!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            },
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
        () = connections.shutdown() => {
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

fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    connections: &GracefulShutdown,
) -> impl Future<Output = ()> + Send + use<> {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let begun = Arc::new(Notify::new());
    let first = Arc::clone(&begun);
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        first.notify_one();
        answer(router.clone(), peer, request)
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(200)
        .keep_alive_interval(HEADER_TIMEOUT);
    let connection = builder
        .serve_connection(TokioIo::new(stream), service)
        .into_owned();
    let connection = connections.watch(connection);
    async move {
        let mut connection = std::pin::pin!(connection);
        // hyper's own timeout begins once it knows the protocol; who says nothing, or half a word, would stay for ever.
        let ended = tokio::select! {
            ended = &mut connection => ended,
            () = begun.notified() => connection.await,
            () = tokio::time::sleep(HEADER_TIMEOUT) => return,
        };
        if let Err(error) = ended {
            // Peers that hang up and probes that speak something else: daily business.
            tracing::debug!(%peer, error = %error, "connection ended early");
        }
    }
}

async fn answer(
    router: Router,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response, Infallible> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(peer));
    router.oneshot(request).await
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// What the peer of a connection gets that says `words`, and after how many seconds the connection is closed.
    async fn say(words: &[u8]) -> (Vec<u8>, u64) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (peer, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (mut peer, (stream, address)) = (peer.unwrap(), accepted.unwrap());
        let router = Router::new().route("/", get(|| async { "here" }));
        let connections = GracefulShutdown::new();
        tokio::spawn(connection(stream, address, router, &connections));
        peer.write_all(words).await.unwrap();
        tokio::time::pause();
        let before = tokio::time::Instant::now();
        let mut heard = Vec::new();
        let limit = Duration::from_secs(24 * 3600);
        let closed = tokio::time::timeout(limit, peer.read_to_end(&mut heard)).await;
        closed.expect("the connection stays open").unwrap();
        (heard, before.elapsed().as_secs())
    }

    #[tokio::test]
    async fn c152_a_connection_that_asks_for_nothing_does_not_keep_its_place() {
        for words in [
            &b""[..],
            b"P",
            b"PRI * HTTP/2.0\r\n",
            b"GET / HTTP/1.1\r\nHost",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
        ] {
            let (_, secs) = say(words).await;
            assert_eq!(secs, HEADER_TIMEOUT.as_secs(), "{words:?}");
            tokio::time::resume();
        }
    }

    #[tokio::test]
    async fn a_connection_that_is_kept_alive_is_closed_when_it_falls_silent() {
        let (heard, secs) = say(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(heard.ends_with(b"here"), "{heard:?}");
        assert_eq!(secs, HEADER_TIMEOUT.as_secs());
    }
}
