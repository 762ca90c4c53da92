//! The commands that every engine carries out.
//!
//! A command that changes something takes [`By`] whom as its last parameter, and leaves the records of the change in the
//! audit trail, in the same transaction; one that changes nothing leaves none. [`Sessions::touch_session`] is the exception:
//! it is part of a mint, and mints are logged and counted instead.

use std::sync::Arc;

use async_trait::async_trait;
use sessionmint_oauth::{
    BrowserClient, ClientId, Scope, SessionId, SessionKeyHash, Timestamp, UserId,
};

use crate::{
    AuditCursor, AuditFilter, AuditRecord, Authorizations, By, Grants, Marks, NewSession, NewUser,
    OAuthClients, RefreshKeyRow, Refusal, ResealedKey, ResealedRefreshKey, Roles, Session,
    SigningKeyRow, User,
};

/// The engine could not answer. Nothing is known of the command's effect unless the engine says so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Locked, full, read-only, unreachable, or shutting down: worth trying again.
    #[error("storage is unavailable: {0}")]
    Unavailable(String),
    /// What is stored cannot be read as what it should be.
    #[error("stored data is damaged: {0}")]
    Corrupt(String),
}

/// Outcome of [`Users::add_user`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddUser {
    /// The user is there now.
    Added,
    /// Someone else has that name.
    NameTaken,
}

/// Outcome of [`Users::change_password`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangePassword {
    /// The password is another, and all other sessions are over.
    Changed {
        /// How many were ended.
        ended: u32,
    },
    /// The stored hash is not the one that was checked; nothing changed.
    OtherPassword,
    /// The session that asked is over, or the user is gone; nothing changed.
    SessionOver,
}

/// Outcome of [`Users::change_user`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeUser {
    /// The user is as asked now.
    Changed,
    /// There is no such user.
    NotFound,
    /// Somebody changed them in the meantime; nothing changed now.
    Conflict,
}

/// Outcome of a change to one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Done.
    Done,
    /// There is no such record, or it was not in the state that the command requires.
    NotFound,
}

/// Outcome of [`Sessions::start_session`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartSession {
    /// The session is live; `evicted` older ones of the same user were ended to keep to the maximum.
    Started {
        /// How many were ended.
        evicted: u32,
    },
    /// The user was disabled or deleted in the meantime, or has another password: nothing was stored.
    UserGone,
}

/// Outcome of [`Clients::add_client`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddClient {
    /// The client is there now.
    Added,
    /// Another client has that id, of whichever kind.
    IdTaken,
    /// A public client of the standard grants has users sent to this origin: its pages could read the codes.
    RedirectedTo {
        /// The origin in question.
        origin: String,
        /// Which client.
        client_id: ClientId,
    },
    /// An origin belongs to another client already.
    OriginTaken {
        /// The origin in question.
        origin: String,
        /// Whose it is.
        client_id: ClientId,
    },
}

/// Outcome of [`Clients::replace_client`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplaceClient {
    /// The client is as asked now.
    Replaced,
    /// There is no client of that id.
    NotFound,
    /// See [`AddClient::RedirectedTo`]; nothing changed.
    RedirectedTo {
        /// The origin in question.
        origin: String,
        /// Which client.
        client_id: ClientId,
    },
    /// An origin belongs to another client; nothing changed.
    OriginTaken {
        /// The origin in question.
        origin: String,
        /// Whose it is.
        client_id: ClientId,
    },
    /// Somebody changed it in the meantime; nothing changed now.
    Conflict,
}

/// Outcome of [`Keys::add_key`], [`Keys::replace_keys`] and [`Keys::add_refresh_key`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddKey {
    /// It is stored as the newest.
    Added,
    /// Another instance was first: the newest key is not the one that was named, or is encrypted anew. Nothing changed.
    Conflict,
}

/// Which sessions of a user a command ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndSessions {
    /// Every one.
    All,
    /// Every one but this.
    AllBut(SessionId),
}

