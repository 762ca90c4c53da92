//! Authorizations: what clients ask users for, from the request to the code that is redeemed, and what users agreed to.

use std::fmt;

use async_trait::async_trait;
use sessionmint_oauth::authorize::AuthorizationRequest;
use sessionmint_oauth::{
    BrowserHash, ClientId, CodeHash, GrantId, InteractionHash, Network, Scope, SessionId,
    Timestamp, UserId,
};

use crate::{By, NewGrant, StoreError};

/// A request that waits for its user.
#[derive(Clone)]
pub struct Authorization {
    /// The browser that brought it.
    pub browser: BrowserHash,
    /// What is asked for.
    pub request: AuthorizationRequest,
    /// When it came.
    pub created_at: Timestamp,
    /// It is over from then on.
    pub expires_at: Timestamp,
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization")
            .field("client_id", &self.request.client_id)
            .finish_non_exhaustive()
    }
}

/// How many requests may wait.
#[derive(Clone, Copy, Debug)]
pub struct MaxWaiting {
    /// In all.
    pub in_all: u32,
    /// Of one network.
    pub of_network: u32,
}

/// How a request ends.
#[derive(Clone, Debug)]
pub enum Ending {
    /// The client gets a code.
    Granted {
        /// The code.
        code: NewCode,
        /// Why it may.
        consent: Agreement,
    },
    /// The user was asked and did not agree.
    Denied,
    /// The client is told why not, and no user was asked.
    Refused,
}

/// Why a client may have a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// The user was asked and agreed, for this time.
    Once,
    /// The user was asked and agreed, and is not to be asked again.
    Remembered,
    /// The user was not asked: they agreed earlier, to all of it and at each of the resources. It counts only if they still do.
    Earlier,
    /// No user is asked about this client.
    Trusted,
}

/// A code to be issued.
#[derive(Clone)]
pub struct NewCode {
    /// SHA-256 of it.
    pub hash: CodeHash,
    /// Who granted it.
    pub user_id: UserId,
    /// In which session.
    pub session_id: SessionId,
    /// What was granted.
    pub scopes: Scope,
    /// When the user proved who they are.
    pub auth_time: Timestamp,
    /// Good before then.
    pub expires_at: Timestamp,
}

impl fmt::Debug for NewCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewCode")
            .field("user_id", &self.user_id)
            .finish_non_exhaustive()
    }
}

/// A code as stored.
#[derive(Clone)]
pub struct Code {
    /// What it answers.
    pub request: AuthorizationRequest,
    /// See [`NewCode::user_id`].
    pub user_id: UserId,
    /// See [`NewCode::session_id`].
    pub session_id: SessionId,
    /// See [`NewCode::scopes`].
    pub scopes: Scope,
    /// See [`NewCode::auth_time`].
    pub auth_time: Timestamp,
    /// See [`NewCode::expires_at`].
    pub expires_at: Timestamp,
    /// What came of it, once it is redeemed.
    pub grant: Option<GrantId>,
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Code")
            .field("user_id", &self.user_id)
            .field("grant", &self.grant)
            .finish_non_exhaustive()
    }
}

/// What a user agreed to, for as long as they do not say otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredConsent {
    /// For which client.
    pub client_id: ClientId,
    /// To what.
    pub scopes: Scope,
    /// When they last did.
    pub given_at: Timestamp,
}

/// Outcome of [`Authorizations::start_authorization`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartAuthorization {
    /// It is stored.
    Started,
    /// Too many of its network wait. Nothing changed.
    TooMany {
        /// When the first of them is over.
        until: Timestamp,
    },
}

/// Outcome of [`Authorizations::complete_authorization`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompleteAuthorization {
    /// The request is over, and its code, if it has one, is good.
    Completed,
    /// There is no such request, or it is over. Nothing changed.
    Gone,
    /// The session is over, or the user may not sign in. Nothing changed.
    SessionOver,
    /// What the user agreed to earlier was withdrawn. Nothing changed.
    ConsentWithdrawn,
}

/// Outcome of [`Authorizations::redeem_code`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedeemCode {
    /// It is spent, and the grant has begun.
    Redeemed,
    /// It was spent before. Nothing changed.
    Spent,
    /// There is no such code, or it is over. Nothing changed.
    Gone,
    /// The session in which it was granted is over, or the user may not sign in. Nothing changed.
    SessionOver,
}

/// Outcome of [`Authorizations::withdraw_consent`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithdrawConsent {
    /// Nothing is left of it.
    Withdrawn {
        /// How many grants were ended.
        ended: u32,
    },
    /// The user agreed to nothing that counts still, remembered or not.
    NotFound,
}

/// Requests, codes and consents. A request that only waits leaves no record in the audit trail: anybody can make one.
#[async_trait]
pub trait Authorizations: Send + Sync {
    /// Stores a request that came from `network`, unless as many of its network wait as may. Where as many wait in all as
    /// may, others make room: a twentieth of all, and always those of whoever has most, by neighbourhood, within it by network,
    /// the oldest first. So nobody can keep others out, and who holds one request keeps it until nobody holds more than one.
    async fn start_authorization(
        &self,
        id: InteractionHash,
        authorization: Authorization,
        network: Network,
        max: MaxWaiting,
    ) -> Result<StartAuthorization, StoreError>;
    /// The request of this id, until it is completed.
    async fn authorization(
        &self,
        id: &InteractionHash,
    ) -> Result<Option<Authorization>, StoreError>;
    /// Ends a request that is not over at [`By::at`]: of concurrent ones, one succeeds. With a code, only while the user's
    /// session lives; the consent is remembered, or found to be there still, in the same transaction.
    async fn complete_authorization(
        &self,
        id: &InteractionHash,
        ending: Ending,
        by: By,
    ) -> Result<CompleteAuthorization, StoreError>;
    /// The code of this hash, redeemed or not.
    async fn code(&self, hash: &CodeHash) -> Result<Option<Code>, StoreError>;
    /// Spends a code that is good at [`By::at`] and starts the grant, only while the session lives in which it was granted:
    /// of concurrent ones, one succeeds.
    async fn redeem_code(
        &self,
        hash: &CodeHash,
        grant: NewGrant,
        by: By,
    ) -> Result<RedeemCode, StoreError>;
    /// What a user agreed to for a client at each of these resources.
    async fn consent(
        &self,
        user: &UserId,
        client: &ClientId,
        resources: &[String],
    ) -> Result<Option<Scope>, StoreError>;
    /// All that a user agreed to, by client.
    async fn consents_of(&self, user: &UserId) -> Result<Vec<StoredConsent>, StoreError>;
    /// Forgets what a user agreed to for a client and, in the same transaction, ends what came of it: every grant, and codes
    /// that were not redeemed.
    async fn withdraw_consent(
        &self,
        user: &UserId,
        client: &ClientId,
        by: By,
    ) -> Result<WithdrawConsent, StoreError>;
    /// Removes requests that are over at `now` and codes that were over at `codes_before`; says how many.
    async fn purge_authorizations(
        &self,
        now: Timestamp,
        codes_before: Timestamp,
    ) -> Result<u32, StoreError>;
}
