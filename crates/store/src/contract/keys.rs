//! Signing keys.

use super::Instances;
use super::fixtures::*;
use super::grants::{grant, offline};
use crate::{AddKey, Change, RefreshKeyRow, ResealedKey, ResealedRefreshKey, SigningKeyRow, Store};

async fn kids(store: &dyn Store) -> Vec<String> {
    let keys = store.keys().await.unwrap();
    keys.into_iter().map(|key| key.kid).collect()
}

fn name(number: u32) -> Option<SigningKeyRow> {
    Some(signing_key(number))
}

pub(super) async fn a_key_comes_back_as_stored(on: &Instances) {
    assert!(on.one.keys().await.unwrap().is_empty());
    let added = on.one.add_key(signing_key(1), None, by()).await;
    assert_eq!(added, Ok(AddKey::Added));
    let keys = on.two.keys().await.unwrap();
    assert_eq!(keys.len(), 1);
    let (key, expected) = (&keys[0], signing_key(1));
    assert_eq!(
        (&key.kid, &key.alg, &key.pkcs8, key.seal_version),
        (
            &expected.kid,
            &expected.alg,
            &expected.pkcs8,
            expected.seal_version
        )
    );
    assert_eq!(
        (key.created_at, key.activates_at),
        (expected.created_at, expected.activates_at)
    );
}

pub(super) async fn c072_a_key_follows_the_one_that_was_seen(on: &Instances) {
    for (number, newest, outcome) in [
        (1, name(1), AddKey::Conflict),
        (1, None, AddKey::Added),
        (2, None, AddKey::Conflict),
        (2, name(1), AddKey::Added),
        (3, name(1), AddKey::Conflict),
        (3, name(2), AddKey::Added),
    ] {
        let added = on
            .one
            .add_key(signing_key(number), newest.clone(), by())
            .await;
        assert_eq!(added, Ok(outcome), "{number} after {newest:?}");
    }
    let encrypted_otherwise = SigningKeyRow {
        pkcs8: vec![7],
        ..signing_key(3)
    };
    let added = on
        .one
        .add_key(signing_key(4), Some(encrypted_otherwise), by());
    assert_eq!(added.await, Ok(AddKey::Conflict));
    assert_eq!(kids(&*on.two).await, ["key-1", "key-2", "key-3"]);
}

pub(super) async fn replacing_keys_leaves_the_new_one_alone(on: &Instances) {
    for number in 1..=2 {
        let newest = if number == 1 { None } else { name(number - 1) };
        on.one
            .add_key(signing_key(number), newest, by())
            .await
            .unwrap();
    }
    let late = on.two.replace_keys(signing_key(3), name(1), by()).await;
    assert_eq!(late, Ok(AddKey::Conflict));
    assert_eq!(kids(&*on.one).await, ["key-1", "key-2"]);
    let replaced = on.two.replace_keys(signing_key(3), name(2), by()).await;
    assert_eq!(replaced, Ok(AddKey::Added));
    assert_eq!(kids(&*on.one).await, ["key-3"]);
}

pub(super) async fn a_plain_key_is_sealed_once(on: &Instances) {
    let plain = SigningKeyRow {
        seal_version: 0,
        ..signing_key(1)
    };
    on.one.add_key(plain, None, by()).await.unwrap();
    assert_eq!(
        on.one.seal_key("key-1", vec![7], 1, by()).await,
        Ok(Change::Done)
    );
    assert_eq!(
        on.two.seal_key("key-1", vec![8], 1, by()).await,
        Ok(Change::NotFound)
    );
    let keys = on.two.keys().await.unwrap();
    assert_eq!((&keys[0].pkcs8, keys[0].seal_version), (&vec![7], 1));
}

pub(super) async fn c074_keys_are_encrypted_anew_all_at_once_or_not_at_all(on: &Instances) {
    on.one.add_key(signing_key(1), None, by()).await.unwrap();
    on.one.add_key(signing_key(2), name(1), by()).await.unwrap();
    let resealed = |number, old| ResealedKey {
        kid: signing_key(number).kid,
        old,
        new: vec![7, 7],
        seal_version: 1,
    };
    let old = || signing_key(1).pkcs8;
    for incomplete in [
        vec![resealed(1, old())],
        vec![resealed(1, old()), resealed(2, vec![7, 7])],
        vec![resealed(1, old()), resealed(3, old())],
        vec![resealed(1, old()), resealed(2, old()), resealed(3, old())],
    ] {
        let outcome = on.two.reseal_keys(incomplete, Vec::new(), by()).await;
        assert_eq!(outcome, Ok(Change::NotFound));
    }
    let forms = || async {
        let keys = on.one.keys().await.unwrap();
        keys.into_iter().map(|key| key.pkcs8).collect::<Vec<_>>()
    };
    assert_eq!(forms().await, [old(), old()]);
    let all = vec![resealed(1, old()), resealed(2, old())];
    assert_eq!(
        on.two.reseal_keys(all.clone(), Vec::new(), by()).await,
        Ok(Change::Done)
    );
    assert_eq!(forms().await, [[7, 7], [7, 7]]);
    assert_eq!(
        on.one.reseal_keys(all, Vec::new(), by()).await,
        Ok(Change::NotFound)
    );
    // Who still goes by the old form adds nothing.
    let late = on.one.add_key(signing_key(3), name(2), by()).await;
    assert_eq!(late, Ok(AddKey::Conflict));
}

