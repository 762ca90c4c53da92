//! Changing one's own password, and what ends with it.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Method, Request, header};
use sessionmint_iam::SystemRandom;
use sessionmint_iam::config::{HashingConfig, ThrottleConfig};
use sessionmint_iam::login::{
    AuthenticateError, Authenticated, Authenticator, Credentials, PasswordAuthenticator,
    PasswordChange, PasswordChangeError, Throttled,
};
use sessionmint_iam::testing::{Answer, ISSUER, ORIGIN, START, TestService};
use sessionmint_oauth::Timestamp;
use sessionmint_oauth::cookie::SESSION_COOKIE;
use sessionmint_store::{By, EndSessions, Sessions as _, Store, Users as _};

use crate::support::{
    PASSWORD, assert_login_required, assert_minted, bearer, logout_request, signed_in,
};

const NEW: &str = "a wholly other hedgehog";

fn change_request(token: &str, current: &str, new: &str) -> Request<Body> {
    let body = serde_json::json!({ "current_password": current, "new_password": new });
    let mut request = bearer(Method::POST, "/iam/password", token);
    request
        .headers_mut()
        .insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
    *request.body_mut() = body.to_string().into();
    request
}

#[track_caller]
fn assert_problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status.as_u16(), status, "{answer:?}");
    assert_eq!(
        answer.header(header::CONTENT_TYPE),
        "application/problem+json"
    );
    assert_eq!(answer.json()["code"], code);
    assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), ORIGIN);
    assert!(!answer.headers.contains_key(header::SET_COOKIE));
}

/// The account, with a token that was minted before, is closed like the session.
async fn assert_account_closed(service: &TestService, token: &str) {
    for (method, path) in [
        (Method::GET, "/iam/sessions"),
        (Method::DELETE, "/iam/sessions"),
        (Method::GET, "/iam/userinfo"),
        (Method::POST, "/iam/password"),
    ] {
        let answer = service.send(bearer(method, path, token)).await;
        assert_problem(&answer, 401, "invalid_token");
    }
}

#[tokio::test]
async fn c149_a_changed_password_ends_the_other_sessions_and_keeps_this_one() {
    let (service, _, mine) = signed_in().await;
    let others = [
        service.sign_in("ada", PASSWORD).await,
        service.sign_in("ada", PASSWORD).await,
    ];
    service.add_user("eve", PASSWORD).await;
    let eves = service.sign_in("eve", PASSWORD).await;
    let tokens_elsewhere = [
        service.account_token(&others[0]).await,
        service.account_token(&others[1]).await,
    ];
    let token = service.account_token(&mine).await;

    let answer = service.send(change_request(&token, PASSWORD, NEW)).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (204, 0));
    assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), ORIGIN);
    assert!(!answer.headers.contains_key(header::SET_COOKIE));

    for (cookie, token) in others.iter().zip(&tokens_elsewhere) {
        assert_login_required(&service.mint(cookie, "").await);
        assert_account_closed(&service, token).await;
    }
    assert_minted(&service.mint(&mine, "").await);
    assert_minted(&service.mint(&eves, "").await);
    let list = service
        .send(bearer(Method::GET, "/iam/sessions", &token))
        .await;
    assert_eq!(list.json()["sessions"].as_array().unwrap().len(), 1);

    assert_problem(
        &service.try_sign_in("ada", PASSWORD).await,
        401,
        "invalid_credentials",
    );
    assert_minted(&service.mint(&service.sign_in("ada", NEW).await, "").await);
}

