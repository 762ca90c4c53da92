//! `sessionmint access …`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;
use sessionmint_access::{Index, Permission, ResourcePath};
use sessionmint_store::Roles as _;

use super::store::{Missing, block_on, open};
use super::who::Who;
use super::{CliError, Common, output};

/// Nobody knows whether it is allowed.
pub(super) const UNKNOWN: u8 = 2;

#[derive(Subcommand)]
pub(super) enum Access {
    /// Whether a user or client has a permission on a resource; ends with 0 when allowed, 1 when denied, 2 on an error
    #[command(after_help = "\
Examples:
  sessionmint access check client:jobs /user-credentials/refresh-tokens/users/7 credentials:read --why --config sessionmint.toml
  sessionmint access check user:alice /notes notes:read --json --config sessionmint.toml

It asks the database, and leaves no record in the audit trail.")]
    Check(Check),
}

#[derive(Args)]
pub(super) struct Check {
    /// Who: user:NAME, client:ID, or an id (usr_…, cli_…)
    #[arg(value_name = "SUBJECT")]
    who: Who,
    /// On what, a path
    resource: ResourcePath,
    /// What, as `kind:action`
    permission: Permission,
    /// Say why
    #[arg(long)]
    why: bool,
    /// Print JSON, with the reason
    #[arg(long)]
    json: bool,
}

impl Access {
    pub(super) fn run(self, common: &Common) -> Result<ExitCode, CliError> {
        let Self::Check(check) = self;
        let (_, store) = open(common, Missing::Refuse)?;
        let decision = block_on(async {
            let subject = check.who.subject(&store).await?;
            let (_, policy) = store.policy().await?;
            Ok(Index::new(policy).authorize(&subject, &check.resource, &check.permission))
        })?;
        let (allowed, why) = (decision.allowed(), decision.why);
        let word = if allowed { "allowed" } else { "denied" };
        if check.json {
            let why =
                json!({ "code": why.code(), "text": why.to_string(), "records": why.records() });
            output::json(&json!({ "allowed": allowed, "why": why }))?;
        } else if check.why {
            output::line(&format!("{word}: {why}"))?;
        } else {
            output::line(word)?;
        }
        Ok(if allowed {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}
