//! Authorization server metadata (RFC 8414).

use serde::{Deserialize, Serialize};

use crate::{ClientAuthentication, GrantType, Issuer, session_grant};

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
    /// None: there is no authorization endpoint.
    pub response_types_supported: Vec<String>,
    /// The grants of the token endpoint.
    pub grant_types_supported: Vec<String>,
    /// How clients prove who they are. Browser apps do not: their origin identifies them.
    pub token_endpoint_auth_methods_supported: Vec<String>,
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
            ]),
            token_endpoint_auth_methods_supported: texts(&[
                ClientAuthentication::None.as_str(),
                ClientAuthentication::ClientSecretBasic.as_str(),
                ClientAuthentication::ClientSecretPost.as_str(),
            ]),
        }
    }
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
