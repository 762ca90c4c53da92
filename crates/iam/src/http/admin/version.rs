//! Versions against lost updates: `ETag` with what is read, `If-Match` with what is changed (RFC 9110 §13.1.1).

use std::fmt;

use aws_lc_rs::digest;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sessionmint_store::User;

use super::error::AdminError;

/// What the request wants to change.
enum Seen {
    /// This version of it.
    Version(String),
    /// Any (`*`).
    Any,
}

/// The version that a request names. Several are none that was read.
fn seen(headers: &HeaderMap) -> Result<Option<Seen>, AdminError> {
    let mut fields = headers.get_all(header::IF_MATCH).iter();
    let Some(field) = fields.next() else {
        return Ok(None);
    };
    if fields.next().is_some() {
        return Err(AdminError::Changed);
    }
    let text = field.to_str().map_err(|_| AdminError::Changed)?;
    if text == "*" {
        return Ok(Some(Seen::Any));
    }
    let version = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    let version = version.ok_or(AdminError::Changed)?.to_owned();
    Ok(Some(Seen::Version(version)))
}

/// The number that a request names, where it may name none.
pub(super) fn seen_number(headers: &HeaderMap) -> Result<Option<i64>, AdminError> {
    match seen(headers)? {
        Some(Seen::Version(text)) => text.parse().map(Some).map_err(|_| AdminError::Changed),
        Some(Seen::Any) | None => Ok(None),
    }
}

/// Goes on only where the request names the version that is there now, or any.
pub(super) fn unchanged(headers: &HeaderMap, now: &str) -> Result<(), AdminError> {
    match seen(headers)?.ok_or(AdminError::NoVersion)? {
        Seen::Version(seen) if seen != now => Err(AdminError::Changed),
        Seen::Version(_) | Seen::Any => Ok(()),
    }
}

/// The version of what has no number: another for anything else that `content` says.
pub(super) fn of(content: &impl fmt::Debug) -> String {
    let hash = digest::digest(&digest::SHA256, format!("{content:?}").as_bytes());
    URL_SAFE_NO_PAD.encode(hash.as_ref().get(..12).unwrap_or_default())
}

/// The version of what of a user the admin API changes.
pub(super) fn of_user(user: &User) -> String {
    of(&(&user.scopes, user.disabled_at))
}

/// An answer with its version.
pub(super) fn answer(status: StatusCode, version: &str, body: Value) -> Response {
    let mut response = (status, axum::Json(body)).into_response();
    if let Ok(value) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
}
