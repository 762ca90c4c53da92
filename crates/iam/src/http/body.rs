//! Reading a request body within bounds.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use sessionmint_oauth::form::is_media_type;

use super::problem::Problem;

/// Longest body in bytes.
const MAX_BYTES: usize = 64 * 1024;

/// How long a body may take to arrive. It is small, so this is generous even for a bad connection.
const MAX_TIME: Duration = Duration::from_secs(10);

/// Why a body could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BodyError {
    /// Over 64 KiB.
    #[error("the body is over 64 KiB")]
    TooLarge,
    /// It did not arrive in time.
    #[error("the body did not arrive in time")]
    TooSlow,
    /// The connection broke.
    #[error("the body could not be read")]
    Broken,
}

/// The whole body.
pub(super) async fn read(body: Body) -> Result<Bytes, BodyError> {
    match tokio::time::timeout(MAX_TIME, Limited::new(body, MAX_BYTES).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(BodyError::TooLarge),
        Ok(Err(_)) => Err(BodyError::Broken),
        Err(_) => Err(BodyError::TooSlow),
    }
}

/// Why a body is not the JSON object that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum JsonError {
    /// Another content type: a form cannot be JSON, and JSON from another origin needs a preflight.
    #[error("the content type is not application/json")]
    UnsupportedMediaType,
    /// It could not be read.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// It is no JSON object, or lacks something.
    #[error("the body is not the JSON object that is asked for")]
    Malformed,
}

/// A body that is a JSON object.
pub(super) async fn json_object<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
) -> Result<T, JsonError> {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .map_or(&b""[..], HeaderValue::as_bytes);
    if !is_media_type(content_type, "application/json") {
        return Err(JsonError::UnsupportedMediaType);
    }
    let body = read(body).await?;
    // serde takes an array for a struct too, with the fields in the order of their declaration.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(JsonError::Malformed);
    }
    serde_json::from_slice(&body).map_err(|_| JsonError::Malformed)
}

impl JsonError {
    /// `shape` says what the body should be.
    pub(super) fn problem(self, shape: &'static str) -> Problem {
        match self {
            Self::UnsupportedMediaType => Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "the content type of the body must be application/json",
            ),
            Self::Body(error) => error.into(),
            Self::Malformed => Problem::new(StatusCode::BAD_REQUEST, "malformed", shape),
        }
    }
}

impl BodyError {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Broken => StatusCode::BAD_REQUEST,
        }
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        let code = match error {
            BodyError::TooLarge => "too_large",
            BodyError::TooSlow => "too_slow",
            BodyError::Broken => "malformed",
        };
        Self::new(error.status(), code, error.to_string())
    }
}
