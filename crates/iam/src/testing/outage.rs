//! A store that can be taken away and given back.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use sessionmint_oauth::{
    BrowserClient, ClientId, Scope, SessionId, SessionKeyHash, Timestamp, UserId,
};
use sessionmint_store::{
    AddClient, AddKey, AddUser, Change, ChangePassword, Clients, EndSessions, Keys, NewSession,
    NewUser, ReplaceClient, ResealedKey, Session, Sessions, SigningKeyRow, StartSession, Store,
    StoreError, User, Users,
};

/// Passes everything on to another store, or fails everything while [`StoreWithOutages::set_down`] says so.
#[derive(Debug)]
pub struct StoreWithOutages<S> {
    inner: S,
    down: AtomicBool,
}

impl<S: Store> StoreWithOutages<S> {
    /// Around `inner`, which works.
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            down: AtomicBool::new(false),
        }
    }

    /// Whether to fail from now on.
    pub fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    fn inner(&self) -> Result<&S, StoreError> {
        if self.down.load(Ordering::SeqCst) {
            Err(StoreError::Unavailable("taken away by a test".to_owned()))
        } else {
            Ok(&self.inner)
        }
    }
}

#[async_trait]
impl<S: Store> Users for StoreWithOutages<S> {
    async fn add_user(&self, user: NewUser) -> Result<AddUser, StoreError> {
        self.inner()?.add_user(user).await
    }

    async fn add_users(&self, users: Vec<NewUser>) -> Result<Vec<AddUser>, StoreError> {
        self.inner()?.add_users(users).await
    }

    async fn user_by_name(&self, username: &str) -> Result<Option<User>, StoreError> {
        self.inner()?.user_by_name(username).await
    }

    async fn user(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        self.inner()?.user(id).await
    }

    async fn users(&self, after: Option<&str>, limit: u32) -> Result<Vec<User>, StoreError> {
        self.inner()?.users(after, limit).await
    }

    async fn set_password(
        &self,
        id: &UserId,
        hash: String,
        end: EndSessions,
    ) -> Result<Change, StoreError> {
        self.inner()?.set_password(id, hash, end).await
    }

    async fn change_password(
        &self,
        id: &UserId,
        old: &str,
        new: String,
        kept: &SessionId,
    ) -> Result<ChangePassword, StoreError> {
        self.inner()?.change_password(id, old, new, kept).await
    }

    async fn upgrade_password_hash(
        &self,
        id: &UserId,
        old: &str,
        new: String,
    ) -> Result<Change, StoreError> {
        self.inner()?.upgrade_password_hash(id, old, new).await
    }

    async fn set_disabled(&self, id: &UserId, at: Option<Timestamp>) -> Result<Change, StoreError> {
        self.inner()?.set_disabled(id, at).await
    }

    async fn set_user_scopes(
        &self,
        id: &UserId,
        scopes: Option<Scope>,
    ) -> Result<Change, StoreError> {
        self.inner()?.set_user_scopes(id, scopes).await
    }

    async fn remove_user(&self, id: &UserId) -> Result<Change, StoreError> {
        self.inner()?.remove_user(id).await
    }
}

#[async_trait]
impl<S: Store> Sessions for StoreWithOutages<S> {
    async fn start_session(
        &self,
        session: NewSession,
        replaces: Option<SessionKeyHash>,
        max_per_user: u32,
    ) -> Result<StartSession, StoreError> {
        self.inner()?
            .start_session(session, replaces, max_per_user)
            .await
    }

    async fn session(&self, key: &SessionKeyHash) -> Result<Option<Session>, StoreError> {
        self.inner()?.session(key).await
    }

    async fn touch_session(
        &self,
        key: &SessionKeyHash,
        at: Timestamp,
    ) -> Result<Change, StoreError> {
        self.inner()?.touch_session(key, at).await
    }

    async fn end_session(&self, key: &SessionKeyHash) -> Result<Change, StoreError> {
        self.inner()?.end_session(key).await
    }

    async fn sessions_of(&self, user: &UserId) -> Result<Vec<Session>, StoreError> {
        self.inner()?.sessions_of(user).await
    }

    async fn end_session_of(&self, user: &UserId, id: &SessionId) -> Result<Change, StoreError> {
        self.inner()?.end_session_of(user, id).await
    }

    async fn end_session_by_id(&self, id: &SessionId) -> Result<Change, StoreError> {
        self.inner()?.end_session_by_id(id).await
    }

    async fn end_sessions_of(&self, user: &UserId, which: EndSessions) -> Result<u32, StoreError> {
        self.inner()?.end_sessions_of(user, which).await
    }

    async fn purge_sessions(
        &self,
        now: Timestamp,
        idle_before: Timestamp,
    ) -> Result<u32, StoreError> {
        self.inner()?.purge_sessions(now, idle_before).await
    }
}

#[async_trait]
impl<S: Store> Clients for StoreWithOutages<S> {
    async fn add_client(
        &self,
        client: BrowserClient,
        now: Timestamp,
    ) -> Result<AddClient, StoreError> {
        self.inner()?.add_client(client, now).await
    }

    async fn replace_client(&self, client: BrowserClient) -> Result<ReplaceClient, StoreError> {
        self.inner()?.replace_client(client).await
    }

    async fn remove_client(&self, id: &ClientId) -> Result<Change, StoreError> {
        self.inner()?.remove_client(id).await
    }

    async fn client_by_origin(&self, origin: &str) -> Result<Option<BrowserClient>, StoreError> {
        self.inner()?.client_by_origin(origin).await
    }

    async fn client(&self, id: &ClientId) -> Result<Option<BrowserClient>, StoreError> {
        self.inner()?.client(id).await
    }

    async fn clients(&self) -> Result<Vec<BrowserClient>, StoreError> {
        self.inner()?.clients().await
    }
}

#[async_trait]
impl<S: Store> Keys for StoreWithOutages<S> {
    async fn add_key(
        &self,
        key: SigningKeyRow,
        newest: Option<SigningKeyRow>,
    ) -> Result<AddKey, StoreError> {
        self.inner()?.add_key(key, newest).await
    }

    async fn replace_keys(
        &self,
        key: SigningKeyRow,
        newest: Option<SigningKeyRow>,
    ) -> Result<AddKey, StoreError> {
        self.inner()?.replace_keys(key, newest).await
    }

    async fn seal_key(
        &self,
        kid: &str,
        pkcs8: Vec<u8>,
        seal_version: u32,
    ) -> Result<Change, StoreError> {
        self.inner()?.seal_key(kid, pkcs8, seal_version).await
    }

    async fn reseal_keys(&self, keys: Vec<ResealedKey>) -> Result<Change, StoreError> {
        self.inner()?.reseal_keys(keys).await
    }

    async fn remove_key(&self, kid: &str) -> Result<Change, StoreError> {
        self.inner()?.remove_key(kid).await
    }

    async fn keys(&self) -> Result<Vec<SigningKeyRow>, StoreError> {
        self.inner()?.keys().await
    }
}
