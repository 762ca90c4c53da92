//! Grants: what a user allowed a client, with the family of refresh tokens that came of it.

use std::fmt;

use async_trait::async_trait;
use sessionmint_oauth::lifetime::SessionTimes;
use sessionmint_oauth::{ClientId, GrantId, RefreshTokenHash, Scope, SessionId, Timestamp, UserId};

use crate::{AuditReason, By, Change, StoreError};

/// A grant as stored, of which no more is known than hashes of its tokens. Whether it is still good *now* is decided by
/// `sessionmint_oauth`, not here.
#[derive(Clone, PartialEq, Eq)]
pub struct Grant {
    /// Public id, the `gid` claim.
    pub id: GrantId,
    /// To whom.
    pub client_id: ClientId,
    /// By whom.
    pub user_id: UserId,
    /// The session that it ends with; `None` with `offline_access`.
    pub session_id: Option<SessionId>,
    /// What may be asked for.
    pub scopes: Scope,
    /// For which audiences (RFC 8707).
    pub resources: Vec<String>,
    /// When the user proved who they are.
    pub auth_time: Timestamp,
    /// When it began.
    pub created_at: Timestamp,
    /// How often its refresh token was replaced.
    pub generation: u32,
    /// The refresh token; `None` where it has none.
    pub current: Option<RefreshTokenHash>,
    /// The refresh token before that.
    pub previous: Option<RefreshTokenHash>,
    /// What went into the derivation of the current token from the previous one.
    pub salt: [u8; 32],
    /// The version of the key that went into it.
    pub key_version: u32,
    /// When the current token took the place of the previous one.
    pub rotated_at: Timestamp,
    /// It is over in any case from then on.
    pub absolute_end: Timestamp,
    /// It is over from then on unless it is used before.
    pub idle_end: Timestamp,
    /// Set when it was ended before that.
    pub revoked: Option<Revoked>,
    /// What the user may be granted, as of this read; `None` is everything that the client may ask for.
    pub user_scopes: Option<Scope>,
    /// The times of its session, as of this read; `None` too where that is gone.
    pub session: Option<SessionTimes>,
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant")
            .field("id", &self.id)
            .field("generation", &self.generation)
            .field("revoked", &self.revoked)
            .finish_non_exhaustive()
    }
}

/// When and why a grant was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub cause: AuditReason,
}

/// A grant to be started. It begins at [`By::at`].
#[derive(Clone)]
pub struct NewGrant {
    /// See [`Grant::id`].
    pub id: GrantId,
    /// See [`Grant::client_id`].
    pub client_id: ClientId,
    /// See [`Grant::user_id`].
    pub user_id: UserId,
    /// See [`Grant::session_id`].
    pub session_id: Option<SessionId>,
    /// See [`Grant::scopes`].
    pub scopes: Scope,
    /// See [`Grant::resources`].
    pub resources: Vec<String>,
    /// See [`Grant::auth_time`].
    pub auth_time: Timestamp,
    /// See [`Grant::current`].
    pub refresh_token: Option<RefreshTokenHash>,
    /// See [`Grant::absolute_end`].
    pub absolute_end: Timestamp,
    /// See [`Grant::idle_end`].
    pub idle_end: Timestamp,
}

impl fmt::Debug for NewGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewGrant")
            .field("id", &self.id)
            .field("client_id", &self.client_id)
            .field("user_id", &self.user_id)
            .finish_non_exhaustive()
    }
}

/// What takes the place of a refresh token.
#[derive(Clone)]
pub struct Successor {
    /// The generation that it follows; its own is the next.
    pub follows: u32,
    /// See [`Grant::current`].
    pub hash: RefreshTokenHash,
    /// See [`Grant::salt`].
    pub salt: [u8; 32],
    /// See [`Grant::key_version`].
    pub key_version: u32,
    /// See [`Grant::rotated_at`].
    pub rotated_at: Timestamp,
    /// See [`Grant::idle_end`].
    pub idle_end: Timestamp,
}

impl fmt::Debug for Successor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Successor")
            .field("follows", &self.follows)
            .field("rotated_at", &self.rotated_at)
            .finish_non_exhaustive()
    }
}

/// Outcome of [`Grants::start_grant`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartGrant {
    /// It is there now.
    Started,
    /// The user was disabled or removed in the meantime, or the session that it hangs on is over: nothing was stored.
    UserGone,
}

/// Outcome of [`Grants::rotate_grant`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RotateGrant {
    /// The successor is the current token now, and what was current is the previous one.
    Rotated,
    /// The generation is another: somebody else was first. Nothing changed.
    Conflict,
    /// The grant was ended, or its session or user is gone. Nothing changed.
    Gone,
}

/// Which grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrantsOf {
    /// All.
    Everybody,
    /// By this user.
    User(UserId),
    /// To this client.
    Client(ClientId),
    /// By this user to this client.
    Both(UserId, ClientId),
}

/// Grants. One that was ended stays, and stays so, until its absolute end has passed. A rotation leaves no record in the audit
/// trail: it is part of a request for a token, and those are logged and counted instead.
#[async_trait]
pub trait Grants: Send + Sync {
    /// Starts a grant.
    async fn start_grant(&self, grant: NewGrant, by: By) -> Result<StartGrant, StoreError>;
    /// Finds by id; `None` too while its user is disabled.
    async fn grant(&self, id: &GrantId) -> Result<Option<Grant>, StoreError>;
    /// Grants, newest first, ended ones among them.
    async fn grants(&self, of: &GrantsOf) -> Result<Vec<Grant>, StoreError>;
    /// Puts `successor` in the place of the token that it follows, if that is still the current one and the grant was not
    /// ended: of concurrent ones that follow the same token, one succeeds.
    async fn rotate_grant(
        &self,
        id: &GrantId,
        successor: Successor,
    ) -> Result<RotateGrant, StoreError>;
    /// Moves `idle_end` forward; never back. A grant that was ended stays so.
    async fn touch_grant(&self, id: &GrantId, idle_end: Timestamp) -> Result<Change, StoreError>;
    /// Ends a grant that was not ended before.
    async fn revoke_grant(
        &self,
        id: &GrantId,
        cause: AuditReason,
        by: By,
    ) -> Result<Change, StoreError>;
    /// Ends every grant that was not ended before; says how many.
    async fn revoke_grants(
        &self,
        of: &GrantsOf,
        cause: AuditReason,
        by: By,
    ) -> Result<u32, StoreError>;
    /// Removes rows whose absolute end is before `before`; says how many.
    async fn purge_grants(&self, before: Timestamp) -> Result<u32, StoreError>;
}
