//! The gateway between real sockets: which upstream sees what, and what of its answer gets out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod common;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use common::{get, request, send, serve};
use http::HeaderMap;
use sessionmint_demo::gateway;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What an upstream was asked: path with query, and headers.
type Seen = Arc<Mutex<Vec<(String, HeaderMap)>>>;

struct Setup {
    gateway: SocketAddr,
    iam: Seen,
    service: Seen,
}

impl Setup {
    /// Both upstreams note what they are asked and answer with these headers and the request's body.
    async fn with_answer(headers: &[(&'static str, &'static str)]) -> Self {
        let upstream = |seen: Seen| {
            let headers = headers.to_vec();
            Router::new().fallback(move |request: Request| async move {
                let path = request.uri().path_and_query().unwrap().to_string();
                seen.lock().unwrap().push((path, request.headers().clone()));
                let answer = headers
                    .iter()
                    .fold(Response::builder(), |answer, (name, value)| {
                        answer.header(*name, *value)
                    });
                answer.body(request.into_body()).unwrap()
            })
        };
        let (iam, service) = (Seen::default(), Seen::default());
        let iam_address = serve(upstream(Arc::clone(&iam))).await;
        let service_address = serve(upstream(Arc::clone(&service))).await;
        let authority = |address: SocketAddr| address.to_string().parse().unwrap();
        let router = gateway::router(
            authority(iam_address),
            authority(service_address),
            Router::new(),
        );
        Self {
            gateway: serve(router).await,
            iam,
            service,
        }
    }

    async fn new() -> Self {
        Self::with_answer(&[]).await
    }
}

fn paths(seen: &Seen) -> Vec<String> {
    seen.lock()
        .unwrap()
        .iter()
        .map(|(path, _)| path.clone())
        .collect()
}

fn all(seen: &Seen, name: &str) -> Vec<String> {
    let seen = seen.lock().unwrap();
    let (_, headers) = seen.last().unwrap();
    headers
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect()
}

#[tokio::test]
async fn paths_go_where_they_belong_unchanged() {
    let setup = Setup::new().await;
    for path in [
        "/iam/oauth/token?a=%2F..%2f&b",
        "/iam",
        "/.well-known/oauth-authorization-server/iam",
    ] {
        assert_eq!(get(setup.gateway, path, &[]).await.status, 200);
    }
    for path in ["/notes/1?x=//iam/../", "/", "/a%20b", "/.well-known/other"] {
        assert_eq!(get(setup.gateway, path, &[]).await.status, 200);
    }
    let iam = [
        "/iam/oauth/token?a=%2F..%2f&b",
        "/iam",
        "/.well-known/oauth-authorization-server/iam",
    ];
    assert_eq!(paths(&setup.iam), iam);
    assert_eq!(
        paths(&setup.service),
        ["/notes/1?x=//iam/../", "/", "/a%20b", "/.well-known/other"]
    );
    assert_eq!(all(&setup.iam, "host"), ["api.app.localhost:4181"]);
    assert_eq!(all(&setup.service, "host"), ["api.app.localhost:4181"]);
}

#[tokio::test]
async fn c003_gateway_strips_the_session_cookie() {
    let setup = Setup::new().await;
    let cookies: [&[u8]; 3] = [
        b"cookie: theme=dark; __Host-Http-sid=SECRET; lang=de",
        b"cookie: __Host-Http-sid=SECRET",
        b"cookie: %5F%5FHost-Http-sid=x; odd=\xe2\x80\x80;__Host-Http-sid=SECRET",
    ];
    let mut head: Vec<&[u8]> = vec![b"GET /notes HTTP/1.1", b"host: a"];
    head.extend(cookies);
    send(setup.gateway, &head, b"").await;
    assert_eq!(
        all(&setup.service, "cookie"),
        ["theme=dark; lang=de", "%5F%5FHost-Http-sid=x; odd=\u{2000}"]
    );

    get(setup.gateway, "/notes", &["cookie: __Host-Http-sid=SECRET"]).await;
    assert!(all(&setup.service, "cookie").is_empty());
    assert!(!format!("{:?}", setup.service.lock().unwrap()).contains("SECRET"));
}

#[tokio::test]
async fn c003_the_iam_service_gets_its_cookies_byte_for_byte() {
    let setup = Setup::new().await;
    let cookie: &[u8] = b"cookie: \xe2\x80\x80__Host-Http-sid=x;;  a=1 ;__Host-Http-sid=GOOD";
    send(
        setup.gateway,
        &[b"POST /iam/oauth/token HTTP/1.1", b"host: a", cookie],
        b"",
    )
    .await;
    let seen = setup.iam.lock().unwrap();
    assert_eq!(seen[0].1["cookie"].as_bytes(), &cookie[b"cookie: ".len()..]);
}

#[tokio::test]
async fn c003_gateway_drops_set_cookie_of_that_name() {
    let evil = [
        (
            "set-cookie",
            "__Host-Http-sid=evil; Path=/; Secure; HttpOnly",
        ),
        ("set-cookie", "theme=dark; Path=/"),
        ("set-cookie", "__HOST-HTTP-SID=evil"),
        ("set-cookie", "%5F%5FHost-Http-sid=evil"),
        ("set-cookie", "=__Host-Http-sid=evil"),
        ("clear-site-data", "\"cookies\""),
    ];
    let setup = Setup::with_answer(&evil).await;
    let answer = get(setup.gateway, "/notes", &[]).await;
    assert_eq!(answer.all("set-cookie"), ["theme=dark; Path=/"]);
    assert_eq!(answer.header("clear-site-data"), None);

    let answer = get(setup.gateway, "/iam/passwordlogin", &[]).await;
    assert_eq!(
        answer.all("set-cookie").len(),
        5,
        "the IAM service sets what it likes"
    );
}

