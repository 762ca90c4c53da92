//! Sign-out that a client asks for (OpenID Connect RP-Initiated Logout 1.0).
//!
//! `/oauth/logout` ends nothing: a link, an image or a prefetch may have led there. It hands over to the page of the operator,
//! which asks the user and then posts to `/interactions/logout`.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use form_urlencoded::Serializer;
use serde::{Deserialize, Serialize};
use sessionmint_oauth::ClientId;
use sessionmint_oauth::form::Form;
use sessionmint_store::{By, Change, StoreError};
use tower_cookies::Cookies;

use super::interactions::InteractionError;
use super::page::{self, Fault};
use super::{is_form, see_other};
use crate::App;
use crate::http::body;
use crate::http::caller::Caller;
use crate::http::client_ip::client_ip;
use crate::http::cookie;

/// The longest `state`, in bytes.
const MAX_STATE_BYTES: usize = sessionmint_oauth::authorize::MAX_ECHOED_BYTES;

/// Where to go after the sign-out.
#[derive(Clone, Debug, Deserialize)]
struct Return {
    client_id: ClientId,
    post_logout_redirect_uri: String,
    state: Option<String>,
}

/// What the user confirmed.
#[derive(Deserialize)]
struct Confirmed {
    #[serde(flatten)]
    back: Option<Return>,
}

#[derive(Serialize)]
struct SignedOut {
    /// `null`: nowhere.
    location: Option<String>,
}

/// `GET` and `POST` by a client, through the user's browser.
pub(in crate::http) async fn ask(State(app): State<Arc<App>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let parameters = if parts.method == Method::POST {
        if !is_form(&parts.headers) {
            return page::refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, Fault::MediaType);
        }
        match body::read(body).await {
            Ok(body) => body,
            Err(error) => return page::refused(error.status(), Fault::Body),
        }
    } else {
        parts.uri.query().unwrap_or_default().to_owned().into()
    };
    let bad = |fault| page::refused(StatusCode::BAD_REQUEST, Fault::SignOut(fault));
    let Ok(form) = Form::parse(&parameters) else {
        return bad("a parameter is included more than once");
    };
    let back = match asked(&form) {
        Ok(back) => back,
        Err(fault) => return bad(fault),
    };
    let known = match &back {
        Some(back) => is_registered(&app, back).await,
        None => Ok(true),
    };
    match (known, app.config.authorize.as_ref()) {
        (Ok(true), Some(pages)) => {
            let Some(page) = &pages.logout_url else {
                return bad("clients cannot sign users out here");
            };
            let location = match &back {
                Some(back) => format!("{page}?{}", back.query()),
                None => page.to_string(),
            };
            see_other(&location, None)
        }
        (Ok(_), _) => bad("post_logout_redirect_uri is none of the client's"),
        (Err(error), _) => {
            tracing::error!(cause = %error, "sign-out for a client");
            page::unavailable()
        }
    }
}

/// The client is named by itself or by the ID token that it was given. That token is a hint and is not verified: whoever
/// could forge one could as well write `client_id`, and only registered addresses are gone to.
fn asked(form: &Form<'_>) -> Result<Option<Return>, &'static str> {
    let hinted = form.get("id_token_hint").and_then(audience);
    let named = form.get("client_id");
    if let (Some(named), Some(hinted)) = (named, &hinted)
        && named != hinted
    {
        return Err("client_id is not that of id_token_hint");
    }
    let Some(uri) = form.get("post_logout_redirect_uri") else {
        return Ok(None);
    };
    let client_id = named.or(hinted.as_deref());
    let client_id = client_id.ok_or("post_logout_redirect_uri needs client_id or id_token_hint")?;
    let state = form
        .get("state")
        .filter(|state| state.len() <= MAX_STATE_BYTES);
    Ok(Some(Return {
        client_id: client_id.parse().map_err(|_| "client_id is no client's")?,
        post_logout_redirect_uri: uri.to_owned(),
        state: state.map(str::to_owned),
    }))
}

fn audience(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Claims {
        aud: String,
    }
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Claims = serde_json::from_slice(&payload).ok()?;
    Some(claims.aud)
}

/// Byte for byte, and only where the client is there and not disabled.
async fn is_registered(app: &App, back: &Return) -> Result<bool, StoreError> {
    let client = app.store.oauth_client(&back.client_id).await?;
    Ok(client.is_some_and(|client| {
        client.disabled_at.is_none()
            && client
                .post_logout_redirect_uris
                .contains(&back.post_logout_redirect_uri)
    }))
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
    let Confirmed { back } = body::json_object(&parts.headers, body).await?;
    let location = match back {
        Some(back) if is_registered(app, &back).await? => Some(back.location()),
        Some(_) | None => None,
    };
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

impl Return {
    fn query(&self) -> String {
        let mut query = Serializer::new(String::new());
        query
            .append_pair("client_id", self.client_id.as_str())
            .append_pair("post_logout_redirect_uri", &self.post_logout_redirect_uri);
        if let Some(state) = &self.state {
            query.append_pair("state", state);
        }
        query.finish()
    }

    fn location(self) -> String {
        let uri = self.post_logout_redirect_uri;
        let Some(state) = self.state else {
            return uri;
        };
        let separator = if uri.contains('?') { '&' } else { '?' };
        let state = Serializer::new(String::new())
            .append_pair("state", &state)
            .finish();
        format!("{uri}{separator}{state}")
    }
}
