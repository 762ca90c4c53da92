//! ID tokens, userinfo, and what OpenID Connect's conformance suite looks at, under the names that its modules have there.

use axum::http::header;

use super::redeem::userinfo_request;
use super::*;
use crate::support::decode;

/// The claims of the ID token that comes of a request, after its user did what was to be done.
async fn id_token(flow: &Flow, parameters: &str) -> Value {
    let tokens = flow.tokens(parameters).await;
    decode(tokens["id_token"].as_str().unwrap()).1
}

/// What the page is to show to `browser` for a request.
async fn step(flow: &Flow, browser: &mut Browser, parameters: &str) -> Value {
    let parameters = format!("client_id=trusted&{parameters}");
    let id = flow.hand_over(browser, &parameters).await;
    flow.shown(browser, &id).await.json()["step"].clone()
}

#[tokio::test]
async fn c051_an_id_token_says_who_signed_in_and_is_no_access_token() {
    let flow = Flow::start().await;
    let tokens = flow.tokens("nonce=n-1").await;
    let token = tokens["id_token"].as_str().unwrap();
    let (header, claims) = decode(token);
    assert_eq!(
        (&header["typ"], &header["alg"]),
        (&json!("JWT"), &json!("ES256"))
    );
    let now = flow.service.clock.now().secs();
    let (_, access) = decode(tokens["access_token"].as_str().unwrap());
    assert_eq!(
        claims,
        json!({
            "iss": ISSUER, "sub": flow.ada, "aud": "app", "iat": now, "exp": now + 300,
            "auth_time": now, "nonce": "n-1", "sid": access["sid"],
        })
    );
    // Neither here nor at a service.
    let answer = flow.service.send(userinfo_request(token)).await;
    assert_eq!(answer.status, 401);
    assert!(
        answer
            .header(header::WWW_AUTHENTICATE)
            .contains("invalid_token")
    );
    let expected = sessionmint_oauth::ExpectedClaims {
        issuer: ISSUER.to_owned(),
        audiences: vec!["app".to_owned()],
        leeway_secs: 0,
    };
    let verified = flow
        .service
        .app
        .keys
        .verify(token, &expected, flow.service.clock.now());
    assert_eq!(verified, Err(sessionmint_oauth::TokenRefusal::WrongType));

    let plain = flow.tokens("scope=notes:read").await;
    assert!(
        plain.get("id_token").is_none(),
        "without openid there is none"
    );
}

#[tokio::test]
async fn c090_state_and_nonce_come_back_to_the_byte() {
    let flow = Flow::start().await;
    let long = "x".repeat(2048);
    for text in ["<script>alert(1)</script>&\"'", "a+b %00 \u{e4}\n", &long] {
        let pairs = [("state", text), ("nonce", text)];
        let parameters = Serializer::new(String::new()).extend_pairs(pairs).finish();
        let mut browser = Browser::default();
        flow.sign_in(&mut browser).await;
        let id = flow.hand_over(&mut browser, &parameters).await;
        let back = location(&flow.approve(&browser, &id).await);
        assert_eq!(back.get("state"), text);
        let tokens = flow.redeem(&back.get("code"), "").await.json();
        assert_eq!(
            decode(tokens["id_token"].as_str().unwrap()).1["nonce"],
            text
        );
    }
}

#[tokio::test]
async fn userinfo_says_what_was_granted() {
    let flow = Flow::start().await;
    for (scope, claims) in [
        ("openid", json!({"sub": flow.ada})),
        (
            "openid+profile",
            json!({"sub": flow.ada, "preferred_username": "ada"}),
        ),
    ] {
        let tokens = flow.tokens(&format!("scope={scope}")).await;
        let token = tokens["access_token"].as_str().unwrap();
        let answer = flow.service.send(userinfo_request(token)).await;
        assert_eq!(answer.json(), claims, "{scope}");
    }
    let plain = flow.tokens("scope=notes:read").await;
    let token = plain["access_token"].as_str().unwrap();
    let answer = flow.service.send(userinfo_request(token)).await;
    assert_eq!(
        answer.status, 401,
        "a service cannot find out whose token it was handed"
    );
}

#[tokio::test]
async fn c018_tokens_of_a_session_end_with_it_at_userinfo() {
    let flow = Flow::start().await;
    let mut browser = Browser::default();
    flow.sign_in(&mut browser).await;
    let id = flow.hand_over(&mut browser, "").await;
    let code = location(&flow.approve(&browser, &id).await).get("code");
    let tokens = flow.redeem(&code, "").await.json();
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(flow.service.send(userinfo_request(token)).await.status, 200);
    let session = browser.session.unwrap();
    flow.service
        .send(crate::support::logout_request(&session))
        .await;
    assert_eq!(flow.service.send(userinfo_request(token)).await.status, 401);
}

#[tokio::test]
async fn c089_oidcc_prompt_none_not_logged_in() {
    let flow = Flow::start().await;
    let mut browser = Browser::default();
    let id = flow
        .hand_over(&mut browser, "client_id=trusted&prompt=none")
        .await;
    let back = location(
        &flow
            .answer(&browser, &id, &json!({"answer": "continue"}))
            .await,
    );
    assert_eq!(back.get("error"), "login_required");
}

