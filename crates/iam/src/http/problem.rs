//! Error answers of the endpoints that are not OAuth's (RFC 9457).

use std::borrow::Cow;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// A problem document. Holds only what a caller may know; causes go to the log where they are handled.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: Cow<'static, str>,
    field: Option<Cow<'static, str>>,
    retry_after_secs: Option<u64>,
    challenge: Option<HeaderValue>,
}

/// When to come back after an outage, in seconds.
pub(crate) const OUTAGE_RETRY_SECS: u64 = 2;

impl Problem {
    /// `code` is stable and for programs, `detail` for people.
    pub(crate) fn new(
        status: StatusCode,
        code: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            field: None,
            retry_after_secs: None,
            challenge: None,
        }
    }

    /// The member of the body that it is about.
    pub(crate) fn field(self, name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            field: Some(name.into()),
            ..self
        }
    }

    pub(crate) fn retry_after(self, secs: u64) -> Self {
        Self {
            retry_after_secs: Some(secs),
            ..self
        }
    }

    /// The `WWW-Authenticate` that RFC 9110 §15.5.2 asks of a 401.
    pub(crate) fn challenge(self, value: HeaderValue) -> Self {
        Self {
            challenge: Some(value),
            ..self
        }
    }

    pub(crate) fn unavailable() -> Self {
        let detail = "something that the service depends on is down; sessions are not affected";
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "temporarily_unavailable",
            detail,
        )
        .retry_after(OUTAGE_RETRY_SECS)
    }

    pub(crate) fn server_error() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "server_error",
            "the service failed to answer this request",
        )
    }

    pub(crate) fn origin_refused() -> Self {
        let detail = "this endpoint answers only scripts on the origins of registered clients";
        Self::new(StatusCode::FORBIDDEN, "origin_refused", detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason(),
            "status": self.status.as_u16(),
            "detail": self.detail,
            "code": self.code,
        });
        if let (Some(field), Some(members)) = (self.field, body.as_object_mut()) {
            members.insert("field".to_owned(), field.into());
        }
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(secs) = self.retry_after_secs {
            headers.insert(header::RETRY_AFTER, secs.into());
        }
        if let Some(challenge) = self.challenge {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
