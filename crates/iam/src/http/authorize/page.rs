//! Pages for users whose request leads nowhere. They say nothing but fixed sentences, so that nothing of a request is ever
//! part of one, and look plain, since the policy of every answer allows no style.

use std::fmt;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use sessionmint_oauth::authorize::PageError;

use crate::config::PageUrl;
use crate::http::problem::OUTAGE_RETRY_SECS;

/// What is wrong with a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// It is no authorization request of a client.
    Request(PageError),
    /// It was posted, but not as a form.
    MediaType,
    /// Its body could not be read.
    Body,
}

impl From<PageError> for Fault {
    fn from(error: PageError) -> Self {
        Self::Request(error)
    }
}

impl Fault {
    fn for_developers(self) -> String {
        match self {
            Self::Request(error) => error.to_string(),
            Self::MediaType => {
                "the content type is not application/x-www-form-urlencoded".to_owned()
            }
            Self::Body => "the body could not be read".to_owned(),
        }
    }
}

/// For a request that cannot be answered anywhere else.
pub(super) fn refused(status: StatusCode, fault: Fault) -> Response {
    let what =
        "The app that sent you here made a mistake. Nobody was signed in, and the app got nothing.";
    page(status, "This does not work", what, &fault.for_developers())
}

/// For a sign-out that an app asked for amiss: the user can still have it, at `page` of the operator.
pub(super) fn sign_out_refused(
    status: StatusCode,
    why: &dyn fmt::Display,
    at: Option<&PageUrl>,
) -> Response {
    let mut what = "The app that sent you here made a mistake. You are still signed in.".to_owned();
    // The address has no character that means something in HTML.
    if let Some(at) = at {
        what.push_str(&format!("</p><p><a href=\"{at}\">Sign out here</a>"));
    }
    page(status, "This does not work", &what, &why.to_string())
}

/// For a network that begins more than it finishes.
pub(super) fn too_many(retry_after_secs: u64) -> Response {
    let mut response = page(
        StatusCode::TOO_MANY_REQUESTS,
        "Please wait a little",
        "Too many sign-ins were begun from your network and not finished. Finish the one that you began, or try again in a few minutes.",
        "too many authorization requests of one network wait for their users",
    );
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from(retry_after_secs));
    response
}

/// For an outage.
pub(super) fn unavailable() -> Response {
    let mut response = page(
        StatusCode::SERVICE_UNAVAILABLE,
        "Please try again",
        "The service is not available at the moment. Go back and try again in a few seconds.",
        "temporarily_unavailable",
    );
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from(OUTAGE_RETRY_SECS));
    response
}

fn page(status: StatusCode, title: &str, what: &str, for_developers: &str) -> Response {
    let html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title></head>\
         <body><main><h1>{title}</h1><p>{what}</p><p>For the app’s makers: {for_developers}.</p></main></body></html>\n"
    );
    (status, Html(html)).into_response()
}
