//! The window after a rotation: who asks again gets the same successor, and whom an old token harms.

use std::sync::Arc;

use sessionmint_iam::Clock as _;
use sessionmint_iam::testing::START;
use sessionmint_oauth::Timestamp;
use sessionmint_store::{Audit as _, AuditFilter, AuditKind, AuditReason};

use super::{
    DAY, SERVER, assert_invalid_grant, assert_over, cause, refresh, restarted, rotated, rotating,
    stored, strict, successor, used, with_grant,
};

#[tokio::test]
async fn c094_without_a_window_one_of_many_wins_and_its_token_works() {
    let (service, _, token) = with_grant(strict()).await;
    let service = Arc::new(service);
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let (service, token) = (Arc::clone(&service), token.clone());
        callers.spawn(async move { refresh(&service, &token, "").await });
    }
    let answers = callers.join_all().await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!((won.len(), lost.len()), (1, 31));
    lost.into_iter().for_each(assert_invalid_grant);
    service.clock.advance_secs(1);
    let child = successor(won[0]).unwrap();
    rotated(&service, &child).await;
    assert_eq!(cause(&service).await, None);
    assert_over(&service, &child).await;
    service.clock.advance_secs(1);
    assert_over(&service, &child).await;
    assert_eq!(cause(&service).await, Some(AuditReason::Late));
}

#[tokio::test]
async fn c095_a_restart_neither_revives_an_old_token_nor_loses_a_retry() {
    let (service, _, token) = with_grant(rotating()).await;
    let child = rotated(&service, &token).await;
    let body = format!("grant_type=refresh_token&refresh_token={token}");
    for (after, status) in [(9, 200), (1, 400)] {
        service.clock.advance_secs(after);
        let app = restarted(&service).await;
        let answer = service
            .form_to(
                sessionmint_iam::http::router(app),
                "/oauth/token",
                SERVER,
                &body,
            )
            .await;
        assert_eq!(answer.status, status);
        if status == 200 {
            assert_eq!(successor(&answer), Some(child.clone()), "the same one");
        }
    }
    assert_over(&service, &child).await;
}

#[tokio::test]
async fn c096_two_rotations_in_one_second_leave_the_old_token_dead() {
    let (service, _, token) = with_grant(strict()).await;
    let at = |millis| Timestamp::from_millis(START.millis() + millis);
    service.clock.set(at(100));
    let second = rotated(&service, &token).await;
    service.clock.set(at(400));
    let third = rotated(&service, &second).await;
    service.clock.set(at(900));
    assert_over(&service, &token).await;
    assert_over(&service, &third).await;
    assert_eq!(cause(&service).await, Some(AuditReason::Theft));
}

#[tokio::test]
async fn c098_a_retry_in_the_window_gets_the_same_successor() {
    let (service, _, token) = with_grant(rotating()).await;
    let (claims, child) = used(&service, &token).await;
    let mut ids = vec![claims["jti"].clone()];
    for _ in 0..9 {
        service.clock.advance_secs(1);
        let (claims, again) = used(&service, &token).await;
        assert_eq!(again, child);
        assert!(!ids.contains(&claims["jti"]), "an access token of its own");
        assert_eq!(claims["iat"], service.clock.now().secs());
        ids.push(claims["jti"].clone());
    }
    // It did not slide: ten seconds after the rotation it is closed, however often it was used.
    service.clock.advance_secs(1);
    assert_over(&service, &token).await;
    assert_eq!(cause(&service).await, Some(AuditReason::Late));
}

#[tokio::test]
async fn c098_the_current_token_stays_in_the_window_and_is_not_sent_again() {
    let (service, _, token) = with_grant(rotating()).await;
    let child = rotated(&service, &token).await;
    for _ in 0..9 {
        service.clock.advance_secs(1);
        assert_eq!(
            used(&service, &child).await.1,
            None,
            "the client keeps its own"
        );
    }
    assert_eq!(stored(&service).await.generation, 1);
    service.clock.advance_secs(1);
    let grandchild = rotated(&service, &child).await;
    assert_ne!(grandchild, child);
    assert_eq!(stored(&service).await.generation, 2);
}

#[tokio::test]
async fn c098_a_thousand_retries_in_the_window_end_nothing() {
    let (service, _, token) = with_grant(rotating()).await;
    let child = rotated(&service, &token).await;
    for _ in 0..1000 {
        assert_eq!(rotated(&service, &token).await, child);
    }
    assert_eq!(cause(&service).await, None);
}

#[tokio::test]
async fn c099_an_old_token_ends_the_family_and_leaves_a_record() {
    for (generation, wait, reason) in [
        (1, 10, AuditReason::Late),
        (1, DAY, AuditReason::LostResponse),
        (0, 0, AuditReason::Theft),
        (0, DAY, AuditReason::Theft),
    ] {
        let (service, ada, first) = with_grant(rotating()).await;
        let second = rotated(&service, &first).await;
        service.clock.advance_secs(100);
        let third = rotated(&service, &second).await;
        service.clock.advance_secs(wait);
        let old = if generation == 0 { &first } else { &second };
        assert_over(&service, old).await;
        assert_eq!(cause(&service).await, Some(reason));
        for token in [&first, &second, &third] {
            assert_over(&service, token).await;
        }
        let filter = AuditFilter {
            kinds: vec![AuditKind::GrantEnded],
            ..AuditFilter::default()
        };
        let records = service.store.audit(&filter, None, 9).await.unwrap();
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].reason, Some(reason));
        assert_eq!(records[0].user_id, Some(ada));
        assert_eq!(records[0].client_id.as_ref().unwrap().as_str(), "server");
        let counted = format!(
            "outcome=\"revoked_{}\"}} 1",
            reason.as_str().replace('-', "_")
        );
        let metrics = crate::admin::metrics(&service).await;
        assert!(metrics.contains(&counted), "{counted} in {metrics}");
    }
}
