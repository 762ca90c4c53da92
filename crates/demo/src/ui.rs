//! The static server of the app, and another of the pages where users of other apps sign in: its files, a fallback to `index.html` for the app's own addresses, and the headers that
//! a page which holds tokens in memory should come with.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderName};
use http::{HeaderValue, StatusCode};
use serde_json::json;
use tower::ServiceExt;
use tower_http::services::{ServeDir, ServeFile};

use crate::problem::Problem;

/// The names that this server goes by, besides addresses of this machine.
const HOSTS: [&str; 4] = [
    "ui.app.localhost",
    "login.app.localhost",
    "localhost",
    "app.localhost",
];

struct Site {
    security: Vec<(HeaderName, HeaderValue)>,
    host: String,
}

/// The server. `api` is the origin of the API host and `iam` the issuer; the app reads both from `/config.json`. `host` is
/// one more name of this server.
///
/// # Errors
/// When the app is not built, or `api` is no origin.
pub fn router(dist: &Path, api: &str, iam: &str, host: &str) -> anyhow::Result<Router> {
    let index = dist.join("index.html");
    if !index.is_file() {
        bail!("there is no app in {}: build it first", dist.display());
    }
    let config = json!({"api": api, "iam": iam});
    let site = Site {
        security: security_headers(api)?,
        host: host.to_ascii_lowercase(),
    };
    let page = get(move |request: Request| async move {
        let name = request.uri().path().rsplit('/').next().unwrap_or_default();
        // A missing file is missing; only the app's own addresses, which have no extension, are the app.
        if name.contains('.') {
            return Problem(StatusCode::NOT_FOUND, "there is no such file").into_response();
        }
        match ServeFile::new(index).oneshot(request).await {
            Ok(response) => response.into_response(),
            Err(never) => match never {},
        }
    });
    Ok(Router::new()
        .route("/config.json", get(move || async move { Json(config) }))
        .fallback_service(ServeDir::new(dist).fallback(page))
        .layer(middleware::from_fn_with_state(Arc::new(site), finish)))
}

/// Scripts, styles and connections from the app itself and the API host only; nothing inline, no frames, no forms
/// elsewhere.
fn security_headers(api: &str) -> anyhow::Result<Vec<(HeaderName, HeaderValue)>> {
    let policy = format!(
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; \
         font-src 'self'; connect-src 'self' {api}; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; \
         form-action 'self'; require-trusted-types-for 'script'; trusted-types 'none'"
    );
    let fixed = [
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
    ];
    let policy = HeaderValue::try_from(policy).with_context(|| format!("`{api}` is no origin"))?;
    let mut headers = vec![(http::header::CONTENT_SECURITY_POLICY, policy)];
    headers.extend(fixed.map(|(name, value)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    }));
    Ok(headers)
}

async fn finish(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let is_asset = request.uri().path().starts_with("/assets/");
    let mut response = if is_our_host(&request, &site.host) {
        next.run(request).await
    } else {
        // A foreign name that resolves to this machine would make the page that one's.
        Problem(
            StatusCode::MISDIRECTED_REQUEST,
            "this server has another name",
        )
        .into_response()
    };
    let good = response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED;
    let headers = response.headers_mut();
    let is_page = headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let cache = if is_asset && good && !is_page {
        // The names of the files in this folder hold a hash of their content.
        "public, max-age=31536000, immutable"
    } else if is_page && good {
        // It holds nothing of a user. With "no-store" browsers would load it anew instead of bringing it back as it was left.
        "no-cache"
    } else {
        "no-store"
    };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.extend(site.security.iter().cloned());
    response
}

fn is_our_host(request: &Request, ours: &str) -> bool {
    let field = request
        .headers()
        .get(HOST)
        .and_then(|host| host.to_str().ok());
    let host = request
        .uri()
        .authority()
        .map(http::uri::Authority::as_str)
        .or(field)
        .unwrap_or_default();
    let Ok(authority) = host.parse::<http::uri::Authority>() else {
        return false;
    };
    let name = authority
        .host()
        .trim_matches(['[', ']'])
        .to_ascii_lowercase();
    let address = name.parse::<std::net::IpAddr>();
    name == ours
        || HOSTS.contains(&name.as_str())
        || address.is_ok_and(|address| address.is_loopback())
}
