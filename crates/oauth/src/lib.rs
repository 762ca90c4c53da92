//! Wire types and decisions that the IAM service, the verifier and the browser module share.
//!
//! Everything here is pure: no clock, no randomness, no network, no storage. Whoever calls supplies the time
//! ([`Timestamp`]) and the random bytes, and carries out what was decided. The crate compiles for wasm32 and natively.
//!
//! What it is not: an OAuth server. The service in `crates/iam` reads requests, asks this crate, and talks to the store.
//!
//! ```
//! use sessionmint_oauth::{Scope, Timestamp};
//!
//! let asked: Scope = "notes:write notes:read".parse()?;
//! let allowed: Scope = "account notes:read".parse()?;
//! assert_eq!(asked.intersection(&allowed).to_string(), "notes:read");
//! assert_eq!(Timestamp::from_secs(60).plus_secs(300).secs(), 360);
//! # Ok::<(), sessionmint_oauth::InvalidScope>(())
//! ```

pub mod asked;
pub mod assertion;
pub mod authorize;
pub mod bearer;
pub mod challenge;
pub mod claims;
pub mod client;
pub mod client_authentication;
pub mod cookie;
pub mod error;
pub mod exchange;
pub mod form;
pub mod id;
pub mod id_token;
pub mod id_token_hint;
pub mod issuer;
pub mod jwk;
pub mod jwt;
pub mod key_rotation;
pub mod lifetime;
pub mod metadata;
pub mod network;
pub mod oauth_client;
pub mod origin;
pub mod pkce;
pub mod redirect_uri;
pub mod refresh_key;
pub mod refresh_token;
pub mod registration;
pub mod rotation;
pub mod scope;
pub mod secret;
pub mod session_grant;
pub mod sign_out;
pub mod time;
mod unique;

pub use challenge::BearerChallenge;
pub use claims::{AccessTokenClaims, ActingParty, ClaimsToSign, GrantClaims};
pub use client::BrowserClient;
pub use id::{
    ClientId, ClientSubject, GrantId, InvalidId, RecordId, RefreshTokenHash, SecretId, SessionId,
    SessionKeyHash, UserId,
};
pub use issuer::{InvalidIssuer, Issuer};
pub use jwk::{Algorithm, InvalidKeySet, KeyMaterial, VerificationKey, VerificationKeys};
pub use jwt::{ExpectedClaims, SignedToken, TokenRefusal, UnverifiedToken};
pub use key_rotation::{KeyPolicy, KeyState, KeyTimes, TooSoon};
pub use network::{Neighbourhood, Network};
pub use oauth_client::{
    ClientAuthentication, ClientKeys, GrantType, OAuthClient, RefreshPolicy, Rotation,
};
pub use refresh_token::{RefreshKeys, RefreshToken};
pub use scope::{InvalidScope, Scope};
pub use secret::{
    AuthorizationCode, BrowserHash, BrowserKey, CodeHash, InteractionHash, InteractionId,
};
pub use time::Timestamp;