/// People.
#[async_trait]
pub trait Users: Send + Sync {
    /// Adds a user unless the name is taken.
    async fn add_user(&self, user: NewUser, by: By) -> Result<AddUser, StoreError>;
    /// Adds each user unless the name is taken, all in one transaction; says for each how it went.
    async fn add_users(&self, users: Vec<NewUser>, by: By) -> Result<Vec<AddUser>, StoreError>;
    /// Finds by exact name.
    async fn user_by_name(&self, username: &str) -> Result<Option<User>, StoreError>;
    /// Finds by id.
    async fn user(&self, id: &UserId) -> Result<Option<User>, StoreError>;
    /// All users by name, `limit` of them after `after`.
    async fn users(&self, after: Option<&str>, limit: u32) -> Result<Vec<User>, StoreError>;
    /// Sets a password and, in the same transaction, ends sessions and all grants of the user.
    async fn set_password(
        &self,
        id: &UserId,
        hash: String,
        end: EndSessions,
        by: By,
    ) -> Result<Change, StoreError>;
    /// The user's own change of password: replaces the hash `old` by `new` and, in the same transaction, ends every
    /// session but `kept` and all grants. Only while `old` is still stored and `kept` is a session of the user: a request that was
    /// under way must not undo another change, or outlive a sign-out.
    async fn change_password(
        &self,
        id: &UserId,
        old: &str,
        new: String,
        kept: &SessionId,
        by: By,
    ) -> Result<ChangePassword, StoreError>;
    /// Replaces a hash by a stronger one of the same password, only if it is still `old`: a sign-in must not undo a
    /// password change that it raced with. Sessions stay.
    async fn upgrade_password_hash(
        &self,
        id: &UserId,
        old: &str,
        new: String,
        by: By,
    ) -> Result<Change, StoreError>;
    /// Disables or enables and, when disabling, ends every session and grant in the same transaction. Someone who is disabled
    /// already keeps the earlier time.
    async fn set_disabled(&self, id: &UserId, disabled: bool, by: By)
    -> Result<Change, StoreError>;
    /// Sets what the user may be granted; see [`User::scopes`].
    async fn set_user_scopes(
        &self,
        id: &UserId,
        scopes: Option<Scope>,
        by: By,
    ) -> Result<Change, StoreError>;
    /// Both as [`Users::set_user_scopes`] and [`Users::set_disabled`] do, only while both are still as in `seen`.
    async fn change_user(
        &self,
        seen: &User,
        scopes: Option<Scope>,
        disabled: bool,
        by: By,
    ) -> Result<ChangeUser, StoreError>;
    /// Removes a user and, in the same transaction, their sessions and grants. Ids are random, so none is ever reused.
    async fn remove_user(&self, id: &UserId, by: By) -> Result<Change, StoreError>;
}

/// Sessions. Ending one removes its row, so an ended session cannot come back, and ends the grants that hang on it.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// Starts a session, ends `replaces` if it is a session (anyone's), and ends the user's oldest beyond `max_per_user`,
    /// all at once. "Oldest" goes by the order of arrival, so a clock that jumps back cannot evict the new one; it stays
    /// whatever the maximum.
    async fn start_session(
        &self,
        session: NewSession,
        replaces: Option<SessionKeyHash>,
        max_per_user: u32,
        by: By,
    ) -> Result<StartSession, StoreError>;
    /// The session behind a cookie; `None` too while its user is disabled.
    async fn session(&self, key: &SessionKeyHash) -> Result<Option<Arc<Session>>, StoreError>;
    /// Moves `last_activity` forward to `at`; never back. A session that is gone stays gone.
    async fn touch_session(
        &self,
        key: &SessionKeyHash,
        at: Timestamp,
    ) -> Result<Change, StoreError>;
    /// Ends the session behind a cookie, as its user signs out.
    async fn end_session(&self, key: &SessionKeyHash, by: By) -> Result<Change, StoreError>;
    /// A user's sessions, newest first.
    async fn sessions_of(&self, user: &UserId) -> Result<Vec<Session>, StoreError>;
    /// Ends one session by its public id, only if it is this user's.
    async fn end_session_of(
        &self,
        user: &UserId,
        id: &SessionId,
        by: By,
    ) -> Result<Change, StoreError>;
    /// Ends one session by its public id, whoever it belongs to: for the operator, never for a user's request.
    async fn end_session_by_id(&self, id: &SessionId, by: By) -> Result<Change, StoreError>;
    /// Ends a user's sessions; says how many.
    async fn end_sessions_of(
        &self,
        user: &UserId,
        which: EndSessions,
        by: By,
    ) -> Result<u32, StoreError>;
    /// Removes rows whose absolute end is before `by.at` or whose last activity is before `idle_before`; says how many.
    async fn purge_sessions(&self, idle_before: Timestamp, by: By) -> Result<u32, StoreError>;
}

