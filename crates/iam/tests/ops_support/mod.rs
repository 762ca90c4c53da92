//! What several of these tests need.
#![allow(
    dead_code,
    reason = "each test file is a crate of its own and uses a part"
)]

use std::sync::Arc;

use secrecy::SecretString;
use sessionmint_oauth::{Timestamp, UserId};
use sessionmint_store::{AddUser, NewUser, SqliteStore, Users};
use tempfile::TempDir;

/// A store, and the folder that it is in.
pub(crate) fn temp_store() -> (Arc<SqliteStore>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (
        Arc::new(SqliteStore::open(folder.path().join("iam.db")).unwrap()),
        folder,
    )
}

pub(crate) async fn add_user(store: &SqliteStore, name: &str, hash: Option<&str>) -> UserId {
    let mut id = [0; 16];
    for (to, from) in id.iter_mut().zip(name.bytes()) {
        *to = from;
    }
    let id = UserId::from_random(id);
    let user = NewUser {
        id: id.clone(),
        username: name.to_owned(),
        password_hash: hash.map(str::to_owned),
        scopes: None,
        created_at: Timestamp::from_secs(1_700_000_000),
    };
    assert_eq!(store.add_user(user).await.unwrap(), AddUser::Added);
    id
}

pub(crate) fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}
