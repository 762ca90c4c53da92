//! Proving who somebody is. [`Authenticator`] is the seam: a team with a user table or a sign-in of its own plugs in
//! there, and the rest of the service (sessions, cookies, tokens) stays as it is.

use std::net::IpAddr;

use async_trait::async_trait;
use secrecy::SecretString;
use sessionmint_oauth::{Timestamp, UserId};

/// What somebody claims at sign-in.
#[derive(Debug)]
pub struct Credentials<'a> {
    /// As typed: not trimmed, not folded.
    pub username: &'a str,
    /// As typed.
    pub password: &'a SecretString,
    /// Where the attempt comes from, for throttling.
    pub network: IpAddr,
}

/// Somebody proved who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authenticated {
    /// Whose session it will be.
    pub user_id: UserId,
    /// Shown to the user.
    pub username: String,
}

/// Why a sign-in did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthenticateError {
    /// Unknown user, wrong password, disabled, locked: one answer for all, with the same work.
    Rejected,
    /// Too many attempts for this account and network.
    Throttled {
        /// When to try again, in seconds, at least 1.
        retry_after_secs: u64,
    },
    /// Too many sign-ins are being checked right now.
    Busy {
        /// When to try again, in seconds, at least 1.
        retry_after_secs: u64,
    },
    /// What it depends on could not answer. Says nothing of the credentials.
    Unavailable,
}

/// Decides whether credentials are good.
#[async_trait]
pub trait Authenticator: Send + Sync {
    /// Checks `attempt` at `now`. Must do the same work for unknown users as for wrong passwords.
    async fn authenticate(
        &self,
        attempt: Credentials<'_>,
        now: Timestamp,
    ) -> Result<Authenticated, AuthenticateError>;
}
