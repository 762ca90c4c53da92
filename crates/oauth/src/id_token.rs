//! ID tokens (OpenID Connect Core §2): who signed in, said to the client that asked, and to no service.

use serde::Serialize;

/// The `typ` of an ID token's header. An access token has another (RFC 9068 §2.1), so neither passes for the other.
pub const TYPE: &str = "JWT";

/// Seconds from `iat` to `exp`. A client reads it once, right after it came.
pub const TTL_SECS: u64 = 300;

/// The claims, borrowed, for whoever signs them. Times are whole seconds since the epoch.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct IdTokenClaims<'a> {
    /// The issuer.
    pub iss: &'a str,
    /// The user, `usr_…`.
    pub sub: &'a str,
    /// The client, which is no resource: no verifier of access tokens takes it.
    pub aud: &'a str,
    /// End of validity.
    pub exp: i64,
    /// When it was issued.
    pub iat: i64,
    /// When the user proved who they are.
    pub auth_time: i64,
    /// The request's, so that the client knows which one this answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<&'a str>,
    /// The session's public id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<&'a str>,
}
