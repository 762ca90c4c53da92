//! Signing keys: algorithms, instances that share them, and how they are stored.

use std::path::PathBuf;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, header};
use sessionmint_iam::config::KeysConfig;
use sessionmint_iam::keys::{
    EncryptionKeySource, KeyLocation, KeysError, Reseal, Rotation, SigningKeys, reseal,
};
use sessionmint_iam::testing::{ISSUER, START, TestService};
use sessionmint_iam::{App, Clock as _, Config};
use sessionmint_oauth::jwt::ExpectedClaims;
use sessionmint_oauth::{Algorithm, KeyState};
use sessionmint_store::{By, SigningKeyRow, SqliteStore};

use super::support::{PASSWORD, decode};

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn with(algorithm: Algorithm) -> impl FnOnce(&mut Config) {
    move |config| config.keys.algorithm = algorithm
}

/// Another instance on the same database.
async fn another(service: &TestService) -> Arc<App> {
    let store = SqliteStore::open(service.folder().join("iam.db")).unwrap();
    App::builder(service.app.config.clone(), Arc::new(store))
        .clock(service.clock.clone())
        .authenticator(service.app.authenticator.clone())
        .build()
        .await
        .unwrap()
}

async fn open(service: &TestService, config: &KeysConfig) -> Result<SigningKeys, KeysError> {
    let database = &service.app.config.database;
    SigningKeys::open(config, database, &*service.app.store, &By::service(START)).await
}

/// The service's own configuration of keys but for this.
fn changed(service: &TestService, change: impl FnOnce(&mut KeysConfig)) -> KeysConfig {
    let mut config = service.app.config.keys.clone();
    change(&mut config);
    config
}

#[tokio::test]
async fn c069_the_key_set_has_only_public_members_whatever_the_algorithm() {
    for (algorithm, members) in [
        (Algorithm::Es256, "alg crv kid kty use x y"),
        (Algorithm::EdDsa, "alg crv kid kty use x"),
        (Algorithm::Rs256, "alg e kid kty n use"),
    ] {
        let service = TestService::start_with(with(algorithm), None).await;
        service.add_user("ada", PASSWORD).await;
        let cookie = service.sign_in("ada", PASSWORD).await;
        let token = service.mint(&cookie, "").await.access_token();
        assert_eq!(decode(&token).0["alg"], algorithm.name());
        let set: serde_json::Value = serde_json::from_slice(&service.app.keys.jwks().body).unwrap();
        let key = set["keys"][0].as_object().unwrap();
        let mut names: Vec<_> = key.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names.join(" "), members);
        assert_eq!(
            (&key["use"], &key["alg"]),
            (&"sig".into(), &algorithm.name().into())
        );
        let me = service.account_token(&cookie).await;
        let me = super::support::bearer(http::Method::GET, "/iam/userinfo", &me);
        assert_eq!(service.send(me).await.status, 200, "{algorithm}");

        let (store, by) = (&*service.app.store, By::service(START));
        let second = service.app.keys.rotate(store, &by, Rotation::Planned).await;
        let set: serde_json::Value = serde_json::from_slice(&service.app.keys.jwks().body).unwrap();
        let kids: Vec<_> = set["keys"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| &key["kid"])
            .collect();
        assert_eq!(kids, [&key["kid"], &second.unwrap().into()]);
        assert_ne!(kids[0], kids[1], "{algorithm}");
    }
}

#[tokio::test]
async fn c071_a_rotation_shows_in_the_validator_and_the_cache_age_is_as_configured() {
    let service = TestService::start_with(|config| config.keys.jwks_max_age_secs = 60, None).await;
    let get = || {
        let request = Request::get("/iam/.well-known/jwks.json").body(Body::empty());
        service.send(request.unwrap())
    };
    let before = get().await;
    assert_eq!(before.header(header::CACHE_CONTROL), "public, max-age=60");
    let store = &*service.app.store;
    service
        .app
        .keys
        .rotate(store, &By::service(START), Rotation::Planned)
        .await
        .unwrap();
    let after = get().await;
    assert_ne!(before.header(header::ETAG), after.header(header::ETAG));
    assert_eq!(after.json()["keys"].as_array().unwrap().len(), 2);
    // From memory: an outage changes nothing.
    service.store.set_down(true);
    assert_eq!(get().await.body, after.body);
}

