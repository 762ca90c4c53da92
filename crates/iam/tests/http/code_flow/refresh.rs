//! Refresh tokens that come of a code.

use sessionmint_store::{EndSessions, Sessions as _, Users as _};

use super::redeem::userinfo_request;
use super::*;
use crate::support::{assert_oauth_error, decode};

/// A use of the refresh token by the client `app`.
async fn renew(flow: &Flow, tokens: &Value) -> Answer {
    let token = tokens["refresh_token"].as_str().unwrap();
    let mut request = redeem_request(Some("app"), "", "");
    *request.body_mut() = format!("grant_type=refresh_token&refresh_token={token}").into();
    flow.service.send(request).await
}

#[tokio::test]
async fn c102_with_offline_access_the_grant_outlives_the_session_and_else_not() {
    let flow = Flow::start().await;
    let offline = flow.tokens("scope=openid+offline_access+notes:read").await;
    let online = flow.tokens("scope=openid+notes:read").await;
    flow.service.clock.advance_secs(600);
    let renewed = renew(&flow, &online).await;
    assert_eq!(renewed.status, 200, "{renewed:?}");
    assert_eq!(renewed.json()["scope"], "notes:read openid");
    let by = By::service(flow.service.clock.now());
    let ended = flow
        .service
        .store
        .end_sessions_of(&flow.ada, EndSessions::All, by)
        .await;
    assert!(ended.unwrap() >= 1);
    assert_oauth_error(&renew(&flow, &renewed.json()).await, 400, "invalid_grant");
    let renewed = renew(&flow, &offline).await;
    assert_eq!(renewed.status, 200, "{renewed:?}");
    flow.service.clock.advance_secs(80 * 86_400);
    assert_oauth_error(&renew(&flow, &renewed.json()).await, 400, "invalid_grant");
}

/// oidcc-refresh-token, with its second client.
#[tokio::test]
async fn c035_c101_a_refresh_token_is_for_who_may_have_one_and_is_no_other_clients() {
    let flow = Flow::start().await;
    flow.add(OAuthClient {
        grants: vec![GrantType::AuthorizationCode],
        ..client("plain")
    })
    .await;
    let scope = "scope=openid+offline_access+notes:read";
    let tokens = flow.tokens(scope).await;
    let token = tokens["refresh_token"].as_str().unwrap();
    assert!(token.starts_with("smr_"));
    let (_, claims) = decode(tokens["access_token"].as_str().unwrap());
    assert!(claims.get("sid").is_none(), "it outlives the session");
    let mut browser = Browser::default();
    flow.sign_in(&mut browser).await;
    let id = flow
        .hand_over(&mut browser, &format!("client_id=plain&{scope}"))
        .await;
    let code = location(&flow.approve(&browser, &id).await).get("code");
    let plain = redeem_request(Some("plain"), &code, "");
    let plain = flow.service.send(plain).await.json();
    assert!(plain.get("refresh_token").is_none());
    assert_eq!(plain["scope"], "notes:read openid");

    let refresh = async |client: &str, token: &str| {
        let parameters = format!("grant_type=refresh_token&refresh_token={token}");
        let request = redeem_request(Some(client), "", &parameters);
        flow.service.send(request).await
    };
    assert_oauth_error(&refresh("trusted", token).await, 400, "invalid_grant");
    let renewed = refresh("app", token).await;
    assert_eq!(renewed.status, 200, "it did no harm: {renewed:?}");
    let renewed = renewed.json();
    assert_eq!(renewed["scope"], "notes:read offline_access openid");
    let access = renewed["access_token"].as_str().unwrap();
    assert_eq!(
        flow.service.send(userinfo_request(access)).await.status,
        200
    );

    // Sign-out leaves it, and a limit to what the user may do leaves who they are.
    let by = By::service(flow.service.clock.now());
    let only = Some("notes:write".parse().unwrap());
    let store = &flow.service.store;
    store
        .set_user_scopes(&flow.ada, only, by.clone())
        .await
        .unwrap();
    store
        .end_sessions_of(&flow.ada, EndSessions::All, by)
        .await
        .unwrap();
    flow.service.clock.advance_secs(60);
    let again = refresh("app", renewed["refresh_token"].as_str().unwrap()).await;
    assert_eq!(again.json()["scope"], "offline_access openid", "{again:?}");
}

#[tokio::test]
async fn c086_a_replayed_code_ends_its_refresh_token() {
    let flow = Flow::start().await;
    let code = flow.code("scope=offline_access").await;
    let tokens = flow.redeem(&code, "").await.json();
    assert_oauth_error(&flow.redeem(&code, "").await, 400, "invalid_grant");
    let token = tokens["refresh_token"].as_str().unwrap();
    let parameters = format!("grant_type=refresh_token&refresh_token={token}");
    let answer = flow.redeem("", &parameters).await;
    assert_oauth_error(&answer, 400, "invalid_grant");
}
