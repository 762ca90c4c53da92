//! The session grant.

use std::collections::HashSet;

use axum::body::Body;
use axum::http::{Method, Request, header};
use sessionmint_iam::testing::{ISSUER, ORIGIN, RESOURCE, START, TestService, mint_request};
use sessionmint_oauth::cookie::SESSION_COOKIE;
use sessionmint_store::{By, Clients as _};

use crate::support::{
    PASSWORD, assert_login_required, assert_minted, assert_oauth_error, signed_in,
};

/// A request of the app with this whole body.
fn with_body(cookie: &str, body: impl Into<Body>) -> Request<Body> {
    let mut request = mint_request(cookie, "");
    *request.body_mut() = body.into();
    request
}

#[tokio::test]
async fn a_mint_is_answered_as_in_the_contract() {
    let (service, _, cookie) = signed_in().await;
    let answer = service.mint(&cookie, "").await;
    assert_eq!(answer.status, 200);
    let json = answer.json();
    let names: HashSet<_> = json
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        names,
        HashSet::from([
            "access_token",
            "token_type",
            "expires_in",
            "scope",
            "session_expires_in"
        ])
    );
    assert_eq!(json["token_type"], "Bearer");
    assert_eq!(json["expires_in"], 300);
    assert_eq!(json["scope"], "notes:read notes:write");
    assert_eq!(json["session_expires_in"], 86_400);
    for (name, value) in [
        (header::CONTENT_TYPE, "application/json;charset=UTF-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::VARY, "Origin"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, ORIGIN),
        (header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true"),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, "Retry-After"),
    ] {
        assert_eq!(answer.header(&name), value, "{name}");
    }
    assert!(!answer.headers.contains_key(header::SET_COOKIE));
}

#[tokio::test]
async fn the_grant_has_a_urn_as_a_second_name() {
    let (service, _, cookie) = signed_in().await;
    let body = "grant_type=urn%3Asessionmint%3Aparams%3Aoauth%3Agrant-type%3Asession";
    assert_minted(&service.send(with_body(&cookie, body)).await);
}

#[tokio::test]
async fn c026_only_post_mints() {
    let (service, _, cookie) = signed_in().await;
    for method in [
        Method::GET,
        Method::HEAD,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
    ] {
        let mut request = mint_request(&cookie, "");
        *request.method_mut() = method.clone();
        request
            .headers_mut()
            .insert("sec-purpose", "prefetch".parse().unwrap());
        let answer = service.send(request).await;
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header(header::ALLOW), "POST", "{method}");
    }
}

#[tokio::test]
async fn c027_repeated_parameters_are_refused_empty_ones_absent_unknown_ones_ignored() {
    let (service, _, cookie) = signed_in().await;
    for repeated in [
        "scope=notes:read&scope=notes:read",
        "client_id=web&client_id=web",
        "grant_type=session",
    ] {
        assert_oauth_error(
            &service.mint(&cookie, repeated).await,
            400,
            "invalid_request",
        );
    }
    let two = format!("resource={RESOURCE}&resource={RESOURCE}");
    assert_oauth_error(&service.mint(&cookie, &two).await, 400, "invalid_target");
    let claims = assert_minted(
        &service
            .mint(&cookie, "scope=&resource=&client_id=&idle_for=&unknown=1")
            .await,
    );
    assert_eq!(claims["aud"], RESOURCE);
}

#[tokio::test]
async fn c028_only_forms_are_read() {
    let (service, _, cookie) = signed_in().await;
    for content_type in [
        "application/json",
        "text/plain",
        "multipart/form-data; boundary=x",
        "",
    ] {
        let mut request = mint_request(&cookie, "");
        request
            .headers_mut()
            .insert(header::CONTENT_TYPE, content_type.parse().unwrap());
        assert_oauth_error(&service.send(request).await, 415, "invalid_request");
    }
    let mut request = mint_request(&cookie, "");
    request.headers_mut().remove(header::CONTENT_TYPE);
    assert_oauth_error(&service.send(request).await, 415, "invalid_request");
}

#[tokio::test]
async fn c029_parameters_in_the_address_are_refused() {
    let (service, _, cookie) = signed_in().await;
    for query in ["grant_type=session", "client_secret=x", "access_token=x"] {
        let mut request = mint_request(&cookie, "");
        *request.uri_mut() = format!("/iam/oauth/token?{query}").parse().unwrap();
        assert_oauth_error(&service.send(request).await, 400, "invalid_request");
    }
}

#[tokio::test]
async fn c030_unknown_grants_are_unsupported() {
    let (service, _, cookie) = signed_in().await;
    for grant in ["password", "implicit", "Session", "session ", "x"] {
        let body = format!("grant_type={grant}");
        assert_oauth_error(
            &service.send(with_body(&cookie, body)).await,
            400,
            "unsupported_grant_type",
        );
    }
    for missing in ["", "scope=notes:read", "grant_type="] {
        assert_oauth_error(
            &service.send(with_body(&cookie, missing)).await,
            400,
            "invalid_request",
        );
    }
}

