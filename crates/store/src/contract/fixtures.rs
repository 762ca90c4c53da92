//! Records for the cases. Numbers become identifiers; names say whose record it is.

use sessionmint_oauth::{
    BrowserClient, ClientAuthentication, ClientId, ClientSubject, GrantType, OAuthClient,
    RefreshPolicy, SessionId, SessionKeyHash, Timestamp, UserId,
};

use crate::{AddUser, By, NewSession, NewUser, SigningKeyRow, StartSession, Store};

/// The moment at which most cases happen.
pub(super) const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

pub(super) fn bytes<const N: usize>(number: u32) -> [u8; N] {
    let mut bytes = [0; N];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    bytes
}

pub(super) fn user_id(number: u32) -> UserId {
    UserId::from_random(bytes(number))
}

pub(super) fn session_id(number: u32) -> SessionId {
    SessionId::from_random(bytes(number))
}

pub(super) fn key_hash(number: u32) -> SessionKeyHash {
    SessionKeyHash(bytes(number))
}

pub(super) fn client_id(id: &str) -> ClientId {
    id.parse().unwrap()
}

pub(super) fn new_user(number: u32, name: &str) -> NewUser {
    NewUser {
        id: user_id(number),
        username: name.to_owned(),
        password_hash: Some("old".to_owned()),
        scopes: None,
        disabled_at: None,
        created_at: NOW,
    }
}

/// Adds a user whose password hash is `old`.
pub(super) async fn add_user(store: &dyn Store, number: u32, name: &str) -> UserId {
    assert_eq!(
        store.add_user(new_user(number, name), by()).await,
        Ok(AddUser::Added)
    );
    user_id(number)
}

pub(super) fn new_session(number: u32, user: &UserId) -> NewSession {
    NewSession {
        key_hash: key_hash(number),
        id: session_id(number),
        user_id: user.clone(),
        client_id: client_id("web"),
        now: NOW,
        absolute_end: NOW.plus_secs(86_400),
        persistent: false,
        user_agent: "a browser".to_owned(),
        password_hash: None,
    }
}

/// Starts session `number` beside whatever the user has.
pub(super) async fn start(store: &dyn Store, number: u32, user: &UserId) {
    let started = store
        .start_session(new_session(number, user), None, u32::MAX, by())
        .await;
    assert_eq!(started, Ok(StartSession::Started { evicted: 0 }));
}

/// The public ids of a user's sessions, in the order given.
pub(super) async fn ids_of(store: &dyn Store, user: &UserId) -> Vec<SessionId> {
    store
        .sessions_of(user)
        .await
        .unwrap()
        .into_iter()
        .map(|session| session.id)
        .collect()
}

pub(super) fn client(id: &str, origins: &[&str]) -> BrowserClient {
    BrowserClient {
        client_id: client_id(id),
        origins: origins.iter().map(|&origin| origin.to_owned()).collect(),
        default_resource: "https://api.example.com".to_owned(),
        resources: vec![
            "https://b.example.com".to_owned(),
            "https://api.example.com".to_owned(),
        ],
        scopes: "account notes:read".parse().unwrap(),
        default_scopes: "notes:read".parse().unwrap(),
        ttl: 300,
    }
}

/// A service that acts for itself.
pub(super) fn oauth_client(id: &str, number: u32) -> OAuthClient {
    OAuthClient {
        client_id: client_id(id),
        subject: ClientSubject::from_random(bytes(number)),
        name: id.to_owned(),
        authentication: ClientAuthentication::ClientSecretBasic,
        keys: None,
        grants: vec![GrantType::ClientCredentials],
        redirect_uris: Vec::new(),
        post_logout_redirect_uris: Vec::new(),
        default_resource: "https://api.example.com".to_owned(),
        resources: vec!["https://api.example.com".to_owned()],
        scopes: "notes:read notes:write".parse().unwrap(),
        default_scopes: "notes:read".parse().unwrap(),
        ttl: 300,
        refresh: RefreshPolicy::default(),
        trusted: false,
        disabled_at: None,
    }
}

pub(super) fn signing_key(number: u32) -> SigningKeyRow {
    SigningKeyRow {
        kid: format!("key-{number}"),
        alg: "ES256".to_owned(),
        pkcs8: vec![0, 1, 255],
        seal_version: 1,
        created_at: NOW,
        activates_at: NOW.plus_secs(300),
    }
}

/// On whose behalf most cases act.
pub(super) fn by() -> By {
    By::service(NOW)
}
