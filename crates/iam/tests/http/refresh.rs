//! Refresh tokens: what each use gives, when one is over, and whom an old one harms.

use std::sync::Arc;

use axum::http::header;
use serde_json::Value;
use sessionmint_iam::testing::{Answer, ISSUER, RESOURCE, START, TestService, server_client};
use sessionmint_iam::{App, Clock as _};
use sessionmint_oauth::jwt::ExpectedClaims;
use sessionmint_oauth::{
    ClientAuthentication, ClientSubject, OAuthClient, RefreshPolicy, RefreshToken, Rotation,
    SessionId, Timestamp, UserId,
};
use sessionmint_store::{
    Audit as _, AuditFilter, AuditKind, AuditReason, By, EndSessions, Grant, Grants as _, GrantsOf,
    OAuthClients as _, Sessions as _, SqliteStore, Users as _,
};

use super::support::{PASSWORD, assert_minted, assert_oauth_error, logout_request};

const DAY: i64 = 86_400;
const SECRET: &str = "sms_right";
pub(super) const SERVER: Option<(&str, &str)> = Some(("server", SECRET));

/// A service with `ada` and the client `server`.
pub(super) async fn service(refresh: RefreshPolicy) -> (TestService, OAuthClient, UserId) {
    let service = TestService::start().await;
    let ada = service.add_user("ada", PASSWORD).await;
    let client = server_client(refresh);
    service.add_oauth_client(client.clone(), Some(SECRET)).await;
    (service, client, ada)
}

/// With the first refresh token of a grant that outlives sign-out.
async fn with_grant(refresh: RefreshPolicy) -> (TestService, UserId, String) {
    let (service, client, ada) = service(refresh).await;
    let token = service.start_grant(&client, &ada, None).await;
    let text = token.as_str().to_owned();
    (service, ada, text)
}

fn rotating() -> RefreshPolicy {
    RefreshPolicy::default()
}

fn strict() -> RefreshPolicy {
    RefreshPolicy {
        window_secs: 0,
        ..rotating()
    }
}

pub(super) async fn refresh(service: &TestService, token: &str, more: &str) -> Answer {
    let body = format!("grant_type=refresh_token&refresh_token={token}{more}");
    service.form("/oauth/token", SERVER, &body).await
}

/// A use that must succeed: the claims, and the successor if the answer has one.
pub(super) async fn used(service: &TestService, token: &str) -> (Value, Option<String>) {
    let answer = refresh(service, token, "").await;
    (assert_minted(&answer), successor(&answer))
}

pub(super) fn successor(answer: &Answer) -> Option<String> {
    let json = answer.json();
    let token = json.get("refresh_token")?.as_str()?;
    assert!(token.starts_with("smr_"));
    Some(token.to_owned())
}

/// A use that must replace the token.
pub(super) async fn rotated(service: &TestService, token: &str) -> String {
    used(service, token).await.1.unwrap()
}

#[track_caller]
fn assert_invalid_grant(answer: &Answer) {
    assert_oauth_error(answer, 400, "invalid_grant");
    let says = answer.json();
    assert_eq!(says.as_object().unwrap().len(), 1, "no more than the code");
}

async fn assert_over(service: &TestService, token: &str) {
    assert_invalid_grant(&refresh(service, token, "").await);
}

pub(super) async fn stored(service: &TestService) -> Grant {
    let grants = service.store.grants(&GrantsOf::Everybody).await.unwrap();
    grants.into_iter().next().unwrap()
}

/// Why the grant was ended.
async fn cause(service: &TestService) -> Option<AuditReason> {
    stored(service).await.revoked.map(|revoked| revoked.cause)
}

async fn sign_in(service: &TestService, user: &UserId) -> (String, SessionId) {
    let cookie = service.sign_in("ada", PASSWORD).await;
    let sessions = service.store.sessions_of(user).await.unwrap();
    (cookie, sessions[0].id.clone())
}

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
async fn c094_without_a_window_one_of_many_wins_and_its_token_works() {
    let (service, _, token) = with_grant(strict()).await;
    let service = Arc::new(service);
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let (service, token) = (Arc::clone(&service), token.clone());
        callers.spawn(async move { refresh(&service, &token, "").await });
    }
    let answers = callers.join_all().await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!((won.len(), lost.len()), (1, 31));
    lost.into_iter().for_each(assert_invalid_grant);
    service.clock.advance_secs(1);
    let child = successor(won[0]).unwrap();
    rotated(&service, &child).await;
    assert_eq!(cause(&service).await, None);
    assert_over(&service, &child).await;
    service.clock.advance_secs(1);
    assert_over(&service, &child).await;
    assert_eq!(cause(&service).await, Some(AuditReason::Late));
}

