//! The response to the client (RFC 6749 §4.1.2), with the issuer in it (RFC 9207), so that a client of several services
//! knows whose it is.

use form_urlencoded::Serializer;

use super::{RequestRefusal, ReturnTo};
use crate::Issuer;

/// The address that takes a code to the client.
pub fn granted_location(return_to: &ReturnTo, code: &str, issuer: &Issuer) -> String {
    location(return_to, &[("code", code)], issuer)
}

/// The address that takes a refusal to the client.
pub fn error_location(return_to: &ReturnTo, refusal: RequestRefusal, issuer: &Issuer) -> String {
    let description = refusal.to_string();
    let parameters = [
        ("error", refusal.code().as_str()),
        ("error_description", description.as_str()),
    ];
    location(return_to, &parameters, issuer)
}

/// A redirect URI may have a query of its own, which stays (§3.1.2); it has no fragment.
fn location(return_to: &ReturnTo, parameters: &[(&str, &str)], issuer: &Issuer) -> String {
    let mut query = Serializer::new(String::new());
    query.extend_pairs(parameters);
    if let Some(state) = &return_to.state {
        query.append_pair("state", state);
    }
    query.append_pair("iss", issuer.as_str());
    let uri = &return_to.redirect_uri;
    let separator = if uri.contains('?') { '&' } else { '?' };
    format!("{uri}{separator}{}", query.finish())
}
