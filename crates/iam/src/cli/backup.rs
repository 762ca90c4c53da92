//! `sessionmint backup` and `sessionmint restore`.

use std::path::{Path, PathBuf};

use clap::Args;
use sessionmint_store::sqlite::{self, Contents, RestoreOptions};

use super::by::by;
use super::output::counted;
use super::{CliError, Common, output};

#[derive(Args)]
#[command(after_help = "\
Example:
  sessionmint backup /var/backups/sessionmint-monday.db --config sessionmint.toml

The service goes on meanwhile. The file (mode 0600) is checked and flushed to disk before it gets its name. It holds what
the database holds, password hashes and signing keys among it: keep it as safe.")]
pub(super) struct Backup {
    /// The file to write
    file: PathBuf,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
}

#[derive(Args)]
#[command(after_help = "\
Example:
  systemctl stop sessionmint
  sessionmint restore /var/backups/sessionmint-monday.db --force --config sessionmint.toml
  systemctl start sessionmint

Run it as the user of the service. Everything is as it was when the backup was made: passwords that were changed since
are the old ones again, users that were disabled or removed since are back, and so are clients, scopes and signing keys
(which need the encryption key of then). If you changed any of that for a reason, do it again before you start the
service.

All sessions are dropped, so that none comes back to life that was ended since the backup: everybody signs in again. With
--keep-sessions those of the backup live on, also those that were ended since by a sign-out, a changed password or an
operator, until their idle or absolute end.

The audit trail is that of the backup and goes on with a record of the restore. What was recorded since the backup is in the
replaced database.")]
pub(super) struct Restore {
    /// The backup; it is only read
    file: PathBuf,
    /// Replace the database if there is one; it is kept beside it under a name that is printed
    #[arg(long)]
    force: bool,
    /// Let the sessions of the backup live on, also those that were ended since
    #[arg(long)]
    keep_sessions: bool,
}

impl Backup {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        let database = common.load(None)?.database()?.path().to_owned();
        require(&database, "database")?;
        let contents = sqlite::backup(&database, &self.file, self.force)?;
        output::line(&format!(
            "wrote {}: {}",
            self.file.display(),
            told(&contents)
        ))
    }
}

impl Restore {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        let database = common.load(None)?.database()?.path().to_owned();
        require(&self.file, "backup")?;
        let options = RestoreOptions {
            replace: self.force,
            keep_sessions: self.keep_sessions,
        };
        let restored = sqlite::restore(&self.file, &database, options, &by())?;
        output::line(&format!(
            "restored {}: {}",
            database.display(),
            told(&restored.contents)
        ))?;
        if let Some(kept_as) = restored.kept_as {
            output::line(&format!(
                "the replaced database is kept as {}",
                kept_as.display()
            ))?;
            output::note(&format!(
                "the audit trail is that of the backup; what was recorded since: sessionmint audit list --database sqlite:{}",
                kept_as.display()
            ));
        }
        if self.keep_sessions {
            output::note("sessions that were ended since the backup are alive again");
        } else {
            output::note(&format!(
                "{} dropped, everybody signs in again",
                counted(restored.dropped_sessions, "session")
            ));
        }
        output::note(
            "passwords, disabled and removed users, clients and signing keys are those of the backup",
        );
        Ok(())
    }
}

fn require(file: &Path, what: &str) -> Result<(), CliError> {
    if file.exists() {
        return Ok(());
    }
    Err(format!("there is no {what} at {}", file.display()).into())
}

fn told(contents: &Contents) -> String {
    format!(
        "{} KiB, {}, {}, {}, {}",
        contents.bytes.div_ceil(1024),
        counted(contents.users, "user"),
        counted(contents.sessions, "session"),
        counted(contents.clients, "client"),
        counted(contents.signing_keys, "signing key"),
    )
}
