//! The admin listener's connections. Few, short, from peers that the operator named: they are cut off at the end.

use axum::Router;
use tokio::net::TcpListener;

use super::connection::Connections;

/// Connections at once; more wait to be accepted.
const MAX_CONNECTIONS: usize = 64;

/// Serves for as long as it is polled.
pub(super) async fn serve(listener: TcpListener, router: Router) {
    let connections = Connections::new(router, MAX_CONNECTIONS, None);
    loop {
        tokio::spawn(connections.next(&listener).await);
    }
}
