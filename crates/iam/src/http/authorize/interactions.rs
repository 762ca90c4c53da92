//! `/interactions/{id}`: what the page of the operator asks and says on behalf of the user who is in front of it.
//!
//! `GET` says what to show and changes nothing; `POST` carries out what the user decided and says where to go. Only scripts
//! on the origin of the page may call, and both cookies have to be there for anything to come of it. What is granted is the
//! request as it was stored: the page cannot change it.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use sessionmint_oauth::authorize::{
    AuthorizationRequest, Consent, Interaction, MAX_CODE_SECS, OFFLINE_ACCESS, RequestRefusal,
    ReturnTo, SignedIn, decide_interaction, error_location, granted_location, is_known, is_meant,
};
use sessionmint_oauth::sign_out::SignOutFault;
use sessionmint_oauth::{
    AuthorizationCode, ClientId, CodeHash, InteractionHash, InteractionId, OAuthClient, Scope,
    Timestamp, UserId,
};
use sessionmint_store::{
    Agreement, Authorization, By, CompleteAuthorization, Ending, NewCode, Session, StoreError, User,
};
use tracing::field::display;

use super::browser;
use super::shown::{ShownClient, ShownDestination, ShownUser};
use super::signed_in::signed_in;
use crate::App;
use crate::http::body::{self, JsonError};
use crate::http::caller::{Caller, NotAllowed};
use crate::http::client_ip::client_ip;
use crate::http::problem::Problem;
use crate::random::{self, RandomError};

/// What to show.
#[derive(Serialize)]
struct Shown {
    /// `login`, `consent`, or `continue`: nothing is to be shown, the page posts at once.
    step: &'static str,
    client: ShownClient,
    /// Where the answer goes.
    return_to: ShownDestination,
    /// What the client gets; at the sign-in, what it asks for.
    scopes: Vec<String>,
    resources: Vec<String>,
    /// Whether its access outlives the session.
    offline: bool,
    user: Option<ShownUser>,
    /// Whether the client means somebody else than this user. Who that is only the client knows: whoever got hold of an ID
    /// token is not told its user's name.
    other_user: bool,
    login_hint: Option<String>,
    expires_in: u64,
}

/// What the user decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    /// They agree.
    Approve,
    /// They do not.
    Deny,
    /// They were not asked.
    Continue,
}

#[derive(Deserialize)]
struct Decided {
    answer: Answer,
    /// Whom the page showed: somebody else may have signed in since.
    user: Option<UserId>,
}

#[derive(Serialize)]
struct GoTo {
    location: String,
}

