//! The cookie that binds a request to the browser that brought it, so that nobody can have another finish what they began.
//!
//! It is `SameSite=Lax`: with `Strict` it would not come along from a client's site, and each request would end those that
//! other tabs have under way. It is worth nothing but that: it signs nobody in.

use aws_lc_rs::digest::{SHA256, digest};
use axum::http::{HeaderMap, header};
use sessionmint_oauth::authorize::REQUEST_SECS;
use sessionmint_oauth::cookie::{Found, find};
use sessionmint_oauth::{BrowserHash, BrowserKey};

use crate::random::{self, Random, RandomError};

/// Guarded by the browser as the session cookie is.
const COOKIE: &str = "__Host-Http-ix";

/// The browser's own key, or one for it.
pub(super) fn known_or_new(
    headers: &HeaderMap,
    random: &dyn Random,
) -> Result<BrowserKey, RandomError> {
    match known(headers) {
        Some(key) => Ok(key),
        None => Ok(BrowserKey::from_random(random::bytes(random)?)),
    }
}

/// What the request says that its browser is; read byte for byte, and two count as none.
pub(super) fn known(headers: &HeaderMap) -> Option<BrowserKey> {
    let fields = headers.get_all(header::COOKIE).iter();
    match find(fields.map(|value| value.as_bytes()), COOKIE) {
        Found::One(value) => BrowserKey::parse(std::str::from_utf8(value).ok()?),
        Found::Nothing | Found::Several => None,
    }
}

/// What is stored of it.
pub(super) fn hash(key: &BrowserKey) -> BrowserHash {
    BrowserHash(sha256(key.expose()))
}

/// The `Set-Cookie` value; it lives as long as the request.
pub(super) fn cookie(key: &BrowserKey) -> String {
    format!(
        "{COOKIE}={}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={REQUEST_SECS}",
        key.expose()
    )
}

/// The hash of a secret's text.
pub(in crate::http) fn sha256(text: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    hash
}
