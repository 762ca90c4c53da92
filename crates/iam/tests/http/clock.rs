//! Clocks that jump while the service runs.

use sessionmint_iam::Clock as _;
use sessionmint_iam::testing::{START, TestService};
use sessionmint_oauth::Timestamp;
use sessionmint_store::{By, Users as _};

use crate::support::{
    PASSWORD, assert_login_required, assert_minted, bearer, logout_request, signed_in,
};

const HOUR: i64 = 3600;
const ABSOLUTE: i64 = 86_400;

/// Mints and checks what must hold whatever the clock shows.
async fn mint(service: &TestService, cookie: &str, absolute_end: i64) {
    let answer = service.mint(cookie, "idle_for=0").await;
    let claims = assert_minted(&answer);
    let now = service.clock.now().secs();
    let (iat, exp) = (
        claims["iat"].as_i64().unwrap(),
        claims["exp"].as_i64().unwrap(),
    );
    assert_eq!(iat, now, "never in the future");
    let expires_in = answer.json()["expires_in"].as_i64().unwrap();
    assert_eq!(expires_in, exp - iat);
    assert!((5..=300).contains(&expires_in), "{expires_in}");
    assert!(exp <= absolute_end, "beyond the session's end");
    assert_eq!(
        answer.json()["session_expires_in"].as_i64().unwrap(),
        absolute_end - now
    );
}

/// As the service does it every few minutes.
async fn purge(service: &TestService) {
    let now = service.clock.now();
    let idle = service.app.config.sessions.idle_secs;
    let before = now.minus_secs(idle + idle / 5);
    service
        .app
        .store
        .purge_sessions(before, By::service(now))
        .await
        .unwrap();
}

#[tokio::test]
async fn c159_an_hour_forth_and_back_ends_no_session_and_makes_none_immortal() {
    let (service, _, first) = signed_in().await;
    let mut sessions = vec![(first, START.secs() + ABSOLUTE)];
    for jump in [HOUR, -HOUR, -HOUR, HOUR, 60, -2, HOUR, -HOUR] {
        service.clock.advance_secs(jump);
        purge(&service).await;
        for (cookie, absolute_end) in &sessions {
            mint(&service, cookie, *absolute_end).await;
        }
        let now = service.clock.now().secs();
        sessions.push((service.sign_in("ada", PASSWORD).await, now + ABSOLUTE));
    }
    // Input or not, each is over at the end that was set when it began.
    sessions.sort_by_key(|(_, end)| *end);
    for (cookie, absolute_end) in &sessions {
        let end = u64::try_from(*absolute_end).unwrap();
        service.clock.set(Timestamp::from_secs(0).plus_secs(end));
        assert_login_required(&service.mint(cookie, "idle_for=0").await);
    }
    purge(&service).await;
    let ada = service.store.user_by_name("ada").await.unwrap().unwrap();
    let left = service.app.store.sessions_of(&ada.id).await.unwrap();
    assert_eq!(left, [], "nothing outlives the last end");
}

#[tokio::test]
async fn c159_everything_answers_while_the_clock_is_far_off() {
    let (service, _, cookie) = signed_in().await;
    // 1970, as a machine without a battery starts with; and a century ahead.
    for far in [HOUR - START.secs(), 0, 100 * 365 * 24 * HOUR] {
        service.clock.set(START);
        service.clock.advance_secs(far);
        purge(&service).await;
        let there = service.sign_in("ada", PASSWORD).await;
        mint(&service, &there, service.clock.now().secs() + ABSOLUTE).await;
        let token = service.account_token(&there).await;
        for path in ["/iam/userinfo", "/iam/sessions"] {
            let answer = service.send(bearer(http::Method::GET, path, &token)).await;
            assert_eq!(answer.status, 200, "{path} {answer:?}");
        }
        assert_eq!(service.send(logout_request(&there)).await.status, 204);
        assert_login_required(&service.mint(&there, "").await);
    }
    service.clock.set(START);
    assert_login_required(&service.mint(&cookie, "").await);
}
