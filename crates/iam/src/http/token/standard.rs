//! The grants of the standard: who the client is, whether it may use the grant, and which file carries that out.

use axum::http::request::Parts;
use sessionmint_oauth::GrantType;
use sessionmint_oauth::form::Form;

use super::{
    LogLine, Minted, TokenError, authorization_code, client_credentials, refresh_token,
    token_exchange,
};
use crate::App;
use crate::http::client_authentication::authenticate;
use crate::http::client_ip::client_ip_of;

/// The name in the log and the metrics.
pub(super) fn label(kind: GrantType) -> &'static str {
    match kind {
        GrantType::TokenExchange => "token_exchange",
        other => other.as_str(),
    }
}

/// Answers a request of this kind. The client is known before anything else is looked at, so that nobody else's request
/// has an effect on what the request carries.
pub(super) async fn grant(
    app: &App,
    parts: &Parts,
    form: &Form<'_>,
    kind: GrantType,
    line: &mut LogLine,
) -> Result<Minted, TokenError> {
    let now = app.clock.now();
    let client = authenticate(app, parts, form, now).await?;
    line.client_id = Some(client.registered.client_id.clone());
    if !client.registered.may(kind) {
        return Err(TokenError::GrantNotAllowed);
    }
    let answer = match kind {
        GrantType::ClientCredentials => client_credentials::grant(app, &client, form, now)?,
        GrantType::AuthorizationCode if app.config.authorize.is_some() => {
            let network = client_ip_of(parts, &app.config.trusted_proxies);
            authorization_code::grant(app, &client, form, network, now).await?
        }
        GrantType::TokenExchange => {
            let network = client_ip_of(parts, &app.config.trusted_proxies);
            token_exchange::grant(app, &client, form, network, now).await?
        }
        GrantType::RefreshToken => {
            refresh_token::grant(app, parts, &client, form, now, line).await?
        }
        GrantType::AuthorizationCode => {
            return Err(TokenError::GrantUnknown);
        }
    };
    Ok(Minted {
        expires_in: answer.expires_in,
        json: serde_json::to_string(&answer).map_err(|_| crate::keys::SigningError)?,
    })
}