#[tokio::test]
async fn c031_a_browser_client_has_no_other_grant() {
    let (service, _, cookie) = signed_in().await;
    for grant in [
        "authorization_code",
        "refresh_token",
        "client_credentials",
        "urn:ietf:params:oauth:grant-type:token-exchange",
    ] {
        let body = format!("grant_type={grant}");
        assert_oauth_error(
            &service.send(with_body(&cookie, body)).await,
            400,
            "unauthorized_client",
        );
        // Without an origin it is no browser app, and whoever asks has to be a client; a cookie proves nothing.
        let mut request = with_body(&cookie, format!("grant_type={grant}"));
        request.headers_mut().remove(header::ORIGIN);
        assert_oauth_error(&service.send(request).await, 400, "invalid_client");
    }
}

#[tokio::test]
async fn c032_error_descriptions_have_only_the_allowed_characters() {
    let (service, _, cookie) = signed_in().await;
    for parameters in [
        "scope=%22%5C%0d%0a",
        "resource=%22",
        "client_id=%5C",
        "idle_for=%22",
        "scope=\u{e9}",
    ] {
        let answer = service.mint(&cookie, parameters).await;
        assert_eq!(answer.status, 400, "{parameters}");
        let json = answer.json();
        let description = json["error_description"].as_str().unwrap();
        assert!(
            description
                .bytes()
                .all(|b| matches!(b, 0x20..=0x21 | 0x23..=0x5B | 0x5D..=0x7E)),
            "{description}"
        );
    }
}

#[tokio::test]
async fn c033_errors_do_not_tell_whether_there_is_a_session() {
    let (service, _, cookie) = signed_in().await;
    let unknown = "B".repeat(42) + "A";
    for parameters in [
        "scope=admin",
        "resource=https://x.example",
        "client_id=x",
        "idle_for=x",
        "scope=a&scope=b",
    ] {
        let (with, without) = (
            service.mint(&cookie, parameters).await,
            service.mint(&unknown, parameters).await,
        );
        assert_eq!(
            (with.status, with.body, with.headers),
            (without.status, without.body, without.headers)
        );
    }
    let (unknown, malformed) = (
        service.mint(&unknown, "").await,
        service.mint("x", "").await,
    );
    assert_eq!(
        (unknown.body, unknown.headers),
        (malformed.body, malformed.headers)
    );
}

#[tokio::test]
async fn c034_a_client_id_is_bound_to_the_origin() {
    let (service, _, cookie) = signed_in().await;
    let other = sessionmint_oauth::BrowserClient {
        client_id: "other".parse().unwrap(),
        origins: vec!["https://other.example.com".to_owned()],
        default_resource: "https://other-api.example.com".to_owned(),
        resources: vec!["https://other-api.example.com".to_owned()],
        ..sessionmint_iam::testing::web_client()
    };
    service
        .store
        .add_client(other, By::service(START))
        .await
        .unwrap();
    assert_oauth_error(
        &service.mint(&cookie, "client_id=other").await,
        400,
        "unauthorized_client",
    );
    assert_eq!(
        assert_minted(&service.mint(&cookie, "client_id=web").await)["client_id"],
        "web"
    );
    let mut request = mint_request(&cookie, "");
    request
        .headers_mut()
        .insert(header::ORIGIN, "https://other.example.com".parse().unwrap());
    let claims = assert_minted(&service.send(request).await);
    assert_eq!(
        (&claims["client_id"], &claims["aud"]),
        (&"other".into(), &"https://other-api.example.com".into())
    );
}

#[tokio::test]
async fn a_client_that_is_removed_is_refused_at_once() {
    let (service, _, cookie) = signed_in().await;
    service
        .store
        .remove_client(&"web".parse().unwrap(), By::service(START))
        .await
        .unwrap();
    assert_eq!(service.mint(&cookie, "").await.status, 403);
}

#[tokio::test]
async fn c035_a_token_has_no_more_than_client_and_user_and_never_a_refresh_token() {
    let service = TestService::start().await;
    service
        .add_user_with_scopes("ada", PASSWORD, Some("notes:read account".parse().unwrap()))
        .await;
    let cookie = service.sign_in("ada", PASSWORD).await;
    let answer = service.mint(&cookie, "scope=notes:read+notes:write").await;
    assert_eq!(answer.json()["scope"], "notes:read");
    assert_eq!(assert_minted(&answer)["scope"], "notes:read");
    assert!(!String::from_utf8_lossy(&answer.body).contains("refresh_token"));
}

