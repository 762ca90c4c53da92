//! Authorization server metadata (RFC 8414).

use serde::{Deserialize, Serialize};

use crate::authorize::{OFFLINE_ACCESS, OPENID, PROFILE};
use crate::{Algorithm, ClientAuthentication, GrantType, Issuer, pkce, session_grant};

/// The metadata document. It lists what is enabled and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerMetadata {
    /// Byte-equal to the configured issuer and to `iss`.
    pub issuer: String,
    /// Where tokens are minted.
    pub token_endpoint: String,
    /// Where the public keys are.
    pub jwks_uri: String,
    /// Where the signed-in user is described.
    pub userinfo_endpoint: String,
    /// None where there is no authorization endpoint.
    pub response_types_supported: Vec<String>,
    /// The grants of the token endpoint.
    pub grant_types_supported: Vec<String>,
    /// How clients prove who they are. Browser apps do not: their origin identifies them.
    pub token_endpoint_auth_methods_supported: Vec<String>,
    /// What a client may sign with to prove who it is.
    pub token_endpoint_auth_signing_alg_values_supported: Vec<String>,
    /// Where clients give tokens back (RFC 7009).
    pub revocation_endpoint: String,
    /// How clients prove who they are there.
    pub revocation_endpoint_auth_methods_supported: Vec<String>,
    /// Where services ask whether a token still counts (RFC 7662).
    pub introspection_endpoint: String,
    /// How clients prove who they are there: public ones cannot.
    pub introspection_endpoint_auth_methods_supported: Vec<String>,
    /// What there is where the authorization code flow is enabled.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub code_flow: Option<CodeFlowMetadata>,
}

/// The authorization code flow and OpenID Connect Discovery §3.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeFlowMetadata {
    /// Where clients send users.
    pub authorization_endpoint: String,
    /// Where clients send users to sign out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_session_endpoint: Option<String>,
    /// How a response comes back.
    pub response_modes_supported: Vec<String>,
    /// Scopes with a meaning of their own.
    pub scopes_supported: Vec<String>,
    /// PKCE (RFC 7636).
    pub code_challenge_methods_supported: Vec<String>,
    /// RFC 9207.
    pub authorization_response_iss_parameter_supported: bool,
    /// A user has one `sub` for all clients.
    pub subject_types_supported: Vec<String>,
    /// What signs ID tokens.
    pub id_token_signing_alg_values_supported: Vec<String>,
    /// Of ID tokens and userinfo.
    pub claims_supported: Vec<String>,
    /// Values of `prompt`.
    pub prompt_values_supported: Vec<String>,
    /// Defaults to true where absent (OpenID Connect Discovery §3).
    pub request_uri_parameter_supported: bool,
}

impl CodeFlowMetadata {
    /// Of a service of this name, with or without the endpoint for sign-outs, that signs with `algorithm`.
    pub fn new(issuer: &Issuer, sign_out: bool, algorithm: Algorithm) -> Self {
        Self {
            authorization_endpoint: format!("{issuer}/oauth/authorize"),
            end_session_endpoint: sign_out.then(|| format!("{issuer}/oauth/logout")),
            response_modes_supported: texts(&["query"]),
            scopes_supported: texts(&[OPENID, PROFILE, OFFLINE_ACCESS]),
            code_challenge_methods_supported: texts(&[pkce::METHOD]),
            authorization_response_iss_parameter_supported: true,
            subject_types_supported: texts(&["public"]),
            id_token_signing_alg_values_supported: texts(&[algorithm.name()]),
            claims_supported: texts(&[
                "iss",
                "sub",
                "aud",
                "exp",
                "iat",
                "auth_time",
                "nonce",
                "sid",
                "preferred_username",
            ]),
            prompt_values_supported: texts(&["none", "login", "consent"]),
            request_uri_parameter_supported: false,
        }
    }
}

impl ServerMetadata {
    /// The metadata of a service.
    pub fn new(issuer: &Issuer) -> Self {
        Self {
            issuer: issuer.to_string(),
            token_endpoint: format!("{issuer}/oauth/token"),
            jwks_uri: format!("{issuer}/.well-known/jwks.json"),
            userinfo_endpoint: format!("{issuer}/userinfo"),
            response_types_supported: Vec::new(),
            grant_types_supported: texts(&[
                session_grant::GRANT_TYPE,
                session_grant::GRANT_TYPE_URN,
                GrantType::ClientCredentials.as_str(),
                GrantType::RefreshToken.as_str(),
                GrantType::TokenExchange.as_str(),
            ]),
            token_endpoint_auth_methods_supported: names(ClientAuthentication::ALL),
            token_endpoint_auth_signing_alg_values_supported: texts(
                &Algorithm::ALL.map(Algorithm::name),
            ),
            revocation_endpoint: format!("{issuer}/oauth/revoke"),
            revocation_endpoint_auth_methods_supported: names(ClientAuthentication::ALL),
            introspection_endpoint: format!("{issuer}/oauth/introspect"),
            introspection_endpoint_auth_methods_supported: ClientAuthentication::ALL
                .iter()
                .filter(|way| **way != ClientAuthentication::None)
                .map(ToString::to_string)
                .collect(),
            code_flow: None,
        }
    }

    /// The same of a service that offers the authorization code flow too.
    #[must_use]
    pub fn with_code_flow(mut self, code_flow: CodeFlowMetadata) -> Self {
        self.response_types_supported = vec!["code".to_owned()];
        self.grant_types_supported
            .push(GrantType::AuthorizationCode.to_string());
        self.code_flow = Some(code_flow);
        self
    }
}

fn names(ways: &[ClientAuthentication]) -> Vec<String> {
    ways.iter().map(ToString::to_string).collect()
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

/// The path of the metadata document on the issuer's origin: the issuer's own path comes last (RFC 8414 §3.1).
pub fn well_known_path(issuer: &Issuer) -> String {
    format!("/.well-known/oauth-authorization-server{}", issuer.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_well_known_part_comes_before_the_issuers_path() {
        let issuer: Issuer = "https://api.example.com/iam".parse().unwrap();
        assert_eq!(
            well_known_path(&issuer),
            "/.well-known/oauth-authorization-server/iam"
        );
        assert_eq!(
            ServerMetadata::new(&issuer).token_endpoint,
            "https://api.example.com/iam/oauth/token"
        );
    }
}
