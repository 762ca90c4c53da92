//! Signing keys.

use super::Instances;
use super::fixtures::*;
use crate::{AddKey, Change, SigningKeyRow, Store};

async fn kids(store: &dyn Store) -> Vec<String> {
    let keys = store.keys().await.unwrap();
    keys.into_iter().map(|key| key.kid).collect()
}

fn name(number: u32) -> Option<String> {
    Some(signing_key(number).kid)
}

pub(super) async fn a_key_comes_back_as_stored(on: &Instances) {
    assert!(on.one.keys().await.unwrap().is_empty());
    let added = on.one.add_key(signing_key(1), None).await;
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
        let added = on.one.add_key(signing_key(number), newest.clone()).await;
        assert_eq!(added, Ok(outcome), "{number} after {newest:?}");
    }
    assert_eq!(kids(&*on.two).await, ["key-1", "key-2", "key-3"]);
}

pub(super) async fn replacing_keys_leaves_the_new_one_alone(on: &Instances) {
    for number in 1..=2 {
        let newest = if number == 1 { None } else { name(number - 1) };
        on.one.add_key(signing_key(number), newest).await.unwrap();
    }
    let late = on.two.replace_keys(signing_key(3), name(1)).await;
    assert_eq!(late, Ok(AddKey::Conflict));
    assert_eq!(kids(&*on.one).await, ["key-1", "key-2"]);
    let replaced = on.two.replace_keys(signing_key(3), name(2)).await;
    assert_eq!(replaced, Ok(AddKey::Added));
    assert_eq!(kids(&*on.one).await, ["key-3"]);
}

pub(super) async fn a_plain_key_is_sealed_once(on: &Instances) {
    let plain = SigningKeyRow {
        seal_version: 0,
        ..signing_key(1)
    };
    on.one.add_key(plain, None).await.unwrap();
    assert_eq!(on.one.seal_key("key-1", vec![7], 1).await, Ok(Change::Done));
    assert_eq!(
        on.two.seal_key("key-1", vec![8], 1).await,
        Ok(Change::NotFound)
    );
    let keys = on.two.keys().await.unwrap();
    assert_eq!((&keys[0].pkcs8, keys[0].seal_version), (&vec![7], 1));
}

pub(super) async fn a_key_is_removed_unless_it_is_the_newest(on: &Instances) {
    on.one.add_key(signing_key(1), None).await.unwrap();
    on.one.add_key(signing_key(2), name(1)).await.unwrap();
    for (kid, outcome) in [
        ("key-2", Change::NotFound),
        ("key-1", Change::Done),
        ("key-1", Change::NotFound),
        ("key-2", Change::NotFound),
    ] {
        assert_eq!(on.two.remove_key(kid).await, Ok(outcome), "{kid}");
    }
    assert_eq!(kids(&*on.one).await, ["key-2"]);
}
