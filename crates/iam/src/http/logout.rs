//! `POST /logout`: ends the session of the cookie and makes the browser forget it.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use sessionmint_store::{By, Change, StoreError};
use tower_cookies::Cookies;

use super::caller::{Caller, NotAllowed};
use super::client_ip::client_ip;
use super::cookie;
use super::problem::Problem;
use crate::App;

/// Why nobody was signed out.
#[derive(Debug, thiserror::Error)]
enum LogoutError {
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The handler. Signing out twice is the same as once.
pub(super) async fn logout(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    cookies: Cookies,
    request: Request,
) -> Response {
    let network = client_ip(&request, &app.config.trusted_proxies);
    let headers = request.into_parts().0.headers;
    match end_session(&app, &caller, network, &headers).await {
        Ok(change) => {
            let outcome = if change == Change::Done {
                "signed_out"
            } else {
                "no_session"
            };
            app.metrics.sign_out(outcome);
            tracing::info!(%outcome, %network, "sign-out");
            cookies.add(cookie::expired());
            StatusCode::NO_CONTENT.into_response()
        }
        Err(error) => {
            let outcome = error.outcome();
            app.metrics.sign_out(outcome);
            tracing::warn!(%outcome, cause = %error, %network, "sign-out");
            error.into_response()
        }
    }
}

/// The cookie is cleared only after the session is gone: whoever was told that they are signed out, is.
async fn end_session(
    app: &App,
    caller: &Caller,
    network: IpAddr,
    headers: &HeaderMap,
) -> Result<Change, LogoutError> {
    let client = caller.client()?;
    let Some(key) = cookie::session_key_hash(headers) else {
        return Ok(Change::NotFound);
    };
    let by = By::owner(app.clock.now())
        .through(client.client_id.clone())
        .from(network);
    Ok(app.store.end_session(&key, by).await?)
}

impl LogoutError {
    /// The word for it in the log and the metrics.
    fn outcome(&self) -> &'static str {
        match self {
            Self::NotAllowed(NotAllowed::Unavailable) | Self::Store(_) => "unavailable",
            Self::NotAllowed(
                NotAllowed::NoOrigin
                | NotAllowed::Origin(_)
                | NotAllowed::OwnOrigin
                | NotAllowed::NotFetch,
            ) => "origin_refused",
        }
    }
}

impl IntoResponse for LogoutError {
    fn into_response(self) -> Response {
        match self {
            Self::NotAllowed(NotAllowed::Unavailable) | Self::Store(_) => Problem::unavailable(),
            Self::NotAllowed(
                NotAllowed::NoOrigin
                | NotAllowed::Origin(_)
                | NotAllowed::OwnOrigin
                | NotAllowed::NotFetch,
            ) => Problem::origin_refused(),
        }
        .into_response()
    }
}
