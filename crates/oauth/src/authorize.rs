//! The authorization code flow (RFC 6749 §4.1 with RFC 7636, RFC 9700 and OpenID Connect Core §3.1), as decisions.
//!
//! [`Asked`] reads a request and says whether what is wrong with it may be told to the client at its redirect URI or only to
//! the user on a page; [`decide_interaction`] says what the user has to do before there is a code; [`redeem`] holds a
//! presented code against what it was issued for.

mod code;
mod interaction;
mod refusal;
mod request;
mod response;

pub use code::{CodeRefusal, IssuedCode, MAX_CODE_SECS, Presented, RedeemDecision, redeem};
pub use interaction::{
    Consent, Interaction, SignedIn, decide_interaction, grantable, is_known, is_meant,
};
pub use refusal::RequestRefusal;
pub use request::{Asked, AuthorizationRequest, MAX_ECHOED_BYTES, PageError, Prompt, ReturnTo};
pub use response::{error_location, granted_location};

/// Seconds that a user has from the request to the last click.
pub const REQUEST_SECS: u64 = 600;

/// OpenID Connect's mark of a request, without which there is no ID token.
pub const OPENID: &str = "openid";

/// Asks for the name of the user (OpenID Connect Core §5.4).
pub const PROFILE: &str = "profile";

/// Asks for access that outlives the session (OpenID Connect Core §11).
pub const OFFLINE_ACCESS: &str = "offline_access";

#[cfg(test)]
mod tests;
