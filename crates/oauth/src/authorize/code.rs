//! Holding a presented code against what it was issued for (RFC 6749 §4.1.3, RFC 7636 §4.6, RFC 9700 §2.1.1).

use super::AuthorizationRequest;
use crate::error::ErrorCode;
use crate::{OAuthClient, Timestamp};

/// Seconds that a code is good for.
pub const MAX_CODE_SECS: u64 = 60;

/// A code as it was issued.
#[derive(Clone, Copy, Debug)]
pub struct IssuedCode<'a> {
    /// What it answers.
    pub request: &'a AuthorizationRequest,
    /// Good before then.
    pub expires_at: Timestamp,
    /// Whether it was redeemed before.
    pub redeemed: bool,
}

/// What a token request says.
#[derive(Clone, Copy, Debug)]
pub struct Presented<'a> {
    /// The client as it is registered now, which proved who it is if it can.
    pub client: &'a OAuthClient,
    /// `redirect_uri`.
    pub redirect_uri: Option<&'a str>,
    /// The SHA-256 of `code_verifier`, if there is one in the form of one.
    pub verifier_sha256: Option<[u8; 32]>,
    /// `resource`.
    pub resource: Option<&'a str>,
}

/// Why a code is not redeemed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeRefusal {
    /// There is no such code, or it is another client's.
    #[error("the code is not good")]
    Unknown,
    /// `redirect_uri` is not that of the request.
    #[error("redirect_uri is not that of the authorization request")]
    RedirectUri,
    /// `code_verifier` is missing, malformed, or does not answer the challenge.
    #[error("code_verifier does not answer the challenge")]
    Verifier,
    /// It is older than [`MAX_CODE_SECS`].
    #[error("the code is not good any more")]
    Expired,
    /// It was redeemed before.
    #[error("the code was redeemed before")]
    Replayed,
    /// The client's registration changed since, so that it could not make the request any more.
    #[error("the client may not make this authorization request any more")]
    Changed,
    /// `resource` is none that the user granted.
    #[error("this resource was not asked for in the authorization request")]
    Resource,
}

impl CodeRefusal {
    /// The `error` member of the answer.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::Resource => ErrorCode::InvalidTarget,
            Self::Unknown
            | Self::RedirectUri
            | Self::Verifier
            | Self::Expired
            | Self::Replayed
            | Self::Changed => ErrorCode::InvalidGrant,
        }
    }
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedeemDecision {
    /// Spend the code; the token is for this audience.
    Redeem {
        /// `aud`.
        audience: String,
    },
    /// It was spent before, and whoever presents it again knows the verifier: revoke what came of it (§4.1.2).
    Revoke,
    /// Nothing happens; whoever does not know the verifier can do the user no harm.
    Refuse(CodeRefusal),
}

/// Decides at `now`. Everything that binds the code comes before what a repetition does.
pub fn redeem(
    issued: Option<IssuedCode<'_>>,
    presented: Presented<'_>,
    now: Timestamp,
) -> RedeemDecision {
    let Some(issued) = issued else {
        return RedeemDecision::Refuse(CodeRefusal::Unknown);
    };
    let request = issued.request;
    let answers = |hash: &[u8; 32]| request.challenge.is_answered_by(hash);
    let refusal = if request.client_id != presented.client.client_id {
        CodeRefusal::Unknown
    } else if presented.redirect_uri != Some(request.redirect_uri.as_str()) {
        CodeRefusal::RedirectUri
    } else if !presented.verifier_sha256.as_ref().is_some_and(answers) {
        CodeRefusal::Verifier
    } else if issued.redeemed {
        return RedeemDecision::Revoke;
    } else if now >= issued.expires_at {
        CodeRefusal::Expired
    } else if !request.is_allowed(presented.client) {
        CodeRefusal::Changed
    } else {
        let audience = request.resources.iter().find(|granted| {
            presented
                .resource
                .is_none_or(|asked| asked == granted.as_str())
        });
        return match audience {
            Some(audience) => RedeemDecision::Redeem {
                audience: audience.clone(),
            },
            None => RedeemDecision::Refuse(CodeRefusal::Resource),
        };
    };
    RedeemDecision::Refuse(refusal)
}
