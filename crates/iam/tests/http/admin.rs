//! The admin endpoints: who may ask, what readiness depends on, and that the metrics are what dashboards count on.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, header};
use http_body_util::BodyExt as _;
use sessionmint_iam::admin::{self, Status};
use sessionmint_iam::testing::{ORIGIN, TestService, capture_logs, mint_request};
use tower::ServiceExt as _;

use crate::support::{PASSWORD, logout_request, signed_in};

/// Status and text of an admin answer to this peer.
async fn ask(service: &TestService, status: &Arc<Status>, path: &str, peer: &str) -> (u16, String) {
    let router = admin::router(Arc::clone(&service.app), Arc::clone(status));
    let peer: SocketAddr = peer.parse().unwrap();
    let request = Request::builder()
        .uri(path)
        .extension(ConnectInfo(peer))
        .body(Body::empty())
        .unwrap();
    let response = router.oneshot(request).await.unwrap();
    let code = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (code, String::from_utf8(body.to_vec()).unwrap())
}

const HERE: &str = "127.0.0.1:50000";

pub(crate) async fn metrics(service: &TestService) -> String {
    let (code, text) = ask(service, &Arc::default(), "/metrics", HERE).await;
    assert_eq!(code, 200, "{text}");
    text
}

#[tokio::test]
async fn ready_is_who_has_a_store_and_is_not_stopping_and_alive_is_everybody() {
    let service = TestService::start().await;
    let status = Arc::default();
    assert_eq!(
        ask(&service, &status, "/readyz", HERE).await,
        (200, "ready\n".to_owned())
    );
    service.store.set_down(true);
    let (code, text) = ask(&service, &status, "/readyz", HERE).await;
    assert_eq!(
        (code, text.as_str()),
        (503, "not ready: the store does not answer\n")
    );
    service.store.set_down(false);
    assert_eq!(ask(&service, &status, "/readyz", HERE).await.0, 200);
    status.drain();
    let (code, text) = ask(&service, &status, "/readyz", HERE).await;
    assert_eq!(
        (code, text.as_str()),
        (503, "not ready: the service is stopping\n")
    );
    service.store.set_down(true);
    assert_eq!(
        ask(&service, &status, "/healthz", HERE).await,
        (200, "ok\n".to_owned())
    );
}

#[tokio::test]
async fn only_this_machine_and_named_networks_are_answered() {
    let allow = vec!["10.1.0.0/16".parse().unwrap()];
    let service = TestService::start_with(|config| config.admin.allow = allow, None).await;
    for path in ["/healthz", "/readyz", "/metrics"] {
        for (peer, code) in [
            (HERE, 200),
            ("[::1]:5", 200),
            ("10.1.2.3:5", 200),
            ("[::ffff:10.1.2.3]:5", 200),
            ("10.2.0.1:5", 403),
            ("[2001:db8::1]:5", 403),
        ] {
            assert_eq!(
                ask(&service, &Arc::default(), path, peer).await.0,
                code,
                "{path} {peer}"
            );
        }
    }
    let router = admin::router(Arc::clone(&service.app), Arc::default());
    let nobody = Request::builder()
        .uri("/metrics")
        .body(Body::empty())
        .unwrap();
    assert_eq!(router.oneshot(nobody).await.unwrap().status(), 403);
}