#[tokio::test]
async fn c036_narrowing_is_honoured_widening_refused() {
    let (service, _, cookie) = signed_in().await;
    let claims = assert_minted(
        &service
            .mint(&cookie, &format!("scope=account&resource={ISSUER}"))
            .await,
    );
    assert_eq!(
        (claims["scope"].as_str(), claims["aud"].as_str()),
        (Some("account"), Some(ISSUER))
    );
    assert_oauth_error(
        &service.mint(&cookie, "scope=notes:read+admin").await,
        400,
        "invalid_scope",
    );
    assert_oauth_error(
        &service.mint(&cookie, "resource=https://x.example").await,
        400,
        "invalid_target",
    );
    assert_oauth_error(
        &service
            .mint(&cookie, &format!("resource={RESOURCE}/"))
            .await,
        400,
        "invalid_target",
    );
}

#[tokio::test]
async fn idle_for_is_a_whole_number_of_seconds() {
    let (service, _, cookie) = signed_in().await;
    for bad in ["-1", "1.5", "abc", "%2B1"] {
        assert_oauth_error(
            &service.mint(&cookie, &format!("idle_for={bad}")).await,
            400,
            "invalid_request",
        );
    }
    assert_minted(&service.mint(&cookie, "idle_for=0").await);
}

#[tokio::test]
async fn c037_twenty_tabs_at_once_all_get_a_token() {
    let (service, ada, cookie) = signed_in().await;
    let service = std::sync::Arc::new(service);
    let tabs: Vec<_> = (0..20)
        .map(|_| {
            let (service, cookie) = (service.clone(), cookie.clone());
            tokio::spawn(async move { service.mint(&cookie, "idle_for=0").await })
        })
        .collect();
    for tab in tabs {
        assert_minted(&tab.await.unwrap());
    }
    assert_eq!(service.app.store.sessions_of(&ada).await.unwrap().len(), 1);
}

#[tokio::test]
async fn c038_a_session_that_mints_too_much_waits_and_lives_on() {
    let (service, _, cookie) = signed_in().await;
    for _ in 0..600 {
        assert_eq!(service.mint(&cookie, "").await.status, 200);
    }
    let answer = service.mint(&cookie, "").await;
    assert_oauth_error(&answer, 429, "slow_down");
    assert_eq!(answer.header(header::RETRY_AFTER), "1");
    assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), ORIGIN);
    assert_eq!(
        answer.header(header::ACCESS_CONTROL_EXPOSE_HEADERS),
        "Retry-After"
    );
    let other = service.sign_in("ada", PASSWORD).await;
    assert_minted(&service.mint(&other, "").await);
    service.clock.advance_secs(1);
    assert_minted(&service.mint(&cookie, "").await);
}

#[tokio::test]
async fn c038_all_sessions_of_a_user_together_mint_no_more_than_each_may() {
    let change = |config: &mut sessionmint_iam::Config| {
        config.sessions.mints_per_minute = 10;
        config.sessions.max_per_user = 2;
    };
    let service = TestService::start_with(change, None).await;
    service.add_user("ada", PASSWORD).await;
    let mut minted = 0;
    let mut sessions = Vec::new();
    for _ in 0..2 {
        let cookie = service.sign_in("ada", PASSWORD).await;
        while service.mint(&cookie, "").await.status == 200 {
            minted += 1;
        }
        sessions.push(cookie);
    }
    assert_eq!(minted, 20);
    for cookie in &sessions {
        let answer = service.mint(cookie, "").await;
        assert_oauth_error(&answer, 429, "slow_down");
        assert_eq!(answer.header(header::RETRY_AFTER), "6");
    }
    // A third session costs a sign-in, and takes the place of the first.
    service.sign_in("ada", PASSWORD).await;
    assert_login_required(&service.mint(&sessions[0], "").await);
    service.clock.advance_secs(6);
    assert_minted(&service.mint(&sessions[1], "").await);
}

#[tokio::test]
async fn a_body_over_64_kib_is_refused() {
    let (service, _, cookie) = signed_in().await;
    let fits = format!("grant_type=session&x={}", "y".repeat(60_000));
    assert_minted(&service.send(with_body(&cookie, fits)).await);
    let over = format!("grant_type=session&x={}", "y".repeat(66_000));
    let answer = service.send(with_body(&cookie, over)).await;
    assert_oauth_error(&answer, 413, "invalid_request");
    assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), ORIGIN);
}

#[tokio::test]
async fn nobody_mints_without_a_cookie() {
    let (service, ..) = signed_in().await;
    let mut request = mint_request("", "");
    request.headers_mut().remove(header::COOKIE);
    assert_login_required(&service.send(request).await);
    let mut request = mint_request("", "");
    request.headers_mut().insert(
        header::COOKIE,
        format!("{SESSION_COOKIE}=").parse().unwrap(),
    );
    assert_login_required(&service.send(request).await);
}
