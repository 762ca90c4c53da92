//! Marks: what was used once or was taken back, and counts for nothing until it would be over anyway.

use std::fmt;

use async_trait::async_trait;
use sessionmint_oauth::Timestamp;

use crate::{By, StoreError};

/// What a mark is for. Each purpose is a space of its own: what is marked for one is not for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// A client's assertion was used (RFC 7523 §3: `jti`).
    ClientAssertion,
    /// An access token was revoked (RFC 7009).
    AccessToken,
}

impl Purpose {
    /// The word in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientAssertion => "client-assertion",
            Self::AccessToken => "access-token",
        }
    }
}

/// SHA-256 of what is marked.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct MarkHash(pub [u8; 32]);

impl fmt::Debug for MarkHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MarkHash(…)")
    }
}

/// Outcome of [`Marks::mark`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It is marked now and was not before.
    First,
    /// It was marked before.
    Again,
}

/// Marks, seen at once by every instance. That an assertion was used leaves no record in the audit trail; that an access token
/// was revoked does.
#[async_trait]
pub trait Marks: Send + Sync {
    /// Marks unless it is marked: of any number at once, one is first.
    async fn mark(
        &self,
        purpose: Purpose,
        hash: MarkHash,
        until: Timestamp,
        by: By,
    ) -> Result<Mark, StoreError>;
    /// Whether it is marked.
    async fn is_marked(&self, purpose: Purpose, hash: MarkHash) -> Result<bool, StoreError>;
    /// Removes marks whose time is before `before`; says how many.
    async fn purge_marks(&self, before: Timestamp) -> Result<u32, StoreError>;
}