pub(super) async fn a_key_is_removed_unless_it_is_the_newest(on: &Instances) {
    on.one.add_key(signing_key(1), None, by()).await.unwrap();
    on.one.add_key(signing_key(2), name(1), by()).await.unwrap();
    for (kid, outcome) in [
        ("key-2", Change::NotFound),
        ("key-1", Change::Done),
        ("key-1", Change::NotFound),
        ("key-2", Change::NotFound),
    ] {
        assert_eq!(on.two.remove_key(kid, by()).await, Ok(outcome), "{kid}");
    }
    assert_eq!(kids(&*on.one).await, ["key-2"]);
}

fn refresh_key(version: u32) -> RefreshKeyRow {
    RefreshKeyRow {
        version,
        tag_key: vec![1, 0, 255],
        derive_key: Some(vec![2, 0, 255]),
        created_at: NOW,
    }
}

pub(super) async fn c076_keys_of_refresh_tokens_follow_one_another(on: &Instances) {
    on.one.add_key(signing_key(1), None, by()).await.unwrap();
    for (version, newest, outcome) in [
        (2, name(1), AddKey::Conflict),
        (1, None, AddKey::Conflict),
        (1, name(1), AddKey::Added),
        (1, name(1), AddKey::Conflict),
        (2, name(1), AddKey::Added),
    ] {
        let key = refresh_key(version);
        let added = on.two.add_refresh_key(key, newest.clone(), by()).await;
        assert_eq!(added, Ok(outcome), "{version} beside {newest:?}");
    }
    let all = on.one.refresh_keys().await;
    assert_eq!(all, Ok(vec![refresh_key(1), refresh_key(2)]));
}

pub(super) async fn c076_a_replaced_key_of_refresh_tokens_is_destroyed(on: &Instances) {
    on.one.add_key(signing_key(1), None, by()).await.unwrap();
    for version in 1..=2 {
        on.one
            .add_refresh_key(refresh_key(version), name(1), by())
            .await
            .unwrap();
    }
    for (version, outcome) in [
        (2, Change::NotFound),
        (1, Change::Done),
        (1, Change::NotFound),
    ] {
        let destroyed = on.two.destroy_derive_key(version, by()).await;
        assert_eq!(destroyed, Ok(outcome), "{version}");
    }
    let kept = RefreshKeyRow {
        derive_key: None,
        ..refresh_key(1)
    };
    let all = on.one.refresh_keys().await;
    assert_eq!(all, Ok(vec![kept, refresh_key(2)]));

    let ada = add_user(&*on.one, 1, "ada").await;
    grant(&*on.one, offline(1, &ada)).await;
    for (version, no_grant_before, outcome) in [
        (2, NOW, Change::NotFound),
        (1, NOW.plus_secs(1), Change::NotFound),
        (1, NOW, Change::Done),
        (1, NOW, Change::NotFound),
    ] {
        let removed = on.two.remove_refresh_key(version, no_grant_before, by());
        assert_eq!(removed.await, Ok(outcome), "{version}");
    }
    assert_eq!(on.one.refresh_keys().await, Ok(vec![refresh_key(2)]));
}

pub(super) async fn c074_keys_of_refresh_tokens_are_encrypted_anew_with_the_others(on: &Instances) {
    on.one.add_key(signing_key(1), None, by()).await.unwrap();
    on.one
        .add_refresh_key(refresh_key(1), name(1), by())
        .await
        .unwrap();
    let new = RefreshKeyRow {
        tag_key: vec![7],
        derive_key: Some(vec![8]),
        ..refresh_key(1)
    };
    let signing = vec![ResealedKey {
        kid: signing_key(1).kid,
        old: signing_key(1).pkcs8,
        new: vec![9],
        seal_version: 1,
    }];
    let resealed = |old| ResealedRefreshKey {
        old,
        new: new.clone(),
    };
    for incomplete in [
        Vec::new(),
        vec![resealed(new.clone())],
        vec![resealed(refresh_key(1)), resealed(refresh_key(2))],
    ] {
        let outcome = on.two.reseal_keys(signing.clone(), incomplete, by()).await;
        assert_eq!(outcome, Ok(Change::NotFound));
    }
    assert_eq!(on.one.refresh_keys().await, Ok(vec![refresh_key(1)]));
    let all = vec![resealed(refresh_key(1))];
    let outcome = on.two.reseal_keys(signing, all, by()).await;
    assert_eq!(outcome, Ok(Change::Done));
    assert_eq!(on.one.refresh_keys().await, Ok(vec![new]));
}
