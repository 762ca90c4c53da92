//! The server of the app and the short-token switch.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod common;

use std::net::SocketAddr;

use common::{get, request, send, serve};
use serde_json::json;
use sessionmint_demo::{ttl, ui};
use tempfile::TempDir;

const UI: &str = "http://ui.app.localhost:4180";

async fn app() -> (SocketAddr, TempDir) {
    let dist = tempfile::tempdir().unwrap();
    std::fs::create_dir(dist.path().join("assets")).unwrap();
    std::fs::write(dist.path().join("index.html"), "<!doctype html>app").unwrap();
    std::fs::write(dist.path().join("assets/app-1a2b.js"), "code").unwrap();
    std::fs::write(dist.path().join("assets/app-1a2b.wasm"), "code").unwrap();
    std::fs::write(dist.path().join("favicon.svg"), "<svg/>").unwrap();
    let router = ui::router(
        dist.path(),
        "http://api.app.localhost:4181",
        "http://api.app.localhost:4181/iam",
        "ui.example.com",
    )
    .unwrap();
    (serve(router).await, dist)
}

async fn of_the_app(app: SocketAddr, path: &str) -> common::Answer {
    let line = format!("GET {path} HTTP/1.1");
    send(app, &[line.as_bytes(), b"host: ui.app.localhost:4180"], b"").await
}

#[tokio::test]
async fn c143_every_answer_comes_with_a_strict_policy() {
    let (app, _dist) = app().await;
    for path in [
        "/",
        "/login",
        "/assets/app-1a2b.js",
        "/assets/missing.js",
        "/config.json",
    ] {
        let answer = of_the_app(app, path).await;
        let policy = answer.header("content-security-policy").unwrap();
        assert_eq!(
            policy,
            "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; \
             font-src 'self'; connect-src 'self' http://api.app.localhost:4181; base-uri 'none'; object-src 'none'; \
             frame-ancestors 'none'; form-action 'self'; require-trusted-types-for 'script'; trusted-types 'none'"
        );
        assert_eq!(
            answer.header("cross-origin-opener-policy"),
            Some("same-origin")
        );
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("set-cookie"), None);
    }
}

#[tokio::test]
async fn files_are_files_and_the_rest_is_the_app() {
    let (app, _dist) = app().await;
    for path in [
        "/",
        "/index.html",
        "/login",
        "/account/sessions",
        "/login?next=/a.b",
    ] {
        let page = of_the_app(app, path).await;
        assert_eq!(
            (page.status, page.body.as_str()),
            (200, "<!doctype html>app"),
            "{path}"
        );
        assert_eq!(page.header("cache-control"), Some("no-cache"), "{path}");
    }
    for (path, kind) in [
        ("/assets/app-1a2b.js", "text/javascript"),
        ("/assets/app-1a2b.wasm", "application/wasm"),
    ] {
        let asset = of_the_app(app, path).await;
        assert_eq!(
            (asset.status, asset.header("content-type")),
            (200, Some(kind))
        );
        assert_eq!(
            asset.header("cache-control"),
            Some("public, max-age=31536000, immutable")
        );
    }
    let svg = of_the_app(app, "/favicon.svg").await;
    assert_eq!(
        (svg.status, svg.header("cache-control")),
        (200, Some("no-store"))
    );
    for path in [
        "/assets/missing.js",
        "/../Cargo.toml",
        "/..%2fCargo.toml",
        "/assets/..%5c..%5cCargo.toml",
    ] {
        let missing = of_the_app(app, path).await;
        assert_eq!(
            (missing.status, missing.header("cache-control")),
            (404, Some("no-store")),
            "{path}"
        );
    }
    let config = of_the_app(app, "/config.json").await.json();
    assert_eq!(
        config,
        json!({"api": "http://api.app.localhost:4181", "iam": "http://api.app.localhost:4181/iam"})
    );
}

#[tokio::test]
async fn foreign_names_for_this_machine_get_no_page() {
    let (app, _dist) = app().await;
    for (host, status) in [
        ("ui.app.localhost:4180", 200),
        ("UI.app.localhost", 200),
        ("127.0.0.1:9", 200),
        ("[::1]:4180", 200),
        ("localhost:1", 200),
        ("UI.example.com", 200),
        ("api.example.com", 421),
        ("evil.com", 421),
        ("ui.app.localhost.evil.com", 421),
        ("192.0.2.1", 421),
        ("", 421),
    ] {
        let host_line = format!("host: {host}");
        let answer = send(app, &[b"GET / HTTP/1.1", host_line.as_bytes()], b"").await;
        assert_eq!(answer.status, status, "{host}");
    }
}

