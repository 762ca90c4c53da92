//! What holds for a client as a whole, whoever registers it and by whichever way.

mod address;
#[cfg(test)]
mod tests;

pub use address::{InvalidAddress, check_origin, check_resource, cross_site};

use crate::oauth_client::{ClientAuthentication, ClientKeys, GrantType, OAuthClient, Rotation};
use crate::redirect_uri::{self, InvalidRedirectUri};
use crate::session_grant::TTL_SECS;
use crate::{BrowserClient, InvalidKeySet, Issuer, Scope, VerificationKeys};

/// Longest window in which a replaced refresh token is answered again, in seconds.
pub const MAX_WINDOW_SECS: u64 = 60;

/// Longest name, in characters.
const MAX_NAME_CHARS: usize = 100;

/// Why a client cannot be registered like that, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRegistration {
    /// No page could use it.
    #[error("a browser app has at least one origin; to take it out of use, remove it")]
    NoOrigin,
    /// An origin is not in order.
    #[error("{origin}: {why}")]
    Origin {
        /// Which one.
        origin: String,
        /// What is wrong with it.
        why: InvalidAddress,
    },
    /// The service itself is there.
    #[error(
        "{0} is the origin of the service itself: a script anywhere on that host could mint; serve the app from a host of its own, e.g. https://ui.example.com beside https://api.example.com"
    )]
    OwnOrigin(String),
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
    /// An address for after the sign-out is not in order.
    #[error("{uri}: {why}")]
    PostLogoutRedirectUri {
        /// Which one.
        uri: String,
        /// What is wrong with it.
        why: InvalidRedirectUri,
    },
    /// `private_key_jwt` without keys.
    #[error("private_key_jwt needs the client's public keys: a JWK set, or the address of one")]
    NoKeys,
    /// Keys without `private_key_jwt`.
    #[error("public keys are for private_key_jwt; this client authenticates with {0}")]
    KeysUnused(ClientAuthentication),
    /// Two sets of keys.
    #[error("the client's keys are a JWK set or the address of one, not both")]
    TwoKeySets,
    /// The key set cannot be used.
    #[error("the client's keys are of no use: {0}")]
    Keys(InvalidKeySet),
    /// The address of the key set is not https.
    #[error(
        "the address of the client's keys is https, with a host in lower case and without a user name or fragment"
    )]
    JwksUri,
    /// It may ask for no audience.
    #[error("a client has at least one resource, the address of an API that its tokens are for")]
    NoResource,
    /// A resource is not in order.
    #[error("{resource}: {why}")]
    Resource {
        /// Which one.
        resource: String,
        /// What is wrong with it.
        why: InvalidAddress,
    },
    /// The default is not among the resources.
    #[error(
        "the default resource {default} is not among its resources ({}); add it there, or choose one of them",
        resources.join(", ")
    )]
    DefaultResource {
        /// The default.
        default: String,
        /// The resources.
        resources: Vec<String>,
    },
    /// A default scope is not among the scopes.
    #[error("the default scopes go beyond the scopes of the client: {0}; add them there")]
    DefaultScopes(Scope),
    /// The lifetime of its access tokens is out of range.
    #[error("access tokens live {} to {} seconds", TTL_SECS.start(), TTL_SECS.end())]
    Ttl,
    /// A stolen token of a public client would never be noticed.
    #[error("refresh tokens of a public client are replaced when they are used")]
    PublicWithoutRotation,
    /// The window of refresh tokens is out of range.
    #[error("the window of refresh tokens is at most {MAX_WINDOW_SECS} seconds")]
    RefreshWindow,
    /// The idle lifetime of refresh tokens is within their window.
    #[error("the idle lifetime of refresh tokens is at least a second, and at least their window")]
    RefreshIdle,
    /// The absolute lifetime of refresh tokens is within the idle one.
    #[error("the absolute lifetime of refresh tokens is at least their idle lifetime")]
    RefreshAbsolute,
    /// The name is empty, too long, or has what cannot be shown.
    #[error("a client's name is 1 to {MAX_NAME_CHARS} printable characters")]
    Name,
}

impl InvalidRegistration {
    /// The member of the client's JSON that it is about.
    pub fn field(&self) -> &'static str {
        match self {
            Self::NoOrigin | Self::Origin { .. } | Self::OwnOrigin(_) => "origins",
            Self::NoGrant | Self::PublicClient(_) | Self::RefreshAlone => "grants",
            Self::NoRedirectUri | Self::RedirectUriUnused | Self::RedirectUri { .. } => {
                "redirect_uris"
            }
            Self::PostLogoutRedirectUri { .. } => "post_logout_redirect_uris",
            Self::NoKeys | Self::KeysUnused(_) | Self::TwoKeySets | Self::Keys(_) => "jwks",
            Self::JwksUri => "jwks_uri",
            Self::NoResource | Self::Resource { .. } => "resources",
            Self::DefaultResource { .. } => "default_resource",
            Self::DefaultScopes(_) => "default_scopes",
            Self::Ttl => "ttl",
            Self::PublicWithoutRotation => "refresh_rotation",
            Self::RefreshWindow => "refresh_window",
            Self::RefreshIdle => "refresh_idle",
            Self::RefreshAbsolute => "refresh_absolute",
            Self::Name => "name",
        }
    }
}

