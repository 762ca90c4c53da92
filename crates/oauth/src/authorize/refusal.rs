//! What is told to a client whose request leads to no code.

use super::MAX_ECHOED_BYTES;
use crate::error::ErrorCode;
use crate::jwt::TokenRefusal;

/// A fault that the client is told at its redirect URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestRefusal {
    /// A parameter occurs twice.
    #[error("a parameter is included more than once")]
    Repeated,
    /// The client is not registered for the code flow.
    #[error("the client may not use this grant")]
    Grant,
    /// `response_type` is missing.
    #[error("response_type is missing")]
    ResponseTypeMissing,
    /// `response_type` is not `code`.
    #[error("response_type is code")]
    ResponseType,
    /// `response_mode` is not `query`.
    #[error("response_mode is query")]
    ResponseMode,
    /// The request is in an object (RFC 9101), which is not supported.
    #[error("request objects are not supported")]
    RequestObject,
    /// The request is at an address (RFC 9101), which is not supported.
    #[error("request_uri is not supported")]
    RequestUri,
    /// The client wants to register along the way, which is not supported.
    #[error("registration is not supported")]
    Registration,
    /// There is no challenge.
    #[error("code_challenge is missing: PKCE is required")]
    ChallengeMissing,
    /// The challenge is malformed.
    #[error("code_challenge is the base64url of a SHA-256, 43 characters")]
    Challenge,
    /// The method is not `S256`; absent is `plain`.
    #[error("code_challenge_method is S256")]
    ChallengeMethod,
    /// `state` or `nonce` is too long to keep, or not text.
    #[error("state and nonce are text of at most {MAX_ECHOED_BYTES} bytes")]
    Echoed,
    /// `scope` is malformed.
    #[error("scope is words of printable ASCII separated by single spaces")]
    MalformedScope,
    /// `scope` has a word that the client may not ask for.
    #[error("the client may not ask for this scope")]
    ScopeBeyondClient,
    /// `resource` is none of the client's.
    #[error("the client may not ask for this resource")]
    ResourceBeyondClient,
    /// `prompt` has an unknown word, or `none` among others.
    #[error("prompt is none, or one or both of login and consent")]
    Prompt,
    /// `id_token_hint` cannot be taken.
    #[error(
        "id_token_hint is no ID token that this service gave this client and still has the key of: {0}"
    )]
    Hint(TokenRefusal),
    /// `max_age` is no number of seconds.
    #[error("max_age is a number of whole seconds")]
    MaxAge,
    /// `prompt=none`, but the user would have to sign in.
    #[error("the user is not signed in, or not recently enough, or is another one")]
    LoginRequired,
    /// `prompt=none`, but the user would have to agree.
    #[error("the user has to agree first")]
    ConsentRequired,
    /// The user does not agree.
    #[error("the user does not agree")]
    Denied,
}

impl RequestRefusal {
    /// The `error` parameter of the response.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::Repeated
            | Self::ResponseTypeMissing
            | Self::ResponseMode
            | Self::ChallengeMissing
            | Self::Challenge
            | Self::ChallengeMethod
            | Self::Echoed
            | Self::Prompt
            | Self::Hint(_)
            | Self::MaxAge => ErrorCode::InvalidRequest,
            Self::Grant => ErrorCode::UnauthorizedClient,
            Self::ResponseType => ErrorCode::UnsupportedResponseType,
            Self::RequestObject => ErrorCode::RequestNotSupported,
            Self::RequestUri => ErrorCode::RequestUriNotSupported,
            Self::Registration => ErrorCode::RegistrationNotSupported,
            Self::MalformedScope | Self::ScopeBeyondClient => ErrorCode::InvalidScope,
            Self::ResourceBeyondClient => ErrorCode::InvalidTarget,
            Self::LoginRequired => ErrorCode::LoginRequired,
            Self::ConsentRequired => ErrorCode::ConsentRequired,
            Self::Denied => ErrorCode::AccessDenied,
        }
    }
}
