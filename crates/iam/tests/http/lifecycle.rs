//! How long sessions live, and that what ends them ends them at once.

use std::sync::Arc;

use sessionmint_iam::Clock as _;
use sessionmint_iam::testing::{START, TestService, sign_in_request};
use sessionmint_store::{By, Users as _};

use crate::support::{PASSWORD, assert_login_required, assert_minted, logout_request, signed_in};

const IDLE: i64 = 3600;
const ABSOLUTE: i64 = 86_400;

#[tokio::test]
async fn c014_every_sign_in_is_another_session() {
    let (service, ada, first) = signed_in().await;
    let second = service.sign_in("ada", PASSWORD).await;
    assert_ne!(first, second);
    assert_eq!(
        service.app.store.sessions_of(&ada).await.unwrap().len(),
        2,
        "two browsers"
    );
}

#[tokio::test]
async fn c015_a_session_without_input_ends() {
    let (service, _, cookie) = signed_in().await;
    service.clock.advance_secs(IDLE + IDLE / 10 - 1);
    assert_minted(&service.mint(&cookie, "").await);
    service.clock.advance_secs(1);
    assert_login_required(&service.mint(&cookie, "").await);
}

#[tokio::test]
async fn c016_input_does_not_move_the_absolute_end() {
    let (service, _, cookie) = signed_in().await;
    for _ in 0..ABSOLUTE / 600 - 1 {
        service.clock.advance_secs(600);
        assert_minted(&service.mint(&cookie, "idle_for=0").await);
    }
    service.clock.advance_secs(600);
    assert_login_required(&service.mint(&cookie, "idle_for=0").await);
}

#[tokio::test]
async fn c017_renewals_alone_do_not_keep_a_session_alive() {
    let (service, _, cookie) = signed_in().await;
    for minute in 1..=(IDLE + IDLE / 10) / 60 - 1 {
        service.clock.advance_secs(60);
        let parameters = if minute % 2 == 0 {
            String::new()
        } else {
            format!("idle_for={}", minute * 60)
        };
        assert_minted(&service.mint(&cookie, &parameters).await);
    }
    service.clock.advance_secs(60);
    assert_login_required(&service.mint(&cookie, "").await);
}

#[tokio::test]
async fn c017_a_laptop_that_wakes_overnight_revives_nothing() {
    let (service, _, cookie) = signed_in().await;
    service.clock.advance_secs(8 * 3600);
    assert_login_required(&service.mint(&cookie, "idle_for=0").await);
    assert_login_required(&service.mint(&cookie, "idle_for=0").await);
}

#[tokio::test]
async fn input_is_written_down_only_when_it_moves_by_a_tenth() {
    let (service, ada, cookie) = signed_in().await;
    let stored = || async { service.app.store.sessions_of(&ada).await.unwrap()[0].last_activity };
    service.clock.advance_secs(359);
    assert_minted(&service.mint(&cookie, "idle_for=0").await);
    assert_eq!(stored().await, START);
    service.clock.advance_secs(11);
    assert_minted(&service.mint(&cookie, "idle_for=10").await);
    assert_eq!(stored().await, START.plus_secs(360));
    assert_minted(&service.mint(&cookie, "idle_for=300").await);
    assert_eq!(stored().await, START.plus_secs(360), "never back");
}

#[tokio::test]
async fn c050_a_token_never_outlives_its_session() {
    let (service, _, cookie) = signed_in().await;
    while service.app.clock.now() < START.plus_secs(ABSOLUTE as u64 - 600) {
        service.clock.advance_secs(600);
        assert_minted(&service.mint(&cookie, "idle_for=0").await);
    }
    service.clock.set(START.plus_secs(ABSOLUTE as u64 - 40));
    let answer = service.mint(&cookie, "").await;
    assert_eq!(
        (
            &answer.json()["expires_in"],
            &answer.json()["session_expires_in"]
        ),
        (&40.into(), &40.into())
    );
    assert_eq!(assert_minted(&answer)["exp"], START.secs() + ABSOLUTE);
    service.clock.advance_secs(35);
    assert_eq!(service.mint(&cookie, "").await.json()["expires_in"], 5);
    service.clock.advance_secs(1);
    assert_login_required(&service.mint(&cookie, "").await);
}