#[tokio::test]
async fn the_public_listener_knows_nothing_of_the_admin_endpoints() {
    let service = TestService::start().await;
    for path in ["/metrics", "/healthz", "/readyz", "/iam/metrics"] {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        assert_eq!(service.send(request).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn c151_mints_and_refusals_are_counted_and_logged_by_outcome() {
    let (service, _, cookie) = signed_in().await;
    let logs = capture_logs();
    service.mint(&cookie, "").await;
    service.mint(&cookie, "").await;
    service.mint("unknown", "").await;
    service.mint(&cookie, "scope=admin").await;
    service.try_sign_in("ada", "wrong").await;
    let mut evil = mint_request(&cookie, "");
    evil.headers_mut()
        .insert(header::ORIGIN, "https://evil.example".parse().unwrap());
    service.send(evil).await;
    let mut form = mint_request(&cookie, "");
    form.headers_mut()
        .insert("sec-fetch-mode", "navigate".parse().unwrap());
    service.send(form).await;
    service.send(logout_request(&cookie)).await;
    service.store.set_down(true);
    service.mint(&cookie, "").await;
    service.store.set_down(false);
    let logged = logs.text();
    for (outcome, times) in [
        ("outcome=minted client_id=web sid=ses_", 2),
        ("outcome=login_required client_id=web", 1),
        ("outcome=invalid_scope client_id=web", 1),
        ("grant=session outcome=origin_refused", 1),
        (
            "INFO sessionmint_iam::login::password: sign-in outcome=rejected network=",
            1,
        ),
        ("reason=\"wrong password\"", 1),
        ("outcome=signed_out", 1),
    ] {
        assert_eq!(
            logged.matches(outcome).count(),
            times,
            "{outcome} in\n{logged}"
        );
    }
    let text = metrics(&service).await;
    for line in [
        r#"sessionmint_tokens_total{grant="session",outcome="minted"} 2"#,
        r#"sessionmint_tokens_total{grant="session",outcome="login_required"} 1"#,
        r#"sessionmint_tokens_total{grant="session",outcome="invalid_scope"} 1"#,
        r#"sessionmint_tokens_total{grant="session",outcome="origin_refused"} 1"#,
        r#"sessionmint_tokens_total{grant="session",outcome="fetch_refused"} 1"#,
        r#"sessionmint_tokens_total{grant="session",outcome="throttled"} 0"#,
        r#"sessionmint_tokens_total{grant="session",outcome="temporarily_unavailable"} 1"#,
        r#"sessionmint_sign_ins_total{outcome="signed_in"} 1"#,
        r#"sessionmint_sign_ins_total{outcome="rejected"} 1"#,
        r#"sessionmint_sign_outs_total{outcome="signed_out"} 1"#,
        r#"sessionmint_refused_origins_total{reason="not_registered"} 1"#,
        r#"sessionmint_refused_origins_total{reason="not_fetch"} 1"#,
        "sessionmint_signing_keys 1",
        "sessionmint_password_hashes_waiting 0",
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "{line} is not in\n{text}"
        );
    }
    service.clock.advance_secs(7200);
    assert!(
        metrics(&service)
            .await
            .contains("sessionmint_signing_key_age_seconds 7200.0")
    );
}

#[tokio::test]
async fn no_label_tells_who_or_from_where() {
    let (service, ada, cookie) = signed_in().await;
    let token = service.account_token(&cookie).await;
    let mut evil = mint_request(&cookie, "grant_type=weird&client_id=web");
    evil.headers_mut()
        .insert(header::ORIGIN, "https://evil.example".parse().unwrap());
    service.send(evil).await;
    service.try_sign_in("nobody-knows", PASSWORD).await;
    let text = metrics(&service).await;
    for secret in [
        "ada",
        ada.as_str(),
        "ses_",
        "web",
        "nobody-knows",
        "evil",
        ORIGIN,
        &token,
        &cookie,
    ] {
        assert!(!text.contains(secret), "{secret} is in\n{text}");
    }
}

/// The names of the series that a text offers, and of the labels of each.
fn offered(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next())
        .map(str::to_owned)
        .collect()
}

/// All words of our own in a text.
fn used(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("sessionmint_"))
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn dashboard_and_alerts_use_only_metrics_that_exist_and_the_dashboard_all_of_them() {
    let (service, _, cookie) = signed_in().await;
    service.send(logout_request(&cookie)).await;
    let mut evil = mint_request(&cookie, "");
    evil.headers_mut()
        .insert(header::ORIGIN, "https://evil.example".parse().unwrap());
    service.send(evil).await;
    let offered = offered(&metrics(&service).await);

    let dashboard = include_str!("../../ops/dashboard.json");
    let _: serde_json::Value = serde_json::from_str(dashboard).unwrap();
    let shown = used(dashboard);
    let missing: Vec<_> = shown.difference(&offered).collect();
    assert!(
        missing.is_empty(),
        "the dashboard shows {missing:?}, which are not there"
    );
    let part = |name: &&String| name.ends_with("_sum");
    let unseen: Vec<_> = offered
        .difference(&shown)
        .filter(|name| !part(name))
        .collect();
    assert!(
        unseen.iter().all(|name| !name.starts_with("sessionmint_")),
        "the dashboard does not show {unseen:?}"
    );
    let alerts = used(include_str!("../../ops/alerts.yml"));
    let missing: Vec<_> = alerts.difference(&offered).collect();
    assert!(
        missing.is_empty() && !alerts.is_empty(),
        "alerts use {missing:?}, which are not there"
    );
}
