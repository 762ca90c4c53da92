//! Signing in.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, OnceLock};

use async_trait::async_trait;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, header};
use sessionmint_iam::SystemRandom;
use sessionmint_iam::config::HashingConfig;
use sessionmint_iam::login::{
    AuthenticateError, Authenticated, Authenticator, Credentials, PasswordAuthenticator,
};
use sessionmint_iam::testing::{Answer, ORIGIN, START, TestService, sign_in_request};
use sessionmint_oauth::{Timestamp, UserId};
use sessionmint_store::{By, Change, EndSessions, Store, Users as _};

use crate::support::{PASSWORD, assert_denied, assert_minted, signed_in};

/// Answers every attempt alike and remembers where they came from.
struct Fixed(Result<Authenticated, AuthenticateError>, Mutex<Vec<IpAddr>>);

#[async_trait]
impl Authenticator for Fixed {
    async fn authenticate(
        &self,
        attempt: Credentials<'_>,
        _: Timestamp,
    ) -> Result<Authenticated, AuthenticateError> {
        self.1.lock().unwrap().push(attempt.network);
        self.0.clone()
    }
}

async fn service_that_answers(
    answer: Result<Authenticated, AuthenticateError>,
) -> (TestService, Arc<Fixed>) {
    let fixed = Arc::new(Fixed(answer, Mutex::default()));
    let trusted = |config: &mut sessionmint_iam::Config| {
        config.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
    };
    (
        TestService::start_with(trusted, Some(fixed.clone())).await,
        fixed,
    )
}

fn assert_problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status.as_u16(), status, "{answer:?}");
    assert_eq!(
        answer.header(header::CONTENT_TYPE),
        "application/problem+json"
    );
    let json = answer.json();
    assert_eq!(
        (&json["status"], &json["code"]),
        (&status.into(), &code.into())
    );
    assert!(!answer.headers.contains_key(header::SET_COOKIE));
}

#[tokio::test]
async fn a_sign_in_tells_who_signed_in() {
    let service = TestService::start().await;
    let ada = service.add_user("ada", PASSWORD).await;
    let answer = service.try_sign_in("ada", PASSWORD).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.json(),
        serde_json::json!({ "user": { "id": ada.as_str(), "username": "ada" } })
    );
    assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), ORIGIN);
    assert_eq!(
        answer.header(header::ACCESS_CONTROL_ALLOW_CREDENTIALS),
        "true"
    );
    let claims = assert_minted(&service.mint(&answer.session_cookie().unwrap(), "").await);
    assert_eq!(claims["sub"], ada.as_str());
}

#[tokio::test]
async fn c146_unknown_wrong_and_disabled_look_the_same() {
    let service = TestService::start().await;
    service.add_user("ada", PASSWORD).await;
    let eve = service.add_user("eve", PASSWORD).await;
    service
        .store
        .set_disabled(&eve, true, By::service(START))
        .await
        .unwrap();
    let wrong = service.try_sign_in("ada", "not her password").await;
    assert_problem(&wrong, 401, "invalid_credentials");
    for (username, password) in [
        ("nobody", PASSWORD),
        ("eve", PASSWORD),
        ("eve", "not her password"),
        ("ADA", PASSWORD),
        ("ada ", PASSWORD),
        ("", ""),
        ("ada", &"x".repeat(5000)),
    ] {
        let answer = service.try_sign_in(username, password).await;
        assert_eq!(
            (answer.status, &answer.body, &answer.headers),
            (wrong.status, &wrong.body, &wrong.headers)
        );
    }
}

#[tokio::test]
async fn c028_only_json_signs_in() {
    let service = TestService::start().await;
    service.add_user("ada", PASSWORD).await;
    let types = [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/json",
        "",
    ];
    for content_type in types {
        let mut request = sign_in_request("ada", PASSWORD);
        request
            .headers_mut()
            .insert(header::CONTENT_TYPE, content_type.parse().unwrap());
        assert_problem(&service.send(request).await, 415, "unsupported_media_type");
    }
    let mut request = sign_in_request("ada", PASSWORD);
    request.headers_mut().remove(header::CONTENT_TYPE);
    assert_problem(&service.send(request).await, 415, "unsupported_media_type");
    let mut request = sign_in_request("ada", PASSWORD);
    request.headers_mut().insert(
        header::CONTENT_TYPE,
        "application/json; charset=utf-8".parse().unwrap(),
    );
    assert_eq!(service.send(request).await.status, 200);
}

#[tokio::test]
async fn c034_an_evil_origin_signs_nobody_in() {
    let service = TestService::start().await;
    service.add_user("ada", PASSWORD).await;
    let mut request = sign_in_request("ada", PASSWORD);
    request
        .headers_mut()
        .insert(header::ORIGIN, "https://evil.example.com".parse().unwrap());
    assert_denied(&service.send(request).await, "evil sibling");
}

