//! What holds for a client of the standard grants as a whole.

use crate::oauth_client::{ClientAuthentication, ClientKeys, GrantType, OAuthClient, Rotation};
use crate::redirect_uri::{self, InvalidRedirectUri};
use crate::session_grant::TTL_SECS;
use crate::{InvalidKeySet, VerificationKeys};

/// Longest window in which a replaced refresh token is answered again, in seconds.
pub const MAX_WINDOW_SECS: u64 = 60;

/// Longest name, in characters.
const MAX_NAME_CHARS: usize = 100;

/// Why a client cannot be registered like that.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRegistration {
    /// It may do nothing.
    #[error("a client has at least one grant")]
    NoGrant,
    /// A public client cannot act for itself.
    #[error("the grant {0} is for clients that prove who they are, not for public ones")]
    PublicClient(GrantType),
    /// Refresh tokens come with a code.
    #[error("the grant refresh_token goes with authorization_code")]
    RefreshAlone,
    /// Users cannot be sent back.
    #[error("the grant authorization_code needs a redirect URI")]
    NoRedirectUri,
    /// Nobody is ever sent there.
    #[error("redirect URIs are for the grant authorization_code")]
    RedirectUriUnused,
    /// A redirect URI is not in order.
    #[error("{uri}: {why}")]
    RedirectUri {
        /// Which one.
        uri: String,
        /// What is wrong with it.
        why: InvalidRedirectUri,
    },
    /// `private_key_jwt` without keys.
    #[error("private_key_jwt needs the client's public keys")]
    NoKeys,
    /// Keys without `private_key_jwt`.
    #[error("public keys are for private_key_jwt; this client authenticates with {0}")]
    KeysUnused(ClientAuthentication),
    /// The key set cannot be used.
    #[error("the client's keys are of no use: {0}")]
    Keys(InvalidKeySet),
    /// The address of the key set is not https.
    #[error(
        "the address of the client's keys is https, with a host in lower case and without a user name or fragment"
    )]
    JwksUri,
    /// The default is not among the resources.
    #[error("the default resource is not among the client's resources")]
    DefaultResource,
    /// A default scope is not among the scopes.
    #[error("the default scopes go beyond the client's scopes")]
    DefaultScopes,
    /// The lifetime of its access tokens is out of range.
    #[error("access tokens live {} to {} seconds", TTL_SECS.start(), TTL_SECS.end())]
    Ttl,
    /// A stolen token of a public client would never be noticed.
    #[error("refresh tokens of a public client are replaced when they are used")]
    PublicWithoutRotation,
    /// The times of refresh tokens do not fit together.
    #[error(
        "refresh tokens have a window of at most {MAX_WINDOW_SECS} seconds, and their idle lifetime is at least that and at most the absolute one"
    )]
    RefreshTimes,
    /// The name is empty, too long, or has what cannot be shown.
    #[error("a client's name is 1 to {MAX_NAME_CHARS} printable characters")]
    Name,
}

/// Checks a client. `local`: the service itself is on this machine, so that clients on it may use http.
///
/// # Errors
/// The first rule that it breaks.
pub fn check(client: &OAuthClient, local: bool) -> Result<(), InvalidRegistration> {
    use InvalidRegistration as Invalid;
    let public = client.is_public();
    let has = |grant| client.grants.contains(&grant);
    if client.grants.is_empty() {
        return Err(Invalid::NoGrant);
    }
    for grant in [GrantType::ClientCredentials, GrantType::TokenExchange] {
        if public && has(grant) {
            return Err(Invalid::PublicClient(grant));
        }
    }
    if has(GrantType::RefreshToken) && !has(GrantType::AuthorizationCode) {
        return Err(Invalid::RefreshAlone);
    }
    let redirects = [&client.redirect_uris, &client.post_logout_redirect_uris];
    match (
        has(GrantType::AuthorizationCode),
        client.redirect_uris.is_empty(),
    ) {
        (true, true) => return Err(Invalid::NoRedirectUri),
        (false, _) if redirects.iter().any(|uris| !uris.is_empty()) => {
            return Err(Invalid::RedirectUriUnused);
        }
        _ => {}
    }
    for uri in redirects.into_iter().flatten() {
        redirect_uri::check(uri, public).map_err(|why| Invalid::RedirectUri {
            uri: uri.clone(),
            why,
        })?;
    }
    keys(client, local)?;
    if !client.resources.contains(&client.default_resource) {
        return Err(Invalid::DefaultResource);
    }
    if !client.default_scopes.is_subset(&client.scopes) {
        return Err(Invalid::DefaultScopes);
    }
    if !TTL_SECS.contains(&client.ttl) {
        return Err(Invalid::Ttl);
    }
    let refresh = client.refresh;
    if public && has(GrantType::RefreshToken) && refresh.rotation == Rotation::None {
        return Err(Invalid::PublicWithoutRotation);
    }
    if refresh.window_secs > MAX_WINDOW_SECS
        || refresh.idle_secs < refresh.window_secs.max(1)
        || refresh.absolute_secs < refresh.idle_secs
    {
        return Err(Invalid::RefreshTimes);
    }
    let length = client.name.chars().count();
    if length == 0 || length > MAX_NAME_CHARS || client.name.chars().any(char::is_control) {
        return Err(Invalid::Name);
    }
    Ok(())
}

