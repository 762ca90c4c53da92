//! Protects the routes of a service with access tokens of the IAM service: a tower layer and an axum extractor.
//!
//! Tokens are checked offline against the issuer's public keys, which a background task fetches and keeps fresh. A request
//! with a known key never waits for the network, and tokens stay good while the IAM service is down.
//!
//! What it is not: an OAuth client or a session. It reads `Authorization: Bearer …` and nothing else: no cookie, no query,
//! no body.
//!
//! ```
//! use axum::{Router, handler::Handler, routing::get};
//! use sessionmint_verify::{AccessToken, Verifier};
//! use tower_http::cors::{AllowOrigin, CorsLayer};
//!
//! async fn list(token: AccessToken) -> String {
//!     format!("notes of {}", token.subject())
//! }
//!
//! async fn create(token: AccessToken) -> String {
//!     format!("a new note of {}", token.subject())
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let verifier = Verifier::builder("https://api.example.com/iam", "https://api.example.com").build()?;
//! let cors = CorsLayer::new()
//!     .allow_origin(AllowOrigin::exact("https://ui.example.com".parse()?))
//!     .allow_headers([http::header::AUTHORIZATION, http::header::CONTENT_TYPE])
//!     .expose_headers([http::header::WWW_AUTHENTICATE, http::header::RETRY_AFTER]);
//! let app: Router = Router::new()
//!     .route(
//!         "/notes",
//!         get(list.layer(verifier.require("notes:read"))).post(create.layer(verifier.require("notes:write"))),
//!     )
//!     .layer(cors);
//! # Ok(())
//! # }
//! ```
//!
//! # Put it inside the CORS layer
//! As above, the CORS layer comes last, so it is outermost: it answers preflights, which carry no token, and puts its
//! headers on the 401 as well. The other way round the page cannot read the 401 and takes it for a network error.
//!
//! # What a request gets
//! | request | answer |
//! |---|---|
//! | no bearer token | 401, `WWW-Authenticate: Bearer` |
//! | a token that is malformed, expired, forged, or for somebody else | 401, `error="invalid_token"` |
//! | a good token without the scope | 403, `error="insufficient_scope"` and the scope |
//! | two `Authorization` fields | 400, `error="invalid_request"` |
//! | a token while no keys could be fetched yet, or for longer than [`VerifierBuilder::max_stale`] | 503, `Retry-After` |
//!
//! Why a token was refused is logged at `debug` as `token.refusal`, and not told to the client.

mod builder;
mod clock;
mod fetch;
mod keys;
mod layer;
mod refresh;
mod respond;
mod seen;
mod token;
mod verifier;

pub use builder::{
    BuildError, DEFAULT_COOL_DOWN, DEFAULT_MAX_STALE, DEFAULT_REMEMBERED, VerifierBuilder,
};
pub use clock::{Clock, SystemClock};
pub use layer::{Require, RequireService};
pub use sessionmint_oauth::{AccessTokenClaims, Scope, Timestamp, TokenRefusal};
pub use token::{AccessToken, NotProtected, Subject};
pub use verifier::{Verifier, VerifyError};
