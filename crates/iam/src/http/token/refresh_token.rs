//! A client renews what a user granted it (RFC 6749 §6, RFC 8707 §2.2): for each request an access token of its own, within
//! the grant. What becomes of the refresh token is in [`crate::renewal`].

use axum::http::request::Parts;
use sessionmint_oauth::asked::{Asked, Beyond, Granted, Limits};
use sessionmint_oauth::authorize::grantable;
use sessionmint_oauth::form::Form;
use sessionmint_oauth::rotation::expires_at;
use sessionmint_oauth::{OAuthClient, Timestamp};
use sessionmint_store::{By, Grant};

use super::{AccessToken, LogLine, TokenAnswer, TokenError, issue};
use crate::App;
use crate::http::client_authentication::AuthenticatedClient;
use crate::http::client_ip::client_ip_of;
use crate::renewal::{NotRenewed, Renewed, renew};

pub(super) async fn grant(
    app: &App,
    parts: &Parts,
    client: &AuthenticatedClient,
    form: &Form<'_>,
    now: Timestamp,
    line: &mut LogLine,
) -> Result<TokenAnswer, TokenError> {
    let client = &client.registered;
    let token = form
        .get("refresh_token")
        .ok_or(TokenError::Missing("refresh_token"))?;
    let asked = Asked::from_form(form)?;
    let by = By::service(now)
        .through(client.client_id.clone())
        .from(client_ip_of(parts, &app.config.trusted_proxies));
    let within = |grant: &Grant| within(client, grant, asked.clone());
    let result = renew(app, client, token, now, &by, within).await;
    app.metrics.refresh(how(&result));
    let (renewed, granted) = result?;
    let grant = line.renewed.insert(renewed);
    let expires_at = expires_at(client.ttl, grant.grant.absolute_end, now);
    let token = AccessToken {
        subject: grant.grant.user_id.as_str(),
        audience: &granted.audience,
        scope: &granted.scope,
        expires_in: u64::try_from(expires_at.saturating_sub(now.secs())).unwrap_or(0),
        session: grant.grant.session_id.as_ref(),
        auth_time: Some(grant.grant.auth_time),
        grant: Some(&grant.grant.id),
        act: None,
    };
    let answer = issue(app, client, &token, now)?;
    let refresh_token = grant.refresh_token.as_ref();
    Ok(TokenAnswer {
        refresh_token: refresh_token.map(|token| token.as_str().to_owned()),
        ..answer
    })
}

/// What is granted of what is asked for: never more than the user granted, nor than the client and the user may have by now.
fn within(client: &OAuthClient, grant: &Grant, asked: Asked) -> Result<Granted, TokenError> {
    let mut resources = grant.resources.clone();
    resources.retain(|resource| client.resources.contains(resource));
    let first = resources.first().ok_or(Beyond::Resource)?;
    let default_resource = if resources.contains(&client.default_resource) {
        &client.default_resource
    } else {
        first
    };
    let scopes = grant.scopes.intersection(&client.scopes);
    let granted = asked.within(Limits {
        resources: &resources,
        default_resource,
        scopes: &scopes,
        default_scopes: &scopes,
    })?;
    Ok(match &grant.user_scopes {
        Some(allowed) => Granted {
            scope: grantable(&granted.scope, allowed),
            ..granted
        },
        None => granted,
    })
}

/// The word for it in the metrics.
fn how(result: &Result<(Renewed, Granted), TokenError>) -> &'static str {
    match result {
        Ok((renewed, _)) => renewed.how,
        Err(TokenError::Renewal(error)) => error.as_str(),
        Err(_) => "beyond_grant",
    }
}

impl From<NotRenewed> for TokenError {
    fn from(error: NotRenewed) -> Self {
        match error {
            NotRenewed::Store(error) => Self::Store(error),
            NotRenewed::Random(error) => Self::Random(error),
            other => Self::Renewal(other),
        }
    }
}