#[tokio::test]
async fn c149_without_the_current_password_nothing_changes() {
    let (service, ada, cookie) = signed_in().await;
    let other = service.sign_in("ada", PASSWORD).await;
    let token = service.account_token(&cookie).await;
    let before = service.store.user(&ada).await.unwrap();
    let long = "x".repeat(2000);
    for wrong in ["not her password", "", NEW, &long] {
        let answer = service
            .send(change_request(&token, wrong, "yet another hedgehog"))
            .await;
        assert_problem(&answer, 403, "wrong_password");
    }
    for body in [
        format!(r#"{{"new_password":"{NEW}"}}"#),
        format!(r#"{{"current_password":null,"new_password":"{NEW}"}}"#),
        format!(r#"["{PASSWORD}","{NEW}"]"#),
        String::new(),
    ] {
        let mut request = change_request(&token, "", "");
        *request.body_mut() = Body::from(body);
        assert_problem(&service.send(request).await, 400, "malformed");
    }
    assert_eq!(service.store.user(&ada).await.unwrap(), before);
    for cookie in [&cookie, &other] {
        assert_minted(&service.mint(cookie, "").await);
    }
}

#[tokio::test]
async fn c145_the_new_password_keeps_to_the_policy_and_is_told_what_is_wrong() {
    let (service, ada, cookie) = signed_in().await;
    let token = service.account_token(&cookie).await;
    let before = service.store.user(&ada).await.unwrap();
    for (new, why) in [
        ("short", "at least 8 bytes"),
        ("Password123", "tried first"),
        (&"long ".repeat(300), "at most 1024 bytes"),
        (PASSWORD, "same as the current one"),
    ] {
        let answer = service.send(change_request(&token, PASSWORD, new)).await;
        assert_problem(&answer, 422, "weak_password");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(why), "{detail}");
    }
    service.add_user("margaret.hill", PASSWORD).await;
    let margaret = service.sign_in("margaret.hill", PASSWORD).await;
    let hers = service.account_token(&margaret).await;
    let answer = service
        .send(change_request(&hers, PASSWORD, "Margaret.Hill99"))
        .await;
    assert_problem(&answer, 422, "weak_password");
    assert_eq!(service.store.user(&ada).await.unwrap(), before);
}

/// A stolen token or an open browser is no place to guess from.
#[tokio::test]
async fn c147_wrong_current_passwords_are_counted_like_those_at_sign_in() {
    let throttled = |store: Arc<dyn Store>| {
        let hashing = HashingConfig {
            argon2_memory_kib: 8,
            argon2_iterations: 1,
            ..HashingConfig::default()
        };
        let passwords =
            PasswordAuthenticator::new(store, &hashing, Arc::new(SystemRandom)).unwrap();
        Throttled::new(passwords, &ThrottleConfig::default())
    };
    let late = Arc::new(Late::default());
    let service = TestService::start_with(|_| {}, Some(late.clone())).await;
    late.0
        .set(throttled(Arc::clone(&service.app.store)))
        .unwrap_or_else(|_| unreachable!());
    service.add_user("ada", PASSWORD).await;
    let cookie = service.sign_in("ada", PASSWORD).await;
    let token = service.account_token(&cookie).await;
    for _ in 0..10 {
        let answer = service.send(change_request(&token, "wrong", NEW)).await;
        assert_problem(&answer, 403, "wrong_password");
    }
    let answer = service.send(change_request(&token, PASSWORD, NEW)).await;
    assert_problem(&answer, 429, "throttled");
    assert_ne!(answer.header(header::RETRY_AFTER), "");
    assert_eq!(
        service.try_sign_in("ada", PASSWORD).await.status,
        429,
        "one count for both"
    );
    assert_minted(&service.mint(&cookie, "").await);

    service.clock.advance_secs(1000);
    let token = service.account_token(&cookie).await;
    let answer = service.send(change_request(&token, PASSWORD, NEW)).await;
    assert_eq!(answer.status, 204, "{answer:?}");
}

/// An authenticator that needs the store of the service that needs it.
#[derive(Default)]
struct Late(std::sync::OnceLock<Throttled<PasswordAuthenticator>>);

#[async_trait::async_trait]
impl Authenticator for Late {
    async fn authenticate(
        &self,
        attempt: Credentials<'_>,
        now: Timestamp,
    ) -> Result<Authenticated, AuthenticateError> {
        self.0.get().unwrap().authenticate(attempt, now).await
    }

    async fn change_password(
        &self,
        change: PasswordChange<'_>,
        now: Timestamp,
    ) -> Result<u32, PasswordChangeError> {
        self.0.get().unwrap().change_password(change, now).await
    }
}

/// Knows everybody, and no passwords.
#[derive(Default)]
struct Elsewhere(std::sync::OnceLock<Authenticated>);

#[async_trait::async_trait]
impl Authenticator for Elsewhere {
    async fn authenticate(
        &self,
        _: Credentials<'_>,
        _: Timestamp,
    ) -> Result<Authenticated, AuthenticateError> {
        Ok(self.0.get().unwrap().clone())
    }
}

#[tokio::test]
async fn where_passwords_are_kept_elsewhere_there_is_nothing_to_change() {
    let elsewhere = Arc::new(Elsewhere::default());
    let service = TestService::start_with(|_| {}, Some(elsewhere.clone())).await;
    let who = Authenticated {
        user_id: service.add_user("ada", PASSWORD).await,
        username: "ada".to_owned(),
        password_hash: None,
    };
    elsewhere.0.set(who).unwrap_or_else(|_| unreachable!());
    let cookie = service.sign_in("ada", "whatever it is").await;
    let token = service.account_token(&cookie).await;
    let answer = service.send(change_request(&token, PASSWORD, NEW)).await;
    assert_problem(&answer, 403, "passwords_kept_elsewhere");
}

#[tokio::test]
async fn the_change_asks_for_a_token_of_the_account_and_json() {
    let (service, _, cookie) = signed_in().await;
    let for_a_service = service.mint(&cookie, "scope=account").await.access_token();
    let without_scope = service
        .mint(&cookie, &format!("resource={ISSUER}&scope=notes:read"))
        .await
        .access_token();
    let answer = service
        .send(change_request(&for_a_service, PASSWORD, NEW))
        .await;
    assert_problem(&answer, 401, "invalid_token");
    let answer = service
        .send(change_request(&without_scope, PASSWORD, NEW))
        .await;
    assert_problem(&answer, 403, "insufficient_scope");

    let token = service.account_token(&cookie).await;
    let mut cookie_alone = change_request(&token, PASSWORD, NEW);
    cookie_alone.headers_mut().remove(header::AUTHORIZATION);
    let field = format!("{SESSION_COOKIE}={cookie}");
    cookie_alone
        .headers_mut()
        .insert(header::COOKIE, field.parse().unwrap());
    assert_problem(&service.send(cookie_alone).await, 401, "token_missing");

    let mut form = change_request(&token, PASSWORD, NEW);
    form.headers_mut().insert(
        header::CONTENT_TYPE,
        "application/x-www-form-urlencoded".parse().unwrap(),
    );
    assert_problem(&service.send(form).await, 415, "unsupported_media_type");

    let get = service
        .send(bearer(Method::GET, "/iam/password", &token))
        .await;
    assert_eq!((get.status.as_u16(), get.header("allow")), (405, "POST"));
    assert_eq!(service.try_sign_in("ada", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_preflight_lets_scripts_of_a_client_send_the_change_and_nobody_elses() {
    let service = TestService::start().await;
    let preflight = async |origin: &str| {
        let request = Request::builder()
            .method(Method::OPTIONS)
            .uri("/iam/password")
            .header(header::ORIGIN, origin)
            .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
            .header(
                header::ACCESS_CONTROL_REQUEST_HEADERS,
                "authorization,content-type",
            );
        service.send(request.body(Body::empty()).unwrap()).await
    };
    let answer = preflight(ORIGIN).await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), ORIGIN);
    assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_METHODS), "POST");
    assert_eq!(
        answer.header(header::ACCESS_CONTROL_ALLOW_HEADERS),
        "Authorization, Content-Type"
    );
    assert!(
        !answer
            .headers
            .contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS)
    );
    for origin in ["https://evil.example.com", "null"] {
        let answer = preflight(origin).await;
        assert_eq!(answer.status, 403);
        assert!(
            !answer
                .headers
                .contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN)
        );
    }
}

