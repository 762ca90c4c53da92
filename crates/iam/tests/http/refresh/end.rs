//! When a refresh token is over, and who cannot end it.

use std::sync::Arc;

use sessionmint_iam::testing::{START, TestService};
use sessionmint_oauth::{ClientAuthentication, ClientSubject, OAuthClient};
use sessionmint_store::{
    AuditReason, By, EndSessions, OAuthClients as _, Sessions as _, Users as _,
};

use super::{
    SERVER, assert_over, cause, refresh, rotated, rotating, service, sign_in, successor, used,
    with_grant,
};
use crate::support::{assert_oauth_error, logout_request};

#[tokio::test]
async fn c097_nothing_survives_of_uses_that_race_with_an_end() {
    let (service, client, ada) = service(rotating()).await;
    let service = Arc::new(service);
    for round in 0..20 {
        let (cookie, session) = sign_in(&service, &ada).await;
        let first = service.start_grant(&client, &ada, Some(session)).await;
        let mut tasks = tokio::task::JoinSet::new();
        for caller in 0..8 {
            let (service, first) = (Arc::clone(&service), first.as_str().to_owned());
            tasks.spawn(async move {
                for _ in 0..(caller + round) % 4 {
                    tokio::task::yield_now().await;
                }
                successor(&refresh(&service, &first, "").await)
            });
        }
        let out = service.send(logout_request(&cookie)).await;
        assert_eq!(out.status, 204);
        let mut tokens: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
        tokens.dedup();
        assert!(tokens.len() <= 1);
        tokens.push(first.as_str().to_owned());
        for token in tokens {
            assert_over(&service, &token).await;
        }
        assert_eq!(cause(&service).await, Some(AuditReason::SessionEnded));
    }
}

#[tokio::test]
async fn c099_a_guess_ends_nothing() {
    let (service, client, ada) = service(rotating()).await;
    let token = service.start_grant(&client, &ada, None).await;
    let stranger = TestService::start().await;
    let forged = sessionmint_iam::renewal::first(&stranger.app, token.family()).unwrap();
    let mut cut = token.as_str().to_owned();
    cut.pop();
    for text in [
        "x",
        "smr_",
        &cut,
        forged.as_str(),
        &format!("{}A", token.as_str()),
    ] {
        assert_over(&service, text).await;
    }
    assert_oauth_error(
        &service
            .form("/oauth/token", SERVER, "grant_type=refresh_token")
            .await,
        400,
        "invalid_request",
    );
    rotated(&service, token.as_str()).await;
}

#[tokio::test]
async fn c101_nobody_else_harms_a_family_with_its_old_token() {
    let (service, client, ada) = service(rotating()).await;
    let other = OAuthClient {
        client_id: "other".parse().unwrap(),
        subject: ClientSubject::from_random([3; 16]),
        ..client.clone()
    };
    service.add_oauth_client(other, Some("sms_other")).await;
    let public = OAuthClient {
        client_id: "public".parse().unwrap(),
        subject: ClientSubject::from_random([4; 16]),
        authentication: ClientAuthentication::None,
        ..client.clone()
    };
    service.add_oauth_client(public, None).await;
    let first = service.start_grant(&client, &ada, None).await;
    let first = first.as_str();
    let second = rotated(&service, first).await;
    service.clock.advance_secs(100);
    let third = rotated(&service, &second).await;
    service.clock.advance_secs(100);
    let body = |token: &str| format!("grant_type=refresh_token&refresh_token={token}");
    for token in [first, &second, &third] {
        for (who, more, status, code) in [
            (Some(("other", "sms_other")), "", 400, "invalid_grant"),
            (None, "&client_id=public", 400, "invalid_grant"),
            (Some(("server", "sms_wrong")), "", 401, "invalid_client"),
            (Some(("nobody", "sms_wrong")), "", 401, "invalid_client"),
        ] {
            let body = format!("{}{more}", body(token));
            let answer = service.form("/oauth/token", who, &body).await;
            assert_oauth_error(&answer, status, code);
        }
        // Without anything that says who asks.
        let answer = service.form("/oauth/token", None, &body(token)).await;
        assert!(answer.status.is_client_error());
        assert_ne!(answer.json()["error"], "invalid_grant");
    }
    assert_eq!(cause(&service).await, None);
    rotated(&service, &third).await;
}

#[tokio::test]
async fn c102_a_token_that_is_not_used_is_over() {
    let idle = i64::try_from(rotating().idle_secs).unwrap();
    let (service, _, token) = with_grant(rotating()).await;
    service.clock.advance_secs(idle);
    let token = rotated(&service, &token).await;
    service.clock.advance_secs(idle + idle / 10);
    assert_over(&service, &token).await;
    assert_eq!(cause(&service).await, None, "it ended by the clock");
}

#[tokio::test]
async fn c102_sign_out_ends_what_hangs_on_the_session_and_nothing_else() {
    let (service, client, ada) = service(rotating()).await;
    let (cookie, session) = sign_in(&service, &ada).await;
    let online = service
        .start_grant(&client, &ada, Some(session.clone()))
        .await;
    let offline = service.start_grant(&client, &ada, None).await;
    let (claims, next) = used(&service, online.as_str()).await;
    assert_eq!(claims["sid"], session.as_str());
    service.send(logout_request(&cookie)).await;
    for token in [online.as_str(), &next.unwrap()] {
        assert_over(&service, token).await;
    }
    rotated(&service, offline.as_str()).await;
}

#[tokio::test]
async fn c102_uses_do_not_keep_an_idle_session_alive() {
    let (service, client, ada) = service(rotating()).await;
    let (_, session) = sign_in(&service, &ada).await;
    let token = service.start_grant(&client, &ada, Some(session)).await;
    let mut token = token.as_str().to_owned();
    for _ in 0..6 {
        service.clock.advance_secs(600);
        token = rotated(&service, &token).await;
    }
    service.clock.advance_secs(600);
    assert_over(&service, &token).await;
    let last = service.store.sessions_of(&ada).await.unwrap()[0].last_activity;
    assert_eq!(last, START);
}

#[tokio::test]
async fn c102_a_changed_password_or_a_disabled_user_ends_every_grant() {
    let (service, client, ada) = service(rotating()).await;
    let by = || By::service(START);
    let store = &service.store;
    let token = service.start_grant(&client, &ada, None).await;
    store
        .set_password(&ada, "other".to_owned(), EndSessions::All, by())
        .await
        .unwrap();
    assert_over(&service, token.as_str()).await;
    let token = service.start_grant(&client, &ada, None).await;
    store.set_disabled(&ada, true, by()).await.unwrap();
    assert_over(&service, token.as_str()).await;
    store.set_disabled(&ada, false, by()).await.unwrap();
    assert_over(&service, token.as_str()).await;
    let token = service.start_grant(&client, &ada, None).await;
    store
        .set_oauth_client_disabled(&client.client_id, true, by())
        .await
        .unwrap();
    assert_eq!(refresh(&service, token.as_str(), "").await.status, 401);
    store
        .set_oauth_client_disabled(&client.client_id, false, by())
        .await
        .unwrap();
    assert_over(&service, token.as_str()).await;
}
