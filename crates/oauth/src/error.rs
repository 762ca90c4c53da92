//! OAuth error answers (RFC 6749 §5.2, RFC 8707 §2).

use std::borrow::Cow;

use serde::Serialize;

/// The `error` member of an answer of an OAuth endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// Malformed, or a parameter is missing, repeated or invalid.
    InvalidRequest,
    /// The client did not prove who it is.
    InvalidClient,
    /// This client may not use this grant.
    UnauthorizedClient,
    /// The service does not know this grant.
    UnsupportedGrantType,
    /// The code or token is not good, or not for this client (RFC 6749 §5.2).
    InvalidGrant,
    /// The authorization endpoint gives codes only (RFC 6749 §4.1.2.1).
    UnsupportedResponseType,
    /// The scope is malformed or more than the client may have.
    InvalidScope,
    /// The resource is none of the client's (RFC 8707 §2).
    InvalidTarget,
    /// There is no live session: the user has to sign in (the code that OpenID Connect gave this case).
    LoginRequired,
    /// The user has to agree first (OpenID Connect Core §3.1.2.6).
    ConsentRequired,
    /// Request objects are not supported (OpenID Connect Core §3.1.2.6).
    RequestNotSupported,
    /// Requests by reference are not supported (OpenID Connect Core §3.1.2.6).
    RequestUriNotSupported,
    /// Clients cannot register in a request (OpenID Connect Core §3.1.2.6).
    RegistrationNotSupported,
    /// The caller's origin may not use this endpoint, or the user does not agree.
    AccessDenied,
    /// Too many requests for this session (RFC 8628 §3.5).
    SlowDown,
    /// Something that the service depends on is down. The session is not affected.
    TemporarilyUnavailable,
}

impl ErrorCode {
    /// The code as it appears on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidGrant => "invalid_grant",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::RegistrationNotSupported => "registration_not_supported",
            Self::AccessDenied => "access_denied",
            Self::SlowDown => "slow_down",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
        }
    }
}

/// The JSON body of an error answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ErrorBody {
    error: ErrorCode,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_description: Option<Cow<'static, str>>,
}

impl ErrorBody {
    /// The code alone.
    pub fn new(error: ErrorCode) -> Self {
        Self {
            error,
            error_description: None,
        }
    }

    /// With a sentence for developers. Characters that RFC 6749 §5.2 does not allow there become `?`.
    #[must_use]
    pub fn describe(self, description: impl Into<Cow<'static, str>>) -> Self {
        Self {
            error_description: Some(allowed_characters(description.into())),
            ..self
        }
    }
}

fn allowed_characters(text: Cow<'static, str>) -> Cow<'static, str> {
    let allowed = |c: char| matches!(c, '\x20'..='\x21' | '\x23'..='\x5B' | '\x5D'..='\x7E');
    if text.chars().all(allowed) {
        text
    } else {
        Cow::Owned(
            text.chars()
                .map(|c| if allowed(c) { c } else { '?' })
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_as_in_the_rfc() {
        let body = serde_json::to_value(
            ErrorBody::new(ErrorCode::InvalidScope).describe("beyond the client"),
        )
        .unwrap();
        assert_eq!(
            body,
            serde_json::json!({"error": "invalid_scope", "error_description": "beyond the client"})
        );
        let body = serde_json::to_string(&ErrorBody::new(ErrorCode::LoginRequired)).unwrap();
        assert_eq!(body, r#"{"error":"login_required"}"#);
    }

    #[test]
    fn the_two_spellings_of_a_code_agree() {
        for code in [
            ErrorCode::InvalidRequest,
            ErrorCode::InvalidClient,
            ErrorCode::UnauthorizedClient,
            ErrorCode::UnsupportedGrantType,
            ErrorCode::InvalidGrant,
            ErrorCode::UnsupportedResponseType,
            ErrorCode::InvalidScope,
            ErrorCode::InvalidTarget,
            ErrorCode::LoginRequired,
            ErrorCode::ConsentRequired,
            ErrorCode::RequestNotSupported,
            ErrorCode::RequestUriNotSupported,
            ErrorCode::RegistrationNotSupported,
            ErrorCode::AccessDenied,
            ErrorCode::SlowDown,
            ErrorCode::TemporarilyUnavailable,
        ] {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }

    #[test]
    fn c032_a_description_has_only_the_allowed_characters() {
        let body = ErrorBody::new(ErrorCode::InvalidRequest)
            .describe("a \"quoted\\\" ü\r\nline".to_owned());
        assert_eq!(
            body.error_description.as_deref(),
            Some("a ?quoted?? ???line")
        );
    }
}