#[tokio::test]
async fn what_is_no_json_object_with_name_and_password_is_malformed() {
    let (service, _, cookie) = signed_in().await;
    let as_array = format!(r#"["ada","{PASSWORD}"]"#);
    for body in [
        "",
        "{",
        "[]",
        &as_array,
        "null",
        r#"{"username":"ada"}"#,
        r#"{"username":1,"password":"x"}"#,
        "\u{feff}{}",
    ] {
        let mut request = sign_in_request("", "");
        *request.body_mut() = Body::from(body.to_owned());
        let answer = service.send(request).await;
        assert_problem(&answer, 400, "malformed");
        assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), ORIGIN);
    }
    let mut request = sign_in_request("", "");
    *request.body_mut() = Body::from(vec![b' '; 70_000]);
    assert_problem(&service.send(request).await, 413, "too_large");
    assert_minted(&service.mint(&cookie, "").await);
}

#[tokio::test]
async fn throttled_and_busy_sign_ins_are_told_when_to_come_back() {
    for (error, status, code, retry_after) in [
        (
            AuthenticateError::Throttled {
                retry_after_secs: 30,
            },
            429,
            "throttled",
            "30",
        ),
        (
            AuthenticateError::Busy {
                retry_after_secs: 3,
            },
            503,
            "busy",
            "3",
        ),
        (
            AuthenticateError::Unavailable,
            503,
            "temporarily_unavailable",
            "2",
        ),
    ] {
        let (service, _) = service_that_answers(Err(error)).await;
        let answer = service.try_sign_in("ada", PASSWORD).await;
        assert_problem(&answer, status, code);
        assert_eq!(answer.header(header::RETRY_AFTER), retry_after);
        assert_eq!(
            answer.header(header::ACCESS_CONTROL_EXPOSE_HEADERS),
            "Retry-After"
        );
        assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), ORIGIN);
    }
}

#[tokio::test]
async fn a_user_who_is_gone_before_the_session_starts_is_rejected() {
    let gone = Authenticated {
        user_id: UserId::from_random([9; 16]),
        username: "ada".to_owned(),
        password_hash: None,
    };
    let (service, _) = service_that_answers(Ok(gone)).await;
    assert_problem(
        &service.try_sign_in("ada", PASSWORD).await,
        401,
        "invalid_credentials",
    );
}

/// Checks passwords as the service does; whenever one is right, its owner changes it just then.
#[derive(Default)]
struct ChangedMeanwhile(OnceLock<Arc<dyn Store>>);

#[async_trait]
impl Authenticator for ChangedMeanwhile {
    async fn authenticate(
        &self,
        attempt: Credentials<'_>,
        now: Timestamp,
    ) -> Result<Authenticated, AuthenticateError> {
        let store = self.0.get().unwrap();
        let hashing = HashingConfig {
            argon2_memory_kib: 8,
            argon2_iterations: 1,
            ..HashingConfig::default()
        };
        let passwords =
            PasswordAuthenticator::new(Arc::clone(store), &hashing, Arc::new(SystemRandom))
                .unwrap();
        let user = passwords.authenticate(attempt, now).await?;
        let changed = store.set_password(
            &user.user_id,
            "another".to_owned(),
            EndSessions::All,
            By::service(START),
        );
        assert_eq!(changed.await, Ok(Change::Done));
        Ok(user)
    }
}

/// Or whoever knows the old password could keep trying and have a session that outlives the change.
#[tokio::test]
async fn c018_a_password_that_changes_during_the_sign_in_starts_no_session() {
    let authenticator = Arc::new(ChangedMeanwhile::default());
    let service = TestService::start_with(|_| {}, Some(authenticator.clone())).await;
    authenticator
        .0
        .set(Arc::clone(&service.app.store))
        .unwrap_or_else(|_| unreachable!());
    let ada = service.add_user("ada", PASSWORD).await;
    let answer = service.try_sign_in("ada", PASSWORD).await;
    assert_problem(&answer, 401, "invalid_credentials");
    assert_eq!(answer.session_cookie(), None);
    assert_eq!(service.app.store.sessions_of(&ada).await, Ok(Vec::new()));
}

#[tokio::test]
async fn c147_attempts_are_counted_where_they_come_from() {
    let (service, fixed) = service_that_answers(Err(AuthenticateError::Rejected)).await;
    let from = |peer: &str, forwarded: &str| -> Request<Body> {
        let mut request = sign_in_request("ada", PASSWORD);
        request
            .headers_mut()
            .insert("x-forwarded-for", forwarded.parse().unwrap());
        request
            .extensions_mut()
            .insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 4711)));
        request
    };
    service.send(from("198.51.100.1", "127.0.0.1")).await;
    service
        .send(from("10.0.0.1", "127.0.0.1, 203.0.113.9"))
        .await;
    let expected: Vec<IpAddr> = vec![
        "198.51.100.1".parse().unwrap(),
        "203.0.113.9".parse().unwrap(),
    ];
    assert_eq!(*fixed.1.lock().unwrap(), expected);
}

#[tokio::test]
async fn a_failed_sign_in_leaves_the_session_at_hand_alone() {
    let (service, _, cookie) = signed_in().await;
    let mut request = sign_in_request("ada", "not her password");
    let field = format!("{}={cookie}", sessionmint_oauth::cookie::SESSION_COOKIE);
    request
        .headers_mut()
        .insert(header::COOKIE, field.parse().unwrap());
    assert_problem(&service.send(request).await, 401, "invalid_credentials");
    assert_minted(&service.mint(&cookie, "").await);
}
