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

/// The same claims, borrowed, for whoever signs them. Each field is what [`AccessTokenClaims`] says of it.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ClaimsToSign<'a> {
    /// `iss`
    pub iss: &'a str,
    /// `sub`
    pub sub: &'a str,
    /// `aud`
    pub aud: &'a str,
    /// `exp`
    pub exp: i64,
    /// `iat`
    pub iat: i64,
    /// `jti`
    pub jti: &'a str,
    /// `client_id`
    pub client_id: &'a str,
    /// `sid`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<&'a str>,
    /// `auth_time`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// `scope`
    pub scope: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_is_what_is_read() {
        for (sid, auth_time) in [(Some("ses_1"), Some(3)), (None, None)] {
            let signed = ClaimsToSign {
                iss: "https://api.example.com/iam",
                sub: "usr_1",
                aud: "https://api.example.com",
                exp: 2,
                iat: 1,
                jti: "id",
                client_id: "web",
                sid,
                auth_time,
                scope: "a b",
            };
            let json = serde_json::to_string(&signed).unwrap();
            let read: AccessTokenClaims = serde_json::from_str(&json).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), json);
        }
    }
}
