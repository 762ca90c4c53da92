//! The tower layer: finds the token, has it checked, compares the scope, and only then calls the service inside.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::response::Response;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Request};
use sessionmint_oauth::{BearerChallenge, Scope, TokenRefusal, bearer};
use tower_layer::Layer;
use tower_service::Service;

use crate::respond;
use crate::token::AccessToken;
use crate::verifier::{Verifier, VerifyError};

/// Made by [`Verifier::require`] and [`Verifier::require_token`].
#[derive(Clone, Debug)]
pub struct Require {
    verifier: Verifier,
    scope: Scope,
}

impl Require {
    pub(crate) fn new(verifier: Verifier, scope: Scope) -> Self {
        Self { verifier, scope }
    }

    /// The token of this request, or the answer that it gets instead.
    async fn admit(&self, found: Found) -> Result<AccessToken, Response> {
        let token = match found {
            Found::Checked(token) => token,
            Found::Unusable(challenge) => return Err(respond::challenge(&challenge)),
            Found::Token(token) => match self.verifier.verify(&token).await {
                Ok(token) => token,
                Err(VerifyError::Refused(refusal)) => return Err(refused(refusal)),
                Err(VerifyError::KeysUnavailable { retry_after_secs }) => {
                    return Err(respond::keys_unavailable(retry_after_secs));
                }
            },
        };
        if !self.scope.is_subset(token.scope()) {
            return Err(respond::challenge(&BearerChallenge::InsufficientScope(
                self.scope.clone(),
            )));
        }
        Ok(token)
    }
}

fn refused(refusal: TokenRefusal) -> Response {
    tracing::debug!(token.refusal = %refusal, "access token refused");
    respond::challenge(&BearerChallenge::InvalidToken)
}

/// What a request brings.
enum Found {
    /// A token that an outer layer of the same verifier has checked.
    Checked(AccessToken),
    /// Something under the scheme `Bearer`.
    Token(String),
    /// No token, or no telling which.
    Unusable(BearerChallenge),
}

impl Found {
    fn in_headers(headers: &HeaderMap) -> Self {
        let fields = headers.get_all(AUTHORIZATION).iter();
        match bearer::token(fields.map(HeaderValue::as_bytes)) {
            Ok(token) => Self::Token(token.to_owned()),
            Err(challenge) => Self::Unusable(challenge),
        }
    }
}

impl<S> Layer<S> for Require {
    type Service = RequireService<S>;

    fn layer(&self, inner: S) -> RequireService<S> {
        RequireService {
            require: self.clone(),
            inner,
        }
    }
}

/// A service behind [`Require`].
#[derive(Clone, Debug)]
pub struct RequireService<S> {
    require: Require,
    inner: S,
}

impl<S, B> Service<Request<B>> for RequireService<S>
where
    S: Service<Request<B>, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The clone takes the place; the one that was polled ready makes the call.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let require = self.require.clone();
        Box::pin(async move {
            let checked = request.extensions().get::<AccessToken>();
            let found = match checked.filter(|token| token.is_from(&require.verifier)) {
                Some(token) => Found::Checked(token.clone()),
                None => Found::in_headers(request.headers()),
            };
            match require.admit(found).await {
                Ok(token) => {
                    request.extensions_mut().insert(token);
                    inner.call(request).await
                }
                Err(response) => Ok(response),
            }
        })
    }
}
