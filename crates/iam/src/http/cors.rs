//! Cross-origin calls (<https://fetch.spec.whatwg.org/#http-cors-protocol>) from the origins of registered clients.
//!
//! The allowed origin is always one that was found in the store, never the request's by itself, and no answer here ever
//! allows every origin.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sessionmint_store::{AuditKind, AuditReason};

use super::caller::{Caller, NotAllowed};
use super::client_ip::client_ip;
use super::headers;
use super::problem::Problem;
use crate::App;
use crate::refusals::{About, Refused};

/// How long a browser may remember a preflight's answer, in seconds; Chromium's own maximum.
const PREFLIGHT_MAX_AGE_SECS: u64 = 7200;

/// What scripts may do at one endpoint.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cors {
    /// The methods, as in `Access-Control-Allow-Methods`.
    pub(super) methods: &'static str,
    /// The request headers, as in `Access-Control-Allow-Headers`.
    pub(super) request_headers: Option<&'static str>,
    /// Whether cookies come along.
    pub(super) credentials: bool,
    /// Whether only the pages may call where users of clients sign in.
    pub(super) only_pages: bool,
}

/// Finds out who calls (handlers read it as an extension of type [`Caller`]), answers preflights, keeps what is inside to
/// its bounds, and lets the scripts of an allowed origin read every answer, errors included. What is no script's gets no
/// leave to read.
pub(super) async fn layer(
    State((app, cors)): State<(Arc<App>, Cors)>,
    mut request: Request,
    next: Next,
) -> Response {
    let mut caller = Caller::of(
        request.headers(),
        app.config.issuer.origin(),
        &*app.store,
        &app.known_origins,
    )
    .await;
    if cors.credentials {
        caller = caller.only_fetch(request.headers());
    }
    if cors.only_pages {
        caller = caller.only_page(request.headers(), app.config.authorize.as_ref());
    }
    if let Some(reason) = caller.refused_because() {
        app.metrics.refused_origin(reason);
    }
    if let Some((reason, origin)) = caller.audited() {
        let network = client_ip(&request, &app.config.trusted_proxies);
        refused(&app, reason, origin, network);
    }
    // Whether there should have been an origin, the endpoint knows.
    let without_origin = (cors.credentials && matches!(caller, Caller::NoOrigin))
        .then(|| client_ip(&request, &app.config.trusted_proxies));
    let readable = matches!(
        caller,
        Caller::Client(_) | Caller::Unknown { was_allowed: true }
    );
    let origin = readable
        .then(|| request.headers().get(header::ORIGIN).cloned())
        .flatten();
    let mut response = if request.method() == Method::OPTIONS {
        preflight(&caller, cors)
    } else {
        request.extensions_mut().insert(caller);
        headers::bounded(request, next).await
    };
    if let Some(network) = without_origin
        && response.status() == StatusCode::FORBIDDEN
    {
        refused(&app, AuditReason::NoOrigin, None, network);
    }
    let fields = response.headers_mut();
    fields.append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        allow(fields, origin, cors);
    }
    response
}

fn refused(app: &App, reason: AuditReason, origin: Option<&str>, network: IpAddr) {
    app.refusals.count(Refused {
        kind: AuditKind::OriginRefused,
        reason: Some(reason),
        about: origin.map_or(About::Nothing, |origin| About::Origin(origin.to_owned())),
        at: app.clock.now(),
        network,
        client_id: None,
    });
}

fn allow(headers: &mut HeaderMap, origin: HeaderValue, cors: Cors) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("Retry-After"),
    );
    if cors.credentials {
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
            HeaderValue::from_static("true"),
        );
    }
}

fn preflight(caller: &Caller, cors: Cors) -> Response {
    match caller {
        // During an outage too: it only lets the script ask, and then read that it should try again.
        Caller::Client(_) | Caller::Unknown { was_allowed: true } => {
            let mut response = StatusCode::NO_CONTENT.into_response();
            let headers = response.headers_mut();
            headers.insert(
                header::ACCESS_CONTROL_ALLOW_METHODS,
                HeaderValue::from_static(cors.methods),
            );
            if let Some(allowed) = cors.request_headers {
                headers.insert(
                    header::ACCESS_CONTROL_ALLOW_HEADERS,
                    HeaderValue::from_static(allowed),
                );
            }
            headers.insert(
                header::ACCESS_CONTROL_MAX_AGE,
                PREFLIGHT_MAX_AGE_SECS.into(),
            );
            response
        }
        Caller::Unknown { was_allowed: false } => Problem::unavailable().into_response(),
        Caller::NoOrigin | Caller::NotFetch | Caller::Own => {
            Problem::origin_refused().into_response()
        }
        Caller::Refused(origin) => {
            tracing::warn!(cause = %NotAllowed::Origin(origin.clone()), "preflight refused");
            Problem::origin_refused().into_response()
        }
    }
}
