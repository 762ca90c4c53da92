//! A store that can be taken away and given back.

mod roles;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use sessionmint_oauth::{
    BrowserClient, ClientId, CodeHash, GrantId, InteractionHash, Network, OAuthClient, Scope,
    SecretId, SessionId, SessionKeyHash, Timestamp, UserId,
};
use sessionmint_store::{
    AddClient, AddKey, AddOAuthClient, AddSecret, AddUser, Audit, AuditCursor, AuditFilter,
    AuditReason, AuditRecord, Authorization, Authorizations, By, Change, ChangePassword,
    ChangeUser, ClientSecret, Clients, Code, CompleteAuthorization, EndSessions, Ending, Grant,
    Grants, GrantsOf, Keys, Mark, MarkHash, Marks, MaxWaiting, NewGrant, NewSession, NewUser,
    OAuthClients, Purpose, RedeemCode, RefreshKeyRow, Refusal, ReplaceClient, ReplaceOAuthClient,
    ResealedKey, ResealedRefreshKey, RotateGrant, Session, Sessions, SigningKeyRow,
    StartAuthorization, StartGrant, StartSession, Store, StoreError, StoredConsent, Successor,
    User, Users, WithdrawConsent,
};

/// Passes everything on to another store until [`StoreWithOutages::set_down`] or [`StoreWithOutages::set_down_after`].
#[derive(Debug)]
pub struct StoreWithOutages<S> {
    inner: S,
    commands_left: AtomicUsize,
}

impl<S: Store> StoreWithOutages<S> {
    /// Around `inner`, which works.
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            commands_left: AtomicUsize::new(usize::MAX),
        }
    }

    /// Whether to fail from now on.
    pub fn set_down(&self, down: bool) {
        self.set_down_after(if down { 0 } else { usize::MAX });
    }

    /// Carries out so many commands from now on, and fails what comes then.
    pub fn set_down_after(&self, commands: usize) {
        self.commands_left.store(commands, Ordering::SeqCst);
    }

    fn inner(&self) -> Result<&S, StoreError> {
        let one_less = |left: usize| match left {
            usize::MAX => Some(usize::MAX),
            left => left.checked_sub(1),
        };
        self.commands_left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less)
            .map(|_| &self.inner)
            .map_err(|_| StoreError::Unavailable("taken away by a test".to_owned()))
    }
}

#[async_trait]
impl<S: Store> Users for StoreWithOutages<S> {
    async fn add_user(&self, user: NewUser, by: By) -> Result<AddUser, StoreError> {
        self.inner()?.add_user(user, by).await
    }

    async fn add_users(&self, users: Vec<NewUser>, by: By) -> Result<Vec<AddUser>, StoreError> {
        self.inner()?.add_users(users, by).await
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
        by: By,
    ) -> Result<Change, StoreError> {
        self.inner()?.set_password(id, hash, end, by).await
    }

    async fn change_password(
        &self,
        id: &UserId,
        old: &str,
        new: String,
        kept: &SessionId,
        by: By,
    ) -> Result<ChangePassword, StoreError> {
        self.inner()?.change_password(id, old, new, kept, by).await
    }

    async fn upgrade_password_hash(
        &self,
        id: &UserId,
        old: &str,
        new: String,
        by: By,
    ) -> Result<Change, StoreError> {
        self.inner()?.upgrade_password_hash(id, old, new, by).await
    }

    async fn set_disabled(
        &self,
        id: &UserId,
        disabled: bool,
        by: By,
    ) -> Result<Change, StoreError> {
        self.inner()?.set_disabled(id, disabled, by).await
    }

    async fn set_user_scopes(
        &self,
        id: &UserId,
        scopes: Option<Scope>,
        by: By,
    ) -> Result<Change, StoreError> {
        self.inner()?.set_user_scopes(id, scopes, by).await
    }

    async fn change_user(
        &self,
        seen: &User,
        scopes: Option<Scope>,
        disabled: bool,
        by: By,
    ) -> Result<ChangeUser, StoreError> {
        self.inner()?.change_user(seen, scopes, disabled, by).await
    }