#[tokio::test]
async fn c089_oidcc_prompt_none_logged_in() {
    let flow = Flow::start().await;
    let mut browser = Browser::default();
    flow.sign_in(&mut browser).await;
    let signed_in_at = flow.service.clock.now().secs();
    flow.service.clock.advance_secs(100);
    let id = flow
        .hand_over(&mut browser, "client_id=trusted&prompt=none")
        .await;
    let back = location(
        &flow
            .answer(&browser, &id, &json!({"answer": "continue"}))
            .await,
    );
    let request = redeem_request(Some("trusted"), &back.get("code"), "");
    let tokens = flow.service.send(request).await.json();
    let (_, claims) = decode(tokens["id_token"].as_str().unwrap());
    assert_eq!(
        (&claims["sub"], &claims["auth_time"]),
        (&json!(flow.ada), &json!(signed_in_at))
    );
}

#[tokio::test]
async fn c089_oidcc_prompt_login() {
    let flow = Flow::start().await;
    let mut browser = Browser::default();
    flow.sign_in(&mut browser).await;
    flow.service.clock.advance_secs(1);
    assert_eq!(step(&flow, &mut browser, "").await, "continue");
    let id = flow
        .hand_over(&mut browser, "client_id=trusted&prompt=login")
        .await;
    assert_eq!(flow.shown(&browser, &id).await.json()["step"], "login");
    flow.service.clock.advance_secs(1);
    flow.sign_in(&mut browser).await;
    assert_eq!(flow.shown(&browser, &id).await.json()["step"], "continue");
    // A later request asks again.
    assert_eq!(step(&flow, &mut browser, "prompt=login").await, "login");
}

#[tokio::test]
async fn c089_oidcc_max_age_1() {
    let flow = Flow::start().await;
    let mut browser = Browser::default();
    flow.sign_in(&mut browser).await;
    flow.service.clock.advance_secs(2);
    let id = flow
        .hand_over(&mut browser, "client_id=trusted&max_age=1")
        .await;
    assert_eq!(flow.shown(&browser, &id).await.json()["step"], "login");
    flow.service.clock.advance_secs(5);
    flow.sign_in(&mut browser).await;
    let signed_in_at = flow.service.clock.now().secs();
    flow.service.clock.advance_secs(20);
    assert_eq!(
        flow.shown(&browser, &id).await.json()["step"],
        "continue",
        "however long they read"
    );
    let back = location(
        &flow
            .answer(&browser, &id, &json!({"answer": "continue"}))
            .await,
    );
    let request = redeem_request(Some("trusted"), &back.get("code"), "");
    let tokens = flow.service.send(request).await.json();
    assert_eq!(
        decode(tokens["id_token"].as_str().unwrap()).1["auth_time"],
        signed_in_at
    );
}

#[tokio::test]
async fn c089_oidcc_max_age_10000() {
    let flow = Flow::start().await;
    let mut browser = Browser::default();
    flow.sign_in(&mut browser).await;
    flow.service.clock.advance_secs(3000);
    assert_eq!(step(&flow, &mut browser, "max_age=10000").await, "continue");
}

/// oidcc-ensure-request-with-unknown-parameter-succeeds, and the hints that a service may ignore.
#[tokio::test]
async fn oidcc_ensure_request_with_unknown_parameter_succeeds() {
    let flow = Flow::start().await;
    let claims = id_token(
        &flow,
        "extra=foobar&ui_locales=se&display=page&acr_values=1&claims_locales=se",
    )
    .await;
    assert_eq!(claims["sub"], json!(flow.ada));
}

/// oidcc-server, with each way of client authentication that has a secret or none.
#[tokio::test]
async fn oidcc_server() {
    let flow = Flow::start().await;
    let claims = id_token(&flow, "").await;
    assert_eq!(
        (&claims["nonce"], &claims["aud"]),
        (&json!("n-0S6"), &json!("app"))
    );
    let loopback = "client_id=native&redirect_uri=http://127.0.0.1:50123/callback";
    let code = flow.code(loopback).await;
    let answer = flow
        .service
        .send(redeem_request(None, &code, loopback))
        .await;
    let (_, claims) = decode(answer.json()["id_token"].as_str().unwrap());
    assert_eq!(claims["aud"], "native");
}

/// fapi2-security-profile-final-ensure-request-without-code-challenge-fails, …-plain-pkce-fails
#[tokio::test]
async fn c079_fapi2_pkce_is_required_with_s256() {
    let flow = Flow::start().await;
    for parameters in [
        "code_challenge=&code_challenge_method=",
        "code_challenge_method=plain",
    ] {
        let answer = flow.authorize(&mut Browser::default(), parameters).await;
        assert_eq!(redirect(&answer).get("error"), "invalid_request");
    }
}

/// fapi2-security-profile-final-ensure-authorization-code-is-bound-to-client
#[tokio::test]
async fn c087_fapi2_authorization_code_is_bound_to_client() {
    let flow = Flow::start().await;
    let code = flow.code("").await;
    let answer = flow
        .service
        .send(redeem_request(Some("trusted"), &code, ""))
        .await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["error"]),
        (400, &json!("invalid_grant"))
    );
}

/// fapi2-security-profile-final-state-only-outside-request-object, …-ensure-authorization-request-with-long-state
#[tokio::test]
async fn c090_fapi2_long_state() {
    let flow = Flow::start().await;
    let state = "s".repeat(384);
    let answer = flow
        .authorize(
            &mut Browser::default(),
            &format!("state={state}&scope=admin"),
        )
        .await;
    assert_eq!(redirect(&answer).get("state"), state);
}
