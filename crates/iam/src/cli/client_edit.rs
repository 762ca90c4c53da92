//! `sessionmint client set`: what changes and what stays.

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use sessionmint_oauth::session_grant::TTL_SECS;
use sessionmint_oauth::{
    BrowserClient, ClientAuthentication, ClientId, ClientKeys, GrantType, OAuthClient, Rotation,
    Scope,
};

use super::CliError;
use super::oauth_client::{parse_grant, read_jwks};
use super::origin::{parse_origin, parse_resource};

#[derive(Args)]
pub(super) struct Set {
    /// The client's id
    pub(super) id: ClientId,
    #[command(flatten)]
    changes: Changes,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args)]
#[group(required = true, multiple = true)]
struct Changes {
    /// Lifetime of its access tokens, 5 to 300
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(TTL_SECS))]
    ttl: Option<u64>,
    /// One more origin of its pages; repeat for more
    #[arg(long = "add-origin", value_name = "ORIGIN", value_parser = parse_origin)]
    add_origins: Vec<String>,
    /// An origin less; repeat for more
    #[arg(long = "remove-origin", value_name = "ORIGIN")]
    remove_origins: Vec<String>,
    /// One more audience that it may ask for; repeat for more
    #[arg(long = "add-resource", value_name = "URL", value_parser = parse_resource)]
    add_resources: Vec<String>,
    /// An audience less; repeat for more
    #[arg(long = "remove-resource", value_name = "URL")]
    remove_resources: Vec<String>,
    /// The audience when it names none
    #[arg(long, value_name = "URL", value_parser = parse_resource)]
    default_resource: Option<String>,
    /// One more grant that it may use; repeat for more
    #[arg(long = "add-grant", value_name = "GRANT", value_parser = parse_grant)]
    add_grants: Vec<GrantType>,
    /// A grant less; repeat for more
    #[arg(long = "remove-grant", value_name = "GRANT", value_parser = parse_grant)]
    remove_grants: Vec<GrantType>,
    /// One more address that users may be sent back to; repeat for more
    #[arg(long = "add-redirect-uri", value_name = "URI")]
    add_redirect_uris: Vec<String>,
    /// A redirect URI less; repeat for more
    #[arg(long = "remove-redirect-uri", value_name = "URI")]
    remove_redirect_uris: Vec<String>,
    /// One more address that users may be sent to after a sign-out; repeat for more
    #[arg(long = "add-post-logout-redirect-uri", value_name = "URI")]
    add_post_logout_redirect_uris: Vec<String>,
    /// A post-logout redirect URI less; repeat for more
    #[arg(long = "remove-post-logout-redirect-uri", value_name = "URI")]
    remove_post_logout_redirect_uris: Vec<String>,
    /// What people read on the consent page
    #[arg(long)]
    name: Option<String>,
    /// How it proves who it is; without secrets from then on, it loses those it has
    #[arg(long = "auth", value_name = "WAY")]
    authentication: Option<ClientAuthentication>,
    /// Its public keys instead of those before, a file with a JWK set
    #[arg(long, value_name = "FILE", conflicts_with = "jwks_uri")]
    jwks_file: Option<PathBuf>,
    /// The address of its public keys, instead of those before
    #[arg(long, value_name = "URL")]
    jwks_uri: Option<String>,
    /// Whether a use replaces a refresh token: rotate, rotate_near_expiry, none
    #[arg(long = "refresh-rotation", value_name = "WHEN")]
    rotation: Option<Rotation>,
    /// How long a replaced refresh token is answered with the same successor, 0 to 60
    #[arg(long, value_name = "SECONDS")]
    refresh_window: Option<u64>,
    /// After how long without use refresh tokens are over
    #[arg(long, value_name = "SECONDS")]
    refresh_idle: Option<u64>,
    /// How long after the sign-in refresh tokens are over in any case
    #[arg(long, value_name = "SECONDS")]
    refresh_absolute: Option<u64>,
    /// Whether users are not asked for their consent
    #[arg(long, value_name = "BOOL")]
    trusted: Option<bool>,
    /// All scopes that it may ask for, instead of those before
    #[arg(long)]
    scope: Option<Scope>,
    /// The scopes when it names none, instead of those before
    #[arg(long, value_name = "SCOPE")]
    default_scope: Option<Scope>,
}

/// Whether an option that only the other kind of clients has was given.
fn foreign(id: &ClientId, kind: &str, given: &[(&str, bool)]) -> Result<(), CliError> {
    match given.iter().find(|(_, given)| *given) {
        Some((option, _)) => Err(format!("client `{id}` is {kind}, which has no {option}").into()),
        None => Ok(()),
    }
}

