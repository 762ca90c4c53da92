//! The command line. One file for each subject; results go to standard output, everything else to standard error.

mod access;
mod audit;
mod backup;
mod by;
mod client;
mod client_edit;
mod config;
mod consent;
mod dev;
mod grant;
mod group;
mod health;
mod import;
mod keys;
mod named;
mod oauth_client;
mod origin;
mod output;
mod password;
mod record;
mod role;
mod serve;
mod session;
mod store;
mod user;
mod who;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use sessionmint_iam::config::{ConfigErrors, Input, Partial};

/// Signs users in, keeps their sessions behind an HttpOnly cookie, and mints short-lived access tokens from it.
#[derive(Parser)]
#[command(name = "sessionmint", version, arg_required_else_help = true, after_help = EXAMPLES)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  A service to try a frontend against, with a user and nothing to set up:
    sessionmint serve --dev --origin http://localhost:5173

  A service for real:
    sessionmint config check --config sessionmint.toml
    sessionmint user add alice --config sessionmint.toml
    sessionmint client add web --origin https://ui.example.com --resource https://api.example.com \\
      --scope \"notes:read notes:write\" --config sessionmint.toml
    sessionmint serve --config sessionmint.toml

Every setting of the file is also a variable, e.g. SESSIONMINT_DATABASE; `sessionmint config reference` lists them. Changes
of users, clients, roles and sessions are seen by a running service at once.";

/// What all commands take.
#[derive(Args)]
struct Common {
    /// The configuration file (TOML)
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "SESSIONMINT_CONFIG",
        display_order = 900
    )]
    config: Option<PathBuf>,
    /// The database, instead of the one in the file: sqlite:PATH
    #[arg(long, global = true, value_name = "URL", display_order = 901)]
    database: Option<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the service
    Serve(serve::Serve),
    /// Ask a running service on this machine whether it is ready
    Health(health::Health),
    /// Users: add, import, change, disable, enable, new password, remove, list
    #[command(subcommand)]
    User(user::User),
    /// Clients: add, change, remove, list, show, secrets, disable, enable
    #[command(subcommand)]
    Client(Box<client::Client>),
    /// Sessions: list, end
    #[command(subcommand)]
    Session(session::Session),
    /// Roles, sets of permissions: add, change, remove, list, show
    #[command(subcommand)]
    Role(role::Role),
    /// Groups of users and clients: add, remove, members, list, show
    #[command(subcommand)]
    Group(group::Group),
    /// Records, which give somebody a role on resources: add, remove, list
    #[command(subcommand)]
    Record(record::Record),
    /// Permissions: check whether somebody has one, and why
    #[command(subcommand)]
    Access(access::Access),
    /// What users allowed clients: list, end
    #[command(subcommand)]
    Grant(grant::Grant),
    /// What users agreed to, not to be asked again: list, withdraw
    #[command(subcommand)]
    Consent(consent::Consent),
    /// Signing keys: list, rotate, change the key that encrypts them
    #[command(subcommand)]
    Keys(keys::Keys),
    /// The audit trail: list
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Copy the database while the service runs
    Backup(backup::Backup),
    /// Put a backup in the place of the database
    Restore(backup::Restore),
    /// The configuration: check, example, reference
    #[command(subcommand)]
    Config(config::Config),
}

/// Why a command failed, in words for the operator.
type CliError = Box<dyn std::error::Error + Send + Sync>;

impl Common {
    fn load(&self, listen: Option<String>) -> Result<Partial, ConfigErrors> {
        // A variable that is no Unicode cannot be one of ours.
        let environment = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Partial::load(Input {
            file: self.config.as_deref(),
            environment: environment.collect(),
            database: self.database.clone(),
            listen,
        })
    }
}

/// Parses the arguments and does what they say. Usage errors end in 2 (clap sees to it), others in 1, but for those of a
/// check, where 1 says no.
pub(super) fn run() -> ExitCode {
    let Cli { common, command } = Cli::parse();
    let result = match command {
        Command::Access(access) => {
            return access.run(&common).unwrap_or_else(|error| {
                output::error(&*error);
                access::UNKNOWN.into()
            });
        }
        Command::Role(role) => role.run(&common),
        Command::Group(group) => group.run(&common),
        Command::Record(record) => record.run(&common),
        Command::Serve(serve) => serve.run(&common),
        Command::Health(health) => health.run(&common),
        Command::User(user) => user.run(&common),
        Command::Client(client) => client.run(&common),
        Command::Session(session) => session.run(&common),
        Command::Grant(grant) => grant.run(&common),
        Command::Consent(consent) => consent.run(&common),
        Command::Keys(keys) => keys.run(&common),
        Command::Audit(audit) => audit.run(&common),
        Command::Backup(backup) => backup.run(&common),
        Command::Restore(restore) => restore.run(&common),
        Command::Config(config) => config.run(&common),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(&*error);
            ExitCode::FAILURE
        }
    }
}