    async fn remove_user(&self, id: &UserId, by: By) -> Result<Change, StoreError> {
        self.inner()?.remove_user(id, by).await
    }
}

#[async_trait]
impl<S: Store> Sessions for StoreWithOutages<S> {
    async fn start_session(
        &self,
        session: NewSession,
        replaces: Option<SessionKeyHash>,
        max_per_user: u32,
        by: By,
    ) -> Result<StartSession, StoreError> {
        self.inner()?
            .start_session(session, replaces, max_per_user, by)
            .await
    }

    async fn session(&self, key: &SessionKeyHash) -> Result<Option<Arc<Session>>, StoreError> {
        self.inner()?.session(key).await
    }

    async fn touch_session(
        &self,
        key: &SessionKeyHash,
        at: Timestamp,
    ) -> Result<Change, StoreError> {
        self.inner()?.touch_session(key, at).await
    }

    async fn end_session(&self, key: &SessionKeyHash, by: By) -> Result<Change, StoreError> {
        self.inner()?.end_session(key, by).await
    }

    async fn sessions_of(&self, user: &UserId) -> Result<Vec<Session>, StoreError> {
        self.inner()?.sessions_of(user).await
    }

    async fn end_session_of(
        &self,
        user: &UserId,
        id: &SessionId,
        by: By,
    ) -> Result<Change, StoreError> {
        self.inner()?.end_session_of(user, id, by).await
    }

    async fn end_session_by_id(&self, id: &SessionId, by: By) -> Result<Change, StoreError> {
        self.inner()?.end_session_by_id(id, by).await
    }

    async fn end_sessions_of(
        &self,
        user: &UserId,
        which: EndSessions,
        by: By,
    ) -> Result<u32, StoreError> {
        self.inner()?.end_sessions_of(user, which, by).await
    }

    async fn purge_sessions(&self, idle_before: Timestamp, by: By) -> Result<u32, StoreError> {
        self.inner()?.purge_sessions(idle_before, by).await
    }
}

#[async_trait]
impl<S: Store> Clients for StoreWithOutages<S> {
    async fn add_client(&self, client: BrowserClient, by: By) -> Result<AddClient, StoreError> {
        self.inner()?.add_client(client, by).await
    }

    async fn replace_client(
        &self,
        client: BrowserClient,
        seen: Option<BrowserClient>,
        by: By,
    ) -> Result<ReplaceClient, StoreError> {
        self.inner()?.replace_client(client, seen, by).await
    }

    async fn remove_client(&self, id: &ClientId, by: By) -> Result<Change, StoreError> {
        self.inner()?.remove_client(id, by).await
    }

