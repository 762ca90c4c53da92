//! What is true of every answer, whatever it is.

use std::sync::Arc;

use async_trait::async_trait;
use axum::body::Body;
use axum::http::{Method, Request, header};
use sessionmint_iam::login::{AuthenticateError, Authenticated, Authenticator, Credentials};
use sessionmint_iam::testing::{Answer, ORIGIN, TestService, mint_request, sign_in_request};
use sessionmint_oauth::Timestamp;

use crate::support::{PASSWORD, assert_minted, bearer, logout_request, signed_in};

const ROUTES: [&str; 9] = [
    "/iam/oauth/token",
    "/iam/passwordlogin",
    "/iam/logout",
    "/iam/userinfo",
    "/iam/sessions",
    "/iam/sessions/ses_AAAAAAAAAAAAAAAAAAAAAA",
    "/iam/.well-known/jwks.json",
    "/.well-known/oauth-authorization-server/iam",
    "/nowhere",
];

#[track_caller]
fn assert_safe(answer: &Answer, what: &str) {
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        (
            "content-security-policy",
            "default-src 'none'; frame-ancestors 'none'; sandbox",
        ),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
        ("content-encoding", ""),
        ("server", ""),
    ] {
        assert_eq!(answer.header(name), value, "{what}: {name}");
    }
    let cacheable = what.contains("jwks.json") && matches!(answer.status.as_u16(), 200 | 304);
    let caching = if cacheable {
        "public, max-age=300"
    } else {
        "no-store"
    };
    assert_eq!(answer.header(header::CACHE_CONTROL), caching, "{what}");
    let any_origin = answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN) == "*";
    assert!(
        !any_origin
            || !answer
                .headers
                .contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS),
        "{what}"
    );
    if !answer.body.is_empty() {
        let content_type = answer.header(header::CONTENT_TYPE);
        let json = content_type.starts_with("application/json")
            || content_type == "application/problem+json";
        assert!(json, "{what}: {content_type}");
        if answer.status.as_u16() >= 400 {
            let text = String::from_utf8(answer.body.to_vec()).unwrap();
            for leak in [
                "SQL",
                "panicked",
                "src/",
                ".rs",
                "sqlite",
                env!("CARGO_PKG_VERSION"),
            ] {
                assert!(!text.contains(leak), "{what}: {text}");
            }
        }
    }
}

#[tokio::test]
async fn c032_every_route_and_error_has_the_headers() {
    let (service, _, cookie) = signed_in().await;
    let methods = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::OPTIONS,
        Method::PATCH,
    ];
    for route in ROUTES {
        for method in &methods {
            for origin in [None, Some(ORIGIN), Some("https://evil.example.com")] {
                let mut request = Request::builder()
                    .method(method)
                    .uri(route)
                    .header("accept-encoding", "gzip, br");
                if let Some(origin) = origin {
                    request = request.header(header::ORIGIN, origin);
                }
                let answer = service.send(request.body(Body::empty()).unwrap()).await;
                assert_safe(&answer, &format!("{method} {route} from {origin:?}"));
                if answer.status == 405 {
                    assert!(
                        answer.headers.contains_key(header::ALLOW),
                        "{method} {route}"
                    );
                }
            }
        }
    }
    let token = service.account_token(&cookie).await;
    for (what, request) in [
        ("mint", mint_request(&cookie, "")),
        ("no session", mint_request("", "")),
        ("bad request", mint_request(&cookie, "scope=a&scope=b")),
        ("list", bearer(Method::GET, "/iam/sessions", &token)),
        ("forged", bearer(Method::GET, "/iam/userinfo", "a.b.c")),
        ("sign-in", sign_in_request("ada", PASSWORD)),
        ("wrong", sign_in_request("ada", "not her password")),
        ("sign-out", logout_request(&cookie)),
    ] {
        assert_safe(&service.send(request).await, what);
    }
}

#[tokio::test]
async fn an_unknown_address_is_a_problem_and_not_a_page() {
    let service = TestService::start().await;
    for path in [
        "/",
        "/iam",
        "/iam/",
        "/IAM/oauth/token",
        "/iam/oauth/token/",
        "//iam/oauth/token",
        "/iam/x%2f..",
    ] {
        let answer = service
            .send(Request::get(path).body(Body::empty()).unwrap())
            .await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.json()["code"], "not_found");
        assert_safe(&answer, path);
    }
}

struct Panics;

#[async_trait]
impl Authenticator for Panics {
    async fn authenticate(
        &self,
        _: Credentials<'_>,
        _: Timestamp,
    ) -> Result<Authenticated, AuthenticateError> {
        panic!("a secret cause")
    }
}

#[tokio::test]
async fn c165_a_panic_is_a_500_and_the_service_lives() {
    let service = TestService::start_with(|_| {}, Some(Arc::new(Panics))).await;
    for _ in 0..2 {
        let answer = service.try_sign_in("ada", PASSWORD).await;
        assert_eq!(answer.status, 500);
        assert_eq!(
            answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN),
            ORIGIN,
            "readable, so not taken for a refusal"
        );
        assert!(!String::from_utf8_lossy(&answer.body).contains("secret cause"));
        assert_safe(&answer, "panic");
    }
    assert_eq!(service.mint("", "").await.status, 401);
}

#[tokio::test]
async fn the_header_limit_leaves_ordinary_requests_alone() {
    let (service, _, cookie) = signed_in().await;
    let mut request = mint_request(&cookie, "");
    request
        .headers_mut()
        .insert("x-padding", "x".repeat(16 * 1024).parse().unwrap());
    assert_minted(&service.send(request).await);
    let mut request = mint_request(&cookie, "");
    request
        .headers_mut()
        .insert("x-padding", "x".repeat(32 * 1024).parse().unwrap());
    let answer = service.send(request).await;
    assert_eq!(answer.status, 431);
    assert_eq!(
        answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN),
        ORIGIN,
        "readable, so not taken for a refused origin"
    );
    assert_safe(&answer, "431");
}

/// An authenticator that never answers.
struct Hangs;

#[async_trait]
impl Authenticator for Hangs {
    async fn authenticate(
        &self,
        _: Credentials<'_>,
        _: Timestamp,
    ) -> Result<Authenticated, AuthenticateError> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_a_temporary_fault_that_scripts_can_read() {
    let service = TestService::start_with(|_| {}, Some(Arc::new(Hangs))).await;
    tokio::time::pause();
    let answer = service.try_sign_in("ada", PASSWORD).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header(header::RETRY_AFTER), "2");
    assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), ORIGIN);
    assert_safe(&answer, "503");
}