/// Another process on the same database.
async fn restarted(service: &TestService) -> Arc<App> {
    let store = SqliteStore::open(service.folder().join("iam.db")).unwrap();
    App::builder(service.app.config.clone(), Arc::new(store))
        .clock(service.clock.clone())
        .authenticator(service.app.authenticator.clone())
        .build()
        .await
        .unwrap()
}

#[tokio::test]
async fn c095_a_restart_neither_revives_an_old_token_nor_loses_a_retry() {
    let (service, _, token) = with_grant(rotating()).await;
    let child = rotated(&service, &token).await;
    let body = format!("grant_type=refresh_token&refresh_token={token}");
    for (after, status) in [(9, 200), (1, 400)] {
        service.clock.advance_secs(after);
        let app = restarted(&service).await;
        let answer = service
            .form_to(
                sessionmint_iam::http::router(app),
                "/oauth/token",
                SERVER,
                &body,
            )
            .await;
        assert_eq!(answer.status, status);
        if status == 200 {
            assert_eq!(successor(&answer), Some(child.clone()), "the same one");
        }
    }
    assert_over(&service, &child).await;
}

#[tokio::test]
async fn c096_two_rotations_in_one_second_leave_the_old_token_dead() {
    let (service, _, token) = with_grant(strict()).await;
    let at = |millis| Timestamp::from_millis(START.millis() + millis);
    service.clock.set(at(100));
    let second = rotated(&service, &token).await;
    service.clock.set(at(400));
    let third = rotated(&service, &second).await;
    service.clock.set(at(900));
    assert_over(&service, &token).await;
    assert_over(&service, &third).await;
    assert_eq!(cause(&service).await, Some(AuditReason::Theft));
}

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
async fn c098_a_retry_in_the_window_gets_the_same_successor() {
    let (service, _, token) = with_grant(rotating()).await;
    let (claims, child) = used(&service, &token).await;
    let mut ids = vec![claims["jti"].clone()];
    for _ in 0..9 {
        service.clock.advance_secs(1);
        let (claims, again) = used(&service, &token).await;
        assert_eq!(again, child);
        assert!(!ids.contains(&claims["jti"]), "an access token of its own");
        assert_eq!(claims["iat"], service.clock.now().secs());
        ids.push(claims["jti"].clone());
    }
    // It did not slide: ten seconds after the rotation it is closed, however often it was used.
    service.clock.advance_secs(1);
    assert_over(&service, &token).await;
    assert_eq!(cause(&service).await, Some(AuditReason::Late));
}

#[tokio::test]
async fn c098_the_current_token_stays_in_the_window_and_is_not_sent_again() {
    let (service, _, token) = with_grant(rotating()).await;
    let child = rotated(&service, &token).await;
    for _ in 0..9 {
        service.clock.advance_secs(1);
        assert_eq!(
            used(&service, &child).await.1,
            None,
            "the client keeps its own"
        );
    }
    assert_eq!(stored(&service).await.generation, 1);
    service.clock.advance_secs(1);
    let grandchild = rotated(&service, &child).await;
    assert_ne!(grandchild, child);
    assert_eq!(stored(&service).await.generation, 2);
}

#[tokio::test]
async fn c098_a_thousand_retries_in_the_window_end_nothing() {
    let (service, _, token) = with_grant(rotating()).await;
    let child = rotated(&service, &token).await;
    for _ in 0..1000 {
        assert_eq!(rotated(&service, &token).await, child);
    }
    assert_eq!(cause(&service).await, None);
}

