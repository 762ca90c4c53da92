//! `sessionmint client set`: what changes and what stays.

use clap::Args;
use sessionmint_oauth::session_grant::TTL_SECS;
use sessionmint_oauth::{BrowserClient, ClientId, Scope};

use super::CliError;
use super::origin::{parse_origin, parse_resource};

#[derive(Args)]
pub(super) struct Set {
    /// The client's id
    pub(super) id: ClientId,
    #[command(flatten)]
    changes: Changes,
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
    /// All scopes that it may ask for, instead of those before
    #[arg(long)]
    scope: Option<Scope>,
    /// The scopes when it names none, instead of those before
    #[arg(long, value_name = "SCOPE")]
    default_scope: Option<Scope>,
}

impl Set {
    /// The client with the changes made.
    pub(super) fn apply(self, mut client: BrowserClient) -> Result<BrowserClient, CliError> {
        let changes = self.changes;
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

fn edit(
    what: &str,
    list: &mut Vec<String>,
    add: Vec<String>,
    remove: &[String],
) -> Result<(), CliError> {
    for value in remove {
        let before = list.len();
        list.retain(|have| have != value);
        if list.len() == before {
            return Err(format!(
                "the client has no {what} {value}; it has {}",
                list.join(", ")
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
