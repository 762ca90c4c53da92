//! What anybody may read: the public keys and the metadata. Neither asks the store, so verifiers keep working while it is
//! down.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sessionmint_oauth::metadata::{CodeFlowMetadata, ServerMetadata};

use super::answer;
use crate::App;

/// No credentials are involved, so every origin may read.
const ANY_ORIGIN: (HeaderName, HeaderValue) = (
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    HeaderValue::from_static("*"),
);

/// `GET /.well-known/jwks.json` (RFC 7517 §5).
pub(super) async fn jwks(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let jwks = app.keys.jwks();
    let caching = [
        (
            header::CACHE_CONTROL,
            format!("public, max-age={}", app.config.keys.jwks_max_age_secs),
        ),
        (header::ETAG, jwks.etag.clone()),
    ];
    let named = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok());
    if named.into_iter().any(|value| jwks.is_named_by(value)) {
        return (StatusCode::NOT_MODIFIED, caching, [ANY_ORIGIN]).into_response();
    }
    let content_type = (
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    (caching, [ANY_ORIGIN, content_type], jwks.body.clone()).into_response()
}

/// `GET /.well-known/oauth-authorization-server/…` (RFC 8414 §3), and with the code flow `GET
/// /.well-known/openid-configuration` (OpenID Connect Discovery §4).
pub(super) async fn metadata(State(app): State<Arc<App>>) -> Response {
    let config = &app.config;
    let metadata = ServerMetadata::new(&config.issuer);
    let metadata = match &config.authorize {
        Some(pages) => metadata.with_code_flow(CodeFlowMetadata::new(
            &config.issuer,
            pages.logout_url.is_some(),
            config.keys.algorithm,
        )),
        None => metadata,
    };
    let document = answer::json(StatusCode::OK, &metadata);
    ([ANY_ORIGIN], document).into_response()
}
