//! The session cookie in requests and answers. Reading is byte-exact and ours; writing is `tower-cookies`'.

use aws_lc_rs::digest::{SHA256, digest};
use axum::http::{HeaderMap, header};
use sessionmint_oauth::SessionKeyHash;
use sessionmint_oauth::cookie::{Found, SESSION_COOKIE, SessionKey, find};
use tower_cookies::Cookie;
use tower_cookies::cookie::SameSite;
use tower_cookies::cookie::time::Duration;

/// What is stored of a cookie's value.
pub(super) fn hash(key: &SessionKey) -> SessionKeyHash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, key.as_bytes()).as_ref());
    SessionKeyHash(hash)
}

fn found(headers: &HeaderMap) -> Found<'_> {
    let fields = headers
        .get_all(header::COOKIE)
        .iter()
        .map(|value| value.as_bytes());
    find(fields, SESSION_COOKIE)
}

/// Whether the request carries the session cookie more than once.
pub(super) fn is_ambiguous(headers: &HeaderMap) -> bool {
    matches!(found(headers), Found::Several)
}

/// The hash of the request's session cookie; `None` when there is none, or two, or it has no session id's form.
pub(super) fn session_key_hash(headers: &HeaderMap) -> Option<SessionKeyHash> {
    match found(headers) {
        Found::Nothing => None,
        Found::One(value) => SessionKey::parse(value).map(|key| hash(&key)),
        Found::Several => {
            tracing::warn!(
                "a request carried the session cookie twice, which no browser does; it counts as none"
            );
            None
        }
    }
}

/// The cookie that starts a session; without `max_age_secs` the browser forgets it when it closes.
pub(super) fn issue(key: &SessionKey, max_age_secs: Option<u64>) -> Cookie<'static> {
    let cookie = with_attributes(key.expose().to_owned());
    match max_age_secs {
        Some(secs) => with_max_age(cookie, i64::try_from(secs).unwrap_or(i64::MAX)),
        None => cookie,
    }
}

/// The cookie that makes the browser forget it: the same name and attributes, already expired.
pub(super) fn expired() -> Cookie<'static> {
    with_max_age(with_attributes(String::new()), 0)
}

fn with_attributes(value: String) -> Cookie<'static> {
    Cookie::build((SESSION_COOKIE, value))
        .path("/")
        .secure(true)
        .http_only(true)
        .same_site(SameSite::Strict)
        .build()
}

fn with_max_age(mut cookie: Cookie<'static>, secs: i64) -> Cookie<'static> {
    cookie.set_max_age(Duration::seconds(secs));
    cookie
}