/// Why nothing is shown or done.
#[derive(Debug, thiserror::Error)]
pub(super) enum InteractionError {
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    #[error(transparent)]
    Body(#[from] JsonError),
    #[error(transparent)]
    SignOut(#[from] SignOutFault),
    #[error("no such request, or it is over, or another browser's, or not the client's any more")]
    Over,
    #[error("the user has to be shown something first")]
    Needed,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// A request with all that belongs to it at one moment.
struct Loaded {
    id: InteractionHash,
    waiting: Authorization,
    client: OAuthClient,
    signed_in: Option<(Arc<Session>, User)>,
    earlier: Option<Scope>,
    now: Timestamp,
}

/// What is stored of an id.
pub(super) fn hash(id: &InteractionId) -> InteractionHash {
    InteractionHash(browser::sha256(id.expose()))
}

/// What is stored of a code.
pub(in crate::http) fn code_hash(code: &AuthorizationCode) -> CodeHash {
    CodeHash(browser::sha256(code.expose()))
}

/// `GET`.
pub(in crate::http) async fn show(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    match look(&app, &caller, &id, &headers).await {
        Ok(shown) => Json(shown).into_response(),
        Err(error) => error.answer(None),
    }
}

async fn look(
    app: &App,
    caller: &Caller,
    id: &str,
    headers: &HeaderMap,
) -> Result<Shown, InteractionError> {
    caller.client()?;
    let loaded = load(app, id, headers).await?;
    let interaction = loaded.decide(app, Consent::Earlier(loaded.earlier.as_ref()));
    let Loaded {
        waiting,
        client,
        signed_in,
        now,
        ..
    } = loaded;
    let request = waiting.request;
    let other_user = signed_in
        .as_ref()
        .is_some_and(|(_, user)| !is_meant(&request, &user.id));
    let (step, scope) = match interaction {
        Interaction::Login => ("login", request.scope),
        Interaction::Consent(scope) => ("consent", scope),
        Interaction::Grant(scope) => ("continue", scope),
        Interaction::Error(_) => ("continue", Scope::default()),
    };
    Ok(Shown {
        step,
        client: client.into(),
        return_to: ShownDestination::of(&request.redirect_uri),
        offline: scope.contains(OFFLINE_ACCESS),
        scopes: scope.iter().map(str::to_owned).collect(),
        resources: request.resources,
        other_user,
        user: signed_in.map(|(_, user)| user.into()),
        login_hint: request.login_hint,
        expires_in: waiting.expires_at.secs_since(now),
    })
}

/// `POST`.
pub(in crate::http) async fn decide(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let network = client_ip(&request, &app.config.trusted_proxies);
    match carry_out(&app, &caller, &id, network, request).await {
        Ok((location, outcome, client_id)) => {
            app.metrics.authorization(outcome);
            tracing::info!(%outcome, %client_id, %network, "authorization");
            Json(GoTo { location }).into_response()
        }
        Err(error) => error.answer(Some(network)),
    }
}

async fn carry_out(
    app: &App,
    caller: &Caller,
    id: &str,
    network: IpAddr,
    request: Request,
) -> Result<(String, &'static str, ClientId), InteractionError> {
    let (parts, body) = request.into_parts();
    caller.client()?;
    // Only JSON, which another origin cannot send without a preflight.
    let decided: Decided = body::json_object(&parts.headers, body).await?;
    let loaded = load(app, id, &parts.headers).await?;
    let user = loaded.signed_in.as_ref().map(|(_, user)| &user.id);
    if decided.answer == Answer::Approve && (user.is_none() || decided.user.as_ref() != user) {
        return Err(InteractionError::Needed);
    }
    let by = match user {
        Some(user) => By::user(user.clone(), loaded.now),
        None => By::nobody(loaded.now),
    };
    let by = by.through(loaded.client.client_id.clone()).from(network);
    let interaction = match decided.answer {
        Answer::Deny => Interaction::Error(RequestRefusal::Denied),
        Answer::Approve => loaded.decide(app, Consent::Given),
        Answer::Continue => loaded.decide(app, Consent::Earlier(loaded.earlier.as_ref())),
    };
    match interaction {
        Interaction::Login | Interaction::Consent(_) => Err(InteractionError::Needed),
        Interaction::Error(refusal) => {
            let ending = if refusal == RequestRefusal::Denied {
                Ending::Denied
            } else {
                Ending::Refused
            };
            complete(app, loaded.id, ending, by).await?;
            let return_to = return_to(&loaded.waiting.request);
            let location = error_location(&return_to, refusal, &app.config.issuer);
            Ok((location, refusal.code().as_str(), loaded.client.client_id))
        }
        Interaction::Grant(scope) => grant(app, loaded, scope, decided.answer, by).await,
    }
}

async fn grant(
    app: &App,
    loaded: Loaded,
    scopes: Scope,
    answer: Answer,
    by: By,
) -> Result<(String, &'static str, ClientId), InteractionError> {
    let (session, user) = loaded.signed_in.ok_or(InteractionError::Needed)?;
    let consent = match answer {
        Answer::Approve if is_known(&loaded.waiting.request, &loaded.client) => {
            Agreement::Remembered
        }
        Answer::Approve => Agreement::Once,
        _ if loaded.client.trusted => Agreement::Trusted,
        _ => Agreement::Earlier,
    };
    let code = AuthorizationCode::from_random(random::bytes(&*app.random)?);
    let ending = Ending::Granted {
        code: NewCode {
            hash: code_hash(&code),
            user_id: user.id,
            session_id: session.id.clone(),
            scopes,
            auth_time: session.auth_time,
            expires_at: loaded.now.plus_secs(MAX_CODE_SECS),
        },
        consent,
    };
    complete(app, loaded.id, ending, by).await?;
    let return_to = return_to(&loaded.waiting.request);
    let location = granted_location(&return_to, code.expose(), &app.config.issuer);
    Ok((location, "granted", loaded.client.client_id))
}

async fn complete(
    app: &App,
    id: InteractionHash,
    ending: Ending,
    by: By,
) -> Result<(), InteractionError> {
    match app.store.complete_authorization(&id, ending, by).await? {
        CompleteAuthorization::Completed => Ok(()),
        CompleteAuthorization::Gone => Err(InteractionError::Over),
        CompleteAuthorization::SessionOver | CompleteAuthorization::ConsentWithdrawn => {
            Err(InteractionError::Needed)
        }
    }
}

fn return_to(request: &AuthorizationRequest) -> ReturnTo {
    ReturnTo {
        redirect_uri: request.redirect_uri.clone(),
        state: request.state.clone(),
    }
}

/// The clock is read before the rows: what is over by then is over here.
async fn load(app: &App, id: &str, headers: &HeaderMap) -> Result<Loaded, InteractionError> {
    let now = app.clock.now();
    let id = InteractionId::parse(id).ok_or(InteractionError::Over)?;
    let id = hash(&id);
    let browser = browser::known(headers).ok_or(InteractionError::Over)?;
    let waiting = app
        .store
        .authorization(&id)
        .await?
        .filter(|waiting| now < waiting.expires_at && waiting.browser == browser::hash(&browser))
        .ok_or(InteractionError::Over)?;
    let client = app
        .store
        .oauth_client(&waiting.request.client_id)
        .await?
        .filter(|client| waiting.request.is_allowed(client))
        .ok_or(InteractionError::Over)?;
    let signed_in = signed_in(app, headers, now).await?;
    let earlier = match &signed_in {
        Some((_, user)) => {
            let resources = &waiting.request.resources;
            let store = &app.store;
            store
                .consent(&user.id, &client.client_id, resources)
                .await?
        }
        None => None,
    };
    Ok(Loaded {
        id,
        waiting,
        client,
        signed_in,
        earlier,
        now,
    })
}

impl Loaded {
    fn decide(&self, app: &App, consent: Consent<'_>) -> Interaction {
        let session = self.signed_in.as_ref().map(|(session, _)| SignedIn {
            user: &session.user_id,
            times: session.times(),
            auth_time: session.auth_time,
            user_scopes: session.user_scopes.as_ref(),
        });
        decide_interaction(
            &self.waiting.request,
            self.waiting.created_at,
            &self.client,
            session,
            consent,
            app.session_policy(),
            self.now,
        )
    }
}

impl InteractionError {
    /// The word for it in the log.
    fn outcome(&self) -> &'static str {
        match self {
            Self::NotAllowed(NotAllowed::Unavailable) | Self::Store(_) | Self::Random(_) => {
                "unavailable"
            }
            Self::NotAllowed(_) => "origin_refused",
            Self::Body(_) | Self::SignOut(_) => "malformed",
            Self::Over => "over",
            Self::Needed => "interaction_needed",
        }
    }

    pub(super) fn answer(self, network: Option<IpAddr>) -> Response {
        let (outcome, network) = (display(self.outcome()), network.map(display));
        match &self {
            Self::Store(_) | Self::Random(_) => {
                tracing::error!(outcome, cause = %self, network, "interaction");
            }
            Self::NotAllowed(_) => tracing::warn!(outcome, cause = %self, network, "interaction"),
            _ => tracing::info!(outcome, cause = %self, network, "interaction"),
        }
        let problem = match self {
            Self::NotAllowed(NotAllowed::Unavailable) | Self::Store(_) | Self::Random(_) => {
                Problem::unavailable()
            }
            Self::NotAllowed(_) => Problem::origin_refused(),
            Self::Body(error) => error.problem(
                "the body is a JSON object with answer, which is approve, deny or continue, and with approve user, the id that was shown",
            ),
            Self::SignOut(fault) => {
                Problem::new(StatusCode::BAD_REQUEST, "malformed", fault.to_string())
            }
            Self::Over => Problem::new(
                StatusCode::NOT_FOUND,
                "interaction_over",
                "this request is over, or was begun in another browser; begin again in the app",
            ),
            Self::Needed => Problem::new(
                StatusCode::CONFLICT,
                "interaction_needed",
                "the user has to be shown something first; ask again what",
            ),
        };
        problem.into_response()
    }
}
