//! Which client a request is from, proved (OAuth 2.1 §2.4): at the token endpoint and wherever else clients call.
//!
//! A client has one way to prove who it is, and no other counts. Wrong secrets are limited for each client and network, so a
//! guesser shuts out nobody but themselves.

use std::net::IpAddr;

use aws_lc_rs::{constant_time, digest};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use sessionmint_oauth::assertion::{AssertionRefusal, UnverifiedAssertion};
use sessionmint_oauth::client_authentication::{Presented, Unreadable, presented};
use sessionmint_oauth::error::ErrorCode;
use sessionmint_oauth::form::Form;
use sessionmint_oauth::{ClientAuthentication, ClientId, OAuthClient, Timestamp, TokenRefusal};
use sessionmint_store::{AuditKind, AuditReason, By, ClientSecret, Mark, Purpose, StoreError};

use super::client_ip::client_ip_of;
use super::live::mark_hash;
use super::problem::OUTAGE_RETRY_SECS;
use crate::App;
use crate::client_keys::ClientKeysError;
use crate::keys::parsed_key;
use crate::login::throttle::RetryAfterSecs;
use crate::refusals::{About, Refused};

/// A client that proved who it is; or named itself, if it is a public one.
pub(super) struct AuthenticatedClient {
    /// As registered at this moment, and not disabled.
    pub(super) registered: OAuthClient,
}

/// A request that is from no client.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub(super) struct ClientRefused {
    pub(super) why: ClientError,
    /// Whether there was an `Authorization` header, which the answer then has to challenge.
    in_header: bool,
}

