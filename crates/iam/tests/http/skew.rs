//! Two instances on one database whose clocks differ.

use std::sync::Arc;

use axum::Router;
use http::{Method, StatusCode};
use sessionmint_iam::testing::{Answer, ISSUER, TestService, capture_logs, mint_request};
use sessionmint_iam::{App, Clock as _, ManualClock};
use sessionmint_store::{By, SqliteStore};
use tower::ServiceExt as _;

use super::support::{PASSWORD, assert_login_required, assert_minted, bearer, logout_request};

/// An instance beside a service, with a clock of its own.
struct Other {
    app: Arc<App>,
    router: Router,
    clock: Arc<ManualClock>,
}

impl Other {
    /// With a clock that is `ahead` seconds before the service's.
    async fn beside(service: &TestService, ahead: i64) -> Self {
        let store = SqliteStore::open(service.folder().join("iam.db")).unwrap();
        let clock = Arc::new(ManualClock::new(service.clock.now()));
        clock.advance_secs(ahead);
        let app = App::builder(service.app.config.clone(), Arc::new(store))
            .clock(clock.clone())
            .authenticator(service.app.authenticator.clone())
            .build()
            .await
            .unwrap();
        let router = sessionmint_iam::http::router(Arc::clone(&app));
        Self { app, router, clock }
    }

    async fn send(&self, request: http::Request<axum::body::Body>) -> Answer {
        use http_body_util::BodyExt as _;

        let (parts, body) = self
            .router
            .clone()
            .oneshot(request)
            .await
            .unwrap()
            .into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }
}

/// A token for the account endpoints.
fn for_account(cookie: &str) -> http::Request<axum::body::Body> {
    mint_request(cookie, &format!("resource={ISSUER}&scope=account"))
}

fn userinfo(token: &str) -> http::Request<axum::body::Body> {
    bearer(Method::GET, "/iam/userinfo", token)
}

#[tokio::test]
async fn c160_instances_whose_clocks_differ_by_three_seconds_work_together() {
    let logs = capture_logs();
    for ahead in [3, -3] {
        let service = TestService::start().await;
        service.add_user("ada", PASSWORD).await;
        let other = Other::beside(&service, ahead).await;
        let cookie = service.sign_in("ada", PASSWORD).await;
        let here = service.account_token(&cookie).await;
        let there = other.send(for_account(&cookie)).await.access_token();
        for token in [&here, &there] {
            assert_eq!(service.send(userinfo(token)).await.status, StatusCode::OK);
            assert_eq!(other.send(userinfo(token)).await.status, StatusCode::OK);
        }
        // Also through a change of keys, at whose moment one instance signs with the new key already.
        let by = By::service(service.clock.now());
        let keys = &service.app.keys;
        keys.rotate(
            &*service.app.store,
            &by,
            sessionmint_iam::keys::Rotation::Planned,
        )
        .await
        .unwrap();
        for step in 0..2 {
            let until_change = if step == 0 { 303 } else { 4 };
            service.clock.advance_secs(until_change);
            other.clock.advance_secs(until_change);
            for (app, clock) in [(&service.app, &service.clock), (&other.app, &other.clock)] {
                let by = By::service(clock.now());
                app.keys.refresh(&*app.store, &by).await.unwrap();
            }
            let here = service.account_token(&cookie).await;
            let there = other.send(for_account(&cookie)).await.access_token();
            assert_eq!(service.send(userinfo(&there)).await.status, StatusCode::OK);
            assert_eq!(other.send(userinfo(&here)).await.status, StatusCode::OK);
        }
        assert_eq!(other.send(logout_request(&cookie)).await.status, 204);
        assert_login_required(&service.mint(&cookie, "").await);
    }
    assert!(!logs.text().contains("begins in the future"));
}

#[tokio::test]
async fn c160_a_clock_that_is_minutes_off_is_refused_and_reported() {
    let logs = capture_logs();
    let service = TestService::start().await;
    service.add_user("ada", PASSWORD).await;
    let fast = Other::beside(&service, 300).await;
    let signed_in = sessionmint_iam::testing::sign_in_request("ada", PASSWORD);
    let cookie = fast.send(signed_in).await.session_cookie().unwrap();
    let early = fast.send(for_account(&cookie)).await.access_token();
    // Not valid yet by the right clock; and what is minted by that one is over by the fast one.
    assert_eq!(service.send(userinfo(&early)).await.status, 401);
    let late = service.account_token(&cookie).await;
    fast.clock.advance_secs(6);
    assert_eq!(fast.send(userinfo(&late)).await.status, 401);
    // Said once a minute, not at each mint; nobody is signed out for it.
    for _ in 0..5 {
        assert_minted(&service.mint(&cookie, "").await);
    }
    let told = |text: &str| text.matches("begins in the future").count();
    assert_eq!(told(&logs.text()), 1, "{}", logs.text());
    assert!(logs.text().contains("behind_secs=300"), "{}", logs.text());
    service.clock.advance_secs(60);
    assert_minted(&service.mint(&cookie, "").await);
    assert_eq!(told(&logs.text()), 2);
}
