//! What requests leave behind in the audit trail.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderValue, Method, Request, header};
use serde_json::json;
use sessionmint_iam::Clock as _;
use sessionmint_iam::config::ThrottleConfig;
use sessionmint_iam::login::{
    AuthenticateError, Authenticated, Authenticator, Credentials, Throttled,
};
use sessionmint_iam::testing::{START, TestService, mint_request, sign_in_request};
use sessionmint_oauth::cookie::SESSION_COOKIE;
use sessionmint_oauth::{Timestamp, UserId};
use sessionmint_store::AuditKind as Kind;
use sessionmint_store::AuditReason as Reason;
use sessionmint_store::{Actor, AuditFilter, AuditRecord};

use crate::support::{
    PASSWORD, assert_denied, assert_login_required, assert_minted, bearer, logout_request,
    mint_with_cookie_field, signed_in,
};

/// All records in the order of their arrival, those of refusals included.
async fn records(service: &TestService) -> Vec<AuditRecord> {
    service.app.write_refusals().await.unwrap();
    let all = AuditFilter::default();
    let mut records = service.app.store.audit(&all, None, u32::MAX).await.unwrap();
    records.sort_by_key(|record| record.id);
    records
}

/// The records that `requests` leave behind.
async fn left_by(service: &TestService, requests: impl Future) -> Vec<AuditRecord> {
    let before = records(service).await.len();
    requests.await;
    records(service).await.split_off(before)
}

fn what(records: &[AuditRecord]) -> Vec<(Kind, Option<Reason>)> {
    records.iter().map(|r| (r.kind, r.reason)).collect()
}

/// As it arrives behind a proxy.
fn behind_proxy(mut request: Request<Body>, client: &str) -> Request<Body> {
    let proxy: SocketAddr = "10.0.0.1:4711".parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(proxy));
    let headers = request.headers_mut();
    headers.insert("x-forwarded-for", client.parse().unwrap());
    headers.insert(header::USER_AGENT, HeaderValue::from_static("a browser"));
    request
}

async fn service_behind_proxy() -> TestService {
    let proxies = vec!["10.0.0.0/8".parse().unwrap()];
    TestService::start_with(|config| config.trusted_proxies = proxies, None).await
}

#[tokio::test]
async fn c151_signing_in_and_out_says_who_through_what_from_where_and_when() {
    let service = service_behind_proxy().await;
    let ada = service.add_user("ada", PASSWORD).await;
    service.clock.advance_secs(60);
    let mut cookie = String::new();
    let sign_in = async {
        let request = behind_proxy(sign_in_request("ada", PASSWORD), "127.0.0.1, 2001:db8::7");
        cookie = service.send(request).await.session_cookie().unwrap();
    };
    let began = left_by(&service, sign_in).await;
    let sid = service.app.store.sessions_of(&ada).await.unwrap()[0]
        .id
        .clone();
    let [began] = &began[..] else {
        panic!("{began:?}")
    };
    assert_eq!((began.kind, began.reason), (Kind::SignInSucceeded, None));
    assert_eq!(began.details["user_agent"], "a browser");

    service.clock.advance_secs(60);
    // Twice: the second signs nobody out.
    let sign_out = async {
        for _ in 0..2 {
            let request = behind_proxy(logout_request(&cookie), "2001:db8::7");
            service.send(request).await;
        }
    };
    let ended = left_by(&service, sign_out).await;
    let [ended] = &ended[..] else {
        panic!("{ended:?}")
    };
    assert_eq!(
        (ended.kind, ended.reason),
        (Kind::SessionEnded, Some(Reason::SignOut))
    );
    for (record, at) in [(began, 60), (ended, 120)] {
        assert_eq!(record.at, START.plus_secs(at));
        assert_eq!(record.actor, Actor::User(ada.clone()));
        assert_eq!(record.user_id, Some(ada.clone()));
        assert_eq!(record.session_id, Some(sid.clone()));
        assert_eq!(record.client_id, Some("web".parse().unwrap()));
        assert_eq!(record.network, Some("2001:db8::7".parse().unwrap()));
        assert_eq!(record.attempts, None);
    }
}

#[tokio::test]
async fn c151_sessions_that_a_sign_in_ends_are_recorded_with_it() {
    let (service, _, first) = signed_in().await;
    let again = async {
        let mut request = sign_in_request("ada", PASSWORD);
        let cookie = format!("{SESSION_COOKIE}={first}").parse().unwrap();
        request.headers_mut().insert(header::COOKIE, cookie);
        assert_eq!(service.send(request).await.status, 200);
    };
    assert_eq!(
        what(&left_by(&service, again).await),
        [
            (Kind::SessionEnded, Some(Reason::Replaced)),
            (Kind::SignInSucceeded, None),
        ]
    );
}

