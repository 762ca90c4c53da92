//! The claims of an access token (RFC 9068 §2.2).

use serde::{Deserialize, Serialize};

use crate::{ClientId, Scope};

/// What the service signs and a verifier hands to its routes. Times are whole seconds since the epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessTokenClaims {
    /// The issuer, compared whole-string.
    pub iss: String,
    /// `usr_…` for a user, `cli_…` for a client acting for itself.
    pub sub: String,
    /// The one resource that this token is for (RFC 8707).
    pub aud: String,
    /// End of validity.
    pub exp: i64,
    /// When it was issued.
    pub iat: i64,
    /// Unique id of this token, at least 128 random bits.
    pub jti: String,
    /// The client that asked for it.
    pub client_id: ClientId,
    /// The session's public id, where there is a session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// When the user last proved who they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// What the token allows.
    #[serde(default)]
    pub scope: Scope,
}
