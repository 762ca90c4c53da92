//! Reading the form of an OAuth request (RFC 6749 §3.2).

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use bytes::Bytes;
use sessionmint_oauth::error::ErrorCode;
use sessionmint_oauth::form::{InvalidForm, is_media_type};

use super::body::{self, BodyError};

/// Why a request is no form.
#[derive(Debug, thiserror::Error)]
pub(super) enum FormError {
    #[error("the content type is not application/x-www-form-urlencoded")]
    UnsupportedMediaType,
    #[error("parameters belong in the body, not in the address")]
    Query,
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error(transparent)]
    Form(#[from] InvalidForm),
}

/// The body of a form.
pub(super) async fn read(parts: &Parts, body: Body) -> Result<Bytes, FormError> {
    if parts.uri.query().is_some_and(|query| !query.is_empty()) {
        return Err(FormError::Query);
    }
    let content_type = parts
        .headers
        .get(header::CONTENT_TYPE)
        .map_or(&b""[..], HeaderValue::as_bytes);
    if !is_media_type(content_type, "application/x-www-form-urlencoded") {
        return Err(FormError::UnsupportedMediaType);
    }
    Ok(body::read(body).await?)
}

impl FormError {
    pub(super) fn status_and_code(&self) -> (StatusCode, ErrorCode) {
        let status = match self {
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Body(BodyError::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Body(BodyError::TooSlow) => StatusCode::REQUEST_TIMEOUT,
            Self::Form(InvalidForm::SecondResource) => {
                return (StatusCode::BAD_REQUEST, ErrorCode::InvalidTarget);
            }
            Self::Query
            | Self::Body(BodyError::Broken)
            | Self::Form(InvalidForm::Duplicate | InvalidForm::TooMany) => StatusCode::BAD_REQUEST,
        };
        (status, ErrorCode::InvalidRequest)
    }
}
