//! The user's own account: `/userinfo` and `/sessions`.

use axum::body::Body;
use axum::http::{Method, Request, header};
use sessionmint_iam::testing::{Answer, ISSUER, ORIGIN, START, sign_in_request};
use sessionmint_store::{By, Users as _};

use crate::support::{
    PASSWORD, assert_login_required, assert_minted, bearer, logout_request, signed_in,
};

const PATHS: [(Method, &str); 4] = [
    (Method::GET, "/iam/userinfo"),
    (Method::GET, "/iam/sessions"),
    (Method::DELETE, "/iam/sessions"),
    (Method::DELETE, "/iam/sessions/ses_AAAAAAAAAAAAAAAAAAAAAA"),
];

#[track_caller]
fn assert_challenge(answer: &Answer, status: u16, challenge: &str) {
    assert_eq!(answer.status.as_u16(), status, "{answer:?}");
    assert_eq!(answer.header(header::WWW_AUTHENTICATE), challenge);
    assert_eq!(
        answer.header(header::CONTENT_TYPE),
        "application/problem+json"
    );
    assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), ORIGIN);
}

#[tokio::test]
async fn userinfo_names_the_user() {
    let (service, ada, cookie) = signed_in().await;
    let token = service.account_token(&cookie).await;
    let answer = service
        .send(bearer(Method::GET, "/iam/userinfo", &token))
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.json(),
        serde_json::json!({ "sub": ada.as_str(), "preferred_username": "ada" })
    );
    assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), ORIGIN);
}

#[tokio::test]
async fn the_list_says_which_session_is_the_callers() {
    let (service, _, first) = signed_in().await;
    service.clock.advance_secs(60);
    let mut request = sign_in_request("ada", PASSWORD);
    request.headers_mut().insert(
        header::USER_AGENT,
        "Firefox\u{7f}/1".replace('\u{7f}', "").parse().unwrap(),
    );
    let second = service.send(request).await.session_cookie().unwrap();
    let token = service.account_token(&first).await;
    let list = service
        .send(bearer(Method::GET, "/iam/sessions", &token))
        .await
        .json();
    let sessions = list["sessions"].as_array().unwrap();
    let current: Vec<_> = sessions
        .iter()
        .map(|session| session["current"].as_bool().unwrap())
        .collect();
    assert_eq!(current, [false, true], "newest first");
    let newest = &sessions[0];
    assert_eq!(
        newest["id"],
        assert_minted(&service.mint(&second, "").await)["sid"]
    );
    assert_eq!(newest["user_agent"], "Firefox/1");
    assert_eq!(newest["created_at"], START.secs() + 60);
    assert_eq!(newest["expires_at"], START.secs() + 60 + 86_400);
}

