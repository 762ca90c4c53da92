//! Signing keys.

use super::Instances;
use super::fixtures::*;
use crate::AddKey;

pub(super) async fn only_the_first_key_is_added(on: &Instances) {
    assert!(on.one.keys().await.unwrap().is_empty());
    assert_eq!(
        on.one.add_first_key(signing_key(1)).await,
        Ok(AddKey::Added)
    );
    assert_eq!(
        on.one.add_first_key(signing_key(1)).await,
        Ok(AddKey::Exists)
    );
    assert_eq!(
        on.one.add_first_key(signing_key(2)).await,
        Ok(AddKey::Exists)
    );
    let keys = on.one.keys().await.unwrap();
    assert_eq!(keys.len(), 1);
    let (key, expected) = (&keys[0], signing_key(1));
    assert_eq!(
        (&key.kid, &key.alg, &key.pkcs8, key.created_at),
        (
            &expected.kid,
            &expected.alg,
            &expected.pkcs8,
            expected.created_at
        )
    );
}
