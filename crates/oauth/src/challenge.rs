//! What a resource server answers a request that its token does not cover (RFC 6750 §3).

use crate::Scope;

/// The refusal and its `WWW-Authenticate` value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BearerChallenge {
    /// No token was sent: 401, and no error code, since nothing was wrong with what was sent (§3.1).
    TokenMissing,
    /// The request itself is ambiguous, as with two `Authorization` fields: 400.
    InvalidRequest,
    /// The token is malformed, expired, for somebody else or forged: 401.
    InvalidToken,
    /// The token is good, but does not hold this scope: 403.
    InsufficientScope(Scope),
}

impl BearerChallenge {
    /// The HTTP status.
    pub const fn status(&self) -> u16 {
        match self {
            Self::TokenMissing | Self::InvalidToken => 401,
            Self::InvalidRequest => 400,
            Self::InsufficientScope(_) => 403,
        }
    }

    /// The value of `WWW-Authenticate`. A scope cannot contain a quote or backslash, so nothing needs escaping.
    pub fn header_value(&self) -> String {
        match self {
            Self::TokenMissing => "Bearer".to_owned(),
            Self::InvalidRequest => r#"Bearer error="invalid_request""#.to_owned(),
            Self::InvalidToken => r#"Bearer error="invalid_token""#.to_owned(),
            Self::InsufficientScope(scope) => {
                format!(r#"Bearer error="insufficient_scope", scope="{scope}""#)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sent_token_gets_an_error_code() {
        assert_eq!(BearerChallenge::TokenMissing.header_value(), "Bearer");
        let missing = BearerChallenge::InsufficientScope("b a".parse().unwrap());
        assert_eq!(
            (missing.status(), missing.header_value().as_str()),
            (403, r#"Bearer error="insufficient_scope", scope="a b""#)
        );
    }
}
