//! A client gets a token for itself (RFC 6749 §4.4): no user, no session, no refresh token.

use sessionmint_oauth::Timestamp;
use sessionmint_oauth::asked::{Asked, Limits};
use sessionmint_oauth::form::Form;

use super::{AccessToken, TokenAnswer, TokenError, issue};
use crate::App;
use crate::http::client_authentication::AuthenticatedClient;

pub(super) fn grant(
    app: &App,
    client: &AuthenticatedClient,
    form: &Form<'_>,
    now: Timestamp,
) -> Result<TokenAnswer, TokenError> {
    let client = &client.registered;
    // Registration forbids it as well: a name proves nothing.
    if client.is_public() {
        return Err(TokenError::GrantNotAllowed);
    }
    let granted = Asked::from_form(form)?.within(Limits::from(client))?;
    let token = AccessToken {
        subject: client.subject.as_str(),
        audience: &granted.audience,
        scope: &granted.scope,
        expires_in: client.ttl,
        session: None,
        auth_time: None,
        grant: None,
        act: None,
    };
    issue(app, client, &token, now)
}
