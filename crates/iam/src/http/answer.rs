//! Answers of the OAuth endpoints (RFC 6749 §5).

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// The size of a token and what comes with it.
const USUAL_BYTES: usize = 1024;

/// `body` as JSON with this status.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let mut bytes = Vec::with_capacity(USUAL_BYTES);
    match serde_json::to_writer(&mut bytes, body) {
        Ok(()) => {
            let content_type = HeaderValue::from_static("application/json;charset=UTF-8");
            (
                status,
                [(header::CONTENT_TYPE, content_type)],
                Body::from(bytes),
            )
                .into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