#[tokio::test]
async fn c151_a_refused_sign_in_is_recorded_without_what_was_typed() {
    let (service, ada, _) = signed_in().await;
    let refused = async {
        for name in ["ada", "my other password", "ada"] {
            let answer = service.try_sign_in(name, "not her password").await;
            assert_eq!(answer.status, 401);
        }
    };
    let mut left = left_by(&service, refused).await;
    left.sort_by_key(|record| record.attempts);
    let found: Vec<_> = left
        .iter()
        .map(|r| (r.kind, r.reason, r.user_id.clone(), r.attempts))
        .collect();
    let rejected = |user, attempts| {
        (
            Kind::SignInFailed,
            Some(Reason::Rejected),
            user,
            Some(attempts),
        )
    };
    assert_eq!(found, [rejected(None, 1), rejected(Some(ada), 2)]);
    for record in &left {
        assert_eq!(record.actor, Actor::Nobody);
        assert_eq!(record.client_id, Some("web".parse().unwrap()));
        assert_eq!(record.at, START);
        assert!(record.network.is_some() && record.session_id.is_none());
        assert!(!format!("{record:?}").contains("password"), "{record:?}");
    }
}

/// Knows nobody.
struct RejectsAll;

#[async_trait]
impl Authenticator for RejectsAll {
    async fn authenticate(
        &self,
        _: Credentials<'_>,
        _: Timestamp,
    ) -> Result<Authenticated, AuthenticateError> {
        Err(AuthenticateError::Rejected)
    }
}

#[tokio::test]
async fn c151_throttled_sign_ins_are_recorded_and_a_flood_costs_one_write() {
    let throttled = Throttled::new(RejectsAll, &ThrottleConfig::default());
    let service = TestService::start_with(|_| {}, Some(Arc::new(throttled))).await;
    service.add_user("ada", PASSWORD).await;
    let flood = async {
        for _ in 0..300 {
            service.try_sign_in("ada", "not her password").await;
        }
    };
    let left = left_by(&service, flood).await;
    let found: Vec<_> = left.iter().map(|r| (r.reason, r.attempts)).collect();
    assert_eq!(
        found,
        [
            (Some(Reason::Rejected), Some(10)),
            (Some(Reason::Throttled), Some(290))
        ]
    );
}

#[tokio::test]
async fn c151_acts_on_the_own_account_are_recorded() {
    let (service, ada, cookie) = signed_in().await;
    service.sign_in("ada", PASSWORD).await;
    service.sign_in("ada", PASSWORD).await;
    let token = service.account_token(&cookie).await;
    let sessions = service.app.store.sessions_of(&ada).await.unwrap();
    let end_one = service.send(bearer(
        Method::DELETE,
        &format!("/iam/sessions/{}", sessions[0].id),
        &token,
    ));
    let one = left_by(&service, end_one).await;
    let end_others = service.send(bearer(Method::DELETE, "/iam/sessions", &token));
    let others = left_by(&service, end_others).await;
    for (left, sid) in [(&one, &sessions[0].id), (&others, &sessions[1].id)] {
        assert_eq!(what(left), [(Kind::SessionEnded, Some(Reason::Requested))]);
        assert_eq!(left[0].session_id.as_ref(), Some(sid));
        assert_eq!(left[0].actor, Actor::User(ada.clone()));
        assert_eq!(left[0].client_id, Some("web".parse().unwrap()));
        assert!(left[0].network.is_some());
    }
    let nothing = left_by(
        &service,
        service.send(bearer(Method::GET, "/iam/sessions", &token)),
    );
    assert_eq!(nothing.await, [], "to look changes nothing");
}

fn change_password(token: &str, current: &str, new: &str) -> Request<Body> {
    let mut request = bearer(Method::POST, "/iam/password", token);
    let json = HeaderValue::from_static("application/json");
    request.headers_mut().insert(header::CONTENT_TYPE, json);
    *request.body_mut() = json!({ "current_password": current, "new_password": new })
        .to_string()
        .into();
    request
}

#[tokio::test]
async fn c151_a_change_of_password_and_a_refused_one_are_recorded() {
    let (service, ada, cookie) = signed_in().await;
    service.sign_in("ada", PASSWORD).await;
    let token = service.account_token(&cookie).await;
    let current = service.app.store.sessions_of(&ada).await.unwrap()[1]
        .id
        .clone();
    let new = "nine large porcupines";
    let refused = async {
        for _ in 0..2 {
            let answer = service.send(change_password(&token, "wrong", new)).await;
            assert_eq!(answer.status, 403);
        }
    };
    let left = left_by(&service, refused).await;
    assert_eq!(
        what(&left),
        [(Kind::PasswordChangeFailed, Some(Reason::Rejected))]
    );
    assert_eq!(left[0].attempts, Some(2));
    assert_eq!(left[0].session_id, Some(current));
    assert_eq!(left[0].actor, Actor::User(ada.clone()));

    let changed = service.send(change_password(&token, PASSWORD, new));
    let left = left_by(&service, changed).await;
    assert_eq!(
        what(&left),
        [
            (Kind::PasswordChanged, None),
            (Kind::SessionEnded, Some(Reason::PasswordChanged)),
        ]
    );
    for record in left {
        assert_eq!(record.actor, Actor::User(ada.clone()));
        assert!(record.network.is_some() && record.client_id.is_some());
    }
}