impl Set {
    /// The client of the standard grants with the changes made.
    pub(super) fn apply_to_oauth(self, mut client: OAuthClient) -> Result<OAuthClient, CliError> {
        let changes = self.changes;
        let origins = !(changes.add_origins.is_empty() && changes.remove_origins.is_empty());
        let kind = "a client of the standard grants";
        foreign(
            &self.id,
            kind,
            &[("--add-origin or --remove-origin", origins)],
        )?;
        edit(
            "grant",
            &mut client.grants,
            changes.add_grants,
            &changes.remove_grants,
        )?;
        edit(
            "redirect URI",
            &mut client.redirect_uris,
            changes.add_redirect_uris,
            &changes.remove_redirect_uris,
        )?;
        edit(
            "post-logout redirect URI",
            &mut client.post_logout_redirect_uris,
            changes.add_post_logout_redirect_uris,
            &changes.remove_post_logout_redirect_uris,
        )?;
        edit(
            "resource",
            &mut client.resources,
            changes.add_resources,
            &changes.remove_resources,
        )?;
        client.ttl = changes.ttl.unwrap_or(client.ttl);
        client.default_resource = changes.default_resource.unwrap_or(client.default_resource);
        client.scopes = changes.scope.unwrap_or(client.scopes);
        client.default_scopes = changes.default_scope.unwrap_or(client.default_scopes);
        client.name = changes.name.unwrap_or(client.name);
        client.authentication = changes.authentication.unwrap_or(client.authentication);
        client.trusted = changes.trusted.unwrap_or(client.trusted);
        let refresh = &mut client.refresh;
        refresh.rotation = changes.rotation.unwrap_or(refresh.rotation);
        refresh.window_secs = changes.refresh_window.unwrap_or(refresh.window_secs);
        refresh.idle_secs = changes.refresh_idle.unwrap_or(refresh.idle_secs);
        refresh.absolute_secs = changes.refresh_absolute.unwrap_or(refresh.absolute_secs);
        client.keys = match (changes.jwks_file, changes.jwks_uri) {
            (Some(file), _) => Some(ClientKeys::Jwks(read_jwks(&file)?.to_string())),
            (None, Some(uri)) => Some(ClientKeys::JwksUri(uri)),
            // Another way needs no keys.
            (None, None) if client.authentication != ClientAuthentication::PrivateKeyJwt => None,
            (None, None) => client.keys,
        };
        Ok(client)
    }

    /// The browser app with the changes made.
    pub(super) fn apply(self, mut client: BrowserClient) -> Result<BrowserClient, CliError> {
        let changes = self.changes;
        foreign(
            &self.id,
            "a browser app",
            &[
                ("--add-grant", !changes.add_grants.is_empty()),
                ("--remove-grant", !changes.remove_grants.is_empty()),
                ("--add-redirect-uri", !changes.add_redirect_uris.is_empty()),
                (
                    "--remove-redirect-uri",
                    !changes.remove_redirect_uris.is_empty(),
                ),
                (
                    "post-logout redirect URI",
                    !(changes.add_post_logout_redirect_uris.is_empty()
                        && changes.remove_post_logout_redirect_uris.is_empty()),
                ),
                ("--name", changes.name.is_some()),
                ("--auth", changes.authentication.is_some()),
                ("--jwks-file", changes.jwks_file.is_some()),
                ("--jwks-uri", changes.jwks_uri.is_some()),
                (
                    "refresh tokens",
                    changes.rotation.is_some()
                        || changes
                            .refresh_window
                            .or(changes.refresh_idle)
                            .or(changes.refresh_absolute)
                            .is_some(),
                ),
                ("--trusted", changes.trusted.is_some()),
            ],
        )?;
        edit(
            "origin",
            &mut client.origins,
            changes.add_origins,
            &changes.remove_origins,
        )?;
        edit(
            "resource",
            &mut client.resources,
            changes.add_resources,
            &changes.remove_resources,
        )?;
        client.ttl = changes.ttl.unwrap_or(client.ttl);
        client.default_resource = changes.default_resource.unwrap_or(client.default_resource);
        client.scopes = changes.scope.unwrap_or(client.scopes);
        client.default_scopes = changes.default_scope.unwrap_or(client.default_scopes);
        Ok(client)
    }
}

fn edit<T: PartialEq + fmt::Display>(
    what: &str,
    list: &mut Vec<T>,
    add: Vec<T>,
    remove: &[T],
) -> Result<(), CliError> {
    for value in remove {
        let before = list.len();
        list.retain(|have| have != value);
        if list.len() == before {
            return Err(format!(
                "the client has no {what} {value}; it has {}",
                list.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
            )
            .into());
        }
    }
    for value in add {
        if !list.contains(&value) {
            list.push(value);
        }
    }
    Ok(())
}
