//! The keys of refresh tokens: how they are stored, replaced and destroyed.

use std::sync::Arc;

use sessionmint_iam::App;
use sessionmint_iam::keys::{KeyLocation, reseal};
use sessionmint_iam::testing::{START, TestService};
use sessionmint_oauth::refresh_token::{NotOurs, RefreshToken};
use sessionmint_oauth::{GrantId, Timestamp};
use sessionmint_store::{By, RefreshKeyRow, SqliteStore};

use crate::support::PASSWORD;

const DAY: u64 = 86_400;

async fn another(service: &TestService) -> Arc<App> {
    let store = SqliteStore::open(service.folder().join("iam.db")).unwrap();
    App::builder(service.app.config.clone(), Arc::new(store))
        .clock(service.clock.clone())
        .authenticator(service.app.authenticator.clone())
        .build()
        .await
        .unwrap()
}

async fn rows(service: &TestService) -> Vec<RefreshKeyRow> {
    service.app.store.refresh_keys().await.unwrap()
}

/// As the service does every few seconds.
async fn refresh(service: &TestService, now: Timestamp) {
    let by = By::service(now);
    let keys = &service.app.keys;
    keys.refresh(&*service.app.store, &by).await.unwrap();
}

/// The first token of a family.
fn token(app: &App) -> RefreshToken {
    let keys = app.keys.for_refresh_tokens();
    let family = GrantId::from_random([7; 16]);
    RefreshToken::first(&family, [9; 32], keys.newest(), &*keys).unwrap()
}

fn read(app: &App, token: &RefreshToken) -> Result<RefreshToken, NotOurs> {
    RefreshToken::read(token.as_str(), &*app.keys.for_refresh_tokens())
}

#[tokio::test]
async fn c076_they_are_made_once_encrypted_and_shared_by_instances() {
    let service = TestService::start().await;
    let other = another(&service).await;
    let stored = rows(&service).await;
    assert_eq!(stored.len(), 1);
    let sealed = stored[0].derive_key.as_ref().unwrap();
    assert_eq!(
        (stored[0].tag_key.len(), sealed.len()),
        (60, 60),
        "32 bytes sealed"
    );
    assert_ne!(&stored[0].tag_key, sealed);
    let token = token(&service.app);
    assert_eq!(read(&other, &token), Ok(token.clone()));
    let (here, there) = (
        service.app.keys.for_refresh_tokens(),
        other.keys.for_refresh_tokens(),
    );
    assert_eq!(
        token.successor(&[1; 32], 1, &*here),
        token.successor(&[1; 32], 1, &*there)
    );
    // Another service has others, also for the same family and secret.
    let stranger = TestService::start().await;
    assert_eq!(read(&stranger.app, &token), Err(NotOurs::Tag));
}

#[tokio::test]
async fn c076_a_replaced_version_stays_good_and_derives_nothing_two_windows_later() {
    let service = TestService::start().await;
    service.add_user("ada", PASSWORD).await;
    let (keys, store) = (&service.app.keys, &*service.app.store);
    let old = token(&service.app);
    let other = another(&service).await;
    let rotated_at = START.plus_secs(DAY);
    let by = By::service(rotated_at);
    let name = keys.rotate_refresh_keys(store, &by).await.unwrap();
    assert_eq!(name, "refresh-2");
    let new = token(&service.app);
    assert_ne!(new, old);
    assert_eq!(read(&service.app, &old), Ok(old.clone()));

    // The other instance finds out when it meets a token of it.
    assert_eq!(read(&other, &new), Err(NotOurs::UnknownKey { version: 2 }));
    other.keys.reload_refresh_keys(&*other.store).await.unwrap();
    assert_eq!(read(&other, &new), Ok(new.clone()));

    refresh(&service, rotated_at.plus_secs(179)).await;
    let ring = keys.for_refresh_tokens();
    assert!(old.successor(&[1; 32], 1, &*ring).is_ok());
    refresh(&service, rotated_at.plus_secs(180)).await;
    let ring = keys.for_refresh_tokens();
    assert!(old.successor(&[1; 32], 1, &*ring).is_err());
    assert!(old.successor(&[1; 32], 2, &*ring).is_ok());
    assert_eq!(rows(&service).await[0].derive_key, None);
    assert_eq!(
        read(&service.app, &old),
        Ok(old.clone()),
        "it is still told from a guess"
    );

    // No family is left that could have a token of it.
    refresh(&service, rotated_at.plus_secs(181)).await;
    assert_eq!(rows(&service).await.len(), 1);
    assert_eq!(
        read(&service.app, &old),
        Err(NotOurs::UnknownKey { version: 1 })
    );
}

#[tokio::test]
async fn they_are_replaced_on_the_timetable_of_the_signing_keys() {
    let service = TestService::start().await;
    let after = service.app.config.keys.rotate_after_secs;
    refresh(&service, START.plus_secs(after - 1)).await;
    assert_eq!(rows(&service).await.len(), 1);
    let due = START.plus_secs(after);
    refresh(&service, due).await;
    // In the first round the signing key is replaced, too.
    refresh(&service, due).await;
    let versions: Vec<_> = rows(&service).await.iter().map(|row| row.version).collect();
    assert_eq!(versions, [1, 2]);
    assert_eq!(service.app.keys.for_refresh_tokens().newest(), 2);
}

#[tokio::test]
async fn c074_another_encryption_key_changes_no_refresh_token() {
    let service = TestService::start().await;
    let (config, store) = (&service.app.config, &*service.app.store);
    let token = token(&service.app);
    let before = rows(&service).await;
    let location = KeyLocation::new(&config.keys, &config.database);
    let beside = service.folder().join("iam.db.key");
    let new = service.folder().join("new.key");
    std::fs::copy(&beside, &new).unwrap();
    std::fs::write(
        &new,
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
    )
    .unwrap();
    reseal(&location, &new, store, &By::service(START))
        .await
        .unwrap();
    let after = rows(&service).await;
    assert_ne!(before[0].tag_key, after[0].tag_key);
    assert_ne!(before[0].derive_key, after[0].derive_key);
    std::fs::rename(&new, &beside).unwrap();
    refresh(&service, START).await;
    assert_eq!(read(&service.app, &token), Ok(token.clone()));
    assert_eq!(read(&*another(&service).await, &token), Ok(token.clone()));
}