#[tokio::test]
async fn c151_a_refused_origin_is_one_event() {
    let service = service_behind_proxy().await;
    service.add_user("ada", PASSWORD).await;
    let cookie = service.sign_in("ada", PASSWORD).await;
    let with = |name: &'static str, value: &'static str| {
        let mut request = mint_request(&cookie, "");
        request
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
        request
    };
    let mut without = mint_request(&cookie, "");
    without.headers_mut().remove(header::ORIGIN);
    let evil = "https://evil.example.com";
    for (request, reason, origin) in [
        (with("origin", evil), Reason::NotRegistered, Some(evil)),
        (with("origin", "null"), Reason::NotRegistered, Some("null")),
        (with("origin", "a\tb"), Reason::NotRegistered, Some("a\\tb")),
        (
            with("origin", "https://api.example.com"),
            Reason::OwnOrigin,
            None,
        ),
        (with("sec-fetch-mode", "navigate"), Reason::NotFetch, None),
        (without, Reason::NoOrigin, None),
    ] {
        let request = behind_proxy(request, "203.0.113.9");
        let denied = async { assert_denied(&service.send(request).await, reason.as_str()) };
        let left = left_by(&service, denied).await;
        assert_eq!(what(&left), [(Kind::OriginRefused, Some(reason))]);
        let record = &left[0];
        assert_eq!(
            record
                .details
                .get("origin")
                .and_then(|value| value.as_str()),
            origin
        );
        assert_eq!(
            (&record.actor, record.network, record.attempts),
            (
                &Actor::Nobody,
                Some("203.0.113.9".parse::<IpAddr>().unwrap()),
                Some(1)
            )
        );
    }
}

#[tokio::test]
async fn c006_two_exact_cookies_leave_an_event() {
    let (service, _, cookie) = signed_in().await;
    let field = format!("{SESSION_COOKIE}={cookie}; {SESSION_COOKIE}={cookie}");
    let twice = async {
        for _ in 0..2 {
            let answer = service.send(mint_with_cookie_field(field.as_bytes()));
            assert_login_required(&answer.await);
        }
    };
    let left = left_by(&service, twice).await;
    assert_eq!(what(&left), [(Kind::CookieRefused, None)]);
    assert_eq!(
        (left[0].attempts, left[0].client_id.clone()),
        (Some(2), Some("web".parse().unwrap()))
    );
    assert!(left[0].network.is_some() && left[0].user_id.is_none());
}

#[tokio::test]
async fn c151_mints_leave_no_record_also_those_that_find_no_session() {
    let (service, _, cookie) = signed_in().await;
    let mints = async {
        assert_minted(&service.mint(&cookie, "idle_for=0").await);
        service.clock.advance_secs(1800);
        assert_minted(&service.mint(&cookie, "idle_for=0").await);
        assert_login_required(&service.mint("nobody's", "").await);
        service.send(logout_request("nobody's")).await;
    };
    assert_eq!(left_by(&service, mints).await, []);
}

#[tokio::test]
async fn c151_what_the_service_does_by_itself_is_recorded_as_its_own() {
    let service = TestService::start().await;
    let first = records(&service).await;
    let added = first.iter().find(|record| record.kind == Kind::KeyAdded);
    let added = added.unwrap();
    assert_eq!(added.actor, Actor::Service);
    assert_eq!(added.details["alg"], "ES256");
    assert!(added.key_id.is_some() && added.network.is_none());

    service.clock.advance_secs(31 * 86_400);
    let by = sessionmint_store::By::service(service.clock.now());
    let refresh = service.app.keys.refresh(&*service.app.store, &by);
    let left = left_by(&service, refresh).await;
    assert_eq!(what(&left), [(Kind::KeyAdded, None)]);
}

#[tokio::test]
async fn c151_a_failed_sign_in_of_a_user_who_is_gone_is_still_counted() {
    let (service, ada, _) = signed_in().await;
    service.try_sign_in("ada", "not her password").await;
    let by = sessionmint_store::By::operator("root", START);
    service.app.store.remove_user(&ada, by).await.unwrap();
    let newest = records(&service).await.pop().unwrap();
    let nobody: Option<UserId> = None;
    assert_eq!(
        (newest.kind, newest.user_id, newest.attempts),
        (Kind::SignInFailed, nobody, Some(1))
    );
}