#[tokio::test]
async fn c003_path_tricks_reach_no_upstream() {
    let setup = Setup::new().await;
    let tricks = [
        "/svc/..%2fiam",
        "/svc/..%2Fiam/oauth/token",
        "//iam",
        "/notes//iam",
        "/IAM",
        "/Iam/oauth/token",
        "/iam/../notes",
        "/svc/%2e%2e/iam",
        "/svc/.%2E/iam",
        "/svc/../iam",
        "/./iam",
        "/svc/..;/iam",
        "/iam;/oauth/token",
        "/%69am",
        "/svc/..%5ciam",
        "/svc/%252e%252e/iam",
        "/iam%2foauth/token",
        "/iam%00",
    ];
    for path in tricks {
        let answer = get(setup.gateway, path, &["cookie: __Host-Http-sid=SECRET"]).await;
        assert_eq!(answer.status, 400, "{path}");
    }
    let lines: [&[u8]; 3] = [
        b"GET http://api.app.localhost:4181/iam HTTP/1.1",
        b"GET http://evil.com/notes HTTP/1.1",
        b"OPTIONS * HTTP/1.1",
    ];
    for line in lines {
        assert_eq!(
            send(setup.gateway, &[line, b"host: api.app.localhost:4181"], b"")
                .await
                .status,
            400
        );
    }
    let two_hosts: [&[u8]; 3] = [b"GET /notes HTTP/1.1", b"host: a", b"host: b"];
    assert_eq!(send(setup.gateway, &two_hosts, b"").await.status, 400);
    assert!(paths(&setup.iam).is_empty() && paths(&setup.service).is_empty());
}

#[tokio::test]
async fn c003_headers_that_only_a_proxy_may_set_are_replaced() {
    let setup = Setup::new().await;
    let spoofed = [
        "x-user-id: admin",
        "X-User-Roles: root",
        "x_user_id: admin",
        "x-forwarded-for: 10.0.0.1",
        "X-Forwarded-For: 10.0.0.2",
        "x_forwarded_for: 10.0.0.1",
        "x-forwarded-host: evil.com",
        "x-forwarded-proto: https",
        "x-forwarded-user: admin",
        "forwarded: for=10.0.0.1",
        "x-real-ip: 10.0.0.1",
        "x-original-url: /iam",
        "x-rewrite-url: /iam",
        "connection: x-forwarded-for, keep-alive",
        "keep-alive: 1",
        "te: trailers",
        "x-request-id: kept",
    ];
    for (path, seen) in [("/notes", &setup.service), ("/iam/userinfo", &setup.iam)] {
        get(setup.gateway, path, &spoofed).await;
        assert_eq!(all(seen, "x-forwarded-for"), ["127.0.0.1"]);
        assert_eq!(all(seen, "x-forwarded-host"), ["api.app.localhost:4181"]);
        assert_eq!(all(seen, "x-forwarded-proto"), ["http"]);
        let seen = seen.lock().unwrap();
        let mut names: Vec<_> = seen[0].1.keys().map(ToString::to_string).collect();
        names.sort();
        let own = [
            "content-length",
            "host",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto",
            "x-request-id",
        ];
        assert_eq!(names, own);
    }
}

#[tokio::test]
async fn c003_answers_of_services_cannot_run_as_pages_of_the_host() {
    let setup = Setup::with_answer(&[
        ("content-type", "text/html"),
        ("content-security-policy", "default-src *"),
    ])
    .await;
    let answer = request(setup.gateway, "POST", "/notes", &[], "<script>1</script>").await;
    assert_eq!(
        answer.all("content-security-policy"),
        ["default-src 'none'; frame-ancestors 'none'; sandbox"]
    );
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
}

#[tokio::test]
async fn bodies_are_streamed_both_ways() {
    let setup = Setup::new().await;
    let mut stream = TcpStream::connect(setup.gateway).await.unwrap();
    let head =
        b"POST /notes HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n";
    stream.write_all(head).await.unwrap();
    let mut got = Vec::new();
    while !got.ends_with(b"first\r\n") {
        got.push(stream.read_u8().await.unwrap());
    }
    stream.write_all(b"6\r\nsecond\r\n0\r\n\r\n").await.unwrap();
    while !got.ends_with(b"second\r\n0\r\n\r\n") {
        got.push(stream.read_u8().await.unwrap());
    }
}

#[tokio::test]
async fn an_upstream_that_is_down_is_a_502() {
    let nobody = serve(Router::new()).await;
    let nobody = format!("{}:{}", nobody.ip(), 1).parse().unwrap();
    let other = serve(Router::new().fallback(|| async { Body::empty() })).await;
    let router = gateway::router(nobody, other.to_string().parse().unwrap(), Router::new());
    let gateway = serve(router).await;
    let answer = get(gateway, "/iam/oauth/token", &[]).await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (502, Some("application/problem+json"))
    );
    assert_eq!(get(gateway, "/notes", &[]).await.status, 200);
}