#[tokio::test]
async fn c099_an_old_token_ends_the_family_and_leaves_a_record() {
    for (generation, wait, reason) in [
        (1, 10, AuditReason::Late),
        (1, DAY, AuditReason::LostResponse),
        (0, 0, AuditReason::Theft),
        (0, DAY, AuditReason::Theft),
    ] {
        let (service, ada, first) = with_grant(rotating()).await;
        let second = rotated(&service, &first).await;
        service.clock.advance_secs(100);
        let third = rotated(&service, &second).await;
        service.clock.advance_secs(wait);
        let old = if generation == 0 { &first } else { &second };
        assert_over(&service, old).await;
        assert_eq!(cause(&service).await, Some(reason));
        for token in [&first, &second, &third] {
            assert_over(&service, token).await;
        }
        let filter = AuditFilter {
            kinds: vec![AuditKind::GrantEnded],
            ..AuditFilter::default()
        };
        let records = service.store.audit(&filter, None, 9).await.unwrap();
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].reason, Some(reason));
        assert_eq!(records[0].user_id, Some(ada));
        assert_eq!(records[0].client_id.as_ref().unwrap().as_str(), "server");
        let counted = format!(
            "outcome=\"revoked_{}\"}} 1",
            reason.as_str().replace('-', "_")
        );
        let metrics = super::admin::metrics(&service).await;
        assert!(metrics.contains(&counted), "{counted} in {metrics}");
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

#[tokio::test]
async fn a_storage_outage_costs_no_token() {
    let (service, _, token) = with_grant(rotating()).await;
    // The client, its secrets, the grant; then the rotation fails.
    for commands in 0..4 {
        service.store.set_down_after(commands);
        let answer = refresh(&service, &token, "").await;
        assert_oauth_error(&answer, 503, "temporarily_unavailable");
        assert!(answer.headers.contains_key(header::RETRY_AFTER));
    }
    service.store.set_down(false);
    let child = rotated(&service, &token).await;
    service.store.set_down_after(3);
    assert_eq!(rotated(&service, &token).await, child, "a retry only reads");
    service.store.set_down(false);
    assert_eq!(stored(&service).await.generation, 1);
}

#[tokio::test]
async fn another_instance_knows_a_token_of_a_newer_key() {
    let (service, _, token) = with_grant(rotating()).await;
    let other = restarted(&service).await;
    let by = By::service(START);
    let keys = &service.app.keys;
    keys.rotate_refresh_keys(&*service.app.store, &by)
        .await
        .unwrap();
    let child = rotated(&service, &token).await;
    let router = sessionmint_iam::http::router(other);
    for (presented, expected) in [(&token, Some(&child)), (&child, None)] {
        let body = format!("grant_type=refresh_token&refresh_token={presented}");
        let answer = service
            .form_to(router.clone(), "/oauth/token", SERVER, &body)
            .await;
        assert_minted(&answer);
        assert_eq!(successor(&answer).as_ref(), expected);
    }
}

#[tokio::test]
async fn c155_a_write_that_was_not_confirmed_is_not_done_twice() {
    let (service, client, ada) = service(rotating()).await;
    let token: RefreshToken = service.start_grant(&client, &ada, None).await;
    let mut options = sessionmint_store::SqliteOptions::default();
    options.write_timeout = std::time::Duration::from_millis(50);
    let file = service.folder().join("iam.db");
    let store = Arc::new(SqliteStore::open_with(&file, &options).unwrap());
    let app = App::builder(service.app.config.clone(), store.clone())
        .clock(service.clock.clone())
        .authenticator(service.app.authenticator.clone())
        .build()
        .await
        .unwrap();
    let router = sessionmint_iam::http::router(app);
    let body = format!("grant_type=refresh_token&refresh_token={}", token.as_str());
    let ask = || service.form_to(router.clone(), "/oauth/token", SERVER, &body);
    let lock = rusqlite::Connection::open(&file).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    // The answer stays away; the write happens once the lock is gone.
    assert_oauth_error(&ask().await, 503, "temporarily_unavailable");
    lock.execute_batch("COMMIT").unwrap();
    while stored(&service).await.generation == 0 {
        tokio::task::yield_now().await;
    }
    let answer = ask().await;
    assert_minted(&answer);
    let child = successor(&answer).unwrap();
    let grants = service.store.grants(&GrantsOf::Everybody).await.unwrap();
    assert_eq!((grants.len(), grants[0].generation), (1, 1));
    service.clock.advance_secs(100);
    rotated(&service, &child).await;
}
