//! Nobody is signed out because something was down.

use axum::body::Body;
use axum::http::{Method, Request, header};
use sessionmint_iam::testing::{
    Answer, ORIGIN, SeededRandom, TestService, mint_request, sign_in_request,
};
use std::sync::Arc;

use crate::support::{PASSWORD, assert_minted, bearer, logout_request, signed_in};

#[track_caller]
fn assert_come_back(answer: &Answer) {
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(answer.header(header::RETRY_AFTER), "2");
    assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), ORIGIN);
    assert_eq!(
        answer.header(header::ACCESS_CONTROL_EXPOSE_HEADERS),
        "Retry-After"
    );
    assert!(!answer.headers.contains_key(header::SET_COOKIE));
}

#[tokio::test]
async fn c153_an_outage_is_a_503_that_scripts_can_read_and_it_passes() {
    let (service, _, cookie) = signed_in().await;
    let token = service.account_token(&cookie).await;
    service.store.set_down(true);
    let mint = service.mint(&cookie, "").await;
    assert_come_back(&mint);
    assert_eq!(&mint.body[..], br#"{"error":"temporarily_unavailable"}"#);
    assert_come_back(&service.try_sign_in("ada", PASSWORD).await);
    assert_come_back(&service.send(logout_request(&cookie)).await);
    for (method, path) in [
        (Method::GET, "/iam/userinfo"),
        (Method::GET, "/iam/sessions"),
        (Method::DELETE, "/iam/sessions"),
    ] {
        assert_come_back(&service.send(bearer(method, path, &token)).await);
    }
    for path in [
        "/iam/.well-known/jwks.json",
        "/.well-known/oauth-authorization-server/iam",
    ] {
        let answer = service
            .send(Request::get(path).body(Body::empty()).unwrap())
            .await;
        assert_eq!(answer.status, 200, "{path}");
    }
    service.store.set_down(false);
    assert_minted(&service.mint(&cookie, "").await);
    assert_eq!(service.send(logout_request(&cookie)).await.status, 204);
}

#[tokio::test]
async fn c153_an_outage_opens_nothing_to_other_origins() {
    let (service, _, cookie) = signed_in().await;
    service.store.set_down(true);
    let mut request = mint_request(&cookie, "");
    request
        .headers_mut()
        .insert(header::ORIGIN, "https://evil.example.com".parse().unwrap());
    let answer = service.send(request).await;
    assert_eq!(answer.status, 503);
    assert!(
        !answer
            .headers
            .contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN)
    );
}

#[tokio::test]
async fn c153_the_preflight_of_a_known_origin_passes_during_an_outage() {
    let (service, ..) = signed_in().await;
    service.store.set_down(true);
    let preflight = Request::options("/iam/passwordlogin")
        .header(header::ORIGIN, ORIGIN)
        .body(Body::empty())
        .unwrap();
    assert_eq!(service.send(preflight).await.status, 204);
}

#[tokio::test]
async fn c166_without_randomness_nothing_is_issued_and_nothing_starts() {
    let (service, _, cookie) = signed_in().await;
    service.random.set_dry(true);
    assert_come_back(&service.mint(&cookie, "").await);
    assert_come_back(&service.try_sign_in("ada", PASSWORD).await);
    service.random.set_dry(false);
    assert_minted(&service.mint(&cookie, "").await);

    let service = TestService::start().await;
    let dry = Arc::new(SeededRandom::new(1));
    dry.set_dry(true);
    let start =
        sessionmint_iam::App::builder(service.app.config.clone(), service.app.store.clone())
            .authenticator(service.app.authenticator.clone())
            .random(dry)
            .build()
            .await;
    assert!(matches!(start, Err(sessionmint_iam::BuildError::Random(_))));
}

type MakeRequest<'a> = &'a dyn Fn() -> Request<Body>;

#[tokio::test]
async fn c167_a_check_that_cannot_be_made_denies() {
    let (service, ada, cookie) = signed_in().await;
    let token = service.account_token(&cookie).await;
    let sessions = async || service.app.store.sessions_of(&ada).await.unwrap().len();
    let evil = || {
        let mut request = mint_request(&cookie, "");
        let origin = "https://evil.example.com".parse().unwrap();
        request.headers_mut().insert(header::ORIGIN, origin);
        request
    };
    let change = || {
        let body =
            serde_json::json!({ "current_password": "wrong", "new_password": "another one 4711" });
        let mut request = bearer(Method::POST, "/iam/password", &token);
        let json = "application/json".parse().unwrap();
        request.headers_mut().insert(header::CONTENT_TYPE, json);
        *request.body_mut() = body.to_string().into();
        request
    };
    let requests: [(&str, u16, MakeRequest<'_>); 6] = [
        ("mint", 200, &|| mint_request(&cookie, "")),
        ("mint of a stranger", 403, &evil),
        ("sign-in", 200, &|| sign_in_request("ada", PASSWORD)),
        ("account", 200, &|| {
            bearer(Method::GET, "/iam/userinfo", &token)
        }),
        ("sessions", 200, &|| {
            bearer(Method::GET, "/iam/sessions", &token)
        }),
        ("wrong password", 403, &change),
    ];
    for (what, usual, request) in requests {
        // The store goes away before the first command that the request needs, before the second, and so on.
        let mut commands = 0;
        loop {
            let before = sessions().await;
            service.store.set_down_after(commands);
            let answer = service.send(request()).await;
            service.store.set_down(false);
            if answer.status == usual {
                break;
            }
            assert_eq!(answer.status, 503, "{what}, {commands}: {answer:?}");
            assert!(!answer.headers.contains_key(header::SET_COOKIE), "{what}");
            let body = String::from_utf8_lossy(&answer.body);
            for told in ["access_token", "usr_", "ses_"] {
                assert!(!body.contains(told), "{what}, {commands}: {body}");
            }
            assert_eq!(sessions().await, before, "{what}, {commands}");
            commands += 1;
            assert!(commands < 20, "{what} never works");
        }
        assert!(commands > 0, "{what} asks the store for nothing");
    }
    assert_minted(&service.mint(&cookie, "").await);
}