/// Checks a browser app. `issuer`: of the service, where it is known.
///
/// # Errors
/// The first rule that it breaks.
pub fn check_browser(
    client: &BrowserClient,
    issuer: Option<&Issuer>,
) -> Result<(), InvalidRegistration> {
    use InvalidRegistration as Invalid;
    if client.origins.is_empty() {
        return Err(Invalid::NoOrigin);
    }
    for origin in &client.origins {
        check_origin(origin).map_err(|why| Invalid::Origin {
            origin: origin.clone(),
            why,
        })?;
        if issuer.is_some_and(|issuer| issuer.origin() == origin) {
            return Err(Invalid::OwnOrigin(origin.clone()));
        }
    }
    tokens(Tokens {
        resources: &client.resources,
        default_resource: &client.default_resource,
        scopes: &client.scopes,
        default_scopes: &client.default_scopes,
        ttl: client.ttl,
    })
}

/// Checks a client of the standard grants. `local`: the service itself is on this machine, so that clients on it may use http.
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
    redirects(client)?;
    keys(client, local)?;
    tokens(Tokens {
        resources: &client.resources,
        default_resource: &client.default_resource,
        scopes: &client.scopes,
        default_scopes: &client.default_scopes,
        ttl: client.ttl,
    })?;
    let refresh = client.refresh;
    if public && has(GrantType::RefreshToken) && refresh.rotation == Rotation::None {
        return Err(Invalid::PublicWithoutRotation);
    }
    if refresh.window_secs > MAX_WINDOW_SECS {
        return Err(Invalid::RefreshWindow);
    }
    if refresh.idle_secs < refresh.window_secs.max(1) {
        return Err(Invalid::RefreshIdle);
    }
    if refresh.absolute_secs < refresh.idle_secs {
        return Err(Invalid::RefreshAbsolute);
    }
    let length = client.name.chars().count();
    if length == 0 || length > MAX_NAME_CHARS || client.name.chars().any(char::is_control) {
        return Err(Invalid::Name);
    }
    Ok(())
}

fn redirects(client: &OAuthClient) -> Result<(), InvalidRegistration> {
    use InvalidRegistration as Invalid;
    let (back, bye) = (&client.redirect_uris, &client.post_logout_redirect_uris);
    match client.grants.contains(&GrantType::AuthorizationCode) {
        true if back.is_empty() => return Err(Invalid::NoRedirectUri),
        false if !(back.is_empty() && bye.is_empty()) => return Err(Invalid::RedirectUriUnused),
        _ => {}
    }
    let public = client.is_public();
    for uri in back {
        redirect_uri::check(uri, public).map_err(|why| Invalid::RedirectUri {
            uri: uri.clone(),
            why,
        })?;
    }
    for uri in bye {
        redirect_uri::check(uri, public).map_err(|why| Invalid::PostLogoutRedirectUri {
            uri: uri.clone(),
            why,
        })?;
    }
    Ok(())
}

/// What both kinds of clients may ask for.
#[derive(Clone, Copy)]
struct Tokens<'a> {
    resources: &'a [String],
    default_resource: &'a str,
    scopes: &'a Scope,
    default_scopes: &'a Scope,
    ttl: u64,
}

fn tokens(asked: Tokens<'_>) -> Result<(), InvalidRegistration> {
    use InvalidRegistration as Invalid;
    if asked.resources.is_empty() {
        return Err(Invalid::NoResource);
    }
    for resource in asked.resources {
        check_resource(resource).map_err(|why| Invalid::Resource {
            resource: resource.clone(),
            why,
        })?;
    }
    if !asked.resources.iter().any(|r| r == asked.default_resource) {
        return Err(Invalid::DefaultResource {
            default: asked.default_resource.to_owned(),
            resources: asked.resources.to_vec(),
        });
    }
    let beyond = asked
        .default_scopes
        .filtered(|token| !asked.scopes.contains(token));
    if !beyond.is_empty() {
        return Err(Invalid::DefaultScopes(beyond));
    }
    if !TTL_SECS.contains(&asked.ttl) {
        return Err(Invalid::Ttl);
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