#[test]
fn an_app_that_is_not_built_is_named() {
    let empty = tempfile::tempdir().unwrap();
    let error = ui::router(empty.path(), "http://a", "http://a/iam", "ui").unwrap_err();
    assert!(error.to_string().contains("build it first"));
}

/// A switch whose command appends its last argument to a file.
async fn switch(exit: u8) -> (SocketAddr, TempDir) {
    let folder = tempfile::Builder::new()
        .prefix("with space")
        .tempdir()
        .unwrap();
    let script = folder.path().join("command.sh");
    let text = format!(
        "echo \"$1 $2\" >> '{}/ran'; exit {exit}",
        folder.path().display()
    );
    std::fs::write(&script, text).unwrap();
    let command = ttl::words(&format!("sh \"{}\" --ttl", script.display()));
    (
        serve(ttl::router(command, UI.parse().unwrap())).await,
        folder,
    )
}

fn ran(folder: &TempDir) -> String {
    std::fs::read_to_string(folder.path().join("ran")).unwrap_or_default()
}

async fn post(to: SocketAddr, origin: &str, body: &str) -> common::Answer {
    request(
        to,
        "POST",
        "/demo/ttl",
        &[
            &format!("origin: {origin}"),
            "content-type: application/json",
        ],
        body,
    )
    .await
}

#[tokio::test]
async fn the_switch_runs_the_command_and_remembers() {
    let (gateway, folder) = switch(0).await;
    let origin = format!("origin: {UI}");
    assert_eq!(
        get(gateway, "/demo/ttl", &[&origin]).await.json(),
        json!({"ttl": 300})
    );
    let switched = post(gateway, UI, r#"{"ttl":15}"#).await;
    assert_eq!(
        (switched.status, switched.json()),
        (200, json!({"ttl": 15}))
    );
    assert_eq!(switched.header("access-control-allow-origin"), Some(UI));
    assert_eq!(
        get(gateway, "/demo/ttl", &[&origin]).await.json(),
        json!({"ttl": 15})
    );
    post(gateway, UI, r#"{"ttl":300}"#).await;
    assert_eq!(ran(&folder), "--ttl 15\n--ttl 300\n");
}

#[tokio::test]
async fn only_the_app_can_switch_and_only_within_bounds() {
    let (gateway, folder) = switch(0).await;
    for origin in [
        "null",
        "http://evil.app.localhost:4180",
        "http://ui.app.localhost",
        "http://ui.app.localhost:4180/",
        "HTTP://ui.app.localhost:4180",
    ] {
        let answer = post(gateway, origin, r#"{"ttl":15}"#).await;
        assert_eq!(
            (answer.status, answer.header("access-control-allow-origin")),
            (403, None),
            "{origin}"
        );
        assert_eq!(
            get(gateway, "/demo/ttl", &[&format!("origin: {origin}")])
                .await
                .status,
            403
        );
    }
    assert_eq!(get(gateway, "/demo/ttl", &[]).await.status, 403);
    for body in [
        r#"{"ttl":4}"#,
        r#"{"ttl":301}"#,
        r#"{"ttl":-1}"#,
        r#"{"ttl":"15; rm"}"#,
        r#"{"ttl":15,"x":1}"#,
        "{}",
    ] {
        assert_eq!(post(gateway, UI, body).await.status, 422, "{body}");
    }
    let text = request(
        gateway,
        "POST",
        "/demo/ttl",
        &[&format!("origin: {UI}"), "content-type: text/plain"],
        r#"{"ttl":15}"#,
    )
    .await;
    assert_eq!(text.status, 415);
    assert_eq!(ran(&folder), "");
}

#[tokio::test]
async fn a_failing_command_changes_nothing() {
    let (gateway, _folder) = switch(1).await;
    assert_eq!(post(gateway, UI, r#"{"ttl":15}"#).await.status, 500);
    assert_eq!(
        get(gateway, "/demo/ttl", &[&format!("origin: {UI}")])
            .await
            .json(),
        json!({"ttl": 300})
    );
    let without = serve(ttl::router(Vec::new(), UI.parse().unwrap())).await;
    assert_eq!(post(without, UI, r#"{"ttl":15}"#).await.status, 404);
}
