//! What is true of every request and every answer.

use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::Problem;

/// Longest request header section in bytes. A sibling site can fill a browser's cookie jar; this gives that a clean end.
const MAX_HEADER_BYTES: usize = 32 * 1024;

/// Longest path and query in bytes. Nothing here takes a query.
const MAX_TARGET_BYTES: usize = 8 * 1024;

/// How long a request may take, its body included. Longer than the longest wait for a password hash.
const MAX_TIME: Duration = Duration::from_secs(30);

/// Refuses what is over the limits.
pub(super) async fn limit(request: Request, next: Next) -> Response {
    match too_large(&request) {
        Some(refusal) => refusal.into_response(),
        None => next.run(request).await,
    }
}

/// As [`limit`], and ends what takes too long.
pub(super) async fn bounded(request: Request, next: Next) -> Response {
    match tokio::time::timeout(MAX_TIME, limit(request, next)).await {
        Ok(response) => response,
        Err(_) => {
            tracing::error!("a request was not answered within {} s", MAX_TIME.as_secs());
            Problem::unavailable().into_response()
        }
    }
}

/// RFC 6585 §5, RFC 9110 §15.5.15.
fn too_large(request: &Request) -> Option<Problem> {
    let size: usize = request
        .headers()
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    if size > MAX_HEADER_BYTES {
        return Some(Problem::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "headers_too_large",
            "the request headers are over 32 KiB",
        ));
    }
    let target = request.uri().path_and_query();
    if target.is_some_and(|target| target.as_str().len() > MAX_TARGET_BYTES) {
        return Some(Problem::new(
            StatusCode::URI_TOO_LONG,
            "address_too_long",
            "the path and the query are over 8 KiB",
        ));
    }
    None
}

/// Nothing here is a document: no answer may be cached, sniffed, framed or run. Only caching may be said otherwise.
pub(super) fn secure<B>(mut response: Response<B>) -> Response<B> {
    const ALWAYS: [(HeaderName, &str); 4] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'; sandbox",
        ),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    let headers: &mut HeaderMap = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}
