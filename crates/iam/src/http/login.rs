//! `POST /passwordlogin`: a user name and a password for a fresh session.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use sessionmint_oauth::cookie::SessionKey;
use sessionmint_oauth::{ClientId, SessionId, UserId};
use sessionmint_store::{AuditKind, AuditReason, By, NewSession, StartSession, StoreError};
use tower_cookies::{Cookie, Cookies};
use tracing::field::display;

use super::body::{self, JsonError};
use super::caller::{Caller, NotAllowed};
use super::client_ip::client_ip;
use super::cookie;
use super::problem::Problem;
use crate::App;
use crate::login::{AuthenticateError, Authenticated, Credentials};
use crate::random::{self, RandomError};
use crate::refusals::{About, Refused};

/// Longest `User-Agent` that is kept, in bytes.
const MAX_USER_AGENT_BYTES: usize = 256;

#[derive(Deserialize)]
struct LoginRequest {
    username: String,
    password: SecretString,
    #[serde(default)]
    stay_signed_in: bool,
}

#[derive(Serialize)]
struct LoginAnswer {
    user: UserAnswer,
}

#[derive(Serialize)]
struct UserAnswer {
    id: UserId,
    username: String,
}

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
enum LoginError {
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    #[error(transparent)]
    Body(#[from] JsonError),
    #[error("wrong credentials, or a user who may not sign in")]
    Rejected,
    #[error("too many attempts")]
    Throttled { retry_after_secs: u64 },
    #[error("too many sign-ins at once")]
    Busy { retry_after_secs: u64 },
    #[error("the authenticator is unavailable")]
    Unavailable,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Random(#[from] RandomError),
}

struct SignedIn {
    user: Authenticated,
    sid: SessionId,
    cookie: Cookie<'static>,
}

/// The handler: carries out, logs once, answers.
pub(super) async fn password(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    cookies: Cookies,
    request: Request,
) -> Response {
    let network = client_ip(&request, &app.config.trusted_proxies);
    match sign_in(&app, &caller, network, request).await {
        Ok(SignedIn { user, sid, cookie }) => {
            app.metrics.sign_in("signed_in");
            tracing::info!(outcome = %"signed_in", user_id = %user.user_id, %sid, %network, "sign-in");
            cookies.add(cookie);
            Json(LoginAnswer {
                user: UserAnswer {
                    id: user.user_id,
                    username: user.username,
                },
            })
            .into_response()
        }
        Err(error) => {
            app.metrics.sign_in(error.outcome());
            error.log(network);
            error.into_response()
        }
    }
}

async fn sign_in(
    app: &App,
    caller: &Caller,
    network: IpAddr,
    request: Request,
) -> Result<SignedIn, LoginError> {
    let (parts, body) = request.into_parts();
    let client = caller.client()?;
    // Only JSON, which another origin cannot send without a preflight: nobody is signed in as somebody else unasked.
    let login: LoginRequest = body::json_object(&parts.headers, body).await?;
    let attempt = Credentials {
        username: &login.username,
        password: &login.password,
        network,
    };
    let signed_in = async {
        let user = app
            .authenticator
            .authenticate(attempt, app.clock.now())
            .await?;
        start_session(
            app,
            client.client_id.clone(),
            network,
            &parts.headers,
            user,
            login.stay_signed_in,
        )
        .await
    };
    signed_in.await.inspect_err(|error: &LoginError| {
        if let Some(reason) = error.audit_reason() {
            app.refusals.count(Refused {
                kind: AuditKind::SignInFailed,
                reason: Some(reason),
                about: About::Username(login.username),
                at: app.clock.now(),
                network,
                client_id: Some(client.client_id.clone()),
            });
        }
    })
}

/// Always a new id, and the session of the cookie that came along ends: nobody can plant one before a sign-in.
async fn start_session(
    app: &App,
    client_id: ClientId,
    network: IpAddr,
    headers: &HeaderMap,
    user: Authenticated,
    persistent: bool,
) -> Result<SignedIn, LoginError> {
    let now = app.clock.now();
    let key = SessionKey::from_random(random::bytes(&*app.random)?);
    let sid = SessionId::from_random(random::bytes(&*app.random)?);
    let limits = app.config.sessions;
    let by = By::user(user.user_id.clone(), now)
        .through(client_id.clone())
        .from(network);
    let session = NewSession {
        key_hash: cookie::hash(&key),
        id: sid.clone(),
        user_id: user.user_id.clone(),
        client_id,
        now,
        absolute_end: now.plus_secs(limits.absolute_secs),
        persistent,
        user_agent: user_agent(headers),
        password_hash: user.password_hash.clone(),
    };
    let replaces = cookie::session_key_hash(headers);
    match app
        .store
        .start_session(session, replaces, limits.max_per_user, by)
        .await?
    {
        StartSession::Started { evicted } => {
            if evicted > 0 {
                tracing::info!(user_id = %user.user_id, evicted, "the user's oldest sessions were ended");
            }
            let cookie = cookie::issue(&key, persistent.then_some(limits.absolute_secs));
            Ok(SignedIn { user, sid, cookie })
        }
        StartSession::UserGone => {
            let reason = "the user was disabled, or their password changed, while it was checked";
            tracing::info!(outcome = %"rejected", user_id = %user.user_id, reason, "sign-in");
            Err(LoginError::Rejected)
        }
    }
}

fn user_agent(headers: &HeaderMap) -> String {
    let value = headers
        .get(header::USER_AGENT)
        .map_or(&b""[..], HeaderValue::as_bytes);
    let text: String = String::from_utf8_lossy(value)
        .chars()
        .filter(|c| !c.is_control())
        .collect();
    let end = text.floor_char_boundary(MAX_USER_AGENT_BYTES);
    text.get(..end).unwrap_or_default().to_owned()
}

impl From<AuthenticateError> for LoginError {
    fn from(error: AuthenticateError) -> Self {
        match error {
            AuthenticateError::Rejected => Self::Rejected,
            AuthenticateError::Throttled { retry_after_secs } => {
                Self::Throttled { retry_after_secs }
            }
            AuthenticateError::Busy { retry_after_secs } => Self::Busy { retry_after_secs },
            AuthenticateError::Unavailable => Self::Unavailable,
        }
    }
}

impl LoginError {
    /// The word for it in the log and the metrics.
    fn outcome(&self) -> &'static str {
        match self {
            Self::NotAllowed(NotAllowed::Unavailable)
            | Self::Unavailable
            | Self::Store(_)
            | Self::Random(_) => "unavailable",
            Self::NotAllowed(
                NotAllowed::NoOrigin
                | NotAllowed::Origin(_)
                | NotAllowed::OwnOrigin
                | NotAllowed::NotFetch,
            ) => "origin_refused",
            Self::Throttled { .. } => "throttled",
            Self::Busy { .. } => "busy",
            Self::Rejected => "rejected",
            Self::Body(_) => "malformed",
        }
    }

    /// Whether the audit trail has it, and why. A request without an allowed origin is counted where that is found out;
    /// what is malformed was no attempt, and an outage no refusal.
    fn audit_reason(&self) -> Option<AuditReason> {
        match self {
            Self::Rejected => Some(AuditReason::Rejected),
            Self::Throttled { .. } => Some(AuditReason::Throttled),
            Self::NotAllowed(_)
            | Self::Body(_)
            | Self::Busy { .. }
            | Self::Unavailable
            | Self::Store(_)
            | Self::Random(_) => None,
        }
    }

    fn log(&self, network: IpAddr) {
        let outcome = display(self.outcome());
        match self {
            Self::Unavailable | Self::Store(_) | Self::Random(_) => {
                tracing::error!(outcome, cause = %self, %network, "sign-in");
            }
            Self::NotAllowed(_) | Self::Throttled { .. } | Self::Busy { .. } => {
                tracing::warn!(outcome, cause = %self, %network, "sign-in");
            }
            // The authenticator has said so, with the reason.
            Self::Rejected => tracing::debug!(outcome, %network, "sign-in"),
            Self::Body(_) => {
                tracing::info!(outcome, cause = %self, %network, "sign-in");
            }
        }
    }
}

impl IntoResponse for LoginError {
    fn into_response(self) -> Response {
        let problem = match self {
            Self::NotAllowed(NotAllowed::Unavailable)
            | Self::Unavailable
            | Self::Store(_)
            | Self::Random(_) => Problem::unavailable(),
            Self::NotAllowed(
                NotAllowed::NoOrigin
                | NotAllowed::Origin(_)
                | NotAllowed::OwnOrigin
                | NotAllowed::NotFetch,
            ) => Problem::origin_refused(),
            Self::Body(error) => {
                error.problem("the body is a JSON object with the strings username and password")
            }
            Self::Rejected => {
                let detail = "the user name or the password is wrong";
                Problem::new(StatusCode::UNAUTHORIZED, "invalid_credentials", detail)
                    .challenge(HeaderValue::from_static("Session"))
            }
            Self::Throttled { retry_after_secs } => {
                let detail = "too many attempts to sign in; wait";
                Problem::new(StatusCode::TOO_MANY_REQUESTS, "throttled", detail)
                    .retry_after(retry_after_secs)
            }
            Self::Busy { retry_after_secs } => {
                let detail = "too many people sign in right now; try again";
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail)
                    .retry_after(retry_after_secs)
            }
        };
        problem.into_response()
    }
}
