//! What the grants of the standard hand out.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sessionmint_oauth::{
    ActingParty, ClaimsToSign, GrantClaims, GrantId, OAuthClient, Scope, SessionId, Timestamp,
};

use super::TokenError;
use crate::App;
use crate::random;

/// An access token to be issued; see [`AccessTokenClaims`](sessionmint_oauth::AccessTokenClaims).
pub(in crate::http) struct AccessToken<'a> {
    /// `sub`
    pub(in crate::http) subject: &'a str,
    /// `aud`
    pub(in crate::http) audience: &'a str,
    /// `scope`
    pub(in crate::http) scope: &'a Scope,
    /// Seconds that it lives.
    pub(in crate::http) expires_in: u64,
    /// `sid`
    pub(in crate::http) session: Option<&'a SessionId>,
    /// `auth_time`
    pub(in crate::http) auth_time: Option<Timestamp>,
    /// `gid`
    pub(in crate::http) grant: Option<&'a GrantId>,
    /// `act`
    pub(in crate::http) act: Option<&'a ActingParty>,
}

/// The answer of the token endpoint (RFC 6749 §5.1).
#[derive(Serialize)]
pub(in crate::http) struct TokenAnswer {
    pub(in crate::http) access_token: String,
    pub(in crate::http) token_type: &'static str,
    pub(in crate::http) expires_in: u64,
    pub(in crate::http) scope: Scope,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) refresh_token: Option<String>,
    /// OpenID Connect Core §3.1.3.3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) id_token: Option<String>,
    /// RFC 8693 §2.2.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) issued_token_type: Option<&'static str>,
}

/// Signs it; the answer has nothing beside it yet.
pub(in crate::http) fn issue(
    app: &App,
    client: &OAuthClient,
    token: &AccessToken<'_>,
    now: Timestamp,
) -> Result<TokenAnswer, TokenError> {
    let claims = GrantClaims {
        common: ClaimsToSign {
            iss: app.config.issuer.as_str(),
            sub: token.subject,
            aud: token.audience,
            exp: now.plus_secs(token.expires_in).secs(),
            iat: now.secs(),
            jti: &URL_SAFE_NO_PAD.encode(random::bytes::<16>(&*app.random)?),
            client_id: client.client_id.as_str(),
            sid: token.session.map(SessionId::as_str),
            auth_time: token.auth_time.map(Timestamp::secs),
            scope: token.scope.as_str(),
        },
        gid: token.grant,
        act: token.act,
    };
    let mut access_token = String::new();
    app.keys.sign(&claims, now, &mut access_token)?;
    Ok(TokenAnswer {
        access_token,
        token_type: "Bearer",
        expires_in: token.expires_in,
        scope: token.scope.clone(),
        refresh_token: None,
        id_token: None,
        issued_token_type: None,
    })
}
