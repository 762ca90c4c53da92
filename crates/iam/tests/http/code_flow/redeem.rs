//! The token endpoint's `authorization_code`.

use axum::http::header;
use sessionmint_iam::testing::ORIGIN;
use sessionmint_store::{AuditReason, Grants as _, GrantsOf, Sessions as _};
use tokio::task::JoinSet;

use super::*;
use crate::support::{assert_oauth_error, decode, logout_request};

#[tokio::test]
async fn a_code_becomes_a_token_of_the_user_for_the_client() {
    let flow = Flow::start().await;
    let tokens = flow.tokens("scope=openid+notes:read").await;
    assert_eq!(
        (&tokens["token_type"], &tokens["expires_in"]),
        (&json!("Bearer"), &json!(300))
    );
    assert_eq!(tokens["scope"], "notes:read openid");
    let refresh_token = tokens["refresh_token"].as_str().unwrap();
    assert!(refresh_token.starts_with("smr_"));
    let (header, claims) = decode(tokens["access_token"].as_str().unwrap());
    assert_eq!(header["typ"], "at+jwt");
    assert_eq!(
        (&claims["sub"], &claims["aud"]),
        (&json!(flow.ada), &json!(RESOURCE))
    );
    assert_eq!(
        (&claims["client_id"], &claims["iss"]),
        (&json!("app"), &json!(ISSUER))
    );
    let sessions = flow.service.store.sessions_of(&flow.ada).await.unwrap();
    assert_eq!(claims["sid"], json!(sessions[0].id));
    assert_eq!(claims["auth_time"], sessions[0].auth_time.secs());
    let grants = flow
        .service
        .store
        .grants(&GrantsOf::User(flow.ada.clone()))
        .await
        .unwrap();
    assert_eq!(claims["gid"], json!(grants[0].id));
}

#[tokio::test]
async fn c042_c087_a_code_is_bound_to_what_it_was_issued_for() {
    let flow = Flow::start().await;
    let code = flow.code("").await;
    for (parameters, error) in [
        ("redirect_uri=", "invalid_grant"),
        (
            "redirect_uri=https://app.example.com/callback/",
            "invalid_grant",
        ),
        ("code_verifier=", "invalid_grant"),
        (
            "code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXX",
            "invalid_grant",
        ),
        ("code_verifier=short", "invalid_grant"),
        ("resource=https://b.example.com", "invalid_target"),
        ("code=", "invalid_request"),
        (
            "code=smc_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "invalid_grant",
        ),
    ] {
        assert_oauth_error(&flow.redeem(&code, parameters).await, 400, error);
    }
    let other = flow
        .service
        .send(redeem_request(Some("trusted"), &code, ""))
        .await;
    assert_oauth_error(&other, 400, "invalid_grant");
    let native = redeem_request(None, &code, "client_id=native");
    assert_oauth_error(&flow.service.send(native).await, 400, "invalid_grant");
    let nobody = redeem_request(None, &code, "client_id=app");
    assert_oauth_error(&flow.service.send(nobody).await, 400, "invalid_client");
    assert_eq!(
        flow.redeem(&code, "").await.status,
        200,
        "none of them spent it"
    );
}

#[tokio::test]
async fn c087_a_code_lives_a_minute_and_as_long_as_its_session() {
    let flow = Flow::start().await;
    let code = flow.code("").await;
    flow.service.clock.advance_secs(60);
    assert_oauth_error(&flow.redeem(&code, "").await, 400, "invalid_grant");
    let code = flow.code("").await;
    flow.service.clock.advance_secs(59);
    assert_eq!(flow.redeem(&code, "").await.status, 200);

    let mut browser = Browser::default();
    flow.sign_in(&mut browser).await;
    let id = flow
        .hand_over(&mut browser, "client_id=trusted&scope=offline_access")
        .await;
    let answer = flow
        .answer(&browser, &id, &json!({"answer": "continue"}))
        .await;
    let code = location(&answer).get("code");
    let sign_out = logout_request(&browser.session.unwrap());
    assert_eq!(flow.service.send(sign_out).await.status, 204);
    let redeemed = flow
        .service
        .send(redeem_request(Some("trusted"), &code, ""))
        .await;
    assert_oauth_error(&redeemed, 400, "invalid_grant");
}

