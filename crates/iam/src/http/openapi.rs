//! `GET /openapi.json`: what every endpoint takes and answers, as OpenAPI 3.1.
//!
//! The document is written by hand (`openapi.json`, and `openapi-services.json` for what services and operators call); tests hold it against the router, and each answer that any test of
//! the service gets against it. What depends on the configuration is filled in here.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use sessionmint_oauth::metadata;

use super::problem::Problem;
use crate::Config;

const TEMPLATE: &str = include_str!("openapi.json");
const SERVICES: &str = include_str!("openapi-services.json");

/// Of a path: the setting without which the service does not have it.
const ENABLED_BY: &str = "x-enabled-by";

/// Stands for the path of the metadata, which is not below the issuer's.
const METADATA: &str = "well-known:oauth-authorization-server";

/// The document of a service with these settings.
///
/// # Errors
/// None in practice: a test reads the document.
pub fn document(config: &Config) -> Result<Value, serde_json::Error> {
    let issuer = &config.issuer;
    let mut document: Map<String, Value> = serde_json::from_str(TEMPLATE)?;
    merge(&mut document, serde_json::from_str(SERVICES)?);
    if let Some(Value::Object(paths)) = document.get_mut("paths") {
        *paths = std::mem::take(paths)
            .into_iter()
            .filter(
                |(_, item)| match item.get(ENABLED_BY).and_then(Value::as_str) {
                    Some(setting) => config.is_set(setting),
                    None => true,
                },
            )
            .map(|(path, item)| match path.as_str() {
                METADATA => (metadata::well_known_path(issuer), item),
                _ => (format!("{}{path}", issuer.path()), item),
            })
            .collect();
    }
    if let Some(info) = document.get_mut("info").and_then(Value::as_object_mut) {
        info.insert("version".to_owned(), env!("CARGO_PKG_VERSION").into());
    }
    document.insert("servers".to_owned(), json!([{ "url": issuer.origin() }]));
    Ok(document.into())
}

/// Adds what `more` has to `document`.
fn merge(document: &mut Map<String, Value>, more: Map<String, Value>) {
    for (name, value) in more {
        match (document.get_mut(&name), value) {
            (Some(Value::Object(old)), Value::Object(new)) => merge(old, new),
            (Some(Value::Array(old)), Value::Array(new)) => old.extend(new),
            (_, value) => {
                document.insert(name, value);
            }
        }
    }
}

/// The answer. The document is made once, with the router; everybody may read it.
pub(super) fn answer(document: Option<&Bytes>) -> Response {
    let Some(document) = document else {
        return Problem::server_error().into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ];
    (headers, document.clone()).into_response()
}

/// The document as served.
pub(super) fn text(config: &Config) -> Option<Bytes> {
    let text = document(config).and_then(|document| serde_json::to_vec(&document));
    match text {
        Ok(text) => Some(text.into()),
        Err(error) => {
            tracing::error!(%error, "the OpenAPI document is no JSON");
            None
        }
    }
}
