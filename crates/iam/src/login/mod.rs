//! Proving who somebody is.
//!
//! [`Authenticator`] is the seam: a team with a user table or a sign-in of its own plugs in there, and the rest of the
//! service (sessions, cookies, tokens) stays as it is. What comes with the service is [`PasswordAuthenticator`], which
//! checks argon2id hashes in the store, behind [`Throttled`], which slows guessing down.
//!
//! # Plugging in your own
//! Decide about the credentials; throttling, sessions and answers are not your concern. Three duties: do the same work
//! for unknown names as for wrong passwords, and answer [`AuthenticateError::Unavailable`] when your source does not
//! answer, never [`AuthenticateError::Rejected`], and log why you reject somebody, which only you know. The user needs an id of this service (`usr_…`), since sessions hang on
//! it: add each of your users to the store without a password, and return that id.
//!
//! ```
//! use std::collections::HashMap;
//!
//! use async_trait::async_trait;
//! use secrecy::{ExposeSecret as _, SecretString};
//! use sessionmint_iam::config::ThrottleConfig;
//! use sessionmint_iam::login::{Authenticated, AuthenticateError, Authenticator, Credentials, Throttled};
//! use sessionmint_oauth::{Timestamp, UserId};
//!
//! /// Tokens that the company's directory has handed out, and who got them.
//! struct Directory(HashMap<String, (String, UserId)>);
//!
//! #[async_trait]
//! impl Authenticator for Directory {
//!     async fn authenticate(&self, attempt: Credentials<'_>, _: Timestamp) -> Result<Authenticated, AuthenticateError> {
//!         match self.0.get(attempt.password.expose_secret()) {
//!             Some((username, user_id)) if username == attempt.username => {
//!                 Ok(Authenticated { user_id: user_id.clone(), username: username.clone(), password_hash: None })
//!             }
//!             _ => Err(AuthenticateError::Rejected),
//!         }
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let ann = UserId::from_random([7; 16]);
//! let directory = Directory(HashMap::from([("a-token".to_owned(), ("ann".to_owned(), ann.clone()))]));
//! // This is what `App::builder(…).authenticator(Arc::new(…))` takes.
//! let authenticator = Throttled::new(directory, &ThrottleConfig::default());
//!
//! let password = SecretString::from("a-token");
//! let attempt = Credentials { username: "ann", password: &password, network: "192.0.2.1".parse()? };
//! let answer = authenticator.authenticate(attempt, Timestamp::from_secs(1_800_000_000)).await;
//! assert_eq!(answer.map(|who| who.user_id), Ok(ann));
//! # Ok::<(), std::net::AddrParseError>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod gate;
pub mod hasher;
pub mod password;
pub mod policy;
pub mod stored;
pub mod throttle;
pub mod throttled;
mod workers;

use std::fmt;
use std::net::IpAddr;

use async_trait::async_trait;
use secrecy::SecretString;
use sessionmint_oauth::{ClientId, SessionId, Timestamp, UserId};

pub use hasher::Hasher;
pub use password::PasswordAuthenticator;
pub use throttle::Throttle;
pub use throttled::Throttled;

/// The longest password that is hashed, in bytes; a longer one is a wrong one.
pub const MAX_PASSWORD_BYTES: usize = 1024;

/// The longest user name, in bytes.
pub const MAX_USERNAME_BYTES: usize = 256;

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
#[derive(Clone, PartialEq, Eq)]
pub struct Authenticated {
    /// Whose session it will be.
    pub user_id: UserId,
    /// Shown to the user.
    pub username: String,
    /// The hash in the store that the password was checked against: no session starts if it is another by then, or a
    /// sign-in under way would outlive a password change. `None` when the proof is something else.
    pub password_hash: Option<String>,
}

impl fmt::Debug for Authenticated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticated")
            .field("user_id", &self.user_id)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
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

/// A signed-in user wants another password.
#[derive(Debug)]
pub struct PasswordChange<'a> {
    /// Whose.
    pub user_id: &'a UserId,
    /// Their name, the password that they have now, and where the request comes from.
    pub credentials: Credentials<'a>,
    /// The password to be; the policy has been checked.
    pub new: &'a SecretString,
    /// The session that asks: the one that stays.
    pub kept: &'a SessionId,
    /// The client that the request came through.
    pub client_id: &'a ClientId,
}

/// Why a password was not changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordChangeError {
    /// The current password was not good, for one of these reasons.
    Current(AuthenticateError),
    /// The session that asked was over in the meantime.
    SessionOver,
    /// Passwords are kept elsewhere.
    KeptElsewhere,
}

impl From<AuthenticateError> for PasswordChangeError {
    fn from(error: AuthenticateError) -> Self {
        Self::Current(error)
    }
}

/// Why there is no hash of a new password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewPasswordError {
    /// Too many passwords are being checked right now.
    Busy {
        /// When to try again, in seconds, at least 1.
        retry_after_secs: u64,
    },
    /// It could not be computed.
    Unavailable,
    /// Passwords are kept elsewhere.
    KeptElsewhere,
}

/// How much checking is going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Checks that may run at once.
    pub permits: usize,
    /// Checks that run.
    pub running: usize,
    /// Sign-ins that wait for one.
    pub waiting: usize,
    /// Networks and accounts whose failures are remembered; 0 from who remembers none.
    pub remembered: usize,
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

    /// Checks the current password as a sign-in would, sets the new one, and ends all other sessions of the user in the
    /// same step; says how many. Without passwords of its own an authenticator leaves this as it is.
    async fn change_password(
        &self,
        change: PasswordChange<'_>,
        now: Timestamp,
    ) -> Result<u32, PasswordChangeError> {
        let _ = (change, now);
        Err(PasswordChangeError::KeptElsewhere)
    }

    /// The hash of a password that an operator gives a user; the policy has been checked. Without passwords of its own an
    /// authenticator leaves this as it is.
    async fn new_password_hash(&self, password: &SecretString) -> Result<String, NewPasswordError> {
        let _ = password;
        Err(NewPasswordError::KeptElsewhere)
    }

    /// How busy it is, for the metrics; `None` from who does not bound its work.
    fn load(&self) -> Option<Load> {
        None
    }
}
