//! `POST /oauth/token`: access tokens. Enabled is the session grant, which mints from the session cookie.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sessionmint_oauth::error::{ErrorBody, ErrorCode};
use sessionmint_oauth::form::{Form, InvalidForm, is_media_type};
use sessionmint_oauth::session_grant::{self, Mint, Refusal, SessionGrantRequest, SessionRow};
use sessionmint_oauth::{ClaimsToSign, ClientId, SessionKeyHash, Timestamp};
use sessionmint_store::{AuditKind, Change, Session, StoreError};
use tracing::field::display;

use super::body::{self, BodyError};
use super::caller::{Caller, NotAllowed};
use super::client_ip::client_ip_of;
use super::problem::OUTAGE_RETRY_SECS;
use super::{answer, cookie};
use crate::App;
use crate::keys::SigningError;
use crate::random::{self, RandomError};
use crate::refusals::{About, Refused};

/// Grants of OAuth that exist, but that no browser client may use.
const GRANTS_OF_OTHER_CLIENTS: [&str; 5] = [
    "authorization_code",
    "refresh_token",
    "client_credentials",
    "urn:ietf:params:oauth:grant-type:token-exchange",
    "urn:ietf:params:oauth:grant-type:device_code",
];

/// The answer to a mint.
struct Minted {
    json: String,
    expires_in: u64,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
enum TokenError {
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    #[error("the content type is not application/x-www-form-urlencoded")]
    UnsupportedMediaType,
    #[error("parameters belong in the body, not in the address")]
    Query,
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error(transparent)]
    Form(#[from] InvalidForm),
    #[error("grant_type is missing")]
    GrantMissing,
    #[error("this grant is not for browser clients")]
    GrantOfOtherClients,
    #[error("this grant is not known")]
    GrantUnknown,
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("too many tokens for this session")]
    Throttled { retry_after_secs: u64 },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Random(#[from] RandomError),
    #[error(transparent)]
    Signing(#[from] SigningError),
}

/// What the one log line of a request says beside its outcome.
#[derive(Default)]
struct LogLine {
    other_grant: bool,
    session: Option<Arc<Session>>,
}

/// The handler: carries out, logs once, answers.
pub(super) async fn mint(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Response {
    let mut line = LogLine::default();
    let result = grant(&app, &caller, request, &mut line).await;
    line.write(&caller, &result);
    app.metrics.token_answer(line.grant(), outcome(&result));
    match result {
        Ok(minted) => answer::json_text(StatusCode::OK, minted.json),
        Err(error) => error.into_response(),
    }
}

/// The guards come before the body, and the body before the cookie, so that a refusal tells nothing of a session.
async fn grant(
    app: &App,
    caller: &Caller,
    request: Request,
    line: &mut LogLine,
) -> Result<Minted, TokenError> {
    let (parts, body) = request.into_parts();
    if !matches!(caller, Caller::NoOrigin) {
        caller.client()?;
    }
    if parts.uri.query().is_some_and(|query| !query.is_empty()) {
        return Err(TokenError::Query);
    }
    let content_type = parts
        .headers
        .get(header::CONTENT_TYPE)
        .map_or(&b""[..], HeaderValue::as_bytes);
    if !is_media_type(content_type, "application/x-www-form-urlencoded") {
        return Err(TokenError::UnsupportedMediaType);
    }
    let body = body::read(body).await?;
    let form = Form::parse(&body)?;
    let grant_type = form.get("grant_type").ok_or(TokenError::GrantMissing)?;
    if grant_type == session_grant::GRANT_TYPE || grant_type == session_grant::GRANT_TYPE_URN {
        let minted = from_session(app, caller, &parts.headers, &form, line).await;
        if matches!(minted, Err(TokenError::Refused(Refusal::LoginRequired)))
            && cookie::is_ambiguous(&parts.headers)
        {
            app.refusals.count(Refused {
                kind: AuditKind::CookieRefused,
                reason: None,
                about: About::Nothing,
                at: app.clock.now(),
                network: client_ip_of(&parts, &app.config.trusted_proxies),
                client_id: caller.client_id().cloned(),
            });
        }
        return minted;
    }
    line.other_grant = true;
    if matches!(caller, Caller::Client(_)) && GRANTS_OF_OTHER_CLIENTS.contains(&grant_type) {
        Err(TokenError::GrantOfOtherClients)
    } else {
        Err(TokenError::GrantUnknown)
    }
}

async fn from_session(
    app: &App,
    caller: &Caller,
    headers: &HeaderMap,
    form: &Form<'_>,
    line: &mut LogLine,
) -> Result<Minted, TokenError> {
    let client = caller.client()?;
    let authorized = SessionGrantRequest::from_form(form)?.authorize(client)?;
    // In this order: a sign-out that was acknowledged before this moment is seen by the read that follows.
    let now = app.clock.now();
    let (key, session) = live_session(app, headers)
        .await?
        .ok_or(Refusal::LoginRequired)?;
    let session = line.session.insert(session);
    app.skew.look(session.auth_time, now);
    let row = SessionRow {
        times: session.times(),
        user_scopes: session.user_scopes.as_ref(),
    };
    let mint = authorized.decide(Some(row), app.session_policy(), now)?;
    app.mint_limits
        .count(&key, now)
        .map_err(|retry_after_secs| TokenError::Throttled { retry_after_secs })?;
    if let Some(at) = mint.touch
        && app.store.touch_session(&key, at).await? == Change::NotFound
    {
        return Err(Refusal::LoginRequired.into());
    }
    sign(app, &client.client_id, session, &mint, now)
}

async fn live_session(
    app: &App,
    headers: &HeaderMap,
) -> Result<Option<(SessionKeyHash, Arc<Session>)>, StoreError> {
    let Some(key) = cookie::session_key_hash(headers) else {
        return Ok(None);
    };
    Ok(app.store.session(&key).await?.map(|session| (key, session)))
}

fn sign(
    app: &App,
    client_id: &ClientId,
    session: &Session,
    mint: &Mint,
    now: Timestamp,
) -> Result<Minted, TokenError> {
    let claims = ClaimsToSign {
        iss: app.config.issuer.as_str(),
        sub: session.user_id.as_str(),
        aud: &mint.audience,
        exp: mint.expires_at,
        iat: mint.issued_at,
        jti: &URL_SAFE_NO_PAD.encode(random::bytes::<16>(&*app.random)?),
        client_id: client_id.as_str(),
        sid: Some(session.id.as_str()),
        auth_time: Some(session.auth_time.secs()),
        scope: mint.scope.as_str(),
    };
    let mut json = String::with_capacity(answer::USUAL_BYTES);
    json.push_str(r#"{"access_token":""#);
    app.keys.sign(&claims, now, &mut json)?;
    answer_rest(&mut json, mint);
    Ok(Minted {
        json,
        expires_in: mint.expires_in,
    })
}

/// RFC 6749 §5.1, without a refresh token. Nothing in it needs an escape: a token is base64url, and a scope has neither
/// `"` nor `\` (§3.3).
fn answer_rest(json: &mut String, mint: &Mint) {
    json.push_str(r#"","token_type":"Bearer","expires_in":"#);
    json.push_str(&mint.expires_in.to_string());
    json.push_str(r#","scope":""#);
    json.push_str(mint.scope.as_str());
    json.push_str(r#"","session_expires_in":"#);
    json.push_str(&mint.session_expires_in.to_string());
    json.push('}');
}

impl TokenError {
    fn status_and_code(&self) -> (StatusCode, ErrorCode) {
        let bad = StatusCode::BAD_REQUEST;
        match self {
            Self::NotAllowed(NotAllowed::Unavailable)
            | Self::Store(_)
            | Self::Random(_)
            | Self::Signing(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                ErrorCode::TemporarilyUnavailable,
            ),
            Self::NotAllowed(
                NotAllowed::NoOrigin
                | NotAllowed::Origin(_)
                | NotAllowed::OwnOrigin
                | NotAllowed::NotFetch,
            ) => (StatusCode::FORBIDDEN, ErrorCode::AccessDenied),
            Self::UnsupportedMediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                ErrorCode::InvalidRequest,
            ),
            Self::Body(BodyError::TooLarge) => {
                (StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::InvalidRequest)
            }
            Self::Body(BodyError::TooSlow) => {
                (StatusCode::REQUEST_TIMEOUT, ErrorCode::InvalidRequest)
            }
            Self::Form(InvalidForm::SecondResource) => (bad, ErrorCode::InvalidTarget),
            Self::Query
            | Self::Body(BodyError::Broken)
            | Self::Form(InvalidForm::Duplicate | InvalidForm::TooMany)
            | Self::GrantMissing => (bad, ErrorCode::InvalidRequest),
            Self::GrantOfOtherClients => (bad, ErrorCode::UnauthorizedClient),
            Self::GrantUnknown => (bad, ErrorCode::UnsupportedGrantType),
            Self::Refused(Refusal::LoginRequired) => {
                (StatusCode::UNAUTHORIZED, ErrorCode::LoginRequired)
            }
            Self::Refused(refusal) => (bad, refusal.code()),
            Self::Throttled { .. } => (StatusCode::TOO_MANY_REQUESTS, ErrorCode::SlowDown),
        }
    }

    /// What the caller may read: nothing of causes, and `{"error":"login_required"}` exactly, which clients act on.
    fn body(&self, code: ErrorCode) -> ErrorBody {
        match code {
            ErrorCode::LoginRequired
            | ErrorCode::TemporarilyUnavailable
            | ErrorCode::AccessDenied => ErrorBody::new(code),
            _ => ErrorBody::new(code).describe(self.to_string()),
        }
    }

    fn retry_after_secs(&self, code: ErrorCode) -> Option<u64> {
        match self {
            Self::Throttled { retry_after_secs } => Some(*retry_after_secs),
            _ => (code == ErrorCode::TemporarilyUnavailable).then_some(OUTAGE_RETRY_SECS),
        }
    }
}

impl IntoResponse for TokenError {
    fn into_response(self) -> Response {
        let (status, code) = self.status_and_code();
        let mut response = answer::json(status, &self.body(code));
        if code == ErrorCode::LoginRequired {
            response.headers_mut().insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Session"),
            );
        }
        if let Some(secs) = self.retry_after_secs(code) {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, secs.into());
        }
        response
    }
}

/// The word for it in the log and the metrics.
fn outcome(result: &Result<Minted, TokenError>) -> &'static str {
    match result {
        Ok(_) => "minted",
        Err(error) => error.outcome(),
    }
}

impl LogLine {
    fn grant(&self) -> &'static str {
        if self.other_grant { "other" } else { "session" }
    }

    /// One line, with fields that `grep` finds as `grant=session` and `outcome=minted`.
    fn write(&self, caller: &Caller, result: &Result<Minted, TokenError>) {
        let grant = display(self.grant());
        let outcome = display(outcome(result));
        let client_id = caller.client_id().map(display);
        let sid = self.session.as_ref().map(|session| display(&session.id));
        let error = match result {
            Ok(minted) => {
                tracing::info!(
                    grant,
                    outcome,
                    client_id,
                    sid,
                    expires_in_secs = minted.expires_in,
                    "token"
                );
                return;
            }
            Err(error) => error,
        };
        match error {
            TokenError::NotAllowed(_) | TokenError::Throttled { .. } => {
                tracing::warn!(grant, outcome, client_id, sid, cause = %error, "token");
            }
            TokenError::Store(_) | TokenError::Random(_) | TokenError::Signing(_) => {
                tracing::error!(grant, outcome, client_id, sid, cause = %error, "token");
            }
            _ => tracing::info!(grant, outcome, client_id, sid, cause = %error, "token"),
        }
    }
}

impl TokenError {
    fn outcome(&self) -> &'static str {
        match self {
            Self::NotAllowed(
                NotAllowed::NoOrigin | NotAllowed::Origin(_) | NotAllowed::OwnOrigin,
            ) => "origin_refused",
            Self::NotAllowed(NotAllowed::NotFetch) => "fetch_refused",
            Self::Throttled { .. } => "throttled",
            _ => self.status_and_code().1.as_str(),
        }
    }
}
