//! Who may act on the session cookie: only a script's fetch on the exact origin of a registered client.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, Request, header};
use sessionmint_iam::testing::{
    ORIGIN, RESOURCE, START, capture_logs, mint_request, sign_in_request, web_client,
};
use sessionmint_oauth::BrowserClient;
use sessionmint_store::{By, ReplaceClient};

use crate::support::{PASSWORD, assert_denied, assert_minted, logout_request, signed_in};

const REFUSED: [&str; 20] = [
    "null",
    "",
    "https://attacker.test",
    "https://evil.example.com",
    "https://api.example.com",
    "http://ui.example.com",
    "https://ui.example.com:8443",
    "https://ui.example.com:443",
    "https://ui.example.com.evil.com",
    "https://xui.example.com",
    "https://ui.example.com/",
    "https://ui.example.com.",
    "https://UI.example.com",
    "HTTPS://ui.example.com",
    "https://evil@ui.example.com",
    "https://ui.example.com https://evil.example.com",
    "https://ui.example.com, https://ui.example.com",
    "https://example.com",
    "ui.example.com",
    "*",
];

fn set(mut request: Request<Body>, name: HeaderName, value: &str) -> Request<Body> {
    request
        .headers_mut()
        .insert(name, HeaderValue::from_str(value).unwrap());
    request
}

fn without(mut request: Request<Body>, name: HeaderName) -> Request<Body> {
    request.headers_mut().remove(name);
    request
}

#[tokio::test]
async fn c003_c034_only_the_exact_origin_of_a_client_is_answered() {
    let (service, ada, cookie) = signed_in().await;
    let before = service.app.store.sessions_of(&ada).await.unwrap();
    let requests: [&dyn Fn() -> Request<Body>; 3] = [
        &|| mint_request(&cookie, "idle_for=0"),
        &|| sign_in_request("ada", PASSWORD),
        &|| logout_request(&cookie),
    ];
    service.clock.advance_secs(1000);
    for request in requests {
        for origin in REFUSED {
            assert_denied(
                &service.send(set(request(), header::ORIGIN, origin)).await,
                origin,
            );
        }
        assert_denied(
            &service.send(without(request(), header::ORIGIN)).await,
            "absent",
        );
        let mut twice = request();
        twice
            .headers_mut()
            .append(header::ORIGIN, HeaderValue::from_static(ORIGIN));
        assert_denied(&service.send(twice).await, "twice");
    }
    assert_eq!(
        service.app.store.sessions_of(&ada).await.unwrap(),
        before,
        "the session is as it was"
    );
    service.clock.advance_secs(-1000);
    assert_minted(&service.mint(&cookie, "").await);
}

#[tokio::test]
async fn c034_navigations_forms_and_images_are_refused() {
    let (service, _, cookie) = signed_in().await;
    for (name, value) in [
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-mode", "no-cors"),
        ("sec-fetch-mode", "same-origin"),
        ("sec-fetch-dest", "document"),
        ("sec-fetch-dest", "iframe"),
        ("sec-fetch-dest", "image"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "none"),
    ] {
        for request in [
            mint_request(&cookie, ""),
            sign_in_request("ada", PASSWORD),
            logout_request(&cookie),
        ] {
            let answer = service
                .send(set(request, HeaderName::from_static(name), value))
                .await;
            assert_denied(&answer, &format!("{name}: {value}"));
        }
    }
    let mut request = mint_request(&cookie, "");
    for (name, value) in [
        ("sec-fetch-mode", "cors"),
        ("sec-fetch-dest", "empty"),
        ("sec-fetch-site", "same-site"),
    ] {
        request = set(request, HeaderName::from_static(name), value);
    }
    assert_minted(&service.send(request).await);
}

