//! `/oauth/authorize`: takes a client's request and hands it over to the page where the user signs in and agrees.
//!
//! The session cookie is `SameSite=Strict`, so it does not come along on the way here from another site; and no script calls
//! this address. So the request is stored, bound to the browser by a cookie of its own ([`browser`]), and the page, which is
//! on the service's site, asks for it by its id ([`interactions`]).

mod browser;
pub(super) mod end_session;
pub(super) mod interactions;
mod page;
mod shown;
mod signed_in;

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sessionmint_oauth::authorize::{
    Asked, PageError, REQUEST_SECS, RequestRefusal, ReturnTo, error_location,
};
use sessionmint_oauth::form::is_media_type;
use sessionmint_oauth::{ClientId, InteractionId, Network};
use sessionmint_store::{Authorization, MaxWaiting, StartAuthorization, StoreError};
use tracing::field::display;

pub(super) use browser::sha256;
pub(super) use interactions::code_hash;

use super::body::{self, BodyError};
use super::client_ip::client_ip;
use super::problem::Problem;
use crate::App;
use crate::random::{self, RandomError};

/// Requests that wait at once. Anybody can make them, and each takes up to 7 KB on disk for ten minutes. One network is left
/// a hundred sign-ins a minute that nobody finishes; whoever has many networks only takes room from themselves.
const MAX_WAITING: MaxWaiting = MaxWaiting {
    in_all: 20_000,
    of_network: 1_000,
};

/// Why a request is not handed over.
#[derive(Debug, thiserror::Error)]
enum AuthorizeError {
    #[error(transparent)]
    Page(#[from] PageError),
    #[error("the content type is not application/x-www-form-urlencoded")]
    UnsupportedMediaType,
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error("{1}")]
    Refused(ReturnTo, RequestRefusal),
    #[error("too many requests of this network wait for their users")]
    TooMany { retry_after_secs: u64 },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// Where the browser goes.
struct HandedOver {
    location: String,
    cookie: String,
}

/// The handler: carries out, logs once, answers.
pub(super) async fn authorize(State(app): State<Arc<App>>, request: Request) -> Response {
    let mut client_id = None;
    let network = client_ip(&request, &app.config.trusted_proxies);
    let result = hand_over(&app, request, network, &mut client_id).await;
    let outcome = match &result {
        Ok(_) => "handed_over",
        Err(error) => error.outcome(),
    };
    app.metrics.authorization(outcome);
    let (outcome, client_id) = (display(outcome), client_id.as_ref().map(display));
    match result {
        Ok(HandedOver { location, cookie }) => {
            tracing::info!(outcome, client_id, "authorization");
            see_other(&location, Some(&cookie))
        }
        Err(error) => {
            match &error {
                AuthorizeError::Store(_) | AuthorizeError::Random(_) => {
                    tracing::error!(outcome, client_id, cause = %error, "authorization");
                }
                AuthorizeError::TooMany { .. } => {
                    tracing::warn!(outcome, client_id, cause = %error, %network, "authorization");
                }
                _ => tracing::info!(outcome, client_id, cause = %error, "authorization"),
            }
            error.answer(&app)
        }
    }
}

async fn hand_over(
    app: &App,
    request: Request,
    network: IpAddr,
    client_id: &mut Option<ClientId>,
) -> Result<HandedOver, AuthorizeError> {
    let (parts, body) = request.into_parts();
    // OpenID Connect Core §3.1.2.1: by GET or POST, and one of both holds the parameters.
    let parameters = if parts.method == Method::POST {
        if !is_form(&parts.headers) {
            return Err(AuthorizeError::UnsupportedMediaType);
        }
        body::read(body).await?
    } else {
        parts.uri.query().unwrap_or_default().to_owned().into()
    };
    let asked = Asked::parse(&parameters)?;
    let id: ClientId = asked
        .client_id()?
        .parse()
        .map_err(|_| PageError::ClientUnknown)?;
    let client = app
        .store
        .oauth_client(&id)
        .await?
        .ok_or(PageError::ClientUnknown)?;
    *client_id = Some(id);
    let return_to = asked.return_to(&client)?;
    let request = asked
        .request(&client, return_to.clone(), |hint| {
            app.keys.verify_hint(hint, &app.config.issuer)
        })
        .map_err(|refusal| AuthorizeError::Refused(return_to, refusal))?;
    let Some(pages) = &app.config.authorize else {
        return Err(PageError::ClientUnknown.into());
    };
    let now = app.clock.now();
    let interaction = InteractionId::from_random(random::bytes(&*app.random)?);
    let browser = browser::known_or_new(&parts.headers, &*app.random)?;
    let authorization = Authorization {
        browser: browser::hash(&browser),
        request,
        created_at: now,
        expires_at: now.plus_secs(REQUEST_SECS),
    };
    let id = interactions::hash(&interaction);
    match app
        .store
        .start_authorization(id, authorization, Network::of(network), MAX_WAITING)
        .await?
    {
        StartAuthorization::Started => Ok(HandedOver {
            location: format!("{}?id={}", pages.interaction_url, interaction.expose()),
            cookie: browser::cookie(&browser),
        }),
        StartAuthorization::TooMany { until } => Err(AuthorizeError::TooMany {
            retry_after_secs: until.secs_since(now).max(1),
        }),
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE);
    is_media_type(
        content_type.map_or(&b""[..], HeaderValue::as_bytes),
        "application/x-www-form-urlencoded",
    )
}

/// Never 307 or 308: a browser would send what was posted here to the next address (RFC 9700 §4.12).
fn see_other(location: &str, cookie: Option<&str>) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    let Ok(location) = HeaderValue::from_str(location) else {
        return Problem::server_error().into_response();
    };
    headers.insert(header::LOCATION, location);
    if let Some(cookie) = cookie.and_then(|cookie| HeaderValue::from_str(cookie).ok()) {
        headers.insert(header::SET_COOKIE, cookie);
    }
    response
}

impl AuthorizeError {
    /// The word for it in the log and the metrics.
    fn outcome(&self) -> &'static str {
        match self {
            Self::Page(_) | Self::UnsupportedMediaType | Self::Body(_) => "refused_to_user",
            Self::Refused(_, refusal) => refusal.code().as_str(),
            Self::TooMany { .. } => "too_many",
            Self::Store(_) | Self::Random(_) => "unavailable",
        }
    }

    fn answer(self, app: &App) -> Response {
        match self {
            Self::Page(error) => page::refused(StatusCode::BAD_REQUEST, error.into()),
            Self::UnsupportedMediaType => {
                page::refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, page::Fault::MediaType)
            }
            Self::Body(error) => page::refused(error.status(), page::Fault::Body),
            Self::Refused(return_to, refusal) => {
                let location = error_location(&return_to, refusal, &app.config.issuer);
                see_other(&location, None)
            }
            Self::TooMany { retry_after_secs } => page::too_many(retry_after_secs),
            Self::Store(_) | Self::Random(_) => page::unavailable(),
        }
    }
}