fn keys(client: &OAuthClient, local: bool) -> Result<(), InvalidRegistration> {
    let signs = client.authentication == ClientAuthentication::PrivateKeyJwt;
    match &client.keys {
        None if signs => Err(InvalidRegistration::NoKeys),
        None => Ok(()),
        Some(_) if !signs => Err(InvalidRegistration::KeysUnused(client.authentication)),
        Some(ClientKeys::Jwks(jwks)) => VerificationKeys::parse(jwks.as_bytes())
            .map(drop)
            .map_err(InvalidRegistration::Keys),
        Some(ClientKeys::JwksUri(uri)) => {
            let http_ok = local && uri.starts_with("http://");
            // What a redirect URI must be, the address of keys must be as well.
            if (uri.starts_with("https://") || http_ok) && redirect_uri::check(uri, false).is_ok() {
                Ok(())
            } else {
                Err(InvalidRegistration::JwksUri)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ClientSubject, RefreshPolicy};

    fn worker() -> OAuthClient {
        OAuthClient {
            client_id: "worker".parse().unwrap(),
            subject: ClientSubject::from_random([1; 16]),
            name: "worker".to_owned(),
            authentication: ClientAuthentication::ClientSecretBasic,
            keys: None,
            grants: vec![GrantType::ClientCredentials],
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            default_resource: "https://api.example.com".to_owned(),
            resources: vec!["https://api.example.com".to_owned()],
            scopes: "a b".parse().unwrap(),
            default_scopes: "a".parse().unwrap(),
            ttl: 300,
            refresh: RefreshPolicy::default(),
            trusted: false,
            disabled_at: None,
        }
    }

    fn native() -> OAuthClient {
        OAuthClient {
            authentication: ClientAuthentication::None,
            grants: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            redirect_uris: vec!["http://127.0.0.1/cb".to_owned()],
            ..worker()
        }
    }

    #[test]
    fn clients_in_order_are_taken() {
        assert_eq!(check(&worker(), false), Ok(()));
        assert_eq!(check(&native(), false), Ok(()));
    }

    #[test]
    fn what_is_unsafe_or_useless_is_refused() {
        use InvalidRegistration as Invalid;
        let refused = |client: OAuthClient, why: Invalid| {
            assert_eq!(check(&client, false), Err(why), "{client:?}");
        };
        refused(
            OAuthClient {
                grants: vec![],
                ..worker()
            },
            Invalid::NoGrant,
        );
        for grant in [GrantType::ClientCredentials, GrantType::TokenExchange] {
            let grants = vec![GrantType::AuthorizationCode, grant];
            refused(
                OAuthClient { grants, ..native() },
                Invalid::PublicClient(grant),
            );
        }
        let grants = vec![GrantType::ClientCredentials, GrantType::RefreshToken];
        refused(OAuthClient { grants, ..worker() }, Invalid::RefreshAlone);
        refused(
            OAuthClient {
                redirect_uris: vec![],
                ..native()
            },
            Invalid::NoRedirectUri,
        );
        let uris = vec!["https://app.example/cb".to_owned()];
        refused(
            OAuthClient {
                redirect_uris: uris.clone(),
                ..worker()
            },
            Invalid::RedirectUriUnused,
        );
        refused(
            OAuthClient {
                post_logout_redirect_uris: uris,
                ..worker()
            },
            Invalid::RedirectUriUnused,
        );
        let uri = "http://app.example/cb".to_owned();
        refused(
            OAuthClient {
                redirect_uris: vec![uri.clone()],
                ..native()
            },
            Invalid::RedirectUri {
                uri,
                why: InvalidRedirectUri::Http,
            },
        );
        let authentication = ClientAuthentication::PrivateKeyJwt;
        refused(
            OAuthClient {
                authentication,
                ..worker()
            },
            Invalid::NoKeys,
        );
        let jwks = Some(ClientKeys::Jwks("{}".to_owned()));
        refused(
            OAuthClient {
                keys: jwks.clone(),
                ..worker()
            },
            Invalid::KeysUnused(ClientAuthentication::ClientSecretBasic),
        );
        refused(
            OAuthClient {
                authentication,
                keys: jwks,
                ..worker()
            },
            Invalid::Keys(InvalidKeySet::Malformed),
        );
        for uri in [
            "http://app.example/jwks",
            "https://u@app.example/jwks",
            "com.example.app:/jwks",
            "/jwks",
        ] {
            let keys = Some(ClientKeys::JwksUri(uri.to_owned()));
            refused(
                OAuthClient {
                    authentication,
                    keys,
                    ..worker()
                },
                Invalid::JwksUri,
            );
        }
        let keys = Some(ClientKeys::JwksUri("https://app.example/jwks".to_owned()));
        assert_eq!(
            check(
                &OAuthClient {
                    authentication,
                    keys,
                    ..worker()
                },
                false
            ),
            Ok(())
        );
        refused(
            OAuthClient {
                resources: vec![],
                ..worker()
            },
            Invalid::DefaultResource,
        );
        refused(
            OAuthClient {
                default_scopes: "c".parse().unwrap(),
                ..worker()
            },
            Invalid::DefaultScopes,
        );
        refused(
            OAuthClient {
                ttl: 301,
                ..worker()
            },
            Invalid::Ttl,
        );
        let policy = |refresh| OAuthClient {
            refresh,
            ..native()
        };
        let standard = RefreshPolicy::default();
        refused(
            policy(RefreshPolicy {
                rotation: Rotation::None,
                ..standard
            }),
            Invalid::PublicWithoutRotation,
        );
        for refresh in [
            RefreshPolicy {
                window_secs: 61,
                ..standard
            },
            RefreshPolicy {
                idle_secs: 5,
                ..standard
            },
            RefreshPolicy {
                absolute_secs: 60,
                ..standard
            },
        ] {
            refused(policy(refresh), Invalid::RefreshTimes);
        }
        for name in ["", "a\nb", &"x".repeat(101)] {
            refused(
                OAuthClient {
                    name: name.to_owned(),
                    ..worker()
                },
                Invalid::Name,
            );
        }
    }
}