/// Why it is from none. To the caller all of those that are `invalid_client` are the same.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error("there is no such client")]
    Unknown,
    #[error("the client is disabled")]
    Disabled,
    #[error("the client proves who it is in another way")]
    OtherWay,
    #[error("the secret is none of the client's")]
    WrongSecret,
    #[error("the assertion proves nothing: {0}")]
    Assertion(#[from] AssertionRefusal),
    #[error("the assertion was used before")]
    AssertionUsed,
    #[error("the client's keys are out of reach: {0}")]
    Keys(#[from] ClientKeysError),
    #[error("this client was refused too often to this network")]
    Throttled { retry_after_secs: u64 },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Finds out which client it is. A refusal is counted, and recorded in the audit trail.
pub(super) async fn authenticate(
    app: &App,
    parts: &Parts,
    form: &Form<'_>,
    now: Timestamp,
) -> Result<AuthenticatedClient, ClientRefused> {
    let network = client_ip_of(parts, &app.config.trusted_proxies);
    let fields = parts.headers.get_all(header::AUTHORIZATION).iter();
    let read = presented(fields.map(HeaderValue::as_bytes), form);
    let way = read
        .as_ref()
        .map_or("unreadable", |read| read.way().as_str());
    let (result, client_id) = match read {
        Ok(read) => {
            let id = client_id(&read);
            let result = match read {
                Presented::Assertion { client_id, jwt } => {
                    signed(app, client_id, jwt, network, now).await
                }
                read => prove(app, &read, id.as_ref(), network, now).await,
            };
            (result, id)
        }
        Err(error) => (Err(error.into()), None),
    };
    let outcome = result
        .as_ref()
        .map_or_else(ClientError::outcome, |_| "authenticated");
    app.metrics.client_authentication(way, outcome);
    result.map_err(|why| {
        if let Some(reason) = why.audited() {
            app.refusals.count(Refused {
                kind: AuditKind::ClientRefused,
                reason: Some(reason),
                about: About::Nothing,
                at: now,
                network,
                client_id,
            });
        }
        ClientRefused {
            why,
            in_header: parts.headers.contains_key(header::AUTHORIZATION),
        }
    })
}

fn client_id(presented: &Presented<'_>) -> Option<ClientId> {
    match presented {
        Presented::Name(id) => id.parse().ok(),
        Presented::Secret { client_id, .. } => client_id.parse().ok(),
        Presented::Assertion { jwt, .. } => UnverifiedAssertion::parse(jwt).ok()?.client_id(),
    }
}

async fn prove(
    app: &App,
    presented: &Presented<'_>,
    id: Option<&ClientId>,
    network: IpAddr,
    now: Timestamp,
) -> Result<AuthenticatedClient, ClientError> {
    let id = id.ok_or(ClientError::Unknown)?;
    let client = app.store.oauth_client(id).await?;
    if let Presented::Secret { secret, .. } = presented {
        // Unknown clients too: their names are as good as others for a guesser's list.
        let secrets = app.store.client_secrets(id).await?;
        let attempt = app
            .client_throttle
            .begin(id.as_str(), network, now)
            .map_err(|RetryAfterSecs(retry_after_secs)| ClientError::Throttled {
                retry_after_secs,
            })?;
        if !is_one_of(secret, &secrets) {
            return Err(match client {
                Some(_) => ClientError::WrongSecret,
                None => ClientError::Unknown,
            });
        }
        app.client_throttle.succeeded(&attempt);
    }
    let registered = client.ok_or(ClientError::Unknown)?;
    enabled(registered, presented.way())
}

/// RFC 7523 §3. The assertion is used up when all else is right, so that nobody but the client can use one up.
async fn signed(
    app: &App,
    client_id: Option<&str>,
    jwt: &str,
    network: IpAddr,
    now: Timestamp,
) -> Result<AuthenticatedClient, ClientError> {
    let assertion = UnverifiedAssertion::parse(jwt).map_err(AssertionRefusal::from)?;
    let id = assertion.client_id().ok_or(ClientError::Unknown)?;
    if client_id.is_some_and(|named| named != id.as_str()) {
        return Err(Unreadable::OtherClient.into());
    }
    let registered = app.store.oauth_client(&id).await?;
    let client = enabled(
        registered.ok_or(ClientError::Unknown)?,
        ClientAuthentication::PrivateKeyJwt,
    )?;
    let keys = client.registered.keys.as_ref();
    let (kid, algorithm) = (assertion.kid(), assertion.algorithm());
    let key = app.client_keys.find(keys, kid, algorithm, now).await?;
    let key = key.ok_or(AssertionRefusal::Token(TokenRefusal::UnknownKey))?;
    let parsed = parsed_key(&key).ok_or(AssertionRefusal::Token(TokenRefusal::UnknownKey))?;
    let used = assertion
        .verify_with(key.algorithm, |message, signature| {
            parsed.verify_sig(message, signature).is_ok()
        })
        .map_err(AssertionRefusal::from)?
        .check(&id, app.config.issuer.as_str(), now)?;
    // No client's id has a zero byte, so no two clients share a text.
    let text = format!("{id}\0{}", used.jti);
    let by = By::client(id, now).from(network);
    let marked = app
        .store
        .mark(Purpose::ClientAssertion, mark_hash(&text), used.until, by);
    match marked.await? {
        Mark::First => Ok(client),
        Mark::Again => Err(ClientError::AssertionUsed),
    }
}

fn enabled(
    registered: OAuthClient,
    way: ClientAuthentication,
) -> Result<AuthenticatedClient, ClientError> {
    if registered.authentication != way {
        return Err(ClientError::OtherWay);
    }
    if registered.disabled_at.is_some() {
        return Err(ClientError::Disabled);
    }
    Ok(AuthenticatedClient { registered })
}

/// Compares in constant time, with all of them.
fn is_one_of(secret: &str, secrets: &[ClientSecret]) -> bool {
    let hash = digest::digest(&digest::SHA256, secret.as_bytes());
    let equal = |stored: &ClientSecret| {
        constant_time::verify_slices_are_equal(hash.as_ref(), &stored.hash).is_ok()
    };
    secrets
        .iter()
        .map(equal)
        .fold(false, |any, equal| any | equal)
}

impl ClientError {
    /// The word for it in the metrics.
    fn outcome(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::Unknown => "unknown_client",
            Self::Disabled => "disabled",
            Self::OtherWay => "other_way",
            Self::WrongSecret => "wrong_secret",
            Self::Assertion(_) => "assertion",
            Self::AssertionUsed => "assertion_used",
            Self::Keys(_) => "keys_unavailable",
            Self::Throttled { .. } => "throttled",
            Self::Store(_) => "unavailable",
        }
    }

    fn audited(&self) -> Option<AuditReason> {
        match self {
            Self::Unreadable(_) | Self::Store(_) | Self::Keys(_) => None,
            Self::Unknown
            | Self::OtherWay
            | Self::WrongSecret
            | Self::Assertion(_)
            | Self::AssertionUsed => Some(AuditReason::Rejected),
            Self::Disabled => Some(AuditReason::Disabled),
            Self::Throttled { .. } => Some(AuditReason::Throttled),
        }
    }
}

impl ClientRefused {
    pub(super) fn status_and_code(&self) -> (StatusCode, ErrorCode) {
        match &self.why {
            ClientError::Unreadable(
                Unreadable::SeveralWays | Unreadable::OtherClient | Unreadable::AssertionType,
            ) => (StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest),
            ClientError::Throttled { .. } => (StatusCode::TOO_MANY_REQUESTS, ErrorCode::SlowDown),
            ClientError::Store(_) | ClientError::Keys(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                ErrorCode::TemporarilyUnavailable,
            ),
            // HTTP has no 401 without a challenge, and only a header can be challenged.
            _ if self.in_header => (StatusCode::UNAUTHORIZED, ErrorCode::InvalidClient),
            _ => (StatusCode::BAD_REQUEST, ErrorCode::InvalidClient),
        }
    }

    pub(super) fn retry_after_secs(&self) -> Option<u64> {
        match &self.why {
            ClientError::Throttled { retry_after_secs } => Some(*retry_after_secs),
            ClientError::Store(_) | ClientError::Keys(_) => Some(OUTAGE_RETRY_SECS),
            _ => None,
        }
    }

    /// RFC 6749 §5.2: where the client tried a header, the answer names its scheme.
    pub(super) fn challenge(&self, headers: &mut HeaderMap) {
        if self.status_and_code().0 == StatusCode::UNAUTHORIZED {
            let basic = HeaderValue::from_static("Basic realm=\"oauth\", charset=\"UTF-8\"");
            headers.insert(header::WWW_AUTHENTICATE, basic);
        }
    }
}
