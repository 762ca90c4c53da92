//! Lists in pages: `limit`, and as `cursor` the `next` of the page before.

use std::str::FromStr;

use axum::Json;
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sessionmint_oauth::form::Form;

use super::error::AdminError;

/// How many things a page has when the request does not say.
const USUAL: u32 = 100;

/// Most things of a page.
const MOST: u32 = 500;

/// What a request for a list asks.
pub(super) struct Query<'a>(Form<'a>);

impl<'a> Query<'a> {
    pub(super) fn of(uri: &'a Uri) -> Result<Self, AdminError> {
        Form::parse(uri.query().unwrap_or_default().as_bytes())
            .map(Self)
            .map_err(|error| AdminError::Query(error.to_string()))
    }

    /// A parameter, parsed.
    pub(super) fn get<T: FromStr>(&self, name: &'static str) -> Result<Option<T>, AdminError> {
        let Some(text) = self.0.get(name) else {
            return Ok(None);
        };
        let wrong = |_| AdminError::Query(format!("the parameter {name} is not what it should be"));
        text.parse().map(Some).map_err(wrong)
    }

    /// A parameter as it is.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)
    }

    /// How many.
    pub(super) fn limit(&self) -> Result<u32, AdminError> {
        match self.get("limit")? {
            None => Ok(USUAL),
            Some(limit) if (1..=MOST).contains(&limit) => Ok(limit),
            Some(_) => Err(AdminError::Query(format!("limit is 1 to {MOST}"))),
        }
    }

    /// Behind what.
    pub(super) fn after<T: FromStr>(&self) -> Result<Option<T>, AdminError> {
        let Some(cursor) = self.0.get("cursor") else {
            return Ok(None);
        };
        let wrong = || AdminError::Query("cursor is the `next` of the page before".to_owned());
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| wrong())?;
        let text = String::from_utf8(bytes).map_err(|_| wrong())?;
        text.parse().map(Some).map_err(|_| wrong())
    }
}

/// A page of `name`, the next of which begins behind `last`.
pub(super) fn page(name: &str, items: Vec<Value>, limit: u32, last: Option<&str>) -> Response {
    let full = u32::try_from(items.len()).is_ok_and(|items| items >= limit);
    let next = last
        .filter(|_| full)
        .map(|last| URL_SAFE_NO_PAD.encode(last));
    let items = Value::Array(items);
    Json(json!({ name: items, "next": next })).into_response()
}
