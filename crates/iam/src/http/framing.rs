//! Requests whose end, or whose host, two readers could see differently (RFC 9112 §11.2). A gateway and this service
//! must agree where one user's request ends and the next one's begins; so what is ambiguous is refused, and the
//! connection is closed.
//!
//! hyper refuses most of it before anything here sees it: lengths that contradict each other or are no numbers, an
//! unknown transfer coding, folded lines, a space before the colon, a lone CR. What it accepts and this service does not:
//! - `Transfer-Encoding`. With a `Content-Length` beside it, hyper rightly believes the former and drops the latter, but
//!   a careless gateway may not have. Which it was cannot be seen any more, and no client needs it for bodies this short.
//! - No `Host`, several, or another one than in the address.
//!
//! HTTP/2 has frames for the ends of requests, and its library checks their lengths.

use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderValue, StatusCode, Version, header};
use axum::response::{IntoResponse, Response};

use super::headers;
use super::problem::Problem;

/// The answer to an ambiguous request; `None` for any other.
pub(crate) fn refusal<B>(request: &Request<B>) -> Option<Response> {
    let problem = if request.headers().contains_key(header::TRANSFER_ENCODING) {
        Problem::new(
            StatusCode::LENGTH_REQUIRED,
            "length_required",
            "send the body with a Content-Length and without a Transfer-Encoding",
        )
    } else if !has_one_host(request) {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "ambiguous_host",
            "send one Host header, the same as in the address",
        )
    } else {
        return None;
    };
    let mut response = headers::secure(problem.into_response());
    // Meaningless in HTTP/2, and forbidden there.
    if request.version() != Version::HTTP_2 {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    Some(response)
}

/// RFC 9112 §3.2, RFC 9113 §8.3.1. The host itself decides nothing here: the issuer is configured.
fn has_one_host<B>(request: &Request<B>) -> bool {
    let mut fields = request.headers().get_all(header::HOST).iter();
    let (field, more) = (fields.next(), fields.next());
    match (field, request.uri().authority()) {
        _ if more.is_some() => false,
        (None, None) => request.version() == Version::HTTP_10,
        (None, Some(_)) => request.version() == Version::HTTP_2,
        (Some(field), address) => Authority::try_from(field.as_bytes())
            // Authorities compare without regard to case.
            .is_ok_and(|host| address.is_none_or(|address| *address == host)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_compared_as_hosts() {
        let answer = |version: Version, uri: &str, hosts: &[&str]| {
            let mut request = Request::builder().version(version).uri(uri);
            for host in hosts {
                request = request.header(header::HOST, *host);
            }
            refusal(&request.body(()).unwrap()).map(|response| response.status().as_u16())
        };
        let (one, two, old) = (Version::HTTP_11, Version::HTTP_2, Version::HTTP_10);
        for (version, uri, hosts) in [
            (one, "/", &["api.example.com"][..]),
            (one, "/", &["[::1]:8080"]),
            (one, "http://api.example.com/", &["API.example.com"]),
            (two, "https://api.example.com/", &[]),
            (two, "https://api.example.com/", &["api.example.com"]),
            (old, "/", &[]),
        ] {
            assert_eq!(answer(version, uri, hosts), None, "{uri} {hosts:?}");
        }
        for (version, uri, hosts) in [
            (one, "/", &[][..]),
            (one, "/", &["a.example", "a.example"]),
            (one, "/", &["a.example", "b.example"]),
            (one, "/", &["a.example/b"]),
            (one, "/", &[""]),
            (one, "http://a.example/", &["b.example"]),
            (one, "http://a.example/", &[]),
            (two, "https://a.example/", &["b.example"]),
            (two, "/", &[]),
            (old, "/", &["a.example", "b.example"]),
        ] {
            assert_eq!(answer(version, uri, hosts), Some(400), "{uri} {hosts:?}");
        }
    }
}
