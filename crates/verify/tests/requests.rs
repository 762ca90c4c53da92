//! What a request must bring, and the challenges that it gets (RFC 6750).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod common;

use axum::body::Body;
use axum::handler::Handler;
use axum::routing::{get, post};
use axum::{Router, response::Response};
use common::{AUDIENCE, Behaviour, INVALID_TOKEN, ISSUER, Key, Service, claims};
use http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use sessionmint_verify::{AccessToken, Subject, Verifier};
use tower::ServiceExt;
use tower_http::cors::{AllowOrigin, CorsLayer};

fn request(headers: &[(&str, &str)]) -> Request<Body> {
    headers
        .iter()
        .fold(Request::get("/notes"), |request, (name, value)| {
            request.header(*name, *value)
        })
        .body(Body::empty())
        .unwrap()
}

async fn json_body(response: Response) -> Value {
    assert_eq!(
        response.headers()[header::CONTENT_TYPE],
        "application/problem+json"
    );
    serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

#[tokio::test]
async fn c129_each_lack_has_its_challenge() {
    let key = Key::es256("k");
    let service = Service::with_keys(&[&key]).await;

    let missing = service.request(request(&[])).await;
    assert_eq!(missing.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(missing.headers()[header::WWW_AUTHENTICATE], "Bearer");

    let invalid = service.get("nonsense").await;
    assert_eq!(invalid.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(invalid.headers()[header::WWW_AUTHENTICATE], INVALID_TOKEN);
    let body = json_body(invalid).await;
    assert_eq!(
        body,
        json!({"title": "Unauthorized", "status": 401, "detail": "the access token is not valid"})
    );

    let mut claims = claims();
    claims["scope"] = json!("notes:write notes:rea notes:readx");
    let narrow = service.get(&key.token(&claims)).await;
    assert_eq!(narrow.status(), StatusCode::FORBIDDEN);
    assert_eq!(
        narrow.headers()[header::WWW_AUTHENTICATE],
        r#"Bearer error="insufficient_scope", scope="notes:read""#
    );
    claims.as_object_mut().unwrap().remove("scope");
    assert_eq!(
        service.get(&key.token(&claims)).await.status(),
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn c130_the_token_comes_in_one_authorization_field_and_nowhere_else() {
    let key = Key::es256("k");
    let service = Service::with_keys(&[&key]).await;
    let token = key.good_token();
    let bearer = format!("Bearer {token}");

    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        let response = service
            .request(request(&[("authorization", &format!("{scheme} {token}"))]))
            .await;
        assert_eq!(response.status(), StatusCode::OK, "{scheme}");
    }

    let twice = service
        .request(request(&[
            ("authorization", &bearer),
            ("authorization", &bearer),
        ]))
        .await;
    assert_eq!(twice.status(), StatusCode::BAD_REQUEST);
    assert_eq!(
        twice.headers()[header::WWW_AUTHENTICATE],
        r#"Bearer error="invalid_request""#
    );
    let mixed = service
        .request(request(&[
            ("authorization", "Basic dTpw"),
            ("authorization", &bearer),
        ]))
        .await;
    assert_eq!(mixed.status(), StatusCode::BAD_REQUEST);

    for value in [
        token.as_str(),
        &format!("Basic {token}"),
        &format!("Bearer{token}"),
        &format!("DPoP {token}"),
        "",
    ] {
        let response = service.request(request(&[("authorization", value)])).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{value}");
        assert_eq!(
            response.headers()[header::WWW_AUTHENTICATE],
            "Bearer",
            "{value}"
        );
    }
    for value in [
        "Bearer",
        "Bearer ",
        &format!("Bearer  {token}"),
        &format!("Bearer\u{a0}{token}"),
    ] {
        let value = http::HeaderValue::from_bytes(value.as_bytes()).unwrap();
        let request = Request::get("/notes")
            .header("authorization", value)
            .body(Body::empty())
            .unwrap();
        assert_eq!(
            service.request(request).await.status(),
            StatusCode::UNAUTHORIZED
        );
    }

    let query = Request::get(format!("/notes?access_token={token}"))
        .body(Body::empty())
        .unwrap();
    let form = Request::get("/notes")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(format!("access_token={token}")))
        .unwrap();
    for request in [query, form] {
        let response = service.request(request).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer");
    }
}

#[tokio::test]
async fn c131_a_cookie_never_authorizes() {
    let key = Key::es256("k");
    let service = Service::with_keys(&[&key]).await;
    let token = key.good_token();
    for cookie in [
        format!("__Host-Http-sid={token}"),
        format!("access_token={token}; Authorization=Bearer {token}"),
    ] {
        let response = service.request(request(&[("cookie", &cookie)])).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer");
    }
}

#[tokio::test]
async fn c134_a_clients_token_is_not_taken_for_a_users() {
    let key = Key::es256("k");
    let service = Service::with_keys(&[&key]).await;
    let with_sub = |sub: &str| {
        let mut claims = claims();
        claims["sub"] = json!(sub);
        key.token(&claims)
    };
    let client = service
        .verifier
        .verify(&with_sub("cli_worker"))
        .await
        .unwrap();
    assert_eq!(client.subject(), Subject::Client("cli_worker"));
    assert_eq!(client.subject().user(), None);
    let user = service.verifier.verify(&with_sub("usr_1")).await.unwrap();
    assert_eq!(user.subject(), Subject::User("usr_1"));
    for sub in ["admin", "usr_", "ses_1", "web", "USR_1"] {
        service.refuses(sub, &with_sub(sub)).await;
    }
}

async fn subject(token: AccessToken) -> String {
    token.subject().to_string()
}

#[tokio::test]
async fn every_route_has_its_own_scope_and_layers_add_up() {
    let key = Key::es256("k");
    let service = Service::with_keys(&[&key]).await;
    let verifier = &service.verifier;
    let app = Router::new()
        .route(
            "/notes",
            get(subject.layer(verifier.require("notes:read")))
                .post(subject.layer(verifier.require("notes:write"))),
        )
        .route(
            "/both",
            post(
                subject
                    .layer(verifier.require("notes:write"))
                    .layer(verifier.require("notes:read")),
            ),
        )
        .route("/any", get(subject.layer(verifier.require_token())));
    let status = |method: Method, path: &'static str, scope: &str| {
        let mut claims = claims();
        claims["scope"] = json!(scope);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {}", key.token(&claims)))
            .body(Body::empty())
            .unwrap();
        let response = app.clone().oneshot(request);
        async move { response.await.unwrap().status().as_u16() }
    };
    assert_eq!(status(Method::GET, "/notes", "notes:read").await, 200);
    assert_eq!(status(Method::POST, "/notes", "notes:read").await, 403);
    assert_eq!(status(Method::POST, "/notes", "notes:write").await, 200);
    assert_eq!(status(Method::POST, "/both", "notes:write").await, 403);
    assert_eq!(status(Method::POST, "/both", "notes:read").await, 403);
    assert_eq!(
        status(Method::POST, "/both", "notes:read notes:write").await,
        200
    );
    assert_eq!(status(Method::GET, "/any", "").await, 200);
}

#[tokio::test]
async fn a_token_checked_for_one_audience_is_checked_again_for_another() {
    let key = Key::es256("k");
    let service = Service::with_keys(&[&key]).await;
    let other = Verifier::builder(ISSUER, "https://other.example")
        .jwks_url(format!("{}/jwks", service.keys.origin))
        .clock(service.clock.clone())
        .build()
        .unwrap();
    let app = Router::new()
        .route("/", get(subject).layer(other.require("notes:read")))
        .layer(service.verifier.require_token());
    let request = Request::get("/")
        .header("authorization", format!("Bearer {}", key.good_token()))
        .body(Body::empty())
        .unwrap();
    assert_eq!(
        app.oneshot(request).await.unwrap().status(),
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn several_audiences_can_be_accepted() {
    let key = Key::es256("k");
    let service = Service::start(Behaviour::keys(&[key.jwk()]), |builder| {
        builder.audience("https://old.example.com")
    })
    .await;
    let mut claims = claims();
    for (aud, good) in [
        (AUDIENCE, true),
        ("https://old.example.com", true),
        ("https://old.example", false),
    ] {
        claims["aud"] = json!(aud);
        assert_eq!(
            service.verifier.verify(&key.token(&claims)).await.is_ok(),
            good,
            "{aud}"
        );
    }
}

#[tokio::test]
async fn a_route_without_the_layer_is_closed_not_open() {
    let app: Router = Router::new().route("/", get(subject));
    let response = app
        .oneshot(Request::get("/").body(Body::empty()).unwrap())
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn inside_the_cors_layer_the_page_can_read_the_401() {
    let key = Key::es256("k");
    let service = Service::with_keys(&[&key]).await;
    let cors = CorsLayer::new()
        .allow_origin(AllowOrigin::exact(
            "https://ui.example.com".parse().unwrap(),
        ))
        .allow_headers([header::AUTHORIZATION])
        .expose_headers([header::WWW_AUTHENTICATE]);
    let app = Router::new()
        .route("/notes", get(subject))
        .layer(service.verifier.require("notes:read"))
        .layer(cors);
    let refused = Request::get("/notes")
        .header("origin", "https://ui.example.com")
        .body(Body::empty())
        .unwrap();
    let refused = app.clone().oneshot(refused).await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        refused.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN],
        "https://ui.example.com"
    );
    assert_eq!(
        refused.headers()[header::ACCESS_CONTROL_EXPOSE_HEADERS],
        "www-authenticate"
    );

    let preflight = Request::options("/notes")
        .header("origin", "https://ui.example.com")
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "authorization")
        .body(Body::empty())
        .unwrap();
    assert_eq!(
        app.oneshot(preflight).await.unwrap().status(),
        StatusCode::OK
    );
}
