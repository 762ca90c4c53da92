//! What a use of a refresh token gives: for whom, for what, until when, and which token next.

use axum::http::header;
use sessionmint_iam::Clock as _;
use sessionmint_iam::testing::{ISSUER, RESOURCE, START, TestService, server_client};
use sessionmint_oauth::jwt::ExpectedClaims;
use sessionmint_oauth::{OAuthClient, RefreshPolicy, Rotation};
use sessionmint_store::{AuditReason, By, OAuthClients as _, Users as _};

use super::{
    DAY, SECRET, assert_over, cause, refresh, rotated, rotating, stored, successor, used,
    with_grant,
};
use crate::support::{PASSWORD, assert_minted, assert_oauth_error};

#[tokio::test]
async fn c092_each_use_gives_a_new_token_for_the_same_grant() {
    let (service, ada, first) = with_grant(rotating()).await;
    let mut token = first.clone();
    let mut seen = vec![first];
    for generation in 1..=3 {
        service.clock.advance_secs(DAY);
        let (claims, next) = used(&service, &token).await;
        assert_eq!(claims["sub"], ada.as_str());
        assert_eq!(claims["client_id"], "server");
        assert_eq!(claims["aud"], RESOURCE);
        assert_eq!(claims["scope"], "account notes:read notes:write");
        assert_eq!(claims["auth_time"], START.secs());
        assert_eq!(claims["iat"], service.clock.now().secs());
        assert!(claims.get("nbf").is_none() && claims.get("sid").is_none());
        let grant = stored(&service).await;
        assert_eq!(claims["gid"], grant.id.as_str());
        assert_eq!(grant.generation, generation);
        token = next.unwrap();
        assert!(!seen.contains(&token));
        seen.push(token.clone());
    }
}

#[tokio::test]
async fn the_answer_is_for_the_client_alone() {
    let (service, _, token) = with_grant(rotating()).await;
    let answer = refresh(&service, &token, "").await;
    let json = answer.json();
    let names: Vec<_> = json.as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        [
            "access_token",
            "expires_in",
            "refresh_token",
            "scope",
            "token_type"
        ]
    );
    assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
    assert!(
        !answer
            .headers
            .contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN)
    );
    assert!(!answer.headers.contains_key(header::SET_COOKIE));
}

#[tokio::test]
async fn c093_no_use_moves_the_absolute_end() {
    let policy = RefreshPolicy {
        absolute_secs: 3600,
        ..rotating()
    };
    let (service, _, mut token) = with_grant(policy).await;
    let end = stored(&service).await.absolute_end;
    for _ in 0..3 {
        service.clock.advance_secs(1100);
        token = rotated(&service, &token).await;
        let grant = stored(&service).await;
        assert_eq!((grant.absolute_end, grant.idle_end), (end, end));
    }
    // 3300 seconds on, with 300 left.
    service.clock.advance_secs(200);
    let answer = refresh(&service, &token, "").await;
    assert_eq!(assert_minted(&answer)["exp"], end.secs());
    assert_eq!(answer.json()["expires_in"], 100);
    let token = successor(&answer).unwrap();
    service.clock.set(end);
    assert_over(&service, &token).await;
}

#[tokio::test]
async fn c103_a_client_may_go_without_rotation() {
    let policy = RefreshPolicy {
        rotation: Rotation::None,
        ..rotating()
    };
    let (service, _, token) = with_grant(policy).await;
    for _ in 0..20 {
        service.clock.advance_secs(2 * DAY);
        assert_eq!(used(&service, &token).await.1, None);
    }
    assert_eq!(stored(&service).await.generation, 0);
    service.clock.advance_secs(16 * DAY);
    assert_over(&service, &token).await;
}

