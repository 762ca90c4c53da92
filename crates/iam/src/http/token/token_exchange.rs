//! A service gets a token to act on behalf of the user whose token it was called with (RFC 8693).

use std::net::IpAddr;

use sessionmint_oauth::exchange::{ACCESS_TOKEN, ExchangeRequest, Refusal};
use sessionmint_oauth::form::Form;
use sessionmint_oauth::{SessionId, Timestamp};
use sessionmint_store::AuditKind;

use super::{AccessToken, TokenAnswer, TokenError, issue};
use crate::App;
use crate::http::client_authentication::AuthenticatedClient;
use crate::http::live::live;
use crate::refusals::{About, Refused};

pub(super) async fn grant(
    app: &App,
    client: &AuthenticatedClient,
    form: &Form<'_>,
    network: IpAddr,
    now: Timestamp,
) -> Result<TokenAnswer, TokenError> {
    let client = &client.registered;
    // Registration forbids it as well: a name proves nothing.
    if client.is_public() {
        return Err(TokenError::GrantNotAllowed);
    }
    let request = ExchangeRequest::from_form(form)?;
    let subject = live(app, request.subject_token, &client.resources, now).await?;
    let subject = subject.ok_or(Refusal::NotLive)?;
    let user_id = subject.user().ok_or(Refusal::NotAUser)?;
    let user = app.store.user(&user_id).await?.ok_or(Refusal::NotLive)?;
    let exchanged = request.decide(&subject, client, user.scopes.as_ref(), now)?;
    let session: Option<SessionId> = subject.sid.as_deref().and_then(|sid| sid.parse().ok());
    let token = AccessToken {
        subject: &subject.sub,
        audience: &exchanged.granted.audience,
        scope: &exchanged.granted.scope,
        expires_in: exchanged.expires_in,
        session: session.as_ref(),
        auth_time: subject.auth_time.map(Timestamp::from_secs),
        grant: subject.gid.as_ref(),
        act: Some(&exchanged.act),
    };
    let answer = issue(app, client, &token, now)?;
    tracing::info!(client_id = %client.client_id, user = %user_id, audience = exchanged.granted.audience,
        "a client acts on behalf of a user");
    app.refusals.count(Refused {
        kind: AuditKind::TokenExchanged,
        reason: None,
        about: About::OnBehalfOf(user_id),
        at: now,
        network,
        client_id: Some(client.client_id.clone()),
    });
    Ok(TokenAnswer {
        issued_token_type: Some(ACCESS_TOKEN),
        ..answer
    })
}
