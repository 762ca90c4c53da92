//! Where the IAM keeps users, sessions, clients, roles and signing keys, and the audit trail of what is done to them.
//!
//! Each method of the traits is **one atomic command** that ends in an outcome; there is no `begin … save`. Time and
//! identifiers come in as parameters, and SQL lives only in this crate. [`StoreError`] means that the engine could not
//! answer: callers turn it into 503, never into "no such session".
//!
//! What it is not: it does not decide. Whether a stored session is still good, a password right or a scope allowed is
//! the business of its callers.
//!
//! ```
//! use sessionmint_oauth::{Timestamp, UserId};
//! use sessionmint_store::{AddUser, By, NewUser, SqliteStore, Users};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! let store = SqliteStore::open(folder.path().join("sessionmint.db"))?;
//! let now = Timestamp::from_secs(1_700_000_000);
//! let ada = NewUser {
//!     id: UserId::from_random([7; 16]),
//!     username: "ada".to_owned(),
//!     password_hash: None,
//!     scopes: None,
//!     disabled_at: None,
//!     created_at: now,
//! };
//! let by = By::operator("root", now);
//! assert_eq!(store.add_user(ada.clone(), by.clone()).await?, AddUser::Added);
//! assert_eq!(store.add_user(ada, by).await?, AddUser::NameTaken);
//! # Ok(())
//! # }
//! ```
//!
//! # Writing an engine
//! Implement the traits of [`Store`], then run the suite of `contract` (feature `contract`) against it; an engine is right when
//! that suite passes.

mod audit;
mod authorizations;
#[cfg(feature = "contract")]
#[expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "these are tests, compiled for the engines' own test binaries"
)]
pub mod contract;
mod grants;
mod marks;
mod oauth_clients;
mod observer;
mod records;
mod roles;
pub mod sqlite;
mod traits;

pub use audit::{
    Actor, AuditCursor, AuditDetails, AuditFilter, AuditKind, AuditReason, AuditRecord, By,
    NewAuditRecord, Refusal, UnknownWord,
};
pub use authorizations::{
    Agreement, Authorization, Authorizations, Code, CompleteAuthorization, Ending, MaxWaiting,
    NewCode, RedeemCode, StartAuthorization, StoredConsent, WithdrawConsent,
};
pub use grants::{Grant, Grants, GrantsOf, NewGrant, Revoked, RotateGrant, StartGrant, Successor};
pub use marks::{Mark, MarkHash, Marks, Purpose};
pub use oauth_clients::{
    AddOAuthClient, AddSecret, ClientSecret, MAX_SECRETS, OAuthClients, ReplaceOAuthClient,
};
pub use observer::{CommandEnd, CommandKind, Observer};
pub use records::{
    NewSession, NewUser, RefreshKeyRow, ResealedKey, ResealedRefreshKey, Session, SigningKeyRow,
    User,
};
pub use roles::{
    AddNamed, AddRecord, ChangeGroup, Membership, RecordFilter, RecordsOf, RemoveNamed,
    ReplaceRole, Roles, StoredGroup, StoredRole,
};
pub use sqlite::{OpenError, SqliteOptions, SqliteStore};
pub use traits::{
    AddClient, AddKey, AddUser, Audit, Change, ChangePassword, ChangeUser, Clients, EndSessions,
    Keys, ReplaceClient, Sessions, StartSession, Store, StoreError, Users,
};
