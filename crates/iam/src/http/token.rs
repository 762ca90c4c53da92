//! `POST /oauth/token`: access tokens. The session grant mints from the session cookie, for browser apps; the grants of the
//! standard are for other clients, never for a page, and their answers carry no CORS headers. One file a grant.

mod authorization_code;
mod client_credentials;
mod issue;
mod refresh_token;
mod session;
mod standard;
mod token_exchange;

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sessionmint_oauth::asked::Beyond;
use sessionmint_oauth::authorize::CodeRefusal;
use sessionmint_oauth::error::{ErrorBody, ErrorCode};
use sessionmint_oauth::exchange;
use sessionmint_oauth::form::Form;
use sessionmint_oauth::session_grant::{self, Refusal};
use sessionmint_oauth::{ClientId, GrantType};
use sessionmint_store::{AuditKind, Session, StoreError};
use tracing::field::display;

use super::caller::{Caller, NotAllowed};
use super::client_authentication::{ClientError, ClientRefused};
use super::client_ip::client_ip_of;
use super::form_body::{self, FormError};
use super::problem::OUTAGE_RETRY_SECS;
use super::{answer, cookie};
use crate::App;
use crate::keys::SigningError;
use crate::random::RandomError;
use crate::refusals::{About, Refused};
use crate::renewal::{NotRenewed, Renewed};
pub(super) use issue::{AccessToken, TokenAnswer, issue};

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
pub(super) enum TokenError {
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    #[error(transparent)]
    Form(#[from] FormError),
    #[error("grant_type is missing")]
    GrantMissing,
    #[error("this grant is not for browser clients")]
    GrantOfOtherClients,
    #[error("this grant is not known")]
    GrantUnknown,
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Client(#[from] ClientRefused),
    #[error("the client may not use this grant")]
    GrantNotAllowed,
    #[error(transparent)]
    Beyond(#[from] Beyond),
    #[error(transparent)]
    Exchange(#[from] exchange::Refusal),
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error(transparent)]
    Code(#[from] CodeRefusal),
    #[error(transparent)]
    Renewal(NotRenewed),
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
struct LogLine {
    grant: &'static str,
    client_id: Option<ClientId>,
    session: Option<Arc<Session>>,
    renewed: Option<Renewed>,
}

/// The handler: carries out, logs once, answers.
pub(super) async fn mint(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Response {
    let mut line = LogLine {
        grant: "session",
        client_id: None,
        session: None,
        renewed: None,
    };
    let result = grant(&app, &caller, request, &mut line).await;
    line.write(&caller, &result);
    app.metrics.token_answer(line.grant, outcome(&result));
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
    let body = form_body::read(&parts, body).await?;
    let form = Form::parse(&body).map_err(FormError::from)?;
    let grant_type = form.get("grant_type").ok_or(TokenError::GrantMissing)?;
    if grant_type == session_grant::GRANT_TYPE || grant_type == session_grant::GRANT_TYPE_URN {
        let minted = session::from_session(app, caller, &parts.headers, &form, line).await;
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
    let kind = grant_type.parse::<GrantType>().ok();
    line.grant = kind.map_or("other", standard::label);
    match (caller, kind) {
        // Boxed, so that what a mint has to carry about stays small.
        (Caller::NoOrigin, Some(kind)) => {
            Box::pin(standard::grant(app, &parts, &form, kind, line)).await
        }
        (Caller::Client(_), _) if GRANTS_OF_OTHER_CLIENTS.contains(&grant_type) => {
            Err(TokenError::GrantOfOtherClients)
        }
        _ => Err(TokenError::GrantUnknown),
    }
}

impl TokenError {
    fn status_and_code(&self) -> (StatusCode, ErrorCode) {
        let bad = StatusCode::BAD_REQUEST;
        match self {
            Self::NotAllowed(NotAllowed::Unavailable)
            | Self::Store(_)
            | Self::Random(_)
            | Self::Signing(_)
            | Self::Renewal(NotRenewed::Keys(_) | NotRenewed::NoKey(_)) => (
                StatusCode::SERVICE_UNAVAILABLE,
                ErrorCode::TemporarilyUnavailable,
            ),
            Self::NotAllowed(
                NotAllowed::NoOrigin
                | NotAllowed::Origin(_)
                | NotAllowed::OwnOrigin
                | NotAllowed::NotFetch,
            ) => (StatusCode::FORBIDDEN, ErrorCode::AccessDenied),
            Self::Form(error) => error.status_and_code(),
            Self::Client(refused) => refused.status_and_code(),
            Self::GrantMissing | Self::Missing(_) => (bad, ErrorCode::InvalidRequest),
            Self::Renewal(_) => (bad, ErrorCode::InvalidGrant),
            Self::GrantNotAllowed => (bad, ErrorCode::UnauthorizedClient),
            Self::Beyond(beyond) => (bad, beyond.code()),
            Self::Exchange(refusal) => (bad, refusal.code()),
            Self::Code(refusal) => (bad, refusal.code()),
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
            | ErrorCode::InvalidClient
            | ErrorCode::AccessDenied => ErrorBody::new(code),
            // Whose token it was, and what became of it, is nobody's business who has to ask.
            ErrorCode::InvalidGrant if matches!(self, Self::Renewal(_)) => ErrorBody::new(code),
            _ => ErrorBody::new(code).describe(self.to_string()),
        }
    }

    fn retry_after_secs(&self, code: ErrorCode) -> Option<u64> {
        match self {
            Self::Throttled { retry_after_secs } => Some(*retry_after_secs),
            Self::Client(refused) => refused.retry_after_secs(),
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
        if let Self::Client(refused) = &self {
            refused.challenge(response.headers_mut());
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
    /// One line, with fields that `grep` finds as `grant=session` and `outcome=minted`.
    fn write(&self, caller: &Caller, result: &Result<Minted, TokenError>) {
        let grant = display(self.grant);
        let outcome = display(outcome(result));
        let client_id = self.client_id.as_ref().or(caller.client_id()).map(display);
        let grant_of = self.renewed.as_ref().map(|renewed| &renewed.grant);
        let of_grant = grant_of.and_then(|grant| grant.session_id.as_ref());
        let own = self.session.as_ref().map(|session| &session.id);
        let sid = own.or(of_grant).map(display);
        let error = match result {
            Ok(minted) => {
                tracing::info!(
                    grant,
                    outcome,
                    client_id,
                    sid,
                    gid = grant_of.map(|grant| display(&grant.id)),
                    refresh = self.renewed.as_ref().map(|renewed| renewed.how),
                    expires_in_secs = minted.expires_in,
                    "token"
                );
                return;
            }
            Err(error) => error,
        };
        let (status, _) = error.status_and_code();
        match error {
            TokenError::NotAllowed(_)
            | TokenError::Throttled { .. }
            | TokenError::Client(_)
            | TokenError::Renewal(NotRenewed::Revoked(_))
                if status != StatusCode::SERVICE_UNAVAILABLE =>
            {
                tracing::warn!(grant, outcome, client_id, sid, cause = %error, "token");
            }
            _ if status == StatusCode::SERVICE_UNAVAILABLE => {
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
            Self::Exchange(exchange::Refusal::NotLive) => "subject_not_live",
            Self::Exchange(exchange::Refusal::NotAUser) => "subject_not_a_user",
            Self::Exchange(exchange::Refusal::ChainTooLong) => "chain_too_long",
            Self::Throttled { .. }
            | Self::Client(ClientRefused {
                why: ClientError::Throttled { .. },
                ..
            }) => "throttled",
            _ => self.status_and_code().1.as_str(),
        }
    }
}