#[tokio::test]
async fn c072_two_instances_that_rotate_at_once_end_with_one_active_key() {
    let service = TestService::start().await;
    let (one, two) = (Arc::clone(&service.app), another(&service).await);
    assert_eq!(one.keys.jwks().body, two.keys.jwks().body);
    for round in 1..=3 {
        service.clock.advance_secs(31 * 86_400);
        let by = By::service(service.clock.now());
        let both = tokio::join!(
            one.keys.refresh(&*one.store, &by),
            two.keys.refresh(&*two.store, &by)
        );
        assert!(both.0.is_ok() && both.1.is_ok(), "round {round}");
        // The next look of whoever was faster.
        one.keys.refresh(&*one.store, &by).await.unwrap();
        two.keys.refresh(&*two.store, &by).await.unwrap();
        let rows = one.store.keys().await.unwrap();
        let times = sessionmint_iam::keys::times(&rows);
        let states = one.config.keys.policy().states(&times, by.at);
        assert_eq!(
            states,
            [KeyState::Active, KeyState::Pending],
            "round {round}"
        );
        assert_eq!(one.keys.jwks().body, two.keys.jwks().body, "round {round}");
    }
}

#[tokio::test]
async fn a_rotation_before_the_newest_key_signs_is_refused_with_the_time() {
    let service = TestService::start().await;
    let (keys, store) = (&service.app.keys, &*service.app.store);
    keys.rotate(store, &By::service(START), Rotation::Planned)
        .await
        .unwrap();
    match keys
        .rotate(store, &By::service(START.plus_secs(304)), Rotation::Planned)
        .await
    {
        Err(KeysError::TooSoon(why)) => assert_eq!(why.earliest, START.plus_secs(305)),
        other => panic!("{other:?}"),
    }
    assert_eq!(store.keys().await.unwrap().len(), 2);
    keys.rotate(store, &By::service(START.plus_secs(305)), Rotation::Planned)
        .await
        .unwrap();
}

#[tokio::test]
async fn another_algorithm_takes_effect_by_a_rotation() {
    let service = TestService::start().await;
    let config = changed(&service, |keys| keys.algorithm = Algorithm::EdDsa);
    let keys = open(&service, &config).await.unwrap();
    keys.refresh(&*service.app.store, &By::service(START))
        .await
        .unwrap();
    keys.refresh(&*service.app.store, &By::service(START))
        .await
        .unwrap();
    let rows = service.app.store.keys().await.unwrap();
    let algorithms: Vec<_> = rows.iter().map(|row| row.alg.as_str()).collect();
    assert_eq!(algorithms, ["ES256", "EdDSA"]);
}

#[tokio::test]
async fn c074_keys_of_the_first_release_are_encrypted_at_the_next_start() {
    let service = TestService::start_with(with(Algorithm::EdDsa), None).await;
    let store = &*service.app.store;
    // As the first release stored it: neither encrypted nor with a time.
    let pair = aws_lc_rs::signature::Ed25519KeyPair::generate().unwrap();
    let pkcs8 = pair.to_pkcs8().unwrap().as_ref().to_vec();
    let x = {
        use aws_lc_rs::signature::KeyPair as _;
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(pair.public_key())
    };
    let jwk: jsonwebtoken::jwk::Jwk =
        serde_json::from_value(serde_json::json!({ "kty": "OKP", "crv": "Ed25519", "x": x }))
            .unwrap();
    let kid = jwk
        .thumbprint(jsonwebtoken::jwk::ThumbprintHash::SHA256)
        .unwrap();
    let plain = SigningKeyRow {
        kid: kid.clone(),
        alg: "EdDSA".to_owned(),
        pkcs8: pkcs8.clone(),
        seal_version: 0,
        created_at: START,
        activates_at: sessionmint_oauth::Timestamp::from_secs(0),
    };
    let newest = store.keys().await.unwrap().pop();
    store
        .replace_keys(plain, newest, By::service(START))
        .await
        .unwrap();

    let keys = open(&service, &service.app.config.keys).await.unwrap();
    assert!(String::from_utf8_lossy(&keys.jwks().body).contains(&kid));
    let rows = store.keys().await.unwrap();
    assert_eq!((rows.len(), rows[0].seal_version), (1, 1));
    let seed = &pkcs8[16..48];
    assert!(!rows[0].pkcs8.windows(32).any(|window| window == seed));
    // And the encrypted form is read.
    let again = open(&service, &service.app.config.keys).await.unwrap();
    assert_eq!(again.jwks().body, keys.jwks().body);
}