    async fn client_by_origin(
        &self,
        origin: &str,
    ) -> Result<Option<Arc<BrowserClient>>, StoreError> {
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
impl<S: Store> Grants for StoreWithOutages<S> {
    async fn start_grant(&self, grant: NewGrant, by: By) -> Result<StartGrant, StoreError> {
        self.inner()?.start_grant(grant, by).await
    }

    async fn grant(&self, id: &GrantId) -> Result<Option<Grant>, StoreError> {
        self.inner()?.grant(id).await
    }

    async fn grants(&self, of: &GrantsOf) -> Result<Vec<Grant>, StoreError> {
        self.inner()?.grants(of).await
    }

    async fn rotate_grant(
        &self,
        id: &GrantId,
        successor: Successor,
    ) -> Result<RotateGrant, StoreError> {
        self.inner()?.rotate_grant(id, successor).await
    }

    async fn touch_grant(&self, id: &GrantId, idle_end: Timestamp) -> Result<Change, StoreError> {
        self.inner()?.touch_grant(id, idle_end).await
    }

    async fn revoke_grant(
        &self,
        id: &GrantId,
        cause: AuditReason,
        by: By,
    ) -> Result<Change, StoreError> {
        self.inner()?.revoke_grant(id, cause, by).await
    }

    async fn revoke_grants(
        &self,
        of: &GrantsOf,
        cause: AuditReason,
        by: By,
    ) -> Result<u32, StoreError> {
        self.inner()?.revoke_grants(of, cause, by).await
    }

    async fn purge_grants(&self, before: Timestamp) -> Result<u32, StoreError> {
        self.inner()?.purge_grants(before).await
    }
}

#[async_trait]
impl<S: Store> OAuthClients for StoreWithOutages<S> {
    async fn add_oauth_client(
        &self,
        client: OAuthClient,
        secret: Option<ClientSecret>,
        by: By,
    ) -> Result<AddOAuthClient, StoreError> {
        self.inner()?.add_oauth_client(client, secret, by).await
    }

    async fn replace_oauth_client(
        &self,
        client: OAuthClient,
        seen: Option<OAuthClient>,
        by: By,
    ) -> Result<ReplaceOAuthClient, StoreError> {
        self.inner()?.replace_oauth_client(client, seen, by).await
    }

    async fn remove_oauth_client(&self, id: &ClientId, by: By) -> Result<Change, StoreError> {
        self.inner()?.remove_oauth_client(id, by).await
    }

    async fn set_oauth_client_disabled(
        &self,
        id: &ClientId,
        disabled: bool,
        by: By,
    ) -> Result<Change, StoreError> {
        let inner = self.inner()?;
        inner.set_oauth_client_disabled(id, disabled, by).await
    }

    async fn oauth_client(&self, id: &ClientId) -> Result<Option<OAuthClient>, StoreError> {
        self.inner()?.oauth_client(id).await
    }

    async fn oauth_clients(&self) -> Result<Vec<OAuthClient>, StoreError> {
        self.inner()?.oauth_clients().await
    }

    async fn add_client_secret(
        &self,
        client: &ClientId,
        secret: ClientSecret,
        by: By,
    ) -> Result<AddSecret, StoreError> {
        self.inner()?.add_client_secret(client, secret, by).await
    }

    async fn remove_client_secret(
        &self,
        client: &ClientId,
        id: &SecretId,
        by: By,
    ) -> Result<Change, StoreError> {
        self.inner()?.remove_client_secret(client, id, by).await
    }

    async fn client_secrets(&self, client: &ClientId) -> Result<Vec<ClientSecret>, StoreError> {
        self.inner()?.client_secrets(client).await
    }
}

#[async_trait]
impl<S: Store> Marks for StoreWithOutages<S> {
    async fn mark(
        &self,
        purpose: Purpose,
        hash: MarkHash,
        until: Timestamp,
        by: By,
    ) -> Result<Mark, StoreError> {
        self.inner()?.mark(purpose, hash, until, by).await
    }

    async fn is_marked(&self, purpose: Purpose, hash: MarkHash) -> Result<bool, StoreError> {
        self.inner()?.is_marked(purpose, hash).await
    }

    async fn purge_marks(&self, before: Timestamp) -> Result<u32, StoreError> {
        self.inner()?.purge_marks(before).await
    }
}

#[async_trait]
impl<S: Store> Keys for StoreWithOutages<S> {
    async fn add_key(
        &self,
        key: SigningKeyRow,
        newest: Option<SigningKeyRow>,
        by: By,
    ) -> Result<AddKey, StoreError> {
        self.inner()?.add_key(key, newest, by).await
    }

    async fn replace_keys(
        &self,
        key: SigningKeyRow,
        newest: Option<SigningKeyRow>,
        by: By,
    ) -> Result<AddKey, StoreError> {
        self.inner()?.replace_keys(key, newest, by).await
    }

    async fn seal_key(
        &self,
        kid: &str,
        pkcs8: Vec<u8>,
        seal_version: u32,
        by: By,
    ) -> Result<Change, StoreError> {
        self.inner()?.seal_key(kid, pkcs8, seal_version, by).await
    }

    async fn reseal_keys(
        &self,
        keys: Vec<ResealedKey>,
        refresh_keys: Vec<ResealedRefreshKey>,
        by: By,
    ) -> Result<Change, StoreError> {
        self.inner()?.reseal_keys(keys, refresh_keys, by).await
    }

    async fn add_refresh_key(
        &self,
        key: RefreshKeyRow,
        newest: Option<SigningKeyRow>,
        by: By,
    ) -> Result<AddKey, StoreError> {
        self.inner()?.add_refresh_key(key, newest, by).await
    }

    async fn destroy_derive_key(&self, version: u32, by: By) -> Result<Change, StoreError> {
        self.inner()?.destroy_derive_key(version, by).await
    }

    async fn remove_refresh_key(
        &self,
        version: u32,
        no_grant_before: Timestamp,
        by: By,
    ) -> Result<Change, StoreError> {
        self.inner()?
            .remove_refresh_key(version, no_grant_before, by)
            .await
    }

    async fn refresh_keys(&self) -> Result<Vec<RefreshKeyRow>, StoreError> {
        self.inner()?.refresh_keys().await
    }

    async fn remove_key(&self, kid: &str, by: By) -> Result<Change, StoreError> {
        self.inner()?.remove_key(kid, by).await
    }

    async fn keys(&self) -> Result<Vec<SigningKeyRow>, StoreError> {
        self.inner()?.keys().await
    }
}

#[async_trait]
impl<S: Store> Audit for StoreWithOutages<S> {
    async fn record_refusals(&self, refusals: Vec<Refusal>) -> Result<(), StoreError> {
        self.inner()?.record_refusals(refusals).await
    }

    async fn audit(
        &self,
        filter: &AuditFilter,
        after: Option<AuditCursor>,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        self.inner()?.audit(filter, after, limit).await
    }

    async fn purge_audit(&self, before: Timestamp, max_refusals: u32) -> Result<u32, StoreError> {
        self.inner()?.purge_audit(before, max_refusals).await
    }
}

#[async_trait]
impl<S: Store> Authorizations for StoreWithOutages<S> {
    async fn start_authorization(
        &self,
        id: InteractionHash,
        authorization: Authorization,
        network: Network,
        max: MaxWaiting,
    ) -> Result<StartAuthorization, StoreError> {
        self.inner()?
            .start_authorization(id, authorization, network, max)
            .await
    }

    async fn authorization(
        &self,
        id: &InteractionHash,
    ) -> Result<Option<Authorization>, StoreError> {
        self.inner()?.authorization(id).await
    }

    async fn complete_authorization(
        &self,
        id: &InteractionHash,
        ending: Ending,
        by: By,
    ) -> Result<CompleteAuthorization, StoreError> {
        self.inner()?.complete_authorization(id, ending, by).await
    }

    async fn code(&self, hash: &CodeHash) -> Result<Option<Code>, StoreError> {
        self.inner()?.code(hash).await
    }

    async fn redeem_code(
        &self,
        hash: &CodeHash,
        grant: NewGrant,
        by: By,
    ) -> Result<RedeemCode, StoreError> {
        self.inner()?.redeem_code(hash, grant, by).await
    }

    async fn consent(
        &self,
        user: &UserId,
        client: &ClientId,
        resources: &[String],
    ) -> Result<Option<Scope>, StoreError> {
        self.inner()?.consent(user, client, resources).await
    }

    async fn consents_of(&self, user: &UserId) -> Result<Vec<StoredConsent>, StoreError> {
        self.inner()?.consents_of(user).await
    }

    async fn withdraw_consent(
        &self,
        user: &UserId,
        client: &ClientId,
        by: By,
    ) -> Result<WithdrawConsent, StoreError> {
        self.inner()?.withdraw_consent(user, client, by).await
    }

    async fn purge_authorizations(
        &self,
        now: Timestamp,
        codes_before: Timestamp,
    ) -> Result<u32, StoreError> {
        self.inner()?.purge_authorizations(now, codes_before).await
    }
}
