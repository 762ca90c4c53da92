//! The answers to requests that are not let through: a challenge (RFC 6750 §3) with a problem body (RFC 9457).

use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use sessionmint_oauth::BearerChallenge;

pub(crate) fn problem(status: StatusCode, detail: &str) -> Response {
    let title = status.canonical_reason().unwrap_or_default();
    let body = serde_json::json!({"title": title, "status": status.as_u16(), "detail": detail});
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

pub(crate) fn challenge(challenge: &BearerChallenge) -> Response {
    let detail = match challenge {
        BearerChallenge::TokenMissing => "an access token is needed",
        BearerChallenge::InvalidRequest => "send exactly one `authorization` header",
        BearerChallenge::InvalidToken => "the access token is not valid",
        BearerChallenge::InsufficientScope(_) => "the access token does not allow this",
    };
    let status = StatusCode::from_u16(challenge.status()).unwrap_or(StatusCode::UNAUTHORIZED);
    let mut response = problem(status, detail);
    let value = HeaderValue::try_from(challenge.header_value());
    response.headers_mut().insert(
        WWW_AUTHENTICATE,
        value.unwrap_or(HeaderValue::from_static("Bearer")),
    );
    response
}

pub(crate) fn keys_unavailable(retry_after_secs: u64) -> Response {
    let mut response = problem(
        StatusCode::SERVICE_UNAVAILABLE,
        "tokens cannot be checked at the moment",
    );
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from(retry_after_secs));
    response
}