#[tokio::test]
async fn c103_a_client_may_rotate_near_the_end_alone() {
    let policy = RefreshPolicy {
        rotation: Rotation::RotateNearExpiry,
        idle_secs: 9 * 86_400,
        ..rotating()
    };
    let (service, _, token) = with_grant(policy).await;
    for _ in 0..5 {
        service.clock.advance_secs(DAY);
        assert_eq!(used(&service, &token).await.1, None);
    }
    service.clock.advance_secs(DAY);
    let next = rotated(&service, &token).await;
    service.clock.advance_secs(DAY);
    assert_eq!(used(&service, &next).await.1, None);
    assert_over(&service, &token).await;
    assert_eq!(cause(&service).await, Some(AuditReason::Theft));
}

#[tokio::test]
async fn c042_scope_and_resource_only_shrink() {
    let (service, _, token) = with_grant(rotating()).await;
    let narrow = format!("&scope=notes:read&resource={ISSUER}");
    let answer = refresh(&service, &token, &narrow).await;
    let claims = assert_minted(&answer);
    assert_eq!(
        (&claims["scope"], &claims["aud"]),
        (&"notes:read".into(), &ISSUER.into())
    );
    let mut token = successor(&answer).unwrap();
    service.clock.advance_secs(100);
    for (more, code) in [
        ("&scope=notes:read+admin", "invalid_scope"),
        ("&scope=+", "invalid_scope"),
        ("&resource=https://other.example.com", "invalid_target"),
        ("&resource=https://api.example.com/", "invalid_target"),
    ] {
        assert_oauth_error(&refresh(&service, &token, more).await, 400, code);
    }
    assert_eq!(stored(&service).await.generation, 1, "nothing was spent");
    // What was asked for less once can be had again.
    let (claims, next) = used(&service, &token).await;
    assert_eq!(claims["scope"], "account notes:read notes:write");
    token = next.unwrap();

    // What the client or the user may not have any more is not granted either.
    let scopes = Some("notes:read notes:write".parse().unwrap());
    let ada = stored(&service).await.user_id;
    let by = By::service(START);
    service
        .store
        .set_user_scopes(&ada, scopes, by.clone())
        .await
        .unwrap();
    let less = OAuthClient {
        scopes: "notes:read".parse().unwrap(),
        resources: vec![RESOURCE.to_owned()],
        ..server_client(rotating())
    };
    service
        .store
        .replace_oauth_client(less, None, by)
        .await
        .unwrap();
    service.clock.advance_secs(100);
    let beyond = refresh(&service, &token, &format!("&resource={ISSUER}")).await;
    assert_oauth_error(&beyond, 400, "invalid_target");
    assert_eq!(used(&service, &token).await.0["scope"], "notes:read");
}

#[tokio::test]
async fn who_the_user_is_and_for_how_long_is_no_permission_that_they_could_lack() {
    let service = TestService::start().await;
    let ada = service.add_user("ada", PASSWORD).await;
    let client = OAuthClient {
        scopes: "notes:read notes:write offline_access openid"
            .parse()
            .unwrap(),
        ..server_client(rotating())
    };
    service.add_oauth_client(client.clone(), Some(SECRET)).await;
    let token = service.start_grant(&client, &ada, None).await;
    let scopes = Some("notes:read".parse().unwrap());
    let limited = service
        .store
        .set_user_scopes(&ada, scopes, By::service(START));
    limited.await.unwrap();
    let (claims, _) = used(&service, token.as_str()).await;
    assert_eq!(claims["scope"], "notes:read offline_access openid");
}

#[tokio::test]
async fn an_access_token_outlives_the_rotation_that_came_after_it() {
    let (service, _, token) = with_grant(rotating()).await;
    let more = format!("&scope=account&resource={ISSUER}");
    let answer = refresh(&service, &token, &more).await;
    let access = answer.access_token();
    service.clock.advance_secs(100);
    rotated(&service, &successor(&answer).unwrap()).await;
    let expected = ExpectedClaims {
        issuer: ISSUER.to_owned(),
        audiences: vec![ISSUER.to_owned()],
        leeway_secs: 0,
    };
    let now = service.clock.now();
    let claims = service.app.keys.verify(&access, &expected, now);
    assert_eq!(claims.unwrap().gid, Some(stored(&service).await.id));
}