#[tokio::test]
async fn an_outage_changes_nothing_and_signs_nobody_out() {
    let (service, _, cookie) = signed_in().await;
    let token = service.account_token(&cookie).await;
    service.store.set_down(true);
    let answer = service.send(change_request(&token, PASSWORD, NEW)).await;
    assert_problem(&answer, 503, "temporarily_unavailable");
    service.store.set_down(false);
    assert_minted(&service.mint(&cookie, "").await);
    let answer = service.send(change_request(&token, PASSWORD, NEW)).await;
    assert_eq!(answer.status, 204);
}

#[tokio::test]
async fn a_sign_out_before_the_change_wins() {
    let (service, _, cookie) = signed_in().await;
    let token = service.account_token(&cookie).await;
    service.send(logout_request(&cookie)).await;
    let answer = service.send(change_request(&token, PASSWORD, NEW)).await;
    assert_problem(&answer, 401, "invalid_token");
    assert_eq!(service.try_sign_in("ada", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn c018_a_password_set_by_the_operator_closes_the_account_for_tokens_too() {
    let (service, ada, cookie) = signed_in().await;
    let other = service.sign_in("ada", PASSWORD).await;
    let token = service.account_token(&cookie).await;
    service
        .store
        .set_password(
            &ada,
            "another".to_owned(),
            EndSessions::All,
            By::service(START),
        )
        .await
        .unwrap();
    for cookie in [&cookie, &other] {
        assert_login_required(&service.mint(cookie, "").await);
    }
    assert_account_closed(&service, &token).await;
}

#[tokio::test]
async fn c018_a_removed_user_is_gone_with_sessions_and_tokens() {
    let (service, ada, cookie) = signed_in().await;
    let token = service.account_token(&cookie).await;
    service
        .store
        .remove_user(&ada, By::service(START))
        .await
        .unwrap();
    assert_login_required(&service.mint(&cookie, "").await);
    assert_account_closed(&service, &token).await;
    assert_problem(
        &service.try_sign_in("ada", PASSWORD).await,
        401,
        "invalid_credentials",
    );

    // Somebody of the same name is another user.
    let again = service.add_user("ada", PASSWORD).await;
    assert_ne!(again, ada);
    assert_login_required(&service.mint(&cookie, "").await);
    assert_account_closed(&service, &token).await;
    assert_eq!(service.store.sessions_of(&again).await, Ok(Vec::new()));
}

#[tokio::test]
async fn c018_a_disabled_user_is_refused_with_tokens_minted_before() {
    let (service, ada, cookie) = signed_in().await;
    let token = service.account_token(&cookie).await;
    service
        .store
        .set_disabled(&ada, true, By::service(START))
        .await
        .unwrap();
    assert_login_required(&service.mint(&cookie, "").await);
    assert_account_closed(&service, &token).await;
    service
        .store
        .set_disabled(&ada, false, By::service(START))
        .await
        .unwrap();
    assert_account_closed(&service, &token).await;
}

#[tokio::test]
async fn c021_one_session_more_than_allowed_ends_the_oldest_with_its_tokens() {
    let service = TestService::start().await;
    service.add_user("ada", PASSWORD).await;
    let mut cookies = Vec::new();
    for _ in 0..20 {
        cookies.push(service.sign_in("ada", PASSWORD).await);
    }
    let oldest = service.account_token(&cookies[0]).await;
    assert_minted(&service.mint(&cookies[0], "").await);
    cookies.push(service.sign_in("ada", PASSWORD).await);

    assert_login_required(&service.mint(&cookies[0], "").await);
    assert_account_closed(&service, &oldest).await;
    for cookie in &cookies[1..] {
        assert_minted(&service.mint(cookie, "").await);
    }
    let token = service.account_token(&cookies[20]).await;
    let list = service
        .send(bearer(Method::GET, "/iam/sessions", &token))
        .await;
    assert_eq!(list.json()["sessions"].as_array().unwrap().len(), 20);
}

/// Mints of live and of dead sessions while purges run: each gets the answer that it would get without them.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn c023_a_purge_during_mints_neither_revives_nor_fails_one() {
    let service =
        Arc::new(TestService::start_with(|config| config.sessions.max_per_user = 1000, None).await);
    service.add_user("ada", PASSWORD).await;
    let mut dead = Vec::new();
    for _ in 0..30 {
        dead.push(service.sign_in("ada", PASSWORD).await);
    }
    service.clock.advance_secs(2 * 3600);
    let mut live = Vec::new();
    for _ in 0..30 {
        live.push(service.sign_in("ada", PASSWORD).await);
    }
    let now = sessionmint_iam::Clock::now(&*service.clock);
    let idle_before = now.minus_secs(3600 + 3600 / 5);
    let mut tasks = tokio::task::JoinSet::new();
    for (live, dead) in live.into_iter().zip(dead) {
        let service = Arc::clone(&service);
        tasks.spawn(async move {
            for _ in 0..3 {
                assert_minted(&service.mint(&live, "idle_for=0").await);
                assert_login_required(&service.mint(&dead, "idle_for=0").await);
                service
                    .store
                    .purge_sessions(idle_before, By::service(now))
                    .await
                    .unwrap();
            }
        });
    }
    tasks.join_all().await;
    let removed = service
        .store
        .purge_sessions(idle_before, By::service(now))
        .await;
    assert_eq!(removed, Ok(0));
}
