//! What several topics need.

use axum::body::Body;
use axum::http::{Method, Request, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sessionmint_iam::testing::{Answer, ORIGIN, TestService};
use sessionmint_oauth::UserId;
use sessionmint_oauth::cookie::SESSION_COOKIE;

pub(crate) const PASSWORD: &str = "correct horse battery";

/// A service with the user `ada`, who is signed in.
pub(crate) async fn signed_in() -> (TestService, UserId, String) {
    let service = TestService::start().await;
    let ada = service.add_user("ada", PASSWORD).await;
    let cookie = service.sign_in("ada", PASSWORD).await;
    (service, ada, cookie)
}

/// A mint with this `Cookie` field, which need not be text.
pub(crate) fn mint_with_cookie_field(field: &[u8]) -> Request<Body> {
    let mut request = sessionmint_iam::testing::mint_request("", "");
    request.headers_mut().insert(
        header::COOKIE,
        http::HeaderValue::from_bytes(field).unwrap(),
    );
    request
}

pub(crate) fn logout_request(cookie: &str) -> Request<Body> {
    Request::builder()
        .method(Method::POST)
        .uri("/iam/logout")
        .header(header::ORIGIN, ORIGIN)
        .header(header::COOKIE, format!("{SESSION_COOKIE}={cookie}"))
        .body(Body::empty())
        .unwrap()
}

pub(crate) fn bearer(method: Method, path: &str, token: &str) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(path)
        .header(header::ORIGIN, ORIGIN)
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .body(Body::empty())
        .unwrap()
}

/// Header and claims of a token, unverified.
pub(crate) fn decode(token: &str) -> (Value, Value) {
    let mut parts = token
        .split('.')
        .map(|part| URL_SAFE_NO_PAD.decode(part).unwrap());
    let mut json = || serde_json::from_slice(&parts.next().unwrap()).unwrap();
    (json(), json())
}

#[track_caller]
pub(crate) fn assert_minted(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    decode(&answer.access_token()).1
}

/// The answer on which clients sign out, and with which their script can read it.
#[track_caller]
pub(crate) fn assert_login_required(answer: &Answer) {
    assert_eq!(answer.status, 401, "{answer:?}");
    assert_eq!(&answer.body[..], br#"{"error":"login_required"}"#);
    assert_eq!(answer.header(header::WWW_AUTHENTICATE), "Session");
    assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
    assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), ORIGIN);
    assert_eq!(
        answer.header(header::ACCESS_CONTROL_ALLOW_CREDENTIALS),
        "true"
    );
}

/// No token, no cookie, and no script may read it.
#[track_caller]
pub(crate) fn assert_denied(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 403, "{what}: {answer:?}");
    assert!(!answer.headers.contains_key(header::SET_COOKIE), "{what}");
    assert!(
        !answer
            .headers
            .contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN),
        "{what}"
    );
    assert!(
        !answer
            .headers
            .contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS),
        "{what}"
    );
    assert_eq!(answer.header(header::VARY), "Origin", "{what}");
    assert!(
        !String::from_utf8_lossy(&answer.body).contains("access_token"),
        "{what}"
    );
}

#[track_caller]
pub(crate) fn assert_oauth_error(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status.as_u16(), status, "{answer:?}");
    assert_eq!(answer.json()["error"], code);
    assert_eq!(
        answer.header(header::CONTENT_TYPE),
        "application/json;charset=UTF-8"
    );
    assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
}