#[tokio::test]
async fn c074_without_the_right_encryption_key_the_service_does_not_start() {
    let service = TestService::start().await;
    let own = service.app.config.keys.clone();
    let beside = service.folder().join("iam.db.key");
    let kept = std::fs::read_to_string(&beside).unwrap();
    std::fs::remove_file(&beside).unwrap();
    let missing = open(&service, &own).await.err().unwrap().to_string();
    assert!(
        missing.contains("iam.db.key") && missing.contains("put the file back"),
        "{missing}"
    );
    assert!(!beside.exists(), "a lost key is not replaced by a new one");

    let wrong = changed(&service, |keys| {
        keys.encryption = EncryptionKeySource::Given(KEY.parse().unwrap());
    });
    let refused = open(&service, &wrong).await.err().unwrap().to_string();
    assert!(
        refused.contains("cannot be decrypted with SESSIONMINT_KEYS_ENCRYPTION_KEY"),
        "{refused}"
    );
    assert!(!refused.contains("0001020304"), "{refused}");

    let right = changed(&service, |keys| {
        keys.encryption = EncryptionKeySource::Given(kept.parse().unwrap());
    });
    assert!(open(&service, &right).await.is_ok());
    let nowhere = changed(&service, |keys| {
        keys.encryption = EncryptionKeySource::File(PathBuf::from("/nonexistent/key"));
    });
    assert!(open(&service, &nowhere).await.is_err());
}

#[tokio::test]
async fn c074_an_instance_with_the_old_encryption_key_stores_nothing_under_it() {
    let service = TestService::start().await;
    let (keys, store) = (&service.app.keys, &*service.app.store);
    let config = &service.app.config;
    let location = KeyLocation::new(&config.keys, &config.database);
    let beside = service.folder().join("iam.db.key");
    let new = service.folder().join("new.key");
    std::fs::copy(&beside, &new).unwrap();
    std::fs::write(&new, KEY).unwrap();
    let set = keys.jwks();
    let done = reseal(&location, &new, store, &By::service(START))
        .await
        .unwrap();
    assert_eq!(done, Reseal::Done(1));

    // A month later, with a key that is due.
    let now = START.plus_secs(31 * 86_400);
    for _ in 0..2 {
        let refused = keys.refresh(store, &By::service(now)).await.err().unwrap();
        assert!(matches!(refused, KeysError::Sealed { .. }), "{refused}");
        for rotation in [Rotation::Planned, Rotation::Emergency] {
            let refused = keys
                .rotate(store, &By::service(now), rotation)
                .await
                .err()
                .unwrap();
            assert!(matches!(refused, KeysError::Sealed { .. }), "{refused}");
        }
        assert_eq!(store.keys().await.unwrap().len(), 1);
        assert_eq!(keys.jwks().body, set.body, "those in use stay");
    }

    std::fs::rename(&new, &beside).unwrap();
    keys.refresh(store, &By::service(now)).await.unwrap();
    assert_eq!(store.keys().await.unwrap().len(), 2);
    let with_new = changed(&service, |keys| {
        keys.encryption = EncryptionKeySource::Given(KEY.parse().unwrap());
    });
    let opened = open(&service, &with_new).await.unwrap();
    assert_eq!(opened.jwks().body, keys.jwks().body);
}

