//! Refresh tokens: what each use gives, when one is over, and whom an old one harms.

mod end;
mod keys;
mod outage;
mod storm;
mod uses;
mod window;

use std::sync::Arc;

use serde_json::Value;
use sessionmint_iam::App;
use sessionmint_iam::testing::{Answer, TestService, server_client};
use sessionmint_oauth::{OAuthClient, RefreshPolicy, SessionId, UserId};
use sessionmint_store::{AuditReason, Grant, Grants as _, GrantsOf, Sessions as _, SqliteStore};

use crate::support::{PASSWORD, assert_minted, assert_oauth_error};

const DAY: i64 = 86_400;
const SECRET: &str = "sms_right";
const SERVER: Option<(&str, &str)> = Some(("server", SECRET));

/// A service with `ada` and the client `server`.
async fn service(refresh: RefreshPolicy) -> (TestService, OAuthClient, UserId) {
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

async fn refresh(service: &TestService, token: &str, more: &str) -> Answer {
    let body = format!("grant_type=refresh_token&refresh_token={token}{more}");
    service.form("/oauth/token", SERVER, &body).await
}

/// A use that must succeed: the claims, and the successor if the answer has one.
async fn used(service: &TestService, token: &str) -> (Value, Option<String>) {
    let answer = refresh(service, token, "").await;
    (assert_minted(&answer), successor(&answer))
}

fn successor(answer: &Answer) -> Option<String> {
    let json = answer.json();
    let token = json.get("refresh_token")?.as_str()?;
    assert!(token.starts_with("smr_"));
    Some(token.to_owned())
}

/// A use that must replace the token.
async fn rotated(service: &TestService, token: &str) -> String {
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

async fn stored(service: &TestService) -> Grant {
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
