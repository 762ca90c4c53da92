//! Sign-out that a client asks for (OpenID Connect RP-Initiated Logout 1.0).
//!
//! `/oauth/logout` ends nothing: a link, an image or a prefetch may have led there. It hands over to the page of the operator,
//! which asks the user about what `GET /interactions/logout` says, and then posts there.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Serialize;
use sessionmint_oauth::sign_out::{SignOutFault, SignOutRequest};
use sessionmint_oauth::{ClientId, OAuthClient};
use sessionmint_store::{By, Change, StoreError};
use tower_cookies::Cookies;

use super::interactions::InteractionError;
use super::page;
use super::shown::{ShownClient, ShownDestination, ShownUser};
use super::signed_in::signed_in;
use super::{is_form, see_other};
use crate::App;
use crate::http::body;
use crate::http::caller::Caller;
use crate::http::client_ip::client_ip;
use crate::http::cookie;

/// What to ask the user about.
#[derive(Serialize)]
struct Shown {
    /// Who asks, if they say so.
    client: Option<ShownClient>,
    /// Where the user goes afterwards.
    return_to: Option<ShownDestination>,
    /// Who is signed in; with nobody there is nothing to ask.
    user: Option<ShownUser>,
    /// Whether the client means somebody else.
    other_user: bool,
}

#[derive(Serialize)]
struct SignedOut {
    /// `null`: nowhere.
    location: Option<String>,
}

/// `GET` and `POST` by a client, through the user's browser.
pub(in crate::http) async fn ask(State(app): State<Arc<App>>, request: Request) -> Response {
    let page = app.config.authorize.as_ref();
    let page = page.and_then(|pages| pages.logout_url.as_ref());
    let (parts, body) = request.into_parts();
    let parameters = if parts.method == Method::POST {
        if !is_form(&parts.headers) {
            let why = "the content type is not application/x-www-form-urlencoded";
            return page::sign_out_refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, &why, page);
        }
        match body::read(body).await {
            Ok(body) => body,
            Err(error) => return page::sign_out_refused(error.status(), &error, page),
        }
    } else {
        parts.uri.query().unwrap_or_default().to_owned().into()
    };
    match hand_over(&app, &parameters).await {
        Ok(Ok(query)) => match page {
            Some(page) if query.is_empty() => see_other(page.as_str(), None),
            Some(page) => see_other(&format!("{page}?{query}"), None),
            None => page::unavailable(),
        },
        Ok(Err(fault)) => {
            tracing::info!(cause = %fault, "sign-out for a client");
            page::sign_out_refused(StatusCode::BAD_REQUEST, &fault, page)
        }
        Err(error) => {
            tracing::error!(cause = %error, "sign-out for a client");
            page::unavailable()
        }
    }
}

/// The parameters for the page, if the request is one that may be asked about.
async fn hand_over(
    app: &App,
    parameters: &[u8],
) -> Result<Result<String, SignOutFault>, StoreError> {
    let verify = |hint: &str| app.keys.verify_hint(hint, &app.config.issuer);
    let request = match SignOutRequest::read(parameters, verify) {
        Ok(request) => request,
        Err(fault) => return Ok(Err(fault)),
    };
    let client = client(app, &request).await?;
    let location = request.location(client.as_ref());
    Ok(location.map(|_| request.for_page()))
}

/// The client that asks, while it may.
async fn client(app: &App, request: &SignOutRequest) -> Result<Option<OAuthClient>, StoreError> {
    let Some(id) = &request.client_id else {
        return Ok(None);
    };
    let client = app.store.oauth_client(id).await?;
    Ok(client.filter(|client| client.disabled_at.is_none()))
}

/// `GET` by the page.
pub(in crate::http) async fn show(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    match look(&app, &caller, &uri, &headers).await {
        Ok(shown) => Json(shown).into_response(),
        Err(error) => error.answer(None),
    }
}

async fn look(
    app: &App,
    caller: &Caller,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Shown, InteractionError> {
    caller.client()?;
    let request = SignOutRequest::of_page(uri.query().unwrap_or_default().as_bytes())?;
    let client = client(app, &request).await?;
    let location = request.location(client.as_ref()).unwrap_or_default();
    let signed_in = signed_in(app, headers, app.clock.now()).await?;
    let user = signed_in.map(|(_, user)| user);
    Ok(Shown {
        client: client.map(Into::into),
        return_to: location.map(|uri| ShownDestination::of(&uri)),
        other_user: user
            .as_ref()
            .is_some_and(|user| request.means_another(&user.id)),
        user: user.map(Into::into),
    })
}

/// `POST` by the page, once the user said so.
pub(in crate::http) async fn confirm(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    cookies: Cookies,
    request: Request,
) -> Response {
    let network = client_ip(&request, &app.config.trusted_proxies);
    match sign_out(&app, &caller, network, request).await {
        Ok((change, location)) => {
            let outcome = if change == Change::Done {
                "signed_out"
            } else {
                "no_session"
            };
            app.metrics.sign_out(outcome);
            tracing::info!(%outcome, %network, "sign-out");
            cookies.add(cookie::expired());
            Json(SignedOut { location }).into_response()
        }
        Err(error) => error.answer(Some(network)),
    }
}

async fn sign_out(
    app: &App,
    caller: &Caller,
    network: IpAddr,
    request: Request,
) -> Result<(Change, Option<String>), InteractionError> {
    let (parts, body) = request.into_parts();
    let page = caller.client()?;
    let confirmed: SignOutRequest = body::json_object(&parts.headers, body).await?;
    let client = client(app, &confirmed).await?;
    let location = confirmed.location(client.as_ref()).unwrap_or_default();
    let change = end(app, &page.client_id, network, &parts.headers).await?;
    Ok((change, location))
}

async fn end(
    app: &App,
    page: &ClientId,
    network: IpAddr,
    headers: &HeaderMap,
) -> Result<Change, StoreError> {
    let Some(key) = cookie::session_key_hash(headers) else {
        return Ok(Change::NotFound);
    };
    let by = By::owner(app.clock.now())
        .through(page.clone())
        .from(network);
    app.store.end_session(&key, by).await
}