#[tokio::test]
async fn c076_signing_keys_are_random_and_not_derived_from_the_encryption_key() {
    let given = |config: &mut Config| {
        config.keys.encryption = EncryptionKeySource::Given(KEY.parse().unwrap());
    };
    let one = TestService::start_with(given, None).await;
    let two = TestService::start_with(given, None).await;
    assert_ne!(one.app.keys.jwks().body, two.app.keys.jwks().body);
    assert!(!one.folder().join("iam.db.key").exists());
}

#[tokio::test]
async fn c076_another_encryption_key_changes_no_signing_key() {
    let service = TestService::start().await;
    service.add_user("ada", PASSWORD).await;
    let cookie = service.sign_in("ada", PASSWORD).await;
    let token = service.account_token(&cookie).await;
    let before = service.app.keys.jwks();
    let (config, store) = (&service.app.config, &*service.app.store);
    let location = KeyLocation::new(&config.keys, &config.database);
    let beside = service.folder().join("iam.db.key");
    let new = service.folder().join("new.key");
    // A file of the same mode.
    std::fs::copy(&beside, &new).unwrap();
    std::fs::write(&new, KEY).unwrap();
    reseal(&location, &new, store, &By::service(START))
        .await
        .unwrap();
    std::fs::rename(&new, &beside).unwrap();
    let after = another(&service).await;
    assert_eq!(after.keys.jwks().body, before.body);
    let expected = ExpectedClaims {
        issuer: ISSUER.to_owned(),
        audiences: vec![ISSUER.to_owned()],
        leeway_secs: 0,
    };
    assert!(after.keys.verify(&token, &expected, START).is_ok());
}

#[tokio::test]
async fn c074_the_log_names_the_file_of_a_new_encryption_key_and_holds_no_key() {
    let logs = sessionmint_iam::testing::capture_logs();
    let service = TestService::start().await;
    let store = &*service.app.store;
    service
        .app
        .keys
        .rotate(store, &By::service(START), Rotation::Planned)
        .await
        .unwrap();
    let key = std::fs::read_to_string(service.folder().join("iam.db.key")).unwrap();
    let text = logs.text();
    assert!(
        text.contains("iam.db.key") && text.contains("keep a copy"),
        "{text}"
    );
    assert!(!text.contains(key.trim()), "{text}");
}

#[tokio::test]
async fn c075_the_service_does_not_start_on_a_stored_key_that_is_damaged_or_weak() {
    use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair};

    let p384 = EcdsaKeyPair::generate_pkcs8(
        &ECDSA_P384_SHA384_FIXED_SIGNING,
        &aws_lc_rs::rand::SystemRandom::new(),
    );
    for (what, pkcs8) in [
        ("another curve", p384.unwrap().as_ref().to_vec()),
        ("nothing", Vec::new()),
        ("zeros", vec![0; 138]),
    ] {
        let service = TestService::start().await;
        let store = &*service.app.store;
        let newest = store.keys().await.unwrap().pop().unwrap();
        let stored = SigningKeyRow {
            pkcs8,
            seal_version: 0,
            ..newest.clone()
        };
        store
            .replace_keys(stored, Some(newest), By::service(START))
            .await
            .unwrap();
        match open(&service, &service.app.config.keys).await {
            Err(KeysError::Unusable { .. }) => {}
            other => panic!("{what}: {:?}", other.err()),
        }
        let start = App::builder(service.app.config.clone(), service.app.store.clone())
            .authenticator(service.app.authenticator.clone());
        assert!(start.build().await.is_err(), "{what}");
        // Those that run go on with what they have.
        let keys = &service.app.keys;
        let before = keys.jwks();
        keys.refresh(store, &By::service(START)).await.unwrap();
        assert_eq!(keys.jwks().body, before.body, "{what}");
    }
}
