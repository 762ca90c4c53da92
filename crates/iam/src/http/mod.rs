//! The service over HTTP: which path leads to which handler, and what is true of every answer.
//!
//! One endpoint a file. Around each, in one stack of layers since every boxed one costs all requests, from the outside:
//! security headers and a net for panics; where browsers call, [`cors`], which also finds out whose origin calls; and
//! within that, so that a script can read the refusal, the limits on the size of request headers and on time.

mod access;
mod admin;
mod answer;
mod authorize;
mod bearer;
mod body;
mod caller;
mod client_authentication;
mod client_ip;
mod cookie;
mod cors;
mod discovery;
mod form_body;
pub(crate) mod framing;
mod headers;
mod live;
mod login;
mod logout;
pub mod openapi;
mod password;
mod problem;
mod sessions;
mod token;
mod tokens;
mod userinfo;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, delete, get, post};
use sessionmint_oauth::metadata;
use tower::ServiceBuilder;
use tower_cookies::CookieManagerLayer;
use tower_http::catch_panic::CatchPanicLayer;

use crate::App;
use crate::config::AuthorizeConfig;
use authorize::{end_session, interactions};
pub(crate) use caller::KnownOrigins;
use cors::Cors;
use problem::Problem;

/// A router that remembers its paths, so that a test can hold the documentation against them.
struct Routes {
    router: Router<Arc<App>>,
    paths: Vec<String>,
}

impl Routes {
    fn new() -> Self {
        Self {
            router: Router::new(),
            paths: Vec::new(),
        }
    }

    fn route(mut self, path: &str, methods: MethodRouter<Arc<App>>) -> Self {
        self.paths.push(path.to_owned());
        Self {
            router: self.router.route(path, methods),
            ..self
        }
    }
}

/// The paths that [`router`] serves.
pub fn paths(app: &Arc<App>) -> Vec<String> {
    routes(app).paths
}

/// The service as an axum router. Serve it with `into_make_service_with_connect_info::<SocketAddr>()`: the peer's address
/// is what sign-ins are throttled by.
pub fn router(app: Arc<App>) -> Router {
    routes(&app)
        .router
        .fallback(async || headers::secure(not_found().await.into_response()))
        .with_state(app)
}

fn routes(app: &Arc<App>) -> Routes {
    let issuer = &app.config.issuer;
    let openapi = openapi::text(&app.config);
    let path = |rest: &str| format!("{}{rest}", issuer.path());
    let cookie = Cors {
        methods: "POST",
        request_headers: None,
        credentials: true,
        only_pages: false,
    };
    let login = Cors {
        request_headers: Some("Content-Type"),
        ..cookie
    };
    let account = |methods| Cors {
        methods,
        request_headers: Some("Authorization"),
        credentials: false,
        only_pages: false,
    };
    let endpoint = |routes, cors| browser_endpoint(app, routes, cors);
    let routes = Routes::new()
        .route(&path("/oauth/token"), endpoint(post(token::mint), cookie))
        .route(
            &path("/oauth/revoke"),
            service_endpoint(post(tokens::revoke)),
        )
        .route(
            &path("/oauth/introspect"),
            service_endpoint(post(tokens::introspect)),
        )
        .route(
            &path("/passwordlogin"),
            endpoint(
                post(login::password).layer(CookieManagerLayer::new()),
                login,
            ),
        )
        .route(
            &path("/logout"),
            endpoint(
                post(logout::logout).layer(CookieManagerLayer::new()),
                cookie,
            ),
        )
        .route(
            &path("/userinfo"),
            endpoint(get(userinfo::userinfo), account("GET")),
        )
        .route(
            &path("/password"),
            endpoint(
                post(password::change),
                Cors {
                    request_headers: Some("Authorization, Content-Type"),
                    ..account("POST")
                },
            ),
        )
        .route(
            &path("/sessions"),
            endpoint(
                get(sessions::list).delete(sessions::end_others),
                account("GET, DELETE"),
            ),
        )
        .route(
            &path("/sessions/{id}"),
            endpoint(delete(sessions::end_one), account("DELETE")),
        )
        .route(
            &path("/access/check"),
            service_endpoint(post(access::check)),
        )
        .route(
            &path("/access/check/batch"),
            service_endpoint(post(access::check_batch)),
        )
        .route(
            &path("/.well-known/jwks.json"),
            open_endpoint(get(discovery::jwks)),
        )
        .route(
            &metadata::well_known_path(issuer),
            open_endpoint(get(discovery::metadata)),
        )
        .route(
            &path("/openapi.json"),
            open_endpoint(get(async move || openapi::answer(openapi.as_ref()))),
        );
    let routes = admin::routes(routes, path);
    match &app.config.authorize {
        Some(pages) => code_flow(app, pages, routes),
        None => routes,
    }
}

/// The endpoints of the authorization code flow. Where browsers are led to, no answer has a CORS header; where the pages of
/// the operator call, no others may.
fn code_flow(app: &Arc<App>, pages: &AuthorizeConfig, routes: Routes) -> Routes {
    let issuer = &app.config.issuer;
    let path = |rest: &str| format!("{}{rest}", issuer.path());
    let page = |methods| Cors {
        methods,
        request_headers: Some("Content-Type"),
        credentials: true,
        only_pages: true,
    };
    let routes = routes
        .route(
            &path("/oauth/authorize"),
            open_endpoint(get(authorize::authorize).post(authorize::authorize)),
        )
        .route(
            &path("/interactions/{id}"),
            browser_endpoint(
                app,
                get(interactions::show).post(interactions::decide),
                page("GET, POST"),
            ),
        )
        .route(
            &path("/.well-known/openid-configuration"),
            open_endpoint(get(discovery::metadata)),
        );
    if pages.logout_url.is_none() {
        return routes;
    }
    routes
        .route(
            &path("/oauth/logout"),
            open_endpoint(get(end_session::ask).post(end_session::ask)),
        )
        .route(
            &path("/interactions/logout"),
            browser_endpoint(
                app,
                get(end_session::show)
                    .post(end_session::confirm)
                    .layer(CookieManagerLayer::new()),
                page("GET, POST"),
            ),
        )
}

/// An endpoint for everybody.
fn open_endpoint(routes: MethodRouter<Arc<App>>) -> MethodRouter<Arc<App>> {
    let around = ServiceBuilder::new()
        .map_response(headers::secure)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(headers::limit));
    routes.fallback(method_not_allowed).layer(around)
}

/// An endpoint for services and operators. It has no CORS headers, so no page can read it, nor send it a token.
fn service_endpoint(routes: MethodRouter<Arc<App>>) -> MethodRouter<Arc<App>> {
    let around = ServiceBuilder::new()
        .map_response(headers::secure)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(headers::bounded));
    routes.fallback(method_not_allowed).layer(around)
}

/// An endpoint for scripts on the origins of the registered clients. A panic is caught inside of the CORS layer too, so
/// that even then a script sees a temporary fault and not a network error.
fn browser_endpoint(
    app: &Arc<App>,
    routes: MethodRouter<Arc<App>>,
    cors: Cors,
) -> MethodRouter<Arc<App>> {
    let around = ServiceBuilder::new()
        .map_response(headers::secure)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(
            (Arc::clone(app), cors),
            cors::layer,
        ))
        .layer(CatchPanicLayer::custom(panicked));
    routes.fallback(method_not_allowed).layer(around)
}

async fn not_found() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "not_found",
        "there is nothing at this address",
    )
}

async fn method_not_allowed() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "the Allow header lists what is allowed here",
    )
}

/// The hook for panics has said what happened and where.
fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    Problem::server_error().into_response()
}