#[tokio::test]
async fn c034_preflights_allow_nothing_to_other_origins() {
    let (service, ..) = signed_in().await;
    let paths = [
        "/iam/oauth/token",
        "/iam/passwordlogin",
        "/iam/logout",
        "/iam/userinfo",
        "/iam/sessions",
    ];
    for path in paths {
        let preflight = |origin: &str| {
            Request::builder()
                .method(Method::OPTIONS)
                .uri(path)
                .header(header::ORIGIN, origin)
                .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
                .header(
                    header::ACCESS_CONTROL_REQUEST_HEADERS,
                    "content-type,authorization",
                )
                .body(Body::empty())
                .unwrap()
        };
        for origin in REFUSED {
            let answer = service.send(preflight(origin)).await;
            assert_denied(&answer, &format!("{path} {origin}"));
            assert!(
                !answer
                    .headers
                    .contains_key(header::ACCESS_CONTROL_ALLOW_METHODS)
            );
        }
        let answer = service.send(preflight(ORIGIN)).await;
        assert_eq!(answer.status, 204, "{path}");
        assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), ORIGIN);
        assert_eq!(answer.header(header::ACCESS_CONTROL_MAX_AGE), "7200");
        assert_eq!(answer.header(header::VARY), "Origin");
    }
}

#[tokio::test]
async fn the_login_preflight_lets_json_through_and_the_account_one_a_token() {
    let (service, ..) = signed_in().await;
    for (path, headers, credentials) in [
        ("/iam/passwordlogin", "Content-Type", "true"),
        ("/iam/userinfo", "Authorization", ""),
        ("/iam/sessions", "Authorization", ""),
        ("/iam/sessions/ses_x", "Authorization", ""),
        ("/iam/oauth/token", "", "true"),
    ] {
        let request = Request::options(path)
            .header(header::ORIGIN, ORIGIN)
            .body(Body::empty())
            .unwrap();
        let answer = service.send(request).await;
        assert_eq!(
            answer.header(header::ACCESS_CONTROL_ALLOW_HEADERS),
            headers,
            "{path}"
        );
        assert_eq!(
            answer.header(header::ACCESS_CONTROL_ALLOW_CREDENTIALS),
            credentials,
            "{path}"
        );
    }
}

/// Pages of every service on the API's host would have it. The service refuses to start with such a client, but one can
/// be written to the database later, by whoever does not know the issuer.
#[tokio::test]
async fn c003_the_services_own_origin_is_no_clients_whatever_the_database_says() {
    let (service, _, cookie) = signed_in().await;
    let client = BrowserClient {
        origins: vec![ORIGIN.to_owned(), RESOURCE.to_owned()],
        ..web_client()
    };
    let replaced = service
        .app
        .store
        .replace_client(client, None, By::service(START))
        .await;
    assert_eq!(replaced, Ok(ReplaceClient::Replaced));
    let logs = capture_logs();
    for request in [
        mint_request(&cookie, ""),
        sign_in_request("ada", PASSWORD),
        logout_request(&cookie),
    ] {
        let mut preflight = set(request, header::ORIGIN, RESOURCE);
        let path = preflight.uri().to_string();
        *preflight.method_mut() = Method::OPTIONS;
        assert_denied(&service.send(preflight).await, &path);
    }
    for request in [
        mint_request(&cookie, ""),
        sign_in_request("ada", PASSWORD),
        logout_request(&cookie),
    ] {
        let path = request.uri().to_string();
        let answer = service.send(set(request, header::ORIGIN, RESOURCE)).await;
        assert_denied(&answer, &path);
    }
    assert_minted(&service.mint(&cookie, "").await);
    let text = logs.text();
    assert!(text.contains("outcome=origin_refused"), "{text}");
    assert!(!text.contains("--add-origin"), "{text}");
}

#[tokio::test]
async fn a_refused_origin_is_logged_with_the_command_that_would_allow_it() {
    let (service, _, cookie) = signed_in().await;
    let logs = capture_logs();
    let evil = set(
        mint_request(&cookie, ""),
        header::ORIGIN,
        "https://new.example.com",
    );
    assert_denied(&service.send(evil).await, "new");
    let text = logs.text();
    assert!(
        text.contains("sessionmint client set CLIENT_ID --add-origin https://new.example.com"),
        "{text}"
    );
    assert!(
        text.contains("grant=session outcome=origin_refused"),
        "{text}"
    );
}

#[tokio::test]
async fn a_refused_origin_uses_none_of_the_sessions_budget() {
    let (service, _, cookie) = signed_in().await;
    for _ in 0..700 {
        let evil = set(
            mint_request(&cookie, ""),
            header::ORIGIN,
            "https://evil.example.com",
        );
        assert_eq!(service.send(evil).await.status, 403);
    }
    for _ in 0..600 {
        assert_eq!(service.mint(&cookie, "").await.status, 200);
    }
}