#[tokio::test]
async fn c085_a_code_works_once_for_fifty_who_try_at_once() {
    let flow = Flow::start().await;
    let code = flow.code("").await;
    let mut tasks = JoinSet::new();
    for _ in 0..50 {
        let router = flow.service.router();
        let request = redeem_request(Some("app"), &code, "");
        tasks.spawn(async move {
            tower::ServiceExt::oneshot(router, request)
                .await
                .unwrap()
                .status()
                .as_u16()
        });
    }
    let mut statuses = tasks.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses[0], 200);
    assert!(
        statuses[1..].iter().all(|status| *status == 400),
        "{statuses:?}"
    );
}

/// oidcc-codereuse, oidcc-codereuse-30seconds
#[tokio::test]
async fn c086_a_replayed_code_ends_what_came_of_it_and_a_guess_does_not() {
    for pause in [0, 30] {
        let flow = Flow::start().await;
        let code = flow.code("").await;
        let tokens = flow.redeem(&code, "").await.json();
        let token = tokens["access_token"].as_str().unwrap();
        flow.service.clock.advance_secs(pause);
        for wrong in [
            "code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXX",
            "redirect_uri=",
        ] {
            assert_oauth_error(&flow.redeem(&code, wrong).await, 400, "invalid_grant");
        }
        let other = flow
            .service
            .send(redeem_request(Some("trusted"), &code, ""))
            .await;
        assert_oauth_error(&other, 400, "invalid_grant");
        assert_eq!(
            flow.service.send(userinfo_request(token)).await.status,
            200,
            "unharmed"
        );

        assert_oauth_error(&flow.redeem(&code, "").await, 400, "invalid_grant");
        let answer = flow.service.send(userinfo_request(token)).await;
        assert_eq!(answer.status, 401);
        let grants = flow
            .service
            .store
            .grants(&GrantsOf::User(flow.ada.clone()))
            .await
            .unwrap();
        assert_eq!(
            grants[0].revoked.map(|revoked| revoked.cause),
            Some(AuditReason::CodeReplayed)
        );
    }
}

#[tokio::test]
async fn c088_no_other_secret_is_a_code() {
    let flow = Flow::start().await;
    let mut browser = Browser::default();
    flow.sign_in(&mut browser).await;
    let id = flow.hand_over(&mut browser, "").await;
    let (ix, session) = (
        browser.ix.clone().unwrap(),
        browser.session.clone().unwrap(),
    );
    for secret in [&id, &ix, &session, SECRET] {
        assert_oauth_error(&flow.redeem(secret, "").await, 400, "invalid_grant");
    }
    let code = location(&flow.approve(&browser, &id).await).get("code");
    assert_eq!(flow.shown(&browser, &code).await.status, 404);
}

#[tokio::test]
async fn c012_c031_no_page_redeems_a_code() {
    let flow = Flow::start().await;
    let loopback = "client_id=native&redirect_uri=http://127.0.0.1:4000/callback";
    let code = flow.code(loopback).await;
    for origin in [ORIGIN, LOGIN, "https://evil.example"] {
        let mut request = redeem_request(None, &code, loopback);
        request
            .headers_mut()
            .insert(header::ORIGIN, origin.parse().unwrap());
        let answer = flow.service.send(request).await;
        assert!(
            matches!(answer.status.as_u16(), 400 | 403),
            "{origin} {answer:?}"
        );
        assert!(!answer.headers.contains_key("access_token"));
    }
    let answer = flow
        .service
        .send(redeem_request(None, &code, loopback))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(
        !answer
            .headers
            .contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN)
    );
}

#[tokio::test]
async fn without_pages_there_is_no_code_flow() {
    let service = TestService::start().await;
    for path in [
        "/iam/oauth/authorize",
        "/iam/oauth/logout",
        "/iam/.well-known/openid-configuration",
    ] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        assert_eq!(service.send(request).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn an_outage_spends_no_code() {
    let flow = Flow::start().await;
    let code = flow.code("").await;
    for commands in 0..5 {
        flow.service.store.set_down_after(commands);
        assert_oauth_error(
            &flow.redeem(&code, "").await,
            503,
            "temporarily_unavailable",
        );
    }
    flow.service.store.set_down(false);
    assert_eq!(flow.redeem(&code, "").await.status, 200);
}

pub(super) fn userinfo_request(token: &str) -> Request<Body> {
    Request::get("/iam/userinfo")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .body(Body::empty())
        .unwrap()
}