#[tokio::test]
async fn clocks_that_jump_by_an_hour_neither_end_nor_immortalise_a_session() {
    let (service, _, cookie) = signed_in().await;
    service.clock.advance_secs(3600);
    assert_minted(&service.mint(&cookie, "idle_for=0").await);
    service.clock.advance_secs(-7200);
    let claims = assert_minted(&service.mint(&cookie, "idle_for=0").await);
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
        300
    );
    service
        .clock
        .set(START.plus_secs(3600 + IDLE as u64 + IDLE as u64 / 10));
    assert_login_required(&service.mint(&cookie, "").await);
}

#[tokio::test]
async fn c018_disabling_a_user_ends_the_sessions_at_once() {
    let (service, ada, cookie) = signed_in().await;
    service
        .store
        .set_disabled(&ada, true, By::service(START))
        .await
        .unwrap();
    assert_login_required(&service.mint(&cookie, "").await);
    service
        .store
        .set_disabled(&ada, false, By::service(START))
        .await
        .unwrap();
    assert_login_required(&service.mint(&cookie, "").await);
}

#[tokio::test]
async fn c020_logout_is_idempotent_and_at_once() {
    let (service, _, cookie) = signed_in().await;
    for _ in 0..2 {
        let answer = service.send(logout_request(&cookie)).await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (204, 0));
        assert_login_required(&service.mint(&cookie, "").await);
    }
    assert_eq!(service.send(logout_request("nonsense")).await.status, 204);
}

#[tokio::test]
async fn c021_the_oldest_session_makes_room_for_the_newest() {
    let service = TestService::start_with(|config| config.sessions.max_per_user = 3, None).await;
    service.add_user("ada", PASSWORD).await;
    let mut cookies = Vec::new();
    for _ in 0..4 {
        cookies.push(service.sign_in("ada", PASSWORD).await);
        service.clock.advance_secs(1);
    }
    assert_login_required(&service.mint(&cookies[0], "").await);
    for cookie in &cookies[1..] {
        assert_minted(&service.mint(cookie, "").await);
    }
}

#[tokio::test]
async fn c026_nothing_happens_on_get_or_head() {
    let (service, ada, cookie) = signed_in().await;
    let before = service.app.store.sessions_of(&ada).await.unwrap();
    for method in ["GET", "HEAD"] {
        for mut request in [logout_request(&cookie), sign_in_request("ada", PASSWORD)] {
            *request.method_mut() = method.parse().unwrap();
            request
                .headers_mut()
                .insert("sec-purpose", "prefetch;prerender".parse().unwrap());
            let answer = service.send(request).await;
            assert_eq!(answer.status, 405);
            assert_eq!(answer.header("allow"), "POST");
        }
    }
    assert_eq!(service.app.store.sessions_of(&ada).await.unwrap(), before);
}

/// 200 tabs mint, each until it is told to sign in, while one signs out. The clock moves on right after the sign-out was
/// acknowledged: a token that was decided on later would show it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn c018_no_token_is_younger_than_the_sign_out() {
    let (service, _, cookie) = signed_in().await;
    let service = Arc::new(service);
    let (minted, mut first_mints) = tokio::sync::mpsc::unbounded_channel();
    let tabs: Vec<_> = (0..200)
        .map(|_| {
            let (service, cookie, minted) = (Arc::clone(&service), cookie.clone(), minted.clone());
            tokio::spawn(async move {
                service.clock.advance_secs(1);
                let mut youngest = i64::MIN;
                loop {
                    let answer = service.mint(&cookie, "").await;
                    match answer.status.as_u16() {
                        200 => {
                            minted.send(()).unwrap();
                            youngest =
                                youngest.max(assert_minted(&answer)["iat"].as_i64().unwrap());
                        }
                        429 => {}
                        _ => {
                            assert_login_required(&answer);
                            return youngest;
                        }
                    }
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for _ in 0..50 {
        first_mints.recv().await.unwrap();
    }
    assert_eq!(service.send(logout_request(&cookie)).await.status, 204);
    let signed_out_at = service.clock.now().secs();
    service.clock.advance_secs(1);
    for tab in tabs {
        let youngest = tab.await.unwrap();
        assert!(youngest <= signed_out_at, "{youngest} > {signed_out_at}");
    }
}
