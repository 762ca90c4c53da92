//! What is stored.

use std::fmt;

use sessionmint_oauth::lifetime::SessionTimes;
use sessionmint_oauth::{ClientId, KeyTimes, Scope, SessionId, SessionKeyHash, Timestamp, UserId};

/// A person who can sign in.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// The `sub` of their tokens, never reused.
    pub id: UserId,
    /// What they type to sign in, unique byte for byte.
    pub username: String,
    /// PHC string, or `None` for someone who signs in elsewhere.
    pub password_hash: Option<String>,
    /// What they may be granted; `None` is everything that the client may ask for.
    pub scopes: Option<Scope>,
    /// Set while they may not sign in.
    pub disabled_at: Option<Timestamp>,
    /// When the account was made.
    pub created_at: Timestamp,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("disabled_at", &self.disabled_at)
            .finish_non_exhaustive()
    }
}

/// A user to be added.
#[derive(Clone)]
pub struct NewUser {
    /// See [`User::id`].
    pub id: UserId,
    /// See [`User::username`].
    pub username: String,
    /// See [`User::password_hash`].
    pub password_hash: Option<String>,
    /// See [`User::scopes`].
    pub scopes: Option<Scope>,
    /// See [`User::disabled_at`].
    pub disabled_at: Option<Timestamp>,
    /// See [`User::created_at`].
    pub created_at: Timestamp,
}

/// A live session as stored. Whether it is still good *now* is decided by `sessionmint_oauth`, not here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Public id, the `sid` claim.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// What that user may be granted, as of this read; `None` is everything that the client may ask for.
    pub user_scopes: Option<Scope>,
    /// The browser client where the sign-in happened.
    pub client_id: ClientId,
    /// When the user proved who they are.
    pub auth_time: Timestamp,
    /// Last known user input.
    pub last_activity: Timestamp,
    /// Nothing is minted after this, whatever the activity.
    pub absolute_end: Timestamp,
    /// When it began.
    pub created_at: Timestamp,
    /// Whether the cookie outlives the browser ("stay signed in").
    pub persistent: bool,
    /// The browser's `User-Agent` at sign-in, at most 256 bytes, for the account page.
    pub user_agent: String,
}

impl Session {
    /// What decides whether it is over.
    pub fn times(&self) -> SessionTimes {
        SessionTimes {
            last_activity: self.last_activity,
            absolute_end: self.absolute_end,
        }
    }
}

/// A session to be started.
#[derive(Clone)]
pub struct NewSession {
    /// SHA-256 of the new cookie value.
    pub key_hash: SessionKeyHash,
    /// See [`Session::id`].
    pub id: SessionId,
    /// See [`Session::user_id`].
    pub user_id: UserId,
    /// See [`Session::client_id`].
    pub client_id: ClientId,
    /// Sign-in time; also the creation time and the first activity.
    pub now: Timestamp,
    /// See [`Session::absolute_end`].
    pub absolute_end: Timestamp,
    /// See [`Session::persistent`].
    pub persistent: bool,
    /// See [`Session::user_agent`].
    pub user_agent: String,
    /// The hash that the password was checked against: the session starts only while it is still the user's, or a
    /// sign-in under way would outlive a password change. `None` for who proved it in another way.
    pub password_hash: Option<String>,
}

impl fmt::Debug for NewSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewSession")
            .field("id", &self.id)
            .field("user_id", &self.user_id)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// A signing key as stored.
#[derive(Clone)]
pub struct SigningKeyRow {
    /// `kid` in the JWKS and in token headers.
    pub kid: String,
    /// JOSE algorithm name, e.g. `ES256`.
    pub alg: String,
    /// PKCS#8 DER of the private key, encrypted as `seal_version` says.
    pub pkcs8: Vec<u8>,
    /// How `pkcs8` is encrypted; 0 is not at all.
    pub seal_version: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it signs.
    pub activates_at: Timestamp,
}

impl SigningKeyRow {
    /// Its times, for the timetable.
    pub fn times(&self) -> KeyTimes {
        KeyTimes {
            created_at: self.created_at,
            activates_at: self.activates_at,
        }
    }
}

/// The private key of a signing key, encrypted with another key than before.
#[derive(Clone)]
pub struct ResealedKey {
    /// Which signing key.
    pub kid: String,
    /// [`SigningKeyRow::pkcs8`] as it was read.
    pub old: Vec<u8>,
    /// What replaces it.
    pub new: Vec<u8>,
    /// How `new` is encrypted.
    pub seal_version: u32,
}

/// The two keys of one version of refresh tokens, as stored: both encrypted.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshKeyRow {
    /// What tokens say of their key; higher is newer.
    pub version: u32,
    /// Tells tokens that were ours.
    pub tag_key: Vec<u8>,
    /// Derives successors; `None` once it was destroyed.
    pub derive_key: Option<Vec<u8>>,
    /// When it was made, and took the place of the version before it.
    pub created_at: Timestamp,
}

impl RefreshKeyRow {
    /// The name of a version in the audit trail.
    pub fn key_id(version: u32) -> String {
        format!("refresh-{version}")
    }
}

impl fmt::Debug for RefreshKeyRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshKeyRow")
            .field("version", &self.version)
            .field("created_at", &self.created_at)
            .finish_non_exhaustive()
    }
}

/// The keys of refresh tokens, encrypted with another key than before.
#[derive(Clone, Debug)]
pub struct ResealedRefreshKey {
    /// As they were read.
    pub old: RefreshKeyRow,
    /// What replaces them.
    pub new: RefreshKeyRow,
}

impl fmt::Debug for ResealedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResealedKey")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SigningKeyRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKeyRow")
            .field("kid", &self.kid)
            .field("alg", &self.alg)
            .finish_non_exhaustive()
    }
}
