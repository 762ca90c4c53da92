//! The API host: one address for the IAM service and the services beside it.
//!
//! Browsers send the session cookie to every path of the host, since a cookie is per host and not per path. So this is
//! where it is taken off requests to services, and where a service is kept from setting, or clearing, a cookie of that
//! name. For the same reason nothing that a service answers may run as a page here.

mod headers;
mod route;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::response::{IntoResponse, Response};
use http::header::HOST;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, StatusCode, Uri, Version};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::problem::Problem;
use route::Target;

/// How long an upstream may take to begin its answer.
const UPSTREAM_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a connection to an upstream may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Clone)]
struct Gateway {
    iam: Authority,
    service: Authority,
    client: Client<HttpConnector, Body>,
}

/// The gateway in front of two upstreams, spoken to over plain http. `own` are routes that it answers itself; they are
/// looked at first.
pub fn router(iam: Authority, service: Authority, own: Router) -> Router {
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let gateway = Gateway {
        iam,
        service,
        client,
    };
    Router::new()
        .fallback(forward)
        .with_state(gateway)
        .merge(own)
}

async fn forward(
    State(gateway): State<Gateway>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request<Body>,
) -> Response {
    match gateway.forward(peer, request).await {
        Ok(response) => response,
        Err(problem) => {
            let mut response = problem.into_response();
            headers::forbid_pages(response.headers_mut());
            response
        }
    }
}

impl Gateway {
    async fn forward(
        &self,
        peer: SocketAddr,
        mut request: Request<Body>,
    ) -> Result<Response, Problem> {
        let host = host_of(&request)?;
        let target = route::target(request.uri().path()).map_err(|_| {
            Problem(
                StatusCode::BAD_REQUEST,
                "write the path in its simplest form",
            )
        })?;
        let upstream = match target {
            Target::Iam => &self.iam,
            Target::Service => &self.service,
        };
        *request.uri_mut() = address(upstream, request.uri())?;
        *request.version_mut() = Version::HTTP_11;
        let fields = request.headers_mut();
        headers::strip_hop_by_hop(fields);
        headers::strip_claims_of_proxies(fields);
        if target == Target::Service {
            headers::strip_session_cookie(fields);
        }
        headers::say_who_asks(fields, peer.ip(), &host);
        fields.insert(HOST, host);

        let answer = tokio::time::timeout(UPSTREAM_TIMEOUT, self.client.request(request));
        let answer = match answer.await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                tracing::warn!(upstream = %upstream, error = %error, "an upstream cannot be reached");
                return Err(Problem(
                    StatusCode::BAD_GATEWAY,
                    "the service behind this address cannot be reached",
                ));
            }
            Err(_) => {
                return Err(Problem(
                    StatusCode::GATEWAY_TIMEOUT,
                    "the service behind this address is too slow",
                ));
            }
        };
        let mut answer = answer.map(Body::new);
        headers::strip_hop_by_hop(answer.headers_mut());
        if target == Target::Service {
            headers::strip_cookie_changes(answer.headers_mut());
            headers::forbid_pages(answer.headers_mut());
        }
        Ok(answer)
    }
}

/// The host that the client meant. HTTP/2 puts it into the address; in HTTP/1.1 an address with a host is for proxies,
/// and two statements about the host would be one too many.
fn host_of(request: &Request<Body>) -> Result<HeaderValue, Problem> {
    let mut fields = request.headers().get_all(HOST).iter();
    let field = fields.next();
    if fields.next().is_some() {
        return Err(Problem(StatusCode::BAD_REQUEST, "send one `host` header"));
    }
    let host = match (request.version(), request.uri().authority(), field) {
        (Version::HTTP_2, Some(authority), _) => HeaderValue::from_str(authority.as_str()).ok(),
        (Version::HTTP_10 | Version::HTTP_11, None, Some(field)) => Some(field.clone()),
        _ => None,
    };
    host.ok_or(Problem(
        StatusCode::BAD_REQUEST,
        "send a path and one `host` header",
    ))
}

fn address(upstream: &Authority, asked: &Uri) -> Result<Uri, Problem> {
    let path = asked
        .path_and_query()
        .cloned()
        .unwrap_or(PathAndQuery::from_static("/"));
    let parts = Uri::builder()
        .scheme(Scheme::HTTP)
        .authority(upstream.clone())
        .path_and_query(path);
    parts
        .build()
        .map_err(|_| Problem(StatusCode::BAD_REQUEST, "the path cannot be read"))
}
