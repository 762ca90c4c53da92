//! The binary: its ready line, its end, and what it says about a wrong start.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod common;

use std::net::SocketAddr;
use std::process::{Output, Stdio};
use std::time::Duration;

use axum::Router;
use common::{get, serve};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

const ISSUER: &str = "http://api.app.localhost:4181/iam";

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("index.html"), "app").unwrap();
    folder
}

fn command(folder: &TempDir, iam: &str, issuer: &str, ports: [u16; 2]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sessionmint-demo"));
    command
        .args([
            "--ui-port",
            &ports[0].to_string(),
            "--api-port",
            &ports[1].to_string(),
        ])
        .args(["--login-port", "0", "--login-dist"])
        .arg(folder.path())
        .args(["--iam", iam, "--issuer", issuer])
        .arg("--dist")
        .arg(folder.path())
        .arg("--database")
        .arg(folder.path().join("notes.db"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// The child and where its gateway is.
async fn start(folder: &TempDir, iam: SocketAddr, more: &[&str]) -> (Child, SocketAddr) {
    let mut command = command(folder, &format!("http://{iam}"), ISSUER, [0, 0]);
    let mut child = command.args(more).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().unwrap();
    assert!(line.starts_with("demo ready"), "{line}");
    let port = line.rsplit_once(':').unwrap().1.parse().unwrap();
    (child, SocketAddr::from(([127, 0, 0, 1], port)))
}

async fn fails(mut command: Command) -> String {
    let Output { status, stderr, .. } = command.output().await.unwrap();
    assert_eq!(status.code(), Some(1));
    String::from_utf8(stderr).unwrap()
}

#[tokio::test]
async fn it_says_when_it_is_ready_and_ends_cleanly() {
    let iam = serve(Router::new().fallback(|| async { "iam" })).await;
    let folder = folder();
    let (mut child, gateway) = start(&folder, iam, &[]).await;
    assert_eq!(get(gateway, "/iam/userinfo", &[]).await.body, "iam");
    assert_eq!(get(gateway, "/notes", &[]).await.status, 401);
    let pid = child.id().unwrap().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .await
            .unwrap()
            .success()
    );
    let ended = tokio::time::timeout(Duration::from_secs(10), child.wait())
        .await
        .expect("it ends");
    assert!(ended.unwrap().success());
}

#[tokio::test]
async fn the_service_and_the_switch_answer_the_app_at_the_origin_that_they_are_told() {
    let iam = serve(Router::new()).await;
    let folder = folder();
    let origin = "https://ui.example.com";
    let (_child, gateway) = start(&folder, iam, &["--ui-origin", origin]).await;
    for path in ["/notes", "/demo/ttl"] {
        let answer = get(gateway, path, &["origin: https://ui.example.com"]).await;
        let allowed = answer.header("access-control-allow-origin");
        assert_eq!(allowed, Some(origin), "{path}");
    }
}

#[tokio::test]
async fn a_port_in_use_is_named_with_its_flag() {
    let taken = serve(Router::new()).await.port();
    let folder = folder();
    for (ports, flag) in [([taken, 0], "--ui-port"), ([0, taken], "--api-port")] {
        let error = fails(command(&folder, "http://127.0.0.1:1", ISSUER, ports)).await;
        assert!(
            error.contains(flag) && error.contains(&taken.to_string()),
            "{error}"
        );
    }
}

#[tokio::test]
async fn wrong_addresses_are_named_with_their_flag() {
    let folder = folder();
    let iam = fails(command(
        &folder,
        "https://elsewhere.example/iam",
        ISSUER,
        [0, 0],
    ))
    .await;
    assert!(iam.contains("--iam"), "{iam}");
    let issuer = fails(command(
        &folder,
        "http://127.0.0.1:1",
        "http://api.app.localhost:4181/other",
        [0, 0],
    ))
    .await;
    assert!(issuer.contains("--issuer"), "{issuer}");
    for wrong in [
        "ui.example.com",
        "https://ui.example.com/app",
        "https://ui.example.com/?",
    ] {
        let mut command = command(&folder, "http://127.0.0.1:1", ISSUER, [0, 0]);
        command.args(["--ui-origin", wrong]);
        let origin = fails(command).await;
        assert!(origin.contains("--ui-origin"), "{wrong}: {origin}");
    }
}