#[tokio::test]
async fn c019_a_user_ends_their_own_sessions_and_nobody_elses() {
    let (service, _, mine) = signed_in().await;
    let other = service.sign_in("ada", PASSWORD).await;
    service.add_user("eve", PASSWORD).await;
    let eves = service.sign_in("eve", PASSWORD).await;
    let id = async |cookie: &str| {
        assert_minted(&service.mint(cookie, "").await)["sid"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let token = service.account_token(&mine).await;
    let end = async |id: &str| {
        service
            .send(bearer(
                Method::DELETE,
                &format!("/iam/sessions/{id}"),
                &token,
            ))
            .await
    };

    let unknown = end("ses_AAAAAAAAAAAAAAAAAAAAAA").await;
    assert_eq!(unknown.status, 404);
    for foreign in [id(&eves).await, "nonsense".to_owned(), "%ff".to_owned()] {
        let answer = end(&foreign).await;
        assert_eq!(
            (answer.status, &answer.body, &answer.headers),
            (unknown.status, &unknown.body, &unknown.headers)
        );
    }
    assert_minted(&service.mint(&eves, "").await);

    let others_id = id(&other).await;
    assert_eq!(end(&others_id).await.status, 204);
    assert_login_required(&service.mint(&other, "").await);
    assert_eq!(end(&others_id).await.status, 404);
    let own_id = id(&mine).await;
    assert_eq!(end(&own_id).await.status, 204);
    assert_login_required(&service.mint(&mine, "").await);
    assert_challenge(&end(&own_id).await, 401, r#"Bearer error="invalid_token""#);
}

#[tokio::test]
async fn all_other_sessions_end_together() {
    let (service, _, mine) = signed_in().await;
    let others = [
        service.sign_in("ada", PASSWORD).await,
        service.sign_in("ada", PASSWORD).await,
    ];
    service.add_user("eve", PASSWORD).await;
    let eves = service.sign_in("eve", PASSWORD).await;
    let token = service.account_token(&mine).await;
    assert_eq!(
        service
            .send(bearer(Method::DELETE, "/iam/sessions", &token))
            .await
            .status,
        204
    );
    for other in &others {
        assert_login_required(&service.mint(other, "").await);
    }
    assert_minted(&service.mint(&mine, "").await);
    assert_minted(&service.mint(&eves, "").await);
}

#[tokio::test]
async fn a_token_for_a_service_is_not_good_for_the_account() {
    let (service, _, cookie) = signed_in().await;
    let for_a_service = service.mint(&cookie, "scope=account").await.access_token();
    let without_scope = service
        .mint(&cookie, &format!("resource={ISSUER}&scope=notes:read"))
        .await
        .access_token();
    for (method, path) in PATHS {
        let answer = service
            .send(bearer(method.clone(), path, &for_a_service))
            .await;
        assert_challenge(&answer, 401, r#"Bearer error="invalid_token""#);
        let answer = service.send(bearer(method, path, &without_scope)).await;
        assert_challenge(
            &answer,
            403,
            r#"Bearer error="insufficient_scope", scope="account""#,
        );
    }
}

#[tokio::test]
async fn without_a_token_there_is_a_challenge_and_with_two_a_refusal() {
    let (service, _, cookie) = signed_in().await;
    let token = service.account_token(&cookie).await;
    for (method, path) in PATHS {
        let mut request = bearer(method.clone(), path, &token);
        request.headers_mut().append(
            header::AUTHORIZATION,
            format!("Bearer {token}").parse().unwrap(),
        );
        assert_challenge(
            &service.send(request).await,
            400,
            r#"Bearer error="invalid_request""#,
        );

        let mut in_query = bearer(method.clone(), path, &token);
        in_query.headers_mut().remove(header::AUTHORIZATION);
        *in_query.uri_mut() = format!("{path}?access_token={token}").parse().unwrap();
        assert_challenge(&service.send(in_query).await, 401, "Bearer");

        let mut cookie_alone = bearer(method, path, &token);
        cookie_alone.headers_mut().remove(header::AUTHORIZATION);
        let field = format!("{}={cookie}", sessionmint_oauth::cookie::SESSION_COOKIE);
        cookie_alone
            .headers_mut()
            .insert(header::COOKIE, field.parse().unwrap());
        assert_challenge(&service.send(cookie_alone).await, 401, "Bearer");
    }
    let mut lower_case = bearer(Method::GET, "/iam/userinfo", &token);
    lower_case.headers_mut().insert(
        header::AUTHORIZATION,
        format!("bearer {token}").parse().unwrap(),
    );
    assert_eq!(service.send(lower_case).await.status, 200);
}

#[tokio::test]
async fn a_changed_expired_or_orphaned_token_is_invalid() {
    let (service, ada, cookie) = signed_in().await;
    let invalid = r#"Bearer error="invalid_token""#;
    let token = service.account_token(&cookie).await;
    let userinfo = async |token: &str| {
        service
            .send(bearer(Method::GET, "/iam/userinfo", token))
            .await
    };
    let (body, signature) = token.rsplit_once('.').unwrap();
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    for bad in [
        format!("{body}.{flipped}{}", &signature[1..]),
        format!("{body}."),
        format!("{body}.{}", "A".repeat(86)),
        body.to_owned(),
        "x".to_owned(),
        String::new(),
    ] {
        assert_challenge(&userinfo(&bad).await, 401, invalid);
    }
    assert_eq!(userinfo(&token).await.status, 200);
    service.clock.advance_secs(305);
    assert_challenge(&userinfo(&token).await, 401, invalid);

    let token = service.account_token(&cookie).await;
    assert_eq!(service.send(logout_request(&cookie)).await.status, 204);
    assert_challenge(&userinfo(&token).await, 401, invalid);

    let cookie = service.sign_in("ada", PASSWORD).await;
    let token = service.account_token(&cookie).await;
    service
        .store
        .set_disabled(&ada, true, By::service(START))
        .await
        .unwrap();
    assert_challenge(&userinfo(&token).await, 401, invalid);
}

#[tokio::test]
async fn without_an_origin_a_token_works_but_no_script_may_read() {
    let (service, _, cookie) = signed_in().await;
    let token = service.account_token(&cookie).await;
    for origin in [None, Some("https://evil.example.com")] {
        let mut request =
            Request::get("/iam/userinfo").header(header::AUTHORIZATION, format!("Bearer {token}"));
        if let Some(origin) = origin {
            request = request.header(header::ORIGIN, origin);
        }
        let answer = service.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, 200);
        assert!(
            !answer
                .headers
                .contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN)
        );
    }
}