/// Registered clients. Changes by another process (the CLI beside a running service) are seen at once.
#[async_trait]
pub trait Clients: Send + Sync {
    /// Adds a client unless its id is taken by a client of either kind, or one of its origins is.
    async fn add_client(&self, client: BrowserClient, by: By) -> Result<AddClient, StoreError>;
    /// Replaces the client of the same id, its origins included, unless one of them is another client's; given what was
    /// `seen`, only while it is like that still.
    async fn replace_client(
        &self,
        client: BrowserClient,
        seen: Option<BrowserClient>,
        by: By,
    ) -> Result<ReplaceClient, StoreError>;
    /// Removes a client and, in the same transaction, its origins.
    async fn remove_client(&self, id: &ClientId, by: By) -> Result<Change, StoreError>;
    /// The client that an origin belongs to, byte for byte.
    async fn client_by_origin(
        &self,
        origin: &str,
    ) -> Result<Option<Arc<BrowserClient>>, StoreError>;
    /// Finds by id.
    async fn client(&self, id: &ClientId) -> Result<Option<BrowserClient>, StoreError>;
    /// All clients by id.
    async fn clients(&self) -> Result<Vec<BrowserClient>, StoreError>;
}

/// Signing keys, and the keys of refresh tokens.
#[async_trait]
pub trait Keys: Send + Sync {
    /// Stores a key as the newest, if the newest so far is `newest` with the same private part (`None`: there is no key).
    /// So instances that rotate at once end with one new key, and all keys stay encrypted with one encryption key.
    async fn add_key(
        &self,
        key: SigningKeyRow,
        newest: Option<SigningKeyRow>,
        by: By,
    ) -> Result<AddKey, StoreError>;
    /// As [`Keys::add_key`], and removes all other keys in the same transaction.
    async fn replace_keys(
        &self,
        key: SigningKeyRow,
        newest: Option<SigningKeyRow>,
        by: By,
    ) -> Result<AddKey, StoreError>;
    /// Puts the encrypted form in the place of a private key that is not encrypted, and leaves nothing of the latter.
    async fn seal_key(
        &self,
        kid: &str,
        pkcs8: Vec<u8>,
        seal_version: u32,
        by: By,
    ) -> Result<Change, StoreError>;
    /// Puts each key's `new` form in the place of its `old` one and leaves nothing of the latter: all of them in one
    /// transaction, and only while these are all keys that there are and each is as it was read.
    async fn reseal_keys(
        &self,
        keys: Vec<ResealedKey>,
        refresh_keys: Vec<ResealedRefreshKey>,
        by: By,
    ) -> Result<Change, StoreError>;
    /// Removes a key, but never the newest.
    async fn remove_key(&self, kid: &str, by: By) -> Result<Change, StoreError>;
    /// All keys in the order in which they were stored.
    async fn keys(&self) -> Result<Vec<SigningKeyRow>, StoreError>;
    /// Stores keys of refresh tokens as the newest version, if theirs is the next and the newest signing key is `newest` with
    /// the same private part: so all keys stay encrypted with one encryption key.
    async fn add_refresh_key(
        &self,
        key: RefreshKeyRow,
        newest: Option<SigningKeyRow>,
        by: By,
    ) -> Result<AddKey, StoreError>;
    /// Destroys what derives successors of a version, but never of the newest; the tag key stays.
    async fn destroy_derive_key(&self, version: u32, by: By) -> Result<Change, StoreError>;
    /// Removes a version, but never the newest, and only when no grant is there that began before `no_grant_before`.
    async fn remove_refresh_key(
        &self,
        version: u32,
        no_grant_before: Timestamp,
        by: By,
    ) -> Result<Change, StoreError>;
    /// All keys of refresh tokens, oldest first.
    async fn refresh_keys(&self) -> Result<Vec<RefreshKeyRow>, StoreError>;
}

/// The audit trail. What is changed is recorded by the commands that change it; here is what is refused, and the reading.
#[async_trait]
pub trait Audit: Send + Sync {
    /// Records what was refused, all in one transaction.
    async fn record_refusals(&self, refusals: Vec<Refusal>) -> Result<(), StoreError>;
    /// Records, newest first, `limit` of them behind `after`.
    async fn audit(
        &self,
        filter: &AuditFilter,
        after: Option<AuditCursor>,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError>;
    /// Removes records from before `before`, and the oldest records of refusals beyond `max_refusals`, which a flood of them
    /// must not exceed; says how many.
    async fn purge_audit(&self, before: Timestamp, max_refusals: u32) -> Result<u32, StoreError>;
}

/// All of it: what the service is given.
pub trait Store:
    Users + Sessions + Clients + OAuthClients + Grants + Authorizations + Roles + Keys + Audit + Marks
{
}

impl<
    T: Users
        + Sessions
        + Clients
        + OAuthClients
        + Grants
        + Authorizations
        + Roles
        + Keys
        + Audit
        + Marks,
> Store for T
{
}
