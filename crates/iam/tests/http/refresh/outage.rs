//! Refresh tokens while the storage fails, and beside other instances.

use std::sync::Arc;

use axum::http::header;
use sessionmint_iam::App;
use sessionmint_iam::testing::START;
use sessionmint_oauth::RefreshToken;
use sessionmint_store::{By, Grants as _, GrantsOf, SqliteStore};

use super::{
    SERVER, refresh, restarted, rotated, rotating, service, stored, successor, with_grant,
};
use crate::support::{assert_minted, assert_oauth_error};

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
