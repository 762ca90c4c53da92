//! The claims of an access token (RFC 9068 §2.2).

use serde::{Deserialize, Serialize};

use crate::{ClientId, ClientSubject, GrantId, Scope, UserId};

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
    /// The family of tokens that it belongs to (`grt_…`): what a user granted a client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gid: Option<GrantId>,
    /// Who acts on behalf of `sub` (RFC 8693 §4.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<ActingParty>,
}

impl AccessTokenClaims {
    /// The user whom it is about; `None` for a client that acts for itself (RFC 9700 §4.15).
    pub fn user(&self) -> Option<UserId> {
        self.sub.parse().ok()
    }

    /// The client that acts for itself; `None` for a token about a user.
    pub fn client(&self) -> Option<ClientSubject> {
        self.sub.parse().ok()
    }
}

/// Who acts on somebody's behalf, and through whom (RFC 8693 §4.1). The outermost acts now; those within acted before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActingParty {
    /// `cli_…`.
    pub sub: String,
    /// Who acted before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Box<Self>>,
}

impl ActingParty {
    /// How many act.
    pub fn depth(&self) -> usize {
        1 + self.act.as_ref().map_or(0, |before| before.depth())
    }
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

/// What the standard grants sign: the same, and what a session's token never has.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct GrantClaims<'a> {
    /// What every token has.
    #[serde(flatten)]
    pub common: ClaimsToSign<'a>,
    /// `gid`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gid: Option<&'a GrantId>,
    /// `act`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub act: Option<&'a ActingParty>,
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

    #[test]
    fn c040_who_acts_and_the_family_are_read_as_they_are_signed() {
        let gid = GrantId::from_random([1; 16]);
        let act = ActingParty {
            sub: "cli_2".to_owned(),
            act: Some(Box::new(ActingParty {
                sub: "cli_1".to_owned(),
                act: None,
            })),
        };
        let signed = GrantClaims {
            common: ClaimsToSign {
                iss: "https://api.example.com/iam",
                sub: "usr_1",
                aud: "https://api.example.com",
                exp: 2,
                iat: 1,
                jti: "id",
                client_id: "worker",
                sid: None,
                auth_time: None,
                scope: "a",
            },
            gid: Some(&gid),
            act: Some(&act),
        };
        let json = serde_json::to_string(&signed).unwrap();
        assert!(json.contains(r#""act":{"sub":"cli_2","act":{"sub":"cli_1"}}"#));
        let read: AccessTokenClaims = serde_json::from_str(&json).unwrap();
        assert_eq!((read.gid, read.act), (Some(gid), Some(act.clone())));
        assert_eq!(act.depth(), 2);
    }
}
